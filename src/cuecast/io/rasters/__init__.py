"""Rasters read block by block, because they are larger than memory: maps, orthophotos, whole slides."""

from __future__ import annotations

from cuecast.io.rasters.georeference import Georeference
from cuecast.io.rasters.opening import open_raster
from cuecast.io.rasters.raster import Block, BlockRaster

__all__ = ["Block", "BlockRaster", "Georeference", "open_raster"]
