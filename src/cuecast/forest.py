"""A per-pixel classifier fitted on the cues' pixels: what sees texture that the network does not.

Extremely randomised trees (Geurts et al. 2006; scikit-learn) on the encoder's pixel features, as ilastik and Trainable
Weka Segmentation fit a random forest on filter responses. Its say is blended with the decoder's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cuecast.matcher import Shown, known_pixels

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

TREES = 40
DEPTH = 16
SMALLEST_LEAF = 2
CLIP = 0.02
"""Shares of trees are kept this far from 0 and 1, so that no vote of the forest is final."""


def fit_forest(shown: Sequence[Shown]) -> ExtraTreesClassifier | None:
    """Trees that tell the thing's pixels from the rest; None where only one of the two is shown.

    Classes are not balanced: where the thing is rare, a pixel needs more to be taken for it.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    pixels, positive, negative = known_pixels(shown)
    thing = positive >= negative
    if thing.all() or not thing.any():
        return None
    forest = ExtraTreesClassifier(TREES, max_depth=DEPTH, min_samples_leaf=SMALLEST_LEAF, random_state=0)
    return forest.fit(pixels, thing)


def forest_logits(forest: ExtraTreesClassifier, pixel: NDArray[np.float32]) -> NDArray[np.float32]:
    """pixel features (C, h, w) -> logits (1, h, w) of being the thing."""
    C, h, w = pixel.shape
    share = forest.predict_proba(pixel.reshape(C, -1).T)[:, 1].clip(CLIP, 1 - CLIP)
    logits: NDArray[np.float32] = np.log(share / (1 - share)).reshape(1, h, w).astype(np.float32)
    return logits
