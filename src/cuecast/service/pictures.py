"""Image files on the server: read within the limits, a few at a time, and made what a browser can show.

A preview is the whole ('view') or small ('thumbnail'), made once and kept in the cache. Its pixels are those that the
library sees: upright, deep ones by its rule, alpha on white. So marks drawn on a view fit.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import JpegImagePlugin

from cuecast.core.errors import ImageError, MissingExtraError, cause
from cuecast.core.values import Image
from cuecast.io.files import replacing
from cuecast.io.images import read_image
from cuecast.io.kinds import PICTURES
from cuecast.io.reduced import Reduced, png_orientation, read_png_head, read_reduced
from cuecast.service.content import JPEG, PNG, Kind, check_unpacked, image_kind, read_head
from cuecast.service.files import DataFolder
from cuecast.service.frames import FrameAt, OpenVolume, Window
from cuecast.service.problem import Problem, busy
from cuecast.service.settings import Limits
from cuecast.service.store import models

ORIENTATION = 0x0112
"""The EXIF tag."""
SMALL_PIXELS = 4_000_000
"""Up to this size a picture is read as a whole, whatever it is."""
SIDE = 256
"""To which a picture is made small of which the size alone is wanted."""
WHOLE_BYTES = 500_000_000
"""Memory that reading a picture as a whole may take for a preview."""
COST = {"image/webp": 22, "image/jpeg": 20}
OTHERWISE = 14
"""Bytes of a pixel while a picture is read as a whole and drawn, as measured, by kind; see `_tiff_cost`."""
_SAMPLE = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Mode of Pillow -> bytes of a sample, where it is not one."""
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
            raise error.reworded(lambda text: text.replace(str(path), name)) from error
        except MemoryError as error:
            raise ImageError("not enough memory to read it", name, "make it smaller") from error


def open_small(path: Path, name: str, size: tuple[int, int], side: int, max_pixels: int) -> Reduced:
    """A picture whose longer side is `side` or more, where the whole has that; large ones in bounded memory.

    size  (height, width) of the whole, as it was noted when it came.

    Raises as `open_picture` does, and Problem for one that would take more memory than may be.
    """
    if size[0] * size[1] > SMALL_PIXELS:
        if (small := _reduced(path, name, side)) is not None:
            return small
        check_whole(path, name, size)
    image = open_picture(path, name, max_pixels)
    return Reduced(image.pixels, image.size)


def whole_size(path: Path, name: str, kind: Kind, limits: Limits) -> tuple[int, int]:
    """(height, width) of an upright picture, every pixel of which has been read; large ones in bounded memory.

    Raises as `header_size` does.
    """
    if kind in (PNG, JPEG):
        height, width = header_size(path, name, kind, limits)
        if height * width > SMALL_PIXELS and (small := _reduced(path, name, SIDE)) is not None:
            return small.size
    else:
        check_packing(path, name, kind, limits)
    return open_picture(path, name, limits.pixels).size


def _reduced(path: Path, name: str, side: int) -> Reduced | None:
    with _DECODING:
        try:
            return read_reduced(path, side)
        except ImageError as error:
            raise error.reworded(lambda text: text.replace(str(path), name)) from error


def check_whole(path: Path, name: str, size: tuple[int, int]) -> None:
    """Raise Problem where a picture that has to be read as a whole takes more than `WHOLE_BYTES`."""
    media = image_kind(read_head(path), name).media
    cost = _tiff_cost(path) if media == "image/tiff" else COST.get(media, OTHERWISE)
    most = WHOLE_BYTES // cost
    if size[0] * size[1] > most:
        raise Problem(
            "too_large_to_show",
            422,
            f"{name}: {size[1]} x {size[0]} pixels of such a file cannot be shown, {most / 1e6:.0f} million can; save "
            "it as a PNG of 8 bits or a baseline JPEG, of which any number can be (it is segmented as it is)",
        )


