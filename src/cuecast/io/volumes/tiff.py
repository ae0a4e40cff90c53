"""Multi-page TIFF through tifffile: stacks of pages, ImageJ hyperstacks and OME-TIFF, spacing where it is stated."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, MissingExtraError, cause
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.pixels import pixel_limit
from cuecast.io.tiff import BROKEN, CODEC_REMEDY, check_deflated, lacks_codec, ome_edges, unit_of
from cuecast.io.volumes.reading import Reading, check_channel, scratch
from cuecast.io.volumes.volume import Volume

MILLIMETRES = {"nm": 1e-6, "um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3, "inch": 25.4}
"""Units that ImageJ and OME write, in mm."""

MOST_PER_MM = 1e9
"""Pixels a millimetre, and millimetres a pixel, that a TIFF can state."""

_STACKS = "ZQI"
"""Axes that count as z, the likeliest first: a plain stack of pages states none (Q, I)."""


def stated_size(path: Path) -> tuple[int, int]:
    """By its header: (voxels, bytes of their samples). Raises what reading does."""
    import tifffile

    with tifffile.TiffFile(path) as tif:
        series: Any = tif.series[0]
        voxels = math.prod(map(int, series.shape))
        return voxels, voxels * int(series.dtype.itemsize)


def read_volume(path: Path, reading: Reading) -> Volume:
    """The stack of pages in a TIFF. Raises ImageError where it is damaged, in colour, or a single page."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            _check_chain(tif)
            series = tif.series[0]
            axes = str(series.axes)
            _check_size(path, series)
            if "S" in axes:
                raise ImageError(
                    "its pages are in colour",
                    path,
                    "convert the stack to one channel, or use `cuecast segment`",
                )
            voxels = _ordered(_voxels(path, tif, series), axes, path)
            spacing = _spacing(tif, series)
    except (*BROKEN, ImportError, tifffile.TiffFileError) as error:
        if lacks_codec(error):
            raise MissingExtraError(f"this compression {CODEC_REMEDY}", path) from error
        raise ImageError(
            f"the TIFF is damaged or cut short ({cause(error)})", path, "copy or save it again"
        ) from error
    notes = (
        () if spacing else (f"{path}: states no spacing: lengths are in voxels, unless --spacing says more",)
    )
    return Volume(
        voxels=check_channel(voxels, path, reading.channel),
        name=path.stem.removesuffix(".ome"),
        format="tiff",
        spacing=spacing,
        path=path,
        notes=notes,
    )


def write_labels(
    path: Path,
    labels: NDArray[Any],
    volume: Volume,
    classes: Sequence[ClassInfo],  # noqa: ARG001
) -> Path:
    """Labels (Z, Y, X) uint8 or uint16 as an ImageJ stack with the spacing; whole or not at all. Raises OutputError.

    A TIFF knows no place in space: of a volume that has one, the spacing alone is kept.
    """
    import tifffile

    extra: dict[str, Any] = {}
    metadata: dict[str, Any] = {"axes": "ZYX"}
    if volume.spacing is not None:
        z, y, x = volume.spacing
        metadata |= {"spacing": z, "unit": "mm"}
        if all(1 / MOST_PER_MM < edge < MOST_PER_MM for edge in (x, y)):
            extra["resolution"] = (1 / x, 1 / y)
    with replacing(path) as temporary, tifffile.TiffWriter(temporary, imagej=True) as out:
        out.write(_pages(labels), shape=labels.shape, dtype=labels.dtype, metadata=metadata, **extra)
    return path


def _pages(labels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    yield from (np.ascontiguousarray(page) for page in labels)


def _check_size(path: Path, series: Any) -> None:
    """Raise ImageError where a page is larger than a picture may be, before it is decoded."""
    height, width = (dict(zip(series.axes, series.shape, strict=True)).get(axis, 1) for axis in "YX")
    limit = pixel_limit(ImageError)
    if not 0 < height * width <= limit:
        raise ImageError(
            f"its pages are {width} x {height}",
            path,
            f"from 1 to {limit} pixels can be read, or what CUECAST_MAX_PIXELS says",
        )


def _check_chain(tif: Any) -> None:
    """Raise ValueError where a page announces another that is not there: the stack would come out shorter."""
    kind, stream = tif.tiff, tif.filehandle
    last = tif.pages[len(tif.pages) - 1].offset
    stream.seek(last)
    (tags,) = struct.unpack(kind.tagnoformat, stream.read(kind.tagnosize))
    stream.seek(last + kind.tagnosize + tags * kind.tagsize)
    if any(stream.read(kind.offsetsize)):
        raise ValueError(f"the page after the {len(tif.pages)} that are there is missing")


def _voxels(path: Path, tif: Any, series: Any) -> NDArray[Any]:
    """The stored values in the series' own axes: on disk where they lie there in one piece, else decoded once."""
    if series.dataoffset is not None:
        dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
        return np.memmap(path, dtype, "r", series.dataoffset, series.shape)
    decoded = scratch(series.shape, series.dtype)
    pages = decoded.reshape(-1, *series.shape[-2:])
    if len(pages) != len(series.pages):
        raise ValueError(f"{len(pages)} pages are announced, {len(series.pages)} are there")
    for target, page in zip(pages, series.pages, strict=True):
        if page is None:
            raise ValueError("a page is missing")
        check_deflated(page, tif.filehandle)
        target[...] = page.asarray()
    return decoded


def _ordered(voxels: NDArray[Any], axes: str, path: Path) -> NDArray[Any]:
    """(..., Z, Y, X), whatever order the file has them in."""
    depth = next((a for a in _STACKS if a in axes), None)
    if depth is None and "T" in axes and "C" not in axes:
        depth = "T"  # ImageJ calls the pages of a stack that was opened as a series 'time'
    if depth is None or not axes.endswith("YX"):
        raise ImageError(f"its axes are {axes}, which is no stack", path, "use `cuecast segment` for images")
    return np.moveaxis(voxels, axes.index(depth), -3)


def _spacing(tif: Any, series: Any) -> tuple[float, float, float] | None:
    """(z, y, x) in mm where OME or ImageJ state all three."""
    if tif.is_ome and tif.ome_metadata:
        edges = ome_edges(tif)
        if not all(edges.get(axis, (0, ""))[1] in MILLIMETRES for axis in "ZYX"):
            return None
        z, y, x = (edges[axis][0] * MILLIMETRES[edges[axis][1]] for axis in "ZYX")
        return z, y, x
    if not tif.is_imagej:
        return None
    stated = tif.imagej_metadata or {}
    unit = MILLIMETRES.get(unit_of(str(stated.get("unit", ""))) or "")
    resolutions = [series.pages[0].tags.get(code) for code in (283, 282)]
    if unit is None or "spacing" not in stated or None in resolutions:
        return None
    y, x = (tag.value[1] / tag.value[0] if tag.value[0] else 0.0 for tag in resolutions)
    return _positive(float(stated["spacing"]) * unit, y * unit, x * unit)


def _positive(z: float, y: float, x: float) -> tuple[float, float, float] | None:
    return (z, y, x) if min(z, y, x) > 0 else None
