"""What a file comes to when it is unpacked, by its header, and whether that is within the limits.

A few kilobytes of gzip, deflate or LZW can stand for gigabytes. That a file is packed well is no fault: label maps are,
a thousand times. So a file is refused where it comes to much and is packed more than real pictures and volumes are.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cuecast.core.errors import ImageError
from cuecast.service import content
from cuecast.service.content import Kind
from cuecast.service.problem import Problem
from cuecast.service.settings import Limits

TEXT = 1 << 16
"""Bytes of a text header that are looked at."""
_GZIP = b"\x1f\x8b"
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

    packed = content.read_head(path)[:2] == _GZIP
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
