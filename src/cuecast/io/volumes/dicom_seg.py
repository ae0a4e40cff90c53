"""DICOM SEG through highdicom: labels as a segmentation object that refers to the slices of its series.

Scanners, converters and anonymisers leave out tags, or fill them with what the standard does not know. What may be
empty is empty then; what must be there and is not is named by `check_labels`, before any work.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.values import ClassInfo
from cuecast.core.version import __version__
from cuecast.io.files import replacing
from cuecast.io.formats import library
from cuecast.io.volumes.volume import Volume

SERIES_NUMBER = 900
"""Series number of the segmentation: above those of the scanners, so that it comes last in a viewer's list."""

UNICODE = "ISO_IR 192"
"""Character set of all that is written: class names may be in any script."""
LABEL = 64
"""Letters that a segment's label may have."""

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
"""Tags that a reference to a slice is made of."""
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyID", "ReferringPhysicianName", "SliceThickness",
)  # fmt: skip
"""Tags that a segmentation must have and that may be empty."""
_REFUSED = (AttributeError, TypeError, ValueError, KeyError, IndexError, RuntimeError, NotImplementedError,
            OverflowError, sqlite3.Error)  # fmt: skip
"""What highdicom and pydicom raise where a header is not to their liking."""


def write_labels(path: Path, labels: NDArray[Any], volume: Volume, classes: Sequence[ClassInfo]) -> Path:
    """Labels (Z, Y, X) of a volume that was read from DICOM, one binary segment a class; whole or not at all.

    The segments are coded as 'Tissue' (SNOMED CT 85756007): what a class is called is its label, cut to 64 letters, and
    in full its description. The same labels give the same UIDs. Raises OutputError where nothing is marked, and what
    `check_labels` raises.
    """
    present = [c for c in classes if bool((labels == c.id).any())]
    if not present:
        raise OutputError("nothing is marked, and a DICOM SEG cannot be empty", path, "choose nifti")
    planes = np.stack([labels == c.id for c in present], axis=-1).astype(np.uint8)
    segmentation = _segmentation(_headers(volume), planes, present, volume)
    with replacing(path) as temporary:
        segmentation.save_as(temporary)
    return path


def check_labels(volume: Volume, classes: Sequence[ClassInfo]) -> None:
    """Raise OutputError where a DICOM SEG of this series and these classes could not be written.

    One is made and thrown away, in which each slice is a single voxel.
    """
    headers = _headers(volume)
    for header in headers:
        header.Rows = header.Columns = 1
    made = _segmentation(headers, np.ones((len(headers), 1, 1, len(classes)), np.uint8), classes, volume)
    _told(volume, lambda: made.save_as(io.BytesIO()))


def _segmentation(
    headers: Sequence[Any], planes: NDArray[np.uint8], classes: Sequence[ClassInfo], volume: Volume
) -> Any:
    """The object; planes (Z, Y, X, K) of 0 and 1, one a class. Raises OutputError."""
    highdicom = library("highdicom", "dicom-seg", "writing DICOM SEG")
    uids = _uids(library("pydicom", "volumes", "writing DICOM SEG"), headers[0], planes)
    return _told(
        volume,
        lambda: highdicom.seg.Segmentation(
            source_images=headers,
            pixel_array=planes,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_described(highdicom, n, c) for n, c in enumerate(classes, start=1)],
            series_instance_uid=next(uids),
            series_number=SERIES_NUMBER,
            sop_instance_uid=next(uids),
            instance_number=1,
            manufacturer="cuecast",
            manufacturer_model_name="cuecast",
            software_versions=__version__,
            device_serial_number="0",
            specific_character_set=UNICODE,
        ),
    )


def _told(volume: Volume, make: Callable[[], Any]) -> Any:
    """What `make` makes; what the libraries do not like as an OutputError."""
    try:
        return make()
    except _REFUSED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OutputError(
            f"no DICOM SEG can be made of this series ({reason})",
            volume.path,
            "choose nifti, or export the series again",
        ) from error


def _headers(volume: Volume) -> list[Any]:
    """The headers of the slices with all that a segmentation takes from them. Raises OutputError."""
    pydicom = library("pydicom", "volumes", "writing DICOM SEG")
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in volume.header]
    for path, header in zip(volume.header, headers, strict=True):
        for tag in _NEEDED:
            if not header.get(tag):
                raise OutputError(
                    f"states no {tag}, by which a DICOM SEG refers to its slices",
                    path,
                    "choose nifti, or export the series again",
                )
        for tag in _TYPE_2:
            if header.get(tag) is None or not _is_valid(tag, header.get(tag)):
                setattr(header, tag, None if tag == "SliceThickness" else "")
        if re.fullmatch(r"[A-Z0-9_ ]{1,12}", str(header.get("Modality") or "")) is None:
            header.Modality = "OT"
        if not header.get(
            "FrameOfReferenceUID"
        ):  # positions are stated, and all in one frame: that has no name yet
            seed = [str(header.SeriesInstanceUID), "frame of reference"]
            header.FrameOfReferenceUID = pydicom.uid.generate_uid(entropy_srcs=seed)
    same = len(headers) - len({str(h.SOPInstanceUID) for h in headers})
    if same:
        raise OutputError(
            f"{same} of its slices have the SOPInstanceUID of another, by which a DICOM SEG refers to them",
            volume.path,
            "choose nifti, or export the series again",
        )
    return headers


def _is_valid(tag: str, value: Any) -> bool:
    """Whether a value is one that its tag may have; empty is."""
    text = str(value).strip()
    if tag == "PatientSex":
        return text in ("", "M", "F", "O")
    if text and tag in ("PatientBirthDate", "StudyDate", "StudyTime"):
        valuerep = library("pydicom.valuerep", "volumes", "writing DICOM SEG")
        try:
            return bool((valuerep.TM if tag == "StudyTime" else valuerep.DA)(text))
        except ValueError:
            return False
    return True


def _described(highdicom: Any, number: int, info: ClassInfo) -> Any:
    """What the object says of one class."""
    codes = library("pydicom.sr.codedict", "volumes", "writing DICOM SEG").codes
    how = highdicom.AlgorithmIdentificationSequence("cuecast", codes.DCM.ArtificialIntelligence, __version__)
    # A backslash would part it in two values, a line end belongs to no label.
    name = " ".join(re.sub(r"[\\\x00-\x1f]", " ", info.name).split()) or f"class {info.id}"
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name if len(name) <= LABEL else f"{name[: LABEL - 3]}...",
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=how,
        tracking_uid=None,
        tracking_id=None,
    )
    if len(name) > LABEL:
        described.SegmentDescription = name[:1024]
    return described


def _uids(pydicom: Any, header: Any, planes: NDArray[np.uint8]) -> Any:
    """UIDs that depend on the series and the labels alone."""
    digest = hashlib.sha256(np.ascontiguousarray(planes).data).hexdigest()
    for number in itertools.count():
        yield pydicom.uid.generate_uid(entropy_srcs=[str(header.SeriesInstanceUID), digest, str(number)])
