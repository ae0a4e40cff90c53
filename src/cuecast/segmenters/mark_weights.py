"""What the marks of one cue say of one class, as weights per pixel, before and after a look at the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cuecast.geometry import mark_labels
from cuecast.marks import WEAK, box_weights, draw_points
from cuecast.types import IGNORE, Box, Marks

Weights = NDArray[np.float32]
TIGHT = 0.9
"""Share of a box's width and height that the thing in it covers at least."""
BOX_THRESHOLDS = (0.5, 0.35, 0.2, 0.1)


def mark_weights(marks: Marks, cls: int, lone: bool) -> tuple[Weights, Weights]:
    """(positive, negative) weights (H, W) of a class: see `cuecast.marks`.

    `lone`: no cue says anywhere what is not the thing, so untouched pixels weakly do.
    """
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
    if lone:
        negative = np.where(positive > 0, 0, np.maximum(negative, WEAK)).astype(np.float32)
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


def says_background(marks: Marks, cls: int) -> bool:
    """Whether these marks show anything that is not the class: a box does, unless it leaves nothing outside."""
    labels = mark_labels(marks)
    outside = box_weights(marks.size, [b.xyxy for b in marks.boxes])[1]
    return bool(outside.any()) or bool(((labels != IGNORE) & (labels != cls)).any())
