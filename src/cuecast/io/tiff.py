"""One page of a TIFF through tifffile: samples of any depth, palette, orientation and pixel size."""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import upright

CODEC_REMEDY = (
    "is read by imagecodecs, which is not installed: pip install 'cuecast[tiff-codecs]', or save the file "
    "uncompressed"
)
"""What to do where `lacks_codec`."""

BROKEN = (
    ValueError, IndexError, KeyError, TypeError, OSError, EOFError, RuntimeError, OverflowError, ZeroDivisionError,
    AssertionError, AttributeError, struct.error, zlib.error,
)  # fmt: skip
"""What damaged TIFF files make tifffile and its decoders raise."""

_PLAIN = {1, 8, 32946, 32773}
"""Compressions that tifffile decodes without further libraries: none, deflate (two numbers), PackBits."""

_PILLOW = {1: "raw", 2: "tiff_ccitt", 3: "group3", 4: "group4", 5: "tiff_lzw", 6: "jpeg", 7: "jpeg",
           8: "tiff_adobe_deflate", 32946: "tiff_deflate", 32773: "packbits"}  # fmt: skip
"""Compressions that Pillow decodes always, and others that it may have been built with."""
_PILLOW_MAYBE = {34925: "lzma", 50000: "zstd", 50001: "webp"}

_LOSSY = {6, 7, 34887, 50001, 50002}
"""Compressions that need not give back what was stored: JPEG (two numbers), LERC, WebP, JPEG XL."""

_ROUND_DPI = (72, 75, 96, 120, 144, 180, 240, 360, 720, 1440, 2400, 2880, 4800, 9600, *range(100, 1201, 50))
"""Written by programs that know nothing of the scene: of screens, of paper and of scanners."""


@dataclass(frozen=True, eq=False)
class TiffPage:
    """samples (H, W) or (H, W, S) as they are stored, upright; `alpha`: whether the channel after the colours is one.

    samples are None where Pillow is to decode them (compressions and colours of 8-bit pictures). `inverted`: of the
    stored numbers 0 is white (WhiteIsZero). `lossy`: the compression changes them.
    """

    samples: NDArray[Any] | None
    alpha: bool
    palette: NDArray[np.uint8] | None
    pixel_size: float | None
    unit: str | None
    inverted: bool = False
    lossy: bool = False


def read_tiff_page(
    stream: IO[bytes],
    choose_page: Callable[[int], int],
    check_size: Callable[[int, int], None],
    *,
    pillow: bool = True,
) -> TiffPage:
    """The page, from 0, that `choose_page(number of pages)` says.

    It and `check_size(width, height)` are called before anything is decoded. Without `pillow` nothing is left to it.
    Raises ValueError and its like where the file is damaged, or cannot be decoded without loss; `lacks_codec` tells
    those that a library more would read.
    """
    import tifffile

    with tifffile.TiffFile(stream) as tif:
        first: Any = tif.pages.first
        planes = _planes(tif)
        chosen = choose_page(planes or len(tif.pages))
        p: Any = first if planes else tif.pages[chosen]
        p = p if isinstance(p, tifffile.TiffPage) else p.aspage()
        check_size(p.imagewidth, p.imagelength)
        if p.imagewidth * p.imagelength * p.samplesperpixel * p.imagedepth != int(np.prod(p.shape)):
            raise ValueError(f"its size {p.shape} contradicts its tags")
        if int(p.compression) not in {int(c) for c in tifffile.COMPRESSION}:
            raise ValueError(f"its compression {int(p.compression)} is none that is known")
        size, unit = _pixel_size(tif, p)
        special = int(p.photometric) in (5, 6, 8, 9, 10)  # CMYK, YCbCr, Lab
        alpha = any(int(e) in (1, 2) for e in (p.extrasamples or ()))
        inverted, lossy = int(p.photometric) == 0, int(p.compression) in _LOSSY
        exact = pillow and _pillow_is_exact(p, tif.byteorder)
        if exact and _bits(p) <= 8 and (int(p.compression) not in _PLAIN or special):
            return TiffPage(None, alpha, None, size, unit, inverted, lossy)
        try:
            samples = _channels_last(p, _plane(stream, p, chosen) if planes else _decoded(p, stream))
        except (ValueError, ImportError) as error:
            if exact and lacks_codec(error):
                return TiffPage(None, alpha, None, size, unit, inverted, lossy)
            raise
        palette = None
        if int(p.photometric) == 3 and p.colormap is not None:
            rgb = (np.asarray(p.colormap).T >> 8).astype(np.uint8)
            palette = np.column_stack([rgb, np.full(len(rgb), 255, np.uint8)])
        orientation = p.tags.get(274)
        samples = upright(samples, int(orientation.value) if orientation else 1)
        return TiffPage(samples, alpha, palette, size, unit, inverted, lossy)


