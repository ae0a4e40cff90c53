"""Rasters read block by block, because they are larger than memory: maps, orthophotos, whole slides."""

from __future__ import annotations

from cuecast.io.rasters.opening import open_raster
from cuecast.io.rasters.place import Place
from cuecast.io.rasters.raster import Block, BlockRaster

__all__ = ["Block", "BlockRaster", "Place", "open_raster"]
