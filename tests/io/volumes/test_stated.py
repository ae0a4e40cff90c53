"""Headers that state what cannot be: a clear refusal, before anything is allocated for it."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import phantoms
import pydicom
import pytest
import tifffile

from cuecast.core.errors import ImageError
from cuecast.io.volumes import open_volume, reading
from cuecast.io.volumes.reading import DEFLATED, check_stated

VOXELS = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
NIFTI1 = {
    "dim": (40, "<h"),
    "datatype": (70, "<h"),
    "offset": (108, "<f"),
    "units": (123, "B"),
    "inter": (116, "<f"),
}
NIFTI2 = {"dim": (16, "<q"), "offset": (168, "<q")}


def nifti(folder: Path, packed: bool, kind: int = 1, **changes: Any) -> Path:
    """A NIfTI file with some fields of its header changed; dim: {which: value}."""
    made = (nibabel.Nifti1Image if kind == 1 else nibabel.Nifti2Image)(VOXELS.T, np.diag([1, 2, 3, 1]))
    made.to_filename(folder / "whole.nii")
    data, fields = bytearray((folder / "whole.nii").read_bytes()), NIFTI1 if kind == 1 else NIFTI2
    for name, value in changes.items():
        at, form = fields[name]
        for which, n in value.items() if isinstance(value, dict) else [(0, value)]:
            struct.pack_into(form, data, at + which * struct.calcsize(form), n)
    path = folder / ("a.nii.gz" if packed else "a.nii")
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def told(path: Path, words: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=words):
            open_volume(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("value", [0, -1, -32768])
@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("kind", [1, 2])
def test_sides_of_nothing_are_refused(tmp_path: Path, packed: bool, value: int, axis: int, kind: int) -> None:
    told(
        nifti(tmp_path, packed, kind, dim={axis: value}),
        "a size of .* voxels, which is none",
    )


@pytest.mark.parametrize("packed", [False, True])
def test_more_than_a_file_can_hold_is_refused(tmp_path: Path, packed: bool) -> None:
    told(nifti(tmp_path, packed, dim={1: 32767, 2: 32767, 3: 32767}), "states 32767 x 32767 x 32767 voxels")
    told(nifti(tmp_path, packed, dim={0: 7, **dict.fromkeys(range(1, 8), 32767)}), "damaged or cut short")
    told(nifti(tmp_path, packed, 2, dim={1: 2**31, 2: 2**31, 3: 2**31}), "states 2147483648 x")
    told(nifti(tmp_path, packed, 2, dim={1: 2**62}), "states 4611686018427387904 x")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "changes",
    [{"dim": {0: -1}}, {"dim": {0: 32767}}, {"datatype": 0}, {"datatype": 1}, {"datatype": 9999},
     {"offset": -5.0}, {"offset": 1e30}, {"offset": float("inf")}, {"offset": float("nan")}, {"inter": float("nan")}],
)  # fmt: skip
def test_other_fields_that_cannot_be_are_refused(
    tmp_path: Path, packed: bool, changes: dict[str, Any]
) -> None:
    told(nifti(tmp_path, packed, **changes), "a.nii")


def test_a_unit_that_is_none_is_taken_for_mm(tmp_path: Path) -> None:
    assert open_volume(nifti(tmp_path, False, units=255)).spacing == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize(
    "sizes",
    ["0 4 5", "3 0 5", "-3 4 5", "-3 -4 5", "999999999 999999999 999999999"],
)
def test_nrrd_sizes_that_cannot_be_are_refused(tmp_path: Path, encoding: str, sizes: str) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS, {"encoding": encoding}, index_order="C")
    data = (tmp_path / "a.nrrd").read_bytes()
    (tmp_path / "b.nrrd").write_bytes(data.replace(b"sizes: 3 4 5", f"sizes: {sizes}".encode()))
    told(tmp_path / "b.nrrd", r"b\.nrrd")


def test_packed_nrrd_is_unpacked_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "IN_MEMORY", 1000)
    long = np.zeros((40, 200, 300), np.int16)
    long[39, 199, 299] = 7
    for encoding in ("gzip", "bzip2"):
        nrrd.write(str(tmp_path / f"{encoding}.nrrd"), long, {"encoding": encoding}, index_order="C")
        tracemalloc.start()
        volume = open_volume(tmp_path / f"{encoding}.nrrd")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (volume.voxels == long).all()
        assert peak < long.nbytes / 2


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize(("tag", "value"), [(256, 0), (256, 1), (256, 2**32 - 1), (257, 0), (257, 2**32 - 1),
                                            (258, 0), (259, 9999)])  # fmt: skip
def test_tiff_stacks_that_cannot_be_are_refused(
    tmp_path: Path, compression: str | None, tag: int, value: int
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOXELS.astype(np.uint16), compression=compression, photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        for page in tif.pages:
            page.tags[tag].overwrite(value)
    told(path, r"a\.tif")


def test_a_damaged_page_of_a_packed_stack_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOXELS.astype(np.uint16), compression="deflate", photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[3].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[at + 2 : at + 8] = b"\xff" * 6
    path.write_bytes(data)
    told(path, r"a\.tif: the TIFF is damaged or cut short")


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        ("PixelSpacing", [1], "states 1 values as its PixelSpacing, expected 2"),
        ("PixelSpacing", [0, 1], "is not above 0"),
        ("PixelSpacing", [-1, 1], "is not above 0"),
        ("ImagePositionPatient", [1, 2], "states 2 values as its ImagePositionPatient, expected 3"),
        ("ImageOrientationPatient", [1, 0, 0], "states 3 values as its ImageOrientationPatient, expected 6"),
        ("Rows", 0, "damaged or cut short"),
    ],
)
def test_dicom_headers_that_cannot_be_are_refused(tmp_path: Path, tag: str, value: Any, words: str) -> None:
    for path in phantoms.dicom(tmp_path / "ct", phantoms.values()):
        phantoms.changed(path, **{tag: value})
    told(tmp_path / "ct", words)


def test_a_series_that_states_no_columns_is_refused(tmp_path: Path) -> None:
    for path in phantoms.dicom(tmp_path / "ct", phantoms.values()):
        data = pydicom.dcmread(path)
        del data.Columns
        data.save_as(path)
    told(tmp_path / "ct", "damaged or cut short")


def test_the_limit_of_packed_files_is_that_of_deflate(tmp_path: Path) -> None:
    check_stated((DEFLATED, 10), 1, 10, DEFLATED)
    with pytest.raises(ValueError, match="and holds 10 bytes, packed"):
        check_stated((DEFLATED, 11), 1, 10, DEFLATED)
    zeros = np.zeros((40, 512, 512), np.uint8)  # as well packed as can be
    nibabel.Nifti1Image(zeros.T, np.eye(4)).to_filename(tmp_path / "empty.nii.gz")
    assert open_volume(tmp_path / "empty.nii.gz").size == zeros.shape
