"""Objects of a raster that is seen block by block: pieces that meet at the blocks' seams are one object.

Only what may still grow is held: the pieces that touch the last row of blocks. The pieces of a block are the connected
pieces (8-neighbourhood) of a class; where they touch a piece of the same class in a block before, the two are joined
(union-find; Rosenfeld and Pfaltz 1966).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.tiling import Window
from cuecast.io.rasters.georeference import Georeference
from cuecast.mosaic.contours import edges_of


@dataclass(eq=False)
class Piece:
    """What is known of an object so far.

    first   row * width + column of its first pixel in reading order.
    box     [x1, y1, x2, y2], half-open.
    sums    over its pixels: number, x, y, x * x, y * y, x * y, area; x and y are columns and rows.
    edges   codes of the pixel edges around it, see `cuecast.mosaic.contours`.
    """

    cls: int
    first: int
    box: list[int]
    sums: NDArray[np.float64]
    edges: list[NDArray[np.int64]]

    def absorb(self, other: Piece) -> None:
        """Take another piece of the same object in."""
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
    components: dict[int, Piece] = field(default_factory=dict)
    _parents: dict[int, int] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self._above = np.zeros(self.size[1] + 2, np.int64)
        self._below = np.zeros(self.size[1] + 2, np.int64)
        self._left = np.zeros(0, np.int64)

    def feed(self, window: Window, labels: NDArray[np.int32]) -> None:
        """The next block of the row: labels (h, w) int32, 0 = background."""
        ids = self._label(window, labels)
        padded = np.pad(ids, 1)
        if window.left:
            side = np.pad(self._left, 1)
            for shift in (0, 1, 2):
                self._join(padded[1:-1, 1], side[shift : shift + len(ids)])
        for shift in (0, 1, 2):
            above = self._above[window.left + shift : window.left + shift + ids.shape[1]]
            self._join(padded[1, 1:-1], above)
        self._below[window.left + 1 : window.right + 1] = ids[-1]
        self._left = ids[:, -1]

    def end_row(self) -> list[Piece]:
        """The objects that cannot grow any more after a row of blocks, in reading order of their first pixels."""
        touching = [int(i) for i in np.unique(self._below) if i]
        roots = {i: self._root(i) for i in touching}
        for index in np.flatnonzero(self._below):
            self._below[index] = roots[int(self._below[index])]
        self._above, self._below = self._below, np.zeros_like(self._below)
        growing = set(roots.values())
        done = [i for i in self.components if i not in growing]
        finished = sorted((self.components.pop(i) for i in done), key=lambda p: p.first)
        self._parents = {i: i for i in growing}
        return finished

    def _label(self, window: Window, labels: NDArray[np.int32]) -> NDArray[np.int64]:
        """(h, w) ids of the block's pieces, which are new."""
        ids = np.zeros(labels.shape, np.int64)
        for cls in (int(c) for c in np.unique(labels) if c > 0):
            found, count = ndimage.label(labels == cls, structure=NEIGHBOURS)
            ids[found > 0] = found[found > 0] + self._count
            self._measure(window, found, count, cls)
            self._count += count
        return ids

    def _measure(self, window: Window, found: NDArray[np.int32], count: int, cls: int) -> None:
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
        parts = np.split(codes[order], np.searchsorted(owners[order], np.arange(2, count + 1)))
        for k, where in enumerate(ndimage.find_objects(found)):
            top, left = where[0].start + window.top, where[1].start + window.left
            bottom, right = where[0].stop + window.top, where[1].stop + window.left
            identity = self._count + k + 1
            self._parents[identity] = identity
            self.components[identity] = Piece(
                cls, int(first[k]), [left, top, right, bottom], sums[k], [parts[k]]
            )

    def _join(self, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> None:
        """Join what touches: two rows of ids side by side, where both are an object's and of one class."""
        both = (ours > 0) & (theirs > 0)
        if not both.any():
            return
        for a, b in np.unique(np.stack([ours[both], theirs[both]], axis=1), axis=0).tolist():
            one, other = self._root(a), self._root(b)
            if one != other and self.components[one].cls == self.components[other].cls:
                if len(self.components[one].edges) < len(self.components[other].edges):
                    one, other = other, one
                self.components[one].absorb(self.components.pop(other))
                self._parents[other] = one

    def _root(self, identity: int) -> int:
        root = identity
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[identity] != root:
            self._parents[identity], identity = root, self._parents[identity]
        return root


def merged_objects(
    size: tuple[int, int], place: Georeference, blocks: Iterable[tuple[Window, NDArray[np.int32]]]
) -> Iterator[Piece]:
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
