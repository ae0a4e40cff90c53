"""Deflated strips and tiles of a TIFF that unpack to far more than they state: a few kilobytes can be gigabytes.

imagecodecs stops where a strip should end. Without it tifffile unpacks the whole of it, into memory.
"""

from __future__ import annotations

import math
import zlib
from importlib.util import find_spec
from typing import IO, Any

COMPRESSIONS = (8, 32946)
"""The two numbers of deflate."""
MORE = 64 << 20
"""Bytes that a strip may unpack to beyond what it states."""
MOST = 1032
"""Bytes that one byte of deflate can stand for at most."""
PIECE = 1 << 20


def check_deflated(page: Any, stream: IO[bytes]) -> None:
    """Raise ValueError where a strip or tile of a page of tifffile unpacks to more than it states and `MORE`.

    Those that are too short for it are not looked at, nor any where imagecodecs decodes them.
    """
    key = page.keyframe
    if int(key.compression) not in COMPRESSIONS or find_spec("imagecodecs") is not None:
        return
    most = math.prod(key.chunks) * int(key.dtype.itemsize) + MORE
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count * MOST > most:
            stream.seek(offset)
            _check_strip(stream.read(count), most)


def _check_strip(data: bytes, most: int) -> None:
    unpacking, size = zlib.decompressobj(), 0
    while data and not unpacking.eof:
        size += len(unpacking.decompress(data, PIECE))
        data = unpacking.unconsumed_tail
        if size > most:
            raise ValueError(f"a part of its data unpacks to more than {most} bytes, and should be less")
