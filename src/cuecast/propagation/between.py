"""Labels between two frames or slices that are marked: shapes that turn into each other step by step.

A shape is the signed distance to its border, positive inside; between two shapes it is their weighted mean, and the
pixels above 0 are the shape there (Raya and Udupa 1990, 'Shape-based interpolation of multidimensional objects').
Where as many pieces of a class are on both sides, they are paired by their centres, and each is moved on the way: the
distances alone would let a thing vanish that moves further than it is wide. What is on one side alone dwindles.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from cuecast.core.geometry import NEIGHBOURS

Labels = NDArray[np.int32]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

MOST_PIECES = 60
"""Pieces of a class that are paired; of more the class is taken as a whole."""


def labels_between(before: Labels, after: Labels, share: float) -> Labels:
    """Labels (H, W) at a share of the way, in (0, 1), from `before` to `after`, both (H, W) int32 of one size.

    Where two classes reach the same pixel, the one counts that it lies deeper in. Negative labels, which count neither
    as a thing nor as background, are background here.
    """
    depth = np.zeros(before.shape, np.float32)
    out = np.zeros(before.shape, np.int32)
    for cls in sorted({*np.unique(before).tolist(), *np.unique(after).tolist()}):
        if cls <= 0:
            continue
        for piece in _pieces_between(before == cls, after == cls, share):
            deeper = piece > depth
            out[deeper], depth[deeper] = cls, piece[deeper]
    return out


def _pieces_between(before: Bools, after: Bools, share: float) -> Iterator[Floats]:
    """The signed distances (H, W) of each piece of one class on the way."""
    if not before.any() or not after.any():
        there, gone = (before, share) if before.any() else (after, 1 - share)
        depth = _signed(there)
        yield depth - np.float32(gone * depth.max())
        return
    first, count = ndimage.label(before, NEIGHBOURS)
    second, other = ndimage.label(after, NEIGHBOURS)
    if count != other or count > MOST_PIECES:
        yield (1 - share) * _signed(before) + share * _signed(after)
        return
    centres = [np.array(ndimage.center_of_mass(m > 0, m, range(1, count + 1))) for m in (first, second)]
    apart = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=-1)
    for a, b in zip(*linear_sum_assignment(apart), strict=True):
        way = centres[1][b] - centres[0][a]
        yield (1 - share) * _moved(first == a + 1, share * way) + share * _moved(
            second == b + 1, (share - 1) * way
        )


def _signed(shape: Bools) -> Floats:
    """(H, W): how far a pixel's centre lies inside the border (positive) or outside of it."""
    inside = ndimage.distance_transform_edt(shape)
    outside = ndimage.distance_transform_edt(~shape)
    depth: Floats = np.where(shape, inside - 0.5, 0.5 - outside).astype(np.float32)
    return depth


def _moved(shape: Bools, way: NDArray[np.float64]) -> Floats:
    """The signed distances of a shape that has moved by `way`, (y, x) in pixels.

    Only whole pixels would make it tremble from frame to frame, so the distances are moved and not the shape. What is
    cut off by the edge of the picture goes on beyond it, as far as it is moved.
    """
    rim = int(np.ceil(np.abs(way).max())) + 1
    depth = _signed(np.pad(shape, rim, mode="edge"))
    moved: Floats = ndimage.shift(depth, way, order=1, mode="nearest")[rim:-rim, rim:-rim]
    return moved
