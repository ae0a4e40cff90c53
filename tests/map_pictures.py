"""Rasters in flat colours with a place on a map, for the pack `colours`: what is red is the thing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning

RED, BLUE = (200, 30, 30), (30, 30, 200)
UTM = "EPSG:32632"
HALF_METRE = Affine(0.5, 0, 499968, 0, -0.5, 4999872)
"""The first pixel is a multiple of 384 pixels from the map's origin: there begins a tile of 128, 256 or 512."""

Rectangle = tuple[int, int, int, int]
"""x1, y1, x2, y2."""

THINGS: tuple[Rectangle, ...] = (
    (10, 10, 40, 30),  # the cue
    (400, 300, 680, 320),  # over several tiles
    (128, 128, 256, 256),  # along the borders of tiles
    (690, 590, 700, 600),  # the last pixels
    (500, 100, 501, 500),  # a line
)
"""Five things; the line crosses the second, so they are four objects."""
SIZE = (600, 700)


def truth(size: tuple[int, int] = SIZE, things: tuple[Rectangle, ...] = THINGS) -> np.ndarray:
    """(H, W) uint8: 1 where a thing is."""
    mask = np.zeros(size, np.uint8)
    for x1, y1, x2, y2 in things:
        mask[y1:y2, x1:x2] = 1
    return mask


def painted(mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: red where the mask is 1, blue elsewhere."""
    return np.where(mask[..., None] == 1, np.uint8(RED), np.uint8(BLUE))


def write_map(path: Path, pixels: np.ndarray, **changes: Any) -> Path:
    """A GeoTIFF of (H, W, bands), half a metre a pixel in UTM 32; `changes` of the profile, None drops an entry."""
    profile: dict[str, Any] = {
        "driver": "GTiff", "height": pixels.shape[0], "width": pixels.shape[1], "count": pixels.shape[2],
        "dtype": pixels.dtype.name, "crs": UTM, "transform": HALF_METRE, "tiled": True, "blockxsize": 64,
        "blockysize": 64, "compress": "deflate", **changes,
    }  # fmt: skip
    profile = {k: v for k, v in profile.items() if v is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as out:
            out.write(np.moveaxis(pixels, -1, 0))
    return path


def read_band(path: Path, band: int = 1) -> np.ndarray:
    """One band of a GeoTIFF."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as found:
            return found.read(band)
