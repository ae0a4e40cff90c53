"""A method as a tool: run off the event loop, its arguments checked, and every refusal a sentence of the library."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from cuecast.core.arguments import place, sentence
from cuecast.core.errors import CuecastError
from cuecast.core.notes import notes_to
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

    @functools.wraps(method)
    async def call(**arguments: Any) -> Any:
        work = functools.partial(method, **arguments)
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
