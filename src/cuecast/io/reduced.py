"""Large pictures made small while they are read, in bounded memory: PNG band by band, JPEG by its own decoder."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.JpegImagePlugin import JpegImageFile

from cuecast.core.errors import ImageError
from cuecast.core.geometry import upright
from cuecast.io.images import read_image
from cuecast.io.pixels import exif_orientation
from cuecast.io.png_bands import PngHead, band_png, png_orientation, read_bands, read_png_head

BAND_BYTES = 8 << 20
"""Of a band, as it is stored."""
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class Reduced:
    """A picture made small: pixels (h, w, 3) uint8, upright. `size` is the (height, width) of the whole, upright."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]


def read_reduced(path: Path, side: int) -> Reduced | None:
    """A picture whose longer side is at least `side` where the whole has that, made small by whole factors.

    None for what has to be read as a whole: other kinds of files, more than 8 bits, interlaced and progressive ones,
    colours of print. Raises ImageError where the file is damaged or cut short.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(8)
        if head == b"\x89PNG\r\n\x1a\n":
            return _png(path, side)
        return _jpeg(path, side) if head.startswith(b"\xff\xd8\xff") else None
    except ImageError:
        raise
    except _BROKEN as error:
        raise ImageError(
            f"{path}: the image is damaged or cut short ({error}); copy or save it again"
        ) from error


def _png(path: Path, side: int) -> Reduced | None:
    with open(path, "rb") as stream:
        orientation = png_orientation(stream)
        stream.seek(0)
        head = read_png_head(stream)
        if orientation is None or head.interlaced or head.depth > 8 or head.row_bytes > BAND_BYTES:
            return None
        factor = _factor(head, side)
        rows = max(1, BAND_BYTES // head.row_bytes // factor) * factor
        bands = []
        for raw in read_bands(stream, head, rows):
            band = PILImage.fromarray(_shown(head, raw))
            bands.append(np.asarray((band.reduce(factor) if factor > 1 else band).convert("RGB")))
    return _turned(np.concatenate(bands), (head.height, head.width), orientation)


def _shown(head: PngHead, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3): a band as the library shows such an image."""
    if head.depth == 8 and head.colour in (0, 2) and not head.chunks:
        return raw if head.colour == 0 else raw.reshape(len(raw), head.width, 3)
    return read_image(band_png(head, raw)).pixels


def _jpeg(path: Path, side: int) -> Reduced | None:
    with open(path, "rb") as stream, JpegImageFile(stream) as opened:
        if opened.mode not in ("L", "RGB") or opened.info.get("progressive"):
            return None
        width, height = opened.size
        orientation = exif_orientation(opened)
        opened.draft(opened.mode, (min(side, width), min(side, height)))
        pixels = np.asarray(opened.convert("RGB"))
    return _turned(pixels, (height, width), orientation)


def _turned(pixels: NDArray[np.uint8], size: tuple[int, int], orientation: int) -> Reduced:
    turned = size[::-1] if orientation in (5, 6, 7, 8) else size
    return Reduced(np.ascontiguousarray(upright(pixels, orientation)), turned)


def _factor(head: PngHead, side: int) -> int:
    return max(1, max(head.width, head.height) // side)
