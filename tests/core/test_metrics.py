"""Figures counted by hand on a few pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecast.core.errors import MaskError
from cuecast.core.metrics import cldice, dice, iou

ANSWER = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool)
TRUTH = np.array([[0, 1, 1, 1], [0, 0, 0, 1]], bool)
IGNORE = np.array([[1, 0, 0, 0], [0, 0, 0, 1]], bool)


def test_counted_by_hand() -> None:
    assert iou(ANSWER, TRUTH) == 2 / 5
    assert dice(ANSWER, TRUTH) == 4 / 7


def test_ignored_pixels_count_nowhere() -> None:
    assert iou(ANSWER, TRUTH, IGNORE) == 2 / 3
    assert dice(ANSWER, TRUTH, IGNORE) == 4 / 5


def test_both_empty_is_one_and_one_empty_is_zero() -> None:
    empty = np.zeros_like(TRUTH)
    assert iou(empty, empty) == dice(empty, empty) == 1.0
    assert iou(ANSWER, empty) == dice(ANSWER, empty) == 0.0
    assert iou(empty, TRUTH) == dice(empty, TRUTH) == 0.0
    assert cldice(empty, empty) == 1.0
    assert cldice(ANSWER, empty) == cldice(empty, TRUTH) == 0.0


def test_empty_once_ignored_pixels_are_left_out_is_one() -> None:
    assert iou(ANSWER, TRUTH, np.ones_like(TRUTH)) == 1.0
    assert cldice(ANSWER, TRUTH, np.ones_like(TRUTH)) == 1.0


def line(*pixels: tuple[int, int], size: tuple[int, int] = (5, 7)) -> np.ndarray:
    """A mask (5, 7) bool of these (row, column) pixels."""
    out = np.zeros(size, bool)
    out[tuple(np.array(pixels).T)] = True
    return out


ROW = line(*((2, x) for x in range(7)))
"""A line of seven pixels, a pixel wide: its own centre line."""


def test_a_line_that_is_too_wide_is_still_followed() -> None:
    wide = np.pad(np.ones((3, 7), bool), ((1, 1), (0, 0)))
    assert dice(wide, ROW) == 14 / 28
    # Thinned, the wide line lies on the row, but for a pixel or so at its ends.
    assert cldice(wide, ROW) > 0.9


def test_half_a_line_counts_by_its_centre_line() -> None:
    # All three pixels of the answer lie in the truth; three of the truth's seven lie in the answer.
    half = line((2, 0), (2, 1), (2, 2))
    assert cldice(half, ROW) == pytest.approx(2 * 1 * (3 / 7) / (1 + 3 / 7))
    assert cldice(ROW, half) == cldice(half, ROW)


def test_a_gap_and_a_spur_each_cost_their_share() -> None:
    # Six of seven pixels, and a far piece of two that is nothing: precision 6/8, sensitivity 6/7.
    answer = ROW & ~line((2, 3)) | line((0, 0), (0, 1))
    assert cldice(answer, ROW) == pytest.approx(2 * (6 / 8) * (6 / 7) / (6 / 8 + 6 / 7))


def test_a_line_beside_the_truth_is_not_followed() -> None:
    assert cldice(np.roll(ROW, 1, axis=0), ROW) == 0.0


def test_what_is_said_on_ignored_pixels_changes_no_centre_line() -> None:
    ignore = np.zeros((5, 7), bool)
    ignore[:, 4:] = True
    shown = ROW & ~ignore
    for elsewhere in (ROW, ROW | ignore, shown):
        assert cldice(elsewhere, shown, ignore) == 1.0
        assert cldice(elsewhere, ROW, ignore) == 1.0


@pytest.mark.parametrize("measure", [iou, dice, cldice])
def test_shapes_that_differ_are_refused(measure: object) -> None:
    with pytest.raises(MaskError, match=r"\(2, 4\), \(2, 3\).*resize with nearest neighbour"):
        measure(ANSWER, TRUTH[:, :3])  # type: ignore[operator]
    with pytest.raises(MaskError, match="different shapes"):
        measure(ANSWER, TRUTH, IGNORE[:1])  # type: ignore[operator]


PAIR = arrays(bool, (2, 5, 6), elements=st.booleans())


@given(PAIR)
def test_dice_and_iou_tell_the_same_story(pair: np.ndarray) -> None:
    overlap = iou(pair[0], pair[1])
    assert dice(pair[0], pair[1]) == pytest.approx(2 * overlap / (1 + overlap))
    assert iou(pair[1], pair[0]) == overlap
    assert 0 <= overlap <= 1
    assert cldice(pair[1], pair[0]) == pytest.approx(cldice(pair[0], pair[1]))
    assert 0 <= cldice(pair[0], pair[1]) <= 1
