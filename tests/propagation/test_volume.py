"""A concept through a volume, with the exact pack: what looks as on the marked slice is found, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import phantoms
import pytest
from numpy.typing import NDArray

import cuecast
from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.engine.segmenter import ScoreMaps
from cuecast.io.volumes import Volume, open_volume
from cuecast.propagation.result import SliceAnswer, TrackedObject, VolumePrediction, most_doubtful
from cuecast.propagation.volume import segment_volume
from cuecast.propagation.volume_memory import (
    FAR,
    HELD,
    INSIDE,
    NOTHING,
    OF_A_KIND,
    RENEWED,
    SliceMemory,
    place,
    posterior,
    sure_example,
    teaches,
    without_doubtful_starts,
)
from cuecast.propagation.volume_slices import SliceCue, Slices

PLANES = ("z", "y", "x")
INSIDE_AT = {"z": 2, "y": 3, "x": 5}
"""A slice of each plane that cuts the block."""


@pytest.fixture(scope="module")
def predictor() -> cuecast.Predictor:
    return cuecast.load("colours")


def volume(**more: Any) -> Volume:
    return Volume(phantoms.values(), "ct", **more)


def cue(plane: str, index: int | None = None, truth: NDArray[np.bool_] | None = None) -> SliceCue:
    """The true mask of a slice."""
    index = INSIDE_AT[plane] if index is None else index
    truth = phantoms.truth() if truth is None else truth
    return SliceCue(plane, index, mask=np.take(truth, index, axis="zyx".index(plane)))  # type: ignore[arg-type]


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("spacing", [None, (1.0, 1.0, 1.0)])
def test_one_slice_of_any_plane_shows_the_block(
    predictor: cuecast.Predictor, plane: str, spacing: tuple[float, float, float] | None
) -> None:
    found = segment_volume(predictor, volume(spacing=spacing), [cue(plane)])
    assert found.plane == plane
    assert (found.labels == phantoms.truth()).all()
    assert found.labels.dtype == np.uint8
    assert [s.index for s in found.slices if s.marked] == [INSIDE_AT[plane]]
    there = phantoms.truth().any(axis=tuple(a for a in range(3) if a != "zyx".index(plane)))
    assert [s.verdict == "found" for s in found.slices] == there.tolist()
    assert found.millilitres() == (None if spacing is None else {"thing": pytest.approx(0.06)})
    assert [b.voxels for b in found.bodies()] == [60]


@pytest.mark.parametrize("plane", PLANES)
def test_wide_slices_are_walked_with_square_pixels(predictor: cuecast.Predictor, plane: str) -> None:
    # Whole factors: nearest and bilinear agree where the voxels of a row are alike, so flat blocks stay exact inside.
    voxels = np.full((8, 8, 8), phantoms.REST, np.int16)
    voxels[2:6, 2:6, 2:6] = phantoms.THING
    truth = voxels == phantoms.THING
    wide = Volume(voxels, spacing=(2.0, 1.0, 1.0))
    found = segment_volume(predictor, wide, [cue(plane, 3, truth)])
    assert (found.labels[3:5, 3:5, 3:5] == 1).all()
    assert ((found.labels > 0) & ~truth).sum() == 0
    assert (
        np.take(found.labels, 3, axis="zyx".index(plane)) == np.take(truth, 3, axis="zyx".index(plane))
    ).all()


def test_what_is_marked_stays_as_marked(predictor: cuecast.Predictor) -> None:
    drawn = phantoms.truth()[2].copy()
    drawn[2, 3] = False  # the person left a corner out
    found = segment_volume(predictor, volume(), [SliceCue("z", 2, mask=drawn)])
    assert (found.labels[2] == drawn).all()


def test_what_is_marked_stays_however_small_it_is(predictor: cuecast.Predictor) -> None:
    card = {**predictor.pack.card, "thresholds": {"min_fraction": 0.3}}  # 24 of 80 voxels; the block has 15
    strict = replace(predictor, pack=replace(predictor.pack, card=card))
    found = segment_volume(strict, volume(), [cue("z")])
    assert (found.labels[2] == phantoms.truth()[2]).all()
    assert [s.verdict for s in found.slices] == ["absent", "absent", "found", "absent", "absent", "absent"]
    boxed = segment_volume(strict, volume(), [SliceCue("z", 2, boxes=[(3, 2, 8, 5)], points=[(0, 0, 0)])])
    assert (boxed.labels[2] == phantoms.truth()[2]).all()
    line = segment_volume(strict, volume(), [cue("z"), cue("y")])
    assert (line.labels[3, 3] == phantoms.truth()[3, 3]).all()


def test_several_slices_and_classes_with_identities(predictor: cuecast.Predictor) -> None:
    voxels = phantoms.values()
    voxels[3:5, 2:5, 3:8] = 120  # the upper half of the block is another thing
    low, high = np.zeros((8, 10), np.uint8), np.zeros((8, 10), np.uint8)
    low[2:5, 3:8], high[2:5, 3:8] = 1, 2
    found = segment_volume(
        predictor,
        Volume(voxels),
        [SliceCue("z", 1, mask=low), SliceCue("z", 4, mask=high)],
        classes=["liver", "spleen"],
    )
    assert [c.name for c in found.classes] == ["liver", "spleen"]
    assert (found.labels[1:3, 2:5, 3:8] == 1).all()
    assert (found.labels[3:5, 2:5, 3:8] == 2).all()
    assert int((found.labels > 0).sum()) == 60
    assert [(b.cls, b.voxels) for b in found.bodies()] == [(1, 30), (2, 30)]


def test_cues_in_two_planes_agree(predictor: cuecast.Predictor) -> None:
    drawn = phantoms.truth()[:, 3].copy()
    drawn[1, 3] = False
    found = segment_volume(predictor, volume(), [cue("z"), SliceCue("y", 3, mask=drawn)])
    assert found.plane == "z"
    expected = phantoms.truth()
    expected[1, 3, 3] = False  # a voxel that the cue of the other plane calls background
    assert (found.labels == expected).all()


def test_sparse_marks_in_another_plane_are_filled_in(predictor: cuecast.Predictor) -> None:
    inside, outside = (5, 2), (0, 0)
    found = segment_volume(predictor, volume(), [cue("z"), SliceCue("y", 3, points=[inside, (*outside, 0)])])
    assert (found.labels == phantoms.truth()).all()


def test_a_box_starts_the_walk(predictor: cuecast.Predictor) -> None:
    found = segment_volume(predictor, volume(), [SliceCue("z", 2, boxes=[(3, 2, 8, 5)], points=[(0, 0, 0)])])
    assert (found.labels == phantoms.truth()).all()
    assert found.slices[2].marked


def test_an_absent_slice_is_kept_empty(predictor: cuecast.Predictor) -> None:
    blue = SliceCue("z", 0, absent=True)
    found = segment_volume(predictor, volume(), [cue("z"), blue])
    assert not found.labels[0].any()
    assert (found.labels == phantoms.truth()).all()


def test_a_concept_from_other_pictures(predictor: cuecast.Predictor) -> None:
    image = np.full((8, 8), phantoms.REST, np.uint8)
    image[:, :4] = phantoms.THING
    concept = predictor.learn([cuecast.Cue(image, mask=image == phantoms.THING)], scale="pixel")
    voxels = Volume(phantoms.values().astype(np.uint8), spacing=(1.0, 1.0, 2.0))
    assert (segment_volume(concept, Volume(voxels.voxels)).labels == phantoms.truth()).all()
    assert segment_volume(concept, voxels).plane == "x"
    nothing = segment_volume(concept, Volume(np.full(phantoms.SIZE, phantoms.REST, np.uint8)))
    assert not nothing.labels.any()
    assert {s.verdict for s in nothing.slices} == {"absent"}


def test_labels_are_saved_in_the_format_that_their_name_says(
    predictor: cuecast.Predictor, tmp_path: Path
) -> None:
    import tifffile

    scan = tmp_path / "scan.tif"
    tifffile.imwrite(scan, phantoms.values())
    found = segment_volume(predictor, open_volume(scan), [cue("z")])
    for name, kind in (("a.nii.gz", "nifti"), ("a.NRRD", "nrrd"), ("a.tif", "tiff")):
        saved = open_volume(found.save(tmp_path / name))
        assert (saved.format, (saved.voxels == phantoms.truth()).all()) == (kind, True)
    assert found.save(tmp_path / "labels").read_bytes() == (tmp_path / "a.tif").read_bytes()


def test_nothing_marked_is_an_error(predictor: cuecast.Predictor) -> None:
    with pytest.raises(cuecast.CueError, match="no slice is marked"):
        segment_volume(predictor, volume())


def test_progress_counts_every_slice_once(predictor: cuecast.Predictor) -> None:
    steps: list[tuple[int, int]] = []
    segment_volume(
        predictor, volume(), [cue("z")], progress=lambda step: steps.append((step.done, step.total))
    )
    assert steps == [(n, 6) for n in range(1, 7)]


class Brightness:
    """A segmenter whose score of a pixel is its brightness."""

    def learn(self, *_: Any) -> None: ...

    def score(self, knowledge: Any, image: Image, *_: Any) -> ScoreMaps:  # noqa: ARG002

        return ScoreMaps(image.pixels[None, ..., 0].astype(np.float32) / 255)


def test_neighbours_settle_what_a_slice_leaves_open(predictor: cuecast.Predictor) -> None:
    """A slice on which the thing is hardly to be seen is filled from both sides; a speck far from it is not."""
    voxels = np.zeros((7, 40, 40), np.uint8)
    voxels[:, 10:30, 10:30] = 230
    voxels[3, 10:30, 10:30] = 100
    voxels[3, 0:3, 0:3] = 160
    truth = np.zeros((40, 40), bool)
    truth[10:30, 10:30] = True
    unsure = replace(predictor, segmenter=Brightness())
    found = segment_volume(unsure, Volume(voxels), [SliceCue("z", 0, mask=truth)])
    assert (found.labels[3, 14:26, 14:26] == 1).all()
    assert not found.labels[3, :3, :3].any()
    assert (found.labels[6] == truth).all()


def test_the_place_by_hand() -> None:
    slices = Slices(Volume(np.zeros((2, 40, 40), np.uint8)), "z", (0, 255))
    mask = np.zeros((40, 40), bool)
    mask[:, :20] = True
    row = place(mask, slices, identity=True)[20]
    # Spread 2 pixels: the distance to the border, half a pixel on either side of it, over two.
    assert row[18:22].tolist() == [0.75, 0.25, -0.25, -0.75]
    assert row[0] == INSIDE
    assert row[39] == -FAR
    assert place(mask, slices, identity=False)[20, 39] == -OF_A_KIND
    assert (place(np.zeros((40, 40), bool), slices, identity=True) == -NOTHING).all()
    thick = Slices(Volume(np.zeros((2, 40, 40), np.uint8), spacing=(5.0, 1.0, 1.0)), "z", (0, 255))
    assert place(mask, thick, identity=True)[20, 18:22] == pytest.approx([0.3, 0.1, -0.1, -0.3])


def test_scores_and_place_are_added_as_odds() -> None:
    scores = np.array([[[0.5, 0.5, 0.9, 1.0]]], np.float32)
    expected = np.array([[[0.0, np.log(3), -np.log(9), -2.0]]], np.float32)
    joint = posterior(scores, expected)[0, 0]
    assert joint[:3] == pytest.approx([0.5, 0.75, 0.5])
    assert joint[3] == pytest.approx(1 / (1 + np.exp(2) * 0.02 / 0.98))
    assert posterior(scores, None) is scores


def found(verdict: str) -> TrackedObject:
    return TrackedObject(1, verdict, 0.5)  # type: ignore[arg-type]


def test_which_slices_are_remembered() -> None:
    ten, seventeen, nineteen = (np.arange(100) < n for n in (10, 17, 19))
    masks = [m.astype(np.int32).reshape(10, 10) for m in (ten, seventeen, nineteen)]
    assert teaches([found("found")], masks[1], masks[0])
    assert not teaches([found("found")], masks[2], masks[0])
    assert not teaches([found("found")], masks[0], masks[2])
    assert not teaches([found("doubtful")], masks[0], masks[0])
    assert not teaches([found("absent")], masks[0], masks[0])
    assert not teaches([found("found")], masks[0], None)


def test_what_begins_has_to_be_found() -> None:
    mask, empty = np.array([[1, 0]], np.int32), np.zeros((1, 2), np.int32)
    assert without_doubtful_starts(mask, [found("doubtful")], empty).tolist() == [[0, 0]]
    assert without_doubtful_starts(mask, [found("found")], empty).tolist() == [[1, 0]]
    assert without_doubtful_starts(mask, [found("doubtful")], mask).tolist() == [[1, 0]]
    assert without_doubtful_starts(mask, [found("doubtful")], None).tolist() == [[1, 0]]


def test_the_memory_holds_the_last_few() -> None:
    example = Example(Image(np.zeros((2, 2, 3), np.uint8)), Marks((2, 2), mask=np.ones((2, 2), np.int32)))
    memory = SliceMemory(10)
    assert not memory.due(10 - RENEWED + 1)
    assert memory.due(10 - RENEWED)
    for index in range(HELD + 2):
        memory = memory.with_slice(index, example)
    assert len(memory.examples) == HELD
    assert memory.last == HELD + 1


def test_unsure_pixels_are_left_open() -> None:
    image = Image(np.zeros((1, 4, 3), np.uint8))
    scores = np.array([[[0.9, 0.5, 0.4, 0.1]]], np.float32)
    example = sure_example(image, np.array([[1, 1, 0, 0]], np.int32), scores)
    assert example is not None
    assert example.marks.mask is not None
    assert example.marks.mask.tolist() == [[1, IGNORE, IGNORE, 0]]
    assert sure_example(image, np.zeros((1, 4), np.int32), scores) is None


def answers(*said: tuple[str, float]) -> Sequence[SliceAnswer]:
    return [SliceAnswer(i, verdict, confidence) for i, (verdict, confidence) in enumerate(said)]  # type: ignore[arg-type]


def test_the_most_doubtful_slices_come_first() -> None:
    said = answers(("found", 0.9), ("doubtful", 0.4), ("doubtful", 0.3), ("absent", 0.1), ("found", 0.8))
    assert most_doubtful(said, 3) == [2, 1, 4]
    assert most_doubtful(said, 0) == []
    marked = [replace(said[2], marked=True), *said[3:]]
    assert most_doubtful(marked, 3) == [4]


def test_near_neighbours_do_not_fill_the_list() -> None:
    said = answers(*[("doubtful", 0.1 + 0.01 * i) for i in range(40)])
    assert most_doubtful(said, 2) == [0, 5]  # 40 slices / (4 x 2) apart


def test_an_overlay_has_square_pixels(predictor: cuecast.Predictor) -> None:
    result: VolumePrediction = segment_volume(predictor, volume(spacing=phantoms.SPACING), [cue("x")])
    assert result.overlay(5).size == (8, 12)
