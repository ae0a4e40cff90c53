"""Cues that do not agree with the others stand out, whatever the level of the others."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from cue_pictures import clean

from cuecast.cue_quality.agreement import Agreement, Outline, agreements, separation
from cuecast.cue_quality.trials import Trial

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
