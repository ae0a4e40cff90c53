"""What a class's objects are like, learned from the cues, and a mask told apart by it.

    learn_splitter: objects of the cues --> depth --> trees of fragments --> which nodes are objects, by their figures
    Splitter.split: a query's mask      --> depth --> tree of fragments  --> the nodes that are worth most together

What says of a node whether it is an object has seen nodes of the cues' own pictures, with depth by trees that had not
seen that part of the cues, on two masks each: the cue's own, and the worse one that the depth itself gives, in which
things grow together and fall apart as they do in answers. The same parts, left out, choose how much the learned depth
counts beside the distance to the mask's border, and how readily a connected piece is left whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.engine.depth import (
    RADIUS,
    Rows,
    Shown,
    Trees,
    grow_trees,
    padded,
    predict_depth,
    read_rows,
    shrunk_labels,
    working_size,
    working_zoom,
)
from cuecast.engine.merge_tree import Tree, grow, shown_forms
from cuecast.engine.refiner import resize

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Labels = NDArray[np.int32]
Pixels = NDArray[np.uint8]

FOLDS = 3
"""Parts of the cues that are left out in turn."""
SHARES = (0.5, 1.0)
"""Of the learned depth in the hills; the rest is the distance to the mask's border."""
EXTRAS = (0.3, 0.15, 0.0)
"""Worth added to a node that is a whole connected piece."""
PRICE, PRICES = 0.3, (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
"""What an object costs at first, and what it may cost in the end: that of which most is met and the number is right.
The F-measure is greatest where an object counts from a chance of half of the F-measure on."""
COUNTED = 0.5
"""How much the number's error counts beside the F-measure, where the price is chosen."""
MET = 0.5
"""IoU from which a node is an object of the cue."""
CLEARLY = 0.02
"""A choice must do better by more than this than the simpler ones before it."""
APART = 4 / 3
"""Radii between two seeds of the plain watershed, as CellProfiler has it."""
MOST_OBJECTS = 1000
"""Objects of all cues that are looked at, at most."""
TRIAL_TREES, WORTH_TREES = 8, 30
NODES = 6000
"""Nodes that are learned from, at most."""
SMOOTH, SHALLOW = 0.7, 0.05
"""Of a mask that depth gives: sigma in pixels, and depth below which nothing is taken for a thing."""


@dataclass(frozen=True, eq=False)
class Splitter:
    """What the cues show of the objects of one class.

    radius  pixels from the core of a usual object to its border, in a cue's picture.
    depth   trees: filters of a pixel -> its depth (`cuecast.engine.depth`).
    usual   (3,): logarithms of area, short and long axis of a usual object, in working pixels.
    worth   trees: figures of a node -> chance that it is an object, and its IoU with one.
    share   of the learned depth in the hills; extra: worth added to whole pieces; price: what an object costs.
    """

    radius: float
    depth: Trees
    usual: NDArray[np.float64]
    worth: Trees
    share: float
    extra: float
    price: float = PRICE

    def split(
        self, pixels: Pixels, thing: Bools, scale: float = 1.0, depth: Floats | None = None
    ) -> tuple[Labels, Floats]:
        """(ids (H, W) int32 from 1, 0 outside the mask; (n,) the IoU to be expected of each).

        pixels (H, W, 3) and the class's mask (H, W); `scale`: how many times as large things are here as in the cues;
        depth (H, W): what the segmenter says of it, if anything, which counts as much as what is learned here.
        """
        H, W = thing.shape
        pixels, thing = padded(pixels, "edge"), padded(thing, "constant")
        size = working_size(thing.shape, working_zoom(self.radius * scale, (H, W)))
        small = shrunk_labels(thing, size)
        if not small.any():
            ids, expected = _enlarged(np.zeros(size, np.int32), np.empty(0, np.float32), thing)
            return ids[:H, :W], expected
        learned = predict_depth(self.depth, pixels, small)
        if depth is not None:
            learned = ((learned + np.where(small, resize(padded(depth, "edge"), size), 0)) / 2).astype(
                np.float32
            )
        tree = grow(hills(learned, small, self.share), small)
        chance, overlap = self.worth.predict(_relative(tree, self.usual)).T
        nodes = tree.chosen(chance - self.price + self.extra * whole_pieces(tree, small))
        ids, expected = _enlarged(tree.ids(nodes), overlap[nodes], thing)
        return ids[:H, :W], expected


@dataclass(frozen=True)
class PlainSplitter:
    """A mask told apart by the distance to its border alone, things having a `radius` (pixels) in the cues."""

    radius: float

    def split(
        self,
        pixels: Pixels,  # noqa: ARG002
        thing: Bools,
        scale: float = 1.0,
        depth: Floats | None = None,  # noqa: ARG002
    ) -> tuple[Labels, Floats]:
        """As `Splitter.split`: ids (H, W) int32 and (n,) NaN, for nothing is expected of the objects."""
        ids = split_by_distance(thing, self.radius * scale)
        return ids, np.full(int(ids.max(initial=0)), np.nan, np.float32)


def hills(depth: Floats, mask: Bools, share: float) -> Floats:
    """(h, w) in [0, 1]: the learned depth, and the distance to the mask's border, up to `RADIUS`."""
    distance = np.minimum(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] / RADIUS, 1)
    mixed: Floats = (share * depth + (1 - share) * distance).astype(np.float32)
    return mixed


