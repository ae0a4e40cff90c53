"""What a file is, and what it comes to when it is unpacked: by its first bytes and its header.

Its name and the Content-Type that came with it prove nothing. A few kilobytes of gzip, deflate or LZW can stand for
gigabytes; yet that a file is packed well is no fault: label maps are, a thousand times. So a file is refused where it
comes to much and is packed more than real pictures and volumes are.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cuecast.core.errors import ImageError
from cuecast.io.formats import format_of_content
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
_PACKED = ("gzip", "gz", "bzip2", "bz2")
"""Encodings of NRRD that are packed."""


class _Stated(NamedTuple):
    """What a header states. `bytes`: of the whole file when it is unpacked; 0 where it is not packed."""

    voxels: int
    bytes: int


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
    stated = None
    with suppress(Exception):  # a damaged header is named by who reads the file
        stated = _VOLUMES[kind.suffix](path) if kind.suffix in _VOLUMES else None
    if stated is None:
        return
    if stated.voxels > limits.voxels:
        raise ImageError(
            f"{shown}: {stated.voxels} voxels are more than the limit of {limits.voxels}; cut out a part"
        )
    check_unpacked(path.stat().st_size, stated.bytes, shown, limits)


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


def _nifti(path: Path) -> _Stated:
    import nibabel

    packed = read_head(path)[:2] == _GZIP
    with gzip.open(path) if packed else open(path, "rb") as stream:
        head = stream.read(540)
    two = head[4:8] == b"n+2\0"
    made: Any = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    header = made(head[: 540 if two else 348])
    voxels = _product(header.get_data_shape())
    # What lies before the voxels is unpacked, too.
    size = int(header["vox_offset"]) + voxels * header.get_data_dtype().itemsize
    return _Stated(voxels, size if packed else 0)


def _nrrd(path: Path) -> _Stated:
    import nrrd

    from cuecast.io.volumes.nrrd import TYPES

    with open(path, "rb") as stream:
        header = nrrd.read_header(stream)
    voxels = _product(header["sizes"])
    size = voxels * np.dtype(TYPES.get(header["type"], "f8")).itemsize
    return _Stated(voxels, size if header["encoding"] in _PACKED else 0)


def _tiff(path: Path) -> _Stated:
    import tifffile

    with tifffile.TiffFile(path) as tif:
        series: Any = tif.series[0]
        voxels = _product(series.shape)
        return _Stated(voxels, voxels * int(series.dtype.itemsize))


def _product(shape: Any) -> int:
    return int(np.prod([int(n) for n in shape], dtype=object))


_VOLUMES: dict[str, Callable[[Path], _Stated]] = {
    ".nii": _nifti,
    ".nii.gz": _nifti,
    ".nrrd": _nrrd,
    ".tif": _tiff,
}
"""Suffix -> what a file's header states."""
