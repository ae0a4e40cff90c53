"""Pieces that are too small to be the thing: specks, told from things by the size of what the cues show.

Where scores are unsure, some pixels far from the thing reach the cut. Things keep their share of the frame
(`scale='frame'`), so a piece that is much smaller than any that was shown is no thing, unless what was found is small
altogether.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import Example
from cuecast.engine.threshold import complete_masks

OF_SHOWN = 0.5
"""A piece of this share of the smallest one shown is no speck."""
OF_FOUND = 0.3
"""Nor is one of this share of the largest one found: things far away are small together."""


def smallest_component(examples: Sequence[Example], cls: int) -> float:
    """The share of the image that the smallest connected piece of class `cls` covers: the median over the complete
    cues that show it; 0 where there is none."""
    shares = [_shares(mask == cls)[1] for mask in complete_masks(examples, cls)]
    return float(np.median([s.min() for s in shares])) if shares else 0.0


def drop_specks(
    thing: NDArray[np.bool_], shown: float, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """The mask (H, W) without its specks; `shown` as `smallest_component` gives it.

    `kept` (H, W): places that a person has marked; a piece that holds one of them is no speck.
    """
    if not shown:
        return thing
    labels, shares = _shares(thing)
    if len(shares) < 2:
        return thing
    stays = shares >= min(OF_SHOWN * shown, OF_FOUND * float(shares.max()))
    stays = np.concatenate([[False], stays])
    if kept is not None:
        stays[labels[kept & thing]] = True
    left: NDArray[np.bool_] = stays[labels]
    return left


def _shares(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The pieces (8-neighbourhood) as a label map from 1 on, and the share of the image that each covers."""
    labels, count = ndimage.label(mask, NEIGHBOURS)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)[1:] / mask.size
