"""GeoTIFF and what else GDAL reads (JPEG 2000, VRT, ...), window by window through rasterio."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.core.tiling import Window
from cuecast.io.rasters.georeference import PIXELS, Controls, Ellipsoid, Georeference
from cuecast.io.rasters.raster import Block, BlockRaster, at

CACHE = 64 * 2**20
"""Bytes that GDAL may keep of what it has decoded; its own default is a share of the machine's memory."""


def load_rasterio() -> Any:
    """The library. Raises MissingExtraError."""
    try:
        import rasterio
        import shapely  # noqa: F401  what draws the outlines at the end is asked for before any work
    except ImportError as error:
        raise MissingExtraError(
            f"maps are read and written with {error.name or 'rasterio'}, which is not installed",
            remedy="run: pip install 'cuecast[maps]'",
        ) from error
    return rasterio


@contextmanager
def gdal() -> Iterator[Any]:
    """rasterio with a small cache, and without its warning that a picture has no place on a map."""
    rasterio = load_rasterio()
    with rasterio.Env(GDAL_CACHEMAX=CACHE), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield rasterio


def accepts(path: Path) -> bool:  # noqa: ARG001
    """True: what is none of GDAL's is named when it is opened."""
    return True


@contextmanager
def open_raster(path: Path, bands: tuple[int, ...] | None, level: int) -> Iterator[BlockRaster]:
    """The raster at `path`; see `cuecast.io.rasters.open_raster`."""
    with gdal() as rasterio:
        try:
            found = rasterio.open(path, **({"overview_level": level - 1} if level else {}))
        except rasterio.errors.RasterioError as error:
            raise ImageError(_refused(path, level, error)) from error
        with found as dataset:
            yield _raster(path, dataset, _chosen(path, dataset, bands), rasterio)


def _refused(path: Path, level: int, error: Exception) -> str:
    reason = str(error).removeprefix(f"{path}: ").removeprefix(f"'{path}' ")
    if level:
        return f"{path}: level {level} cannot be opened ({reason}); level 0 is the full resolution"
    if "codec" in reason or "compression" in reason.lower():
        return (
            f"{path}: its compression is none that rasterio's GDAL has ({reason}); save it as deflate or LZW with the "
            "program that wrote it, or with a GDAL that reads it: gdal_translate -co COMPRESS=DEFLATE -co TILED=YES"
        )
    return f"{path}: cannot be read as a raster ({reason}); check the name, or convert it to GeoTIFF"


def _raster(path: Path, dataset: Any, bands: tuple[int, ...], rasterio: Any) -> BlockRaster:
    lock = threading.Lock()
    palette = _palette(dataset, bands, rasterio)
    flags = {flag.name for flag in dataset.mask_flag_enums[bands[0] - 1]}
    nodata = dataset.nodatavals[bands[0] - 1] if "nodata" in flags else None
    masked = "per_dataset" in flags or "alpha" in flags

    def inside(window: Window) -> Block:
        place = ((window.top, window.bottom), (window.left, window.right))
        try:
            with lock:
                samples = np.moveaxis(dataset.read(bands, window=place), 0, -1)
                valid = dataset.read_masks(bands[0], window=place) > 0 if masked else None
        except rasterio.errors.RasterioError as error:
            reason = str(error.__cause__ or error)
            raise ImageError(
                f"{at(window)} cannot be decoded ({reason})", path, "copy the file again"
            ) from error
        if valid is None:
            valid = _data(samples, nodata)
        return Block(samples if palette is None else palette[samples[..., 0]], valid)

    dtype = np.dtype(dataset.dtypes[bands[0] - 1])
    if dtype.kind not in "uif":
        raise ImageError(
            f"its samples are {dtype}", path, "choose bands of integers or floats, or convert it"
        )
    place, notes = _place(dataset)
    channels = bands if palette is None else bands * 3
    return BlockRaster(path, (dataset.height, dataset.width), channels, dtype, place, inside, notes)


