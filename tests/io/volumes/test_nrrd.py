"""NRRD in and out, with and without a place in a patient."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import nrrd
import numpy as np
import phantoms
import pytest

from cuecast.core.errors import ImageError
from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Reading, open_volume, write_labels
from cuecast.io.volumes.reading import SeveralVolumesError

THING = (ClassInfo(1, "thing"),)
LPS = np.diag([-1.0, -1.0, 1.0])


def placed(path: Path, encoding: str = "gzip", **more: object) -> Path:
    """The phantom at `phantoms.affine`, as 3D Slicer writes it."""
    at = LPS @ phantoms.affine()[:3]
    header = {
        "space": "left-posterior-superior",
        "space directions": at[:, :3].T,
        "space origin": at[:, 3],
        "kinds": ["domain"] * 3,
        "encoding": encoding,
        **more,
    }
    nrrd.write(str(path), phantoms.values(), header, index_order="C")
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_voxels_and_place(tmp_path: Path, encoding: str) -> None:
    volume = open_volume(placed(tmp_path / "ct.nrrd", encoding))
    assert (volume.voxels == phantoms.values()).all()
    assert isinstance(volume.voxels, np.memmap) == (encoding == "raw")
    assert volume.spacing == phantoms.SPACING
    assert volume.affine == pytest.approx(phantoms.affine())
    assert volume.notes == ()


def test_a_detached_header(tmp_path: Path) -> None:
    volume = open_volume(placed(tmp_path / "ct.nhdr", "raw"))
    assert (volume.voxels == phantoms.values()).all()


def test_labels_keep_the_geometry(tmp_path: Path) -> None:
    source = placed(tmp_path / "ct.nrrd")
    labels = phantoms.truth().astype(np.uint8)
    write_labels(tmp_path / "out.nrrd", labels, open_volume(source), THING, "nrrd")
    before = nrrd.read_header(str(source))
    data, after = nrrd.read(str(tmp_path / "out.nrrd"), index_order="C")
    assert (data == labels).all()
    assert data.dtype == np.uint8
    for name in ("space directions", "space origin"):
        assert (before[name] == after[name]).all()
    assert before["space"] == after["space"]


def test_nifti_becomes_nrrd_at_the_same_place(tmp_path: Path) -> None:
    volume = open_volume(phantoms.nifti(tmp_path / "ct.nii", phantoms.values(), phantoms.affine()))
    write_labels(tmp_path / "out.nrrd", phantoms.truth().astype(np.uint8), volume, THING, "nrrd")
    assert open_volume(tmp_path / "out.nrrd").affine == pytest.approx(phantoms.affine())


def test_without_a_patient_space_it_has_spacing_alone(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), phantoms.values(), {"spacings": [0.5, 1.0, 2.0]}, index_order="C")
    volume = open_volume(tmp_path / "a.nrrd")
    assert volume.affine is None
    assert volume.spacing == phantoms.SPACING
    assert "no patient space" in volume.notes[0]
    stated = open_volume(tmp_path / "a.nrrd", Reading(spacing=(4, 3, 2)))
    for given, spacing in ((volume, phantoms.SPACING), (stated, (4, 3, 2))):
        write_labels(tmp_path / "out.nrrd", phantoms.truth().astype(np.uint8), given, THING, "nrrd")
        assert open_volume(tmp_path / "out.nrrd").spacing == spacing


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_a_file_cut_short_is_named(tmp_path: Path, encoding: str) -> None:
    source = placed(tmp_path / "ct.nrrd", encoding)
    source.write_bytes(source.read_bytes()[:-30])
    with pytest.raises(ImageError, match=r"ct\.nrrd: the NRRD file is damaged or cut short"):
        open_volume(source)


def test_what_is_no_nrrd_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"something else")
    with pytest.raises(ImageError, match="damaged"):
        open_volume(tmp_path / "a.nrrd")


def test_no_more_is_unpacked_than_the_header_states(tmp_path: Path) -> None:
    header = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: gzip\n\n"
    bomb = tmp_path / "bomb.nrrd"
    bomb.write_bytes(header + gzip.compress(bytes(range(8)) + bytes(64 * 2**20)))
    tracemalloc.start()
    voxels = open_volume(bomb).voxels
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert voxels.ravel().tolist() == list(range(8))
    assert peak < 8 * 2**20


def test_packed_voxels_that_are_too_few_are_named(tmp_path: Path) -> None:
    header = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: gzip\n\n"
    (tmp_path / "short.nrrd").write_bytes(header + gzip.compress(bytes(7)))
    with pytest.raises(ImageError, match="1 of 2 slices are there"):
        open_volume(tmp_path / "short.nrrd")


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize(("axis", "kind"), [(0, "vector"), (3, "list")])
def test_one_channel_of_several_is_chosen(tmp_path: Path, encoding: str, axis: int, kind: str) -> None:
    """3D Slicer writes sequences with their axis first, others last; `axis` counts as the file does."""
    at = LPS @ phantoms.affine()[:3]
    header = {
        "space": "left-posterior-superior",
        "space directions": np.insert(at[:, :3].T, axis, np.nan, axis=0),
        "space origin": at[:, 3],
        "kinds": np.insert(np.array(["domain"] * 3, object), axis, kind).tolist(),
        "encoding": encoding,
    }
    several = np.stack([phantoms.values(), 2 * phantoms.values()], axis=3 - axis)
    nrrd.write(str(tmp_path / "a.nrrd"), several, header, index_order="C")
    with pytest.raises(SeveralVolumesError, match="holds 2 volumes"):
        open_volume(tmp_path / "a.nrrd")
    volume = open_volume(tmp_path / "a.nrrd", Reading(channel=1))
    assert (volume.voxels == 2 * phantoms.values()).all()
    assert isinstance(volume.voxels, np.memmap) == (encoding == "raw")
    assert volume.affine == pytest.approx(phantoms.affine())
    write_labels(tmp_path / "out.nrrd", phantoms.truth().astype(np.uint8), volume, THING, "nrrd")
    labels = open_volume(tmp_path / "out.nrrd")
    assert (labels.voxels == phantoms.truth()).all()
    assert labels.affine == pytest.approx(phantoms.affine())


def test_channels_without_a_place(tmp_path: Path) -> None:
    several = np.stack([phantoms.values(), 2 * phantoms.values()], axis=3)
    header = {"spacings": [np.nan, 0.5, 1.0, 2.0], "kinds": ["list", "space", "space", "space"]}
    nrrd.write(str(tmp_path / "a.nrrd"), several, header, index_order="C")
    volume = open_volume(tmp_path / "a.nrrd", Reading(channel=0))
    assert (volume.voxels == phantoms.values()).all()
    assert volume.spacing == phantoms.SPACING


def test_four_axes_that_are_not_told_apart_are_refused(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((2, 6, 8, 10), np.uint8), index_order="C")
    with pytest.raises(ImageError, match="holds 4 axes"):
        open_volume(tmp_path / "a.nrrd", Reading(channel=0))
