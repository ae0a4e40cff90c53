"""From what a large model says of a picture to scores at the picture's own size: own marks, then our refiner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit, logit

from cuecast.core.values import Image, Marks
from cuecast.engine.correction import correct, marked_places, standardise
from cuecast.engine.refiner import Refiner, resize

Array = NDArray[np.float32]

COMPARED = 160
"""Longer side of the picture whose colours tell how far a mark on it reaches, in pixels."""
WIDE = 2.0
"""Deviation of the blur beside the colours themselves, in pixels of that picture."""
LEAST = 1e-3
"""Scores are kept this far from 0 and 1 where marks move them."""


def finish(scores: Array, cls: int, image: Image, own: Sequence[Marks], refiner: Refiner) -> Array:
    """Scores (h, w) in [0, 1] of one class on the whole image -> (H, W), moved by the points and scribbles on that very
    image and following its edges; `refiner` is the image's."""
    # A map that is larger than the image on one side and smaller on the other is brought down first: enlarging alone
    # is smooth.
    h, w = (min(n, most) for n, most in zip(scores.shape, image.size, strict=True))
    return refiner.refine(corrected(resize(scores, (h, w)), cls, image, own))


def corrected(scores: Array, cls: int, image: Image, own: Sequence[Marks]) -> Array:
    """Scores (h, w) in [0, 1] of one class on the whole image, moved by the points and scribbles on that very image:
    each reaches what is near and of its colour."""
    places = np.concatenate([np.empty((0, 3), np.float32), *(marked_places(m, cls) for m in own)])
    if not len(places):
        return scores
    moved: Array = expit(correct(logit(scores.clip(LEAST, 1 - LEAST)), _colours(image), places))
    return moved.astype(np.float32)


def _colours(image: Image) -> Array:
    """(6, h, w): colours of the image, as they are and blurred, standardised."""
    H, W = image.size
    factor = min(1.0, COMPARED / max(H, W))
    size = (max(1, round(H * factor)), max(1, round(W * factor)))
    planes = [resize(image.pixels[..., c].astype(np.float32), size) for c in range(3)]
    return standardise(np.stack([*planes, *(gaussian_filter(p, WIDE) for p in planes)]))
