"""What a class's objects are like, learned from the cues, and a mask told apart by it.

    learn_splitter: objects of the cues --> depth --> trees of fragments --> which nodes are objects, by their figures
    Splitter.split: a query's mask      --> depth --> tree of fragments  --> the nodes that are worth most together

What says of a node whether it is an object has seen nodes of the cues' own pictures, with depth by trees that had not
seen that part of the cues, on two masks each: the cue's own, and the worse one that the depth itself gives, in which
things grow together and fall apart as they do in answers. The same parts, left out, choose how much the learned depth
counts beside the distance to the mask's border, and how readily a connected piece is left whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.engine.depth import (
    RADIUS,
    Rows,
    Shown,
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
EXTRAS = (0.0, 0.15, 0.3, 1.0)
"""Worth added to a node that is a whole connected piece; the last leaves hardly any piece apart."""
PRICE = 0.3
"""What an object costs. The F-measure is greatest where an object is kept from a chance of about half of it on."""
MET = 0.5
"""IoU from which a node is an object of the cue."""
CLEARLY = 0.02
"""A later choice must do better than an earlier one by more than this."""
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
    share   of the learned depth in the hills; extra: worth added to whole pieces.
    """

    radius: float
    depth: Any
    usual: NDArray[np.float64]
    worth: Any
    share: float
    extra: float

    def split(
        self, pixels: Pixels, thing: Bools, scale: float = 1.0, depth: Floats | None = None
    ) -> tuple[Labels, Floats]:
        """(ids (H, W) int32 from 1, 0 outside the mask; (n,) the IoU to be expected of each).

        pixels (H, W, 3) and the class's mask (H, W); `scale`: how many times as large things are here as in the cues;
        depth (H, W): what the segmenter says of it, if anything, which counts as much as what is learned here.
        """
        zoom = working_zoom(self.radius * scale, thing.shape)
        size = working_size(thing.shape, zoom)
        small = shrunk_labels(thing, size)
        if not small.any():
            return _enlarged(np.zeros(size, np.int32), np.empty(0, np.float32), thing)
        learned = predict_depth(self.depth, pixels, small)
        if depth is not None:
            learned = ((learned + np.where(small, resize(depth, size), 0)) / 2).astype(np.float32)
        tree = grow(hills(learned, small, self.share), small)
        chance, overlap = self.worth.predict(_relative(tree, self.usual)).T
        ids, nodes = tree.chosen(chance - PRICE + self.extra * whole_pieces(tree, small))
        return _enlarged(ids, overlap[nodes], thing)


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
    the cues that it is of, how many objects there are; `own`: by the cue's mask, not by a worse one."""

    tree: Tree
    figures: Floats
    overlap: NDArray[np.float64]
    whole: Bools
    fold: int
    count: int
    own: bool


def learn_splitter(
    pictures: Sequence[tuple[Pixels, Labels]], radii: Sequence[float]
) -> Splitter | PlainSplitter:
    """From pictures (H, W, 3) with the ids (H, W) of a class's objects; radii: that of a usual object in each.

    The plain one where it does as well over the parts of the cues that are left out.
    """
    shown = [
        Shown.of(pixels, ids, working_zoom(radius, ids.shape))
        for (pixels, ids), radius in zip(pictures, radii, strict=True)
    ]
    shown = [cue for cue in shown if cue.ids.any()]
    if len(shown) == 1:
        shown = list(shown[0].halves())
    if not shown:  # too small to be seen at the working size
        return PlainSplitter(float(np.median(radii)))
    usual = np.median(np.concatenate([shown_forms(cue.ids) for cue in shown]), axis=0)
    folds = [k % FOLDS for k in range(len(shown))]
    rows = read_rows(shown, folds)
    held = _held_out(shown, folds, rows)
    best, grown, share, extra = -1.0, [], SHARES[0], EXTRAS[0]
    for mixed in SHARES:
        trees = [
            tree
            for cue, fold, depth in zip(shown, folds, held, strict=True)
            for tree in _grown(cue, fold, depth, mixed, usual)
        ]
        for added, met in _trials(trees):
            if met > best + CLEARLY:
                best, grown, share, extra = met, trees, mixed, added
    radius = float(np.median(radii))
    if _plain_f1(shown, held) > best + CLEARLY:
        return PlainSplitter(radius)
    return Splitter(radius, rows.model(), usual, _fit_worth(grown, WORTH_TREES), share, extra)


