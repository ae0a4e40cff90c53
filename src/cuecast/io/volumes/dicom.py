"""A DICOM series through pydicom: one file a slice, sorted by position, checked for gaps, doubles and mixed series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, MissingExtraError, cause
from cuecast.io.formats import library
from cuecast.io.volumes.reading import Choice, Reading, SeveralVolumesError, scratch
from cuecast.io.volumes.volume import Volume

SAME = 1e-3
"""Cosines and spacings that differ by less (spacings: by this share) are equal: headers are rounded decimals."""
SUFFIXES = (".dcm", ".dicom")
"""Files that say by their name that they are DICOM; others beside a series (notes, tables) are passed over."""
EVEN = 0.02
"""Share of the slice distance by which one distance may differ from the others."""

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_TAGS = [
    "SeriesInstanceUID", "SeriesDescription", "Modality", "Rows", "Columns", "NumberOfFrames", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept", "SamplesPerPixel",
    "FrameOfReferenceUID",
]  # fmt: skip

_NO_UID = "without UID"
"""What a series is called whose files state no UID of one."""
_PLACE = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
"""Tags that place a slice -> how many values they have."""


@dataclass(frozen=True, eq=False)
class _Slice:
    """A file with its header, and how far its first voxel lies along the normal of the slices, in mm."""

    path: Path
    header: Any
    depth: float

    @property
    def rescale(self) -> tuple[float, float]:
        """(slope, intercept) of its values."""
        slope, intercept = self.header.get("RescaleSlope"), self.header.get("RescaleIntercept")
        # A tag may be there and empty.
        return 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)


def read_volume(path: Path, reading: Reading) -> Volume:
    """The series in a folder of DICOM files, or the one that a file of it belongs to.

    Raises ImageError where there are several and none is chosen, where slices are missing, double, turned or of
    different sizes, and MissingExtraError where their compression needs a library that is not there.
    """
    pydicom = library("pydicom", "volumes", "reading DICOM")
    folder = path if path.is_dir() else path.parent
    found = _series(pydicom, folder)
    wanted = reading.series
    if path.is_file() and wanted is None:
        wanted = series_of(path)
    uid = _chosen(found, wanted, folder)
    slices = _sorted(found[uid], folder)
    affine = _affine(slices, folder)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    voxels, (slope, intercept) = _voxels(pydicom, slices)
    return Volume(
        voxels=voxels,
        name=folder.resolve().name,
        format="dicom",
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        affine=affine,
        slope=slope,
        intercept=intercept,
        path=path,
        header=tuple(s.path for s in slices),
    )


def series_of(path: Path) -> str:
    """The UID of the series that a slice belongs to. Raises ImageError where it is none, MissingExtraError."""
    header = _header(library("pydicom", "volumes", "reading DICOM"), path)
    if header is None or "Rows" not in header:
        raise ImageError("is no DICOM picture", path, "name one of the slices, or their folder")
    return str(header.get("SeriesInstanceUID") or _NO_UID)


def _header(pydicom: Any, path: Path) -> Any:
    """The tags that matter of a file; None where it is no DICOM file."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
    except pydicom.errors.InvalidDicomError:
        return None
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise ImageError(
            f"the DICOM file is damaged or cut short ({cause(error)})", path, "copy it again"
        ) from error


def _series(pydicom: Any, folder: Path) -> dict[str, list[tuple[Path, Any]]]:
    """UID -> files with their headers, of all files below a folder that hold pictures; those without one together.

    Segmentations are passed over: they are answers about a series, such as those that cuecast writes.
    """
    found: dict[str, list[tuple[Path, Any]]] = defaultdict(list)
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        header = _header(pydicom, path)
        if header is None and path.suffix.lower() in SUFFIXES:
            raise ImageError(
                "is no DICOM file, by its name it should be", path, "copy it again, or take it away"
            )
        segmentation = header is not None and header.get("Modality") == "SEG"
        if header is not None and not segmentation and "Rows" in header:
            found[str(header.get("SeriesInstanceUID") or _NO_UID)].append((path, header))
    if not found:
        raise ImageError("holds no DICOM pictures", folder, "name the folder that has the slices")
    return dict(found)


