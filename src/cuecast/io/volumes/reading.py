"""What a person may say of how a volume is to be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cuecast.errors import ImageError


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


def check_channel(voxels: NDArray[Any], path: Path, channel: int | None) -> NDArray[Any]:
    """(Z, Y, X) of an array (..., Z, Y, X): its only volume, or the one that was asked for. Raises ImageError."""
    if voxels.ndim < 3:
        raise ImageError(
            f"{path}: holds {voxels.ndim} axes, which is no volume; use `cuecast segment` for images"
        )
    stacked = voxels.reshape(-1, *voxels.shape[-3:])
    count = len(stacked)
    if channel is None and count == 1:
        channel = 0
    if channel is None:
        raise ImageError(
            f"{path}: holds {count} volumes (channels or times); choose one with --channel, from 0"
        )
    if not 0 <= channel < count:
        raise ImageError(f"{path}: there is no channel {channel}, the file has {count}; they count from 0")
    chosen: NDArray[Any] = stacked[channel]
    return chosen
