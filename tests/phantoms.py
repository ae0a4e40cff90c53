"""Small volumes in two values, for the pack `colours`, and the files that real libraries make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

SIZE = (6, 8, 10)
"""(Z, Y, X)."""
SPACING = (2.0, 1.0, 0.5)
THING, REST = 200, 30


def truth() -> NDArray[np.bool_]:
    """A block of 4 x 3 x 5 = 60 voxels: z 1 to 4, y 2 to 4, x 3 to 7."""
    thing = np.zeros(SIZE, bool)
    thing[1:5, 2:5, 3:8] = True
    return thing


def values() -> NDArray[np.int16]:
    """(Z, Y, X): `THING` inside the block, `REST` outside."""
    return np.where(truth(), THING, REST).astype(np.int16)


def affine(spacing: tuple[float, float, float] = SPACING) -> NDArray[np.float64]:
    """Voxel (x, y, z, 1) -> mm, with x to the left and an origin of its own."""
    x, y, z = spacing[::-1]
    found = np.diag([-x, y, z, 1.0])
    found[:3, 3] = 10.0, -20.0, 30.0
    return found


def nifti(path: Path, voxels: NDArray[Any], at: NDArray[np.float64] | None) -> Path:
    """Write a NIfTI file of (Z, Y, X); `at` None leaves both codes 0."""
    image = nibabel.Nifti1Image(voxels.T, at)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return path


def dicom(
    folder: Path,
    voxels: NDArray[Any],
    series: str = "1.2.3.4",
    description: str = "axial",
    slope: float = 1.0,
    intercept: float = 0.0,
    tilt: float = 0.0,
) -> list[Path]:
    """Write one file a slice, named against their order; position and spacing as `affine` has them (LPS).

    `tilt` moves each slice by so many mm along y.
    """
    folder.mkdir(parents=True, exist_ok=True)
    z, y, x = SPACING
    written = []
    for index, plane in enumerate(voxels):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"{series}.{index + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{series[-1]}_{len(voxels) - index:03d}.dcm"
        data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"{series}.{index + 1}"
        data.SeriesInstanceUID, data.SeriesDescription = series, description
        data.StudyInstanceUID, data.FrameOfReferenceUID = "1.2.3", "1.2.3.9"
        data.Modality, data.PatientID, data.PatientName = "CT", "p", "Phantom^"
        data.PatientBirthDate, data.PatientSex, data.StudyID = "", "", "1"
        data.StudyDate = data.StudyTime = data.AccessionNumber = data.ReferringPhysicianName = ""
        data.SeriesNumber, data.InstanceNumber = 1, index + 1
        data.Rows, data.Columns = plane.shape
        data.PixelSpacing, data.SliceThickness = [y, x], z
        # RAS (-x, y, z) is LPS (x, -y, z): rows run to the right there, columns to the front.
        data.ImageOrientationPatient = [1, 0, 0, 0, -1, 0]
        data.ImagePositionPatient = [-10.0, 20.0 - tilt * index, 30.0 - z * index]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        data.PixelData = plane.astype("<i2").tobytes()
        data.save_as(path)
        written.append(path)
    return written


def changed(path: Path, **tags: Any) -> None:
    """Write a DICOM file again with other values of some tags."""
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path)
