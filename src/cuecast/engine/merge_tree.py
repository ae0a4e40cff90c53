"""A mask as fragments that are merged two by two into a tree, of whose nodes some are chosen as objects.

    hills (h, w), mask --grow--> one fragment for each hill (watershed); the two that the shallowest valley parts are
                                 merged, again and again; last of all pieces that do not touch but lie near each other
    Tree.figures    of each node: its size and form, and how deep the valleys in it and around it are
    Tree.chosen     the nodes that are worth most together, no pixel in two of them (dynamic programming)

Objects as nodes of such a tree: Arteta et al. 2012, 'Learning to detect cells using non-overlapping extremal regions';
merging by the mean of the border: Nunez-Iglesias et al. 2013.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Labels = NDArray[np.int32]

SMOOTH = 0.7
"""Sigma in pixels by which hills are smoothed: less is noise."""
POWER = 4
"""A border is as high as the power mean of its pixels: one high pixel alone is no pass, a whole low flank no wall."""
GAP = 6.0
"""Pixels between pieces that may still be one object."""
FLOOR = 1e-3
"""Height of the mask's lowest pixels."""
LONELY = -3.0
"""The height of the merge above a node that has none."""
WHOLE = 1.2
"""The height of the merges inside a fragment, which has none."""


@dataclass(frozen=True, eq=False)
class Tree:
    """Nodes 1 to N, fragments first; what is merged comes before what it is merged to.

    fragments  (h, w) int32, 0 outside the mask.
    left, right, parent  (N + 1,): the nodes that a node was merged from, and the one that it was merged to; 0: none.
    height     (N + 1,): how high the pass is over which a node was merged, at most about 1; below 0 over a gap.
    sums       (N + 1, 7): pixels, and sums of y, x, yy, xx, xy and of hills; peak (N + 1,): the highest place.
    """

    fragments: Labels
    left: Indices
    right: Indices
    parent: Indices
    height: Floats
    sums: Floats
    peak: Floats

    @property
    def count(self) -> int:
        """The number of nodes."""
        return len(self.left) - 1

    @property
    def leaves(self) -> int:
        """The number of fragments."""
        return int((self.left[1:] == 0).sum())

    def figures(self) -> NDArray[np.float32]:
        """(N, 12): logarithms of area, short and long axis of each node, how it fills its ellipse, which way it lies,
        the passes above, into and inside it, its peak and mean, and logarithm of long to short."""
        area, axes, fill, angle = _forms(self.sums[1:])
        above = np.where(self.parent[1:] > 0, self.height[self.parent[1:]], LONELY)
        into = np.where(self.left[1:] > 0, self.height[1:], WHOLE)
        weakest = [WHOLE, *into.tolist()]
        for node in range(self.leaves + 1, self.count + 1):
            weakest[node] = min(weakest[node], weakest[self.left[node]], weakest[self.right[node]])
        short, long = axes
        return np.stack(
            [np.log(area), np.log(short), np.log(long), fill, np.cos(2 * angle), np.sin(2 * angle), above, into,
             np.array(weakest[1:]), self.peak[1:], self.sums[1:, 6] / area, np.log(long / short)],
            axis=1,
        ).astype(np.float32)  # fmt: skip

    def overlaps(self, ids: Labels) -> tuple[Floats, Indices]:
        """(N,) each: the IoU of each node with that object of an id map (h, w) which it meets best; its id, or 0."""
        many = int(ids.max(initial=0)) + 1
        first = self.leaves + 1
        pairs = self.fragments.astype(np.int64) * many + ids
        found: list[dict[int, int]] = [{} for _ in range(self.count + 1)]
        for pair, pixels in zip(*map(np.ndarray.tolist, np.unique(pairs, return_counts=True)), strict=True):
            if pair % many:
                found[pair // many][pair % many] = pixels
        sizes, area = np.bincount(ids.ravel(), minlength=many).tolist(), self.sums[:, 0].tolist()
        best = [(0.0, 0)] * (self.count + 1)
        for node in range(1, self.count + 1):
            if node >= first:
                a, b = found[self.left[node]], found[self.right[node]]
                found[node] = {i: a.get(i, 0) + b.get(i, 0) for i in a.keys() | b.keys()}
            meets = ((n / (area[node] + sizes[i] - n), i) for i, n in found[node].items())
            best[node] = max(meets, default=(0.0, 0))
        overlap, numbers = np.array(best[1:], float).reshape(-1, 2).T
        return overlap, numbers.astype(np.intp)

    def chosen(self, worth: NDArray[Any]) -> Indices:
        """The nodes, from 0, whose `worth` (N,) is greatest together: they cover the mask, no pixel twice."""
        best = [0.0, *worth.tolist()]
        left, right, parent = self.left.tolist(), self.right.tolist(), self.parent.tolist()
        taken = [True] * (self.count + 1)
        for node in range(self.leaves + 1, self.count + 1):
            parts = best[left[node]] + best[right[node]]
            if parts > best[node]:
                best[node], taken[node] = parts, False
        covered, nodes = [False] * (self.count + 1), []
        for node in range(self.count, 0, -1):
            if covered[parent[node]]:
                covered[node] = True
            elif taken[node]:
                covered[node] = True
                nodes.append(node - 1)
        return np.array(nodes, np.intp)

    def ids(self, nodes: Indices) -> Labels:
        """(h, w) int32: of what `chosen` gives, the place from 1 of the node that each pixel is of, 0 off the mask."""
        numbers = np.zeros(self.count + 1, np.int32)
        numbers[nodes + 1] = np.arange(1, len(nodes) + 1)
        for node in range(self.count, 0, -1):
            if not numbers[node]:
                numbers[node] = numbers[self.parent[node]]
        return numbers[: self.leaves + 1][self.fragments]


def grow(hills: NDArray[np.float32], mask: Bools) -> Tree:
    """The tree of a mask (h, w) by hills (h, w) in [0, 1]."""
    from skimage import segmentation

    watershed: Any = segmentation.watershed
    smooth = np.where(mask, np.maximum(ndimage.gaussian_filter(hills, SMOOTH), FLOOR), 0)
    fragments: Labels = watershed(-smooth, mask=mask, connectivity=2).astype(np.int32)
    count = int(fragments.max(initial=0))
    rows, columns = np.nonzero(mask)
    of, height = fragments[rows, columns], smooth[rows, columns]
    y, x = rows.astype(float), columns.astype(float)
    weights = (np.ones(len(of)), y, x, y * y, x * x, y * x, height.astype(float))
    sums = np.stack([np.bincount(of, weight, count + 1) for weight in weights], axis=1).astype(float)
    peak = np.zeros(count + 1)
    np.maximum.at(peak, of, height)
    return _merged(fragments, _borders(fragments, smooth), _gaps(fragments, mask), sums, peak)


Edges = tuple[list[int], list[int], list[float], list[float], list[float]]
"""Of each pair of neighbours: both, pixels of their border, the sum of powers of its height, the gap between them."""


def _borders(fragments: Labels, smooth: NDArray[np.float32]) -> Edges:
    a, b, height = _across(fragments, smooth, np.minimum)
    pairs, inverse = np.unique(np.stack([a, b]), axis=1, return_inverse=True)
    inverse = inverse.ravel()
    count = np.bincount(inverse, minlength=pairs.shape[1])
    powers = np.bincount(inverse, height.astype(float) ** POWER, pairs.shape[1])
    return *pairs.tolist(), count.astype(float).tolist(), powers.tolist(), [0.0] * len(count)


def _gaps(fragments: Labels, mask: Bools) -> Edges:
    """Pairs of fragments of pieces that lie apart, but less than `GAP`."""
    if not mask.any():
        return [], [], [], [], []
    pieces, _ = ndimage.label(mask, NEIGHBOURS)
    away, nearest = ndimage.distance_transform_edt(~mask, return_indices=True)
    places = tuple(nearest)
    grown = np.where(away <= GAP / 2, fragments[places], 0)
    a, b, gap = _across(grown, away.astype(np.float32), np.add)
    piece = np.zeros(int(fragments.max()) + 1, np.intp)
    piece[fragments[mask]] = pieces[mask]
    apart = piece[a] != piece[b]
    pairs, inverse = np.unique(np.stack([a, b])[:, apart], axis=1, return_inverse=True)
    least = np.full(pairs.shape[1], np.inf)
    np.minimum.at(least, inverse.ravel(), gap[apart])
    nothing = [0.0] * len(least)
    return *pairs.tolist(), nothing, nothing, least.tolist()


def _across(
    labels: Labels, values: NDArray[np.float32], join: Any
) -> tuple[Labels, Labels, NDArray[np.float32]]:
    """(J,) each: the lower and the higher label of two pixels beside each other, of different ones, and `join` of their
    values."""
    found = []
    for one, other in _beside():
        a, b = labels[one], labels[other]
        differ = (a != b) & (a > 0) & (b > 0)
        a, b = a[differ], b[differ]
        found.append((np.minimum(a, b), np.maximum(a, b), join(values[one][differ], values[other][differ])))
    low, high, joined = (np.concatenate(part) for part in zip(*found, strict=True))
    return low, high, joined


def _beside() -> Iterator[tuple[Any, Any]]:
    """Indices of all pairs of neighbouring pixels of a map, in four directions."""
    all_, first, last = slice(None), slice(1, None), slice(None, -1)
    yield (all_, first), (all_, last)
    yield (first, all_), (last, all_)
    yield (first, first), (last, last)
    yield (first, last), (last, first)


def _merged(fragments: Labels, borders: Edges, gaps: Edges, sums: Floats, peak: Floats) -> Tree:
    """Merge until nothing borders on anything."""
    count = len(peak) - 1
    near: list[dict[int, tuple[float, float, float]]] = [{} for _ in range(2 * count + 1)]
    for a, b, pixels, powers, gap in (*zip(*gaps, strict=True), *zip(*borders, strict=True)):
        near[a][b] = near[b][a] = (pixels, powers, gap)
    left, right, parent = ([0] * (2 * count + 1) for _ in range(3))
    height, top = [WHOLE] * (2 * count + 1), peak.tolist()

    def pass_between(a: int, b: int) -> float:
        pixels, powers, gap = near[a][b]
        return (powers / pixels) ** (1 / POWER) / min(top[a], top[b]) if pixels else -gap / GAP

    queue = [(-pass_between(a, b), a, b) for a in range(1, count + 1) for b in near[a] if a < b]
    heapq.heapify(queue)
    node = count
    while queue:
        below, a, b = heapq.heappop(queue)
        if parent[a] or parent[b]:
            continue
        node += 1
        left[node], right[node], height[node] = a, b, -below
        parent[a] = parent[b] = node
        top.append(max(top[a], top[b]))
        near[node] = _joined(near[a], near[b], a, b)
        for other, edge in near[node].items():
            near[other].pop(a, None)
            near[other].pop(b, None)
            near[other][node] = edge
            heapq.heappush(queue, (-pass_between(node, other), node, other))
        near[a], near[b] = {}, {}
    sums = np.concatenate([sums, np.zeros((node - count, sums.shape[1]))])
    for made in range(count + 1, node + 1):
        sums[made] = sums[left[made]] + sums[right[made]]
    ends = [np.array(v[: node + 1], np.intp) for v in (left, right, parent)]
    return Tree(fragments, ends[0], ends[1], ends[2], np.array(height[: node + 1]), sums, np.array(top))


def _joined(
    one: dict[int, tuple[float, float, float]], other: dict[int, tuple[float, float, float]], a: int, b: int
) -> dict[int, tuple[float, float, float]]:
    """The borders of two nodes that become one."""
    both = {n: edge for n, edge in one.items() if n != b}
    for n, (pixels, powers, gap) in other.items():
        if n == a:
            continue
        if n in both:
            p, s, g = both[n]
            touch = p + pixels > 0
            both[n] = (p + pixels, s + powers, 0.0 if touch else min(g, gap))
        else:
            both[n] = (pixels, powers, gap)
    return both


def _forms(sums: Floats) -> tuple[Floats, tuple[Floats, Floats], Floats, Floats]:
    """Area, (short, long) axis of the ellipse with the same moments, the share of it that is filled, and its angle."""
    area = np.maximum(sums[:, 0], 1)
    y, x = sums[:, 1] / area, sums[:, 2] / area
    yy, xx = sums[:, 3] / area - y**2 + 1 / 12, sums[:, 4] / area - x**2 + 1 / 12
    xy = sums[:, 5] / area - y * x
    mean, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    short, long = 4 * np.sqrt(np.maximum(mean - spread, 1e-3)), 4 * np.sqrt(mean + spread)
    return area, (short, long), area / (np.pi / 4 * short * long), np.arctan2(2 * xy, xx - yy) / 2


def shown_forms(ids: Labels) -> Floats:
    """(n, 3): logarithms of area, short and long axis of each object of an id map (h, w)."""
    forms: list[Sequence[float]] = []
    for number, where in enumerate(ndimage.find_objects(ids), start=1):
        if where is None:
            continue
        y, x = (v.astype(float) for v in np.nonzero(ids[where] == number))
        sums = np.array([[len(y), *(v.sum() for v in (y, x, y * y, x * x, y * x)), 0]])
        area, (short, long), _, _ = _forms(sums)
        forms.append((float(np.log(area[0])), float(np.log(short[0])), float(np.log(long[0]))))
    return np.array(forms, np.float64).reshape(-1, 3)
