"""Labels that lie at the same millimetres are the same labels, however a program has stored them."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel
import numpy as np
import phantoms
import pytest

from cuecast.core.errors import MaskError
from cuecast.io.volumes import Volume, open_volume
from cuecast.io.volumes.volume import on_grid_of

TURNS = [
    (order, flips)
    for order in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
]


@pytest.fixture
def scan() -> Volume:
    return Volume(phantoms.values(), "ct", affine=phantoms.affine(), spacing=phantoms.SPACING)


def labels(at: np.ndarray, voxels: np.ndarray | None = None) -> Volume:
    made = phantoms.truth().astype(np.uint8) if voxels is None else voxels
    return Volume(made, "labels", affine=at, path=Path("labels.nii"))


@pytest.mark.parametrize(("order", "flips"), TURNS)
def test_every_order_and_direction_of_the_axes_is_taken(
    scan: Volume, tmp_path: Path, order: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    image = nibabel.Nifti1Image(phantoms.truth().astype(np.uint8).T, phantoms.affine())
    turned = image.as_reoriented(np.column_stack([order, flips]))
    turned.to_filename(tmp_path / "turned.nii.gz")
    found = on_grid_of(open_volume(tmp_path / "turned.nii.gz"), scan)
    assert (found.voxels == phantoms.truth()).all()
    assert found.affine is scan.affine


def test_a_sheared_grid_is_turned_as_well() -> None:
    tilted = phantoms.affine()
    tilted[1, 2] = 0.4  # a gantry
    volume = Volume(phantoms.values(), "ct", affine=tilted)
    flip = np.eye(4)
    flip[1, 1], flip[1, 3] = -1, phantoms.SIZE[1] - 1
    found = on_grid_of(labels(tilted @ flip, phantoms.truth()[:, ::-1].astype(np.uint8)), volume)
    assert (found.voxels == phantoms.truth()).all()


def test_labels_of_other_programs_are_taken(cases: Path) -> None:
    folder = cases / "vol_dcm2niix_labels"
    for scan in (open_volume(folder / "ct.nii.gz"), open_volume(folder / "ct")):
        same, dcm2niix, canonical = (
            on_grid_of(open_volume(folder / f"{name}.nii.gz"), scan).voxels
            for name in ("same", "dcm2niix", "canonical_ras")
        )
        assert same.any()
        assert np.array_equal(dcm2niix, same)
        assert np.array_equal(canonical, same)


def test_rounded_headers_are_the_same_place(scan: Volume) -> None:
    rounded = phantoms.affine()
    rounded[0, 0] *= 1.001
    assert on_grid_of(labels(rounded), scan).voxels.any()


def refused(scan: Volume, given: Volume, words: str) -> None:
    with pytest.raises(
        MaskError, match=rf"labels\.nii: the labels lie elsewhere than ct: {words}.*resample them"
    ):
        on_grid_of(given, scan)


def test_what_would_need_resampling_is_refused_in_true_words(scan: Volume) -> None:
    moved = phantoms.affine()
    moved[2, 3] += 1.0  # half a slice
    refused(scan, labels(moved), r"they are shifted by 0 x 0 x 1 mm \(right, front, up\)")
    refused(
        scan, labels(phantoms.affine((2.0, 1.0, 1.0))), "their voxels are 1 x 1 x 2 mm and its 0.5 x 1 x 2 mm"
    )
    threshold = phantoms.truth()[:, :, 1:].astype(np.uint8)
    refused(
        scan,
        labels(phantoms.affine(), threshold),
        r"they have \(6, 8, 9\) voxels \(Z, Y, X\) and it has \(6, 8, 10\)",
    )
    middle = phantoms.affine()[:3] @ [4.5, 3.5, 2.5, 1]
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    turn = np.eye(4)
    turn[:2, :2] = [[c, -s], [s, c]]
    about = np.eye(4)
    about[:3, 3] = middle
    refused(scan, labels(about @ turn @ np.linalg.inv(about) @ phantoms.affine()), "their axes are turned")


def test_without_a_place_the_axes_are_taken_as_stored(scan: Volume) -> None:
    plain = Volume(phantoms.truth().astype(np.uint8), "labels", path=Path("labels.tif"))
    assert on_grid_of(plain, scan) is plain
    other = Volume(np.ones((6, 8, 9), np.uint8), "labels", path=Path("labels.tif"))
    with pytest.raises(MaskError, match="they must match"):
        on_grid_of(other, scan)
