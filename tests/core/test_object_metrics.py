"""Objects matched by hand on a few pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecast.core.errors import MaskError
from cuecast.core.object_metrics import THRESHOLDS, ObjectMatches, match_objects


def ids(*rows: str) -> np.ndarray:
    """An id map (H, W) int32 with a digit a pixel."""
    return np.array([list(map(int, row)) for row in rows], np.int32)


TRUTH = ids(
    "1111022220",
    "0000000000",
    "3333333333",
    "0000000040",
)
ANSWER = ids(
    "7777088800",
    "0000000005",
    "9999966666",
    "0000000000",
)
"""7 is 1 to the pixel; 8 is three pixels of the four of 2; 9 and 6 are the halves of 3; 5 is none, and 4 is missed."""


def test_matched_by_hand() -> None:
    matches = match_objects(ANSWER, TRUTH)
    assert matches == ObjectMatches(found=5, true=4, ious=(1.0, 3 / 4, 1 / 2))
    assert matches.precision == 3 / 5
    assert matches.recall == 3 / 4
    assert matches.f1 == 6 / 9
    assert [matches.matched(t) for t in THRESHOLDS] == [3, 2, 2, 2, 2, 2, 1, 1, 1, 1]
    # TP / (TP + FP + FN): 3 / 6 at 0.5, 2 / 7 five times, 1 / 8 four times
    assert matches.ap == pytest.approx((3 / 6 + 5 * 2 / 7 + 4 * 1 / 8) / 10)
    # two pairs above 0.5 (TP), three objects too many (FP), two missed (FN)
    assert matches.pq == pytest.approx((1 + 3 / 4) / (2 + 3 / 2 + 2 / 2))
    assert matches.count_error == 1 / 4


def test_two_things_that_the_answer_joins_are_one_match_at_most() -> None:
    # the halves of an answer, at an IoU of exactly 0.5 each: one of them has it
    halves = match_objects(ids("1111"), ids("1122"))
    assert halves == ObjectMatches(1, 2, (0.5,))
    assert halves.f1 == 2 / 3
    assert halves.pq == 0  # which counts from above 0.5
    assert halves.count_error == 1 / 2
    # a third more: none is a half
    assert match_objects(ids("111111"), ids("112233")).matched() == 0


def test_an_object_may_be_in_several_parts() -> None:
    assert match_objects(ids("505"), ids("202")).ious == (1.0,)
    assert match_objects(ids("506"), ids("202")) == ObjectMatches(2, 1, (0.5,))


def test_nothing_found_where_nothing_is_is_perfect() -> None:
    empty = np.zeros((2, 3), np.int32)
    for figure in ("precision", "recall", "f1", "ap", "pq"):
        assert getattr(match_objects(empty, empty), figure) == 1
        assert getattr(match_objects(TRUTH, np.zeros_like(TRUTH)), figure) == 0
        assert getattr(match_objects(np.zeros_like(TRUTH), TRUTH), figure) == 0
    assert match_objects(empty, empty).count_error == 0
    assert match_objects(TRUTH, np.zeros_like(TRUTH)).count_error == 4
    assert match_objects(np.zeros_like(TRUTH), TRUTH).count_error == 1


def test_ignored_pixels_count_nowhere() -> None:
    ignore = np.zeros(TRUTH.shape, bool)
    ignore[0, 8] = True  # the pixel that 8 lacks of 2
    ignore[2, 5:] = True  # all of 6, and half of 3
    ignore[1] = True  # all of 5
    ignore[3] = True  # all of 4
    assert match_objects(ANSWER, TRUTH, ignore) == ObjectMatches(3, 3, (1.0, 1.0, 1.0))


def test_an_answer_that_is_mostly_ignored_is_not_too_much() -> None:
    truth = ids("000000")
    ignore = np.array([[1, 1, 0, 0, 0, 0]], bool)
    assert match_objects(ids("111000"), truth, ignore).found == 0
    assert match_objects(ids("011000"), truth, ignore).found == 1  # half of it
    # one that matches what is left of a thing does count
    assert match_objects(ids("111000"), ids("111000"), ignore) == ObjectMatches(1, 1, (1.0,))


def test_shapes_that_differ_are_an_error() -> None:
    with pytest.raises(MaskError, match="different shapes"):
        match_objects(TRUTH, TRUTH[1:])
    with pytest.raises(MaskError, match="different shapes"):
        match_objects(TRUTH, TRUTH, np.zeros((1, 1), bool))


@given(
    arrays(np.int32, (4, 5), elements=st.integers(0, 4)), arrays(np.int32, (4, 5), elements=st.integers(0, 4))
)
def test_as_the_best_assignment_would_match(answer: np.ndarray, truth: np.ndarray) -> None:
    """By scipy's assignment over all pairs, at every threshold, as Cellpose matches."""
    from scipy.optimize import linear_sum_assignment

    found, true = (sorted(set(m.ravel().tolist()) - {0}) for m in (answer, truth))
    ious = np.array(
        [
            [np.sum((answer == a) & (truth == t)) / np.sum((answer == a) | (truth == t)) for t in true]
            for a in found
        ]
    ).reshape(len(found), len(true))
    matches = match_objects(answer, truth)
    for threshold in THRESHOLDS:
        fits = ious >= threshold
        rows, columns = linear_sum_assignment(-(fits + ious / 20))
        assert matches.matched(threshold) == int(fits[rows, columns].sum())
    # the other way round the same, but precision and recall have changed places
    other = match_objects(truth, answer)
    assert (matches.precision, matches.ap, matches.pq) == (other.recall, other.ap, pytest.approx(other.pq))


def test_thousands_of_objects_are_matched_at_once() -> None:
    many = np.arange(1, 10_001, dtype=np.int32).reshape(100, 100).repeat(8, 0).repeat(8, 1)
    matches = match_objects(np.roll(many, 4, 1), many)  # half of one thing, half of the next
    assert (matches.found, matches.true, matches.matched()) == (10_000, 10_000, 0)
    assert match_objects(many + 5, many).f1 == 1
