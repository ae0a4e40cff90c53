"""What a file is, by its first bytes: its name and the Content-Type that came with it prove nothing."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from cuecast.io.kinds import picture_kind
from cuecast.service.problem import Problem

HEAD = 4096
"""Bytes that are looked at."""


@dataclass(frozen=True)
class Kind:
    """A kind of image. `media` is its type on the wire, `suffix` what it is stored under."""

    suffix: str
    media: str


PNG, JPEG = Kind(".png", "image/png"), Kind(".jpg", "image/jpeg")

_VIDEOS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1a\x45\xdf\xa3", Kind(".mkv", "video/x-matroska")),
    (b"FLV\x01", Kind(".flv", "video/x-flv")),
    (b"OggS", Kind(".ogv", "video/ogg")),
    (b"\x00\x00\x01\xba", Kind(".mpg", "video/mpeg")),
    (b"\x00\x00\x01\xb3", Kind(".mpg", "video/mpeg")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind(".wmv", "video/x-ms-wmv")),
    (b"GIF8", Kind(".gif", "image/gif")),
)
_GZIP = b"\x1f\x8b"


def image_kind(head: bytes, name: str) -> Kind:
    """The kind of image that begins with these bytes. `name` is for the message.

    Raises Problem with 415 for anything else, naming the kind of project for videos and volumes.
    """
    picture = picture_kind(head)
    if picture is not None:
        return Kind(picture.suffixes[0], picture.media)
    if video_kind(head) is not None:
        said = "is a video, and images are taken here: make a project of the kind 'video' for it"
    elif volume_kind(head) is not None:
        said = "is a volume, and images are taken here: make a project of the kind 'volume' for it"
    elif head.startswith(b"PK\x03\x04"):
        said = "is an archive: add a cue set with POST .../cueset, unpack anything else"
    elif (nameless := picture_kind(head, name)) is not None:
        said = (
            f"is a {nameless.name} by its name alone, and images are told by content here: convert it to PNG"
        )
    else:
        said = (
            "is no image by its content, whatever its name says: convert it to PNG, JPEG, WebP, BMP or TIFF"
        )
    raise Problem("not_an_image", 415, f"{name} {said}")


def read_head(path: Path) -> bytes:
    """The bytes that `image_kind` looks at. Raises OSError."""
    with open(path, "rb") as stream:
        return stream.read(HEAD)


def source_kind(head: bytes, name: str, kind: str) -> Kind:
    """The kind of file that begins with these bytes, for a project of the kind 'video' or 'volume'.

    Raises Problem with 415 for anything else.
    """
    found = video_kind(head) if kind == "video" else volume_kind(head, stacks=True)
    if found is not None:
        return found
    other = _named(head)
    if other is not None:
        said = f"is of the kind {other!r}, and this project of the kind {kind!r}: make one of the kind {other!r} for it"
    elif kind == "video":
        said = "is no video by its content, whatever its name says: convert it to MP4, MKV, WebM, AVI or GIF"
    else:
        said = (
            "is no volume by its content, whatever its name says: convert it to NIfTI, NRRD or a TIFF stack"
        )
    raise Problem("wrong_kind", 415, f"{name} {said}")


def _named(head: bytes) -> str | None:
    """The kind of project that takes a file, where it is of any."""
    if picture_kind(head) is not None:
        return "images"
    return "video" if video_kind(head) else "volume" if volume_kind(head) else None


def video_kind(head: bytes) -> Kind | None:
    """The kind of video that begins with these bytes.

    Files that only name others (play lists) are none: what they name must not be opened.
    """
    for magic, kind in _VIDEOS:
        if head.startswith(magic):
            return kind
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        # The same container holds HEIC and AVIF pictures.
        return None if picture_kind(head) is not None else Kind(".mp4", "video/mp4")
    if head[:1] == b"G" and head[188:189] == b"G":
        return Kind(".ts", "video/mp2t")
    return Kind(".avi", "video/x-msvideo") if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def volume_kind(head: bytes, *, stacks: bool = False) -> Kind | None:
    """The kind of volume that begins with these bytes; with `stacks` a TIFF is one, too."""
    if head[128:132] == b"DICM":
        return Kind(".dcm", "application/dicom")
    if head.startswith(b"NRRD"):
        return Kind(".nrrd", "application/octet-stream")
    if stacks and head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return Kind(".tif", "image/tiff")
    packed = head.startswith(_GZIP)
    if packed:
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        except zlib.error:
            return None
    if head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] == b"n+2\0":
        return Kind(".nii.gz" if packed else ".nii", "application/octet-stream")
    return None
