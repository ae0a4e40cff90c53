"""Each box and each point is one object: what the rule learns of them, and where they tell things apart."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import Box, Example, Image, Marks, Point
from cuecast.cues import Cue
from cuecast.engine.objects import object_rule
from cuecast.engine.sparse_objects import boxes_meet, with_stated
from cuecast.predictor import load

RED, BLUE = (200, 30, 30), (30, 30, 200)
CLUMP = np.zeros((12, 30), np.int32)
CLUMP[2:10, 2:26] = 1
"""One block of 8 x 24: three squares that touch."""
SQUARES = [(2 + 8 * n, 2, 10 + 8 * n, 10) for n in range(3)]


def shown(*boxes: tuple[int, int, int, int], cls: int = 1) -> Marks:
    return Marks((12, 30), boxes=tuple(Box(b, cls) for b in boxes))


def rule(marks: Marks) -> object:
    (found,) = object_rule([Example(Image(np.zeros((12, 30, 3), np.uint8)), marks)], [1]).shown
    return found.count, found.radius, found.touch


def test_boxes_say_how_large_things_are_and_whether_they_touch() -> None:
    assert rule(shown((0, 0, 8, 6), (10, 0, 20, 12), (22, 0, 26, 4))) == (3, 3.0, False)
    assert rule(shown((0, 0, 8, 8), (7, 0, 15, 8))) == (2, 4.0, True)
    assert rule(shown((0, 0, 8, 8), (7, 0, 15, 8), cls=2)) == (0, 0.0, False)
    assert rule(Marks((12, 30), points=(Point((3, 3)), Point((9, 9))))) == (0, 0.0, False)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ((0, 0, 8, 8), (8, 0, 16, 8), True),  # side by side
        ((0, 0, 8, 6), (2, 6, 10, 12), True),
        ((0, 0, 8, 6), (8, 5, 16, 11), False),  # at a corner
        ((0, 0, 8, 8), (9, 0, 16, 8), False),
        ((0, 0, 8, 8), (6, 0, 14, 8), True),
        ((0, 0, 8, 8), (1, 1, 9, 9), False),  # drawn twice
        ((0, 0, 12, 12), (2, 2, 6, 6), False),  # one within the other
    ],
)
def test_which_boxes_are_round_things_that_touch(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int], meet: bool
) -> None:
    marks = shown(one, other)
    assert boxes_meet(marks, 1) is meet
    assert not boxes_meet(marks, 2)


def test_the_inside_of_each_box_is_one_object() -> None:
    found = with_stated(CLUMP.copy(), CLUMP, shown(*SQUARES))
    assert all(len(np.unique(found[2:10, x1:x2])) == 1 for x1, _, x2, _ in SQUARES)
    assert len(np.unique(found[CLUMP > 0])) == 3
    assert not found[CLUMP == 0].any()


def test_what_spills_over_a_box_stays_with_its_thing() -> None:
    spilt = CLUMP.copy()
    spilt[10, 12:16] = 1
    found = with_stated(spilt, spilt, shown(*SQUARES))
    assert np.unique(found[10, 12:16]).tolist() == np.unique(found[2:10, 10:18]).tolist()


def test_a_box_in_a_large_part_leaves_the_rest_as_it_was() -> None:
    found = with_stated(CLUMP.copy(), CLUMP, shown(SQUARES[0]))
    assert len(np.unique(found[2:10, 2:10])) == 1
    assert np.unique(found[2:10, 10:26]).tolist() == [1]


def test_points_in_one_part_divide_it_and_a_lone_point_says_nothing() -> None:
    two = Marks((12, 30), points=(Point((5, 6)), Point((22, 6)), Point((28, 11)), Point((14, 6), 0)))
    found = with_stated(CLUMP.copy(), CLUMP, two)
    assert len(np.unique(found[CLUMP > 0])) == 2
    assert found[6, 5] != found[6, 22]
    alone = Marks((12, 30), points=(Point((5, 6)), Point((5, 6)), Point((28, 11))))
    assert np.array_equal(with_stated(CLUMP.copy(), CLUMP, alone), CLUMP)


def test_boxes_on_the_picture_itself_tell_its_things_apart() -> None:
    pixels = np.where(CLUMP[..., None] > 0, RED, BLUE).astype(np.uint8)
    cue = Cue(pixels, boxes=SQUARES)
    split = load("colours").learn([cue])
    assert split.splits
    found = split.segment(pixels)
    assert np.array_equal(found.mask > 0, CLUMP > 0)
    assert sorted(o.xyxy for o in found.objects()) == SQUARES
    joined = split.with_objects("connected").segment(pixels)
    assert np.array_equal(joined.mask, found.mask)
    assert len(joined.objects()) == 1
