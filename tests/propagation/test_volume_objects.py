"""Touching things of a volume are told apart in three dimensions, in every direction and whatever the spacing."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel
import numpy as np
import phantoms
import pytest
from commands import cuecast
from PIL import Image

from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Volume
from cuecast.propagation import volume_objects
from cuecast.propagation.result import VolumePrediction
from cuecast.propagation.volume_objects import parts_of, volume_instances
from cuecast.results.manifest import read_manifest

CUBE = (1.0, 1.0, 1.0)
BALLS = ((10, 12, 12), (10, 12, 26), (24, 12, 26), (10, 40, 40))
"""(z, y, x) of balls of radius 8: the first three overlap along x and along z, the last is alone."""


def balls(
    size: tuple[int, int, int], centres: tuple[tuple[int, int, int], ...], radius: float, step: float = 1.0
) -> np.ndarray:
    """(Z, Y, X) int32: a number a ball, of the nearest centre; slices are `step` apart."""
    z, y, x = np.ogrid[: size[0], : size[1], : size[2]]
    away = np.stack([np.sqrt(((z - c) * step) ** 2 + (y - b) ** 2 + (x - a) ** 2) for c, b, a in centres])
    return np.where(away.min(0) <= radius, away.argmin(0) + 1, 0).astype(np.int32)


def agreement(found: np.ndarray, truth: np.ndarray) -> float:
    """The least IoU of an object with that of the truth which it meets most."""
    worst = 1.0
    for number in range(1, int(truth.max()) + 1):
        own = truth == number
        other = found == np.bincount(found[own]).argmax()
        worst = min(worst, (own & other).sum() / (own | other).sum())
    return float(worst)


def test_balls_that_overlap_along_any_axis_are_told_apart() -> None:
    truth = balls((36, 52, 52), BALLS, 8)
    labels = (truth > 0).astype(np.uint8)
    found = volume_instances(labels, CUBE, {1: 8.0})
    assert ((found > 0) == (labels > 0)).all()
    assert int(found.max()) == 4
    assert agreement(found, truth) > 0.9
    assert int(volume_instances(labels, CUBE, {}).max()) == 2  # connected components


def test_slices_that_lie_far_apart_are_measured_in_their_spacing() -> None:
    truth = balls((16, 30, 48), ((8, 14, 14), (8, 14, 30)), 9, step=2.5)
    found = volume_instances((truth > 0).astype(np.uint8), (2.5, 1.0, 1.0), {1: 9.0})
    assert int(found.max()) == 2
    assert agreement(found, truth) > 0.9


def test_a_rod_and_an_uneven_border_are_no_more_than_one_thing() -> None:
    rod = np.zeros((20, 20, 80), bool)
    rod[5:14, 5:14, 4:76] = True
    rod[14:16, 8:10, 30:32] = rod[9, 14:17, 50] = True  # bumps
    assert int(parts_of(rod, CUBE, 5.0).max()) == 1


def test_a_thin_rod_that_lies_across_thick_slices_is_one_thing() -> None:
    z, y, x = np.meshgrid(np.arange(20) * 2.5, np.arange(50.0), np.arange(60.0), indexing="ij")
    along = np.array([0.5, 0.6, 0.62])
    away = np.stack([z - 25, y - 25, x - 30], -1)
    rest = away - np.clip(away @ along, -18, 18)[..., None] * along
    labels = (np.linalg.norm(rest, axis=-1) <= 3).astype(np.uint8)
    assert int(volume_instances(labels, (2.5, 1.0, 1.0), {1: 3.0}).max()) == 1
    assert int(parts_of(labels > 0, (2.5, 1.0, 1.0), 3.0).max()) > 1  # by the voxels as they are


def test_classes_of_which_nothing_is_shown_are_connected_and_touching_classes_stay_apart() -> None:
    truth = balls((36, 52, 52), BALLS, 8)
    labels = np.where(truth == 2, 2, truth > 0).astype(np.uint8)
    found = volume_instances(labels, CUBE, {1: 8.0})
    assert all(len(np.unique(labels[found == n])) == 1 for n in range(1, int(found.max()) + 1))
    assert int(found.max()) == 4


def test_a_large_body_is_told_apart_coarser_and_its_voxels_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume_objects, "MOST", 5_000)
    truth = balls((36, 52, 52), BALLS, 8)
    found = volume_instances((truth > 0).astype(np.uint8), CUBE, {1: 8.0})
    assert ((found > 0) == (truth > 0)).all()
    assert int(found.max()) == 4
    assert agreement(found, truth) > 0.7


def test_bodies_are_measured_one_by_one_and_too_many_ids_are_refused() -> None:
    truth = balls((36, 52, 52), BALLS, 8)
    volume = Volume(np.zeros(truth.shape, np.uint8), spacing=(2.0, 1.0, 1.0))
    labels = (truth > 0).astype(np.uint8)
    found = VolumePrediction(volume, labels, (ClassInfo(1, "ball"),), "z", (0, 1), (), 0.0, {1: 8.0})
    sizes = [int((found.instances == n).sum()) for n in range(1, 5)]
    assert [b.voxels for b in found.bodies()] == sizes
    assert [b.millilitres for b in found.bodies()] == pytest.approx([n * 0.002 for n in sizes])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: balls.nii.gz, and the mask and the ids of its slice z:10."""
    truth = balls((36, 52, 52), BALLS, 8)
    values = np.where(truth > 0, phantoms.THING, phantoms.REST).astype(np.int16)
    phantoms.nifti(tmp_path / "balls.nii.gz", values, phantoms.affine((1.0, 1.0, 1.0)))
    Image.fromarray((truth[10] > 0).astype(np.uint8) * 255).save(tmp_path / "z10.png")
    Image.fromarray(truth[10].astype(np.uint16)).save(tmp_path / "ids.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_objects_of_a_volume_from_the_command_line() -> None:
    shown = ["volume", "balls.nii.gz", "--cue", "z:10=z10.png", "--cue-objects", "z:10=ids.png"]
    options = ["--class", "ball", "-o", "out", "--pack", "colours", "-q"]
    assert cuecast(*shown, *options, "--format", "objects").code == 0
    rows = list(csv.DictReader(Path("out/objects.csv").read_text().splitlines()))
    ids = np.asarray(nibabel.load("out/objects/balls.nii.gz").dataobj).T
    labels = nibabel.load("out/masks/balls.nii.gz")
    assert (nibabel.load("out/objects/balls.nii.gz").affine == labels.affine).all()
    assert len(rows) == int(ids.max()) == 4
    assert [int(row["voxels"]) for row in rows] == np.bincount(ids.ravel())[1:].tolist()
    assert ((ids > 0) == (np.asarray(labels.dataobj).T > 0)).all()
    assert [e.split for e in read_manifest(Path("out/manifest.jsonl"))] == [True] * 36
    before = Path("out/objects/balls.nii.gz").stat().st_mtime_ns
    again = cuecast(*shown, *options, "--format", "objects")
    assert "finished before" in again.out
    assert Path("out/objects/balls.nii.gz").stat().st_mtime_ns == before
    assert cuecast(*shown, *options, "--objects", "connected").code == 0
    assert len(Path("out/objects.csv").read_text().splitlines()) == 3
    assert not Path("out/objects/balls.nii.gz").exists()


@pytest.mark.usefixtures("folder")
def test_two_formats_of_labels_are_refused() -> None:
    done = cuecast("volume", "balls.nii.gz", "--cue", "z:10=z10.png", "-o", "out", "-f", "nrrd", "-f", "tiff")
    assert done.code == 2
    assert "one of them" in done.err
