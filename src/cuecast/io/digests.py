"""SHA-256 of large files, remembered: a file that has not changed since is not read again.

A file is held to be the same where its size, its number on the disk and its times are: that of its content, and that
of any change to it, which no program can set back. A file that was written a moment before it was read is not
remembered, because a change right after might leave its times as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from cuecast.core.errors import OutputError
from cuecast.io.files import file_digest, write_text

SETTLED = 5.0
"""Seconds that a file must have been as it is before it is remembered: more than the steps of any file system's clock,
FAT's of 2 s among them."""


def remembered_digest(path: Path, memory: Path) -> str:
    """SHA-256 of a file; from `memory`, a folder, where it is there for the file as it is, else read and noted there.

    What cannot be noted is read each time. Raises OSError.
    """
    place = memory / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.json"
    before = _state(path)
    with suppress(OSError, ValueError, TypeError, KeyError):
        noted = json.loads(place.read_text(encoding="utf-8"))
        if noted["state"] == before and isinstance(noted["sha256"], str):
            return str(noted["sha256"])
    digest = file_digest(path)
    if _state(path) == before and time.time() - max(before[2:]) / 1e9 > SETTLED:
        with suppress(OSError, OutputError):
            write_text(place, json.dumps({"file": str(path), "state": before, "sha256": digest}) + "\n")
    return digest


def _state(path: Path) -> list[int]:
    """What changes where a file does: size, number, and the times of its content and of any change, in ns."""
    told = path.stat()
    return [told.st_size, told.st_ino, told.st_mtime_ns, told.st_ctime_ns]
