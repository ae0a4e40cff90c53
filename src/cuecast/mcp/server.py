"""The server: the table of its tools, and the two ways to reach it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from cuecast.core.arguments import place, sentence, spread
from cuecast.core.errors import CuecastError
from cuecast.core.notes import notes_to
from cuecast.core.version import __version__
from cuecast.mcp.cue_tools import CueTools
from cuecast.mcp.desk import Desk, Roots
from cuecast.mcp.pack_tools import PackTools
from cuecast.mcp.refine_tools import RefineTools
from cuecast.mcp.result_tools import ResultTools
from cuecast.mcp.schemas import Noted


@dataclass(frozen=True)
class Entry:
    """One tool: its name, the title people see, its hints, and whether it computes.

    reads    it changes nothing.
    replaces it may replace what an earlier call has written.
    again    calling it again with the same arguments changes nothing more.
    heavy    it waits for its turn: one such tool runs at a time.
    """

    name: str
    title: str
    reads: bool = False
    replaces: bool = False
    again: bool = False
    heavy: bool = False


class OwnTool(Tool):
    """A tool that says what is wrong in our words: no trace of the library that found it, and no value sent back."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:
        """Call the tool. Raises ToolError with our words for what is wrong."""
        if where := next(_unreadable(arguments), None):
            raise ToolError(
                f"{self.name}: {where}: the text holds half of a character, or a NUL; write it anew"
            )
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(self._refusal(cause)) from cause
            if isinstance(cause, (ToolError, CuecastError)):
                raise ToolError(str(cause)) from cause
            raise

    def _refusal(self, error: ValidationError) -> str:
        found = error.errors(include_url=False, include_input=False)
        said = f"{self.name}: {sentence(found)}"
        known = ", ".join(self.parameters["properties"]) or "none"
        return f"{said}. Arguments of {self.name}: {known}; docs/mcp.md describes each"


def as_tool(entry: Entry, method: Callable[..., Any], turn: anyio.CapacityLimiter) -> Tool:
    """The method as a tool that refuses arguments it does not have. Its docstring is the description."""

    flat = spread(method)

    @functools.wraps(flat)
    async def call(**arguments: Any) -> Any:
        work = functools.partial(flat, **arguments)
        notes: list[str] = []
        try:
            with notes_to(notes.append):
                done = await anyio.to_thread.run_sync(work, limiter=turn if entry.heavy else None)
        except CuecastError as error:
            raise ToolError(str(error)) from error
        except OSError as error:
            said = f"{error.filename or 'a file'}: {error.strerror or error}"
            raise ToolError(f"{said}; free space, or give the server permission") from error
        return done.model_copy(update={"notes": notes}) if isinstance(done, Noted) else done

    hints = ToolAnnotations(
        read_only_hint=entry.reads,
        destructive_hint=entry.replaces,
        idempotent_hint=entry.again,
        open_world_hint=False,
    )
    tool = OwnTool.from_function(
        call, title=entry.title, description=inspect.getdoc(method), annotations=hints
    )
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_config["allow_inf_nan"] = False
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def _unreadable(value: Any, loc: tuple[Any, ...] = ()) -> Iterator[str]:
    """Where in arguments a text stands that cannot be written to a file."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            yield place(loc)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if next(_unreadable(str(key)), None) is not None:
                yield place((*loc, "a name"))
            yield from _unreadable(inner, (*loc, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unreadable(inner, (*loc, number))


LOOPBACK = ("127.0.0.1", "localhost", "::1")
SESSIONS = 20
"""Clients over HTTP at a time, at most."""
INSTRUCTIONS = """\
cuecast finds on many images what is marked on a few. The usual way:
1. `new_cueset`: an image or two with a mask, boxes, points or polygons on the thing; also an image without it.
2. `preview` one or two other images, with picture=true to look at the mask. Where it is wrong, `add_cues` on it.
3. `segment` the folder into an output folder; call again with the same arguments until `finished` is true.
4. Look at the doubtful ones (`list_results`, `show_result`), mark them right with `add_cues`, `segment` again.
   `check_cues` names cues that hurt, `suggest_images` the images that are worth marking next.
5. `measure` the objects, `export` to COCO, YOLO, LabelMe or CSV.
A pack may bring concepts (`list_packs` names them): one of them and its pack stand in place of a cue set.
With a dozen marked images or more of one kind, `refine` makes a pack for them; `keep_refined` installs it.
Paths are absolute or start at the first root; `list_packs` names the roots. Pixels are (x, y) from the top left."""
TOOLS = (
    Entry("list_packs", "List packs and roots", reads=True, again=True),
    Entry("show_pack", "Show a pack's card", reads=True, again=True),
    Entry("new_cueset", "Make a cue set"),
    Entry("add_cues", "Add cues"),
    Entry("undo_cues", "Take back a change of cues"),
    Entry("show_cueset", "Show a cue set", reads=True, again=True),
    Entry("check_cues", "Check cues", reads=True, again=True, heavy=True),
    Entry("suggest_images", "Suggest images to mark", reads=True, again=True, heavy=True),
    Entry("preview", "Preview one image", reads=True, again=True, heavy=True),
    Entry("segment", "Segment images", replaces=True, again=True, heavy=True),
    Entry("list_results", "List results", reads=True, again=True),
    Entry("show_result", "Show one result", reads=True, again=True),
    Entry("measure", "Measure objects", reads=True, again=True),
    Entry("export", "Export results", replaces=True, again=True, heavy=True),
    Entry("refine", "Refine a pack", again=True, heavy=True),
    Entry("keep_refined", "Install a refined pack", replaces=True),
    Entry("drop_refined", "Remove a refined pack", replaces=True),
    Entry("import_pack", "Import a pack", replaces=True, again=True),
    Entry("export_pack", "Export a pack", replaces=True, again=True),
)


def build_server(roots: Roots, pack: str = "general", *, installs: bool = False) -> MCPServer[Any]:
    """A server whose tools use files below `roots`, and `pack` where they name none; `installs`: they may install
    packs and give them out. Raises PackError."""
    desk = Desk(roots, pack, installs)
    desk.find(None)
    kinds = (PackTools(desk), CueTools(desk), ResultTools(desk), RefineTools(desk))
    turn = anyio.CapacityLimiter(1)
    tools = [
        as_tool(entry, next(getattr(kind, entry.name) for kind in kinds if hasattr(kind, entry.name)), turn)
        for entry in TOOLS
    ]
    return MCPServer(
        "cuecast",
        title="cuecast",
        instructions=INSTRUCTIONS,
        version=__version__,
        tools=tools,
        log_level="WARNING",
    )


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve the client at standard input and output until it hangs up; whatever else prints goes to stderr."""
    server.run("stdio")


def serve_http(server: MCPServer[Any], host: str, port: int) -> None:
    """Serve http://HOST:PORT/mcp until interrupted. `host` is one of `LOOPBACK`.

    Requests must name this very address in Host and, where a page in a browser sends them, in Origin: a page of
    another site that has its name point here is refused.
    """
    places = [f"{'[::1]' if name == '::1' else name}:{port}" for name in LOOPBACK]
    server.run(
        "streamable-http",
        host=host,
        port=port,
        max_sessions=SESSIONS,
        transport_security=TransportSecuritySettings(
            allowed_hosts=places, allowed_origins=[f"http://{place}" for place in places]
        ),
    )