def _data(samples: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    """Where any of the channels differs from the nodata value; everywhere where there is none."""
    if nodata is None or nodata != nodata:  # NaN is found by `BlockRaster.read`
        return np.ones(samples.shape[:2], bool)
    valid: NDArray[np.bool_] = (samples != nodata).any(axis=2)
    return valid


def _chosen(path: Path, dataset: Any, bands: tuple[int, ...] | None) -> tuple[int, ...]:
    """The bands asked for; else red, green and blue where the file names them, the first three, or the first."""
    if bands is not None:
        if any(not 1 <= b <= dataset.count for b in bands):
            raise ImageError(f"bands {bands} were asked for, it has 1 to {dataset.count}", path)
        return bands
    named = {colour.name: i for i, colour in enumerate(dataset.colorinterp, start=1)}
    if {"red", "green", "blue"} <= named.keys():
        return named["red"], named["green"], named["blue"]
    plain = [i for i in range(1, dataset.count + 1) if dataset.colorinterp[i - 1].name != "alpha"]
    return tuple(plain[:3]) if len(plain) >= 3 else (plain[0] if plain else 1,)


def _palette(dataset: Any, bands: tuple[int, ...], rasterio: Any) -> NDArray[np.uint8] | None:
    """(256, 3) colours of a band of palette indices, else None."""
    palette = rasterio.enums.ColorInterp.palette
    if (
        len(bands) != 1
        or dataset.colorinterp[bands[0] - 1] != palette
        or dataset.dtypes[bands[0] - 1] != "uint8"
    ):
        return None
    colours = np.zeros((256, 3), np.uint8)
    for index, colour in dataset.colormap(bands[0]).items():
        colours[index] = colour[:3]
    return colours


def _place(dataset: Any) -> tuple[Georeference, tuple[str, ...]]:
    """Where the raster lies, and what to say of it."""
    crs, transform = dataset.crs, tuple(dataset.transform)[:6]
    a, b, _, d, e, _ = transform
    if a * e == b * d:  # as GDAL has it at the levels of a raster without one
        transform = PIXELS
    if crs is None or transform == PIXELS:
        missing = "no coordinate reference system" if crs is None else "no transform to map coordinates"
        controls = _controls(dataset) if transform == PIXELS else None
        kept = (
            "" if controls is None else f"; its {_named(controls)} are kept in mask.tif and scores.tif alone"
        )
        return Georeference(transform, controls=controls), (
            f"it states {missing}: areas and polygons are in pixels{kept}",
        )
    wkt = crs.to_wkt()
    if crs.is_geographic:
        return Georeference(transform, wkt, ellipsoid=_ellipsoid(wkt)), ()
    try:
        return Georeference(transform, wkt, metres=float(crs.linear_units_factor[1])), ()
    except ValueError:
        return Georeference(transform, wkt), (
            "its coordinate system has no unit of length: areas are in pixels",
        )


def _controls(dataset: Any) -> Controls | None:
    """Ground control points and coefficients; None where there are none."""
    points, crs = dataset.gcps
    rpcs = dataset.tags(ns="RPC")
    if not points and not rpcs:
        return None
    return Controls(
        tuple((float(p.row), float(p.col), float(p.x), float(p.y), float(p.z or 0)) for p in points),
        crs.to_wkt() if crs else None,
        tuple(sorted(rpcs.items())),
    )


def _named(controls: Controls) -> str:
    points = f"{len(controls.points)} ground control points" if controls.points else ""
    rpcs = "rational polynomial coefficients" if controls.rpcs else ""
    return " and ".join(filter(None, (points, rpcs)))


def _ellipsoid(wkt: str) -> Ellipsoid:
    """The ellipsoid that a WKT names; WGS 84 where it names none."""
    found = re.search(r'(?:SPHEROID|ELLIPSOID)\["[^"]*",\s*([\d.eE+]+),\s*([\d.eE+]+)', wkt)
    if found is None:
        return Ellipsoid(6378137.0, 1 / 298.257223563)
    radius, inverse = float(found[1]), float(found[2])
    return Ellipsoid(radius, 1 / inverse if inverse else 0.0)
