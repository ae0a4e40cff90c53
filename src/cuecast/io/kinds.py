"""The kinds of picture files, in one table: how each is named, known by its content, and which plugin decodes it.

Every door reads it: folders, uploads, the reader itself. A new kind is one line here.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any

from cuecast.core.errors import MissingExtraError


@dataclass(frozen=True)
class PictureKind:
    """A kind of picture file.

    suffixes  in lower case; files that are sent without a name of theirs are stored under the first.
    media     its type on the wire.
    magics    what its files begin with.
    brands    of an ISO media file ('ftyp'), where it is one.
    plugins   'module:class' of Pillow and its plugins, the first that is installed decodes it; none for TIFF, which
              has a reader of its own.
    feature   of Pillow, where it may have been built without it (`PIL.features`).
    remedy    what to install where none is.
    """

    name: str
    suffixes: tuple[str, ...]
    media: str
    magics: tuple[bytes, ...] = ()
    brands: tuple[bytes, ...] = ()
    plugins: tuple[str, ...] = ()
    feature: str | None = None
    remedy: str = "the installed Pillow was built without it; run: pip install --upgrade pillow"

    def begins(self, head: bytes) -> bool:
        """Whether a file that begins with `head` (64 bytes or more) is of this kind."""
        if self.name == "WebP":
            return head[:4] == b"RIFF" and head[8:12] == b"WEBP"
        return head.startswith(self.magics) or bool(set(_brands(head)) & set(self.brands))

    def opener(self) -> Callable[[IO[bytes]], Any]:
        """What opens a stream of this kind as a Pillow image. Raises MissingExtraError."""
        if self.feature is not None and not importlib.import_module("PIL.features").check(self.feature):
            raise MissingExtraError(self.remedy, self.name)
        for plugin in self.plugins:
            module, _, name = plugin.partition(":")
            try:
                found: Callable[[IO[bytes]], Any] = getattr(importlib.import_module(module), name)
            except ImportError:
                continue
            return found
        raise MissingExtraError(self.remedy, self.name)


def _brands(head: bytes) -> list[bytes]:
    """The brands of an ISO media file, the main one first; those of a still picture of any codec only where alone."""
    if head[4:8] != b"ftyp":
        return []
    named = [head[8:12], *(head[i : i + 4] for i in range(16, min(int.from_bytes(head[:4]), len(head)), 4))]
    if named[0] in (b"mif1", b"msf1"):  # says that it is a picture, and not which codec
        coded = [brand for brand in named[1:] if brand not in (b"mif1", b"msf1", b"miaf")]
        return coded or [b"heic"]
    return named[:1]


PICTURES: tuple[PictureKind, ...] = (
    PictureKind(
        "PNG", (".png", ".apng"), "image/png", (b"\x89PNG\r\n\x1a\n",), plugins=("PIL.PngImagePlugin:PngImageFile",)
    ),
    PictureKind(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"),
        "image/jpeg",
        (b"\xff\xd8\xff",),
        plugins=("PIL.JpegImagePlugin:jpeg_factory",),
    ),
    PictureKind("WebP", (".webp",), "image/webp", plugins=("PIL.WebPImagePlugin:WebPImageFile",), feature="webp"),
    PictureKind("BMP", (".bmp",), "image/bmp", (b"BM",), plugins=("PIL.BmpImagePlugin:BmpImageFile",)),
    PictureKind(
        "DIB",
        (".dib",),
        "image/x-dib",
        tuple(bytes((size, 0, 0, 0)) for size in (12, 40, 52, 56, 64, 108, 124)),  # of the header that follows
        plugins=("PIL.BmpImagePlugin:DibImageFile",),
    ),
    PictureKind(
        "TIFF",
        (".tif", ".tiff", ".btf", ".tf8"),
        "image/tiff",
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    ),
    PictureKind("GIF", (".gif",), "image/gif", (b"GIF8",), plugins=("PIL.GifImagePlugin:GifImageFile",)),
    PictureKind(
        "JPEG 2000",
        (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
        "image/jp2",
        (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"),
        plugins=("PIL.Jpeg2KImagePlugin:Jpeg2KImageFile",),
        feature="jpg_2000",
    ),
    PictureKind(
        "PNM",
        (".pnm", ".ppm", ".pgm", ".pbm", ".pfm"),
        "image/x-portable-anymap",
        (*(b"P%d" % n for n in range(1, 7)), b"Pf"),
        plugins=("PIL.PpmImagePlugin:PpmImageFile",),
    ),
    PictureKind(
        "AVIF",
        (".avif", ".avifs"),
        "image/avif",
        brands=(b"avif", b"avis"),
        plugins=("PIL.AvifImagePlugin:AvifImageFile",),
        feature="avif",
        remedy="it is read by Pillow 11.3 and later, where that was built with it; run: pip install --upgrade pillow",
    ),
    PictureKind(
        "HEIC",
        (".heic", ".heif", ".hif"),
        "image/heic",
        brands=(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
        plugins=("pi_heif:HeifImageFile", "pillow_heif:HeifImageFile"),
        remedy="it is read by pi-heif, which is not installed; run: pip install 'cuecast[heic]'",
    ),
    PictureKind("QOI", (".qoi",), "image/qoi", (b"qoif",), plugins=("PIL.QoiImagePlugin:QoiImageFile",)),
    PictureKind(
        "PCX",
        (".pcx",),
        "image/x-pcx",
        tuple(b"\x0a%c\x01" % version for version in (0, 2, 3, 5)),
        plugins=("PIL.PcxImagePlugin:PcxImageFile",),
    ),
    PictureKind(
        "SGI",
        (".sgi", ".rgb", ".rgba", ".bw"),
        "image/sgi",
        (b"\x01\xda",),
        plugins=("PIL.SgiImagePlugin:SgiImageFile",),
    ),
    PictureKind(
        "Sun raster",
        (".ras",),
        "image/x-sun-raster",
        (b"\x59\xa6\x6a\x95",),
        plugins=("PIL.SunImagePlugin:SunImageFile",),
    ),
    PictureKind(
        "PSD", (".psd",), "image/vnd.adobe.photoshop", (b"8BPS",), plugins=("PIL.PsdImagePlugin:PsdImageFile",)
    ),
    PictureKind(
        "TGA", (".tga", ".vda", ".icb", ".vst"), "image/x-tga", plugins=("PIL.TgaImagePlugin:TgaImageFile",)
    ),
)  # fmt: skip
"""The likeliest first. TGA files begin with nothing that tells them: they are known by their name."""

IMAGE_SUFFIXES = frozenset(suffix for kind in PICTURES for suffix in kind.suffixes)
"""Suffixes (lower case) by which a folder's images are known."""

