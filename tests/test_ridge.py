"""Ridge regressions whose answers are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.ridge import Ridge, fit_ridge, moments, solve_ridge


def rows(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def weights(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[None]


def test_moments_of_one_class_by_hand() -> None:
    seen = moments(rows(2, 3, 5), weights(1, 0, 0.5), weights(0, 1, 0))
    assert seen.shape == (1, 2, 2, 2)
    # Thing: 1 x (2, 1) and half of (5, 1); rest: (3, 1).
    assert seen[0, 0].tolist() == [[4 + 12.5, 2 + 2.5], [2 + 2.5, 1.5]]
    assert seen[0, 1].tolist() == [[9, 3], [3, 1]]


@pytest.mark.parametrize("whole", [True, False])
def test_moments_of_classes_together_are_those_of_each(whole: bool) -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(0, 4, 40)
    positive = np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)
    negative = 1 - positive
    if not whole:  # of the last class, not every place is known
        negative[2, :10] = 0
    together = moments(x, positive, negative)
    for k in range(3):
        alone = moments(x, positive[k : k + 1], negative[k : k + 1])[0]
        np.testing.assert_allclose(together[k], alone, atol=1e-4)


def test_a_line_through_two_kinds_of_places() -> None:
    """At 1 and at -1, with hardly a penalty: the score is the place itself, and its bias 0."""
    beta = solve_ridge(moments(rows(1, 1, -1), weights(1, 1, 0), weights(0, 0, 1)), 1e-6)
    assert beta[0] == pytest.approx([1, 0], abs=1e-4)


def test_variance_is_small_where_the_cues_are_and_grows_away_from_them() -> None:
    ridge = Ridge.from_moments(moments(rows(1, -1), weights(1, 0), weights(0, 1)), 0.5)
    # Each kind counts 1: the sum is diag(2, 2), the penalty 0.5 x 2 (and 1e-5) on the place, a thousandth on the bias.
    far = 3.0
    expected = [np.log1p(x * x / 3 + 1 / 2.001) for x in (1.0, far)]
    assert ridge.variance(rows(1, far))[0] == pytest.approx(expected, abs=1e-4)


def test_cues_that_agree_foretell_each_other() -> None:
    x, p, n = rows(1, -1, 1, -1), weights(1, 0, 1, 0), weights(0, 1, 0, 1)
    ridge, fit, loo = fit_ridge(x, p, n, np.array([0, 0, 1, 1]), 1e-6)
    assert fit == pytest.approx([1], abs=1e-3)
    assert loo == pytest.approx([1], abs=1e-3)
    assert ridge.read(rows(0.5))[0] == pytest.approx([0.5], abs=1e-3)


def test_cues_that_contradict_each_other_do_not() -> None:
    """What is the thing in the one is the rest in the other: together nothing is learned, each foretells the wrong."""
    x, p, n = rows(1, -1, 1, -1), weights(1, 0, 0, 1), weights(0, 1, 1, 0)
    _, fit, loo = fit_ridge(x, p, n, np.array([0, 0, 1, 1]), 1e-6)
    assert fit == pytest.approx([0], abs=1e-3)
    assert loo == pytest.approx([-1], abs=1e-3)


@pytest.mark.parametrize(
    ("fold", "positive"), [([0, 0, 0, 0], [1, 0, 1, 0]), ([0, 0, 1, 1], [1, 0, 0, 0])], ids=["one", "lacking"]
)
def test_one_cue_alone_or_others_without_the_thing_foretell_nothing(
    fold: list[int], positive: list[int]
) -> None:
    p = weights(*positive)
    _, fit, loo = fit_ridge(rows(1, -1, 1, -1), p, 1 - p, np.array(fold), 0.1)
    assert fit > 0
    assert loo.tolist() == [0]


def test_scores_beyond_one_count_as_one() -> None:
    """The thing at 1 and at 100 lies on one line with the rest at -1: all that is beyond 1 is sure, no more."""
    x, p = rows(1, 100, -1, -1), weights(1, 1, 0, 0)
    ridge, fit, _ = fit_ridge(x, p, 1 - p, np.zeros(4, int), 1e-6)
    scores = ridge.read(x)[0].clip(-1, 1)
    assert fit[0] == pytest.approx((scores[:2].mean() - scores[2:].mean()) / 2, abs=1e-5)
