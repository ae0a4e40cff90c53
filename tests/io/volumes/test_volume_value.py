"""The value type, its slices, and the one value window of a whole volume."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import phantoms
import pytest

from cuecast.core.errors import ImageError, MissingExtraError, OutputError
from cuecast.core.values import ClassInfo
from cuecast.io import formats
from cuecast.io.volumes import (
    Volume,
    grey,
    open_volume,
    output_suffix,
    reading,
    value_window,
    write_labels,
)


def test_a_slice_has_the_two_other_axes_in_order() -> None:
    volume = Volume(np.arange(2 * 3 * 4).reshape(2, 3, 4))
    assert volume.values("z", 1).tolist() == [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]
    assert volume.values("y", 1).tolist() == [[4, 5, 6, 7], [16, 17, 18, 19]]
    assert volume.values("x", 1).tolist() == [[1, 5, 9], [13, 17, 21]]


def test_voxels_cannot_be_changed_through_it() -> None:
    voxels = phantoms.values()
    volume = Volume(voxels)
    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 1
    voxels[0, 0, 0] = 7  # the caller's own array stays theirs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"voxels": np.zeros((3, 4))}, "expected voxels"),
        ({"voxels": np.zeros((3, 0, 4))}, "expected voxels"),
        ({"voxels": np.zeros((3, 3, 4), complex)}, "expected voxels"),
        ({"spacing": (1.0, 0.0, 1.0)}, "not above 0"),
        ({"affine": np.diag([1.0, 1.0, 0.0, 1.0])}, "flat"),
    ],
)
def test_what_makes_no_volume_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Volume(**{"voxels": phantoms.values(), **changes})


def test_the_volume_of_a_voxel() -> None:
    assert Volume(phantoms.values(), spacing=(2, 3, 4)).voxel_ml == pytest.approx(0.024)
    assert Volume(phantoms.values()).voxel_ml is None


def test_the_window_of_integers_is_exact() -> None:
    # 1,000 voxels 0 to 999: 0.5 % of them are 5 values, 99.5 % are 995.
    voxels = np.random.default_rng(0).permutation(1000).astype(np.int16).reshape(10, 10, 10)
    assert value_window(Volume(voxels)) == (4.0, 994.0)
    assert value_window(Volume(voxels, slope=2, intercept=-100)) == (-92.0, 1888.0)
    assert value_window(Volume(voxels, slope=-1)) == (-994.0, -4.0)


def test_the_window_of_floats_is_near(recwarn: pytest.WarningsRecorder) -> None:
    voxels = np.linspace(-1, 1, 1000, dtype=np.float32).reshape(10, 10, 10)
    voxels[0, 0, 5] = np.nan
    voxels[0, 0, 7] = np.inf
    assert value_window(Volume(voxels)) == pytest.approx((-0.99, 0.99), abs=0.003)
    assert not recwarn.list


@pytest.mark.parametrize("huge", [1e6, -1e30, 3e38])
def test_a_huge_value_does_not_widen_the_window_of_floats(huge: float) -> None:
    voxels = np.linspace(-1, 1, 1000, dtype=np.float32).reshape(10, 10, 10)
    voxels[3, 3, 3] = huge
    assert value_window(Volume(voxels)) == pytest.approx((-0.99, 0.99), abs=0.01)
    rare = np.zeros((10, 10, 10), np.float32)
    rare[0, 0, 0] = huge
    assert value_window(Volume(rare)) == pytest.approx(tuple(sorted((0.0, huge))))


def test_windows_that_need_no_percentiles() -> None:
    assert value_window(Volume(np.full((2, 2, 2), 7, np.uint8))) == (0.0, 255.0)
    assert value_window(Volume(np.ones((2, 2, 2), bool))) == (0.0, 1.0)
    rare = np.zeros((10, 10, 10), np.int16)
    rare[0, 0, 0] = 500  # one voxel in 1,000 differs: it is shown
    assert value_window(Volume(rare)) == (0.0, 500.0)
    with pytest.raises(ImageError, match="no finite voxel"):
        value_window(Volume(np.full((2, 2, 2), np.nan)))


def test_values_become_grey() -> None:
    values = np.array([[-5.0, 0.0, 60.0], [100.0, 500.0, np.nan]])
    assert grey(values, (0, 100))[..., 0].tolist() == [[0, 0, 153], [255, 255, 0]]
    assert grey(values, (0, 100)).shape == (2, 3, 3)


def test_a_large_array_lives_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "IN_MEMORY", 100)
    small, large = reading.scratch((10, 10), np.uint8), reading.scratch((10, 11), np.uint8)
    assert not isinstance(small, np.memmap)
    assert isinstance(large, np.memmap)
    assert not large.any()
    large[3] = 7
    assert large.sum() == 77


def test_a_full_disk_is_seen_before_writing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    monkeypatch.setattr(reading, "IN_MEMORY", 100)
    with pytest.raises(OutputError, match="set TMPDIR"):
        reading.scratch((100, 100), np.uint8)
    volume = Volume(np.zeros((10, 20, 30), np.int16))
    with pytest.raises(OutputError, match="free some, or choose another folder"):
        write_labels(
            tmp_path / "new/a.tif", np.zeros((10, 20, 30), np.uint8), volume, (ClassInfo(1, "a"),), "tiff"
        )
    assert not (tmp_path / "new").exists()


def test_a_missing_library_names_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"reading X needs no_such_library.*cuecast\[volumes\]"):
        formats.library("no_such_library.part", "volumes", "reading X")


def test_a_writer_that_is_not_installed_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    form = formats.format_named("volumes", "dicom-seg")
    assert form is not None
    lacking = replace(form, needs=("no_such_library", "dicom-seg"))
    monkeypatch.setitem(formats.FORMATS, "volumes", (lacking,))
    with pytest.raises(MissingExtraError, match=r"writing dicom-seg needs.*cuecast\[dicom-seg\]"):
        output_suffix(Volume(phantoms.values(), format="dicom"), "dicom-seg")


def test_formats_of_labels(tmp_path: Path) -> None:
    assert output_suffix(Volume(phantoms.values()), None) == ("nifti", ".nii.gz")
    plain = open_volume(phantoms.nifti(tmp_path / "a.nii", phantoms.values(), None))
    assert output_suffix(plain, None) == ("nifti", ".nii")
    assert output_suffix(plain, "nrrd") == ("nrrd", ".nrrd")
    assert output_suffix(Volume(phantoms.values(), format="dicom"), None) == ("nifti", ".nii.gz")
    with pytest.raises(OutputError, match="known are nifti, nrrd, tiff, dicom-seg"):
        output_suffix(plain, "mha")


@pytest.mark.parametrize(("kind", "suffix"), [("nifti", ".nii.gz"), ("nrrd", ".nrrd"), ("tiff", ".tif")])
def test_volumes_that_a_format_hardly_holds_are_written(tmp_path: Path, kind: str, suffix: str) -> None:
    """Longer than a NIfTI of the first version can state, or with voxels of a size that no TIFF states."""
    long = np.zeros((2, 2, 40000), np.uint8)
    long[1, 1, 39999] = 1
    volume = Volume(long, affine=np.eye(4), spacing=(1.0, 1.0, 1.0))
    assert (
        open_volume(write_labels(tmp_path / f"long{suffix}", long, volume, (), kind)).voxels == long
    ).all()
    small = np.stack([np.eye(3, 4, dtype=np.uint8)] * 2)
    volume = Volume(small, spacing=(1e-9, 1e9, 1e-12))
    assert (
        open_volume(write_labels(tmp_path / f"small{suffix}", small, volume, (), kind)).voxels == small
    ).all()


def test_what_a_library_raises_is_told_with_another_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise TypeError("no such code")

    monkeypatch.setattr("cuecast.io.volumes.nifti.write_labels", fail)
    volume = Volume(phantoms.values(), "ct")
    with pytest.raises(
        OutputError, match=r"cannot be written as nifti \(no such code\); choose another format"
    ):
        write_labels(tmp_path / "a.nii", np.zeros(phantoms.SIZE, np.uint8), volume, (), "nifti")
