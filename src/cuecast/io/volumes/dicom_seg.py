"""DICOM SEG through highdicom: labels as a segmentation object that refers to the slices of its series."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast import __version__
from cuecast.errors import OutputError
from cuecast.io.files import replacing
from cuecast.io.volumes.scratch import library
from cuecast.io.volumes.volume import Volume
from cuecast.types import ClassInfo

SERIES_NUMBER = 900
"""Series number of the segmentation: above those of the scanners, so that it comes last in a viewer's list."""


def write_segmentation(
    path: Path, labels: NDArray[Any], volume: Volume, classes: Sequence[ClassInfo]
) -> Path:
    """Labels (Z, Y, X) of a volume that was read from DICOM, one binary segment a class; whole or not at all.

    The segments are coded as 'Tissue' (SNOMED CT 85756007): what a class is called is its label. The same labels give
    the same UIDs. Raises OutputError where nothing is marked.
    """
    present = [c for c in classes if bool((labels == c.id).any())]
    if not present:
        raise OutputError(f"{path}: nothing is marked, and a DICOM SEG cannot be empty; choose nifti")
    highdicom = library("highdicom", "dicom-seg", "writing DICOM SEG")
    pydicom = library("pydicom", "volumes", "writing DICOM SEG")
    source = [pydicom.dcmread(p) for p in volume.header]
    planes = np.stack([labels == c.id for c in present], axis=-1).astype(np.uint8)
    uids = _uids(pydicom, source[0], planes)
    segmentation = highdicom.seg.Segmentation(
        source_images=source,
        pixel_array=planes,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(highdicom, n, c) for n, c in enumerate(present, start=1)],
        series_instance_uid=next(uids),
        series_number=SERIES_NUMBER,
        sop_instance_uid=next(uids),
        instance_number=1,
        manufacturer="cuecast",
        manufacturer_model_name="cuecast",
        software_versions=__version__,
        device_serial_number="0",
    )
    with replacing(path) as temporary:
        segmentation.save_as(temporary)
    return path


def _described(highdicom: Any, number: int, info: ClassInfo) -> Any:
    """What the object says of one class."""
    codes = library("pydicom.sr.codedict", "volumes", "writing DICOM SEG").codes
    how = highdicom.AlgorithmIdentificationSequence("cuecast", codes.DCM.ArtificialIntelligence, __version__)
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=info.name,
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=how,
        tracking_uid=None,
        tracking_id=None,
    )


def _uids(pydicom: Any, header: Any, planes: NDArray[np.uint8]) -> Any:
    """UIDs that depend on the series and the labels alone."""
    digest = hashlib.sha256(np.ascontiguousarray(planes).data).hexdigest()
    for number in itertools.count():
        yield pydicom.uid.generate_uid(entropy_srcs=[str(header.SeriesInstanceUID), digest, str(number)])
