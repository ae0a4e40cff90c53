"""Shifts, widths and inversions, against answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cuecast.cue_quality.flags import best_shift, inverted_iou, width_ious

NOTHING = np.zeros((40, 60), bool)


def block(top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
    out = NOTHING.copy()
    out[top : top + height, left : left + width] = True
    return out


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (9, 0), (-7, 5), (0, -12), (1, 1)])
def test_a_move_is_found_to_the_pixel(dx: int, dy: int) -> None:
    answer, drawn = block(14, 20, 10, 16), block(14 - dy, 20 - dx, 10, 16)
    shift = best_shift(answer, drawn, NOTHING)
    assert (shift.dx, shift.dy, shift.moved) == (dx, dy, 1.0)
    both = max(0, 10 - abs(dy)) * max(0, 16 - abs(dx))
    assert shift.still == both / (320 - both)
    assert shift.pixels == pytest.approx((dx**2 + dy**2) ** 0.5)


def test_large_masks_are_correlated_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuecast.cue_quality.flags.FINEST", 30)  # 60 columns: every second pixel
    shift = best_shift(block(14, 20, 10, 16), block(10, 28, 10, 16), NOTHING)
    assert (shift.dx, shift.dy, shift.moved) == (-8, 4, 1.0)
    assert shift.still == 48 / (320 - 48)


def test_what_a_move_takes_out_of_the_frame_does_not_count() -> None:
    # 16 columns drawn at the right edge as columns 44..59; the answer has the last 10 of them, at columns 50..59.
    shift = best_shift(block(10, 50, 10, 10), block(10, 44, 10, 16), NOTHING)
    assert (shift.dx, shift.dy, shift.moved) == (6, 0, 1.0)


def test_a_move_that_leaves_a_sliver_is_not_tried() -> None:
    # Moving columns 0..7 left by 7 would leave one column, which the answer covers; at least half must stay.
    shift = best_shift(block(0, 0, 40, 1), block(0, 0, 40, 8), NOTHING)
    assert (shift.dx, shift.moved) == (-4, 0.25)


def test_the_shortest_of_equal_moves_is_taken() -> None:
    shift = best_shift(~NOTHING, ~NOTHING, NOTHING)
    assert (shift.dx, shift.dy, shift.moved) == (0, 0, 1.0)


@pytest.mark.parametrize(("answer", "drawn"), [(NOTHING, block(0, 0, 4, 4)), (block(0, 0, 4, 4), NOTHING)])
def test_nothing_is_not_moved(answer: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> None:
    assert best_shift(answer, drawn, NOTHING).pixels == 0
    assert best_shift(answer, drawn, NOTHING).moved == 0


def test_ignored_pixels_do_not_pull() -> None:
    drawn = block(10, 10, 8, 8)
    answer = drawn | block(10, 40, 8, 8)
    shift = best_shift(answer, drawn, block(0, 35, 40, 25))
    assert (shift.dx, shift.dy, shift.moved) == (0, 0, 1.0)


def test_widths() -> None:
    answer, drawn = block(0, 20, 40, 10), block(0, 18, 40, 14)
    found = width_ious(answer, drawn, NOTHING, (-2, -1, 1, 99, -99))
    # full height: the frame's edge is no border, so a radius takes or adds one column on each side
    assert found == {0: 10 / 14, -2: 1.0, -1: 10 / 12, 1: 10 / 16, 99: 10 / 60}


@pytest.mark.parametrize("drawn", [NOTHING, ~NOTHING])
def test_nothing_and_everything_have_no_border(drawn: NDArray[np.bool_]) -> None:
    assert list(width_ious(block(0, 0, 4, 4), drawn, NOTHING, (-1, 1))) == [0]


def test_inversion() -> None:
    drawn = block(0, 0, 40, 15)
    assert inverted_iou(~drawn, drawn, NOTHING) == 1
    assert inverted_iou(drawn, drawn, NOTHING) == 0
    assert inverted_iou(NOTHING, ~NOTHING, NOTHING) == 0
