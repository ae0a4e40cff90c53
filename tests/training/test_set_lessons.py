"""Lessons of the training sets: what is shown, what is asked, and that they are drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from quick_refine import raw_pack  # noqa: E402

from cuecast.core.values import Example  # noqa: E402
from cuecast.engine.lessons import MatchingKnowledge  # noqa: E402
from cuecast.predictor import Predictor, load  # noqa: E402
from cuecast.training import refine_fit, set_lessons  # noqa: E402
from cuecast.training.set_lessons import draw_set_lesson, write_set_lessons  # noqa: E402
from cuecast.training.sets import PictureSet  # noqa: E402

Asked = list[tuple[Sequence[Example], list[int]]]


@pytest.fixture
def predictor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """Of a pack of random weights that looks at small frames."""
    monkeypatch.setattr(refine_fit, "CROP", 64)
    return load(raw_pack(tmp_path).folder, threads=1)


def squares(name: str, scenario: str, brightness: int) -> PictureSet:
    """Ten pictures: in eight a square, class 1, and below it a bar, class 2; two with the bar alone."""
    pictures, masks = [], []
    rng = np.random.default_rng(brightness)
    for i in range(10):
        mask = np.zeros((48, 64), np.uint8)
        mask[36:42, 8:56] = 2
        left = 4 + 4 * i
        mask[8:22, left : left + 14] = 1 if i < 8 else 0
        picture = 20 + rng.integers(0, 12, (48, 64, 3))
        picture[mask == 1], picture[mask == 2] = brightness, brightness // 2
        pictures.append(picture.astype(np.uint8))
        masks.append(mask)
    holding = {1: tuple(range(8)), 2: tuple(range(10))}
    return PictureSet(
        name, tuple(pictures), tuple(masks), holding, {1: (8, 9), 2: ()}, {1: 0.2, 2: 0.1}, scenario=scenario
    )


def two_sets(_data: Path = Path()) -> tuple[PictureSet, ...]:
    return squares("lamps", "industry", 200), squares("leaves", "farming", 120)


def learned(monkeypatch: pytest.MonkeyPatch, predictor: Predictor) -> Asked:
    """What lessons show from now on; nothing is learned of it."""
    seen: Asked = []

    def learn(_self: Any, cues: Sequence[Example], classes: list[int], _scale: str) -> MatchingKnowledge:
        seen.append((cues, classes))
        return MatchingKnowledge(tuple(classes), ())

    monkeypatch.setattr(type(predictor.segmenter), "learn", learn)
    return seen


def test_a_lesson_is_the_same_each_time_and_keeps_a_few_samples(predictor: Predictor) -> None:
    segmenter: Any = predictor.segmenter
    for number in range(6):
        once, again = (draw_set_lesson(segmenter, two_sets(), 1, number) for _ in range(2))
        assert 0 < len(once) == len(again) <= set_lessons.OF_LESSON
        for a, b in zip(once, again, strict=True):
            np.testing.assert_array_equal(a.target, b.target)
            np.testing.assert_array_equal(a.maps["forest"], b.maps["forest"])


def test_every_cue_shows_the_thing_and_marks_are_of_all_kinds(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = learned(monkeypatch, predictor)
    monkeypatch.setattr(set_lessons, "OTHER", 0.0)
    for number in range(80):
        draw_set_lesson(predictor.segmenter, two_sets(), 1, number)  # type: ignore[arg-type]
    assert len(seen) > 70
    marks = [[e.marks for e in cues] for cues, _ in seen]
    masked = [m for m in marks if m[0].mask is not None]
    for each, (_, classes) in zip(marks, seen, strict=True):
        assert all((m.mask == classes[0]).any() for m in each if m.mask is not None)
    by_hand = [m for each in marks for m in each if m.mask is None]
    assert all(m.boxes or m.points or m.scribbles for m in by_hand)
    assert 0.75 * len(seen) < len(masked) < len(seen)
    assert {len(m) for m in marks} > {1, 3}


def test_pictures_without_the_thing_are_asked_too(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[bool]] = []

    def taught(
        _segmenter: Any, cues: Sequence[Example], queries: Sequence[Example], *_given: Any
    ) -> list[Any]:
        shown = {e.image.digest for e in cues}
        assert not shown & {e.image.digest for e in queries}
        asked.append([e.marks.absent for e in queries])
        return []

    monkeypatch.setattr(set_lessons, "taught", taught)
    monkeypatch.setattr(set_lessons, "OTHER", 0.0)
    for number in range(60):
        draw_set_lesson(predictor.segmenter, two_sets(), 2, number)  # type: ignore[arg-type]
    lacking = [sum(queries) for queries in asked]
    assert {0, 1, 2} <= {*lacking}  # none, one of the set or of another, one of each
    assert all(sum(queries) < len(queries) for queries in asked)


def test_lessons_are_written_once(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lessons"
    told: list[tuple[int, int]] = []
    first = write_set_lessons(predictor, tmp_path, two_sets, folder, 3, 1, progress=lambda *d: told.append(d))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert len({*first.places}) == len(first) > 3

    def refused(*_given: Any) -> None:
        raise AssertionError("it is there")

    monkeypatch.setattr(set_lessons, "draw_set_lesson", refused)
    assert write_set_lessons(predictor, tmp_path, two_sets, folder, 3, 1).places == first.places
