"""Objects as polygons along pixel edges and as run lengths, and back, without loss. What label files share.

An outline runs on the corners of pixels, so its coordinates are whole numbers and filling it gives back exactly the
pixels it was traced from. Holes and separate parts join one contour through bridges of no width: an edge that is walked
there and back, which the even-odd rule cancels. Run lengths are as COCO has them: columns first, alternating 0 and 1,
as numbers or as a compressed string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import Contour, fill_contour
from cuecast.core.objects import ObjectMask, connected_objects, tight
from cuecast.core.values import FARTHEST

Vertices = NDArray[np.int64]
"""(n, 2) x, y of a contour's corners in pixels of the image; the last is joined to the first."""
Vertices64 = NDArray[np.float64]
"""The same as other programs write them: anywhere, not on the corners of pixels alone."""


def outline(obj: ObjectMask) -> Vertices:
    """The whole object, all parts and holes, as one contour. Even-odd filling gives exactly its pixels."""
    return _bridged(_contours(obj))


def part_outlines(obj: ObjectMask) -> list[Vertices]:
    """One contour for each connected part (8-neighbourhood), with its holes; parts in reading order."""
    parts = connected_objects(obj.mask.astype(np.int32))
    moved = (ObjectMask(obj.cls, obj.top + p.top, obj.left + p.left, p.mask) for p in parts)
    return [outline(part) for part in moved]


def part_rings(obj: ObjectMask) -> list[list[Vertices]]:
    """The rings of each part (4-neighbourhood): its outline, then its holes. Parts in reading order.

    No ring passes a corner twice, as geometry programs want it; so parts that touch at a corner are several.
    """
    from scipy.ndimage import label

    labels, count = label(obj.mask)
    parts = (ObjectMask(obj.cls, obj.top, obj.left, labels == number) for number in range(1, count + 1))
    return [sorted(_contours(part, apart=True), key=_extent, reverse=True) for part in map(tight, parts)]


def _extent(ring: Vertices) -> int:
    """The area of the box round a ring."""
    return int(np.prod(ring.max(axis=0) - ring.min(axis=0)))


def object_of_contours(size: tuple[int, int], contours: Sequence[Contour], cls: int) -> ObjectMask:
    """The union of some contours (each filled even-odd) as one object with a tight crop.

    A contour too thin to cover the centre of any pixel still marks the pixel under its middle, so that nothing
    that was annotated gets lost. Where all contours lie outside the image the object has no pixels.
    Raises CueError for a contour that is none.
    """
    crops = [_at_least_one(size, contour, fill_contour(size, contour)) for contour in contours]
    union = union_of([ObjectMask(cls, top, left, inside) for top, left, inside in crops])
    return tight(union) if union.mask.size else union


def union_of(parts: Sequence[ObjectMask]) -> ObjectMask:
    """One object of all pixels of some of one class; there is at least one."""
    parts = [p for p in parts if p.mask.size] or parts[:1]
    left, top = min(p.left for p in parts), min(p.top for p in parts)
    right, bottom = max(p.xyxy[2] for p in parts), max(p.xyxy[3] for p in parts)
    union = np.zeros((bottom - top, right - left), bool)
    for p in parts:
        x1, y1, x2, y2 = p.xyxy
        union[y1 - top : y2 - top, x1 - left : x2 - left] |= p.mask
    return ObjectMask(parts[0].cls, top, left, union)


def contour_of(numbers: Any) -> Vertices64:
    """(n, 2) x, y of a contour written as x, y, x, y, ... or as pairs. Raises ValueError for what is none."""
    try:
        flat = np.asarray(numbers, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("a polygon whose points are not numbers") from error
    if flat.ndim == 1:
        if len(flat) % 2:
            raise ValueError("a polygon with an odd number of coordinates")
        flat = flat.reshape(-1, 2)
    if flat.ndim != 2 or flat.shape[1] != 2:
        raise ValueError("a polygon whose points are not pairs x, y")
    if not np.isfinite(flat).all():
        raise ValueError("a polygon with points that are not finite")
    if (np.abs(flat) > FARTHEST).any():
        raise ValueError("a polygon with points far outside any image")
    if len(flat) < 3:
        raise ValueError("a polygon of less than three points")
    return flat


def box_contour(x1: float, y1: float, x2: float, y2: float) -> Vertices64:
    """The contour round a box. Raises ValueError where it is empty or not finite."""
    if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2):
        raise ValueError("a box that is empty or not finite")
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float64)


