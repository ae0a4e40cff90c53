"""Tiled and pyramidal TIFF (OME-TIFF, SVS and other whole slides), block by block through tifffile."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, MissingExtraError, cause
from cuecast.core.tiling import Window
from cuecast.io.rasters.georeference import Georeference
from cuecast.io.rasters.raster import Block, BlockRaster, at
from cuecast.io.tiff import BROKEN, lacks_codec, ome_edges


def accepts(path: Path) -> bool:
    """Whether tifffile knows the file as a slide, or a picture of a microscope: GDAL reads less of these."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            return bool(tif.is_ome or tif.is_svs or tif.is_ndpi or tif.is_scn or tif.is_qpi or tif.is_bif)
    except (tifffile.TiffFileError, *BROKEN):
        return False


@contextmanager
def open_raster(path: Path, bands: tuple[int, ...] | None, level: int) -> Iterator[BlockRaster]:
    """The first picture of a TIFF; see `cuecast.io.rasters.open_raster`."""
    import tifffile

    try:
        tif = tifffile.TiffFile(path)
    except (tifffile.TiffFileError, *BROKEN) as error:
        raise ImageError(f"cannot be read as a TIFF ({cause(error)})", path, "copy or convert it") from error
    with tif:
        series = tif.series[0]
        if not 0 <= level < len(series.levels):
            raise ImageError(f"there is no level {level}, it has 0 to {len(series.levels) - 1}", path)
        planes, size = _planes(path, series.levels[level])
        if any(page.parent.filehandle is not tif.filehandle for page, _ in planes):
            raise ImageError("its channels lie in several files", path, "save them as one OME-TIFF")
        chosen = _chosen(path, planes, bands)
        full = _planes(path, series.levels[0])[1]
        edge, unit = _pixel_size(tif)
        place = Georeference(pixel_size=edge, unit=unit).scaled(full[1] / size[1], full[0] / size[0])
        inside = _reader(path, tif.filehandle, [planes[b - 1] for b in chosen])
        note = "it is a TIFF without a place on a map: polygons are in pixels"
        yield BlockRaster(path, size, chosen, np.dtype(series.dtype), place, inside, (note,))


Plane = tuple[Any, int]
"""A page, and which of its samples is meant."""


def _planes(path: Path, series: Any) -> tuple[list[Plane], tuple[int, int]]:
    """The channels of a level as (page, sample), and (height, width)."""
    sides = dict(zip(series.axes, series.shape, strict=True))
    long = [axis for axis, n in sides.items() if axis not in "YXSC" and n > 1]
    if long or "Y" not in sides or "X" not in sides:
        raise ImageError(
            f"its axes are {series.axes} {series.shape}, more than one picture",
            path,
            "`cuecast segment --page N` or a volume is what to use",
        )
    pages = [_page(p) for p in series.pages]
    planes = [(page, sample) for page in pages for sample in range(page.samplesperpixel)]
    if any(int(page.photometric) == 3 for page in pages):
        raise ImageError("its colours are a palette", path, "convert it to RGB")
    return planes, (sides["Y"], sides["X"])


def _pixel_size(tif: Any) -> tuple[float | None, str | None]:
    """Edge of a pixel at full resolution where it is stated: OME's PhysicalSizeX, Aperio's MPP (micrometres)."""
    if tif.is_ome:
        return ome_edges(tif).get("X", (None, None))
    size = re.search(r"MPP = ([\d.]+)", tif.pages[0].description) if tif.is_svs else None
    return (float(size[1]), "um") if size and float(size[1]) > 0 else (None, None)


def _page(page: Any) -> Any:
    """A page of a series in full: tifffile gives later ones as frames that share the first one's tags."""
    import tifffile

    return page if isinstance(page, tifffile.TiffPage) else page.aspage()


def _chosen(path: Path, planes: list[Plane], bands: tuple[int, ...] | None) -> tuple[int, ...]:
    if bands is not None:
        if any(not 1 <= b <= len(planes) for b in bands):
            raise ImageError(f"bands {bands} were asked for, it has 1 to {len(planes)}", path)
        return bands
    return (1, 2, 3) if len(planes) >= 3 else (1,)


def _reader(path: Path, file: Any, planes: list[Plane]) -> Callable[[Window], Block]:
    lock = threading.Lock()

    def inside(window: Window) -> Block:
        shape = (window.bottom - window.top, window.right - window.left)
        valid = np.ones(shape, bool)
        channels: list[NDArray[Any]] = []
        parts: dict[int, NDArray[Any]] = {}
        try:
            for page, sample in planes:
                if id(page) not in parts:
                    parts[id(page)] = _page_window(file, lock, page, window, valid)
                channels.append(parts[id(page)][..., sample])
        except (*BROKEN, ImportError) as error:
            if lacks_codec(error):
                raise MissingExtraError(
                    "its compression needs imagecodecs", path, "run: pip install 'cuecast[maps]'"
                ) from error
            raise ImageError(
                f"{at(window)} cannot be decoded ({cause(error)})", path, "copy the file again"
            ) from error
        return Block(np.stack(channels, axis=-1), valid)

    return inside


def _page_window(
    file: Any, lock: threading.Lock, page: Any, window: Window, valid: NDArray[np.bool_]
) -> NDArray[Any]:
    """(h, w, S) samples of a window of one page; where the file holds no data, `valid` is cleared in place."""
    S = int(page.samplesperpixel)
    out = np.zeros((*valid.shape, S), page.dtype)
    separate = int(page.planarconfig) == 2
    high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    across, down = -(-page.imagewidth // wide), -(-page.imagelength // high)
    for row in range(window.top // high, -(-window.bottom // high)):
        for col in range(window.left // wide, -(-window.right // wide)):
            place, part = _overlap(window, Window(row * high, (row + 1) * high, col * wide, (col + 1) * wide))
            for plane in range(S if separate else 1):
                index = (plane * down + row) * across + col
                segment = _segment(file, lock, page, index)
                if segment is None:
                    valid[place] = False
                elif separate:
                    out[(*place, plane)] = segment[(*part, 0)]
                else:
                    out[place] = segment[part]
    return out


def _overlap(window: Window, segment: Window) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What two windows share, as an index into the first and one into the second."""
    top, left = max(window.top, segment.top), max(window.left, segment.left)
    bottom, right = min(window.bottom, segment.bottom), min(window.right, segment.right)

    def index(of: Window) -> tuple[slice, slice]:
        return slice(top - of.top, bottom - of.top), slice(left - of.left, right - of.left)

    return index(window), index(segment)


def _segment(file: Any, lock: threading.Lock, page: Any, index: int) -> NDArray[Any] | None:
    """One tile or strip (h, w, S), decoded; None where the file has none."""
    offset, count = page.dataoffsets[index], page.databytecounts[index]
    if not count:
        return None
    with lock:
        file.seek(offset)
        data = file.read(count)
    if len(data) < count:
        raise ValueError(f"the data should reach byte {offset + count}, the file ends before")
    header = getattr(page, "jpegheader", None)  # Hamamatsu keeps it once for all of a page's pieces
    more = {} if header is None else {"jpegheader": header}
    segment, _, _ = page.decode(data, index, jpegtables=page.jpegtables, **more)
    if segment is None:
        return None
    decoded: NDArray[Any] = segment[0]
    return decoded