def whole_pieces(tree: Tree, mask: Bools) -> Bools:
    """(N,): which nodes are one connected piece of the mask (h, w), no part of one and no more."""
    pieces, _ = ndimage.label(mask, NEIGHBOURS)
    least = np.zeros(tree.count + 1, np.intp)
    least[tree.fragments[mask]] = pieces[mask]
    most = least.copy()
    for node in range(tree.leaves + 1, tree.count + 1):
        a, b = tree.left[node], tree.right[node]
        least[node], most[node] = min(least[a], least[b]), max(most[a], most[b])
    one = least == most
    above = one[tree.parent] & (tree.parent > 0)
    whole: Bools = (one & ~above)[1:]
    return whole


@dataclass(frozen=True, eq=False)
class _Grown:
    """The tree of one mask of a cue: figures (N, F) and IoU (N,) of its nodes, which are whole pieces (N,), the part of
    the cues (N,) that each is left out with, and how many objects there are."""

    tree: Tree
    figures: Floats
    overlap: NDArray[np.float64]
    whole: Bools
    fold: NDArray[np.intp]
    count: int


def learn_splitter(
    pictures: Sequence[tuple[Pixels, Labels]], radii: Sequence[float]
) -> Splitter | PlainSplitter | None:
    """From pictures (H, W, 3) with the ids (H, W) of a class's objects; radii: that of a usual object in each.

    The plain one, or None for connected pieces, where these do about as well over the cues as what was learned from
    others does over a part of them: what is learned shall never do worse.
    """
    shown = [
        Shown.of(*_window(pixels, ids, MOST_OBJECTS // len(pictures)), working_zoom(radius, ids.shape))
        for (pixels, ids), radius in zip(pictures, radii, strict=True)
    ]
    shown = [cue for cue in shown if cue.ids.any()]
    radius = float(np.median(radii))
    if not shown:  # too small to be seen at the working size
        return PlainSplitter(radius)
    usual = np.median(np.concatenate([shown_forms(cue.ids) for cue in shown]), axis=0)
    sides = [
        cue.sides() if len(shown) == 1 else np.full(cue.ids.max() + 1, k % FOLDS)
        for k, cue in enumerate(shown)
    ]
    rows, held = _held_out(shown, sides)
    masks = [_masks(cue, depth) for cue, depth in zip(shown, held, strict=True)]
    plain = _parts_f1(shown, masks, partial(split_by_distance, radius=RADIUS))
    pieces = _parts_f1(shown, masks, _pieces)
    best = max(plain, pieces)
    chosen: tuple[list[_Grown], float, _Trial] | None = None
    for share in SHARES:
        grown = [
            tree
            for cue, side, depth, tried in zip(shown, sides, held, masks, strict=True)
            for tree in _grown(cue, side, depth, tried, share, usual)
        ]
        for trial in _trials(grown):
            if trial.met > best + CLEARLY:
                best, chosen = trial.met, (grown, share, trial)
    if chosen is None:
        return PlainSplitter(radius) if plain >= pieces - CLEARLY else None
    grown, share, trial = chosen
    worth, price = _fit_worth(grown, WORTH_TREES), _best_price(grown, trial)
    return Splitter(radius, rows.model(), usual, worth, share, trial.extra, price)


def _window(pixels: Pixels, ids: Labels, most: int) -> tuple[Pixels, Labels]:
    """A part of a picture with ids that holds about `most` objects, round the middle of them; all of it where there are
    fewer."""
    count = len(np.unique(ids[ids > 0]))
    if count <= most:
        return pixels, ids
    where = []
    for places, length in zip(np.nonzero(ids), ids.shape, strict=True):
        side = max(1, round(length * (most / count) ** 0.5))
        start = min(max(0, int(np.median(places)) - side // 2), length - side)
        where.append(slice(start, start + side))
    rows, columns = where
    return pixels[rows, columns], ids[rows, columns]


def _held_out(shown: Sequence[Shown], sides: Sequence[NDArray[np.intp]]) -> tuple[Rows, list[Floats]]:
    """What was read of all cues, and the depth (h, w) near the things of each, by trees that have not seen the objects
    of that side."""
    parts = [
        (k, int(side), cue.only(of == side))
        for k, (cue, of) in enumerate(zip(shown, sides, strict=True))
        for side in np.unique(of[1:])
    ]
    folds = [fold for _, fold, _ in parts]
    rows = read_rows([part for *_, part in parts], folds)
    models = {
        fold: rows.model(fold if len(set(folds)) > 1 else None, TRIAL_TREES) for fold in sorted(set(folds))
    }
    held = [np.zeros(cue.ids.shape, np.float32) for cue in shown]
    for k, fold, part in parts:
        held[k] = np.maximum(held[k], predict_depth(models[fold], part.pixels, part.near))
    return rows, held


def _masks(cue: Shown, depth: Floats) -> list[Bools]:
    """The masks (h, w) on which a cue is tried: its own, and the one that its depth gives."""
    return [mask for mask in (cue.ids > 0, _guessed(cue, depth)) if mask.any()]


def _grown(
    cue: Shown,
    sides: NDArray[np.intp],
    depth: Floats,
    masks: Sequence[Bools],
    share: float,
    usual: NDArray[np.float64],
) -> Iterator[_Grown]:
    """The trees of a cue, one for each of its masks."""
    for mask in masks:
        tree = grow(hills(depth, mask, share), mask)
        figures, whole = _relative(tree, usual), whole_pieces(tree, mask)
        overlap, met = tree.overlaps(cue.ids)
        fold = sides[met] if len(np.unique(sides[1:])) > 1 else np.full(tree.count, sides[-1])
        yield _Grown(tree, figures, overlap, whole, fold, int(cue.ids.max()))


def _guessed(cue: Shown, depth: Floats) -> Bools:
    """The mask (h, w) that a depth (h, w) gives, about as large as the cue's own."""
    area = int((cue.ids > 0).sum())
    near = depth[cue.near]
    least = np.partition(near, -area)[-area] if area < near.size else 0.0
    guessed: Bools = ndimage.binary_opening(ndimage.gaussian_filter(depth, SMOOTH) > max(least, SHALLOW))
    return guessed


def _relative(tree: Tree, usual: NDArray[np.float64]) -> Floats:
    """The figures (N, F) of nodes, their sizes beside those of a usual object."""
    figures = tree.figures()
    figures[:, : len(usual)] -= usual
    return figures


class _Trial(NamedTuple):
    """How much is met, F1 at an IoU of `MET` over the masks of the cues, with that worth of whole pieces; chances: of
    the nodes of each tree, by what the other parts of the cues say."""

    met: float
    extra: float
    chances: list[NDArray[np.float64]]


def _trials(grown: Sequence[_Grown]) -> Iterator[_Trial]:
    chances = [np.zeros(len(g.overlap)) for g in grown]
    folds = np.unique(np.concatenate([g.fold for g in grown]))
    for fold in folds:
        model = _fit_worth(grown, TRIAL_TREES, fold if len(folds) > 1 else None)
        for g, chance in zip(grown, chances, strict=True):
            if (own := g.fold == fold).any():
                chance[own] = model.predict(g.figures[own])[:, 0]
    for extra in EXTRAS:
        yield _Trial(_met(grown, chances, extra, PRICE)[0], extra, chances)


def _best_price(grown: Sequence[_Grown], trial: _Trial) -> float:
    """That of `PRICES` of which most is met and the number is right; of equal ones the highest."""

    def merit(price: float) -> float:
        met, error = _met(grown, trial.chances, trial.extra, price)
        return met - COUNTED * error

    return max(reversed(PRICES), key=merit)


def _met(
    grown: Sequence[_Grown], chances: Sequence[NDArray[np.float64]], extra: float, price: float
) -> tuple[float, float]:
    """(mean F1 over the trees, share by which the number of all objects is wrong)."""
    f1s, found = [], 0
    for g, chance in zip(grown, chances, strict=True):
        nodes = g.tree.chosen(chance - price + extra * g.whole)
        f1s.append(2 * float((g.overlap[nodes] > MET).sum()) / (len(nodes) + g.count))
        found += len(nodes)
    there = sum(g.count for g in grown)
    return float(np.mean(f1s)), abs(found - there) / there


def _parts_f1(
    shown: Sequence[Shown], masks: Sequence[Sequence[Bools]], parts: Callable[[Bools], Labels]
) -> float:
    """F1 at an IoU of `MET` of the `parts` of the masks of the cues."""
    met = []
    for cue, tried in zip(shown, masks, strict=True):
        for mask in tried:
            own = overlap_of(found := parts(mask), cue.ids, int(found.max(initial=0)))
            met.append(2 * float((own > MET).sum()) / (len(own) + int(cue.ids.max())))
    return float(np.mean(met))


def _pieces(mask: Bools) -> Labels:
    return np.asarray(ndimage.label(mask, NEIGHBOURS)[0], np.int32)


def overlap_of(parts: Labels, ids: Labels, count: int) -> NDArray[np.float64]:
    """(n,): the IoU of each part (h, w), from 1 to `count`, with that object of `ids` (h, w) which it meets best."""
    many = int(ids.max(initial=0)) + 1
    pairs, pixels = np.unique(parts.astype(np.int64) * many + ids, return_counts=True)
    part, other = pairs // many, pairs % many
    areas, sizes = (np.bincount(m.ravel(), minlength=n) for m, n in ((parts, count + 1), (ids, many)))
    overlap = np.where((part > 0) & (other > 0), pixels / (areas[part] + sizes[other] - pixels), 0)
    best = np.zeros(count + 1)
    np.maximum.at(best, part, overlap)
    return best[1:]


def split_by_distance(thing: Bools, radius: float) -> Labels:
    """The parts (H, W) int32, from 1, of a mask (H, W): watershed of the distance to its border from one seed for each
    hill of it, hills being at least `APART` times a `radius` (pixels) apart."""
    from skimage import feature, segmentation

    peak_local_max: Any = feature.peak_local_max
    watershed: Any = segmentation.watershed
    distance = ndimage.distance_transform_edt(thing)
    pieces, _ = ndimage.label(thing, NEIGHBOURS)
    peaks = peak_local_max(
        distance, min_distance=max(1, round(APART * radius)), labels=pieces, exclude_border=False
    )
    seeds = np.zeros(thing.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts: Labels = watershed(-distance, seeds, mask=thing, connectivity=2).astype(np.int32)
    rest, _ = ndimage.label(thing & (parts == 0), NEIGHBOURS)
    return np.where(rest > 0, rest + len(peaks), parts).astype(np.int32)


def _fit_worth(grown: Sequence[_Grown], trees: int, without: int | None = None) -> Trees:
    """Trees: figures of a node -> chance that it is an object, and its IoU with one; grown `without` a part."""
    figures, overlap, fold = (
        np.concatenate([getattr(g, name) for g in grown]) for name in ("figures", "overlap", "fold")
    )
    if without is not None:
        figures, overlap = figures[fold != without], overlap[fold != without]
    if len(figures) > NODES:
        kept = np.linspace(0, len(figures) - 1, NODES).astype(np.intp)
        figures, overlap = figures[kept], overlap[kept]
    said = np.stack([overlap > MET, overlap], axis=1).astype(float)
    return grow_trees(figures, said, trees, min_samples_leaf=4, max_features=0.5)


def _enlarged(ids: Labels, sure: Floats, thing: Bools) -> tuple[Labels, Floats]:
    """Ids (h, w) brought to a mask (H, W), and how sure each is; pieces too small to be seen become objects."""
    from skimage import segmentation

    watershed: Any = segmentation.watershed
    large = np.where(thing, shrunk_labels(ids, thing.shape), 0).astype(np.int32)
    if (open_ := thing & (large == 0)).any():
        large = watershed(np.zeros(thing.shape, np.uint8), large, mask=thing, connectivity=2).astype(np.int32)
        rest, count = ndimage.label(open_ & (large == 0), NEIGHBOURS)
        large = np.where(rest > 0, rest + len(sure), large).astype(np.int32)
        sure = np.concatenate([sure, np.zeros(count)])
    return large, sure.astype(np.float32)