def _at_least_one(
    size: tuple[int, int], contour: Contour, filled: tuple[int, int, NDArray[np.bool_]]
) -> tuple[int, int, NDArray[np.bool_]]:
    if filled[2].any():
        return filled
    x, y = np.asarray(contour, np.float64).mean(axis=0).tolist()
    inside = 0 <= x < size[1] and 0 <= y < size[0]
    return (int(y), int(x), np.ones((1, 1), bool)) if inside else (0, 0, np.zeros((0, 0), bool))


def _contours(obj: ObjectMask, apart: bool = False) -> list[Vertices]:
    """Closed contours of corners along the pixel edges that separate the object from the rest.

    apart  contours go round what is not the object where pixels touch diagonally, so that of an object whose pixels
           are connected by edges none passes a corner twice.

    On every grid line the corners of the outline pair up in order, both along rows and along columns: walking
    horizontal and vertical partners in turn closes the contours. Where pixels touch diagonally are two corners.
    """
    m = np.pad(obj.mask, 1).astype(np.int8)
    a, b, c, d = m[:-1, :-1], m[:-1, 1:], m[1:, :-1], m[1:, 1:]
    diagonal = (a == d) & (b == c) & (a != b)
    corners = ((a + b + c + d) % 2 == 1).astype(np.int8) + 2 * diagonal
    where = np.repeat(np.argwhere(corners), corners[corners > 0], axis=0)  # rows then columns, in order
    n = len(where)
    horizontal = np.arange(n) ^ 1
    order = np.arange(n)
    if apart:  # the two corners where the object's pixels lie top left and bottom right change places
        swapped = (diagonal & (a == 1))[where[:, 0], where[:, 1]]
        order = np.where(swapped, -order, order)
    by_column = np.lexsort((order, where[:, 0], where[:, 1]))
    vertical = np.empty(n, np.intp)
    vertical[by_column] = by_column[np.arange(n) ^ 1]
    points = (where[:, ::-1] + (obj.left, obj.top)).astype(np.int64)
    return [points[contour] for contour in _cycles(horizontal.tolist(), vertical.tolist())]


def _cycles(horizontal: list[int], vertical: list[int]) -> list[list[int]]:
    """Indices of each contour: horizontal and vertical partners in turn, from the lowest index not yet met."""
    seen = bytearray(len(horizontal))
    contours = []
    for start in range(len(horizontal)):
        if seen[start]:
            continue
        contour, at = [], start
        while not seen[at]:
            across = horizontal[at]
            seen[at] = seen[across] = 1
            contour += [at, across]
            at = vertical[across]
        contours.append(contour)
    return contours


def _bridged(contours: list[Vertices]) -> Vertices:
    """All contours as one: each is entered from the nearest corner of the longest, and left the same way."""
    longest = max(range(len(contours)), key=lambda i: len(contours[i]))
    main, others = contours[longest], contours[:longest] + contours[longest + 1 :]
    if not others:
        return main
    from scipy.spatial import KDTree

    distance, anchor = KDTree(main).query(np.concatenate(others))
    detours: dict[int, list[Vertices]] = {}
    offset = 0
    for contour in others:
        entry = int(distance[offset : offset + len(contour)].argmin())
        at = int(anchor[offset + entry])
        turned = np.roll(contour, -entry, axis=0)
        detours.setdefault(at, []).extend([turned, turned[:1], main[at : at + 1]])
        offset += len(contour)
    components: list[Vertices] = []
    for at, corner in enumerate(main):
        components += [corner[None], *detours.get(at, ())]
    return np.concatenate(components)


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
