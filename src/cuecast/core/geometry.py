"""Marks on the pixel grid. Pure functions, numpy only.

The pixel in column j and row i covers [j, j + 1) x [i, i + 1); its centre is (j + 0.5, i + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError
from cuecast.core.values import IGNORE, Complete, Marks, Stroke

NEIGHBOURS = np.ones((3, 3), bool)
"""The 8-neighbourhood: what touches at a corner is one component."""
Contour = Sequence[tuple[float, float]] | NDArray[np.floating] | NDArray[np.integer]


def fill_polygons(
    size: tuple[int, int], polygons: Sequence[Complete], base: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """Polygons drawn on a label map: (H, W) int32, a new array.

    A pixel belongs to a polygon when its centre is inside by the even-odd rule; later polygons win.
    `base` (H, W) int32 is drawn over; None is all background. What lies outside the image is cut off.
    Raises CueError where a polygon has fewer than three vertices, or one that is not finite.
    """
    labels = np.zeros(size, np.int32) if base is None else np.array(base, np.int32)
    for polygon in polygons:
        top, left, inside = fill_contour(size, polygon.path)
        h, w = inside.shape
        labels[top : top + h, left : left + w][inside] = polygon.cls
    return labels


def number_polygons(
    size: tuple[int, int], polygons: Sequence[Complete], base: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """Ids of objects (H, W) int32: each polygon is one, as `fill_polygons` draws it, those of class 0 are none.

    `base` (H, W) int32 holds the ids of what they are drawn over; None is none.
    """
    first = 1 if base is None else int(base.max()) + 1
    numbers = [n if p.cls else 0 for n, p in enumerate(polygons, start=first)]
    return fill_polygons(size, [replace(p, cls=n) for p, n in zip(polygons, numbers, strict=True)], base)


def fill_contour(size: tuple[int, int], contour: Contour) -> tuple[int, int, NDArray[np.bool_]]:
    """(top, left, (h, w) bool): the pixels whose centre is inside one ring [(x, y), ...], even-odd.

    The crop spans the ring's bounding box inside the image; it is (0, 0) large where they do not meet.
    Edges that run back over themselves (zero-width bridges) cancel exactly.
    """
    v = np.asarray(contour, np.float64)
    if v.ndim != 2 or v.shape[1] != 2 or len(v) < 3:
        raise CueError(
            f"a polygon needs at least three vertices (x, y), this one has {len(v)}: add the missing ones"
        )
    if not np.isfinite(v).all():
        raise CueError("a polygon has a vertex that is not a finite number: correct it")
    H, W = size
    # A centre is crossed by an edge that starts at or above it and ends below it: rows ceil(y - 0.5) and on.
    left, top = (int(np.clip(c, 0, m)) for c, m in zip(np.ceil(v.min(0) - 0.5), (W, H), strict=True))
    right, bottom = (int(np.clip(c, 0, m)) for c, m in zip(np.ceil(v.max(0) - 0.5), (W, H), strict=True))
    if right <= left or bottom <= top:
        return 0, 0, np.zeros((0, 0), bool)
    rows, cols = _crossings(v, top, bottom, left, right)
    flips = np.zeros((bottom - top, right - left + 1), np.int32)
    np.add.at(flips, (rows, cols), 1)
    inside = (np.cumsum(flips[:, :-1], axis=1) & 1).astype(bool)
    return top, left, inside


def _crossings(
    v: NDArray[np.float64], top: int, bottom: int, left: int, right: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where edges cross the rows' centre lines: (row, column) inside the crop from which parity flips."""
    a, b = v, np.roll(v, 1, axis=0)
    swap = a[:, 1] > b[:, 1]
    # Both directions of an edge are computed from its upper end, so that a bridge cancels to the last bit.
    upper, lower = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), top, bottom).astype(np.intp)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), top, bottom).astype(np.intp)
    count = last - first
    edge = np.repeat(np.arange(len(v)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (x0, y0), (x1, y1) = upper[edge].T, lower[edge].T
    x = x0 + (row + 0.5 - y0) / (y1 - y0) * (x1 - x0)
    col = np.clip(np.ceil(x - 0.5), left, right).astype(np.intp)
    return row - top, col - left


def mark_labels(marks: Marks) -> NDArray[np.int32]:
    """What the marks say of each pixel: (H, W) int32 class ids, 0 = not the thing, IGNORE = unknown.

    The mask where there is one, strokes drawn over it, points above all, later ones on top. 'absent' makes
    every pixel 0. Boxes are not drawn: they say where to look, not which pixels.
    """
    if marks.absent:
        return np.zeros(marks.size, np.int32)
    unknown = np.full(marks.size, IGNORE, np.int32)
    labels = unknown if marks.mask is None else np.array(marks.mask, np.int32)
    for stroke in sorted(marks.strokes, key=lambda stroke: stroke.width is None):
        _draw_stroke(labels, stroke)
    return labels


def _draw_stroke(labels: NDArray[np.int32], stroke: Stroke) -> None:
    """Draw in place: pixels whose centre is within half the width of the path, and those under vertices."""
    H, W = labels.shape
    path = np.asarray(stroke.path, np.float64)
    for x, y in np.floor(path).astype(int):
        if 0 <= x < W and 0 <= y < H:
            labels[y, x] = stroke.cls
    if stroke.width is None:
        return
    radius = max(stroke.width, 1.0) / 2
    for a, b in zip(path, path[1:] if len(path) > 1 else path, strict=False):
        reach = np.floor(np.minimum(a, b) - radius), np.ceil(np.maximum(a, b) + radius)
        (left, top), (right, bottom) = np.clip(reach, 0, (W, H)).astype(int)
        dx = np.arange(left, right) + 0.5 - a[0]
        dy = (np.arange(top, bottom) + 0.5 - a[1])[:, None]
        ab = b - a
        length2 = float(ab @ ab)
        t = np.clip((dx * ab[0] + dy * ab[1]) / length2, 0, 1) if length2 else np.zeros((len(dy), len(dx)))
        near = (dx - t * ab[0]) ** 2 + (dy - t * ab[1]) ** 2 <= radius**2
        labels[top:bottom, left:right][near] = stroke.cls


def upright(a: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an array (H, W, ...) by an EXIF or TIFF orientation, 1 to 8; others leave it as it is."""
    if orientation in (5, 6, 7, 8):
        a = a.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        a = a[:, ::-1]
    if orientation in (3, 4, 7, 8):
        a = a[::-1]
    return np.ascontiguousarray(a)