def _tiff_cost(path: Path) -> int:
    """Bytes of a pixel of a TIFF: its samples, twice where a window is looked for, the 8 bits shown, and drawn."""
    import tifffile

    with suppress(Exception), tifffile.TiffFile(path) as tif:  # a damaged one is named by who reads it
        page: Any = tif.pages.first
        deep, samples = int(page.dtype.itemsize), int(page.samplesperpixel)
        if deep == 1:
            return (3 if samples == 3 else samples + 3) + 4
        return 2 * samples * deep + 3 + 4
    return OTHERWISE


def open_frame(frame: FrameAt, name: str) -> Image:
    """Read a frame or slice. `name` is what messages call its source. Raises ImageError: gone, damaged."""
    with _DECODING:
        try:
            return frame.image()
        except ImageError as error:
            raise error.reworded(lambda text: text.replace(str(frame.source.path), name)) from error
        except MemoryError as error:
            raise ImageError("not enough memory to read it", name, "make it smaller") from error


def _opener(kind: Kind, name: str) -> Callable[[IO[bytes]], Any]:
    try:
        return next(k for k in PICTURES if k.media == kind.media).opener()
    except MissingExtraError as missing:
        raise missing.within(name) from None


def header_size(path: Path, name: str, kind: Kind, limits: Limits) -> tuple[int, int]:
    """(height, width) of an upright image, from its header: pixels that are cut short are found when they are read.

    Raises ImageError as `open_picture` does, and Problem with 413 where it is packed more than the limits allow.
    """
    if kind.media == "image/tiff":  # too many variants to tell from the header alone
        check_packing(path, name, kind, limits)
        return open_picture(path, name, limits.pixels).size
    try:
        with open(path, "rb") as file, _opener(kind, name)(file) as opened:
            width, height = opened.size
            # Pillow decodes a PNG as a whole to look for its EXIF.
            turned = _orientation(opened, file, kind) in (5, 6, 7, 8)
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        raise ImageError(
            f"the image is damaged or cut short ({cause(error)})", name, "copy or save it again"
        ) from error
    if width * height > limits.pixels:
        raise ImageError(
            f"{width} x {height} pixels are more than the limit of {limits.pixels}", name, "make it smaller"
        )
    check_packing(path, name, kind, limits)
    return (width, height) if turned else (height, width)


def check_packing(path: Path, name: str, kind: Kind, limits: Limits) -> None:
    """Raise Problem with 413 where the pixels that a picture states are too many for the length of its file."""
    stored = 0
    with suppress(Exception):  # a damaged one is named by who reads it
        stored = _stored_bytes(path, name, kind)
    check_unpacked(path.stat().st_size, stored, name, limits)


def _stored_bytes(path: Path, name: str, kind: Kind) -> int:
    """What the pixels of a picture come to, by its header: of a TIFF, those of the first page."""
    if kind.media == "image/tiff":
        import tifffile

        with tifffile.TiffFile(path) as tif:
            return int(tif.pages.first.nbytes)
    with open(path, "rb") as file:
        if kind == PNG:
            head = read_png_head(file)
            return head.row_bytes * head.height
        with _opener(kind, name)(file) as opened:
            samples = len(opened.getbands()) * _SAMPLE.get(opened.mode, 1)
            return int(opened.width * opened.height * samples)


def _orientation(opened: Any, file: IO[bytes], kind: Kind) -> int:
    if kind.media == "image/png" and (known := png_orientation(file)) is not None:
        return known
    return int(opened.getexif().get(ORIENTATION, 1))


PNG_PIXELS = 4_000_000
"""Up to this size a view is a PNG, exact to the pixel; beyond it a JPEG, a tenth of the bytes and of the time."""
QUALITY = 92
_MAKING = threading.BoundedSemaphore(16)
"""Requests that may wait for a preview to be made: each holds a thread, and the others need some."""


@dataclass(frozen=True)
class Preview:
    """A file to be sent. `tag` changes when its bytes may."""

    path: Path
    media: str
    tag: str


