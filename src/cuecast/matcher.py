"""What the cues say about each place of a query, in closed form: attention and two ridge heads (numpy).

`learn` keeps what is needed of the cues, `evidence` reads it out for a query. `cuecast.training.network.Evidence` is
the same computation in torch, so that the features are trained for it; a test compares the two.

Axis letters: C channels, h and w of a feature map, J cue positions, Q query positions, V value channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MOST_POSITIONS = 6144
"""Cue positions that attention compares a query with, at most; more are thinned on a fixed stride."""
MOST_PIXELS = 12000
"""Cue pixels that the pixel head is fitted on, at most; half of them of the thing."""
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
    """What is kept of the cues of one class. Arrays as used by `evidence`.

    keys (heads, D, J), carried (J, 2V + 2), positive and negative (J,) shares; ridge4 (C + 1,); mean, deviation (C,)
    and ridge2 (D + 1,) of the pixel head; fraction: the coded share of the thing among the known.
    """

    keys: Array
    carried: Array
    positive: Array
    negative: Array
    fraction: float
    ridge4: Array
    mean: Array
    deviation: Array
    ridge2: Array

    @property
    def share(self) -> float:
        """The share of the thing among the known."""
        return float(np.exp(4 * (self.fraction - 1)) - 1e-3)


def learn(shown: Sequence[Shown], weights: MatcherWeights) -> ClassKnowledge:
    """Keep what the cues of one class say. At least one pixel must be positive."""
    keys, carried, p8, n8, fraction = _positions(shown, len(weights.temperature))
    x = _flat([s.features.fine for s in shown])
    p4, n4 = _pooled(shown, 4)
    ridge4 = solve_ridge(x, p4 / (p4.sum() + EPSILON), n4 / (n4.sum() + EPSILON), weights.ridge4)
    mean, deviation, ridge2 = _pixel_head(shown, weights)
    return ClassKnowledge(keys, carried, p8, n8, fraction, ridge4, mean, deviation, ridge2)


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

    Thinned to `most` on a fixed stride, half of them of the thing.
    """
    p, n = _pooled(shown, 2)
    kept, _ = _thin(p, n, most)
    return _flat([read(s) for s in shown], kept), p[kept], n[kept]


def solve_ridge(x: Array, positive: Array, negative: Array, strength: float) -> Array:
    """Ridge regression of +1 / -1 on the rows of x (J, C), weighted; (C + 1,) float32, the bias last, unpenalised."""
    x1 = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    gram = ((x1 * (positive + negative)[:, None]).T @ x1).astype(np.float64)
    scale = np.diagonal(gram)[:-1].mean()
    penalty = np.full(len(gram), strength * scale + 1e-5)
    penalty[-1] *= 1e-3
    target = (x1.T @ (positive - negative)).astype(np.float64)
    return np.linalg.solve(gram + np.diag(penalty), target).astype(np.float32)


def pool(weights: Array, stride: int) -> Array:
    """Mean over squares of `stride` pixels; sides must be multiples of it."""
    H, W = weights.shape
    pooled: Array = weights.reshape(H // stride, stride, W // stride, stride).mean((1, 3), dtype=np.float32)
    return pooled


def _positions(shown: Sequence[Shown], heads: int) -> tuple[Array, Array, Array, Array, float]:
    """Keys, carried values and shares of the cue positions at stride 8, thinned where there are many."""
    p, n = _pooled(shown, 8)
    fraction = float(np.log(p.sum() / ((p + n).sum() + EPSILON) + 1e-3) / 4 + 1)
    key, value = _flat([s.features.key for s in shown]), _flat([s.features.value for s in shown])
    kept, factor = _thin(p, n, MOST_POSITIONS)
    p, n, key, value = p[kept] * factor, n[kept] * factor, key[kept], value[kept]
    carried = np.concatenate([value * p[:, None], value * n[:, None], p[:, None], (p + n)[:, None]], 1)
    keys = np.ascontiguousarray(key.reshape(len(key), heads, -1).transpose(1, 2, 0))
    return keys, carried, p / (p.sum() + EPSILON), n / (n.sum() + EPSILON), fraction


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
        like = np.log(alike @ known.positive + EPSILON) / t + 1
        unlike = np.log(alike @ known.negative + EPSILON) / t + 1
        out += [sums[:, -1], like, unlike]
        means.append(sums[:, :-1])
    out.append(np.full(h * w, known.fraction, np.float32))
    stacked = np.concatenate([np.stack(out, 1), sum(means) / heads], 1)
    return np.ascontiguousarray(stacked.T.reshape(-1, h, w), np.float32)


def _pixel_head(shown: Sequence[Shown], weights: MatcherWeights) -> tuple[Array, Array, Array]:
    """Standardisation and ridge weights of the pixel head, fitted on the known pixels at stride 2."""
    x, p, n = known_pixels(shown)
    mean = x.mean(0)
    deviation = np.sqrt(x.var(0) + 1e-4)
    phi = _hidden(x, mean, deviation, weights)
    return mean, deviation, solve_ridge(phi, p / (p.sum() + EPSILON), n / (n.sum() + EPSILON), weights.ridge2)


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
