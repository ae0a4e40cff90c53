"""Figures counted by hand on a few pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecast.errors import MaskError
from cuecast.metrics import dice, iou

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


def test_empty_once_ignored_pixels_are_left_out_is_one() -> None:
    assert iou(ANSWER, TRUTH, np.ones_like(TRUTH)) == 1.0


@pytest.mark.parametrize("measure", [iou, dice])
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
