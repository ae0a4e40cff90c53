"""Rasters read block by block, because they are larger than memory: maps, orthophotos, whole slides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cuecast.core.errors import ImageError
from cuecast.io.formats import FORMATS
from cuecast.io.rasters.georeference import Georeference
from cuecast.io.rasters.raster import Block, BlockRaster

__all__ = ["Block", "BlockRaster", "Georeference", "open_raster"]


@contextmanager
def open_raster(
    path: str | Path, bands: tuple[int, ...] | None = None, level: int = 0
) -> Iterator[BlockRaster]:
    """A raster to read windows from, open while the block runs.

    The first format of the table that accepts it reads it: slides and microscope TIFFs by tifffile, else rasterio.

    bands  one or three, from 1; None takes red, green and blue where the file names them, else the first three, or
           the first where there are fewer.
    level  of a pyramid: 0 is the full resolution, 1 the next smaller version, ...

    Raises ImageError, and MissingExtraError where the library is missing.
    """
    path = Path(path)
    if bands is not None and len(bands) not in (1, 3):
        raise ImageError(
            f"{len(bands)} bands were asked for", path, "an image is made of one band or of three"
        )
    if level < 0:
        raise ImageError(f"level {level} cannot be", path, "0 is the full resolution")
    if not path.is_file():
        raise ImageError("there is no such file", path, "check the spelling")
    readers = (form.load() for form in FORMATS["rasters"])
    reader = next(r for r in readers if r.accepts(path))
    with reader.open_raster(path, bands, level) as raster:
        yield raster
