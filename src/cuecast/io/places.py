"""Paths that come from outside: whether a text can be one, and whether results may be written where it leads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cuecast.core.errors import InputError, OutputError
from cuecast.io.files import RESULT_PICTURES

NAME_BYTES = 255
"""Length of a name in the file systems of today, in bytes; a longer part of a path names nothing."""
PATH_BYTES = 4095
CUESET = "cues.json"
"""The file by which the folder of a cue set is known."""


def check_path_text(text: str) -> None:
    """Raise InputError for a text that no file can be called, before anything is looked up by it."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        wrong = "it holds half of a character"
    else:
        longest = max(len(part) for part in encoded.split(b"/"))
        if not text:
            wrong = "it is empty"
        elif "\0" in text:
            wrong = "it holds a NUL character"
        elif longest > NAME_BYTES or len(encoded) > PATH_BYTES:
            wrong = f"a name in it may have {NAME_BYTES} bytes, and all of it {PATH_BYTES}"
        else:
            return
    shown = ascii(text[:60]) if len(text) <= 60 else f"{text[:60]!a}..."
    raise InputError(f"{shown}: this is no path ({wrong}); give the path of a file or folder")


def check_places(inputs: Iterable[Path], out: Path, *, beside: bool = True) -> None:
    """Refuse an output folder that holds what was given: results would lie among the inputs, or be written over them.

    beside  whether an input may lie in `out` itself, as one video or volume does that is the only one of its call.

    Raises OutputError where `out` is one of the inputs, where an input lies in a folder of results of `out`, or where
    `out` is a cue set.
    """
    top = os.path.realpath(out)
    written = {os.path.join(top, folder) for folder in (*RESULT_PICTURES, "yolo", "labelme")}
    for path in inputs:
        place, folder = os.path.realpath(path), os.path.realpath(path.parent)
        if folder in written:
            raise OutputError(
                f"{path}: this input lies where results of {out} are written; choose another output folder"
            )
        if place == top and path.is_file():
            raise OutputError(f"{out}: this is one of the inputs, not a folder; choose another output folder")
        if place == top or (folder == top and not beside):
            raise OutputError(
                f"{out}: this is the folder of the inputs, and results would lie among them; choose another output "
                f"folder, such as {out / 'results'}"
            )
    if (out / CUESET).is_file():
        raise OutputError(f"{out}: this is a cue set, whose masks are marks; choose another output folder")
