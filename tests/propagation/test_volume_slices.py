"""Slices with square pixels, marks that go with them, and masks that are drawn on volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import phantoms
import pytest
import tifffile

from cuecast.core.errors import CueError, MaskError
from cuecast.core.values import IGNORE, Box, Marks, Point, Scribble
from cuecast.io.volumes import Volume, value_window
from cuecast.propagation.volume_slices import SliceCue, Slices

WINDOW = (0.0, 255.0)
VOLUME = Volume(phantoms.values(), "ct", spacing=phantoms.SPACING)


def test_sizes_in_each_plane() -> None:
    # (Z, Y, X) = (6, 8, 10) with 2.0, 1.0 and 0.5 mm
    z, y, x = (Slices(VOLUME, plane, WINDOW) for plane in ("z", "y", "x"))
    assert (z.count, z.size, z.shown, z.pixel, z.step) == (6, (8, 10), (16, 10), 0.5, 2.0)
    assert (y.count, y.size, y.shown, y.pixel, y.step) == (8, (6, 10), (24, 10), 0.5, 1.0)
    assert (x.count, x.size, x.shown, x.pixel, x.step) == (10, (6, 8), (12, 8), 1.0, 0.5)


def test_without_spacing_pixels_are_square() -> None:
    slices = Slices(Volume(phantoms.values()), "y", WINDOW)
    assert (slices.size, slices.shown, slices.pixel, slices.step) == ((6, 10), (6, 10), 1.0, 1.0)


def test_a_picture_of_a_slice() -> None:
    slices = Slices(VOLUME, "x", WINDOW)
    assert slices.voxel_image(5).name == "ct x:5"
    assert (slices.voxel_image(5).pixels[..., 0] == phantoms.values()[:, :, 5]).all()
    stretched = slices.image(5).pixels
    assert stretched.shape == (12, 8, 3)
    assert stretched[4, 3, 0] == phantoms.THING
    assert stretched[0, 0, 0] == phantoms.REST


def test_labels_and_scores_there_and_back() -> None:
    slices = Slices(VOLUME, "x", WINDOW)
    labels = phantoms.truth()[:, :, 5].astype(np.int32)
    shown = slices.stretched(labels)
    assert (shown == np.repeat(labels, 2, axis=0)).all()
    scores = shown[None].astype(np.float32)
    assert (slices.voxel_scores(scores) == labels).all()
    assert slices.shown_scores(slices.voxel_scores(scores)).shape == (1, 12, 8)


def test_marks_are_stretched_with_their_slice() -> None:
    marks = Marks(
        size=(6, 8),
        boxes=(Box((1, 2, 3, 4)),),
        points=(Point((1.5, 2.5)),),
        scribbles=(Scribble(((0, 1), (2, 3))),),
    )
    found = Slices(VOLUME, "x", WINDOW).example(5, marks).marks
    assert found.size == (12, 8)
    assert found.boxes[0].xyxy == (1, 4, 3, 8)
    assert found.points[0].xy == (1.5, 5.0)
    assert found.scribbles[0].path == ((0, 2), (2, 6))


def test_a_cue_is_read_a_pixel_a_voxel() -> None:
    cue = SliceCue("y", 3, mask=phantoms.truth()[:, 3])
    example = cue.read(VOLUME, WINDOW)
    assert example.image.size == (6, 10)
    assert (example.marks.mask == phantoms.truth()[:, 3]).all()
    assert cue.place == "y:3"


@pytest.mark.parametrize(
    ("cue", "message"),
    [
        (SliceCue("z", 6, points=[(1, 1)]), r"z:6 is marked, ct has the slices z:0 to z:5"),
        (SliceCue("w", 0, points=[(1, 1)]), "plane 'w' is unknown"),  # type: ignore[arg-type]
        (SliceCue("z", 0, points=[(10, 1)]), "ct z:0: point .* outside"),
        (SliceCue("z", 0), "ct z:0: the cue marks nothing"),
    ],
)
def test_marks_that_lie_outside_are_named(cue: SliceCue, message: str) -> None:
    with pytest.raises(CueError, match=message):
        cue.read(VOLUME, WINDOW)


def test_a_mask_of_another_size_is_named() -> None:
    with pytest.raises(MaskError, match=r"8 wide and 6 high.* 10 wide and 8 high"):
        SliceCue("z", 2, mask=np.ones((6, 8), np.uint8)).read(VOLUME, WINDOW)


def test_a_slice_of_a_volume_of_labels_is_a_mask(tmp_path: Path) -> None:
    drawn = phantoms.nifti(tmp_path / "drawn.nii.gz", phantoms.truth().astype(np.uint8), phantoms.affine())
    volume = Volume(phantoms.values(), "ct", affine=phantoms.affine(), spacing=phantoms.SPACING)
    for plane, index in (("z", 2), ("y", 3), ("x", 5)):
        example = SliceCue(plane, index, mask=drawn).read(volume, value_window(volume))  # type: ignore[arg-type]
        expected = np.take(phantoms.truth(), index, axis="zyx".index(plane))
        assert (example.marks.mask == expected).all()
    with pytest.raises(CueError, match=r"nothing is marked on its slice z:0"):
        SliceCue("z", 0, mask=drawn).read(volume, WINDOW)


def test_labels_of_another_volume_are_refused(tmp_path: Path) -> None:
    moved = phantoms.affine()
    moved[0, 3] += 5
    elsewhere = phantoms.nifti(tmp_path / "moved.nii", phantoms.truth().astype(np.uint8), moved)
    smaller = phantoms.nifti(tmp_path / "small.nii", np.ones((6, 8, 9), np.uint8), phantoms.affine())
    volume = Volume(phantoms.values(), "ct", affine=phantoms.affine())
    with pytest.raises(MaskError, match=r"lie elsewhere than ct: they are shifted by"):
        SliceCue("z", 2, mask=elsewhere).read(volume, WINDOW)
    with pytest.raises(MaskError, match=r"have \(6, 8, 9\) voxels"):
        SliceCue("z", 2, mask=smaller).read(volume, WINDOW)


def test_ignored_pixels_stay_ignored_when_stretched() -> None:
    labels = np.full((6, 8), IGNORE, np.int32)
    labels[2] = 1
    assert np.unique(Slices(VOLUME, "x", WINDOW).stretched(labels)).tolist() == [IGNORE, 1]


@pytest.mark.parametrize("form", [{"imagej": True, "metadata": {"axes": "ZYX"}}, {}])
def test_a_slice_of_a_stack_of_pages_is_a_mask(tmp_path: Path, form: dict[str, Any]) -> None:
    tifffile.imwrite(
        tmp_path / "drawn.tif", phantoms.truth().astype(np.uint8), photometric="minisblack", **form
    )
    for plane, index in (("z", 2), ("y", 3)):
        example = SliceCue(plane, index, mask=tmp_path / "drawn.tif").read(VOLUME, WINDOW)  # type: ignore[arg-type]
        assert (example.marks.mask == np.take(phantoms.truth(), index, axis="zyx".index(plane))).all()
    tifffile.imwrite(tmp_path / "page.tif", phantoms.truth()[2].astype(np.uint8))
    example = SliceCue("z", 3, mask=tmp_path / "page.tif").read(VOLUME, WINDOW)
    assert (example.marks.mask == phantoms.truth()[2]).all()
    tifffile.imwrite(tmp_path / "few.tif", phantoms.truth()[:3].astype(np.uint8), photometric="minisblack")
    with pytest.raises(MaskError, match=r"have \(3, 8, 10\) voxels"):
        SliceCue("z", 2, mask=tmp_path / "few.tif").read(VOLUME, WINDOW)


def test_a_picture_given_as_labels_is_refused(tmp_path: Path) -> None:
    grey = np.arange(np.prod(phantoms.values().shape)).reshape(phantoms.values().shape).astype(np.int16)
    scan = phantoms.nifti(tmp_path / "scan.nii", grey, phantoms.affine())
    with pytest.raises(CueError, match="like a picture and not like labels"):
        SliceCue("z", 2, mask=scan).read(Volume(phantoms.values(), "ct"), (0, 100))
