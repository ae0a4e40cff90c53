"""Marks as weights: how strongly each pixel of a cue says 'the thing' and 'not the thing'.

One rule for training and running: a mask says everything; boxes and strokes leave the rest unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import mark_labels
from cuecast.core.values import IGNORE, Box, Marks, Point

Weights = NDArray[np.float32]

TIGHT = 0.9
"""Share of a box's width and height that the thing in it covers at least."""
BOX_THRESHOLDS = (0.5, 0.35, 0.2, 0.1)

WEAK = 0.05
"""Weight of 'not the thing' given to all untouched pixels where nothing was marked as background."""

POINT_RADIUS = 0.012
"""A point speaks for a disc of this share of the frame (square root of its area): hands are not exact to the pixel."""

Kind = Literal["masks", "boxes", "two-sided", "one-sided"]
"""By what a class was taught: complete masks; boxes; points and strokes, with marks of what it is not, or without."""


def mark_weights(marks: Sequence[Marks], cls: int) -> list[tuple[Weights, Weights]]:
    """(positive, negative) weights (H, W) of a class for each cue: the rule is above.

    Where no cue says anywhere what is not the thing, the untouched pixels of all weakly do.
    """
    weights = [_said(m, cls) for m in marks]
    if any(negative.any() for _, negative in weights):
        return weights
    return [(positive, np.where(positive > 0, 0, WEAK).astype(np.float32)) for positive, _ in weights]


def _said(marks: Marks, cls: int) -> tuple[Weights, Weights]:
    """What the marks of one cue say by themselves."""
    labels = mark_labels(marks)
    draw_points(labels, marks.points)
    positive = (labels == cls).astype(np.float32)
    negative = ((labels != cls) & (labels != IGNORE)).astype(np.float32)
    own = [b.xyxy for b in marks.boxes if b.cls == cls]
    others = [b.xyxy for b in marks.boxes if b.cls != cls]
    if own:
        inside, band = box_weights(marks.size, own)
        positive, negative = np.maximum(positive, inside * (negative == 0)), np.maximum(negative, band)
    if others:
        negative = np.maximum(negative, box_weights(marks.size, others)[0] * (positive == 0))
    return positive, negative * (positive == 0)


def fill_boxes(scores: Weights, boxes: Sequence[Box]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(the thing, the inside of the boxes), both (H, W) bool.

    A box is drawn tight, so the thing reaches its four sides (Lempitsky et al. 2009): the threshold is lowered until
    it nearly does.
    """
    thing, inside = np.zeros(scores.shape, bool), np.zeros(scores.shape, bool)
    for place in (b.pixels for b in boxes):
        inside[place] = True
        for threshold in BOX_THRESHOLDS:
            found = scores[place] >= threshold
            if found.any(0).mean() >= TIGHT and found.any(1).mean() >= TIGHT:
                break
        thing[place] |= found
    return thing, inside


def kind_of(marks: Sequence[Marks], cls: int) -> Kind:
    """The kind of the marks of class `cls` in all cues together: the most telling one of them."""
    if any(m.mask is not None and (m.mask == cls).any() for m in marks):
        return "masks"
    if any(b.cls == cls for m in marks for b in m.boxes):
        return "boxes"
    return "two-sided" if any(_says_not(m, cls) for m in marks) else "one-sided"


def _says_not(marks: Marks, cls: int) -> bool:
    """Whether marks say anywhere what is not class `cls`."""
    return marks.absent or marks.mask is not None or any(m.cls not in (cls, IGNORE) for m in marks.sparse)


def draw_points(labels: NDArray[np.int32], points: Sequence[Point]) -> None:
    """Draw each point as a small disc into a label map (H, W), in place, where nothing else is marked."""
    H, W = labels.shape
    radius = max(1.0, POINT_RADIUS * (H * W) ** 0.5)
    reach = int(radius)
    for point in points:
        x, y = int(point.xy[0]), int(point.xy[1])
        top, left = max(0, y - reach), max(0, x - reach)
        around = labels[top : y + reach + 1, left : x + reach + 1]
        rows, columns = np.indices(around.shape)
        disc = (rows + top - y) ** 2 + (columns + left - x) ** 2 <= radius**2
        around[disc & (around == IGNORE)] = point.cls


def box_weights(
    size: tuple[int, int], boxes: Sequence[tuple[float, float, float, float]]
) -> tuple[Weights, Weights]:
    """What boxes say before the picture is looked at: (positive, negative), each (H, W) float32.

    The ellipse of 0.7 of the box is the thing, a band round the box (up to 1.5 of its size) is not; the rest of the
    box and everything beyond the band is unknown.
    """
    positive, band, inside = (np.zeros(size, bool) for _ in range(3))
    for x1, y1, x2, y2 in boxes:
        w, h = max(x2 - x1, 1), max(y2 - y1, 1)
        # Only the rows and columns that the band can reach are looked at; of a box of a pixel or two it is 4 wide.
        reach = [max(1.5, 1 + 8 / side) for side in (w, h)]
        columns, dx = _along(size[1], (x1 + x2) / 2, w / 2, reach[0])
        rows, dy = _along(size[0], (y1 + y2) / 2, h / 2, reach[1])
        place, dy = (rows, columns), dy[:, None]
        # Such a box still has its middle pixel.
        positive[place] |= (dx**2 + dy**2 <= 0.7**2) | ((dx * w <= 1) & (dy * h <= 1))
        inside[place] |= (dx <= 1) & (dy <= 1)
        band[place] |= (dx <= reach[0]) & (dy <= reach[1])
    return positive.astype(np.float32), (band & ~inside).astype(np.float32)


def _along(length: int, centre: float, half: float, reach: float) -> tuple[slice, Weights]:
    """The pixels of one side of an image that lie within `reach` half sides of a centre, and how many they are off."""
    start = min(max(int(np.floor(centre - half * reach)), 0), length)
    stop = min(max(int(np.ceil(centre + half * reach)), start), length)
    return slice(start, stop), np.abs(
        np.arange(start, stop, dtype=np.float32) + 0.5 - np.float32(centre)
    ) / half
