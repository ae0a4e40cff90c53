"""Volumes: NIfTI, DICOM series, NRRD and multi-page TIFF in; labels in the same geometry out.

One format is one file. A new one is that file and one line in `FORMATS`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, OutputError
from cuecast.core.values import ClassInfo
from cuecast.io.files import check_space
from cuecast.io.tiff import BROKEN
from cuecast.io.volumes.reading import Reading, library
from cuecast.io.volumes.volume import PLANES, WINDOWS, Plane, Volume, grey, value_window

__all__ = [
    "FORMATS", "OUTPUTS", "PLANES", "WINDOWS", "Plane", "Reading", "Volume", "VolumeFormat",
    "check_labels", "format_of_suffix", "grey", "open_volume", "output_suffix", "value_window", "write_labels",
]  # fmt: skip


@dataclass(frozen=True)
class VolumeFormat:
    """A format of volumes: the module with its pair of functions, and the suffixes its files are known by."""

    module: str
    suffixes: tuple[str, ...]


FORMATS = {
    "nifti": VolumeFormat("cuecast.io.volumes.nifti", (".nii.gz", ".nii")),
    "nrrd": VolumeFormat("cuecast.io.volumes.nrrd", (".nrrd", ".nhdr")),
    "tiff": VolumeFormat("cuecast.io.volumes.tiff", (".tif", ".tiff")),
    "dicom": VolumeFormat("cuecast.io.volumes.dicom", (".dcm", ".dicom", ".ima")),
}
"""Formats by name; a folder is DICOM, and so is a file without a suffix."""

OUTPUTS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "tiff": ".tif", "dicom-seg": ".dcm"}
"""Formats of labels -> suffix of the file."""

_WRITERS = {
    "nifti": ("nibabel", "volumes"),
    "nrrd": ("nrrd", "volumes"),
    "tiff": ("tifffile", "volumes"),
    "dicom-seg": ("highdicom", "dicom-seg"),
}
"""Formats of labels -> library that writes them, and the extra that brings it."""


def open_volume(path: str | Path, reading: Reading | None = None) -> Volume:
    """The volume in a file, or in a folder of DICOM files. Large ones stay on disk and are read slice by slice.

    Raises ImageError (not there, damaged, several series, missing slices), MissingExtraError where the format or its
    compression needs a library that is not installed, OutputError where it must be unpacked and the disk is full.
    """
    path, reading = Path(path), reading or Reading()
    if not path.exists():
        raise ImageError(f"{path}: there is no such file or folder; check the spelling")
    kind = _format(path)
    if reading.series is not None and kind != "dicom":
        raise ImageError(
            f"{path}: --series chooses one of several DICOM series, this is {kind}; leave it out"
        )
    if reading.channel is not None and kind == "dicom":
        raise ImageError(
            f"{path}: --channel is for files with several; a DICOM series is chosen with --series"
        )
    volume: Volume = importlib.import_module(FORMATS[kind].module).read_volume(path, reading)
    if reading.spacing is None:
        return volume
    if volume.affine is not None:
        raise ImageError(
            f"{path}: states its spacing and place itself, {volume.spacing}; leave --spacing out"
        )
    return replace(volume, spacing=reading.spacing, notes=())


def is_volume(path: str | Path) -> bool:
    """Whether the name is that of a volume, and not of an image: a TIFF may be both and is not, see `is_stack`."""
    name = os.fspath(path).lower()
    return any(name.endswith(FORMATS[f].suffixes) for f in ("nifti", "nrrd"))


def is_stack(path: str | Path) -> bool:
    """Whether a file is a TIFF of several pages of one size. False where it cannot be read."""
    if not os.fspath(path).lower().endswith(FORMATS["tiff"].suffixes):
        return False
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            series = tif.series[0]
            return any(n > 1 for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS")
    except (*BROKEN, tifffile.TiffFileError):
        return False


def format_of_suffix(name: str) -> str | None:
    """The format of `FORMATS` that a file's name speaks of; None where it speaks of none."""
    return next((known for known, form in FORMATS.items() if name.lower().endswith(form.suffixes)), None)


def output_suffix(volume: Volume, kind: str | None) -> tuple[str, str]:
    """(format, suffix) of the labels: as asked, else that of the input; DICOM and arrays give NIfTI.

    Raises OutputError where there is no such format, or a DICOM SEG is asked for of something else than DICOM, and
    MissingExtraError where the library that writes it is not installed: before any work is done.
    """
    if kind is None:
        kind = volume.format if volume.format in OUTPUTS else "nifti"
    if kind not in OUTPUTS:
        raise OutputError(f"format {kind!r} is unknown; known are {', '.join(OUTPUTS)}")
    if kind == "dicom-seg" and volume.format != "dicom":
        raise OutputError(
            f"{volume.name}: a DICOM SEG refers to the slices of a DICOM series, and this is {volume.format}; "
            "choose nifti, nrrd or tiff"
        )
    name, extra = _WRITERS[kind]
    library(name, extra, f"writing {kind}")
    packed = volume.path is None or volume.path.suffix != ".nii"
    return kind, OUTPUTS[kind] if kind != "nifti" or packed else ".nii"


def check_labels(volume: Volume, classes: Sequence[ClassInfo], kind: str) -> None:
    """Raise OutputError where labels of these classes could not be written in a format of `OUTPUTS` for what the volume
    states of itself: before any work is done."""
    if kind == "dicom-seg":
        from cuecast.io.volumes.dicom_seg import check_segmentation

        check_segmentation(volume, classes)


def write_labels(
    path: Path, labels: NDArray[Any], volume: Volume, classes: Sequence[ClassInfo], kind: str
) -> Path:
    """Labels (Z, Y, X) in the geometry of their volume, in a format of `OUTPUTS`; whole or not at all.

    Raises OutputError where they do not fit on the disk or cannot be written, MissingExtraError.
    """
    if labels.shape != volume.size or labels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected labels {volume.size} uint8 or uint16, got {labels.shape} {labels.dtype}")
    check_space(
        path.parent,
        labels.nbytes if path.suffix in (".nii", ".tif") else labels.nbytes // 8,
        "choose another folder",
    )
    if kind == "dicom-seg":
        from cuecast.io.volumes.dicom_seg import write_segmentation

        return write_segmentation(path, labels, volume, classes)
    try:
        written: Path = importlib.import_module(FORMATS[kind].module).write_labels(path, labels, volume)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError) as error:
        raise OutputError(
            f"{path}: labels of this volume cannot be written as {kind} ({error}); choose another format"
        ) from error
    return written


def _format(path: Path) -> str:
    if path.is_dir():
        return "dicom"
    if known := format_of_suffix(path.name):
        return known
    if not path.suffix or path.suffix[1:].isdigit():
        return "dicom"
    suffixes = ", ".join(s for form in FORMATS.values() for s in form.suffixes)
    raise ImageError(
        f"{path}: is no volume that is known by its suffix ({suffixes}, or a folder of DICOM files); convert it"
    )
