"""What tells the things of a mask apart without having seen any: connected components, and a watershed of distances."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import Example
from cuecast.engine.splitting import split_by_distance

Bools = NDArray[np.bool_]


def connected_ids(mask: Bools) -> NDArray[np.int32]:
    """(H, W) int32 ids of the connected components (8-neighbourhood) of a mask (H, W) bool."""
    from scipy import ndimage

    ids: NDArray[np.int32] = ndimage.label(mask, structure=NEIGHBOURS, output=np.int32)[0]
    return ids


def watershed_ids(mask: Bools, diameter: float) -> NDArray[np.int32]:
    """(H, W) int32 ids of the basins of a mask (H, W) bool, flooded from the places farthest from its outside.

    As CellProfiler does where it tells objects apart by shape ('IdentifyPrimaryObjects'): in each connected component,
    no two seeds lie closer than the usual `diameter` of a thing, in pixels, over 1.5.
    """
    # Of nothing that was shown the diameter is infinite; no two places of a picture lie farther apart than this.
    return split_by_distance(mask, min(diameter / 2, max(mask.shape, default=0)))


def shown_diameter(examples: Iterable[Example], size: tuple[int, int], scale: str = "frame") -> float:
    """The median diameter, of a disc of the same area, that the things in cues have; in pixels of an image of `size`.

    Where a cue does not tell its things apart, its connected components are taken. `scale` as in `Predictor.learn`.
    Infinite where no mask shows a thing, so that nothing is split.
    """
    found: list[float] = []
    for example in examples:
        marks = example.marks
        if marks.mask is None:
            continue
        ids = connected_ids(marks.mask > 0) if marks.objects is None else marks.objects
        areas = np.unique(ids[ids > 0], return_counts=True)[1]
        share = np.prod(size) / ids.size if scale == "frame" else 1.0
        found += np.sqrt(4 / np.pi * areas * share).tolist()
    return median(found) if found else float("inf")
