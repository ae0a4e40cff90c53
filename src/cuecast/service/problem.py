"""The one shape of errors: {"error": {"code": "snake_case", "message": "what, where, remedy", "details": ...}}.

    raise Problem("no_cues", 409, "project 'cells' has no cue yet: mark the thing on an image first")

Errors of the library find their status in `STATUS`; anything else is a bug: 500, with a reference to the log.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuecast.core import errors
from cuecast.core.arguments import phrase
from cuecast.core.errors import CuecastError
from cuecast.io.files import NO_SPACE

log = logging.getLogger("cuecast.service")

STATUS: tuple[tuple[type[CuecastError], int, str], ...] = (
    (errors.ImageError, 422, "image_unreadable"),
    (errors.MaskError, 422, "mask_invalid"),
    (errors.CueError, 422, "marks_invalid"),
    (errors.InputError, 422, "input_invalid"),
    (errors.CueSetError, 422, "cueset_invalid"),
    (errors.PackError, 500, "pack_unusable"),
    (errors.OutputError, 507, "cannot_write"),
    (errors.MissingExtraError, 501, "extra_missing"),
)
"""Error of the library -> status and code; the first that fits counts."""

_FULL = "the disk of the server is full or broken"
_FOLDERS = re.compile(r"(?<![\w.~/:-])/(?:[^/\s:;,'\"]+/)+")
"""The folders of an absolute path."""
_NO_ROOM = ("is full", "disk i/o error", "no space left")
"""What SQLite and PostgreSQL say where asking again does not help."""
_CODES = {408: "too_slow", 413: "too_large", 416: "range_not_satisfiable"}
_REMEDIES = {
    400: "correct it, and ask again",
    404: "check the address",
    405: "see /openapi.json for what can be done here",
    416: "ask for bytes that the file has; Content-Range says how many",
}
_OF_THE_BODY = frozenset({"content-type", "content-length"})


class Problem(CuecastError):  # noqa: N818  the word of this module
    """A request that is refused. `code` is for programs, `message` for people: what, where, remedy."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.status, self.details, self.headers = code, status, details, dict(headers or {})


def not_found(kind: str, name: str) -> Problem:
    """404 for a project, image or job that is not there (or belongs to another project)."""
    return Problem("not_found", 404, f"{kind} {name[:64]!r} is not there; it may have been deleted")


def busy(code: str, message: str, seconds: int) -> Problem:
    """429 with Retry-After."""
    return Problem(code, 429, message, headers={"Retry-After": str(seconds)})


def problem_of(error: Exception, data: Path) -> Problem:
    """What is answered for an error; where the server keeps things is left out, and `data` is its data folder.

    Errors that are bugs are logged, and answered with a reference to the log.
    """
    if isinstance(error, Problem):
        return error
    for kind, status, code in STATUS:
        if isinstance(error, kind):
            return Problem(code, status, without_folders(str(error), data, all_of_them=status >= 500))
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        log.error("the disk is full: %s", error)
        return Problem("cannot_write", 507, f"{_FULL}: what was sent is not saved; free space there")
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code) or HTTPStatus(error.status_code).name.lower()
        said = str(error.detail).rstrip(".")
        remedy = _REMEDIES.get(error.status_code)
        return Problem(
            code, error.status_code, f"{said}: {remedy}" if remedy else said, headers=error.headers
        )
    if isinstance(error, OperationalError):
        if any(text in str(error.orig).lower() for text in _NO_ROOM):
            log.error("the database cannot be written: %s", error.orig)
            return Problem("cannot_write", 507, f"{_FULL}: what was sent is not saved; free space there")
        log.warning("the database is busy or away: %s", error.orig)
        said = "the database is busy; ask again in a moment"
        return Problem("database_busy", 503, said, headers={"Retry-After": "2"})
    reference = secrets.token_hex(4)
    log.error("error %s", reference, exc_info=error)
    said = f"an error of the service, not of the request; the log of the server says more (reference {reference})"
    return Problem("internal_error", 500, said)


def without_folders(message: str, data: Path, *, all_of_them: bool = False) -> str:
    """A message that says nothing of where the data folder lies, or with `all_of_them` any file of the server."""
    for folder in (str(data), tempfile.gettempdir()):
        message = message.replace(f"{folder}{os.sep}", "")
    return _FOLDERS.sub("", message) if all_of_them else message


def reply(error: Exception, data: Path) -> JSONResponse:
    """The response for an error, as `problem_of`."""
    problem = problem_of(error, data)
    content = {"error": {"code": problem.code, "message": str(problem), "details": problem.details}}
    return JSONResponse(content, problem.status, headers=problem.headers)


class OneShape:
    """ASGI: what the framework itself refuses in plain text (a bad Range of a file), in the one shape."""

    def __init__(self, app: ASGIApp, data: Path) -> None:
        self._app, self._data = app, data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: Message | None = None
        said = bytearray()

        async def sending(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_plain(message):
                held = message
                return
            if held is None:
                await send(message)
                return
            said.extend(message.get("body", b""))
            if not message.get("more_body", False):
                error = _of_plain(held, said.decode("utf-8", "replace"))
                await reply(error, self._data)(scope, receive, send)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def _is_plain(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= 400 and not kind.startswith("application/json")


def _of_plain(start: Message, text: str) -> HTTPException:
    """The error that a plain answer is; headers that say something of the error stay."""
    kept = {k: v for k, v in Headers(raw=start["headers"]).items() if k not in _OF_THE_BODY}
    return HTTPException(start["status"], text or HTTPStatus(start["status"]).phrase, kept)


def install(app: FastAPI) -> None:
    """Answer all errors of the app in the one shape. What is none of these is left to `security.Failures`."""

    def handle(_: Request, error: Exception) -> JSONResponse:
        return reply(error, app.state.settings.data)

    for kind in (CuecastError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _invalid(error: RequestValidationError) -> Problem:
    """422 that names the fields. The values sent are not repeated: they may be large, or secret."""
    found = [
        {"where": ".".join(str(part) for part in e["loc"]), "message": phrase(e)} for e in error.errors()[:20]
    ]
    first = found[0] if found else {"where": "request", "message": "cannot be read"}
    said = f"{first['where']}: {first['message']}; correct it, /openapi.json has an example of each request"
    return Problem("invalid_request", 422, said, found)
