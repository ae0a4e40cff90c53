"""Who teaches whom."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from cue_pictures import clean, cue

import cuecast
from cuecast.core.values import ClassInfo, Example, Marks
from cuecast.cue_quality.trials import Board, Trial, answers, complete_cues


def board(count: int, extra: tuple[Example, ...] = ()) -> Board:
    return Board(cuecast.load("colours"), (*clean(count), *extra), (ClassInfo(1, "square"),), "frame")


def absent(number: int) -> Example:
    image = cue(number).image
    return Example(image, Marks(image.size, absent=True))


def test_all_others_teach() -> None:
    made = board(3, (absent(9),))
    assert made.complete == (0, 1, 2)
    assert made.left_out(1) == Trial((0, 2, 3), 1)


def test_each_cue_alone_teaches_the_others() -> None:
    made = board(3, (absent(9),))
    assert [(t, trial.teachers, trial.query) for t, trial in made.pairs()] == [
        (0, (0, 3), 1), (0, (0, 3), 2), (1, (1, 3), 0), (1, (1, 3), 2), (2, (2, 3), 0), (2, (2, 3), 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "numbers"), [(2, [1]), (3, [1, 2]), (5, [1, 2, 4]), (6, [1, 2, 4, 5]), (12, [1, 2, 4, 8, 11])]
)
def test_the_curve_doubles(count: int, numbers: list[int]) -> None:
    curve = board(count).curve()
    assert list(curve) == numbers
    asked = [[t.query for t in trials] for trials in curve.values()]
    assert all(queries == asked[0] for queries in asked)
    assert len(asked[0]) == min(count, 8)
    for trials in zip(*curve.values(), strict=True):
        for smaller, larger in pairwise(trials):
            assert set(smaller.teachers) < set(larger.teachers)


def test_a_picture_counts_once() -> None:
    twice = [cue(0), cue(1), cue(0)]
    assert complete_cues(twice) == (0, 1)
    made = Board(cuecast.load("colours"), tuple(twice), (ClassInfo(1, "square"),), "frame")
    assert made.left_out(0) == Trial((1,), 0)


def test_cues_that_show_nothing_give_no_answer() -> None:
    made = board(1, (absent(9),))
    assert [p for _, p in answers(made, [Trial((1,), 0)])] == [None]


def test_what_was_drawn_is_known_not_to_be_absent() -> None:
    made = board(2)
    pack = made.predictor.pack
    card = {**pack.card, "thresholds": {**pack.card["thresholds"], "min_fraction": 0.9}}
    strict = replace(made, predictor=replace(made.predictor, pack=replace(pack, card=card)))
    (_, prediction), *_ = answers(strict, [made.left_out(0)])
    assert prediction is not None
    assert prediction.verdict == "absent"
    assert (prediction.mask == made.examples[0].marks.mask).all()
