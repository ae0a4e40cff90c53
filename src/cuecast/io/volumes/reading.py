"""How a file of voxels is read: what a person may say of it, what its header may state, and room to unpack it."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cuecast.core.errors import ImageError, OutputError
from cuecast.io.files import check_space


@dataclass(frozen=True)
class Reading:
    """How a volume is read.

    channel  which channel, or time, of a file with more than one, from 0.
    series   which DICOM series of a folder with several: the UID, its end, or the description.
    spacing  distance of voxels along (z, y, x) in mm, for files that state none or a wrong one.
    """

    channel: int | None = None
    series: str | None = None
    spacing: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Choice:
    """One of several volumes: how a `Reading` chooses it, and what a person is told of it."""

    reading: Reading
    name: str


class SeveralVolumesError(ImageError):
    """A file or folder holds several volumes, and it was not said which one is meant. `choices` are all of them."""

    def __init__(
        self, what: str, where: object = None, remedy: str | None = None, choices: Sequence[Choice] = ()
    ) -> None:
        super().__init__(what, where, remedy)
        self.choices = tuple(choices)


DEFLATED = 1032
"""Bytes that one byte of gzip can stand for at most."""
BZIPPED = 2**21
"""The same of bzip2: a few dozen bytes can be 45 MB of one value."""


def check_stated(sizes: Sequence[int], itemsize: int, held: int, most: int = 1) -> None:
    """Raise ValueError where a header states a size that cannot be, before anything is allocated for it.

    sizes     voxels along each axis, as stated.
    itemsize  bytes of a voxel.
    held      bytes of the file behind the header, each of which stands for `most` bytes at most.
    """
    shown = " x ".join(map(str, sizes))
    if any(n < 1 for n in sizes):
        raise ValueError(f"it states a size of {shown} voxels, which is none")
    stated = math.prod(sizes) * itemsize
    if stated > held * most:
        packed = ", packed" if most > 1 else ""
        raise ValueError(f"it states {shown} voxels, {stated:,} bytes, and holds {held:,} bytes{packed}")


def check_channel(voxels: NDArray[Any], path: Path, channel: int | None) -> NDArray[Any]:
    """(Z, Y, X) of an array (..., Z, Y, X): its only volume, or the one that was asked for. Raises ImageError."""
    if voxels.ndim < 3:
        raise ImageError(
            f"holds {voxels.ndim} axes, which is no volume", path, "use `cuecast segment` for images"
        )
    stacked = voxels.reshape(-1, *voxels.shape[-3:])
    count = len(stacked)
    if channel is None and count == 1:
        channel = 0
    if channel is None:
        raise SeveralVolumesError(
            f"holds {count} volumes (channels or times)",
            path,
            "choose one with --channel, from 0",
            choices=[Choice(Reading(channel=n), str(n)) for n in range(count)],
        )
    if not 0 <= channel < count:
        raise ImageError(f"there is no channel {channel}, the file has {count}", path, "they count from 0")
    chosen: NDArray[Any] = stacked[channel]
    return chosen


IN_MEMORY = 256 * 2**20
"""Arrays of more bytes than this live in an unnamed file of the folder for temporary files (TMPDIR)."""


def scratch(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed array of this shape to write to; a large one in a file that vanishes with it, or with the process.

    Raises OutputError where that file does not fit on its disk.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.zeros(shape, dtype)
    folder = Path(tempfile.gettempdir())
    check_space(folder, size, "set TMPDIR to a folder on a larger disk")
    with tempfile.TemporaryFile(prefix="cuecast-", dir=folder) as stream:
        _reserve(stream.fileno(), size, folder)
        return np.memmap(stream, dtype, "r+", shape=shape)


def _reserve(handle: int, size: int, folder: Path) -> None:
    """Make a file `size` bytes long, on disk: a hole that cannot be filled later would end the process."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            os.truncate(handle, size)
    except OSError as error:
        raise OutputError(
            f"{size / 1e6:,.0f} MB cannot be had there ({error.strerror})",
            folder,
            "set TMPDIR to a folder on a larger disk",
        ) from error


def unpack(stream: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The next values of an unpacking stream, in an array (..., Y, X) of `scratch`, a plane at a time.

    No more is unpacked than that. Raises EOFError where there is less.
    """
    values = scratch(shape, dtype)
    planes = values.reshape(-1, *shape[-2:])
    for number, plane in enumerate(planes):
        data = stream.read(plane.nbytes)
        if len(data) < plane.nbytes:
            raise EOFError(f"{number} of {len(planes)} slices are there")
        plane[...] = np.frombuffer(data, dtype).reshape(plane.shape)
    return values
