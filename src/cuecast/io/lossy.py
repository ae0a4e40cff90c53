"""Whether the compression of a picture file changes its samples: labels do not survive that."""

from __future__ import annotations

import struct
from typing import IO

CHANGES = ("JPEG", "MPO", "AVIF", "HEIF")
"""Formats, as Pillow calls them, that do. AVIF can do without, which nobody asks of it for pictures."""


def is_lossy(name: str, stream: IO[bytes] | None) -> bool | None:
    """Whether samples are changed; None where they may be. `stream`: the file, where there is one."""
    if name in CHANGES:
        return True
    if name not in ("WEBP", "JPEG2000"):
        return False
    if stream is None or stream.closed:
        return None
    return _webp(stream) if name == "WEBP" else _jpeg_2000(stream)


def _webp(stream: IO[bytes]) -> bool | None:
    """By the first chunk of pixels: VP8 is lossy, VP8L is not."""
    place = 12
    while True:
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return None
        kind, length = head[:4], struct.unpack("<I", head[4:])[0]
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        place += 24 if kind == b"ANMF" else 8 + length + length % 2


def _jpeg_2000(stream: IO[bytes]) -> bool | None:
    """By the wavelet of its COD marker: the irreversible one is lossy, the other one may be cut short."""
    stream.seek(0)
    head = stream.read(1 << 16)
    at = head.find(b"\xff\x52", head.find(b"\xff\x4f\xff\x51"))
    wavelet = head[at + 13 : at + 14]
    return True if at >= 0 and wavelet == b"\0" else None