def _held_out(shown: Sequence[Shown], folds: Sequence[int], rows: Rows) -> list[Floats]:
    """The depth (h, w) near the things of each cue, by trees that have not seen its part of the cues."""
    parts = sorted(set(folds))
    models = {fold: rows.model(fold if len(parts) > 1 else None, TRIAL_TREES) for fold in parts}
    return [predict_depth(models[fold], cue.pixels, cue.near) for cue, fold in zip(shown, folds, strict=True)]


def _grown(
    cue: Shown, fold: int, depth: Floats, share: float, usual: NDArray[np.float64]
) -> Iterator[_Grown]:
    """The trees of a cue: by its own mask, and by one that its depth gives."""
    for own, mask in ((True, cue.ids > 0), (False, _guessed(cue, depth))):
        if mask.any():
            tree = grow(hills(depth, mask, share), mask)
            figures, whole = _relative(tree, usual), whole_pieces(tree, mask)
            yield _Grown(tree, figures, tree.overlaps(cue.ids), whole, fold, int(cue.ids.max()), own)


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


def _trials(grown: Sequence[_Grown]) -> Iterator[tuple[float, float]]:
    """(extra, F1 at an IoU of `MET`) over the worse masks of the cues, by what the other parts of the cues say."""
    folds = sorted({g.fold for g in grown})
    judged = []
    for fold in folds:
        others = [g for g in grown if g.fold != fold] or list(grown)
        worth = _fit_worth(others, TRIAL_TREES)
        judged += [(g, worth.predict(g.figures)[:, 0]) for g in grown if g.fold == fold and not g.own]
    for extra in EXTRAS:
        met = [_f1(g, g.tree.chosen(chance - PRICE + extra * g.whole)[1]) for g, chance in judged]
        yield extra, float(np.mean(met)) if met else 0.0


def _plain_f1(shown: Sequence[Shown], held: Sequence[Floats]) -> float:
    """F1 of the plain watershed over the worse masks of the cues."""
    met = []
    for cue, depth in zip(shown, held, strict=True):
        parts = split_by_distance(_guessed(cue, depth), RADIUS)
        count = int(parts.max(initial=0))
        own = overlap_of(parts, cue.ids, count)
        met.append(2 * float((own > MET).sum()) / (count + int(cue.ids.max())))
    return float(np.mean(met))


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
    hill of it, hills being at least `radius` (pixels) apart."""
    from skimage import feature, segmentation

    peak_local_max: Any = feature.peak_local_max
    watershed: Any = segmentation.watershed
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(thing), 1.0)
    pieces, _ = ndimage.label(thing, NEIGHBOURS)
    peaks = peak_local_max(distance, min_distance=max(1, round(radius)), labels=pieces, exclude_border=False)
    seeds = np.zeros(thing.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts: Labels = watershed(-distance, seeds, mask=thing, connectivity=2).astype(np.int32)
    rest, _ = ndimage.label(thing & (parts == 0), NEIGHBOURS)
    return np.where(rest > 0, rest + len(peaks), parts).astype(np.int32)


def _f1(grown: _Grown, nodes: NDArray[np.intp]) -> float:
    return 2 * float((grown.overlap[nodes] > MET).sum()) / (len(nodes) + grown.count)


def _fit_worth(grown: Sequence[_Grown], trees: int) -> Any:
    """Trees: figures of a node -> chance that it is an object, and its IoU with one."""
    from sklearn.ensemble import ExtraTreesRegressor

    figures, overlap = (np.concatenate([getattr(g, name) for g in grown]) for name in ("figures", "overlap"))
    if len(figures) > NODES:
        kept = np.linspace(0, len(figures) - 1, NODES).astype(np.intp)
        figures, overlap = figures[kept], overlap[kept]
    model = ExtraTreesRegressor(trees, min_samples_leaf=4, max_features=0.5, random_state=0, n_jobs=1)
    return model.fit(figures, np.stack([overlap > MET, overlap], axis=1).astype(float))


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
