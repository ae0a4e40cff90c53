"""What the cues say about each place of a query, in closed form: attention and two ridge heads (numpy).

`learn` keeps what is needed of the cues, `join` adds others, `evidence` reads it out for a query.
`cuecast.training.network.Evidence` is the same computation in torch, so that the features are trained for it; a test
compares the two.

Axis letters: C channels, h and w of a feature map, J cue positions, Q query positions, V value channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Moments = NDArray[np.float64]

MOST_POSITIONS = 6144
"""Cue positions that attention compares a query with, at most; more are thinned on a fixed stride."""
MOST_PIXELS = 12000
"""Cue pixels that the pixel head is fitted on, at most; half of them of the thing."""
MOST_JOINING = 4096
"""The same for cues that join: each query does, and a tenth of a second would count there."""
EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Feature maps of one image or tile of (H, W), float32; see `cuecast.training.network.Features`.

    pixel (C, H/2, W/2), fine (C, H/4, W/4), key, value and context (C, H/8, W/8).
    """

    pixel: Array
    fine: Array
    key: Array
    value: Array
    context: Array


@dataclass(frozen=True, eq=False)
class MatcherWeights:
    """The few learned numbers of the matcher, from the pack.

    temperature (heads,), ridge4 and ridge2 strengths, hidden (D, C) and bias (D,) of the pixel head.
    """

    temperature: Array
    ridge4: float
    ridge2: float
    hidden: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Shown:
    """One cue tile: its features, and the weights (H, W) of 'the thing' and 'not the thing' at each pixel.

    at: what the forest reads of a place beside its filters, (P, H/2, W/2).
    """

    features: FeatureMaps
    positive: Array
    negative: Array
    at: Array


@dataclass(frozen=True, eq=False)
class ClassKnowledge:
    """What is kept of the cues of one class. Arrays as used by `evidence`, and as others can join them (`join`).

    keys (heads, D, J) and carried (J, 2V + 2) of the cue positions: values of the thing and of the rest, weight of the
    thing, weight of both; fine (2, C + 1, C + 1) and hidden (2, D + 1, D + 1): `moments` of what the ridge heads read;
    mean, deviation (C,): standardisation of the pixel head; ridge4 (C + 1,) and ridge2 (D + 1,): the heads.
    """

    keys: Array
    carried: Array
    fine: Moments
    hidden: Moments
    mean: Array
    deviation: Array
    ridge4: Array
    ridge2: Array

    @property
    def share(self) -> float:
        """The share of the thing among the known."""
        thing, rest = self.fine[:, -1, -1]
        return float(thing / (thing + rest + EPSILON))

    @cached_property
    def shares(self) -> tuple[Array, Array]:
        """What each cue position has of the thing and of the rest, (J,) each; both add up to 1."""
        positive, known = self.carried[:, -2], self.carried[:, -1]
        negative = known - positive
        return positive / (positive.sum() + EPSILON), negative / (negative.sum() + EPSILON)


def learn(shown: Sequence[Shown], weights: MatcherWeights) -> ClassKnowledge:
    """Keep what the cues of one class say. At least one pixel must be positive."""
    x, p, n = known_pixels(shown)
    mean, deviation = x.mean(0), np.sqrt(x.var(0) + 1e-4)
    hidden = moments(_hidden(x, mean, deviation, weights), p, n)
    return _solve(*_positions(shown, weights), _fine(shown), hidden, mean, deviation, weights)


def join(known: ClassKnowledge, shown: Sequence[Shown], weights: MatcherWeights) -> ClassKnowledge:
    """What is known with these tiles as further cues; only the standardisation stays that of the first."""
    x, p, n = known_pixels(shown, MOST_JOINING)
    hidden = known.hidden + moments(_hidden(x, known.mean, known.deviation, weights), p, n)
    keys, carried = _positions(shown, weights)
    return _solve(
        np.concatenate([known.keys, keys], 2),
        np.concatenate([known.carried, carried]),
        known.fine + _fine(shown),
        hidden,
        known.mean,
        known.deviation,
        weights,
    )


def _solve(
    keys: Array,
    carried: Array,
    fine: Moments,
    hidden: Moments,
    mean: Array,
    deviation: Array,
    weights: MatcherWeights,
) -> ClassKnowledge:
    ridge4, ridge2 = solve_ridge(fine, weights.ridge4), solve_ridge(hidden, weights.ridge2)
    return ClassKnowledge(keys, carried, fine, hidden, mean, deviation, ridge4, ridge2)


def evidence(
    known: ClassKnowledge, query: FeatureMaps, weights: MatcherWeights
) -> tuple[Array, Array, Array]:
    """What a class's cues say of one query tile.

    Returns attention evidence (E, H/8, W/8), ridge scores (1, H/4, W/4) and pixel scores (1, H/2, W/2), float32;
    scores are near 1 on the thing and near -1 off it.
    """
    at4 = np.tensordot(known.ridge4[:-1], query.fine, 1)[None] + known.ridge4[-1]
    C, h, w = query.pixel.shape
    phi = _hidden(query.pixel.reshape(C, -1).T, known.mean, known.deviation, weights)
    at2 = (phi @ known.ridge2[:-1] + known.ridge2[-1]).reshape(1, h, w)
    return _attend(known, query, weights), at4.astype(np.float32), at2.astype(np.float32)


def known_pixels(
    shown: Sequence[Shown],
    most: int = MOST_PIXELS,
    read: Callable[[Shown], Array] = lambda s: s.features.pixel,
) -> tuple[Array, Array, Array]:
    """What `read` gives, (J, C) at stride 2, where the marks say something, with weights (J,): thing, not the thing.

    Thinned to `most` on a fixed stride, half of them of the thing; those that are kept weigh for the others.
    """
    p, n = _pooled(shown, 2)
    kept, factor = _thin(p, n, most)
    return _flat([read(s) for s in shown], kept), p[kept] * factor, n[kept] * factor