def _chosen(found: dict[str, list[tuple[Path, Any]]], wanted: str | None, folder: Path) -> str:
    """The UID of the series that is meant. Raises ImageError with all of them where that is not clear."""
    if wanted in found:  # which may be the end of another one's
        return wanted
    fitting = [
        uid
        for uid, files in found.items()
        if wanted is None or uid.endswith(wanted) or str(files[0][1].get("SeriesDescription", "")) == wanted
    ]
    if len(fitting) == 1:
        return fitting[0]
    choices = [Choice(Reading(series=uid), _shown(files)) for uid, files in sorted(found.items())]
    listed = "; ".join(f"{choice.reading.series} ({choice.name})" for choice in choices)
    said = f"{len(fitting)} of its series are" if wanted is not None else "it holds several series, "
    said = f"{said} called {wanted!r}" if wanted is not None else said.rstrip(", ")
    raise SeveralVolumesError(
        said, folder, f"choose one with --series UID or description: {listed}", choices=choices
    )


def _shown(files: Sequence[tuple[Path, Any]]) -> str:
    """What a person is told of a series."""
    header = files[0][1]
    said = header.get("SeriesDescription", "") or "no description"
    return f"{header.get('Modality', '?')} {said!r}, {len(files)} files"


def _sorted(files: Sequence[tuple[Path, Any]], folder: Path) -> list[_Slice]:
    """The slices along their normal. Raises ImageError where they do not make one block."""
    first_path, first = files[0]
    if int(first.get("NumberOfFrames", 1) or 1) > 1:
        raise ImageError(
            "is an enhanced file with many frames", first_path, "convert it to NIfTI first (dcm2niix)"
        )
    for path, header in files:
        for tag, count in _PLACE.items():
            if header.get(tag) is None:
                raise ImageError(
                    f"states no {tag}, so its place is unknown", path, "export it with the geometry"
                )
            if np.size(header.get(tag)) != count:
                raise ImageError(
                    f"states {np.size(header.get(tag))} values as its {tag}, expected {count}",
                    path,
                    "export it again",
                )
        if min(header.PixelSpacing) <= 0:
            raise ImageError(
                f"its PixelSpacing {header.PixelSpacing} is not above 0", path, "export it again"
            )
        if int(header.get("SamplesPerPixel") or 1) != 1:
            raise ImageError("is in colour", path, "choose a series of single values")
        if (header.Rows, header.get("Columns")) != (first.Rows, first.get("Columns")) or not np.allclose(
            _geometry(header), _geometry(first), atol=SAME, rtol=SAME
        ):
            raise ImageError(
                f"differs in size, pixel spacing or orientation from {first_path.name}",
                path,
                "a series must be one block of parallel slices: move what does not belong to it elsewhere",
            )
    if len(files) < 2:
        raise ImageError("the series has a single slice, which is no volume", folder)
    normal = np.cross(*_geometry(first)[:6].reshape(2, 3))
    slices = [_Slice(p, h, float(normal @ np.asarray(h.ImagePositionPatient, np.float64))) for p, h in files]
    slices.sort(key=lambda s: s.depth)
    _check_steps(slices, folder)
    return slices


