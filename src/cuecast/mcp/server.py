"""The server: the table of its tools, and the two ways to reach it."""

from __future__ import annotations

from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from cuecast.core.version import __version__
from cuecast.mcp.cue_tools import CueTools
from cuecast.mcp.desk import Desk
from cuecast.mcp.result_tools import ResultTools
from cuecast.mcp.roots import Roots
from cuecast.mcp.tool import Entry, as_tool

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
Paths are absolute or start at the first root; `list_packs` names the roots. Pixels are (x, y) from the top left."""


TOOLS = (
    Entry("list_packs", "List packs and roots", reads=True, again=True),
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
)


def build_server(roots: Roots, pack: str = "general") -> MCPServer[Any]:
    """A server whose tools use files below `roots`, and `pack` where they name none. Raises PackError."""
    desk = Desk(roots, pack)
    desk.find(None)
    cues, results = CueTools(desk), ResultTools(desk)
    turn = anyio.CapacityLimiter(1)
    tools = [
        as_tool(entry, getattr(cues if hasattr(cues, entry.name) else results, entry.name), turn)
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
