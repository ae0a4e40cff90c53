"""A grid of overlapping tiles fixed to the map, and the work on one tile: read, segmented, and kept on disk until the
raster is put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CuecastError, MissingExtraError, OutputError
from cuecast.core.tiling import Window
from cuecast.core.values import Image
from cuecast.io.files import file_digest, replacing
from cuecast.io.rasters.raster import BlockRaster, Tones, at
from cuecast.predictor import Concept
from cuecast.results.manifest import ManifestEntry, answered

WORKING_SIDE = 512
"""Side of a tile as the segmenter sees it, in working pixels: what the engine encodes in one piece."""
WORKING_OVERLAP = 128
"""What neighbouring tiles share, in working pixels; see docs/decisions/0008-huge-images.md for the measurement."""
LARGEST = 2048
"""Side above which no tile is made by itself, in pixels: one such tile is what a worker holds."""
UNIT = 64
"""Tiles of zoom 1/2 and more begin at multiples of this, of smaller zooms at multiples of its doubles."""


BLOCK_TILES = 4
"""Tiles a side that go to one machine together, where several work on a raster: neighbours read the same pixels."""


class Tile(NamedTuple):
    """The tile in a row and column of the grid."""

    row: int
    col: int

    @property
    def name(self) -> str:
        """'r0003_c0017': its name in the manifest and on disk."""
        return f"r{self.row:04d}_c{self.col:04d}"

    @property
    def block(self) -> str:
        """The name of the block of `BLOCK_TILES` x `BLOCK_TILES` tiles that it lies in."""
        return Tile(self.row // BLOCK_TILES, self.col // BLOCK_TILES).name


def block_of(name: str) -> str:
    """The block of the tile that has this name."""
    row, col = name.removeprefix("r").split("_c")
    return Tile(int(row), int(col)).block


@dataclass(frozen=True)
class Grid:
    """Tiles of `side` pixels, each sharing `overlap` with the next, over a raster of `size` (height, width).

    All tiles have the same size, so that a segmenter scales them all alike; the outer ones may reach over the border.

    anchor  row and column, counted from any fixed place of the map, of the raster's first pixel: tiles begin at
            multiples of `step` from that place, so that a raster and a part cut out of it are cut into the same tiles.
    """

    size: tuple[int, int]
    side: int
    overlap: int
    anchor: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.overlap <= self.side or not self.side:
            raise ValueError(
                f"tiles of {self.side} pixels cannot share {self.overlap} with the next: the overlap is at most half"
            )

    @property
    def step(self) -> int:
        """From one tile's origin to the next one's."""
        return self.side - self.overlap

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of tiles."""
        rows, cols = (
            max(1, -(-(n - first - self.overlap) // self.step))
            for n, first in zip(self.size, self._first, strict=True)
        )
        return rows, cols

    @property
    def _first(self) -> tuple[int, int]:
        """Row and column of the raster, none above 0, where the first tile begins."""
        return -(self.anchor[0] % self.step), -(self.anchor[1] % self.step)

    def __len__(self) -> int:
        return self.shape[0] * self.shape[1]

    def tiles(self) -> Iterator[Tile]:
        """All tiles, row by row."""
        for row in range(self.shape[0]):
            for col in range(self.shape[1]):
                yield Tile(row, col)

    def window(self, tile: Tile) -> Window:
        """Where a tile lies; it may reach over the border of the raster."""
        top, left = (f + i * self.step for f, i in zip(self._first, tile, strict=True))
        return Window(top, top + self.side, left, left + self.side)

    def over(self, window: Window) -> Iterator[Tile]:
        """The tiles that meet a window, row by row."""
        top, left = self._first
        for row in self._meeting(window.top - top, window.bottom - top, self.shape[0]):
            for col in self._meeting(window.left - left, window.right - left, self.shape[1]):
                yield Tile(row, col)

    def blocks(self, side: int) -> Iterator[Window]:
        """Windows without overlap, `side` pixels a side, cut at the border, row by row."""
        H, W = self.size
        for top in range(0, H, side):
            for left in range(0, W, side):
                yield Window(top, min(top + side, H), left, min(left + side, W))

    def weights(self) -> NDArray[np.int64]:
        """(side, side) whole numbers: the share of a tile in the blend.

        It rises over the middle half of the overlap. In the outer quarter, where a segmenter misses what lies beyond
        the border, it is the least there is: nothing to speak of beside another tile, all where there is no other.
        Whole, so that sums over tiles are exact whatever their order.
        """
        i = np.arange(self.side)
        margin = self.overlap // 4
        rising = 2 * (np.minimum(i, i[::-1]) - margin) + 1
        ramp = rising.clip(1, max(2 * (self.overlap - 2 * margin), 1)).astype(np.int64)
        return np.outer(ramp, ramp)

    def _meeting(self, start: int, stop: int, count: int) -> range:
        first = max(0, (start - self.side) // self.step + 1)
        last = min(count, -(-stop // self.step))
        return range(first, last)


def grid_for(
    size: tuple[int, int],
    zoom: float,
    side: int | None = None,
    overlap: int | None = None,
    anchor: tuple[int, int] = (0, 0),
) -> Grid:
    """The grid for a segmenter that sees `zoom` working pixels a pixel; `side` and `overlap` where they are given.

    A tile is then what the segmenter looks at in one piece, and the overlap covers what it sees around a pixel.
    Origins are multiples of what its strides cover, so that a pixel meets the same phase in every tile.
    """
    unit = UNIT
    while unit * zoom < UNIT / 2 and unit < LARGEST / 4:
        unit *= 2
    if side is None:
        side = max(unit * 2, min(LARGEST, int(WORKING_SIDE / zoom)) // unit * unit)
    if overlap is None:
        wanted = -(-round(WORKING_OVERLAP / zoom) // unit) * unit
        overlap = min(wanted, side // 4 // unit * unit or side // 4)
    return Grid(size, side, overlap, anchor)


TOP = 254
"""Score 1 in the files of scores: they hold scores times 254, rounded, and 255 where nothing was looked at."""
UNSEEN = 255


@dataclass(frozen=True, eq=False)
class TileWork:
    """What is done with each tile; safe to share between threads. `blank` is a line that names raster and concept."""

    concept: Concept
    raster: BlockRaster
    grid: Grid
    tones: Tones
    folder: Path
    blank: ManifestEntry

    def do(self, tile: Tile) -> ManifestEntry:
        """Segment a tile and write its scores. A tile that cannot be read becomes an entry with the error.

        A tile without valid pixels has neither verdict nor error, and no file.
        """
        entry, path = replace(self.blank, name=tile.name), tile_path(self.folder, tile)
        path.unlink(missing_ok=True)
        window = self.grid.window(tile)
        try:
            block = self.raster.read(window)
            if not block.valid.any():
                return entry
            name = f"{self.raster.path.name}, {at(window)}"
            prediction = self.concept.segment(Image(self.tones.pixels(block), name))
        except (OutputError, MissingExtraError):
            raise
        except (CuecastError, MemoryError) as error:
            return replace(
                entry, error=str(error) or f"{at(window)} need too much memory; use a smaller tile"
            )
        levels = np.rint(prediction.scores * TOP).astype(np.uint8)
        levels[:, ~block.valid] = UNSEEN
        mask = np.where(block.valid, prediction.mask, 0)
        write_levels(path, levels)
        answer = (prediction.verdict, prediction.confidence, prediction.seconds)
        return answered(entry, answer, mask, self.concept.decision.class_ids, path)

    def holds(self, tile: Tile, entry: ManifestEntry) -> bool:
        """Whether a tile of this raster is finished: it was nodata, or its file is the one the entry speaks of."""
        ours = self.blank
        if entry.error is not None or (entry.image_hash, entry.thresholds) != (
            ours.image_hash,
            ours.thresholds,
        ):
            return False
        if entry.mask_hash is None:
            return True
        path = tile_path(self.folder, tile)
        return path.is_file() and file_digest(path) == entry.mask_hash


def tile_path(folder: Path, tile: Tile) -> Path:
    """Where the scores of a tile are kept."""
    return folder / f"{tile.name}.npz"


def write_levels(path: Path, levels: NDArray[np.uint8]) -> None:
    """Write the scores (K, side, side) uint8 of a tile, whole or not at all. Raises OutputError."""
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, levels=levels)


def read_levels(path: Path) -> NDArray[np.uint8]:
    """What `write_levels` wrote: (classes, h, w)."""
    with np.load(path, allow_pickle=False) as stored:
        levels: NDArray[np.uint8] = stored["levels"]
    return levels