def preview(
    image: models.ImageRow, frame: FrameAt | None, files: DataFolder, max_pixels: int, size: int | None = None
) -> Preview:
    """What a browser is sent of an image: the whole as PNG or JPEG, or within size x size pixels as JPEG.

    It is taken from the cache, and made where it is not there yet. `frame` says where a frame or slice is read.
    Raises Problem or ImageError where its file is gone or damaged.
    """
    original, pixels = frame or files.original(image.path), image.width * image.height
    if size is None and isinstance(original, Path):
        known = image_kind(read_head(original), image.name)
        if _shown_alike(original, known, pixels):
            return Preview(original, known.media, f"{image.digest[:32]}-original")
    kind = PNG if size is None and pixels <= PNG_PIXELS else JPEG
    tag = f"{image.digest[:32]}-{'view' if size is None else f'thumbnail{size}'}"
    path = files.cache / f"{image.id}-{tag}{kind.suffix}"
    if path.exists():
        return Preview(path, kind.media, tag)
    if not _MAKING.acquire(blocking=False):
        raise busy("renditions_full", "too many images are being drawn at once; ask again in a moment", 1)
    try:
        picture = PILImage.fromarray(_pixels(image, original, max_pixels, size))
        if size is not None:
            picture.thumbnail((size, size), PILImage.Resampling.LANCZOS, reducing_gap=2.0)
        with replacing(path) as temporary:
            if kind == PNG:
                picture.save(temporary, "PNG", compress_level=1)
            else:
                picture.save(temporary, "JPEG", quality=QUALITY, subsampling=0)
    finally:
        _MAKING.release()
    return Preview(path, kind.media, tag)


def through_window(frame: FrameAt | None, name: str, window: Window) -> bytes:
    """A PNG of a slice through a value window (low, high). Raises Problem for what is none, ImageError."""
    with _DECODING:
        made = BytesIO()
        volume = opened_volume(frame, name)
        assert frame is not None
        try:
            pixels = volume.seen(frame.index, window).pixels
        except ImageError as error:
            raise error.reworded(lambda text: text.replace(str(frame.source.path), name)) from error
        PILImage.fromarray(pixels[..., 0]).save(made, "PNG", compress_level=1)
        return made.getvalue()


def opened_volume(frame: FrameAt | None, name: str) -> OpenVolume:
    """The volume of a slice. Raises Problem with 422 for what is none, ImageError where it is gone or damaged."""
    opened = frame and frame.source.open()
    if not isinstance(opened, OpenVolume):
        raise Problem(
            "not_of_this_kind", 422, f"{name} is no slice of a volume: a window of values is for these"
        )
    return opened


def _pixels(
    image: models.ImageRow, original: Path | FrameAt, max_pixels: int, size: int | None
) -> NDArray[np.uint8]:
    """(h, w, 3): the whole, or where a size is asked for twice that at least."""
    whole = image.height, image.width
    if isinstance(original, FrameAt):
        return open_frame(original, image.name).pixels
    if size is not None:
        return open_small(original, image.name, whole, 2 * size, max_pixels).pixels
    check_whole(original, image.name, whole)
    return open_picture(original, image.name, max_pixels).pixels


def _shown_alike(path: Path, kind: Kind, pixels: int) -> bool:
    """Whether a browser shows a file as the library reads it, and it need not be made anew.

    A JPEG that is grey or YCbCr, not in the colours of print; a large PNG of 8 bits, opaque and not turned.
    """
    if kind == JPEG:
        with open(path, "rb") as file, JpegImagePlugin.JpegImageFile(file, str(path)) as opened:
            return opened.mode in ("L", "RGB")
    if kind != PNG or pixels <= PNG_PIXELS:
        return False
    with open(path, "rb") as file:
        turned = png_orientation(file) != 1
        file.seek(0)
        head = read_png_head(file)
    opaque = head.colour in (0, 2, 3) and b"tRNS" not in head.chunks
    return opaque and head.depth <= 8 and not turned
