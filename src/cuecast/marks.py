"""Marks as weights: how strongly each pixel of a cue says 'the thing' and 'not the thing'.

One rule for training and running: a mask says everything; boxes, points and scribbles leave the rest unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cuecast.types import IGNORE, Point

WEAK = 0.05
"""Weight of 'not the thing' given to all untouched pixels where nothing was marked as background."""

POINT_RADIUS = 0.012
"""A point speaks for a disc of this share of the frame (square root of its area): hands are not exact to the pixel."""

Weights = NDArray[np.float32]


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
    H, W = size
    positive, band, inside = (np.zeros(size, bool) for _ in range(3))
    y, x = np.mgrid[0:H, 0:W].astype(np.float32) + 0.5
    for x1, y1, x2, y2 in boxes:
        cx, cy, w, h = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, 1), max(y2 - y1, 1)
        dx, dy = np.abs(x - cx) / w * 2, np.abs(y - cy) / h * 2
        # A box of a pixel or two still has its middle pixel.
        positive |= (dx**2 + dy**2 <= 0.7**2) | ((np.abs(x - cx) <= 0.5) & (np.abs(y - cy) <= 0.5))
        inside |= (dx <= 1) & (dy <= 1)
        band |= (dx <= max(1.5, 1 + 8 / w)) & (dy <= max(1.5, 1 + 8 / h))
    return positive.astype(np.float32), (band & ~inside).astype(np.float32)
