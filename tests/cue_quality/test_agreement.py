"""Cues that do not agree with the others stand out, whatever the level of the others."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from cue_pictures import clean

from cuecast.core.values import IGNORE, ClassInfo, Example, Image, Marks
from cuecast.cue_quality.agreement import Agreement, Outline, agreements, separation, separations
from cuecast.cue_quality.trials import Trial
from cuecast.prediction import Prediction

NONE = np.zeros((8, 8), bool)
LEFT = np.zeros((8, 8), bool)
LEFT[:, :4] = True


def scores(left: float, right: float) -> np.ndarray:
    return np.where(LEFT, left, right).astype(np.float32)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(0.9, 0.1, 1.0), (0.1, 0.9, 0.0), (0.4, 0.4, 0.5), (0.02, 0.01, 1.0), (1.0, 0.0, 1.0)],
)
def test_separation_is_by_rank(left: float, right: float, expected: float) -> None:
    assert separation(scores(left, right), LEFT, NONE) == expected


def test_separation_of_overlapping_scores() -> None:
    drawn = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    thing, rest = drawn[LEFT], drawn[~LEFT]
    by_pairs = (thing[:, None] > rest[None]).mean()
    assert separation(drawn, LEFT, NONE) == pytest.approx(by_pairs, abs=0.02)


def test_what_is_ignored_does_not_count() -> None:
    mixed = scores(0.9, 0.1)
    mixed[0] = 0.1
    assert separation(mixed, LEFT, NONE) < 1
    top = np.zeros((8, 8), bool)
    top[0] = True
    assert separation(mixed, LEFT, top) == 1
    assert separation(mixed, NONE, NONE) is None
    assert separation(mixed, LEFT, ~LEFT) is None


def found(
    count: int,
    values: dict[tuple[int, int], float],
    usual: float,
    shares: dict[int, float] | None = None,
) -> list[Agreement]:
    """Agreements of cues of which each teaches all others, with these probabilities and the usual one elsewhere; and
    likewise with these shares of their outlines, or without any."""
    pairs = [(t, Trial((t,), q)) for t in range(count) for q in range(count) if t != q]
    found = {trial: {1: values.get((t, trial.query), usual)} for t, trial in pairs}
    lies = (
        {i: {1: Outline(shares.get(i, 0.97), 0, 0, 0.0)} for i in range(count)} if shares is not None else {}
    )
    return agreements(pairs, found, defaultdict(dict, lies), clean(count))


def outliers(agreed: list[Agreement]) -> list[int]:
    return [a.number for a in agreed if a.is_outlier]


def around(cue: int, count: int, value: float) -> dict[tuple[int, int], float]:
    """What a cue and all others say of each other."""
    others = [i for i in range(count) if i != cue]
    return {(cue, i): value for i in others} | {(i, cue): value for i in others}


@pytest.mark.parametrize("count", [3, 5, 12])
@pytest.mark.parametrize(("usual", "value"), [(0.99, 0.6), (0.8, 0.2)])
def test_one_that_is_ranked_worse_stands_out(count: int, usual: float, value: float) -> None:
    assert outliers(found(count, around(1, count, value), usual)) == [2]


@pytest.mark.parametrize(("usual", "value"), [(0.99, 0.97), (0.8, 0.65), (0.55, 0.45)])
def test_a_little_worse_is_not_enough(usual: float, value: float) -> None:
    assert outliers(found(5, around(1, 5, value), usual)) == []


def test_where_the_others_differ_a_larger_difference_is_needed() -> None:
    uneven = around(0, 5, 0.99) | around(1, 5, 0.6) | around(2, 5, 0.6)
    even = around(2, 5, 0.6)
    assert 3 not in outliers(found(5, uneven, 0.95))
    assert outliers(found(5, even, 0.95)) == [3]


def test_two_cues_say_nothing_of_who_is_wrong() -> None:
    assert found(2, {}, 0.1) == []


def test_the_worst_class_of_a_cue_is_told() -> None:
    pairs = [(t, Trial((t,), q)) for t in range(4) for q in range(4) if t != q]
    values = around(3, 4, 0.3)
    both = {trial: {1: 0.95, 2: values.get((t, trial.query), 0.95)} for t, trial in pairs}
    agreed = agreements(pairs, both, defaultdict(dict), clean(4))
    assert outliers(agreed) == [4]
    assert agreed[3].own == pytest.approx(0.3)
    assert agreed[3].others == pytest.approx(0.95)


def test_an_outline_off_the_edges_adds_to_the_doubt() -> None:
    values = around(1, 5, 0.7)
    plain, follows = found(5, values, 0.9), found(5, values, 0.9, {1: 0.99})
    lies_off = found(5, values, 0.9, {1: 0.4})
    assert plain[1].outline is None
    assert lies_off[1].outline == 0.4
    assert lies_off[1].doubt > plain[1].doubt + 1 > follows[1].doubt
    assert outliers(lies_off) == [2]


def test_where_no_outline_follows_edges_one_that_does_not_either_is_no_worse() -> None:
    everywhere = dict.fromkeys(range(5), 0.6)
    assert found(5, {}, 0.9, everywhere)[0].doubt < found(5, {}, 0.9, {0: 0.6})[0].doubt


def test_scores_are_told_apart_by_a_hundredth_of_a_logit_up_to_eight() -> None:
    """Bins begin at whole hundredths; the last one begins at 7.99 and takes in all that is above."""

    def above(thing: float, rest: float) -> float | None:
        return separation(scores(1 / (1 + np.exp(-thing)), 1 / (1 + np.exp(-rest))), LEFT, NONE)

    assert [above(0.009, 0.001), above(0.011, 0.009), above(-0.009, -0.001)] == [0.5, 1, 0.5]
    assert [above(7.995, 7.985), above(9.5, 8.5), above(-8.5, -9.5)] == [1, 0.5, 0.5]


def test_separations_of_the_classes_that_are_drawn_and_taught() -> None:
    """Class 1 on the left scores above what is not ignored; class 2 is not drawn, and nothing is known of class 3."""
    drawn = np.where(LEFT, 1, 0).astype(np.int32)
    drawn[0] = IGNORE
    planes = np.stack([scores(0.9, 0.1), scores(0.9, 0.1)])
    planes[0, 0] = 1 - planes[0, 0]
    image, classes = Image(np.zeros((8, 8, 3), np.uint8)), (ClassInfo(1, "a"), ClassInfo(2, "b"))
    answer = Prediction(image, drawn, drawn, planes, classes, "found", 1.0, 0.0)
    example = Example(image, Marks((8, 8), mask=drawn))
    assert separations(answer, example) == {1: 1.0}
    assert separations(None, example) == {}


def mutual(*values: float) -> dict[tuple[int, int], float]:
    """What four cues say of each other, 0.1 more in the one direction than in the other: 01, 02, 03, 12, 13, 23."""
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    return {p: v + 0.05 for p, v in zip(pairs, values, strict=True)} | {
        p[::-1]: v - 0.05 for p, v in zip(pairs, values, strict=True)
    }


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_doubt_by_hand() -> None:
    """The first cue is at 0.5 by the median; the others without it at 0.85, 0.8 and 0.75, by theirs at 0.8."""
    values = mutual(0.6, 0.5, 0.4, 0.9, 0.8, 0.7)
    spread = np.std([logit(0.85), logit(0.8), logit(0.75)])
    by_ranks = 1.87 * (logit(0.8) - logit(0.5)) - 2.09 * spread - 2.58
    first = found(4, values, 0.0)[0]
    assert (first.own, first.others) == (pytest.approx(0.5), pytest.approx(0.8))
    assert first.doubt == pytest.approx(by_ranks)
    # Its outline at 0.4 beside 0.9, 0.95 and 0.97, and half of the frame beside none, a tenth and a fifth of it.
    lies = {
        i: {1: Outline(share, 0, 0, frame)}
        for i, (share, frame) in enumerate([(0.4, 0.5), (0.9, 0.0), (0.95, 0.1), (0.97, 0.2)])
    }
    pairs = [(t, Trial((t,), q)) for t in range(4) for q in range(4) if t != q]
    ranks = {trial: {1: values[t, trial.query]} for t, trial in pairs}
    doubt = agreements(pairs, ranks, lies, clean(4))[0].doubt
    by_outline = 0.46 * -logit(0.4) + 0.24 * (logit(0.95) - logit(0.4)) + 2.49 * (0.5 - 0.1)
    assert doubt == pytest.approx(by_ranks + by_outline)


def test_one_direction_is_enough_and_a_cue_of_which_nothing_is_known_has_no_doubt() -> None:
    """The second cue taught nothing, and the others say 0.7 of it; of the last one nothing at all is known."""
    pairs = [(t, Trial((t,), q)) for t in range(4) for q in range(4) if t != q]
    ranks = {
        trial: {} if t == 1 or 3 in (t, trial.query) else {1: 0.7 if trial.query == 1 else 0.9}
        for t, trial in pairs
    }
    agreed = agreements(pairs, ranks, defaultdict(dict), clean(4))
    assert [(a.number, a.own) for a in agreed] == [
        (n, pytest.approx(own)) for n, own in ((1, 0.8), (2, 0.7), (3, 0.8))
    ]


def test_near_nought_and_one_differences_say_nothing() -> None:
    doubts = [
        found(4, around(0, 4, low), high)[0].doubt for low, high in ((0.02, 0.98), (0.0, 1.0), (0.01, 0.99))
    ]
    assert doubts == [pytest.approx(1.87 * 2 * logit(0.98) - 2.58)] * 3


def test_of_classes_that_are_equally_bad_the_first_is_told() -> None:
    pairs = [(t, Trial((t,), q)) for t in range(3) for q in range(3) if t != q]
    agreed = agreements(pairs, {trial: {2: 0.9, 1: 0.9} for _, trial in pairs}, defaultdict(dict), clean(3))
    assert [a.cls for a in agreed] == [1, 1, 1]


@pytest.mark.parametrize(("doubt", "outlier"), [(0.0, True), (-0.01, False)])
def test_from_no_doubt_on_a_cue_does_not_agree(doubt: float, outlier: bool) -> None:
    assert Agreement(1, "a.png", 1, 0.5, 0.5, None, doubt).is_outlier == outlier
