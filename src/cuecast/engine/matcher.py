"""What the cues say about each place of a query, in closed form: attention and ridge heads (numpy), for all classes.

`learn` keeps what is needed of the cues, `join` adds others, `evidence` reads it out for a query.
`cuecast.training.network.Evidence` is the same computation in torch, so that the features are trained for it; a test
compares the two.

Axis letters: C channels, h and w of a feature map, J cue positions, Q query positions, V value channels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import PackError, cause
from cuecast.engine.ridge import EPSILON, FOLDS, Ridge, fit_ridge

Array = NDArray[np.float32]
Indices = NDArray[np.intp]

MOST_POSITIONS = 6144
"""Cue positions that attention compares a query with, at most; more are thinned on a fixed stride."""
MOST_PIXELS = 12000
"""Cue pixels that the pixel head is fitted on, at most; half of them of things."""
MOST_JOINING = 4096
"""The same for cues that join: each query does, and a tenth of a second would count there."""


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Feature maps of one image or tile of (H, W), float32; see `cuecast.training.network.Features`.

    pixel (C, H/2, W/2), fine (C, H/4, W/4), key, value, context and semantic (C, H/8, W/8).
    """

    pixel: Array
    fine: Array
    key: Array
    value: Array
    context: Array
    semantic: Array

    @property
    def moments(self) -> Array:
        """(3, C): sum, sum of squares and number of the pixel features."""
        count = np.full(len(self.pixel), self.pixel[0].size, np.float32)
        return np.stack([self.pixel.sum((1, 2)), (self.pixel**2).sum((1, 2)), count])


