"""What a file is, and what it comes to when it is unpacked: by its first bytes and its header.

Its name and the Content-Type that came with it prove nothing. A few kilobytes of gzip, deflate or LZW can stand for
gigabytes; yet that a file is packed well is no fault: label maps are, a thousand times. So a file is refused where it
comes to much and is packed more than real pictures and volumes are.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.errors import ImageError
from cuecast.io.formats import format_of_content, format_of_suffix
from cuecast.io.kinds import picture_kind
from cuecast.service.problem import Problem
from cuecast.service.settings import Limits

HEAD = 4096
"""Bytes that are looked at."""


@dataclass(frozen=True)
class Kind:
    """A kind of image. `media` is its type on the wire, `suffix` what it is stored under."""

    suffix: str
    media: str


PNG, JPEG = Kind(".png", "image/png"), Kind(".jpg", "image/jpeg")

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
    form = format_of_content("videos", head)
    return Kind(form.suffixes[0], form.media) if form else None


def volume_kind(head: bytes, *, stacks: bool = False) -> Kind | None:
    """The kind of volume that begins with these bytes; with `stacks` a TIFF is one, too."""
    packed = head.startswith(_GZIP)
    if packed:
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        except zlib.error:
            return None
    form = format_of_content("volumes", head)
    if form is None or (form.name == "tiff" and not stacks):
        return None
    suffix = next((s for s in form.suffixes if s.endswith(".gz") == packed), None)
    return Kind(suffix, form.media) if suffix else None


TEXT = 1 << 16
"""Bytes of a text header that are looked at."""


def check_volume(path: Path, shown: str, kind: Kind, limits: Limits) -> None:
    """Raise Problem where the header of a volume names other files (415) or states too much for its length (413), and
    ImageError where it states too many voxels."""
    if kind.suffix == ".nrrd":
        with open(path, "rb") as stream:
            header = stream.read(TEXT).replace(b"\r", b"").split(b"\n\n")[0]
        fields = header.lower().replace(b" ", b"")
        if any(field in fields for field in (b"datafile", b"lineskip", b"byteskip")):
            said = f"{shown} has its voxels elsewhere than behind its header: save it as one file (.nrrd)"
            raise Problem("wrong_kind", 415, said)
    voxels = unpacked = 0
    with suppress(
        Exception
    ):  # a damaged header is named by who reads the file, and not all state it in a header
        form = format_of_suffix("volumes", kind.suffix)
        voxels, unpacked = form.load().stated_size(path) if form else (0, 0)
    if voxels > limits.voxels:
        raise ImageError(
            f"{voxels} voxels are more than the limit of {limits.voxels}", shown, "cut out a part"
        )
    check_unpacked(path.stat().st_size, unpacked, shown, limits)


def check_unpacked(packed: int, unpacked: int, shown: str, limits: Limits) -> None:
    """Raise Problem with 413 where `packed` bytes come to more, and more times as many, than the limits allow."""
    if unpacked > limits.unpacked_bytes and unpacked > limits.ratio * packed:
        raise Problem(
            "too_large",
            413,
            f"{shown}: its {packed} bytes unpack to {unpacked}, {unpacked // max(packed, 1)} times as many; above "
            f"{limits.unpacked_bytes} bytes a file may be packed {limits.ratio} times: cut out a part, store "
            "fewer bits, or send it unpacked",
        )
