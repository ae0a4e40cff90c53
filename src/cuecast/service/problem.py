"""The one shape of errors: {"error": {"code": "snake_case", "message": "what, where, remedy", "details": ...}}.

    raise Problem("no_cues", 409, "project 'cells' has no cue yet: mark the thing on an image first")

Errors of the library find their status in `STATUS`; anything else is a bug: 500, with a reference to the log. Processes
that do jobs load this without the web framework; `replies` sends it.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from cuecast.core import errors
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
