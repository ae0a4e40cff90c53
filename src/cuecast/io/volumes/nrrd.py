"""NRRD (.nrrd, .nhdr) through pynrrd. On disk the first axis runs fastest, so the stored bytes are (Z, Y, X)."""

from __future__ import annotations

import bz2
import gzip
import math
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
from cuecast.io.volumes.reading import (
    BZIPPED,
    DEFLATED,
    Reading,
    check_channel,
    check_stated,
    unpack,
)
from cuecast.io.volumes.volume import Volume

_SIGNS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
"""Patient spaces of NRRD -> what turns their axes into right, anterior, superior."""

TYPES = {
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1", "signed char": "i1", "int8": "i1",
    "short": "i2", "int16": "i2", "int16_t": "i2", "ushort": "u2", "unsigned short": "u2", "uint16": "u2",
    "uint16_t": "u2", "int": "i4", "int32": "i4", "int32_t": "i4", "uint": "u4", "unsigned int": "u4", "uint32": "u4",
    "uint32_t": "u4", "float": "f4", "double": "f8",
}  # fmt: skip
"""Types whose voxels are read in place; others are read by pynrrd."""
_UNPACKING: dict[str, Any] = {
    "raw": open, "gzip": gzip.open, "gz": gzip.open, "bzip2": bz2.open, "bz2": bz2.open,
}  # fmt: skip
"""Encodings that are read here; others are read by pynrrd."""
ELSEWHERE = ("data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip")
"""Fields of headers whose voxels do not simply follow."""
_ORDERS = {"little": "<", "big": ">"}

_KEPT = ("space", "space dimension", "space directions", "space origin", "space units", "spacings", "kinds")
"""Fields of an input that its labels keep: all that says where voxels are."""
_EACH_AXIS = ("space directions", "spacings", "kinds")
"""Those that have an entry an axis."""


def stated_size(path: Path) -> tuple[int, int]:
    """By its header: (voxels, bytes of all when unpacked, 0 where it is not packed). Raises what reading does."""
    with open(path, "rb") as stream:
        header = library("nrrd", "volumes", "reading NRRD").read_header(stream)
    voxels = math.prod(map(int, header["sizes"]))
    size = voxels * np.dtype(TYPES.get(header["type"], "f8")).itemsize
    return voxels, size if _UNPACKING.get(header["encoding"], open) is not open else 0


