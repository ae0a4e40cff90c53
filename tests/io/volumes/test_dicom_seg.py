"""DICOM SEG: segments at the places of the slices, read back with pydicom and highdicom."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import phantoms
import pydicom
import pytest

from cuecast.errors import OutputError
from cuecast.io.volumes import Volume, open_volume, output_suffix, write_labels
from cuecast.types import ClassInfo

CLASSES = (ClassInfo(1, "liver"), ClassInfo(2, "spleen"), ClassInfo(3, "kidney"))


def labels() -> np.ndarray:
    """The block is class 1, its first layer class 2; of class 3 there is nothing."""
    found = phantoms.truth().astype(np.uint8)
    found[1][found[1] > 0] = 2
    return found


def test_segments_are_read_back(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values())
    path = write_labels(tmp_path / "seg.dcm", labels(), open_volume(tmp_path / "ct"), CLASSES, "dicom-seg")
    read = highdicom.seg.segread(path)
    assert [s.SegmentLabel for s in read.SegmentSequence] == ["liver", "spleen"]
    data = pydicom.dcmread(path)
    assert data.SOPClassUID == pydicom.uid.SegmentationStorage
    assert data.FrameOfReferenceUID == "1.2.3.9"
    uids = [f"1.2.3.4.{n}" for n in range(1, 7)]
    planes = read.get_pixels_by_source_instance(
        uids, combine_segments=True, assert_missing_frames_are_empty=True
    )
    assert (planes == labels()).all()


def test_the_same_labels_have_the_same_uids(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values())
    volume = open_volume(tmp_path / "ct")
    uids = {
        pydicom.dcmread(write_labels(tmp_path / name, labels(), volume, CLASSES, "dicom-seg")).SOPInstanceUID
        for name in ("a.dcm", "b.dcm")
    }
    assert len(uids) == 1


def test_what_is_not_from_dicom_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="refers to the slices of a DICOM series, and this is array"):
        output_suffix(Volume(phantoms.values()), "dicom-seg")
    phantoms.dicom(tmp_path / "ct", phantoms.values())
    with pytest.raises(OutputError, match="nothing is marked"):
        write_labels(tmp_path / "a.dcm", labels() * 0, open_volume(tmp_path / "ct"), CLASSES, "dicom-seg")
    assert not (tmp_path / "a.dcm").exists()
