"""Volumes in, labels in the same geometry out, by the table of `cuecast.io.formats`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, OutputError
from cuecast.core.values import ClassInfo
from cuecast.io.files import check_space
from cuecast.io.formats import Format, format_named, format_of_suffix, outputs_of, suffixes_of
from cuecast.io.tiff import BROKEN
from cuecast.io.volumes.reading import Reading
from cuecast.io.volumes.volume import PLANES, WINDOWS, Plane, Volume, grey, value_window

__all__ = [
    "PLANES", "WINDOWS", "Plane", "Reading", "Volume",
    "check_labels", "grey", "open_volume", "output_suffix", "value_window", "write_labels",
]  # fmt: skip


def open_volume(path: str | Path, reading: Reading | None = None) -> Volume:
    """The volume in a file, or in a folder of DICOM files. Large ones stay on disk and are read slice by slice.

    Raises ImageError (not there, damaged, several series, missing slices), MissingExtraError where the format or its
    compression needs a library that is not installed, OutputError where it must be unpacked and the disk is full.
    """
    path, reading = Path(path), reading or Reading()
    if not path.exists():
        raise ImageError("there is no such file or folder", path, "check the spelling")
    form = _format(path)
    if reading.series is not None and form.name != "dicom":
        raise ImageError(
            f"--series chooses one of several DICOM series, this is {form.name}", path, "leave it out"
        )
    if reading.channel is not None and form.name == "dicom":
        raise ImageError(
            "--channel is for files with several", path, "a DICOM series is chosen with --series"
        )
    volume: Volume = form.load().read_volume(path, reading)
    if reading.spacing is None:
        return volume
    if volume.affine is not None:
        raise ImageError(
            f"states its spacing and place itself, {volume.spacing}", path, "leave --spacing out"
        )
    return replace(volume, spacing=reading.spacing, notes=())


def is_volume(path: str | Path) -> bool:
    """Whether the name is that of a volume, and not of an image: a TIFF may be both and is not, see `is_stack`."""
    form = format_of_suffix("volumes", os.fspath(path))
    return form is not None and form.name not in ("tiff", "dicom")


def is_stack(path: str | Path) -> bool:
    """Whether a file is a TIFF of several pages of one size. False where it cannot be read."""
    form = format_of_suffix("volumes", os.fspath(path))
    if form is None or form.name != "tiff":
        return False
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            series = tif.series[0]
            return any(n > 1 for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS")
    except (*BROKEN, tifffile.TiffFileError):
        return False


def output_suffix(volume: Volume, kind: str | None) -> tuple[str, str]:
    """(format, suffix) of the labels: as asked, else that of the input; DICOM and arrays give NIfTI.

    Raises OutputError where there is no such format, or a DICOM SEG is asked for of something else than DICOM, and
    MissingExtraError where the library that writes it is not installed: before any work is done.
    """
    known = outputs_of("volumes")
    if kind is None:
        kind = volume.format if volume.format in known else "nifti"
    form = _output(kind)
    if kind == "dicom-seg" and volume.format != "dicom":
        raise OutputError(
            f"a DICOM SEG refers to the slices of a DICOM series, and this is {volume.format}",
            volume.name,
            "choose nifti, nrrd or tiff",
        )
    form.check_library(f"writing {kind}")
    plain = kind == "nifti" and volume.path is not None and volume.path.suffix == ".nii"
    return kind, ".nii" if plain else known[kind]


def check_labels(volume: Volume, classes: Sequence[ClassInfo], kind: str) -> None:
    """Raise OutputError where labels of these classes could not be written in a format for what the volume states of
    itself: before any work is done."""
    module = _output(kind).load()
    if hasattr(module, "check_labels"):
        module.check_labels(volume, classes)


def write_labels(
    path: Path, labels: NDArray[Any], volume: Volume, classes: Sequence[ClassInfo], kind: str
) -> Path:
    """Labels (Z, Y, X) in the geometry of their volume, in a format that is written; whole or not at all.

    Raises OutputError where they do not fit on the disk or cannot be written, MissingExtraError.
    """
    if labels.shape != volume.size or labels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected labels {volume.size} uint8 or uint16, got {labels.shape} {labels.dtype}")
    size = labels.nbytes if path.suffix in (".nii", ".tif") else labels.nbytes // 8
    check_space(path.parent, size, "choose another folder")
    try:
        written: Path = _output(kind).load().write_labels(path, labels, volume, classes)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError) as error:
        raise OutputError(
            f"labels of this volume cannot be written as {kind} ({error})", path, "choose another format"
        ) from error
    return written


def _output(kind: str) -> Format:
    """The format of labels of that name. Raises OutputError."""
    form = format_named("volumes", kind)
    if form is None or not form.writes:
        raise OutputError(
            f"format {kind!r} is unknown", remedy=f"known are {', '.join(outputs_of('volumes'))}"
        )
    return form


def _format(path: Path) -> Format:
    """By the suffix; a folder is DICOM, and so is a file without one."""
    form = None if path.is_dir() else format_of_suffix("volumes", path.name)
    if form is None and (path.is_dir() or not path.suffix or path.suffix[1:].isdigit()):
        form = format_named("volumes", "dicom")
    if form is None:
        raise ImageError(
            f"is no volume that is known by its suffix ({', '.join(suffixes_of('volumes'))}, or a folder "
            "of DICOM files)",
            path,
            "convert it",
        )
    return form