def read_volume(path: Path, reading: Reading) -> Volume:
    """The volume in an NRRD file. Raises ImageError where it is damaged or no volume of single values."""
    nrrd = library("nrrd", "volumes", "reading NRRD")
    try:
        with open(path, "rb") as stream:
            header = nrrd.read_header(stream)
            voxels = _voxels(path, stream, header, nrrd)
    except (
        OSError, EOFError, ValueError, KeyError, TypeError, IndexError, OverflowError, zlib.error, nrrd.NRRDError,
    ) as error:  # fmt: skip
        raise ImageError(
            f"the NRRD file is damaged or cut short ({cause(error)})", path, "copy or export it again"
        ) from error
    others = _other_axes(header)
    if voxels.ndim == 4 and len(others) == 1:
        voxels, header = np.moveaxis(voxels, 3 - others[0], 0), _without_axis(header, others[0])
    elif voxels.ndim != 3:
        raise ImageError(
            f"holds {voxels.ndim} axes, not the three of a volume",
            path,
            "export one channel or one time of it",
        )
    affine = _affine(header)
    spacing = _spacings(header) if affine is None else tuple(np.linalg.norm(affine[:3, :3], axis=0)[::-1])
    return Volume(
        voxels=check_channel(voxels, path, reading.channel),
        name=path.stem,
        format="nrrd",
        spacing=None if spacing is None else (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        affine=affine,
        path=path,
        header={key: header[key] for key in _KEPT if key in header},
        notes=() if affine is not None else (f"{path}: states no patient space: positions are in voxels",),
    )


def write_labels(
    path: Path,
    labels: NDArray[Any],
    volume: Volume,
    classes: Sequence[ClassInfo],  # noqa: ARG001
) -> Path:
    """Labels (Z, Y, X) uint8 or uint16 in the geometry of their volume; whole or not at all. Raises OutputError."""
    nrrd = library("nrrd", "volumes", "writing NRRD")
    if volume.format == "nrrd":
        header = dict(volume.header)
        if volume.affine is None and volume.spacing is not None:
            for stated in ("space directions", "spacings"):
                header.pop(stated, None)
            header["spacings"] = np.asarray(volume.spacing[::-1])
    elif volume.affine is not None:
        lps = np.diag([-1.0, -1.0, 1.0]) @ volume.affine[:3]
        header = {
            "space": "left-posterior-superior",
            "space directions": lps[:, :3].T,
            "space origin": lps[:, 3],
        }
    else:
        header = {} if volume.spacing is None else {"spacings": np.asarray(volume.spacing[::-1])}
    header["encoding"] = "gzip"
    with replacing(path) as temporary:
        nrrd.write(str(temporary), np.asarray(labels), header, compression_level=6, index_order="C")
    return path


def _voxels(path: Path, stream: Any, header: dict[str, Any], nrrd: Any) -> NDArray[Any]:
    """The stored values: on disk where the file has them as they are, else unpacked."""
    known = header["type"] in TYPES and header.get("endian", "little") in _ORDERS
    opened = _UNPACKING.get(header["encoding"])
    if not known or opened is None or any(key in header for key in ELSEWHERE):
        found: NDArray[Any] = nrrd.read_data(header, stream, str(path), index_order="C")
        return found
    dtype = np.dtype(_ORDERS[header.get("endian", "little")] + TYPES[header["type"]])
    size = tuple(int(n) for n in header["sizes"][::-1])
    raw = header["encoding"] == "raw"
    most = 1 if raw else BZIPPED if opened is bz2.open else DEFLATED
    check_stated(size[::-1], dtype.itemsize, path.stat().st_size - stream.tell(), most)
    if raw:
        return np.memmap(path, dtype, "r", stream.tell(), size)
    with opened(stream) as unpacked:
        return unpack(unpacked, size, dtype)


def _other_axes(header: dict[str, Any]) -> list[int]:
    """The axes of the file that are none of space: of channels, times, or the parts of vectors and colours."""
    rows = np.asarray(header.get("space directions", ()), np.float64)
    if rows.ndim == 2 and np.isnan(rows).any():
        return [axis for axis, row in enumerate(rows) if np.isnan(row).any()]
    kinds = header.get("kinds", ())
    return [axis for axis, kind in enumerate(kinds) if str(kind).lower() not in ("domain", "space")]


def _without_axis(header: dict[str, Any], axis: int) -> dict[str, Any]:
    """A header without what it says of one axis of the file."""
    each = {name: header[name] for name in _EACH_AXIS if name in header}
    return {**header, **{name: np.delete(np.asarray(of), axis, axis=0) for name, of in each.items()}}


def _affine(header: dict[str, Any]) -> NDArray[np.float64] | None:
    """Voxel (x, y, z, 1) -> RAS mm; None where the header places the volume in no patient."""
    signs = _SIGNS.get(str(header.get("space", "")).lower())
    directions = header.get("space directions")
    if signs is None or np.shape(np.asarray(directions)) != (3, 3):
        return None
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(directions, np.float64).T
    affine[:3, 3] = header.get("space origin", (0.0, 0.0, 0.0))
    scale: NDArray[np.float64] = np.diag([*signs, 1.0]) @ affine
    return scale if np.isfinite(scale).all() else None


def _spacings(header: dict[str, Any]) -> NDArray[np.float64] | None:
    """Spacing (z, y, x) of a header without patient space; None where it states none."""
    if np.shape(np.asarray(header.get("space directions"))) == (3, 3):
        stated = np.linalg.norm(np.asarray(header["space directions"], np.float64), axis=1)
    else:
        stated = np.asarray(header.get("spacings", [np.nan]), np.float64)
    if stated.shape != (3,) or not (np.isfinite(stated) & (stated > 0)).all():
        return None
    reverse: NDArray[np.float64] = stated[::-1]
    return reverse
