"""Objects of a raster of which things that touch are told apart, block by block, each counted once.

    block and a margin around it --Concept.tell_apart--> ids --ApartMerger--> objects of the whole raster

The blocks lie on the raster, whatever its tiles. Of each the ids are found with the margin in view, so that two
neighbours see the same things at their seam. What they say of the pixels on both sides of it is compared: a thing that
both see there is one object. A raster that is no larger than a block is told apart as a picture is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CuecastError
from cuecast.core.objects import connected_instances
from cuecast.core.tiling import Window
from cuecast.core.values import Image
from cuecast.io.rasters.raster import BlockRaster, Tones, at
from cuecast.mosaic.assemble import read_labels
from cuecast.mosaic.objects import Component, Merger
from cuecast.mosaic.tiles import Grid
from cuecast.predictor import Concept

SIDE = 512
"""Side of the blocks."""
RADII = 8
"""Radii of a usual thing that are in view around a block, and `MARGIN` pixels, at least and at most."""
MARGIN = (64, 512)
SEAM = 16
"""Pixels on each side of a seam in which two blocks are compared."""


class BlockIds(NamedTuple):
    """What was found of a block: the window that was looked at (`view`), ids and labels (h, w) int32 of it."""

    block: Window
    view: Window
    ids: NDArray[np.int32]
    labels: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class BlockTeller:
    """Tells the objects of a raster's labels apart, block by block; `mask` is what `writing` wrote, open."""

    concept: Concept
    raster: BlockRaster
    grid: Grid
    tones: Tones
    mask: Any

    def blocks(self, side: int | None = None) -> Iterator[BlockIds]:
        """All blocks of `side` (None: `SIDE`) pixels, row by row from the left."""
        H, W = self.grid.size
        radii = [shown.radius for shown in self.concept.rule.shown]
        margin = min(max(MARGIN[0], ceil(RADII * max(radii))), MARGIN[1])
        for block in self.grid.blocks(side or SIDE):
            view = Window(
                max(0, block.top - margin), min(H, block.bottom + margin),
                max(0, block.left - margin), min(W, block.right + margin),
            )  # fmt: skip
            labels = read_labels(self.mask, view)
            yield BlockIds(block, view, self._ids(block, view, labels), labels)

    def _ids(self, block: Window, view: Window, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        if not labels[within(block, view)].any():
            return np.zeros_like(labels)
        try:
            pixels = self.tones.pixels(self.raster.read(view))
        except CuecastError:  # a damaged part, which has failed as a tile before
            return connected_instances(labels)
        told = self.concept.tell_apart(Image(pixels, f"{self.raster.path.name}, {at(view)}"), labels)
        return connected_instances(labels) if told is None else told.ids


def within(window: Window, view: Window) -> tuple[slice, slice]:
    """Where a window lies in an array (h, w) of a larger one."""
    top, left = view.top, view.left
    return slice(window.top - top, window.bottom - top), slice(window.left - left, window.right - left)


@dataclass(eq=False)
class ApartMerger(Merger):
    """Feed it all blocks of a raster, row by row from the left; see `told_apart_objects`.

    connected  classes whose objects are connected components, and are joined wherever they touch.
    """

    connected: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        super().__post_init__()
        # What the block before, and the row of blocks before, say of both sides of the seam.
        self._beside = np.zeros((0, 0), np.int64)
        self._over = np.zeros((0, self.size[1]), np.int64)
        self._under = np.zeros((0, self.size[1]), np.int64)

    def feed_ids(self, found: BlockIds) -> None:
        """The next block of the row."""
        block, view = found.block, found.view
        core = found.ids[within(block, view)]
        numbers, first = np.unique(core, return_index=True)
        numbers, first = numbers[numbers > 0], first[numbers > 0]
        new = np.zeros(int(found.ids.max(initial=0)) + 1, np.int64)
        new[numbers] = np.arange(1, len(numbers) + 1)
        classes = found.labels[within(block, view)].ravel()[first].tolist()
        known = self._count
        self._measure(block, new[core].astype(np.int32), classes)
        self._count += len(numbers)
        new[numbers] += known
        seen = new[found.ids]
        if block.left:
            seam = Window(block.top, block.bottom, block.left - SEAM, block.left + SEAM)
            self._match(self._beside, seen[within(_cut(seam, view), view)])
        if block.top:
            seam = _cut(Window(block.top - SEAM, block.top + SEAM, view.left, view.right), view)
            self._match(self._over[:, view.left : view.right], seen[within(seam, view)])
        alone = np.array([cls in self.connected for cls in classes], bool)
        kept = np.concatenate([[False], alone])[np.where(core > 0, new[core] - known, 0)]
        self._join_touching(block, np.where(kept, new[core], 0))
        self._keep(block, view, seen)

    def end_row(self, held: Any = ()) -> list[Component]:
        """As `Merger.end_row`; what the next row of blocks may see as well can still grow."""
        ids, where = np.unique(self._under, return_inverse=True)
        roots = np.array([self._joined[i] if i else 0 for i in ids.tolist()], np.int64)
        self._over = roots[where].reshape(self._under.shape)
        return super().end_row({*held, *(int(i) for i in ids if i)})

    def _keep(self, block: Window, view: Window, seen: NDArray[np.int64]) -> None:
        """Keep what this block says of its seams to the right and below."""
        right = Window(block.top, block.bottom, block.right - SEAM, block.right + SEAM)
        self._beside = seen[within(_cut(right, view), view)]
        below = _cut(Window(block.bottom - SEAM, block.bottom + SEAM, block.left, block.right), view)
        if not block.left:
            self._under = np.zeros((below.bottom - below.top, self.size[1]), np.int64)
        self._under[:, block.left : block.right] = seen[within(below, view)]

    def _match(self, theirs: NDArray[np.int64], ours: NDArray[np.int64]) -> None:
        """Join each object of ours with that of theirs which covers most of it at the seam, if that is more than half
        of one of them; ids of the same pixels."""
        ids, where = np.unique(theirs, return_inverse=True)
        roots = np.array([self._joined[i] if i else 0 for i in ids.tolist()], np.int64)
        theirs = roots[where].reshape(theirs.shape)
        sizes: dict[int, int] = {}
        for seen in (theirs, ours):
            numbers, counts = np.unique(seen, return_counts=True)
            sizes.update(zip(numbers.tolist(), counts.tolist(), strict=True))
        both = (theirs > 0) & (ours > 0)
        pairs, counts = np.unique(np.stack([ours[both], theirs[both]], 1), axis=0, return_counts=True)
        best: dict[int, tuple[int, int]] = {}
        for (own, other), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            best[own] = max(best.get(own, (0, 0)), (count, other))
        for own, (count, other) in best.items():
            if 2 * count > min(sizes[own], sizes[other]):
                self._merge(own, other)


def _cut(window: Window, view: Window) -> Window:
    """The part of a window that was looked at."""
    return Window(
        max(window.top, view.top), min(window.bottom, view.bottom),
        max(window.left, view.left), min(window.right, view.right),
    )  # fmt: skip


def told_apart_objects(teller: BlockTeller, side: int | None = None) -> Iterator[Component]:
    """The objects of a raster, each once, as soon as they are complete.

    Those that end in the same row of blocks come in reading order of their first pixels.
    """
    concept, size = teller.concept, teller.grid.size
    connected = frozenset(c for c in concept.decision.class_ids if not concept.rule.parts(c))
    merger = ApartMerger(size, teller.raster.place, connected=connected)
    for found in teller.blocks(side):
        merger.feed_ids(found)
        if found.block.right == size[1]:
            yield from merger.end_row()
    yield from sorted(merger.components.values(), key=lambda c: c.first)