def _check_steps(slices: Sequence[_Slice], folder: Path) -> None:
    """Raise ImageError where two slices lie at the same place, one is missing, or the distances are uneven."""
    steps = np.diff([s.depth for s in slices])
    apart = steps[steps > EVEN * SAME]
    usual = float(np.median(apart)) if len(apart) else 0.0
    for (before, after), step in zip(pairwise(slices), steps, strict=True):
        names = f"{before.path.name} and {after.path.name}"
        if step <= EVEN * max(usual, SAME):
            raise ImageError(
                f"{names} lie at the same place",
                folder,
                "it holds two times or channels, or copies: keep one of each",
            )
        missing = round(step / usual) - 1
        if missing > 0 and abs(step - (missing + 1) * usual) <= EVEN * step:
            raise ImageError(
                f"{missing} slice{'s are' if missing > 1 else ' is'} missing between {names} ({step:g} mm "
                f"apart, the others {usual:g} mm)",
                folder,
                "copy the series again",
            )
        if abs(step - usual) > EVEN * usual:
            raise ImageError(
                f"{names} are {step:g} mm apart, the others {usual:g} mm",
                folder,
                "resample the series evenly first",
            )


def _geometry(header: Any) -> NDArray[np.float64]:
    """The cosines of rows and columns, and the distances of rows and columns: (8,)."""
    return np.asarray([*header.ImageOrientationPatient, *header.PixelSpacing], np.float64)


def _affine(slices: Sequence[_Slice], folder: Path) -> NDArray[np.float64]:
    """Voxel (x, y, z, 1) -> RAS mm, sheared where the gantry was tilted (DICOM PS3.3 C.7.6.2.1.1, then LPS to RAS)."""
    geometry = _geometry(slices[0].header)
    places = np.asarray([s.header.ImagePositionPatient for s in slices], np.float64)
    step = (places[-1] - places[0]) / (len(slices) - 1)
    off = np.abs(places - (places[0] + np.arange(len(slices))[:, None] * step)).max()
    if off > EVEN * float(np.linalg.norm(step)) + SAME:
        raise ImageError(
            f"the slices do not lie on a straight line (off by {off:.2g} mm)",
            folder,
            "resample the series first",
        )
    affine = np.eye(4)
    affine[:3, 0] = geometry[:3] * geometry[7]
    affine[:3, 1] = geometry[3:6] * geometry[6]
    affine[:3, 2] = step
    affine[:3, 3] = places[0]
    ras: NDArray[np.float64] = _LPS_TO_RAS @ affine
    return ras


def _voxels(pydicom: Any, slices: Sequence[_Slice]) -> tuple[NDArray[Any], tuple[float, float]]:
    """The values of all slices (Z, Y, X), and slope and intercept: stored values where these are the same for all."""
    rescales = {s.rescale for s in slices}
    first = _pixels(pydicom, slices[0].path)
    one = len(rescales) == 1
    voxels = scratch((len(slices), *first.shape), first.dtype if one else np.float32)
    for index, item in enumerate(slices):
        stored = first if index == 0 else _pixels(pydicom, item.path)
        if stored.dtype != first.dtype and one:
            raise ImageError(
                f"is stored as {stored.dtype}, the others as {first.dtype}", item.path, "export again"
            )
        slope, intercept = item.rescale
        voxels[index] = stored if one else stored * slope + intercept
    return voxels, rescales.pop() if one else (1.0, 0.0)


def _pixels(pydicom: Any, path: Path) -> NDArray[Any]:
    """The stored values (Y, X) of one file."""
    try:
        header = pydicom.dcmread(path)
        _check_decoder(path, header.file_meta.TransferSyntaxUID)
        pixels: NDArray[Any] = header.pixel_array
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        AttributeError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise ImageError(
            f"the slice is damaged or cut short ({' '.join(str(error).split())})", path, "copy it again"
        ) from error
    return pixels


def _check_decoder(path: Path, syntax: Any) -> None:
    """Raise MissingExtraError where a compression needs a library that is not there."""
    if not syntax.is_compressed:
        return
    try:
        available = library("pydicom.pixels", "volumes", "reading DICOM").get_decoder(syntax).is_available
    except NotImplementedError:
        raise ImageError(
            f"its compression, {syntax.name}, is none of pictures", path, "export the series uncompressed"
        ) from None
    if not available:
        raise MissingExtraError(
            f"is compressed as {syntax.name}, which python-gdcm reads: pip install 'cuecast[dicom-jpeg]', "
            "or export the series uncompressed",
            path,
        )