def lacks_codec(error: BaseException) -> bool:
    """Whether tifffile failed for want of a library, and not for what the file holds."""
    return isinstance(error, ImportError) or "imagecodecs" in str(error)


def _pillow_is_exact(p: Any, byteorder: str) -> bool:
    """Whether Pillow decodes the samples of a page as they are: it takes big-endian floats and others for what they
    are not, without a word."""
    bits, kind = _bits(p), int(np.max(p.sampleformat))
    code = int(p.compression)
    if code not in _PILLOW and not (code in _PILLOW_MAYBE and _pillow_has(_PILLOW_MAYBE[code])):
        return False
    if kind == 1 and bits <= 8:
        return True
    if p.samplesperpixel > 1 or code in (6, 7):
        return False
    return (kind, bits) == (1, 16) or (byteorder == "<" and (kind, bits) in ((2, 16), (2, 32), (3, 32)))


@cache
def _pillow_has(compression: str) -> bool:
    from PIL import Image as PILImage

    try:
        PILImage.new("L", (1, 1)).save(io.BytesIO(), "TIFF", compression=compression)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _planes(tif: Any) -> int | None:
    """How many planes lie one behind the other behind a single page that stands for all of them; None where each has
    a page of its own. So ImageJ writes stacks above 4 GB, and tifffile what is to be short."""
    p = tif.pages.first
    if len(tif.pages) > 1 or int(p.compression) != 1:
        return None
    if tif.is_imagej:  # not its series: of a file that is cut short, that is the first page alone
        stated = int((tif.imagej_metadata or {}).get("images", 1))
        return stated if stated > 1 else None
    series = tif.series[0] if tif.series else None
    if series is None or series.dataoffset is None:
        return None
    count = int(np.prod(series.shape)) // max(int(np.prod(p.shape)), 1)
    return count if count > 1 else None


def _plane(stream: IO[bytes], p: Any, index: int) -> NDArray[Any]:
    """The stored samples of one of the planes that a single page stands for."""
    dtype = np.dtype(p.dtype).newbyteorder(p.parent.byteorder)
    count = int(np.prod(p.shape))
    stream.seek(p.dataoffsets[0] + index * count * dtype.itemsize)
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise ValueError(f"the data of page {index} are missing, the file ends before")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(p.shape)


def _decoded(p: Any, stream: IO[bytes]) -> NDArray[Any]:
    _check_complete(p, stream)
    check_deflated(p, stream)
    return np.asarray(p.asarray())


def _bits(p: Any) -> int:
    return int(np.max(p.bitspersample))


def _check_complete(p: Any, stream: IO[bytes]) -> None:
    """Raise ValueError where the data run past the end of the file: they would be read as zeros."""
    end = stream.seek(0, 2)
    for offset, count in zip(p.dataoffsets, p.databytecounts, strict=False):
        if offset + count > end:
            raise ValueError(f"the data should reach byte {offset + count}, the file ends at {end}")


