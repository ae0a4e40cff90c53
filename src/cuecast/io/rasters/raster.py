"""`BlockRaster`: a raster of any size with its place, of which windows are read; and its tones in 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cuecast.core.errors import ImageError
from cuecast.core.tiling import Window
from cuecast.io.images import PERCENTILES
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


SAMPLES = 24
"""Windows a side of the grid that percentiles are taken from."""
SAMPLE_SIDE = 48
"""Pixels a side of each of them."""


@dataclass(frozen=True)
class Tones:
    """Samples from `low` to `high` become 0 to 255; None keeps 8-bit samples as they are."""

    span: tuple[float, float] | None

    def pixels(self, block: Block) -> NDArray[np.uint8]:
        """(h, w, 3) uint8. Pixels that are not valid take the tone of the nearest one that is.

        So the border of the data is no edge to the segmenter, wherever a window is cut. All 0 where nothing is valid.
        """
        samples = block.samples
        if samples.shape[2] == 1:
            samples = np.repeat(samples, 3, axis=2)
        if self.span is None:
            tones = samples.astype(np.uint8)
        else:
            low, high = self.span
            known = np.where(block.valid[..., None], samples, low).astype(np.float64)
            tones = np.rint(np.clip((known - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)
        return tones if block.valid.all() else _filled(tones, block.valid)


def tones_of(raster: BlockRaster, window: tuple[float, float] | None) -> Tones:
    """The rule for a raster: 8 bits are kept, `window` (low, high) if given, else what `read_image` does with images.

    That is: floats that all lie in [0, 1] are multiplied by 255, other deep samples are stretched between their 0.5
    and 99.5 percentiles, here of a regular grid of small windows over the whole raster. Raises ImageError where the
    window is empty, or none of these windows can be read or holds data.
    """
    if window is not None:
        if not window[0] < window[1]:
            raise ImageError(f"window {window} is empty", raster.path, "give (low, high) with low < high")
        return Tones((float(window[0]), float(window[1])))
    if raster.dtype == np.uint8:
        return Tones(None)
    seen = _looked_at(raster)
    if not len(seen):
        raise ImageError(
            f"nothing but nodata was met at {SAMPLES} x {SAMPLES} places",
            raster.path,
            "check its nodata value, or give the values of black and white: --window LOW,HIGH",
        )
    low, high = float(seen.min()), float(seen.max())
    if raster.dtype.kind == "f" and low >= 0 and high <= 1:
        return Tones((0.0, 1.0))
    narrow = tuple(float(v) for v in np.percentile(seen, PERCENTILES))
    if narrow[0] < narrow[1]:
        return Tones((narrow[0], narrow[1]))
    return Tones((low, high) if low < high else (low, low + 1))


def _looked_at(raster: BlockRaster) -> NDArray[Any]:
    """All valid samples, in one row, of a regular grid of small windows.

    Windows that cannot be read are left out: their tiles fail on their own. Raises ImageError where none can be.
    """
    found: list[NDArray[Any]] = []
    broken: ImageError | None = None
    for top in _starts(raster.size[0]):
        for left in _starts(raster.size[1]):
            bottom, right = (
                min(top + SAMPLE_SIDE, raster.size[0]),
                min(left + SAMPLE_SIDE, raster.size[1]),
            )
            try:
                block = raster.read(Window(top, bottom, left, right))
            except ImageError as error:
                broken = error
                continue
            found.append(block.samples[block.valid].ravel())
    if not found and broken is not None:
        raise broken
    return np.concatenate(found)


def _starts(length: int) -> list[int]:
    """Where the sample windows begin along one side, without repeats."""
    last = max(length - SAMPLE_SIDE, 0)
    if length <= SAMPLES * SAMPLE_SIDE:
        return list(range(0, length, SAMPLE_SIDE))
    return [last * i // (SAMPLES - 1) for i in range(SAMPLES)]


def _filled(tones: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    if not valid.any():
        return np.zeros_like(tones)
    rows, cols = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    filled: NDArray[np.uint8] = tones[rows, cols]
    return filled
