"""Images larger than memory: a grid of tiles, blended, and objects that cross the tiles' borders counted once."""

from __future__ import annotations

from cuecast.mosaic.cues import raster_cue
from cuecast.mosaic.options import MapFormat, MapOptions, MapSummary, TileProgress
from cuecast.mosaic.run import segment_raster

__all__ = ["MapFormat", "MapOptions", "MapSummary", "TileProgress", "raster_cue", "segment_raster"]
