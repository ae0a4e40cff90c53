"""How a map is made, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cuecast.core.values import Verdict
from cuecast.results.manifest import ManifestEntry

MapFormat = Literal["csv", "geojson", "gpkg"]
MAP_FORMATS: tuple[MapFormat, ...] = ("csv", "geojson", "gpkg")
FILES = {"csv": "objects.csv", "geojson": "polygons.geojson", "gpkg": "polygons.gpkg"}
WORDS = ("found", "doubtful", "absent", "nodata", "failed")
"""What a tile can come to."""


@dataclass(frozen=True)
class MapOptions:
    """How a map is made. Workers, formats and overwrite never change the mask.

    workers   tiles worked on at once; never changes a byte.
    overwrite redo what is finished, and replace results of another concept.
    formats   what is written of the objects besides mask and scores.
    bands     one or three, from 1; None takes red, green and blue, the first three, or the first.
    level     of a pyramid: 0 is the full resolution, 1 the next smaller version.
    window    (low, high) that becomes 0 to 255 in 16-bit and float rasters.
    tile      side of the tiles in pixels, and `overlap` what they share; None: by what the concept looks at.
    """

    workers: int = 1
    overwrite: bool = False
    formats: Sequence[MapFormat] = MAP_FORMATS
    bands: tuple[int, ...] | None = None
    level: int = 0
    window: tuple[float, float] | None = None
    tile: int | None = None
    overlap: int | None = None


@dataclass(frozen=True)
class TileProgress:
    """One tile is done: the `done`-th of `total`, row by row. `resumed`: it was finished before."""

    done: int
    total: int
    entry: ManifestEntry
    resumed: bool


@dataclass(frozen=True)
class MapSummary:
    """What a map came to.

    verdict, confidence  of the whole raster, see `cuecast.mosaic.tally`.
    counts    tiles by 'found', 'doubtful', 'absent', 'nodata' and 'failed'.
    failures  (window, error) of each tile that failed.
    resumed   how many tiles had been finished before.
    objects   their number; areas: class id -> marked pixels.
    notes     what a user should know of how the raster was understood, and of what was moved aside.
    files     where things are: 'mask', 'scores', 'manifest', and each of the formats.
    """

    out: Path
    verdict: Verdict
    confidence: float
    counts: Mapping[str, int]
    failures: tuple[tuple[str, str], ...]
    resumed: int
    objects: int
    areas: Mapping[int, int]
    seconds: float
    notes: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
