"""Where the masks of a folder of results lie, by the lines of its manifest."""

from __future__ import annotations

import re
from pathlib import Path

from cuecast.io.files import RESULT_RASTERS
from cuecast.io.formats import outputs_of
from cuecast.results.manifest import ManifestEntry

WHOLE = "raster"
"""Name of the manifest's line about the whole raster of a map, its first."""
SLICE = re.compile(r"(.+)_([zyx])(\d{4,})")
"""The name of a slice: the volume, its plane, its number."""


def volume_of(entry: ManifestEntry) -> str | None:
    """The volume whose slice a line is of; None of another line."""
    named = SLICE.fullmatch(entry.name)
    return named[1] if named and entry.image.endswith(f"#{named[2]}:{int(named[3])}") else None


def mask_file(out: Path, entry: ManifestEntry) -> Path | None:
    """The file whose SHA-256 is a line's `mask_hash`; None where there is none, or it is of a map's tile.

    Slices of a volume share the file of its labels.
    """
    if entry.mask_hash is None:
        return None
    raster = out / RESULT_RASTERS[0]
    if entry.name == WHOLE and raster.is_file():
        return raster
    if (volume := volume_of(entry)) is not None:
        suffixes = dict.fromkeys((*outputs_of("volumes").values(), ".nii"))
        places = [out / "masks" / f"{volume}{suffix}" for suffix in suffixes]
        return next((p for p in places if p.is_file()), places[0])
    return None if raster.is_file() else out / "masks" / f"{entry.name}.png"
