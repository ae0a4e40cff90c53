"""A per-pixel classifier fitted on the cues' pixels: what sees texture that the network does not.

Extremely randomised trees (Geurts et al. 2006; scikit-learn) on fixed filter responses, as ilastik and Trainable Weka
Segmentation fit a random forest, and on the place in the frame, where it means something. The decoder reads what they
say of each pixel and has learned to correct it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

TREES = 40
DEPTH = 16
SMALLEST_LEAF = 2
CLIP = 0.02
"""Shares of trees are kept this far from 0 and 1, so that no vote of the forest is final."""


def fit_forest(
    pixels: NDArray[np.float32],
    positive: NDArray[np.float32],
    negative: NDArray[np.float32],
    trees: int = TREES,
    jobs: int = 1,
) -> ExtraTreesClassifier | None:
    """Trees that tell the thing's pixels (J, C) from the rest by their weights (J,); None where only one is shown.

    Classes are not balanced here (`cuecast.matcher.known_pixels` thins the larger one where there are many pixels):
    where the thing is rare, a pixel needs more to be taken for it. `jobs` threads grow the same trees as one; -1: all.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    thing = positive >= negative
    if thing.all() or not thing.any():
        return None
    forest = ExtraTreesClassifier(
        trees, max_depth=DEPTH, min_samples_leaf=SMALLEST_LEAF, n_jobs=jobs, random_state=0
    )
    return forest.fit(pixels, thing)


def forest_logits(forest: ExtraTreesClassifier | None, pixel: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the forest was fitted on, (C, h, w) -> logits (1, h, w) of being the thing; 0 everywhere of no forest."""
    C, h, w = pixel.shape
    if forest is None:
        return np.zeros((1, h, w), np.float32)
    # As the forest adds its trees; it would have each of them read a transposed view, and check it.
    rows = np.ascontiguousarray(pixel.reshape(C, -1).T, np.float32)
    votes = sum(tree.predict_proba(rows, check_input=False)[:, 1] for tree in forest.estimators_)
    share = (votes / len(forest.estimators_)).clip(CLIP, 1 - CLIP)
    logits: NDArray[np.float32] = np.log(share / (1 - share)).reshape(1, h, w).astype(np.float32)
    return logits
