"""A DICOM series: slices in the order of their places, values rescaled, and everything that makes no block refused."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import phantoms
import pydicom
import pytest
from pydicom.uid import JPEGLosslessSV1, RLELossless

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Reading, open_volume, write_labels


def expected_affine() -> np.ndarray:
    """That of `phantoms.affine`, with z running down: the normal of the slices points to the feet."""
    at = phantoms.affine()
    at[2, 2] *= -1
    return at


def test_slices_are_sorted_by_their_place(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values(), slope=1, intercept=-1024)
    volume = open_volume(tmp_path / "ct")
    assert volume.name == "ct"
    assert (volume.voxels == phantoms.values()).all()
    assert volume.spacing == pytest.approx(phantoms.SPACING)
    assert volume.affine == pytest.approx(expected_affine())
    assert volume.values("z", 2)[2, 3] == phantoms.THING - 1024
    assert volume.values("z", 2).dtype == np.float32


def test_slices_with_slopes_of_their_own_are_rescaled_one_by_one(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "pet", phantoms.values())
    phantoms.changed(files[3], RescaleSlope=0.5, RescaleIntercept=7)
    volume = open_volume(tmp_path / "pet")
    assert (volume.slope, volume.intercept) == (1.0, 0.0)
    assert (volume.voxels[2] == phantoms.values()[2]).all()
    assert (volume.voxels[3] == phantoms.values()[3] * 0.5 + 7).all()


def test_a_file_of_a_series_stands_for_it(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    phantoms.dicom(tmp_path / "ct", phantoms.values() + 1, series="1.2.3.5")
    assert (open_volume(files[0]).voxels == phantoms.values()).all()


def test_slices_that_state_no_series_are_one(tmp_path: Path) -> None:
    for file in (files := phantoms.dicom(tmp_path / "ct", phantoms.values())):
        phantoms.changed(file, SeriesInstanceUID=None)
    assert (open_volume(tmp_path / "ct").voxels == phantoms.values()).all()
    assert (open_volume(files[0]).voxels == phantoms.values()).all()
    phantoms.dicom(tmp_path / "ct", phantoms.values(), series="1.2.99")
    with pytest.raises(ImageError, match=r"it holds several series; choose .* 1\.2\.99 .*; without UID"):
        open_volume(tmp_path / "ct")
    assert (open_volume(tmp_path / "ct", Reading(series="without UID")).voxels == phantoms.values()).all()


def test_two_series_are_named_and_one_is_chosen(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values())
    phantoms.dicom(tmp_path / "ct", phantoms.values() + 1, series="1.2.3.5", description="lung")
    with pytest.raises(
        ImageError, match=r"several series.*--series.*1\.2\.3\.4 \(CT 'axial', 6 files\).*'lung'"
    ):
        open_volume(tmp_path / "ct")
    for wanted in ("1.2.3.5", "3.5", "lung"):
        assert open_volume(tmp_path / "ct", Reading(series=wanted)).voxels[0, 0, 0] == phantoms.REST + 1
    with pytest.raises(ImageError, match="0 of its series are called 'bone'"):
        open_volume(tmp_path / "ct", Reading(series="bone"))


def test_a_missing_slice_is_named(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    files[2].unlink()
    with pytest.raises(
        ImageError, match=r"1 slice is missing between 4_005\.dcm and 4_003\.dcm \(4 mm apart.* 2 mm"
    ):
        open_volume(tmp_path / "ct")


def test_slices_at_one_place_are_named(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    (files[0].parent / "copy.dcm").write_bytes(files[3].read_bytes())
    with pytest.raises(ImageError, match=r"(4_003\.dcm and copy|copy\.dcm and 4_003).*lie at the same place"):
        open_volume(tmp_path / "ct")


def test_uneven_distances_are_refused(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    phantoms.changed(files[5], ImagePositionPatient=[-10.0, 20.0, 30.0 - 2 * 5 - 0.7])
    with pytest.raises(ImageError, match=r"are 2\.7 mm apart, the others 2 mm"):
        open_volume(tmp_path / "ct")


def test_a_turned_slice_is_refused(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    phantoms.changed(files[1], ImageOrientationPatient=[0, 1, 0, 1, 0, 0])
    with pytest.raises(ImageError, match="differs in size, pixel spacing or orientation"):
        open_volume(tmp_path / "ct")


def test_a_slice_without_place_is_refused(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    data = pydicom.dcmread(files[1])
    del data.ImagePositionPatient
    data.save_as(files[1])
    with pytest.raises(ImageError, match="states no ImagePositionPatient"):
        open_volume(tmp_path / "ct")


def test_a_tilted_gantry_shears_the_affine(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values(), tilt=0.5)
    volume = open_volume(tmp_path / "ct")
    sheared = expected_affine()
    sheared[1, 2] = 0.5
    assert volume.affine == pytest.approx(sheared)
    assert volume.voxel_ml == pytest.approx(0.001)  # a sheared box holds as much as an upright one


def test_labels_of_a_series_are_nifti_at_its_place(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values())
    labels = phantoms.truth().astype(np.uint8)
    volume = open_volume(tmp_path / "ct")
    write_labels(tmp_path / "out.nii.gz", labels, volume, (ClassInfo(1, "thing"),), "nifti")
    written = nibabel.load(tmp_path / "out.nii.gz")
    assert written.affine == pytest.approx(expected_affine())
    assert (labels == np.asarray(written.dataobj).T).all()


def test_lossless_compression_that_needs_nothing_is_read(tmp_path: Path) -> None:
    for path in phantoms.dicom(tmp_path / "ct", phantoms.values()):
        data = pydicom.dcmread(path)
        data.compress(RLELossless, generate_instance_uid=False)
        data.save_as(path)
    assert (open_volume(tmp_path / "ct").voxels == phantoms.values()).all()


def test_a_compression_that_nothing_reads_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    for path in files:
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.save_as(path)
    monkeypatch.setattr(pydicom.pixels.get_decoder(JPEGLosslessSV1), "_available", {})
    with pytest.raises(MissingExtraError, match=r"JPEG Lossless.*python-gdcm.*cuecast\[dicom-jpeg\]"):
        open_volume(tmp_path / "ct")


def test_a_slice_cut_short_is_named(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    files[4].write_bytes(files[4].read_bytes()[:-40])
    with pytest.raises(ImageError, match=rf"{files[4].name}: .*damaged or cut short"):
        open_volume(tmp_path / "ct")


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ImageError, match="holds no DICOM pictures"):
        open_volume(tmp_path)


def test_a_first_slice_alone_among_copies_is_named(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values()[:3])
    for path in files[1:]:
        for n in (1, 2):
            (path.parent / f"copy{n}_{path.name}").write_bytes(path.read_bytes())
    with pytest.raises(ImageError, match="lie at the same place"):
        open_volume(tmp_path / "ct")


def test_an_empty_slope_is_none(tmp_path: Path) -> None:
    for path in phantoms.dicom(tmp_path / "ct", phantoms.values()):
        phantoms.changed(path, RescaleSlope=None, RescaleIntercept=None)
    volume = open_volume(tmp_path / "ct")
    assert (volume.slope, volume.intercept) == (1.0, 0.0)


def test_a_file_beside_a_series_does_not_stand_for_it(tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "ct", phantoms.values())
    (tmp_path / "ct/README").write_text("about the series")
    with pytest.raises(ImageError, match="README: is no DICOM picture"):
        open_volume(tmp_path / "ct/README")


def test_a_destroyed_slice_is_named_and_notes_are_passed_over(tmp_path: Path) -> None:
    files = phantoms.dicom(tmp_path / "ct", phantoms.values())
    (tmp_path / "ct/notes.txt").write_text("about the series")
    assert open_volume(tmp_path / "ct").size[0] == len(files)
    files[-1].write_bytes(b"\x00" * 300)  # at an end no gap would tell
    with pytest.raises(ImageError, match=rf"{files[-1].name}: is no DICOM file"):
        open_volume(tmp_path / "ct")
