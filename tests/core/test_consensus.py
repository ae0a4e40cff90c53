"""Agreement of several people, and one truth of what they marked, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.consensus import (
    WAYS,
    Marked,
    Overlap,
    Staple,
    Votes,
    deciding,
    majority,
    matches,
    mean_iou,
    told_apart,
    unanimous,
)
from cuecast.core.errors import MaskError
from cuecast.core.values import IGNORE

X = IGNORE


def labels(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int32)


ANNA = labels([1, 1, 1, 0, 0, 2])
BEN = labels([0, 1, 1, 1, X, 2])
CLEO = labels([1, 1, 0, 0, 0, 1])


def overlaps(one: np.ndarray, other: np.ndarray) -> dict[int, Overlap]:
    return Votes.of([one, other]).overlaps(0, 1)


def agreement(marked: list[np.ndarray]) -> float | None:
    return Votes.of(marked).agreement


def test_overlap_counts_classes_that_one_has_on_pixels_of_which_both_say_something() -> None:
    found = overlaps(ANNA, BEN)
    assert {c: (o.one, o.other, o.both) for c, o in found.items()} == {1: (3, 3, 2), 2: (1, 1, 1)}
    assert (found[1].iou, found[1].dice) == (2 / 4, 4 / 6)
    assert mean_iou(found) == 0.75
    alone = overlaps(ANNA, CLEO)
    assert {c: (o.one, o.other, o.both) for c, o in alone.items()} == {1: (3, 3, 2), 2: (1, 0, 0)}
    assert (alone[1].iou, alone[2].iou, mean_iou(alone)) == (0.5, 0.0, 0.25)


def test_agreement_is_the_mean_over_pairs_and_whole_where_nobody_marks_anything() -> None:
    # Ben and Cleo: class 1 has 3 and 3 pixels of the five that both speak of, 1 in both; class 2 none in both.
    assert overlaps(BEN, CLEO)[1].iou == 1 / 5
    assert agreement([ANNA, BEN, CLEO]) == pytest.approx((0.75 + 0.25 + 0.1) / 3)
    assert agreement([ANNA]) is None
    assert Votes.of([ANNA, None, BEN]).agreement == 0.75
    nothing = labels([0, 0])
    assert (overlaps(nothing, nothing), agreement([nothing, nothing])) == ({}, 1.0)
    all_left_out = labels([X, X])
    assert overlaps(all_left_out, nothing) == {}


def test_majority_takes_what_most_say_and_leaves_ties_out() -> None:
    votes = Votes.of([ANNA, BEN, CLEO])
    # 1 0 1 | 1 1 1 | 1 1 0 | 0 1 0 | 0 - 0 | 2 2 1
    assert votes.drawn(majority).tolist() == [[1, 1, 1, 0, 0, 2]]
    two = Votes.of([ANNA, None, CLEO])
    assert two.drawn(majority).tolist() == [[1, 1, X, 0, 0, X]]
    # Two of five are more than one of three others; nobody's word is nothing.
    assert majority(labels([1, 1, 2, 3, 0], [X, X, X, X, X], [X, X, 4, X, X])).tolist() == [1, X, 4]


def test_unanimous_leaves_out_all_on_which_people_differ() -> None:
    votes = Votes.of([ANNA, BEN, CLEO])
    assert votes.drawn(unanimous).tolist() == [[X, 1, X, X, 0, X]]
    assert votes.disputed == 4 / 6
    assert Votes.of([labels([X, 1]), labels([X, X])]).disputed == 0


def test_votes_are_the_few_ways_in_which_pixels_were_voted_on() -> None:
    votes = Votes.of([labels([0, 0, 7], [7, 0, 7]), None, labels([0, 0, 7], [0, X, 7])])
    assert {tuple(s): n for s, n in zip(votes.said.tolist(), votes.count.tolist(), strict=True)} == {
        (0, X, 0): 2,
        (7, X, 7): 2,
        (7, X, 0): 1,
        (0, X, X): 1,
    }
    assert (votes.said[votes.which][..., 0] == labels([0, 0, 7], [7, 0, 7])).all()
    with pytest.raises(MaskError, match=r"shapes \[\(1, 2\), \(1, 3\)\] are not of one picture"):
        Votes.of([labels([0, 0]), labels([0, 0, 0])])
    with pytest.raises(MaskError, match="nobody has marked"):
        Votes.of([None])


def test_staple_weighs_a_vote_by_bayes() -> None:
    # P(true) = 0.25; each finds 0.9 of it, and calls 0.2 of the rest it.
    one = np.array([[0.8, 0.1], [0.2, 0.9]])  # rows: said, columns: true
    staple = Staple(
        np.array([0, 1], np.int32), np.array([0.75, 0.25]), np.stack([one, one]), np.zeros((2, 2))
    )
    said = labels([1, 1], [1, 0], [0, 0], [1, X], [X, X])
    true = [0.25 * 0.81, 0.25 * 0.09, 0.25 * 0.01, 0.25 * 0.9, 0.25]
    false = [0.75 * 0.04, 0.75 * 0.16, 0.75 * 0.64, 0.75 * 0.2, 0.75]
    expected = [t / (t + f) for t, f in zip(true, false, strict=True)]
    assert staple.probabilities(said)[:, 1] == pytest.approx(expected)
    # 0.87, 0.16, 0.005, 0.6, 0.25: only the third is surer than 0.9; what nobody speaks of is never decided.
    assert staple(said).tolist() == [X, X, 0, X, X]


def test_staple_finds_out_who_is_reliable() -> None:
    # Two who say the same are right; the third finds 15 of 20 pixels, and calls 4 of 80 others the thing.
    truth = np.zeros((10, 10), np.int32)
    truth[:2] = 1
    third = truth.copy()
    third[0, :5], third[5, :4] = 0, 1
    votes = Votes.of([truth, truth.copy(), third])
    staple = Staple.fit([votes])
    assert [staple.sensitivity(n)[1] for n in range(3)] == pytest.approx([1, 1, 0.75], abs=1e-4)
    assert [staple.specificity(n)[1] for n in range(3)] == pytest.approx([1, 1, 76 / 80], abs=1e-4)
    assert (votes.drawn(staple) == truth).all()


def test_staple_says_what_simple_itk_says() -> None:
    """Figures of SimpleITK 2.5's STAPLEImageFilter for the same three discs."""
    y, x = np.mgrid[:40, :50]
    discs = [
        ((y - a) ** 2 + (x - b) ** 2 < r * r).astype(np.int32)
        for a, b, r in ((20, 20, 9), (21, 22, 10), (18, 21, 8))
    ]
    staple = Staple.fit([Votes.of(discs)])
    assert [staple.sensitivity(n)[1] for n in range(3)] == pytest.approx(ITK_SENSITIVITY, abs=1e-5)
    assert [staple.specificity(n)[1] for n in range(3)] == pytest.approx(ITK_SPECIFICITY, abs=1e-5)