def moments(x: Array, positive: Array, negative: Array) -> Moments:
    """(2, C + 1, C + 1): second moments of the rows of x (J, C), a 1 joined to each, weighted for thing and rest."""
    x1 = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    return np.stack([(x1 * w[:, None]).T @ x1 for w in (positive, negative)]).astype(np.float64)


def solve_ridge(seen: Moments, strength: float) -> Array:
    """Ridge regression of +1 on the thing and -1 on the rest, both counting alike; (C + 1,) float32, the bias last and
    unpenalised."""
    thing, rest = (m / (m[-1, -1] + EPSILON) for m in seen)
    gram = thing + rest
    scale = np.diagonal(gram)[:-1].mean()
    penalty = np.full(len(gram), strength * scale + 1e-5)
    penalty[-1] *= 1e-3
    return np.linalg.solve(gram + np.diag(penalty), thing[:, -1] - rest[:, -1]).astype(np.float32)


def pool(weights: Array, stride: int) -> Array:
    """Mean over squares of `stride` pixels; sides must be multiples of it."""
    H, W = weights.shape
    pooled: Array = weights.reshape(H // stride, stride, W // stride, stride).mean((1, 3), dtype=np.float32)
    return pooled


def _positions(shown: Sequence[Shown], weights: MatcherWeights) -> tuple[Array, Array]:
    """Keys and carried values of the cue positions at stride 8, thinned where there are many."""
    heads = len(weights.temperature)
    p, n = _pooled(shown, 8)
    kept, factor = _thin(p, n, MOST_POSITIONS)
    key, value = (_flat([getattr(s.features, name) for s in shown], kept) for name in ("key", "value"))
    p, n = p[kept] * factor, n[kept] * factor
    carried = np.concatenate([value * p[:, None], value * n[:, None], p[:, None], (p + n)[:, None]], 1)
    return np.ascontiguousarray(key.reshape(len(key), heads, -1).transpose(1, 2, 0)), carried


def _fine(shown: Sequence[Shown]) -> Moments:
    return moments(_flat([s.features.fine for s in shown]), *_pooled(shown, 4))


def _thin(positive: Array, negative: Array, most: int) -> tuple[NDArray[np.intp], Array]:
    """Ascending indices of at most `most` known entries, half of them positive, and what each now counts for."""
    known = np.flatnonzero(positive + negative > 0)
    if len(known) <= most:
        return known, np.ones(len(known), np.float32)
    is_thing = positive[known] > 0
    parts = [known[is_thing], known[~is_thing]]
    room = min(max(most // 2, most - len(parts[1])), len(parts[0]))
    chosen, factors = [], []
    for part, count in zip(parts, (room, most - room), strict=True):
        taken = part if len(part) <= count else part[np.linspace(0, len(part) - 1, count).astype(np.intp)]
        chosen.append(taken)
        factors.append(np.full(len(taken), len(part) / max(len(taken), 1), np.float32))
    kept = np.concatenate(chosen)
    order = np.argsort(kept)
    return kept[order], np.concatenate(factors)[order]


def _attend(known: ClassKnowledge, query: FeatureMaps, weights: MatcherWeights) -> Array:
    """(E, h, w): per head the share of the thing among alike cue places, likeness to the thing, likeness to the
    rest; then the coded fraction of the thing and the values carried from the alike places."""
    C, h, w = query.key.shape
    heads = len(weights.temperature)
    flat = query.key.reshape(heads, C // heads, h * w)
    out, means = [], []
    for head in range(heads):
        t = float(weights.temperature[head])
        alike = flat[head].T @ known.keys[head]
        alike -= 1
        alike *= t
        np.exp(alike, out=alike)
        sums = alike @ known.carried
        sums = sums[:, :-1] / (sums[:, -1:] + EPSILON)
        like, unlike = (np.log(alike @ share + EPSILON) / t + 1 for share in known.shares)
        out += [sums[:, -1], like, unlike]
        means.append(sums[:, :-1])
    fraction = np.log(known.share + 1e-3) / 4 + 1
    out.append(np.full(h * w, fraction, np.float32))
    stacked = np.concatenate([np.stack(out, 1), sum(means) / heads], 1)
    return np.ascontiguousarray(stacked.T.reshape(-1, h, w), np.float32)


def _hidden(x: Array, mean: Array, deviation: Array, weights: MatcherWeights) -> Array:
    """Rows (J, C) of pixel features -> (J, D) hidden units."""
    z: Array = np.clip((x - mean) / deviation, -5, 5) @ weights.hidden.T
    z += weights.bias
    np.maximum(z, 0, out=z)
    return z


def _flat(maps: Sequence[Array], kept: NDArray[np.intp] | None = None) -> Array:
    """Feature maps (C, h, w) of several tiles as rows (J, C); only those at `kept` (ascending) where given."""
    if kept is None:
        return np.concatenate([m.reshape(len(m), -1).T for m in maps])
    rows, start = [], 0
    for m in maps:
        count = m.shape[1] * m.shape[2]
        here = kept[(kept >= start) & (kept < start + count)] - start
        rows.append(m.reshape(len(m), -1)[:, here].T)
        start += count
    return np.concatenate(rows)


def _pooled(shown: Sequence[Shown], stride: int) -> tuple[Array, Array]:
    """Positive and negative weights of all tiles at a stride, flat (J,)."""
    return (
        np.concatenate([pool(s.positive, stride).ravel() for s in shown]),
        np.concatenate([pool(s.negative, stride).ravel() for s in shown]),
    )