def _channels_last(p: Any, samples: NDArray[Any]) -> NDArray[Any]:
    """(H, W) or (H, W, S) of the decoded samples of a page."""
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
        edges = ome_edges(tif)
        wide, high = edges.get("X"), edges.get("Y")
        return wide if wide and high and abs(wide[0] - high[0]) <= 1e-3 * wide[0] else (None, None)
    x, y = (_resolution(p, tag) for tag in (282, 283))
    if not x or not y or abs(x - y) > 1e-3 * x:
        return None, None
    if tif.is_imagej:
        unit = unit_of(str((tif.imagej_metadata or {}).get("unit", "")))
        # It takes over the resolution of print of what it opens.
        per_cm = {"inch": x / 2.54, "cm": x}.get(unit or "")
        believed = unit and not (per_cm and _is_round_dpi(per_cm))
        return (1 / x, unit) if believed else (None, None)
    stated = p.tags.get(296)
    if stated is None or int(stated.value) != 3 or x == 1:
        return None, None
    return (None, None) if _is_round_dpi(x) else (10 / x, "mm")


def _is_round_dpi(per_cm: float) -> bool:
    """Whether a resolution in centimetres is one of print, converted, and perhaps rounded to whole pixels."""
    whole = per_cm == round(per_cm) and per_cm % 10 != 0
    return any(abs(per_cm - dpi / 2.54) <= max(0.002 * per_cm, 0.5 * whole) for dpi in _ROUND_DPI)


def _resolution(p: Any, code: int) -> float | None:
    tag = p.tags.get(code)
    if tag is None:
        return None
    numerator, denominator = tag.value
    return numerator / denominator if denominator else None


def ome_edges(tif: Any) -> dict[str, tuple[float, str]]:
    """Axis ('X', 'Y', 'Z') -> edge of a pixel along it and its unit, of those that an OME-TIFF states."""
    try:
        pixels = next(
            e
            for e in ElementTree.fromstring(tif.ome_metadata or "").iter()
            if e.tag.rpartition("}")[2] == "Pixels"
        )
    except (ElementTree.ParseError, StopIteration):
        return {}
    found = {}
    for axis in "XYZ":
        unit = unit_of(pixels.attrib.get(f"PhysicalSize{axis}Unit", "µm"))
        with suppress(KeyError, ValueError):
            if (edge := float(pixels.attrib[f"PhysicalSize{axis}"])) > 0 and unit:
                found[axis] = (edge, unit)
    return found


def unit_of(name: str) -> str | None:
    """The unit's short ASCII name; None for none and for 'pixel'."""
    name = re.sub(r"\\u00[bB]5", "µ", name.strip())
    if name.lower() in ("micron", "microns", "micrometer", "micrometre") or name in ("µm", "μm", "um"):
        return "um"
    return name if name and not name.lower().startswith("pix") else None


COMPRESSIONS = (8, 32946)
"""The two numbers of deflate."""
MORE = 64 << 20
"""Bytes that a strip may unpack to beyond what it states."""
MOST = 1032
"""Bytes that one byte of deflate can stand for at most."""
PIECE = 1 << 20


def check_deflated(page: Any, stream: IO[bytes]) -> None:
    """Raise ValueError where a strip or tile of a page of tifffile unpacks to more than it states and `MORE`.

    Those that are too short for it are not looked at, nor any where imagecodecs decodes them.
    """
    key = page.keyframe
    if int(key.compression) not in COMPRESSIONS or find_spec("imagecodecs") is not None:
        return
    most = math.prod(key.chunks) * int(key.dtype.itemsize) + MORE
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count * MOST > most:
            stream.seek(offset)
            _check_strip(stream.read(count), most)


def _check_strip(data: bytes, most: int) -> None:
    unpacking, size = zlib.decompressobj(), 0
    while data and not unpacking.eof:
        size += len(unpacking.decompress(data, PIECE))
        data = unpacking.unconsumed_tail
        if size > most:
            raise ValueError(f"a part of its data unpacks to more than {most} bytes, and should be less")
