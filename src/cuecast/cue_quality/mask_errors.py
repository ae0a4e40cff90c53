"""How a drawn mask misses the answer that was given for it: moved aside, too wide or narrow, or inverted.

Pure functions on (H, W) bool arrays of one shape. Pixels in `ignore` never count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.signal import fftconvolve

from cuecast.core.metrics import iou

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

FINEST = 1024
"""Masks with a longer side are correlated at every second, third, ... pixel, and the move is so exact."""
FARTHEST = 0.5
"""A mask is tried at moves of up to this share of each side."""
SEEN = 0.5
"""Share of mask and of answer that a move must leave inside the frame, so that no sliver decides."""


@dataclass(frozen=True)
class Shift:
    """The move of a mask, `dx` pixels to the right and `dy` down, that fits an answer best.

    still  IoU of answer and mask as drawn, moved  IoU after the move, where both are inside the frame.
    """

    dx: int
    dy: int
    still: float
    moved: float

    @property
    def pixels(self) -> float:
        """Length of the move."""
        return float(np.hypot(self.dx, self.dy))


def best_shift(answer: Bools, drawn: Bools, ignore: Bools) -> Shift:
    """The move of `drawn` that gives the largest IoU with `answer`; of equal ones the shortest.

    The overlaps at all moves come from one cross-correlation by FFT, the areas left inside the frame from two more.
    """
    still = iou(answer, drawn, ignore)
    step = -(-max(answer.shape) // FINEST)
    A, M = (answer & ~ignore)[::step, ::step], (drawn & ~ignore)[::step, ::step]
    if not A.any() or not M.any():
        return Shift(0, 0, still, still)
    inside = np.ones(A.shape)
    both, mask_area, answer_area = _correlate(A, M), _correlate(inside, M), _correlate(A, inside)
    ious = both / np.maximum(mask_area + answer_area - both, 1)
    H, W = A.shape
    dy, dx = np.mgrid[1 - H : H, 1 - W : W]
    allowed = (abs(dy) <= FARTHEST * H) & (abs(dx) <= FARTHEST * W)
    allowed &= (mask_area >= SEEN * M.sum()) & (answer_area >= SEEN * A.sum())
    ious = np.where(allowed, ious, -1)
    best = np.flatnonzero(ious >= ious.max() - 1e-12)
    at = best[np.argmin((dx**2 + dy**2).ravel()[best], axis=0)]
    return Shift(step * int(dx.ravel()[at]), step * int(dy.ravel()[at]), still, float(ious.ravel()[at]))


def width_ious(answer: Bools, drawn: Bools, ignore: Bools, radii: Sequence[int]) -> dict[int, float]:
    """IoU of the answer with the mask grown by each radius in pixels, a negative one shrinks; 0 is the mask itself.

    The edge of the frame is no border of the mask. Where the mask marks nothing or everything, there is only 0.
    """
    found = {0: iou(answer, drawn, ignore)}
    if not drawn.any() or drawn.all():
        return found
    inside, outside = distance_transform_edt(drawn), distance_transform_edt(~drawn)
    for radius in radii:
        resized = outside <= radius if radius > 0 else inside > -radius
        if radius and resized.any():
            found[radius] = iou(answer, resized, ignore)
    return found


def inverted_iou(answer: Bools, drawn: Bools, ignore: Bools) -> float:
    """IoU of the answer with what the mask does not mark; 0 where the answer is empty."""
    return iou(answer, ~drawn, ignore) if (answer & ~ignore).any() else 0.0


def _correlate(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """(2H - 1, 2W - 1): the sum of `a` under `b` moved by (dy, dx), at [dy + H - 1, dx + W - 1]; whole numbers."""
    full: Floats = fftconvolve(a.astype(np.float64), b[::-1, ::-1].astype(np.float64))
    return np.rint(full)
