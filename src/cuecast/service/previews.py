"""What a browser can show of an image: the whole ('view') and small ('thumbnail'), made once and kept in the cache.

Pixels are those the library sees: upright, deep ones by its rule, alpha on white. So marks drawn on a view fit.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PILImage
from PIL import JpegImagePlugin

from cuecast.io.files import replacing
from cuecast.io.reduced import png_orientation, read_png_head
from cuecast.service.compute.sources import FrameAt
from cuecast.service.content import JPEG, PNG, Kind, image_kind, read_head
from cuecast.service.files import DataFolder
from cuecast.service.pictures import check_whole, open_frame, open_picture, open_small
from cuecast.service.problem import busy
from cuecast.service.store import models

PNG_PIXELS = 4_000_000
"""Up to this size a view is a PNG, exact to the pixel; beyond it a JPEG, a tenth of the bytes and of the time."""
QUALITY = 92

_MAKING = threading.BoundedSemaphore(16)
"""Requests that may wait for a rendition to be made: each holds a thread, and the others need some."""


@dataclass(frozen=True)
class Preview:
    """A file to be sent. `tag` changes when its bytes may."""

    path: Path
    media: str
    tag: str


def view(image: models.Image, frame: FrameAt | None, files: DataFolder, max_pixels: int) -> Preview:
    """The whole image as PNG or JPEG. `frame` says where a frame or slice is read.

    Raises Problem or ImageError where its file is gone or damaged.
    """
    original = frame or files.original(image.path)
    if isinstance(original, Path):
        known = image_kind(read_head(original), image.name)
        if _shown_alike(original, known, image.width * image.height):
            return Preview(original, known.media, f"{image.digest[:32]}-original")
    kind = PNG if image.width * image.height <= PNG_PIXELS else JPEG
    return _made(image, original, files, "view", None, kind, max_pixels)


def thumbnail(
    image: models.Image, frame: FrameAt | None, files: DataFolder, size: int, max_pixels: int
) -> Preview:
    """The image within size x size pixels, as JPEG. Raises as `view`."""
    return _made(
        image, frame or files.original(image.path), files, f"thumbnail{size}", size, JPEG, max_pixels
    )


def _made(
    image: models.Image,
    original: Path | FrameAt,
    files: DataFolder,
    what: str,
    size: int | None,
    kind: Kind,
    max_pixels: int,
) -> Preview:
    """The rendition from the cache, made where it is not there yet."""
    tag = f"{image.digest[:32]}-{what}"
    path = files.cache / f"{image.id}-{tag}{kind.suffix}"
    if path.exists():
        return Preview(path, kind.media, tag)
    if not _MAKING.acquire(blocking=False):
        raise busy("renditions_full", "too many images are being drawn at once; ask again in a moment", 1)
    try:
        if isinstance(original, FrameAt):
            picture = PILImage.fromarray(open_frame(original, image.name).pixels)
        elif size is not None:
            whole = image.height, image.width
            picture = PILImage.fromarray(open_small(original, image.name, whole, 2 * size, max_pixels).pixels)
        else:
            check_whole(original, image.name, (image.height, image.width))
            picture = PILImage.fromarray(open_picture(original, image.name, max_pixels).pixels)
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
