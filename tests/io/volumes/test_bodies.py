"""Connected pieces in three dimensions, measured by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import phantoms
import pytest
from scipy import ndimage

from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Volume
from cuecast.io.volumes.bodies import COLUMNS, bodies, write_bodies_csv


def measured(labels: np.ndarray, **more: object) -> list:
    return list(bodies(labels, Volume(labels, **more)))


def test_the_block_by_hand() -> None:
    labels = phantoms.truth().astype(np.uint8)
    (block,) = measured(labels, spacing=phantoms.SPACING, affine=phantoms.affine())
    assert block.box == (3, 2, 1, 8, 5, 5)
    assert block.voxels == 60
    assert block.centroid == (5.0, 3.0, 2.5)
    assert block.millilitres == pytest.approx(0.06)
    # x 5 * -0.5 + 10, y 3 * 1 - 20, z 2.5 * 2 + 30
    assert block.place == pytest.approx((7.5, -17.0, 35.0))
    assert not block.touches_border


def test_pieces_join_across_slices_by_corners() -> None:
    labels = np.zeros((3, 4, 4), np.uint8)
    labels[0, 0, 0] = labels[1, 1, 1] = labels[2, 2, 2] = 1
    (diagonal,) = measured(labels)
    assert diagonal.voxels == 3
    assert diagonal.touches_border
    labels[1, 1, 1] = 0
    assert [b.voxels for b in measured(labels)] == [1, 1]


def test_two_arms_that_meet_later_are_one() -> None:
    labels = np.zeros((3, 3, 5), np.uint8)
    labels[0, 1, 0] = labels[0, 1, 4] = labels[1, 1, 0] = labels[1, 1, 4] = 1
    labels[2, 1, :] = 1
    assert [b.voxels for b in measured(labels)] == [9]


def test_classes_do_not_join() -> None:
    labels = np.zeros((2, 2, 2), np.uint8)
    labels[0], labels[1] = 2, 1
    assert [(b.cls, b.voxels) for b in measured(labels)] == [(2, 4), (1, 4)]


def test_noise_agrees_with_scipy() -> None:
    labels = (np.random.default_rng(3).random((9, 12, 14)) < 0.12).astype(np.uint8)
    expected, count = ndimage.label(labels, structure=np.ones((3, 3, 3)))
    found = measured(labels)
    assert sorted(b.voxels for b in found) == sorted(np.bincount(expected.ravel())[1:].tolist())
    assert len(found) == count > 10


def test_the_table(tmp_path: Path) -> None:
    labels = phantoms.truth().astype(np.uint8)
    path = write_bodies_csv(tmp_path / "objects.csv", "ct.nii", measured(labels), [ClassInfo(1, "block")])
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0] == list(COLUMNS)
    assert rows[1][:14] == [
        "ct.nii",
        "1",
        "block",
        "1",
        "3",
        "2",
        "1",
        "8",
        "5",
        "5",
        "5.0",
        "3.0",
        "2.5",
        "60",
    ]
    assert rows[1][14:] == ["false", "", "", "", ""]


def test_nothing_gives_an_empty_table(tmp_path: Path) -> None:
    assert measured(np.zeros((2, 2, 2), np.uint8)) == []
    assert write_bodies_csv(tmp_path / "o.csv", "a", [], []).read_text() == ",".join(COLUMNS) + "\n"
