"""NIfTI in and out: voxels as they lie in the file, the geometry to the bit, damaged files named."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import phantoms
import pytest

from cuecast.core.errors import ImageError
from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Reading, open_volume, write_labels

THING = (ClassInfo(1, "thing"),)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_voxels_spacing_and_place(tmp_path: Path, name: str) -> None:
    volume = open_volume(phantoms.nifti(tmp_path / name, phantoms.values(), phantoms.affine()))
    assert volume.name == "ct"
    assert volume.size == phantoms.SIZE
    assert (volume.voxels == phantoms.values()).all()
    assert volume.spacing == phantoms.SPACING
    assert volume.affine is not None
    assert (volume.affine == phantoms.affine()).all()
    assert volume.voxel_ml == pytest.approx(0.001)
    assert volume.notes == ()


def test_an_uncompressed_file_stays_on_disk(tmp_path: Path) -> None:
    volume = open_volume(phantoms.nifti(tmp_path / "ct.nii", phantoms.values(), phantoms.affine()))
    assert isinstance(volume.voxels, np.memmap)


def test_slope_and_intercept_are_applied_to_slices(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(phantoms.values().T, phantoms.affine())
    image.header.set_slope_inter(2, -100)
    image.to_filename(tmp_path / "ct.nii")
    with open(
        tmp_path / "ct.nii", "r+b"
    ) as stream:  # nibabel rescales what it writes: the header is set by hand
        stream.seek(112)
        stream.write(np.array([2, -100], "<f4").tobytes())
    volume = open_volume(tmp_path / "ct.nii")
    stored = np.asarray(volume.voxels)
    assert (volume.slope, volume.intercept) == (2.0, -100.0)
    assert (volume.values("z", 2) == stored[2] * 2.0 - 100).all()
    assert volume.values("y", 3).shape == (6, 10)
    assert (volume.values("x", 4) == stored[:, :, 4] * 2.0 - 100).all()


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_labels_have_the_geometry_of_their_volume_to_the_bit(tmp_path: Path, name: str) -> None:
    at = phantoms.affine()
    at[:3, :3] = at[:3, :3] @ np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    source = phantoms.nifti(tmp_path / name, phantoms.values(), at)
    labels = phantoms.truth().astype(np.uint8)
    write_labels(tmp_path / f"out_{name}", labels, open_volume(source), THING, "nifti")
    before, after = nibabel.load(source), nibabel.load(tmp_path / f"out_{name}")
    assert (before.affine == after.affine).all()
    assert before.header["sform_code"] == after.header["sform_code"]
    assert before.header["qform_code"] == after.header["qform_code"]
    assert before.header.get_zooms() == after.header.get_zooms()
    assert after.get_data_dtype() == np.uint8
    assert (labels == np.asarray(after.dataobj).T).all()


def test_the_same_labels_are_the_same_bytes(tmp_path: Path) -> None:
    volume = open_volume(phantoms.nifti(tmp_path / "ct.nii.gz", phantoms.values(), phantoms.affine()))
    labels = phantoms.truth().astype(np.uint16)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_labels(tmp_path / name, labels, volume, THING, "nifti")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_without_affine_it_works_in_voxels_and_says_so(tmp_path: Path) -> None:
    source = phantoms.nifti(tmp_path / "ct.nii", phantoms.values(), None)
    volume = open_volume(source)
    assert volume.affine is None
    assert volume.spacing is None
    assert volume.voxel_ml is None
    assert "has no affine" in volume.notes[0]
    stated = open_volume(source, Reading(spacing=(2, 1, 0.5)))
    assert stated.voxel_ml == pytest.approx(0.001)
    assert stated.notes == ()
    write_labels(tmp_path / "out.nii", phantoms.truth().astype(np.uint8), volume, THING, "nifti")
    header = nibabel.load(tmp_path / "out.nii").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)
    write_labels(tmp_path / "stated.nii", phantoms.truth().astype(np.uint8), stated, THING, "nifti")
    assert open_volume(tmp_path / "stated.nii").spacing == (2, 1, 0.5)


def test_micrometres_become_millimetres(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(phantoms.values().T, phantoms.affine())
    image.header.set_xyzt_units("micron")
    image.to_filename(tmp_path / "cells.nii")
    assert open_volume(tmp_path / "cells.nii").spacing == pytest.approx((0.002, 0.001, 0.0005))


def test_spacing_is_not_stated_twice(tmp_path: Path) -> None:
    source = phantoms.nifti(tmp_path / "ct.nii", phantoms.values(), phantoms.affine())
    with pytest.raises(ImageError, match=r"states its spacing.*leave --spacing out"):
        open_volume(source, Reading(spacing=(1, 1, 1)))


def test_one_time_of_several_is_chosen(tmp_path: Path) -> None:
    both = np.stack([phantoms.values(), phantoms.values() + 1])
    source = phantoms.nifti(tmp_path / "fmri.nii.gz", both, phantoms.affine())
    with pytest.raises(ImageError, match=r"holds 2 volumes.*--channel"):
        open_volume(source)
    with pytest.raises(ImageError, match="no channel 2, the file has 2"):
        open_volume(source, Reading(channel=2))
    assert (open_volume(source, Reading(channel=1)).voxels == both[1]).all()


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
@pytest.mark.parametrize("kept", [0.1, 0.6])
def test_a_file_cut_short_is_named(tmp_path: Path, name: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, phantoms.SIZE, np.int16)
    source = phantoms.nifti(tmp_path / name, noise, phantoms.affine())
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageError, match=rf"{name}: the NIfTI file is damaged or cut short"):
        open_volume(source)


def test_a_checksum_that_is_cut_off_or_wrong_is_seen(tmp_path: Path) -> None:
    source = phantoms.nifti(tmp_path / "ct.nii.gz", phantoms.values(), phantoms.affine())
    whole = source.read_bytes()
    for damaged in (whole[:-3], whole[:-8] + b"\0" * 4 + whole[-4:]):
        source.write_bytes(damaged)
        with pytest.raises(ImageError, match="damaged or cut short"):
            open_volume(source)


def test_what_is_no_volume_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        open_volume(tmp_path / "ct.nii")
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ImageError, match="no volume that is known by its suffix"):
        open_volume(tmp_path / "a.png")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(b"not NIfTI" * 100))
    with pytest.raises(ImageError, match="damaged"):
        open_volume(tmp_path / "b.nii.gz")


def test_a_suffix_in_capitals(tmp_path: Path) -> None:
    phantoms.nifti(tmp_path / "ct.nii.gz", phantoms.values(), phantoms.affine()).rename(
        tmp_path / "CT.NII.GZ"
    )
    volume = open_volume(tmp_path / "CT.NII.GZ")
    assert volume.name == "CT"
    assert (volume.voxels == phantoms.values()).all()


def test_without_affine_the_pixdim_is_the_spacing(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(phantoms.values().T, None)
    image.header.set_zooms((0.5, 1.0, 2.0))
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "ct.nii")
    volume = open_volume(tmp_path / "ct.nii")
    assert (volume.affine, volume.spacing) == (None, (2.0, 1.0, 0.5))
    assert "lengths are as its pixdim says" in volume.notes[0]
    assert open_volume(tmp_path / "ct.nii", Reading(spacing=(1, 1, 1))).spacing == (1, 1, 1)


def test_what_goes_on_and_on_behind_the_voxels_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checksum that is wrong is only seen where it is reached."""
    monkeypatch.setattr("cuecast.io.volumes.nifti.CHUNK", 1000)
    plain = phantoms.nifti(tmp_path / "a.nii", phantoms.values(), phantoms.affine()).read_bytes()
    for more, seen in ((500, True), (100_000, False)):
        path = tmp_path / f"{more}.nii.gz"
        noise = np.random.default_rng(0).integers(0, 256, more, np.uint8).tobytes()
        packed = bytearray(gzip.compress(plain + noise, 0))
        packed[-8] ^= 1
        path.write_bytes(packed)
        if seen:
            with pytest.raises(ImageError, match="damaged"):
                open_volume(path)
        else:
            assert np.array_equal(open_volume(path).voxels, phantoms.values())
