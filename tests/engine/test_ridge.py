"""Ridge regressions whose answers are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.engine import ridge as ridge_module
from cuecast.engine.ridge import Ridge, fit_ridge, moments, solve_ridge


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


def test_penalties_by_hand() -> None:
    """Things at 2, the rest at 0, a weight of 1 and of 2: gram [[4, 2], [2, 2]], right side [2, 0].

    The penalty is 0.25 x 4 and 1e-5 on the place and a thousandth of it on the bias.
    """
    beta = solve_ridge(moments(rows(2, 0, 0), weights(1, 0, 0), weights(0, 1, 1)), 0.25)
    a, b = 4 + 1.00001, 2 + 0.00100001
    expected = np.linalg.solve([[a, 2], [2, b]], [2, 0])
    assert beta[0] == pytest.approx(expected, abs=1e-5)


def test_what_joins_counts_beside_what_was_seen() -> None:
    first = Ridge.from_moments(moments(rows(1, -1), weights(1, 0), weights(0, 1)), 0.1)
    joined = first.join(rows(3), weights(1), weights(0))
    assert joined.seen[0, 0].tolist() == [[1 + 9, 1 + 3], [1 + 3, 2]]
    assert joined.seen[0, 1].tolist() == first.seen[0, 1].tolist()
    assert joined.beta[0] == pytest.approx(solve_ridge(joined.seen, 0.1)[0])
    assert joined.strength == 0.1


def test_scores_by_hand() -> None:
    """Two features, weights 2 and -1, bias 0.5."""
    ridge = Ridge(np.zeros((1, 2, 3, 3)), 0.1, np.array([[2, -1, 0.5]], np.float32))
    assert ridge.read(np.array([[1, 1], [0, 3]], np.float32)).tolist() == [[1.5, -2.5]]


def test_fit_weighs_places() -> None:
    """Half of what the mean of the thing (weights 1 and 3) is above that of the rest (weights 2 and 2)."""
    x, p, n = rows(1, 0.5, -1, -0.5), weights(1, 3, 0, 0), weights(0, 0, 2, 2)
    ridge, fit, _ = fit_ridge(x, p, n, np.zeros(4, int), 0.1)
    s = ridge.read(x)[0].clip(-1, 1)
    assert fit[0] == pytest.approx(((s[0] + 3 * s[1]) / 4 - (s[2] + s[3]) / 2) / 2, abs=1e-5)


def test_weights_of_two_features_by_hand() -> None:
    """The thing at (2, 0), the rest at (0, 1): gram [[4, 0, 2], [0, 1, 1], [2, 1, 2]], right side [2, -1, 0].

    The mean of the features' diagonal is 2.5, the penalty 0.2 x 2.5 and 1e-5 on both, a thousandth on the bias.
    """
    x = np.array([[2, 0], [0, 1]], np.float32)
    seen = moments(x, weights(1, 0), weights(0, 1))
    p = 0.50001
    expected = np.linalg.solve([[4 + p, 0, 2], [0, 1 + p, 1], [2, 1, 2 + p / 1000]], [2, -1, 0])
    assert solve_ridge(seen, 0.2)[0] == pytest.approx(expected, abs=1e-5)


def test_features_that_say_nothing_have_a_penalty_too() -> None:
    """All are 0: only 1e-5 holds the weight, and the variance away from 0 is 1 / 1e-5 and that of the bias, 1 / 2."""
    ridge = Ridge.from_moments(moments(rows(0, 0), weights(1, 0), weights(0, 1)), 0.5)
    assert ridge.beta[0] == pytest.approx([0, 0], abs=1e-6)
    assert ridge.variance(rows(0, 1))[0] == pytest.approx([np.log1p(0.5), np.log1p(1e5 + 0.5)], abs=1e-3)


def test_a_thing_that_is_hardly_seen_counts_less() -> None:
    """A weight of a millionth makes half a thing at 1, beside a rest at -1.

    Gram [[1.5, -0.5], [-0.5, 1.5]] with a penalty of 1.5, right side [1.5, -0.5]. In `fit` it counts half as well.
    """
    x, p, n = rows(1, -1), weights(1e-6, 0), weights(0, 1)
    ridge, fit, _ = fit_ridge(x, p, n, np.zeros(2, int), 1.0)
    slope, bias = np.linalg.solve([[3, -0.5], [-0.5, 1.5015]], [1.5, -0.5])
    assert ridge.beta[0] == pytest.approx([slope, bias], abs=1e-4)
    assert fit[0] == pytest.approx(((slope + bias) / 2 + slope - bias) / 2, abs=1e-4)


@pytest.mark.parametrize("far", [[1, 1, 0, 0], [0, 0, 1, 1]], ids=["thing", "rest"])
def test_scores_beyond_one_on_either_side_count_as_one(far: list[int]) -> None:
    """At 1 and at 3 is the thing, or the rest: the line through them and -1 is above 1 at 3."""
    p = weights(*far)
    ridge, fit, _ = fit_ridge(rows(1, 3, -1, -1), p, 1 - p, np.zeros(4, int), 1e-6)
    side = 1 if far[0] else -1
    near, beyond, other = side * ridge.read(rows(1, 3, -1))[0]
    assert beyond > 1.1
    assert fit[0] == pytest.approx(((near + 1) / 2 - other) / 2, abs=1e-5)


def test_classes_that_share_a_rest_are_summed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is known once, and each thing once: three sums of two classes, not four."""
    sums: list[int] = []

    def count(x1: np.ndarray, weights: np.ndarray) -> np.ndarray:
        sums.append(len(weights))
        return np.zeros((x1.shape[1],) * 2)

    monkeypatch.setattr(ridge_module, "_weighted", count)
    positive = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    moments(rows(1, 2, 3), positive, 1 - positive)
    assert len(sums) == 3


def test_features_below_nought_do_not_make_others_lack_anything() -> None:
    """As the cues that agree, with a second feature that is -2 everywhere."""
    x = np.array([[1, -2], [-1, -2]] * 2, np.float32)
    p = weights(1, 0, 1, 0)
    _, _, loo = fit_ridge(x, p, 1 - p, np.array([0, 0, 1, 1]), 1e-6)
    assert loo == pytest.approx([1], abs=1e-3)
