"""`BlockRaster`: a raster of any size with its place, of which windows are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.tiling import Window
from cuecast.io.rasters.georeference import Georeference

Read = Callable[[Window], "Block"]


@dataclass(frozen=True, eq=False)
class Block:
    """What a window holds: samples (h, w, C) in the file's type, C being 1 or 3, and where they were looked at.

    `valid` (h, w) bool is False for nodata, transparent and NaN pixels.
    """

    samples: NDArray[Any]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BlockRaster:
    """An open raster. Threads may read from it at once; it is closed by `open_raster`.

    size    (height, width) in pixels of the level that was opened.
    bands   the one or three bands, from 1, that become the image's channels.
    inside  reads a window that lies inside `size`; use `read`.
    notes   what a user should know of how the file was understood.
    """

    path: Path
    size: tuple[int, int]
    bands: tuple[int, ...]
    dtype: np.dtype[Any]
    place: Georeference
    inside: Read = field(repr=False)
    notes: tuple[str, ...] = ()

    def read(self, window: Window) -> Block:
        """A window, which may reach outside: what lies there is not valid. Raises ImageError for damaged data."""
        top, left = max(window.top, 0), max(window.left, 0)
        bottom, right = min(window.bottom, self.size[0]), min(window.right, self.size[1])
        shape = (window.bottom - window.top, window.right - window.left)
        samples = np.zeros((*shape, len(self.bands)), self.dtype)
        valid = np.zeros(shape, bool)
        if top < bottom and left < right:
            found = self.inside(Window(top, bottom, left, right))
            place = (
                slice(top - window.top, bottom - window.top),
                slice(left - window.left, right - window.left),
            )
            samples[place] = found.samples
            valid[place] = found.valid
        if self.dtype.kind == "f":
            valid &= np.isfinite(samples).all(axis=2)
        return Block(samples, valid)


def at(window: Window) -> str:
    """How messages and tables call a window: 'columns 0 to 512, rows 512 to 1024'."""
    return f"columns {window.left} to {window.right}, rows {window.top} to {window.bottom}"
