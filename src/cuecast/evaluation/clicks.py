"""Where a careful person would click next to correct an answer. Pure functions on boolean arrays of one shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import Point

Bools = NDArray[np.bool_]


def next_click(
    answer: Bools, truth: Bools, ignore: Bools | None = None, made: Sequence[Point] = ()
) -> Point | None:
    """The next correction: in the middle of the largest region that is wrong. None where nothing is.

    answer, truth, ignore (H, W) bool. A region is a piece (8-neighbourhood) of the thing that is missing, where the
    click is of class 1, or of background that was marked, where it is of class 0. `ignore` and the pixels of the
    clicks already `made` count as right. The middle is the pixel farthest from the region's border, the edge of the
    image being a border; of several, the one nearest to the region's centroid. Remaining ties: a missing region
    before a marked one, then the first in reading order. The point is the centre of its pixel.
    """
    settled = np.zeros(truth.shape, bool) if ignore is None else ignore.copy()
    for point in made:
        settled[int(point.xy[1]), int(point.xy[0])] = True
    missing, surplus = (_largest(wrong & ~settled) for wrong in (truth & ~answer, answer & ~truth))
    cls = 1 if np.count_nonzero(missing) >= np.count_nonzero(surplus) else 0
    region = missing if cls else surplus
    if not region.any():
        return None
    row, column = _middle(region)
    return Point((column + 0.5, row + 0.5), cls)


def _largest(mask: Bools) -> Bools:
    """The largest piece (8-neighbourhood) of a mask (H, W) bool, the first of equals; empty where the mask is."""
    from scipy import ndimage

    components, count = ndimage.label(mask, structure=NEIGHBOURS)
    if not count:
        return mask
    largest: Bools = components == 1 + np.bincount(components.ravel())[1:].argmax()
    return largest


def _middle(region: Bools) -> tuple[int, int]:
    """(row, column) of the pixel of a region (H, W) bool, not empty, that lies farthest from its border."""
    from scipy import ndimage

    rows, columns = np.nonzero(region)
    top, left = rows.min(), columns.min()
    crop = np.pad(region[top : rows.max() + 1, left : columns.max() + 1], 1)
    depth = ndimage.distance_transform_edt(crop)[rows - top + 1, columns - left + 1]
    off_centre = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    best = np.where(depth == depth.max(), off_centre, np.inf).argmin()
    return int(rows[best]), int(columns[best])
