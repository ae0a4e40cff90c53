"""What boxes and points say of objects: each is one. Sizes and touching from boxes, and where things lie on a picture
that carries such marks itself. Pure functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.values import Box, Marks, Point

Labels = NDArray[np.int32]

MEET, SAME = 0.02, 0.5
"""Shares of the smaller of two boxes that they have in common: from the first on their things lie against each other,
from the second on both are round one thing."""


def box_radii(marks: Marks, cls: int) -> list[float]:
    """Half the short side of each box of a class: the greatest distance to the border of a thing that fills it."""
    return [min(b.xyxy[2] - b.xyxy[0], b.xyxy[3] - b.xyxy[1]) / 2 for b in _boxes(marks, cls)]


def boxes_meet(marks: Marks, cls: int) -> bool:
    """Whether some boxes of a class overlap as those round things that touch do, or share most of a side."""
    pairs = itertools.combinations(_boxes(marks, cls), 2)
    return any(MEET <= _common(a, b) < SAME or _abut(a, b) for a, b in pairs)


def with_stated(ids: Labels, mask: Labels, marks: Marks) -> Labels:
    """Ids (H, W) of objects in a label map (H, W), brought in line with the boxes and points of this very image.

    The marked pixels of a box are one object, and what lies beyond it of a part that is mostly in boxes goes to the
    nearest; a part in which several points lie is divided between them.
    """
    out = ids.copy()
    for cls in marks.class_ids:
        boxes = _boxes(marks, cls)
        if boxes:
            _claim_boxes(out, mask == cls, boxes)
        points = [p for p in marks.points if p.cls == cls]
        if len(points) > 1:
            _divide(out, mask == cls, points)
    return out


def _boxes(marks: Marks, cls: int) -> list[Box]:
    return [b for b in marks.boxes if b.cls == cls]


def _common(a: Box, b: Box) -> float:
    """The share of the smaller box that lies in the other."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.xyxy, b.xyxy
    w, h = min(ax2, bx2) - max(ax1, bx1), min(ay2, by2) - max(ay1, by1)
    return max(w, 0) * max(h, 0) / min((ax2 - ax1) * (ay2 - ay1), (bx2 - bx1) * (by2 - by1))


def _abut(a: Box, b: Box) -> bool:
    """Whether two boxes lie side by side, less than a pixel apart, along half of the shorter side or more."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.xyxy, b.xyxy
    w, h = min(ax2, bx2) - max(ax1, bx1), min(ay2, by2) - max(ay1, by1)
    across, down = w / min(ax2 - ax1, bx2 - bx1), h / min(ay2 - ay1, by2 - by1)
    return (-1 < w <= 0 and down >= SAME) or (-1 < h <= 0 and across >= SAME)


def _claim_boxes(ids: Labels, thing: NDArray[np.bool_], boxes: Sequence[Box]) -> None:
    """Give the pixels of a class in boxes, and what goes with them, new ids; in place."""
    covered = np.zeros(ids.shape, bool)
    for box in boxes:
        covered[box.pixels] = True
    covered &= thing
    count = int(ids.max(initial=0))
    sizes = np.bincount(ids[thing], minlength=count + 1)
    mostly = np.bincount(ids[covered], minlength=count + 1) * 2 >= np.maximum(sizes, 1)
    rows, columns = np.nonzero(covered | (thing & mostly[ids] & (ids > 0)))
    nearest = np.full(len(rows), np.inf)
    number = np.zeros(len(rows), np.int32)
    for n, box in enumerate(boxes, start=1):
        x1, y1, x2, y2 = box.xyxy
        dx = np.abs(columns + 0.5 - (x1 + x2) / 2) / max(x2 - x1, 1)
        away = np.maximum(dx, np.abs(rows + 0.5 - (y1 + y2) / 2) / max(y2 - y1, 1))
        number[away < nearest] = n
        nearest = np.minimum(nearest, away)
    ids[rows, columns] = count + number


def _divide(ids: Labels, thing: NDArray[np.bool_], points: Sequence[Point]) -> None:
    """Divide each part that holds several points between them; in place."""
    from skimage import segmentation

    watershed: Any = segmentation.watershed
    held: dict[int, list[tuple[int, int]]] = {}
    for x, y in {(int(p.xy[0]), int(p.xy[1])) for p in points}:
        if thing[y, x]:
            held.setdefault(int(ids[y, x]), []).append((y, x))
    places = ndimage.find_objects(ids)
    count = int(ids.max(initial=0))
    for part, seeds in held.items():
        where = places[part - 1]
        if len(seeds) < 2 or where is None:
            continue
        inside = ids[where] == part
        marked = np.zeros(inside.shape, np.int32)
        for n, (y, x) in enumerate(sorted(seeds), start=1):
            marked[y - where[0].start, x - where[1].start] = n
        distance = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
        pieces = watershed(-distance, marked, mask=inside, connectivity=2)
        ids[where][inside] = pieces[inside] + count
        count += len(seeds)
