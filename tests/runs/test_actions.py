"""The actions that all doors call: one request, one result, one kind of progress."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import BLUE, RED
from PIL import Image

import cuecast
from cuecast.core.ordered import Step
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.cuesets.edit import add_cues, new_cueset
from cuecast.predictor import Concept
from cuecast.runs import actions
from cuecast.runs.actions import CheckRequest, SegmentRequest, SuggestRequest


def picture(path: Path, red: int) -> Path:
    """4 x 8 pixels, blue with `red` red columns at the left."""
    pixels = np.full((4, 8, 3), BLUE, np.uint8)
    pixels[:, :red] = RED
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def cueset(tmp_path: Path) -> Path:
    """Two marked pictures, three and two columns."""
    root = tmp_path / "cues"
    new_cueset(root)
    for red in (3, 2):
        mask = np.zeros((4, 8), np.uint8)
        mask[:, :red] = 1
        add_cues(root, [cuecast.Cue(picture(tmp_path / f"cue{red}.png", red), mask=mask)])
    return root


def no_pack() -> cuecast.Predictor:
    raise AssertionError("the pack is not needed")


def test_files_alone_need_no_pack(cueset: Path) -> None:
    found = actions.check(CheckRequest(cueset, no_pack, files_only=True))
    assert (found.ok, found.findings, found.leave_one_out, found.note) == (True, (), None, None)
    (cueset / "masks" / "cue2.png").unlink()
    broken = actions.check(CheckRequest(cueset, no_pack))
    assert not broken.ok
    assert broken.as_dict()["findings"][0]["level"] == "error"


def test_a_check_counts_answers_and_says_how_cues_agree(cueset: Path) -> None:
    steps: list[Step] = []
    found = actions.check(CheckRequest(cueset, lambda: cuecast.load("colours")), steps.append)
    assert found.leave_one_out is not None
    assert found.leave_one_out.iou == 1.0
    assert {s.what for s in steps} == {"answers"}
    assert (steps[-1].done, steps[-1].total) == (len(steps), len(steps))


def test_too_few_cues_are_a_note(tmp_path: Path) -> None:
    root = tmp_path / "few"
    new_cueset(root)
    add_cues(root, [cuecast.Cue(picture(tmp_path / "a.png", 3), boxes=[(0, 0, 3, 4)])])
    found = actions.check(CheckRequest(root, no_pack))
    assert found.ok
    assert found.note
    assert found.leave_one_out is None


@pytest.fixture
def concept(cueset: Path) -> Concept:
    read = read_cueset(cueset)
    return cuecast.load("colours").learn(read_examples(read), read.classes)


def test_a_run_tells_of_each_image_and_whether_it_was_finished(concept: Concept, tmp_path: Path) -> None:
    images = [picture(tmp_path / f"{red}.png", red) for red in (1, 4, 5)]
    request = SegmentRequest(concept, images[:2], tmp_path / "out")
    actions.segment(request)
    steps: list[Step] = []
    summary = actions.segment(replace(request, images=images), steps.append)
    assert [(s.what, s.done, s.total, s.resumed) for s in steps[:3]] == [
        ("images", 1, 3, True),
        ("images", 2, 3, True),
        ("images", 3, 3, False),
    ]
    assert [s.entry and s.entry.areas for s in steps[:3]] == [{1: 4}, {1: 16}, {1: 20}]
    # Then of each image in the table, in COCO and in the report.
    assert [(s.what, s.done, s.total) for s in steps[3:]] == [
        ("tables and report", n + 1, 9) for n in range(9)
    ]
    assert all(s.entry is None for s in steps[3:])
    assert (summary.resumed, summary.counts["found"]) == (2, 3)


def test_at_most_so_many_images_are_looked_at_evenly_spread(concept: Concept, tmp_path: Path) -> None:
    images = [picture(tmp_path / f"{red}.png", red) for red in (1, 4, 5, 6, 7)]
    steps: list[Step] = []
    found = actions.suggest(SuggestRequest(concept, images, at_most=2), steps.append)
    assert found.images == 2  # every third: the first and the fourth
    assert {Path(s.image).stem for s in found.suggestions} <= {"1", "6"}
    assert [(s.what, s.done, s.total) for s in steps] == [("images", 1, 2), ("images", 2, 2)]
    assert actions.suggest(SuggestRequest(concept, images)).images == 5


def test_what_progress_raises_stops_the_work(concept: Concept, tmp_path: Path) -> None:
    images = [picture(tmp_path / f"{red}.png", red) for red in (1, 4)]

    def stop(_: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        actions.segment(SegmentRequest(concept, images, tmp_path / "out"), stop)
    assert actions.segment(SegmentRequest(concept, images, tmp_path / "out")).resumed == 1
