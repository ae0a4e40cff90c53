"""DICOM SEG: segments at the places of the slices, read back with pydicom and highdicom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import phantoms
import pydicom
import pytest

from cuecast.core.errors import OutputError
from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Volume, check_labels, open_volume, output_suffix, write_labels

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


TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyID", "ReferringPhysicianName", "SliceThickness",
)  # fmt: skip


def made(folder: Path, change: Callable[[Any], None], classes: tuple[ClassInfo, ...] = CLASSES) -> Any:
    """The DICOM SEG of a series of which every header was changed, checked first."""
    for path in phantoms.dicom(folder / "ct", phantoms.values()):
        data = pydicom.dcmread(path)
        change(data)
        data.save_as(path)
    volume = open_volume(folder / "ct")
    check_labels(volume, classes, "dicom-seg")
    return pydicom.dcmread(write_labels(folder / "seg.dcm", labels(), volume, classes, "dicom-seg"))


@pytest.mark.parametrize(
    "tag", [*TYPE_2, "Modality", "FrameOfReferenceUID", "SeriesNumber", "InstanceNumber"]
)
@pytest.mark.parametrize("empty", [False, True])
def test_what_may_be_empty_may_be_missing(tmp_path: Path, tag: str, empty: bool) -> None:
    def change(data: Any) -> None:
        if empty:
            setattr(data, tag, None)
        else:
            del data[tag]

    data = made(tmp_path, change)
    if tag in TYPE_2[:-1]:
        assert data[tag].is_empty
    assert data.FrameOfReferenceUID


def test_a_series_without_all_of_them_is_segmented(cases: Path, tmp_path: Path) -> None:
    for name in ("full", "no_study_id"):
        volume = open_volume(cases / "vol_dicomseg_missing_tags" / name)
        check_labels(volume, CLASSES, "dicom-seg")
        found = np.zeros(volume.size, np.uint8)
        found[5, 3:6, 4:9] = 1
        path = write_labels(tmp_path / f"{name}.dcm", found, volume, CLASSES, "dicom-seg")
        read = highdicom.seg.segread(path)
        uids = [pydicom.dcmread(p).SOPInstanceUID for p in volume.header]
        planes = read.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
        assert (planes[..., 0] == found).all()


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("PatientSex", "X"),
        ("PatientBirthDate", "1950"),
        ("StudyDate", "20201350"),
        ("StudyTime", "12:00:00"),
        ("Modality", "ct scan"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_the_standard_does_not_know_is_left_out(tmp_path: Path, tag: str, value: str) -> None:
    data = made(tmp_path, lambda d: d.add_new(tag, pydicom.datadict.dictionary_VR(tag), value))
    assert data[tag].value == "SEG" if tag == "Modality" else data[tag].is_empty


@pytest.mark.parametrize("tag", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_what_must_be_there_is_named_before_the_work(tmp_path: Path, tag: str) -> None:
    for path in phantoms.dicom(tmp_path / "ct", phantoms.values()):
        data = pydicom.dcmread(path)
        del data[tag]
        data.save_as(path, enforce_file_format=False)
    with pytest.raises(OutputError, match=rf"_006\.dcm: states no {tag}.*choose nifti"):
        check_labels(open_volume(tmp_path / "ct"), CLASSES, "dicom-seg")


def test_slices_that_have_one_name_are_named_before_the_work(tmp_path: Path) -> None:
    for path in phantoms.dicom(tmp_path / "ct", phantoms.values()):
        phantoms.changed(path, SOPInstanceUID="1.2.3.4.1")
    with pytest.raises(OutputError, match="5 of its slices have the SOPInstanceUID of another"):
        check_labels(open_volume(tmp_path / "ct"), CLASSES, "dicom-seg")


def test_names_of_any_length_and_script_become_labels(tmp_path: Path) -> None:
    long = "left lower lobe " * 5
    classes = (ClassInfo(1, "肝臓 é"), ClassInfo(2, long.strip()), ClassInfo(3, "a\\b"))
    found = made(tmp_path, lambda d: setattr(d, "PatientName", "Müller^Jörg"), classes)
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert found.PatientName == "Müller^Jörg"
    first, second = found.SegmentSequence
    assert first.SegmentLabel == "肝臓 é"
    assert second.SegmentLabel == long[:61] + "..."
    assert second.SegmentDescription == long.strip()


def test_what_the_library_refuses_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values())

    def refuse(**_: Any) -> None:
        raise KeyError("Laterality")

    monkeypatch.setattr(highdicom.seg, "Segmentation", refuse)
    with pytest.raises(
        OutputError, match=r"no DICOM SEG can be made of this series.*Laterality.*choose nifti"
    ):
        check_labels(open_volume(tmp_path / "ct"), CLASSES, "dicom-seg")
