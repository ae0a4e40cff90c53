"""Where the scores of one image are cut into a mask: at the pack's threshold, moved by the size that the cues show.

Things that keep their share of the frame (`scale='frame'`) have a usual area. Scores of a thing seen once are unsure,
and one threshold for all concepts marks too much of the one and nothing of the other; the area tells which. A cut is
the most likely one under two Gaussians, of the logarithm of the area and of the logit of the threshold. The scores
themselves stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import IGNORE, Example

Floats = NDArray[np.float64]

CUTS = np.round(np.arange(0.2, 0.625, 0.025), 3)
"""The thresholds that a cut is chosen from."""
SMALLEST_AREA = 1e-4
"""Shares of the image are compared from here on: smaller ones are the same."""
BINS = 4000


@dataclass(frozen=True)
class AreaPrior:
    """How far a cut may follow the area; a pack states it in its card ('area'), fitted on the training sets.

    spread   standard deviation of the logarithm of a thing's area from image to image, beside what the cues show;
    freedom  standard deviation of the logit of the threshold.
    """

    spread: float
    freedom: float


def shown_areas(examples: Sequence[Example], cls: int) -> Floats:
    """Shares (n,) of the image that class `cls` covers in each of its `complete_masks`."""
    masks = complete_masks(examples, cls)
    return np.array([(mask == cls).sum() / (mask != IGNORE).sum() for mask in masks], np.float64)


def complete_masks(examples: Sequence[Example], cls: int) -> list[NDArray[np.int32]]:
    """The masks (H, W) that show class `cls` and know most of their image."""
    masks = [e.marks.mask for e in examples if e.marks.mask is not None]
    return [m for m in masks if (m == cls).any() and (m != IGNORE).sum() >= m.size / 2]


def areas_at(scores: NDArray[np.float32], thresholds: Floats = CUTS) -> Floats:
    """The share of scores (H, W) in [0, 1] that reach each cut, to a 4000th."""
    counts = np.bincount(np.minimum(scores * BINS, BINS).astype(np.intp).ravel(), minlength=BINS + 1)
    reached = counts[::-1].cumsum()[::-1] / scores.size
    shares: Floats = reached[np.round(thresholds * BINS).astype(int)]
    return shares


def choose_threshold(areas: Floats, shown: Floats, usual: float, prior: AreaPrior) -> float:
    """The threshold among `CUTS`, from the areas (len(CUTS),) that each gives in the query and those (n,) in cues.

    `usual` is the pack's threshold, taken where no cue shows an area.
    """
    if not len(shown):
        return usual
    logs = np.log(np.maximum(shown, SMALLEST_AREA))
    variance = prior.spread**2 + (logs.var(ddof=1) if len(logs) > 1 else 0.0)
    off_area = (np.log(np.maximum(areas, SMALLEST_AREA)) - logs.mean()) ** 2 / variance
    off_usual = (_logit(CUTS) - _logit(usual)) ** 2 / prior.freedom**2
    return float(CUTS[(off_area + off_usual).argmin()])


def _logit(p: Floats | float) -> Floats:
    p = np.asarray(p, np.float64)
    logit: Floats = np.log(p / (1 - p))
    return logit
