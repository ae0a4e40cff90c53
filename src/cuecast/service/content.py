"""What a file is, by its first bytes: its name and the Content-Type that came with it prove nothing."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from cuecast.service.problem import Problem

HEAD = 4096
"""Bytes that are looked at."""


@dataclass(frozen=True)
class Kind:
    """A kind of image. `media` is its type on the wire, `suffix` what it is stored under."""

    suffix: str
    media: str


PNG, JPEG = Kind(".png", "image/png"), Kind(".jpg", "image/jpeg")

_IMAGES: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"BM", Kind(".bmp", "image/bmp")),
    (b"GIF8", Kind(".gif", "image/gif")),
    (b"\x00\x00\x00\x0cjP  ", Kind(".jp2", "image/jp2")),
    *((magic, Kind(".tif", "image/tiff")) for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    *((b"P%d" % n, Kind(".pnm", "image/x-portable-anymap")) for n in range(1, 7)),
)
_VIDEOS = (b"\x1a\x45\xdf\xa3", b"FLV\x01", b"OggS", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")


def image_kind(head: bytes, name: str) -> Kind:
    """The kind of image that begins with these bytes. `name` is for the message.

    Raises Problem with 415 for anything else, naming the command for videos and volumes.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind(".webp", "image/webp")
    for magic, kind in _IMAGES:
        if head.startswith(magic):
            return kind
    if _is_video(head):
        said = "is a video, and the service takes images: follow things through it with 'cuecast track'"
    elif _is_volume(head):
        said = "is a volume, and the service takes images: segment it with 'cuecast volume'"
    elif head.startswith(b"PK\x03\x04"):
        said = "is an archive: add a cue set with POST .../cueset, unpack anything else"
    else:
        said = (
            "is no image by its content, whatever its name says: convert it to PNG, JPEG, WebP, BMP or TIFF"
        )
    raise Problem("not_an_image", 415, f"{name} {said}")


def read_head(path: Path) -> bytes:
    """The bytes that `image_kind` looks at. Raises OSError."""
    with open(path, "rb") as stream:
        return stream.read(HEAD)


def _is_video(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        # The same container holds HEIC and AVIF pictures, which are neither videos nor read here.
        return head[8:12] not in (b"heic", b"heix", b"mif1", b"avif", b"avis")
    packets = head[:1] == b"G" and head[188:189] == b"G"  # MPEG transport stream
    return head.startswith(_VIDEOS) or packets or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def _is_volume(head: bytes) -> bool:
    if head[128:132] == b"DICM" or head.startswith(b"NRRD"):
        return True
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        except zlib.error:
            return False
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] == b"n+2\0"
