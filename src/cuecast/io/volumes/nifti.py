"""NIfTI (.nii, .nii.gz) through nibabel. On disk x runs fastest, so the stored bytes are a (Z, Y, X) array."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, cause
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.formats import library
from cuecast.io.volumes.reading import DEFLATED, Reading, check_channel, check_stated, unpack
from cuecast.io.volumes.volume import Volume

MILLIMETRES = {"mm": 1.0, "micron": 1e-3, "meter": 1e3, "unknown": 1.0}
"""Length of NIfTI's units in mm. Files that state none are taken to be in mm, as all readers do."""

LONGEST = 2**15 - 1
"""Voxels along an axis that the first version of NIfTI can state."""

CHUNK = 2**20


def stated_size(path: Path) -> tuple[int, int]:
    """By its header: (voxels, bytes of the whole file unpacked, 0 where it is not packed). Raises what reading does."""
    nibabel = library("nibabel", "volumes", "reading NIfTI")
    with open(path, "rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else open(path, "rb") as stream:
        head = stream.read(540)
    two = head[4:8] == b"n+2\0"
    header = nibabel.Nifti2Header(head) if two else nibabel.Nifti1Header(head[:348])
    voxels = math.prod(map(int, header.get_data_shape()))
    # What lies before the voxels is unpacked, too.
    size = int(header["vox_offset"]) + voxels * int(header.get_data_dtype().itemsize)
    return voxels, size if packed else 0


def read_volume(path: Path, reading: Reading) -> Volume:
    """The volume in a NIfTI file. Raises ImageError where it is damaged or holds more than one volume."""
    nibabel = library("nibabel", "volumes", "reading NIfTI")
    try:
        image = nibabel.load(path)
        stored = image.dataobj
        shape = tuple(int(n) for n in stored.shape)
        raw = _stored(path, stored, shape)
    except (
        OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, zlib.error,
        nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError,
    ) as error:  # fmt: skip
        raise ImageError(
            f"the NIfTI file is damaged or cut short ({cause(error)})", path, "copy or export it again"
        ) from error
    header = image.header
    affine, spacing, note = None, _pixdim(header), ""
    if int(header["sform_code"]) or int(header["qform_code"]):
        unit = _unit(header)
        affine = np.diag([unit, unit, unit, 1.0]) @ np.asarray(image.affine, np.float64)
        spacing = _spacing(affine)
    else:
        lengths = "in voxels" if spacing is None else "as its pixdim says"
        note = f"{path}: has no affine (sform and qform codes are 0): lengths are {lengths}, unless --spacing says more"
    return Volume(
        voxels=check_channel(raw, path, reading.channel),
        name=re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.IGNORECASE),
        format="nifti",
        spacing=spacing,
        affine=affine,
        slope=_number(stored.slope, 1.0),
        intercept=_number(stored.inter, 0.0),
        path=path,
        header=image.header,
        notes=(note,) if note else (),
    )


def write_labels(
    path: Path,
    labels: NDArray[Any],
    volume: Volume,
    classes: Sequence[ClassInfo],  # noqa: ARG001
) -> Path:
    """Labels (Z, Y, X) uint8 or uint16 in the geometry of their volume; whole or not at all. Raises OutputError.

    The header of a NIfTI input is kept; the same labels give the same bytes.
    """
    nibabel = library("nibabel", "volumes", "writing NIfTI")
    if volume.format == "nifti":
        header = volume.header.copy()
        kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
        header.set_data_shape(labels.shape[::-1])
        header["cal_min"] = header["cal_max"] = 0
        # A person may have stated another one than the header does.
        if volume.affine is None and volume.spacing not in (None, _pixdim(header)):
            header.set_zooms(volume.spacing[::-1])
            header.set_xyzt_units("mm", "sec")
        # None keeps both codes and both transforms of the header to the bit.
        image = kind(labels.T, None, header)
    else:
        kind = nibabel.Nifti1Image if max(labels.shape) <= LONGEST else nibabel.Nifti2Image
        image = kind(labels.T, volume.affine)
        if volume.affine is None:
            image.header.set_zooms((volume.spacing or (1.0, 1.0, 1.0))[::-1])
        image.header.set_xyzt_units("mm")
    image.set_data_dtype(labels.dtype)
    image.header.set_slope_inter(1, 0)
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(stream)
    return path


def _stored(path: Path, proxy: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """The stored values with the axes turned round: (..., Z, Y, X). Packed files are unpacked once.

    Raises ValueError where the header states what the file cannot hold.
    """
    from nibabel.openers import ImageOpener

    packed = path.suffix.lower() == ".gz"
    held = path.stat().st_size
    check_stated(
        shape, proxy.dtype.itemsize, held if packed else held - proxy.offset, DEFLATED if packed else 1
    )
    if not packed:
        return np.memmap(path, proxy.dtype, "r", proxy.offset, shape[::-1])
    with ImageOpener(str(path)) as stream:
        stream.seek(proxy.offset)
        unpacked = unpack(stream, shape[::-1], proxy.dtype)
        # The checksum is compared at the end. What goes on and on behind the voxels is not followed there.
        behind = 0
        while behind <= max(unpacked.nbytes, CHUNK) and (more := stream.read(CHUNK)):
            behind += len(more)
    return unpacked


def _spacing(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in np.linalg.norm(affine[:3, :3], axis=0))
    return z, y, x


def _unit(header: Any) -> float:
    """The header's unit of length in mm; 1 where its code is none."""
    try:
        return MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    except KeyError:
        return 1.0


def _pixdim(header: Any) -> tuple[float, float, float] | None:
    """(z, y, x) in mm by the header's pixdim; None where it is not above 0, or 1, which is what nobody has set."""
    unit = _unit(header)
    x, y, z = (float(v) for v in header["pixdim"][1:4])
    known = all(0 < v < float("inf") for v in (x, y, z)) and (x, y, z) != (1.0, 1.0, 1.0)
    return (z * unit, y * unit, x * unit) if known else None


def _number(value: Any, default: float) -> float:
    return default if value is None or not np.isfinite(value) else float(value)