ITK_SENSITIVITY = (0.968082349, 0.972296194, 0.755385479)
ITK_SPECIFICITY = (0.993840512, 0.962503712, 0.995930626)


def test_staple_of_several_pictures_and_classes_is_one_estimate() -> None:
    # On the first picture Ben calls half of class 2 class 1; the second, which Anna has not marked, is judged by that.
    anna = labels([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    ben = labels([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 1, 1])
    first = Votes.of([anna, ben, anna])
    staple = Staple.fit([first, Votes.of([None, labels([1]), labels([2])])])
    assert staple.labels.tolist() == [0, 1, 2]
    assert staple.sensitivity(1) == pytest.approx({0: 1, 1: 1, 2: 2 / 5}, abs=1e-3)
    assert staple.specificity(1)[1] == pytest.approx(1 - 3 / 9, abs=1e-3)
    assert staple(labels([X, 1, 2])).tolist() == [2]
    with pytest.raises(MaskError, match="nobody says anything"):
        Staple.fit([Votes.of([labels([X])])])


def test_every_way_decides_alike_where_all_agree() -> None:
    same = [labels([0, 1, 2], [2, 1, 0])] * 3
    votes = Votes.of(same)
    for way in WAYS:
        assert (votes.drawn(deciding(way, [votes])) == same[0]).all()


def test_objects_match_by_class_outside_what_is_left_out() -> None:
    one = Marked(labels([1, 1, 0, 2, 2, 0]), labels([1, 1, 0, 2, 2, 0]))
    other = Marked(labels([1, 1, X, 2, 0, 1]), labels([5, 5, 0, 6, 0, 7]))
    found = matches(one, other, 1)
    assert (found.found, found.true, found.matched()) == (1, 2, 1)
    assert matches(one, other, 2).matched() == 1  # 1 of 2 pixels: an IoU of 0.5
    assert matches(one, other).f1 == 2 * 2 / 5


def test_a_truth_is_told_apart_as_the_person_who_agrees_most_does() -> None:
    thing = labels([1, 1, 1, 1, 0, 1])
    halves = Marked(thing, labels([1, 1, 2, 2, 0, 3]))
    others = Marked(thing, labels([4, 4, 5, 5, 0, 6]))
    whole = Marked(thing, labels([1, 1, 1, 1, 0, 2]))
    assert told_apart(thing, [whole, halves, others]).tolist() == [[1, 1, 2, 2, 0, 3]]


def test_what_that_person_has_not_marked_joins_the_nearest_object_or_is_one() -> None:
    ids = labels([0, 1, 1, 2, 2, 0, 0, 0])
    one = Marked((ids > 0).astype(np.int32), ids)
    truth = labels([1, 1, 1, 1, 1, 1, 0, 1])
    assert told_apart(truth, [one, one]).tolist() == [[1, 1, 1, 2, 2, 2, 0, 3]]
    assert told_apart(labels([0, X]), [one, one][:0] or [Marked(labels([0, 0]), labels([0, 0]))]).max() == 0
