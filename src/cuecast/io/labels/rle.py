"""Run lengths as COCO has them: columns first, alternating 0 and 1, as numbers or as a compressed string."""

from __future__ import annotations

import numpy as np

from cuecast.core.objects import tight
from cuecast.core.values import ObjectMask


def encode_rle(obj: ObjectMask, size: tuple[int, int]) -> list[int]:
    """Run lengths of one object in an image of `size` (H, W), down the columns; the first run is of 0."""
    H, W = size
    if not obj.mask.any():
        return [H * W]
    edges = np.diff(np.pad(obj.mask.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    columns, rows = np.nonzero(edges)
    at = (columns + obj.left) * H + rows + obj.top
    # A run that ends at the foot of a column goes on where the next one starts at the head: drop both.
    joined = np.flatnonzero(at[1:-1:2] == at[2::2]) * 2 + 1
    at = np.delete(at, np.concatenate([joined, joined + 1]))
    runs = np.diff(np.concatenate([[0], at, [H * W]]))
    counts: list[int] = runs.tolist()
    return counts if counts[-1] else counts[:-1]


def decode_rle(counts: list[int], size: tuple[int, int], cls: int) -> ObjectMask:
    """The object of these run lengths, tightly cropped. Raises ValueError where their sum is not H x W."""
    H, W = size
    if not all(isinstance(count, int) for count in counts):
        raise ValueError("run lengths that are not whole numbers")
    if min(counts, default=0) < 0 or sum(counts) != H * W:
        raise ValueError(f"run lengths add up to {sum(counts)}, not to {H} x {W} = {H * W}")
    ends = np.cumsum(np.asarray(counts, np.int64))
    start, end = ends[:-1:2], ends[1::2]
    start = start[: len(end)]
    start, end = start[end > start], end[end > start]
    if not len(start):
        return ObjectMask(cls, 0, 0, np.zeros((0, 0), bool))
    first, last = int(start[0]) // H, (int(end[-1]) - 1) // H
    flips = np.zeros((last - first + 1) * H + 1, np.int8)
    np.add.at(flips, start - first * H, 1)
    np.add.at(flips, end - first * H, -1)
    columns = np.cumsum(flips[:-1], dtype=np.int8).astype(bool).reshape(-1, H)
    return tight(ObjectMask(cls, 0, first, columns.T))


def compress_counts(counts: list[int]) -> str:
    """Run lengths -> the string that pycocotools writes.

    Each is the difference to the last but one (from the fourth on), in base 32, low digits first, 5 bits a
    character with a continuation bit, counted from '0'.
    """
    out = bytearray()
    for i, count in enumerate(counts):
        x = count - counts[i - 2] if i > 2 else count
        while True:
            digit = x & 31
            x >>= 5
            more = x != (-1 if digit & 16 else 0)
            out.append((digit | 32 if more else digit) + 48)
            if not more:
                break
    return out.decode("ascii")


def expand_counts(text: str) -> list[int]:
    """The inverse of `compress_counts`. Raises ValueError for a string that is none."""
    counts: list[int] = []
    x = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise ValueError(f"character {character!r} does not occur in compressed run lengths")
        x |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            x -= 1 << shift
        counts.append(x + counts[-2] if len(counts) > 2 else x)
        x = shift = 0
    if shift:
        raise ValueError("the compressed run lengths end in the middle of a number")
    return counts