def look_of(moments: Sequence[Array]) -> Array:
    """(2, C): mean and deviation of the pixel features over all tiles, from the `moments` (3, C) of each."""
    total, squares, count = np.stack(moments).sum(0, dtype=np.float64)
    mean, square = total / count, squares / count
    return np.stack([mean, np.sqrt(np.maximum(square - mean**2, 0))]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class MatcherWeights:
    """The few learned numbers of the matcher, from the pack.

    temperature (heads,); ridge8, ridge4 and ridge2: strengths of the closed-form heads at these strides; hidden (D, C)
    and bias (D,) of the pixel head.
    """

    temperature: Array
    ridge8: float
    ridge4: float
    ridge2: float
    hidden: Array
    bias: Array

    @classmethod
    def read(cls, path: Path) -> MatcherWeights:
        """The numbers in matcher.npz. Raises PackError."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                ridge8, ridge4, ridge2 = (float(stored[f"ridge{stride}"]) for stride in (8, 4, 2))
                return cls(stored["temperature"], ridge8, ridge4, ridge2, stored["hidden"], stored["bias"])
        except (OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError) as error:
            what = f"its numbers cannot be read ({cause(error)})"
            raise PackError(what, path.name, "install the pack again") from error


@dataclass(frozen=True, eq=False)
class CueTile:
    """One cue tile: its features, and the weights of 'the thing' and 'not the thing' at each pixel, (K, H, W), or
    (H, W) of a single class.

    at: what the forest reads of a place beside its filters, (P, H/2, W/2); cue: which cue it is a tile of, from 0.
    """

    features: FeatureMaps
    positive: Array
    negative: Array
    at: Array
    cue: int = 0


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is kept of the cues of K classes.

    keys (heads, D, J) and carried (J, K, 2V + 2) of the cue positions: values of the thing and of the rest, weight of
    the thing, weight of the rest; ridge8, ridge4, ridge2: the heads; mean, deviation (C,): standardisation of the pixel
    head; agreement (K, 7): `fit` and `loo` of the three heads and log2(cues) / 4.
    """

    keys: Array
    carried: Array
    ridge8: Ridge
    ridge4: Ridge
    ridge2: Ridge
    mean: Array
    deviation: Array
    agreement: Array

    @property
    def share(self) -> Array:
        """The share of each thing among the known, (K,)."""
        thing, rest = self.ridge4.seen[:, :, -1, -1].T
        share: Array = (thing / (thing + rest + EPSILON)).astype(np.float32)
        return share

    def only(self, classes: Sequence[int]) -> Knowledge:
        """What is known of some of the classes."""
        rows = list(classes)
        return replace(
            self,
            carried=np.ascontiguousarray(self.carried[:, rows]),
            ridge8=self.ridge8.only(rows),
            ridge4=self.ridge4.only(rows),
            ridge2=self.ridge2.only(rows),
            agreement=self.agreement[rows],
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the cues of K classes say of one query tile, float32; the scores are near 1 on the thing and near -1 off it.

    evidence8 (K, E, H/8, W/8) of attention; ridge8 (K, 2, H/8, W/8): score and log(1 + variance); ridge4
    (K, 1, H/4, W/4), ridge2 (K, 1, H/2, W/2); agreement (K, 7) as in `Knowledge`.
    """

    evidence8: Array
    ridge8: Array
    ridge4: Array
    ridge2: Array
    agreement: Array


def learn(shown: Sequence[CueTile], weights: MatcherWeights) -> Knowledge:
    """Keep what the cues of all classes say. At least one pixel must be positive of each."""
    kept, p2, n2 = _thinned(shown, 2, MOST_PIXELS)
    x = _flat([s.features.pixel for s in shown], kept)
    mean, deviation = x.mean(0), np.sqrt(x.var(0) + 1e-4)
    semantic, fine = (_flat([getattr(s.features, name) for s in shown]) for name in ("semantic", "fine"))
    ridge8, *told8 = fit_ridge(semantic, *_pooled(shown, 8), _folds(shown, 8), weights.ridge8)
    ridge4, *told4 = fit_ridge(fine, *_pooled(shown, 4), _folds(shown, 4), weights.ridge4)
    hidden = _hidden(x, mean, deviation, weights)
    ridge2, *told2 = fit_ridge(hidden, p2, n2, _folds(shown, 2)[kept], weights.ridge2)
    fits, loos = zip(told8, told4, told2, strict=True)
    agreement = np.stack([*fits, *loos, np.log2(_count_cues(shown)) / 4], 1).astype(np.float32)
    return Knowledge(*_positions(shown, weights), ridge8, ridge4, ridge2, mean, deviation, agreement)


def join(known: Knowledge, shown: Sequence[CueTile], weights: MatcherWeights) -> Knowledge:
    """What is known with these tiles as further cues; standardisation and agreement stay those of the first.

    Thinned alike for all classes, so that each learns the same beside others as alone.
    """
    kept, p2, n2 = _thinned(shown, 2, MOST_JOINING, evenly=True)
    x = _flat([s.features.pixel for s in shown], kept)
    keys, carried = _positions(shown, weights, evenly=True)
    return replace(
        known,
        keys=np.concatenate([known.keys, keys], 2),
        carried=np.concatenate([known.carried, carried]),
        ridge8=known.ridge8.join(_flat([s.features.semantic for s in shown]), *_pooled(shown, 8)),
        ridge4=known.ridge4.join(_flat([s.features.fine for s in shown]), *_pooled(shown, 4)),
        ridge2=known.ridge2.join(_hidden(x, known.mean, known.deviation, weights), p2, n2),
    )


def evidence(
    known: Knowledge, query: FeatureMaps, weights: MatcherWeights, hidden: Array | None = None
) -> Evidence:
    """What the cues say of one query tile; `hidden`: its `hidden_units` (H, h, w), where they were computed before."""
    phi = hidden_units(known, query, weights) if hidden is None else hidden
    K = known.carried.shape[1]
    places = _rows(query.semantic)
    both = np.stack([known.ridge8.read(places), known.ridge8.variance(places)], 1)
    at8 = both.reshape(K, 2, *query.semantic.shape[1:]).astype(np.float32)
    at4 = known.ridge4.read(_rows(query.fine)).reshape(K, 1, *query.fine.shape[1:])
    at2 = known.ridge2.read(phi).reshape(K, 1, *query.pixel.shape[1:])
    return Evidence(_attend(known, query, weights), at8, at4, at2, known.agreement)


def hidden_units(known: Knowledge, query: FeatureMaps, weights: MatcherWeights) -> Array:
    """What the pixel head reads of a tile, (Q, D): the same for all classes, and whatever joins the cues."""
    return _hidden(_rows(query.pixel), known.mean, known.deviation, weights)


def known_pixels(
    shown: Sequence[CueTile],
    most: int = MOST_PIXELS,
    read: Callable[[CueTile], Array] = lambda s: s.features.pixel,
) -> tuple[Array, Array, Array]:
    """What `read` gives, (J, C) at stride 2, where the marks say something, with weights (K, J): thing, not the thing.

    Thinned to `most` on a fixed stride, half of them of things; those that are kept weigh for the others.
    """
    kept, p, n = _thinned(shown, 2, most)
    return _flat([read(s) for s in shown], kept), p, n


def pool(weights: Array, stride: int) -> Array:
    """Means over squares of `stride` pixels of (..., H, W); sides must be multiples of it."""
    *lead, H, W = weights.shape
    squares = weights.reshape(*lead, H // stride, stride, W // stride, stride)
    pooled: Array = squares.mean((-3, -1), dtype=np.float32)
    return pooled


def _positions(
    shown: Sequence[CueTile], weights: MatcherWeights, evenly: bool = False
) -> tuple[Array, Array]:
    """Keys and carried values of the cue positions at stride 8, thinned where there are many."""
    heads = len(weights.temperature)
    kept, p, n = _thinned(shown, 8, MOST_POSITIONS, evenly)
    key, value = (_flat([getattr(s.features, name) for s in shown], kept) for name in ("key", "value"))
    p, n = p.T[:, :, None], n.T[:, :, None]
    carried = np.concatenate([value[:, None] * p, value[:, None] * n, p, n], 2)
    return np.ascontiguousarray(key.reshape(len(key), heads, -1).transpose(1, 2, 0)), carried


def _thinned(
    shown: Sequence[CueTile], stride: int, most: int, evenly: bool = False
) -> tuple[Indices, Array, Array]:
    """Indices (J,) of at most `most` known places of all tiles, and their weights (K, J) with what each counts for."""
    p, n = _pooled(shown, stride)
    kept, factor = _thin(p, n, most, evenly)
    return kept, p[:, kept] * factor, n[:, kept] * factor


def _thin(positive: Array, negative: Array, most: int, evenly: bool = False) -> tuple[Indices, Array]:
    """Ascending indices of at most `most` known places of weights (K, J), and what each now counts for.

    Half of them are of things, as far as these and the rest reach, and things share their half alike; `evenly`: every
    place has the same chance.
    """
    known = np.flatnonzero((positive + negative > 0).any(0))
    shown, of_rest = positive[:, known], len(positive)
    kind = np.zeros(len(known), np.intp) if evenly else np.where(shown.any(0), shown.argmax(0), of_rest)
    *things, rest = (known[kind == k] for k in range(of_rest + 1))
    room = min(max(most // 2, most - len(rest)), sum(map(len, things)))
    counts = [*_deal(room, [len(t) for t in things]), most - room]
    chosen, factors = [], []
    for part, count in zip([*things, rest], counts, strict=True):
        taken = part[np.linspace(0, len(part) - 1, min(len(part), count)).astype(np.intp)]
        chosen.append(taken)
        factors.append(np.full(len(taken), len(part) / max(len(taken), 1), np.float32))
    kept = np.concatenate(chosen)
    order = np.argsort(kept)
    return kept[order], np.concatenate(factors)[order]


def _deal(room: int, wanted: Sequence[int]) -> list[int]:
    """`room` (at most the sum of what is wanted) dealt alike: none gets more than it wants, what is left goes on."""
    dealt = {}
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    for left, k in zip(range(len(order), 0, -1), order, strict=True):
        dealt[k] = min(wanted[k], room // left)
        room -= dealt[k]
    return [dealt[k] for k in range(len(wanted))]


def _attend(known: Knowledge, query: FeatureMaps, weights: MatcherWeights) -> Array:
    """(K, E, h, w): per head the share of the thing among alike cue places, likeness to the thing, likeness to the
    rest; then the coded fraction of the thing and the values carried from the alike places."""
    C, h, w = query.key.shape
    heads = len(weights.temperature)
    J, K, _ = known.carried.shape
    flat = query.key.reshape(heads, C // heads, h * w)
    columns = known.carried.reshape(J, -1)
    sides = known.carried[:, :, -2:].sum(0) + EPSILON
    out, means = [], []
    for head in range(heads):
        t = float(weights.temperature[head])
        alike = flat[head].T @ known.keys[head]
        alike -= 1
        alike *= t
        np.exp(alike, out=alike)
        sums = (alike @ columns).reshape(h * w, K, -1)
        likeness = np.log(sums[:, :, -2:] / sides + EPSILON) / t + 1
        near = sums[:, :, -2:].sum(2, keepdims=True) + EPSILON
        out += [sums[:, :, -2:-1] / near, likeness]
        means.append(sums[:, :, :-2] / near)
    fraction = np.log(known.share + 1e-3) / 4 + 1
    out.append(np.broadcast_to(fraction[:, None], (h * w, K, 1)))
    stacked = np.concatenate([*out, sum(means) / heads], 2)
    return np.ascontiguousarray(stacked.transpose(1, 2, 0).reshape(K, -1, h, w), np.float32)


def _hidden(x: Array, mean: Array, deviation: Array, weights: MatcherWeights) -> Array:
    """Rows (J, C) of pixel features -> (J, D) hidden units."""
    z: Array = np.clip((x - mean) / deviation, -5, 5) @ weights.hidden.T
    z += weights.bias
    np.maximum(z, 0, out=z)
    return z


def _flat(maps: Sequence[Array], kept: Indices | None = None) -> Array:
    """Feature maps (C, h, w) of several tiles as rows (J, C); only those at `kept` (ascending) where given."""
    if kept is None:
        return np.concatenate([_rows(m) for m in maps])
    rows, start = [], 0
    for m in maps:
        count = m.shape[1] * m.shape[2]
        here = kept[(kept >= start) & (kept < start + count)] - start
        rows.append(m.reshape(len(m), -1)[:, here].T)
        start += count
    return np.concatenate(rows)


def _rows(maps: Array) -> Array:
    """A feature map (C, h, w) as rows (J, C)."""
    return maps.reshape(len(maps), -1).T


def _pooled(shown: Sequence[CueTile], stride: int) -> tuple[Array, Array]:
    """Positive and negative weights of all tiles at a stride, (K, J) each."""
    positive, negative = (
        np.concatenate([_planes(pool(w, stride)) for w in side], 1)
        for side in ([s.positive for s in shown], [s.negative for s in shown])
    )
    return positive, negative


def _planes(weights: Array) -> Array:
    """(K, h, w), or (h, w) of a single class, as (K, h w)."""
    return weights.reshape(1 if weights.ndim == 2 else len(weights), -1)


def _folds(shown: Sequence[CueTile], stride: int) -> Indices:
    """For each place of all tiles at a stride, (J,), the part of the cues that is left out with it."""
    shapes = [[n // stride for n in s.positive.shape[-2:]] for s in shown]
    return np.concatenate([np.full(h * w, s.cue % FOLDS) for s, (h, w) in zip(shown, shapes, strict=True)])


def _count_cues(shown: Sequence[CueTile]) -> NDArray[np.intp]:
    """The number of cues that say something of each class, (K,), at least 1."""
    told = [(s.cue, _planes(s.positive).any(1) | _planes(s.negative).any(1)) for s in shown]
    cues = {cue for cue, _ in told}
    said = [np.any([known for c, known in told if c == cue], axis=0) for cue in cues]
    count: NDArray[np.intp] = np.maximum(np.sum(said, axis=0), 1)
    return count
