"""A per-pixel classifier fitted on the cues' pixels: what sees texture that the network does not.

Extremely randomised trees (Geurts et al. 2006; scikit-learn) on fixed filter responses, as ilastik and Trainable Weka
Segmentation fit a random forest, and on the place in the frame, where it means something. One forest tells all classes
and the rest apart. The decoder reads what it says of each pixel and has learned to correct it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

TREES = 40
DEPTH = 16
SMALLEST_LEAF = 2
CLIP = 0.02
"""Shares of trees are kept this far from 0 and 1, so that no vote of the forest is final."""


@dataclass(frozen=True, eq=False)
class Forest:
    """trees: those of scikit-learn; shares: what each says in each of its nodes, (nodes, K); knows (K,): which of the
    classes it was shown."""

    trees: tuple[Any, ...]
    shares: tuple[NDArray[np.float64], ...]
    knows: NDArray[np.bool_]

    def only(self, classes: Sequence[int]) -> Forest:
        """The same trees, asked for some of the classes."""
        rows = list(classes)
        return replace(
            self, shares=tuple(np.ascontiguousarray(s[:, rows]) for s in self.shares), knows=self.knows[rows]
        )


def fit_forest(
    pixels: NDArray[np.float32],
    positive: NDArray[np.float32],
    negative: NDArray[np.float32],
    trees: int = TREES,
    jobs: int = 1,
) -> Forest | None:
    """Trees that tell pixels (J, C) of things from each other and from the rest by their weights (K, J), or (J,) of one
    class; None where only one kind is shown.

    Classes are not balanced here (`cuecast.engine.matcher.known_pixels` thins the larger ones where there are many
    pixels): where a thing is rare, a pixel needs more to be taken for it. `jobs` threads grow the same trees as one;
    -1: all.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    p, n = np.atleast_2d(positive), np.atleast_2d(negative)
    claimed = np.where((p >= n) & (p > 0), p, -1)
    kind = np.where(claimed.max(0) > 0, claimed.argmax(0) + 1, 0)
    shown = np.unique(kind).tolist()
    if len(shown) < 2:
        return None
    forest = ExtraTreesClassifier(
        trees, max_depth=DEPTH, min_samples_leaf=SMALLEST_LEAF, n_jobs=jobs, random_state=0
    ).fit(pixels, kind)
    knows = np.array([k in shown for k in range(1, len(p) + 1)])
    grown = tuple(tree.tree_ for tree in forest.estimators_)
    shares = []
    for tree in grown:
        share = np.zeros((tree.node_count, len(p) + 1))
        share[:, shown] = tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True)
        shares.append(np.ascontiguousarray(share[:, 1:]))
    return Forest(grown, tuple(shares), knows)


def forest_logits(forest: Forest | None, pixel: NDArray[np.float32], classes: int = 1) -> NDArray[np.float32]:
    """What the forest was fitted on, (C, h, w) -> logits (K, h, w) of being each thing; 0 of what it does not know, and
    everywhere of no forest, which has no say on any of `classes`."""
    C, h, w = pixel.shape
    if forest is None:
        return np.zeros((classes, h, w), np.float32)
    rows = np.ascontiguousarray(pixel.reshape(C, -1).T, np.float32)
    votes = np.zeros((len(rows), len(forest.knows)))
    for tree, said in zip(forest.trees, forest.shares, strict=True):
        votes += said.take(tree.apply(rows), 0)
    share = (votes.T / len(forest.trees)).clip(CLIP, 1 - CLIP)
    share[~forest.knows] = 0.5
    logits: NDArray[np.float32] = np.log(share / (1 - share)).reshape(-1, h, w).astype(np.float32)
    return logits
