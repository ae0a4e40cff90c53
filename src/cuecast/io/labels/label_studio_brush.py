"""The run lengths of Label Studio's brush: bits of red, green, blue and alpha of all pixels, row by row.

A stream of bits, most significant first: 32 of the number of values, 5 of the bits of a value less 1, four times 4 of
the bits of a length less 1. Then runs: 1 bit whether one value is repeated, 2 which length is meant, the length less 1,
and the value, or that many values. (The format is that of @thi.ng/rle-pack.) Alpha says where the brush was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.objects import ObjectMask

_LENGTHS = (3, 4, 8, 16)
"""Bits of the lengths that we write, as Label Studio does."""
_OPAQUE = 128
"""Alpha from which on a pixel is marked."""


def decode_brush(rle: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool of a list of bytes. Raises ValueError where they are none of an image of `size`."""
    try:
        data = np.asarray(rle, np.uint8) if min(rle) >= 0 and max(rle) < 256 else None
    except (TypeError, ValueError, OverflowError):
        data = None
    if data is None or data.ndim != 1:
        raise ValueError("run lengths that are not a list of bytes")
    bits = np.unpackbits(data)
    text = (bits + ord("0")).tobytes().decode("ascii")
    values = _number(text, 0, 32)
    if values != size[0] * size[1] * 4:
        raise ValueError(f"run lengths of {values // 4} pixels, where the image has {size[0]} x {size[1]}")
    width = _number(text, 32, 5) + 1
    lengths = [_number(text, 37 + 4 * i, 4) + 1 for i in range(4)]
    if width != 8:
        raise ValueError(f"run lengths of values of {width} bits, not 8")
    out, at, place = np.zeros(values, np.uint8), 0, 53
    while at < values:
        repeated = text[place : place + 1] == "1"
        size_of = lengths[_number(text, place + 1, 2)]
        count = _number(text, place + 3, size_of) + 1
        place += 3 + size_of
        given = 1 if repeated else count
        if at + count > values or place + 8 * given > len(text):
            raise ValueError("run lengths that end early, or run on too far")
        out[at : at + count] = np.packbits(bits[place : place + 8 * given])
        place += 8 * given
        at += count
    return np.asarray(out.reshape(*size, 4)[..., 3] >= _OPAQUE)


def _number(text: str, start: int, count: int) -> int:
    """Raises ValueError where the text ends before."""
    part = text[start : start + count]
    if len(part) < count:
        raise ValueError("run lengths that end early")
    return int(part, 2)


def encode_brush(obj: ObjectMask, size: tuple[int, int]) -> list[int]:
    """The bytes of an object in an image of `size` (H, W)."""
    canvas = np.zeros(size, bool)
    x1, y1, x2, y2 = obj.xyxy
    canvas[y1:y2, x1:x2] = obj.mask
    flat = canvas.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    runs = np.diff(np.append(starts, flat.size)) * 4
    bits = [f"{flat.size * 4:032b}", f"{8 - 1:05b}", *(f"{n - 1:04b}" for n in _LENGTHS)]
    for length, value in zip(runs.tolist(), flat[starts].tolist(), strict=True):
        bits += _run(length, 255 * value)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    packed = np.packbits(np.frombuffer(text.encode("ascii"), np.uint8) - ord("0"))
    found: list[int] = packed.tolist()
    return found


def _run(length: int, value: int) -> list[str]:
    """The bits of one value `length` times, in runs as long as can be."""
    written = []
    while length:
        kind = next((i for i, n in enumerate(_LENGTHS) if length <= 1 << n), len(_LENGTHS) - 1)
        count = min(length, 1 << _LENGTHS[kind])
        written.append(f"1{kind:02b}{count - 1:0{_LENGTHS[kind]}b}{value:08b}")
        length -= count
    return written
