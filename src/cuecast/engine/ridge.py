"""Ridge regression of +1 on the thing and -1 on the rest, in closed form, for K classes on the same features (numpy).

What is kept are second moments of the features, so that others can join without the first ones' features. How well
a regression holds is asked of the cues themselves: of all that it was fitted on, and of each when it was fitted on the
others.

Axis letters: J places, D features, K classes. `cuecast.training.network` has the same in torch; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Moments = NDArray[np.float64]

FOLDS = 4
"""Cues are left out one by one up to this number, then in this many parts."""
LEAST = 1e-3
"""Weight of the thing and of the rest that a part must leave to the others."""
EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Ridge:
    """seen (K, 2, D + 1, D + 1): `moments`; strength of the penalty; beta (K, D + 1): the weights, the bias last."""

    seen: Moments
    strength: float
    beta: Array

    @classmethod
    def from_moments(cls, seen: Moments, strength: float) -> Ridge:
        """Solve the regressions of all classes."""
        return cls(seen, strength, solve_ridge(seen, strength))

    def join(self, x: Array, positive: Array, negative: Array) -> Ridge:
        """The regression that has seen these places (J, D), weights (K, J), as well."""
        return Ridge.from_moments(self.seen + moments(x, positive, negative), self.strength)

    def only(self, classes: Sequence[int]) -> Ridge:
        """The regressions of some classes."""
        rows = list(classes)
        return replace(self, seen=self.seen[rows], beta=self.beta[rows])

    def read(self, x: Array) -> Array:
        """Scores (K, J) of places (J, D): near 1 on the thing and near -1 off it."""
        scores: Array = self.beta[:, :-1] @ x.T + self.beta[:, -1:]
        return scores

    def variance(self, x: Array) -> Array:
        """log(1 + posterior variance), (K, J), of places (J, D): large where one is like nothing in the cues."""
        columns = np.concatenate([x.T, np.ones((1, len(x)), np.float32)])
        spread = [np.einsum("ij,ij->j", z, z) for z in (root @ columns for root in self._whitening)]
        variance: Array = np.log1p(np.stack(spread))
        return variance

    @cached_property
    def _whitening(self) -> Array:
        """(K, D + 1, D + 1): W with W'W the inverse of each penalised matrix of second moments."""
        return np.linalg.inv(np.linalg.cholesky(_penalised(self.seen, self.strength))).astype(np.float32)


def fit_ridge(
    x: Array, positive: Array, negative: Array, fold: NDArray[np.intp], strength: float
) -> tuple[Ridge, Array, Array]:
    """The regressions on places (J, D) with weights (K, J), and how well they hold, (K,) each: `fit` and `loo`.

    Both are half of what the mean score of the thing is above that of the rest, scores taken within -1 and 1. For
    `loo` the cues of each `fold` (J,) are scored by the regression on the others; it is 0 where there are no others,
    or where they lack the thing or the rest.
    """
    parts = [fold == f for f in np.unique(fold)]
    seen = [moments(x[f], positive[:, f], negative[:, f]) for f in parts]
    ridge = Ridge.from_moments(np.sum(seen, 0), strength)
    fit = _balanced(ridge.read(x), positive, negative)
    if len(parts) < 2:
        return ridge, fit, np.zeros_like(fit)
    scores, whole = np.empty_like(positive), np.ones(len(positive), bool)
    for part, own in zip(parts, seen, strict=True):
        others = ridge.seen - own
        whole &= (others[:, :, -1, -1] > LEAST).all(1)
        scores[:, part] = Ridge.from_moments(others, strength).read(x[part])
    return ridge, fit, _balanced(scores, positive, negative) * whole


def moments(x: Array, positive: Array, negative: Array) -> Moments:
    """(K, 2, D + 1, D + 1): second moments of the rows of x (J, D), a 1 joined to each, weighted (K, J) for thing and
    rest.

    Where what is not the one class is the rest for it, as in complete masks, the rest of each is all that is known
    less the thing: of ten classes all are summed once, and each place once more.
    """
    x1 = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    known = positive + negative
    of_all = known[0]
    if len(positive) > 1 and np.allclose(known, of_all, atol=1e-6):
        total = _weighted(x1, of_all)
        things = np.stack([_weighted(x1, w) for w in positive])
        return np.stack([things, total - things], 1)
    return np.stack(
        [np.stack([_weighted(x1, w) for w in pair]) for pair in zip(positive, negative, strict=True)]
    )


def solve_ridge(seen: Moments, strength: float) -> Array:
    """The weights (K, D + 1) float32 of `moments`, thing and rest counting alike; the bias comes last, unpenalised."""
    thing, rest = _shares(seen)
    beta = np.linalg.solve(_penalised(seen, strength), (thing - rest)[..., -1:])[..., 0]
    return beta.astype(np.float32)


def _shares(seen: Moments) -> tuple[Moments, Moments]:
    """Moments a unit of weight, (K, D + 1, D + 1) of the thing and of the rest."""
    shares = seen / (seen[:, :, -1:, -1:] + EPSILON)
    return shares[:, 0], shares[:, 1]


def _penalised(seen: Moments, strength: float) -> Moments:
    gram: Moments = np.add(*_shares(seen))
    *_, count = gram.shape
    scale = np.diagonal(gram, axis1=1, axis2=2)[:, :-1].mean(1)
    penalty = np.repeat((strength * scale + 1e-5)[:, None], count, 1)
    penalty[:, -1] *= 1e-3
    gram[:, np.arange(count), np.arange(count)] += penalty
    return gram


def _weighted(x1: Array, weights: Array) -> Moments:
    """(D + 1, D + 1): the sum over rows of x1 (J, D + 1), each with its weight."""
    rows = np.flatnonzero(weights)
    seen = x1[rows]
    return ((seen * weights[rows, None]).T @ seen).astype(np.float64)


def _balanced(scores: Array, positive: Array, negative: Array) -> Array:
    clipped = scores.clip(-1, 1)
    means = [(clipped * w).sum(1) / (w.sum(1) + EPSILON) for w in (positive, negative)]
    apart: Array = ((means[0] - means[1]) / 2).astype(np.float32)
    return apart
