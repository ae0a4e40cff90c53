from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.errors import CueError
from cuecast.core.values import IGNORE, Box, Marks, Point, Scribble
from cuecast.engine.mark_weights import Kind, box_weights, kind_of

SIZE = (60, 90)


def dense(box: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """What a box says, by the definition, looking at every pixel: (the thing, what is not)."""
    x1, y1, x2, y2 = box
    y, x = np.indices(SIZE) + 0.5
    w, h = max(x2 - x1, 1), max(y2 - y1, 1)
    dx, dy = 2 * np.abs(x - (x1 + x2) / 2) / w, 2 * np.abs(y - (y1 + y2) / 2) / h
    middle = (dx * w <= 1) & (dy * h <= 1)
    near = (dx <= max(1.5, 1 + 8 / w)) & (dy <= max(1.5, 1 + 8 / h))
    return (np.hypot(dx, dy) <= 0.7) | middle, near & ~((dx <= 1) & (dy <= 1))


@pytest.mark.parametrize(
    "box", [(10, 10, 40, 30), (0, 0, 90, 60), (88, 57, 90, 60), (33, 20, 34, 21), (0, 5, 60, 8)]
)
def test_a_box_says_its_middle_and_a_band_round_it(box: tuple[float, float, float, float]) -> None:
    thing, rest = box_weights(SIZE, [box])
    expected = dense(box)
    assert np.array_equal(thing, expected[0])
    assert np.array_equal(rest, expected[1])


def test_no_band_of_a_box_lies_in_another_box() -> None:
    _, rest = box_weights(SIZE, [(10, 10, 40, 30), (42, 10, 70, 30)])
    assert not rest[10:30, 42:70].any()
    assert rest[10:30, 40:42].all()


def test_a_box_that_a_complete_mask_denies_is_refused() -> None:
    mask = np.zeros(SIZE, np.int32)
    mask[:20, :20] = 2
    Marks(SIZE, mask=mask, boxes=(Box((5, 5, 30, 30), 2),))
    with pytest.raises(
        CueError, match=r"box \(30, 30, 50, 50\) says class 1, but the mask of the same image"
    ):
        Marks(SIZE, mask=mask, boxes=(Box((30, 30, 50, 50), 1),))
    mask[25:] = IGNORE
    Marks(SIZE, mask=mask, boxes=(Box((30, 30, 50, 50), 1),))


MASK = Marks(SIZE, mask=np.eye(*SIZE, dtype=np.int32))
BOX = Marks(SIZE, boxes=(Box((1, 1, 9, 9)),))
POINT = Marks(SIZE, points=(Point((3, 3)),))
STROKE = Marks(SIZE, scribbles=(Scribble(((3, 3), (9, 9))),))
NOT = Marks(SIZE, points=(Point((50, 50), 0),))


@pytest.mark.parametrize(
    ("marks", "kind"),
    [
        ([POINT], "one-sided"),
        ([STROKE, POINT], "one-sided"),
        ([STROKE, NOT], "two-sided"),
        ([POINT, Marks(SIZE, absent=True)], "two-sided"),
        (
            [Marks(SIZE, points=(Point((3, 3)), Point((9, 9), 2)))],
            "two-sided",
        ),  # the other class is not this one
        ([POINT, Marks(SIZE, mask=2 * np.eye(*SIZE, dtype=np.int32))], "two-sided"),
        ([POINT, NOT, BOX], "boxes"),
        ([POINT, BOX, MASK], "masks"),
    ],
)
def test_the_most_telling_marks_of_a_class_give_their_kind(marks: list[Marks], kind: Kind) -> None:
    assert kind_of(marks, 1) == kind
