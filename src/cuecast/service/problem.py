"""The one shape of errors: {"error": {"code": "snake_case", "message": "what, where, remedy", "details": ...}}.

    raise Problem("no_cues", 409, "project 'cells' has no cue yet: mark the thing on an image first")

Errors of the library find their status in `STATUS`; anything else is a bug: 500, with a reference to the log.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from cuecast import errors
from cuecast.errors import CuecastError

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

_NO_ROOM = ("is full", "disk i/o error", "no space left")
"""What SQLite and PostgreSQL say where asking again does not help."""
_REMEDIES = {404: "check the address", 405: "see /openapi.json for what can be done here"}


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


def problem_of(error: Exception) -> Problem:
    """What is answered for an error. Errors that are bugs are logged, and answered with a reference to the log."""
    if isinstance(error, Problem):
        return error
    for kind, status, code in STATUS:
        if isinstance(error, kind):
            return Problem(code, status, str(error))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        code = "too_large" if error.status_code == 413 else HTTPStatus(error.status_code).name.lower()
        said = str(error.detail).rstrip(".")
        remedy = _REMEDIES.get(error.status_code)
        return Problem(
            code, error.status_code, f"{said}: {remedy}" if remedy else said, headers=error.headers
        )
    if isinstance(error, OperationalError):
        if any(text in str(error.orig).lower() for text in _NO_ROOM):
            log.error("the database cannot be written: %s", error.orig)
            said = "the disk of the server is full or broken: what was sent is not saved; free space there"
            return Problem("cannot_write", 507, said)
        log.warning("the database is busy or away: %s", error.orig)
        said = "the database is busy; ask again in a moment"
        return Problem("database_busy", 503, said, headers={"Retry-After": "2"})
    reference = secrets.token_hex(4)
    log.error("error %s", reference, exc_info=error)
    said = f"an error of the service, not of the request; the log of the server says more (reference {reference})"
    return Problem("internal_error", 500, said)


def reply(error: Exception) -> JSONResponse:
    """The response for an error."""
    problem = problem_of(error)
    content = {"error": {"code": problem.code, "message": str(problem), "details": problem.details}}
    return JSONResponse(content, problem.status, headers=problem.headers)


def install(app: FastAPI) -> None:
    """Answer all errors of the app in the one shape. What is none of these is left to `security.Failures`."""

    def handle(_: Request, error: Exception) -> JSONResponse:
        return reply(error)

    for kind in (CuecastError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _invalid(error: RequestValidationError) -> Problem:
    """422 that names the fields. The values sent are not repeated: they may be large, or secret."""
    found = [
        {"where": ".".join(str(part) for part in e["loc"]), "message": e["msg"]} for e in error.errors()[:20]
    ]
    first = found[0] if found else {"where": "request", "message": "cannot be read"}
    said = f"{first['where']}: {first['message']}; correct it, /openapi.json has an example of each request"
    return Problem("invalid_request", 422, said, found)
