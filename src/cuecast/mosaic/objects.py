"""Objects of a raster that is seen block by block: components that meet at the blocks' seams are one object.

Only what may still grow is held: the components that touch the last row of blocks. The components of a block are the
connected components (8-neighbourhood) of a class; where they touch a component of the same class in a block before, the
two are joined (union-find; Rosenfeld and Pfaltz 1966).

Outlines come from the edges around the components. An edge is one side of a pixel, walked so that the object lies on
its right: along the top to the east, down the right side, along the bottom to the west, up the left side (y points
down). Edges of two components add up to those of both together: where the components touch, an edge is walked both
ways, and the two cancel. So an outline costs memory by its length, not by the area it runs around. An edge's code is 4
* (row * (width + 1) + column) + direction, of the corner where it starts; width is the raster's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.hierarchy import DisjointSet

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.tiling import Window
from cuecast.io.rasters.georeference import Georeference
from cuecast.io.rasters.vectors import load_shapely

EAST, SOUTH, WEST, NORTH = range(4)


def edges_of(
    components: NDArray[np.int32], window: Window, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """(codes, owners) of all edges of labelled components (h, w) in a window; what lies outside is background."""
    p = np.pad(components, 1)
    core = p[1:-1, 1:-1]
    sides = (
        (EAST, p[:-2, 1:-1], 0, 0),
        (SOUTH, p[1:-1, 2:], 1, 0),
        (WEST, p[2:, 1:-1], 1, 1),
        (NORTH, p[1:-1, :-2], 0, 1),
    )
    codes, owners = [], []
    for direction, beyond, dx, dy in sides:
        rows, cols = np.nonzero((core > 0) & (beyond != core))
        corners = (rows + window.top + dy).astype(np.int64) * (width + 1) + cols + window.left + dx
        codes.append(_codes(corners, direction))
        owners.append(core[rows, cols])
    return np.concatenate(codes), np.concatenate(owners)


def outer_edges(codes: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The edges (n,) that are left when those walked both ways have cancelled, sorted by code."""
    direction = codes % 4
    turned = _codes(codes // 4 + _steps(width)[direction], direction ^ 2)
    sides = np.where(direction > 1, turned, codes)
    _, index, counts = np.unique(sides, return_inverse=True, return_counts=True)
    return np.sort(codes[counts[index] == 1])


def perimeter(edges: NDArray[np.int64], width: int) -> float:
    """Length of an outline, edges (n,), by Crofton's formula in four directions, as scikit-image's `perimeter_crofton`.

    Lines along rows and columns cross the outline at each edge; a diagonal one through a corner crosses it where one,
    but not the other, of the two edges that it passes between is there.
    """
    direction = edges % 4
    corners, index = np.unique(_ends(edges, width), return_inverse=True)
    # which of its four edges each corner has
    has = np.zeros((4, len(corners)), bool)
    has[direction, index[: len(edges)]] = True
    has[direction ^ 2, index[len(edges) :]] = True
    east, _, west, north = has
    falling = (north ^ east).sum()  # from the upper left pixel to the lower right one
    rising = (north ^ west).sum()
    return float(np.pi / 8 * (len(edges) + (falling + rising) / np.sqrt(2)))


def polygons(edges: NDArray[np.int64], width: int) -> Any:
    """The (Multi)Polygon of shapely that sorted edges (n,) enclose, in pixels of the raster.

    It is valid by the rules of Simple Features: contours do not touch themselves, parts that meet at a corner only are
    polygons of their own. Parts come in the order of their first corner. Raises MissingExtraError.
    """
    shapely = load_shapely()
    corners, degrees = np.unique(_ends(edges, width), return_counts=True)
    lines = [
        _runs(
            edges[edges % 2 == axis] // 4,
            step,
            corners[degrees == 4],
            edges[edges % 2 == axis] % 4 > 1,
            width,
        )
        for axis, step in ((0, 1), (1, width + 1))
    ]
    faces = shapely.get_parts(shapely.polygonize(shapely.linestrings(np.concatenate(lines))))
    points, of = shapely.get_coordinates(shapely.get_exterior_ring(faces), return_index=True)
    first = np.full(len(faces), np.iinfo(np.int64).max)
    np.minimum.at(first, of, (points[:, 1] * (width + 1) + points[:, 0]).astype(np.int64))
    # An edge goes east from the first corner of a face that is the object's, and west to that of a hole.
    order = np.argsort(first)
    parts = faces[order][np.isin(_codes(first[order], EAST), edges)]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _runs(
    starts: NDArray[np.int64], step: int, nodes: NDArray[np.int64], back: NDArray[np.bool_], width: int
) -> NDArray[np.float64]:
    """(n, 2, 2) from x, y to x, y: the straight lines that edges along one axis make, cut at `nodes`.

    starts  corners; of edges that are walked `back`, their end is `step` before.
    """
    low = starts - step * back
    row, column = np.divmod(low, width + 1)
    low = low[np.lexsort((row, column) if step > 1 else (column, row))]
    first = np.r_[True, (np.diff(low) != step) | np.isin(low[1:], nodes)]
    ends = np.stack([low[first], low[np.r_[first[1:], True]] + step], axis=1)
    return np.stack([ends % (width + 1), ends // (width + 1)], axis=2).astype(np.float64)


def _codes(corners: NDArray[np.int64], direction: NDArray[np.int64] | int) -> NDArray[np.int64]:
    return 4 * corners + direction


def _ends(edges: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The corners where edges start and where they end."""
    return np.concatenate([edges // 4, edges // 4 + _steps(width)[edges % 4]])


def _steps(width: int) -> NDArray[np.int64]:
    """What walking an edge to the east, south, west and north adds to a corner's number."""
    return np.array([1, width + 1, -1, -(width + 1)], np.int64)


@dataclass(eq=False)
class Component:
    """What is known of an object so far.

    first   row * width + column of its first pixel in reading order.
    box     [x1, y1, x2, y2], half-open.
    sums    over its pixels: number, x, y, x * x, y * y, x * y, area; x and y are columns and rows.
    edges   codes of the pixel edges around it, see `cuecast.mosaic.objects`.
    """

    cls: int
    first: int
    box: list[int]
    sums: NDArray[np.float64]
    edges: list[NDArray[np.int64]]

    def absorb(self, other: Component) -> None:
        """Take another component of the same object in."""
        self.first = min(self.first, other.first)
        a, b = self.box, other.box
        self.box = [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
        self.sums = self.sums + other.sums
        self.edges += other.edges


@dataclass(eq=False)
class Merger:
    """Feed it all blocks of a raster, row by row from the left; see `merged_objects`."""

    size: tuple[int, int]
    place: Georeference
    components: dict[int, Component] = field(default_factory=dict)
    _joined: DisjointSet = field(default_factory=DisjointSet)
    _count: int = 0

    def __post_init__(self) -> None:
        self._above = np.zeros(self.size[1], np.int64)
        self._below = np.zeros_like(self._above)
        self._left = np.array([], np.int64)

    def feed(self, window: Window, labels: NDArray[np.int32]) -> None:
        """The next block of the row: labels (h, w) int32, 0 = background."""
        ids = self._label(window, labels)
        self._join_touching(window, ids)

    def _join_touching(self, window: Window, ids: NDArray[np.int64]) -> None:
        """Join what touches across the seams to the left and above; ids (h, w) of the block."""
        above = np.pad(self._above, 1)[window.left :]
        for shift in (0, 1, 2):
            if window.left:
                self._join(ids[:, 0], np.pad(self._left, 1)[shift : shift + len(ids)])
            self._join(ids[0], above[shift : shift + len(ids[0])])
        self._below[window.left : window.right] = ids[-1]
        self._left = ids[:, -1]

    def end_row(self, held: Iterable[int] = ()) -> list[Component]:
        """The objects that cannot grow any more after a row of blocks, in reading order of their first pixels.

        held  ids that may still grow, though they do not touch the last row of pixels.
        """
        touching = sorted({int(i) for i in np.unique(self._below) if i}.union(held))
        roots = {i: self._joined[i] for i in touching}
        for index in np.flatnonzero(self._below):
            self._below[index] = roots[int(self._below[index])]
        self._above, self._below = self._below, np.zeros_like(self._below)
        growing = set(roots.values())
        done = [i for i in self.components if i not in growing]
        finished = sorted((self.components.pop(i) for i in done), key=lambda p: p.first)
        self._joined = DisjointSet(growing)
        return finished

    def _label(self, window: Window, labels: NDArray[np.int32]) -> NDArray[np.int64]:
        """(h, w) ids of the block's components, which are new."""
        ids = np.zeros(labels.shape, np.int64)
        for cls in (int(c) for c in np.unique(labels) if c > 0):
            found, count = ndimage.label(labels == cls, structure=NEIGHBOURS)
            ids[found > 0] = found[found > 0] + self._count
            self._measure(window, found, [cls] * count)
            self._count += count
        return ids

    def _measure(self, window: Window, found: NDArray[np.int32], classes: Sequence[int]) -> None:
        """Take note of the components in a block (h, w), from 1 without gaps, the n-th of class `classes[n - 1]`."""
        count = len(classes)
        rows, cols = np.nonzero(found)
        of = found[rows, cols] - 1
        xs, ys = cols + window.left, rows + window.top
        x, y = xs.astype(np.float64), ys.astype(np.float64)
        terms = (np.ones_like(x), x, y, x * x, y * y, x * y, self.place.pixel_areas(xs, ys))
        sums = np.stack([np.bincount(of, t, count) for t in terms], axis=1)
        first = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(first, of, ys.astype(np.int64) * self.size[1] + xs)
        codes, owners = edges_of(found, window, self.size[1])
        order = np.argsort(owners, kind="stable")
        parts = np.split(codes[order], np.bincount(owners)[1:-1].cumsum())
        for k, where in enumerate(ndimage.find_objects(found)):
            top, left = where[0].start + window.top, where[1].start + window.left
            bottom, right = where[0].stop + window.top, where[1].stop + window.left
            identity = self._count + k + 1
            self._joined.add(identity)
            self.components[identity] = Component(
                classes[k], int(first[k]), [left, top, right, bottom], sums[k], [parts[k]]
            )

    def _join(self, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> None:
        """Join what touches: two rows of ids side by side, where both are an object's and of one class."""
        both = (ours > 0) & (theirs > 0)
        if not both.any():
            return
        for a, b in np.unique(np.stack([ours[both], theirs[both]], axis=1), axis=0).tolist():
            self._merge(a, b)

    def _merge(self, a: int, b: int) -> None:
        """Make the components of two ids one, where they are not and are of one class."""
        one, other = self._joined[a], self._joined[b]
        if one != other and self.components[one].cls == self.components[other].cls:
            both_parts = self.components.pop(one), self.components.pop(other)
            small, large = sorted(both_parts, key=lambda p: len(p.edges))
            large.absorb(small)
            self._joined.merge(a, b)
            self.components[self._joined[a]] = large


def merged_objects(
    size: tuple[int, int], place: Georeference, blocks: Iterable[tuple[Window, NDArray[np.int32]]]
) -> Iterator[Component]:
    """The objects of a raster of `size`, each once, as soon as they are complete.

    blocks  windows that cover the raster without overlap, row by row from the left, with their labels (h, w).

    Objects that end in the same row of blocks come in reading order of their first pixels.
    """
    merger = Merger(size, place)
    for window, labels in blocks:
        merger.feed(window, labels)
        if window.right == size[1]:
            yield from merger.end_row()
    yield from sorted(merger.components.values(), key=lambda p: p.first)