MASK_ENDINGS = ("_mask", "_cp_masks")
"""What the stem of a mask has after that of its image: ours, and cellpose's."""

HEAD = 64
"""Bytes at least that tell a kind."""


def picture_kind(head: bytes, name: str = "") -> PictureKind | None:
    """The kind of a picture file that begins with `head`; None where it is none that is known.

    `name` counts for kinds alone that have no beginning of their own.
    """
    for kind in PICTURES:
        if kind.begins(head):
            return kind
    suffix = PurePath(name).suffix.lower()
    # The fields of its header that have few values: colour map, type of picture, bits a pixel.
    looks = (
        len(head) > 16
        and head[1] < 2
        and head[2] in (1, 2, 3, 9, 10, 11)
        and head[16] in (1, 8, 15, 16, 24, 32)
    )
    return next((k for k in PICTURES if looks and k.name == "TGA" and suffix in k.suffixes), None)


CHANGES = ("JPEG", "MPO", "AVIF", "HEIF")
"""Formats, as Pillow calls them, that do. AVIF can do without, which nobody asks of it for pictures."""


def is_lossy(name: str, stream: IO[bytes] | None) -> bool | None:
    """Whether samples are changed; None where they may be. `stream`: the file, where there is one."""
    if name in CHANGES:
        return True
    if name not in ("WEBP", "JPEG2000"):
        return False
    if stream is None or stream.closed:
        return None
    return _webp(stream) if name == "WEBP" else _jpeg_2000(stream)


def _webp(stream: IO[bytes]) -> bool | None:
    """By the first chunk of pixels: VP8 is lossy, VP8L is not."""
    place = 12
    while True:
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return None
        kind, length = head[:4], struct.unpack("<I", head[4:])[0]
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        place += 24 if kind == b"ANMF" else 8 + length + length % 2


def _jpeg_2000(stream: IO[bytes]) -> bool | None:
    """By the wavelet of its COD marker: the irreversible one is lossy, the other one may be cut short."""
    stream.seek(0)
    head = stream.read(1 << 16)
    at = head.find(b"\xff\x52", head.find(b"\xff\x4f\xff\x51"))
    wavelet = head[at + 13 : at + 14]
    return True if at >= 0 and wavelet == b"\0" else None
