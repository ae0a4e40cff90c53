"""Image files on the server: read within the limits, a few at a time, so that memory stays bounded."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from cuecast.errors import ImageError, MissingExtraError
from cuecast.io.images import read_image
from cuecast.io.kinds import PICTURES
from cuecast.service.compute.sources import FrameAt
from cuecast.service.content import Kind
from cuecast.types import Image

ORIENTATION = 0x0112
"""The EXIF tag."""

_DECODING = threading.BoundedSemaphore(2)
"""An image at the limit takes gigabytes while it is decoded; requests come by the dozen."""


def open_picture(path: Path, name: str, max_pixels: int) -> Image:
    """Read an image file by the library's rules. `name` is what messages call it, never where it lies.

    Raises ImageError: damaged, cut short, or more pixels than the limit (known from its header, before decoding);
    MissingExtraError where a library is needed that is not there.
    """
    with _DECODING:
        try:
            return replace(read_image(path, max_pixels=max_pixels), name=name)
        except (ImageError, MissingExtraError) as error:
            raise type(error)(str(error).replace(str(path), name)) from error
        except MemoryError as error:
            raise ImageError(f"{name}: not enough memory to read it; make it smaller") from error


def open_frame(frame: FrameAt, name: str) -> Image:
    """Read a frame or slice. `name` is what messages call its source. Raises ImageError: gone, damaged."""
    with _DECODING:
        try:
            return frame.image()
        except ImageError as error:
            raise ImageError(str(error).replace(str(frame.path), name)) from error
        except MemoryError as error:
            raise ImageError(f"{name}: not enough memory to read it; make it smaller") from error


def _opener(kind: Kind, name: str) -> Callable[[IO[bytes]], Any]:
    try:
        return next(k for k in PICTURES if k.media == kind.media).opener()
    except MissingExtraError as missing:
        raise MissingExtraError(f"{name}: {missing}") from None


def header_size(path: Path, name: str, kind: Kind, max_pixels: int) -> tuple[int, int]:
    """(height, width) of an upright image, from its header: pixels that are cut short are found when they are read.

    Raises ImageError as `open_picture` does.
    """
    if kind.media == "image/tiff":  # too many variants to tell from the header alone
        return open_picture(path, name, max_pixels).size
    try:
        with open(path, "rb") as file, _opener(kind, name)(file) as opened:
            width, height = opened.size
            turned = opened.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        raise ImageError(f"{name}: the image is damaged ({error}); copy or save it again") from error
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} pixels are more than the limit of {max_pixels}; make it smaller"
        )
    return (width, height) if turned else (height, width)
