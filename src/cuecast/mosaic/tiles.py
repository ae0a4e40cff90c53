"""One tile: read, segmented, and kept on disk until the raster is put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CuecastError, MissingExtraError, OutputError
from cuecast.core.values import Image
from cuecast.io.files import file_digest, replacing
from cuecast.io.rasters.raster import BlockRaster, Tones, at
from cuecast.mosaic.grid import Grid, Tile
from cuecast.predictor import Concept
from cuecast.results.manifest import ManifestEntry

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
        return replace(
            entry,
            verdict=prediction.verdict,
            confidence=round(prediction.confidence, 6),
            seconds=round(prediction.seconds, 4),
            size=block.valid.shape,
            areas={c.id: int((mask == c.id).sum()) for c in self.concept.classes},
            mask_hash=file_digest(path),
        )

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
