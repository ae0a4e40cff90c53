"""Names of images: safe as file names, unique in a project by stem, and sorted as people count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

LONGEST_STEM = 120
"""Characters of a stem; results add a suffix to it, and file systems end at 255 bytes."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


def plain_name(name: str, suffix: str) -> str:
    """The last part of a name that was sent, as every file system takes it. `suffix` is given to one without any."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    last = last.encode("utf-8", errors="replace").decode()
    path = PurePosixPath(_FORBIDDEN.sub("_", last).strip(". ") or "image")
    end = path.suffix if 1 < len(path.suffix) <= 10 else ""
    stem = path.name.removesuffix(end).strip(". ")[:LONGEST_STEM]
    while len(stem.encode()) > 200:
        stem = stem[:-1]
    return f"{stem or 'image'}{end or suffix}"


def stem_key(stem: str) -> str:
    """Equal for stems that some file systems take for the same."""
    return unicodedata.normalize("NFC", stem.casefold())


def free_name(name: str, taken: Collection[str]) -> tuple[str, str]:
    """(name, stem) with -2, -3, ... where the key of the stem is among `taken`: a.jpg, a-2.jpg."""
    path = PurePosixPath(name)
    stem, number = path.stem, 1
    while stem_key(stem) in taken:
        number += 1
        stem = f"{path.stem}-{number}"
    return f"{stem}{path.suffix}", stem


def order_key(name: str) -> str:
    """Sorts in natural order, byte by byte: img9 before img10. Numbers are preceded by their length."""

    def number(found: re.Match[str]) -> str:
        digits = found[0].lstrip("0") or "0"
        return f"{len(digits):03d}{digits}"

    return re.sub(r"[0-9]+", number, name.casefold())
