from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cuecast.engine.mark_weights import Kind
from cuecast.engine.verdict import Calibration, Taught, Thresholds, decide, expected_iou, judge

THRESHOLDS = Thresholds(score=0.5, found=0.6, min_fraction=0.01)

# The logit of the IoU is 2 ('clear' - 1), that of being there is 'clear' - 1 + 0.2.
CALIBRATION = Calibration(
    names=("expected", "clear"),
    mean=(0.0, 1.0),
    deviation=(1.0, 0.5),
    iou=(0.0, 1.0, 0.0),
    there=(0.0, 0.5, 0.2),
    absent=0.5,
)
TAUGHT = Taught("masks", CALIBRATION)


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def planes(*areas: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (K, 10, 10), plane k 0.8 on its own row run of so many pixels, and the label map they give."""
    scores = np.full((len(areas), 10, 10), 0.1, np.float32)
    for k, area in enumerate(areas):
        scores[k, k, :area] = 0.8
    return scores, decide(scores, tuple(range(1, len(areas) + 1)), THRESHOLDS.score)


def test_the_best_class_is_marked_where_it_reaches_the_threshold() -> None:
    scores = np.array([[[0.4, 0.6, 0.6]], [[0.3, 0.5, 0.7]]], np.float32)
    assert decide(scores, (3, 7), 0.5).tolist() == [[0, 3, 7]]


def test_the_best_of_the_classes_that_reach_their_own_cut_is_marked() -> None:
    scores = np.array([[[0.5, 0.7]], [[0.4, 0.3]]], np.float32)
    assert decide(scores, (1, 2), (0.6, 0.2)).tolist() == [[2, 1]]


def test_expected_iou_is_expected_intersection_over_expected_union() -> None:
    scores = np.array([[0.9, 0.7, 0.2]], np.float32)
    assert expected_iou(scores, np.array([[True, True, False]])) == pytest.approx(1.6 / 2.2)
    assert expected_iou(scores, np.zeros((1, 3), bool)) == 0


def test_without_a_calibration_the_scores_themselves_say_it() -> None:
    scores, mask = planes(10)
    verdict, confidence, absent = judge(scores, mask, (1,), THRESHOLDS)
    assert (verdict, absent) == ("doubtful", ())
    assert confidence == pytest.approx(8 / (10 + 9))
    scores, mask = planes(1)
    assert judge(scores, mask, (1,), THRESHOLDS) == ("absent", pytest.approx(0.2), (1,))


@pytest.mark.parametrize(
    ("clear", "verdict", "confidence", "absent"),
    [
        (2.0, "found", sigmoid(2), ()),
        (1.0, "doubtful", 0.5, ()),
        (0.9, "doubtful", sigmoid(-0.2), ()),  # absent with 0.475: less than 0.5
        (0.5, "absent", 1 - sigmoid(-0.3), (1,)),  # absent with 0.57, and 0.27 is expected of the mask
    ],
)
def test_the_calibration_decides(
    clear: float, verdict: str, confidence: float, absent: tuple[int, ...]
) -> None:
    scores, mask = planes(10)
    found = judge(
        scores, mask, (1,), THRESHOLDS, verdict_features=[{"clear": clear, "unread": 9.0}], taught=[TAUGHT]
    )
    assert found == (verdict, pytest.approx(confidence), absent)


def test_marks_on_the_image_say_that_a_class_is_there() -> None:
    scores, mask = planes(10)
    low = [{"clear": 0.0}]
    assert judge(scores, mask, (1,), THRESHOLDS, verdict_features=low, taught=[TAUGHT]).verdict == "absent"
    stated = judge(scores, mask, (1,), THRESHOLDS, verdict_features=low, taught=[TAUGHT], stated={1})
    assert stated == ("doubtful", pytest.approx(sigmoid(-2)), ())


@pytest.mark.parametrize("calibration", [CALIBRATION, None])
def test_a_marked_thing_may_be_as_small_as_it_is(calibration: Calibration | None) -> None:
    scores, mask = planes(1)
    features = [{"clear": 0.0}]
    taught = [Taught("masks", calibration)]
    found = judge(scores, mask, (1,), THRESHOLDS, verdict_features=features, taught=taught, stated={1})
    assert (found.verdict, found.absent) == ("doubtful", ())


def test_classes_are_absent_one_at_a_time_and_the_rest_counts_by_area() -> None:
    scores, mask = planes(6, 3, 3)
    features = [{"clear": 2.0}, {"clear": 1.0}, {"clear": 0.0}]
    found = judge(scores, mask, (1, 2, 3), THRESHOLDS, verdict_features=features, taught=[TAUGHT] * 3)
    assert found == ("doubtful", pytest.approx((6 * sigmoid(2) + 3 * 0.5) / 9), (3,))


def test_hardly_anything_marked_is_absent_whatever_the_signals() -> None:
    scores, mask = planes(1)
    found = judge(scores, mask, (1,), THRESHOLDS, verdict_features=[{"clear": 2.0}], taught=[TAUGHT])
    assert found == ("absent", pytest.approx(1 - sigmoid(1.2)), (1,))


def test_a_figure_far_from_what_was_fitted_says_no_more_than_three_deviations() -> None:
    assert CALIBRATION.estimate({"expected": 0.0, "clear": 50.0})[0] == pytest.approx(sigmoid(3))


@pytest.mark.parametrize(
    ("kind", "verdict"), [("one-sided", "doubtful"), ("two-sided", "found"), ("masks", "found")]
)
def test_an_answer_that_fills_the_frame_from_positive_marks_alone_is_doubtful(
    kind: Kind, verdict: str
) -> None:
    scores = np.full((1, 10, 10), 0.95, np.float32)
    mask = decide(scores, (1,), THRESHOLDS.score)
    for features in ([{"clear": 5.0}], []):  # as a whole picture, and by the scores alone
        found = judge(
            scores,
            mask,
            (1,),
            THRESHOLDS,
            verdict_features=features,
            taught=[Taught(kind, CALIBRATION)],
        )
        assert found.verdict == verdict
        assert (found.confidence < THRESHOLDS.found) == (verdict == "doubtful")
    scores[:, 5:] = 0  # half of the frame is filled still, less is not
    assert judge(scores, (scores[0] > 0) * 1, (1,), THRESHOLDS, taught=[Taught(kind)]).verdict == verdict
    scores[:, 4:] = 0
    assert judge(scores, (scores[0] > 0) * 1, (1,), THRESHOLDS, taught=[Taught(kind)]).verdict == "found"


def test_a_confidence_by_the_scores_alone_is_moved_by_what_such_marks_are_worth() -> None:
    scores, mask = planes(10)
    by_scores = 8 / (10 + 9)
    moved = Taught("boxes", None, (2.0, 1.0))
    expected = sigmoid(2 * np.log(by_scores / (1 - by_scores)) + 1)
    assert judge(scores, mask, (1,), THRESHOLDS, taught=[moved]).confidence == pytest.approx(expected)


def test_answers_that_are_carried_on_are_worth_no_more_than_the_first_one() -> None:
    taught = Taught("one-sided", None, (0.5, 0.0), known=0.6)
    assert taught.trusted(0.9, 0.1, THRESHOLDS) == pytest.approx(0.6)
    assert taught.trusted(0.5, 0.1, THRESHOLDS) == pytest.approx(0.5)


def test_answers_that_are_carried_on_are_worth_what_such_ones_have_reached() -> None:
    calibration = replace(CALIBRATION, followed=(0.5, 2.0, -1.0, 0.25))
    taught = Taught("boxes", calibration, (9.0, 9.0), known=sigmoid(-1))
    expected = sigmoid(0.5 * 3 + 2 * -1 - np.log(0.1) + 0.25)
    assert taught.trusted(sigmoid(3), 0.1, THRESHOLDS) == pytest.approx(expected)
    # A thing that is smaller than any that was measured is not trusted the more for it.
    assert taught.trusted(0.9, 1e-6, THRESHOLDS) == taught.trusted(0.9, 0.003, THRESHOLDS)
    # On the whole of a frame there is still no 'found' from positive marks alone.
    assert replace(taught, kind="one-sided", known=0.9).trusted(0.9, 0.6, THRESHOLDS) < THRESHOLDS.found


def test_pictures_that_carry_the_marks_have_weights_of_their_own() -> None:
    scores, mask = planes(10)
    calibration = replace(CALIBRATION, own=(0.0, 0.0, 0.7))
    for stated, logit in (((), 1.0), ({1}, 0.7)):
        taught = [Taught("boxes", calibration)]
        found = judge(
            scores, mask, (1,), THRESHOLDS, verdict_features=[{"clear": 1.5}], taught=taught, stated=stated
        )
        assert found.confidence == pytest.approx(sigmoid(logit))


def test_share_and_own_marks_are_figures() -> None:
    names = ("share", "own")
    calibration = Calibration(names, (0.0, 0.0), (1.0, 1.0), (2.0, 1.0, 0.0), (0.0, 0.0, 5.0), 0.9)
    scores, mask = planes(10)
    for stated, logit in (((), 0.2), ({1}, 1.2)):
        found = judge(
            scores,
            mask,
            (1,),
            THRESHOLDS,
            verdict_features=[{}],
            taught=[Taught("boxes", calibration)],
            stated=stated,
        )
        assert found.confidence == pytest.approx(sigmoid(logit))
