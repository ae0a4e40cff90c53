"""What the marks of one cue say of one class, as weights per pixel, before and after a look at the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import mark_labels
from cuecast.core.marks import WEAK, box_weights, draw_points
from cuecast.core.values import IGNORE, Box, Marks

Weights = NDArray[np.float32]
TIGHT = 0.9
"""Share of a box's width and height that the thing in it covers at least."""
BOX_THRESHOLDS = (0.5, 0.35, 0.2, 0.1)


def mark_weights(marks: Sequence[Marks], cls: int) -> list[tuple[Weights, Weights]]:
    """(positive, negative) weights (H, W) of a class for each cue: see `cuecast.core.marks`.

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
