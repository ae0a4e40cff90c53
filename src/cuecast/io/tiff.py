"""One page of a TIFF through tifffile: samples of any depth, palette, orientation and pixel size."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

_PLAIN = {1, 8, 32946, 32773}
"""Compressions that tifffile decodes without further libraries: none, deflate (two numbers), PackBits."""

_SCREEN_DPI = (72.0, 96.0)
"""Written by programs that know nothing of the scene."""


@dataclass(frozen=True, eq=False)
class TiffPage:
    """samples (H, W) or (H, W, S), upright; `alpha`: whether the channel after the colours is one.

    samples are None where Pillow is to decode them (compressions and colours of 8-bit pictures).
    """

    samples: NDArray[Any] | None
    alpha: bool
    palette: NDArray[np.uint8] | None
    pixel_size: float | None
    unit: str | None


def read_tiff_page(
    stream: IO[bytes], choose_page: Callable[[int], int], check_size: Callable[[int, int], None]
) -> TiffPage:
    """The page, from 0, that `choose_page(number of pages)` says.

    It and `check_size(width, height)` are called before anything is decoded.
    Raises ValueError and its like where the file is damaged, or cannot be decoded without loss.
    """
    import tifffile

    from cuecast.io.raster import upright

    with tifffile.TiffFile(stream) as tif:
        p: Any = tif.pages[choose_page(len(tif.pages))]
        p = p if isinstance(p, tifffile.TiffPage) else p.aspage()
        check_size(p.imagewidth, p.imagelength)
        if p.imagewidth * p.imagelength * p.samplesperpixel * p.imagedepth != int(np.prod(p.shape)):
            raise ValueError(f"its size {p.shape} contradicts its tags")
        size, unit = _pixel_size(tif, p)
        special = int(p.photometric) in (5, 6, 8, 9, 10)  # CMYK, YCbCr, Lab
        alpha = any(int(e) in (1, 2) for e in (p.extrasamples or ()))
        if (int(p.compression) not in _PLAIN or special) and (_bits(p) <= 8 or p.samplesperpixel == 1):
            return TiffPage(None, alpha, None, size, unit)
        _check_complete(p, stream)
        samples = _channels_last(p)
        if int(p.photometric) == 0:  # white is zero
            samples = ~samples if samples.dtype == bool else np.iinfo(samples.dtype).max - samples
        palette = None
        if int(p.photometric) == 3 and p.colormap is not None:
            rgb = (np.asarray(p.colormap).T >> 8).astype(np.uint8)
            palette = np.column_stack([rgb, np.full(len(rgb), 255, np.uint8)])
        orientation = p.tags.get(274)
        samples = upright(samples, int(orientation.value) if orientation else 1)
        return TiffPage(samples, alpha, palette, size, unit)


def _bits(p: Any) -> int:
    return int(np.max(p.bitspersample))


def _check_complete(p: Any, stream: IO[bytes]) -> None:
    """Raise ValueError where the data run past the end of the file: they would be read as zeros."""
    end = stream.seek(0, 2)
    for offset, count in zip(p.dataoffsets, p.databytecounts, strict=False):
        if offset + count > end:
            raise ValueError(f"the data should reach byte {offset + count}, the file ends at {end}")


def _channels_last(p: Any) -> NDArray[Any]:
    samples: NDArray[Any] = np.asarray(p.asarray())
    if _bits(p) == 1:
        samples = samples.astype(bool)
    axes = str(p.axes)
    if axes == "SYX":
        return np.moveaxis(samples, 0, -1)
    if axes not in ("YX", "YXS"):
        raise ValueError(f"a page with the axes {axes} is a block of a volume, not an image")
    return samples


def _pixel_size(tif: Any, p: Any) -> tuple[float | None, str | None]:
    """Edge of a pixel where the file states it in earnest: OME, ImageJ, or a resolution in centimetres."""
    if tif.is_ome and tif.ome_metadata:
        return _ome_pixel_size(tif.ome_metadata)
    x, y = (_resolution(p, tag) for tag in (282, 283))
    if not x or not y or abs(x - y) > 1e-3 * x:
        return None, None
    if tif.is_imagej:
        unit = _unit(str((tif.imagej_metadata or {}).get("unit", "")))
        return (1 / x, unit) if unit else (None, None)
    stated = p.tags.get(296)
    if stated is None or int(stated.value) != 3 or x == 1:
        return None, None
    if any(abs(x * 2.54 - dpi) < 0.5 for dpi in _SCREEN_DPI):
        return None, None
    return 10 / x, "mm"


def _resolution(p: Any, code: int) -> float | None:
    tag = p.tags.get(code)
    if tag is None:
        return None
    numerator, denominator = tag.value
    return numerator / denominator if denominator else None


def _ome_pixel_size(xml: str) -> tuple[float | None, str | None]:
    try:
        pixels = next(e for e in ElementTree.fromstring(xml).iter() if e.tag.rpartition("}")[2] == "Pixels")
        x, y = float(pixels.attrib["PhysicalSizeX"]), float(pixels.attrib["PhysicalSizeY"])
    except (ElementTree.ParseError, StopIteration, KeyError, ValueError):
        return None, None
    unit = _unit(pixels.attrib.get("PhysicalSizeXUnit", "µm"))
    if unit is None or x <= 0 or abs(x - y) > 1e-3 * x:
        return None, None
    return x, unit


def _unit(name: str) -> str | None:
    """The unit's short ASCII name; None for none and for 'pixel'."""
    name = re.sub(r"\\u00[bB]5", "µ", name.strip())
    if name.lower() in ("micron", "microns", "micrometer", "micrometre") or name in ("µm", "μm", "um"):
        return "um"
    return name if name and not name.lower().startswith("pix") else None
