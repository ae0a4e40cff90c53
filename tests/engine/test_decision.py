"""From scores to mask and verdict, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from cuecast.core.values import IGNORE, Example, Image, Marks, Point
from cuecast.engine.calibration import Calibration, Taught, Thresholds
from cuecast.engine.decision import (
    CUTS,
    OF_FOUND,
    OF_SHOWN,
    AreaPrior,
    Decision,
    Judgement,
    Sums,
    areas_at,
    best_class,
    choose_threshold,
    drop_specks,
    expected_iou,
    shown_areas,
    smallest_component,
)
from cuecast.engine.mark_weights import Kind

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


def judge(
    scores: np.ndarray,
    mask: np.ndarray,
    class_ids: tuple[int, ...],
    limits: Thresholds,
    verdict_features: Sequence[Mapping[str, float]] = (),
    taught: Sequence[Taught] = (),
    stated: Collection[int] = (),
) -> Judgement:
    decision = Decision(class_ids, limits, taught=tuple(taught))
    return decision.judge(scores, mask, verdict_features, stated)


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def planes(*areas: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (K, 10, 10), plane k 0.8 on its own row run of so many pixels, and the label map they give."""
    scores = np.full((len(areas), 10, 10), 0.1, np.float32)
    for k, area in enumerate(areas):
        scores[k, k, :area] = 0.8
    return scores, best_class(scores, tuple(range(1, len(areas) + 1)), THRESHOLDS.score)


def test_the_best_class_is_marked_where_it_reaches_the_threshold() -> None:
    scores = np.array([[[0.4, 0.6, 0.6]], [[0.3, 0.5, 0.7]]], np.float32)
    assert best_class(scores, (3, 7), 0.5).tolist() == [[0, 3, 7]]


def test_the_best_of_the_classes_that_reach_their_own_cut_is_marked() -> None:
    scores = np.array([[[0.5, 0.7]], [[0.4, 0.3]]], np.float32)
    assert best_class(scores, (1, 2), (0.6, 0.2)).tolist() == [[2, 1]]


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
    mask = best_class(scores, (1,), THRESHOLDS.score)
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
    moved = Taught("boxes", replace(CALIBRATION, by_scores=(2.0, 1.0)))
    expected = sigmoid(2 * np.log(by_scores / (1 - by_scores)) + 1)
    assert judge(scores, mask, (1,), THRESHOLDS, taught=[moved]).confidence == pytest.approx(expected)


def test_answers_that_are_carried_on_are_worth_no_more_than_the_first_one() -> None:
    taught = Taught("one-sided", replace(CALIBRATION, by_scores=(0.5, 0.0)), known=0.6)
    assert taught.trusted(0.9, 0.1, THRESHOLDS) == pytest.approx(0.6)
    assert taught.trusted(0.5, 0.1, THRESHOLDS) == pytest.approx(0.5)


def test_answers_that_are_carried_on_are_worth_what_such_ones_have_reached() -> None:
    calibration = replace(CALIBRATION, followed=(0.5, 2.0, -1.0, 0.25), by_scores=(9.0, 9.0))
    taught = Taught("boxes", calibration, known=sigmoid(-1))
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


PRIOR = AreaPrior(spread=0.5, freedom=0.7)


def shown(mask: np.ndarray | None) -> Example:
    image = Image(np.zeros((10, 10, 3), np.uint8))
    return Example(image, Marks((10, 10), mask=mask, absent=mask is None))


def test_areas_of_complete_cues_that_show_the_class() -> None:
    mask = np.zeros((10, 10), np.int32)
    mask[0, :4], mask[1], mask[2:4] = 1, 2, IGNORE
    unknown = np.full((10, 10), IGNORE, np.int32)
    unknown[0] = 1
    empty = np.zeros((10, 10), np.int32)
    empty[0, 0] = 2
    assert shown_areas([shown(mask), shown(unknown), shown(empty), shown(None)], 1).tolist() == [4 / 80]


def test_areas_are_shares_of_the_scores_that_reach_a_cut() -> None:
    scores = np.array([[0.1, 0.45, 0.5, 1.0]], np.float32)
    found = areas_at(scores, np.array([0.2, 0.45, 0.475, 0.6]))
    assert found.tolist() == [0.75, 0.75, 0.5, 0.25]


def areas(change: float) -> np.ndarray:
    """Areas whose logarithm falls linearly with the logit of the cut, e^-change at the threshold of 0.45."""
    logit = np.log(CUTS / (1 - CUTS))
    return 0.1 * np.exp(-change - (logit - logit[CUTS == 0.45]))


def test_the_usual_cut_where_the_area_is_as_shown() -> None:
    assert choose_threshold(areas(0.0), np.array([0.1]), 0.45, PRIOR) == 0.45


def test_too_little_marked_lowers_the_cut_and_too_much_raises_it() -> None:
    # With slope 1 the best step d in logits weighs (change - d)^2 / 0.25 against d^2 / 0.49: d = 0.66 change.
    low = choose_threshold(areas(1.0), np.array([0.1]), 0.45, PRIOR)
    high = choose_threshold(areas(-0.6), np.array([0.1]), 0.45, PRIOR)
    assert low == pytest.approx(1 / (1 + np.exp(0.2007 + 0.66)), abs=0.0126)
    assert high == pytest.approx(1 / (1 + np.exp(0.2007 - 0.40)), abs=0.0126)


def test_cues_of_many_sizes_say_less() -> None:
    same, mixed = np.full(3, 0.1), np.array([0.01, 0.1, 1.0])
    assert choose_threshold(areas(1.0), same, 0.45, PRIOR) < choose_threshold(areas(1.0), mixed, 0.45, PRIOR)


def test_without_a_complete_cue_the_pack_decides() -> None:
    assert choose_threshold(areas(2.0), np.array([]), 0.45, PRIOR) == 0.45


def example(mask: np.ndarray) -> Example:
    return Example(Image(np.zeros((*mask.shape, 3), np.uint8)), Marks(mask.shape, mask=mask.astype(np.int32)))


def squares(*sides: int) -> np.ndarray:
    """(40, 100) bool with squares of these sides side by side, a column apart."""
    mask, left = np.zeros((40, 100), bool), 0
    for side in sides:
        mask[:side, left : left + side] = True
        left += side + 1
    return mask


def test_the_smallest_piece_is_the_median_over_the_cues() -> None:
    cues = [example(squares(10, 4)), example(squares(6)), example(squares(20, 8, 30))]
    assert smallest_component(cues, 1) == 36 / 4000


def test_the_smallest_thing_of_those_that_touch_is_one_that_was_told_apart() -> None:
    mask = np.zeros((40, 100), np.int32)
    mask[:10, :30] = 1
    ids = mask.copy()
    ids[:10, 4:30] = 2
    cue = example(mask > 0)
    told = Example(cue.image, replace(cue.marks, objects=ids))
    assert smallest_component([cue], 1) == 300 / 4000
    assert smallest_component([told], 1) == 40 / 4000
    apart = example(squares(10, 4))
    named = Example(
        apart.image, replace(apart.marks, objects=np.where(squares(10, 4), 7, 0).astype(np.int32))
    )
    assert smallest_component([named], 1) == smallest_component([apart], 1)


def test_nothing_is_known_of_sparse_cues_or_of_masks_that_know_little() -> None:
    little = np.full((40, 100), IGNORE)
    little[:5, :5] = 1
    points = Example(Image(np.zeros((9, 9, 3), np.uint8)), Marks((9, 9), absent=True))
    assert smallest_component([example(little), points], 1) == 0


def test_specks_go_and_things_stay() -> None:
    found = squares(10, 2, 8)
    assert np.array_equal(drop_specks(found, 64 / 4000), found ^ (squares(10, 2) ^ squares(10)))


@pytest.mark.parametrize("side", [1, 4])
def test_a_lone_piece_stays_however_small(side: int) -> None:
    found = squares(side)
    assert np.array_equal(drop_specks(found, 0.5), found)


def test_things_that_are_small_together_stay() -> None:
    found = squares(4, 3, 4)
    assert OF_FOUND * 16 <= 9 < 16 < OF_SHOWN * 900
    assert np.array_equal(drop_specks(found, 900 / 4000), found)


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    found = squares(10)
    found[10, 10] = True
    assert np.array_equal(drop_specks(found, 0.02), found)


def test_what_a_person_marked_stays() -> None:
    found, kept = squares(20, 2, 1), np.zeros((40, 100), bool)
    kept[0, 21] = True
    assert np.array_equal(drop_specks(found, 0.1, kept), squares(20, 2))


def test_all_stays_where_no_size_was_shown() -> None:
    found = squares(20, 1)
    assert np.array_equal(drop_specks(found, 0.0), found)


def test_a_piece_of_half_the_smallest_one_shown_is_no_speck() -> None:
    """128 pixels were shown: 64 stay and 49 go, however large the largest piece is."""
    found = squares(20, 8, 7)
    assert np.array_equal(drop_specks(found, 128 / 4000), squares(20, 8))


def test_a_piece_of_three_tenths_of_the_largest_one_found_is_no_speck() -> None:
    """Of 100 pixels, 30 would be enough: 36 stay and 25 go, however large the thing was shown."""
    found = squares(10, 6, 5)
    assert np.array_equal(drop_specks(found, 400 / 4000), squares(10, 6))


def test_of_two_pieces_the_small_one_is_a_speck() -> None:
    assert np.array_equal(drop_specks(squares(10, 2), 100 / 4000), squares(10))


def rows(*scores: float) -> np.ndarray:
    """One class, (1, 1, W) float32."""
    return np.array([[scores]], np.float32)


def test_a_given_threshold_stands_for_the_packs_and_is_not_moved_by_the_area() -> None:
    scores = np.stack([rows(0.3, 0.45, 0.55)[0]] * 3)
    prior = AreaPrior(spread=0.1, freedom=10.0)
    shown = (np.array([1.0]), np.array([1.0]), np.array([]))
    decision = Decision((1, 2, 3), Thresholds(0.5), (0.4, None, None), (), prior, shown, (0.0, 0.0, 0.0))
    assert decision.usual == (0.4, 0.5, 0.5)
    assert decision.thresholds(scores) == (
        0.4,
        pytest.approx(0.3, abs=0.101),
        0.5,
    )  # all of the image is asked for
    assert decision.plain.thresholds(scores) == (0.4, 0.5, 0.5)
    assert replace(decision, prior=None).thresholds(scores) == (0.4, 0.5, 0.5)


def test_pixels_that_reach_the_threshold_are_marked_on_any_scale() -> None:
    decision = Decision((3, 7), Thresholds(0.5), (0.25, None))
    scores = np.array([[[0.2, 0.25, 0.3, 0.3]], [[0.2, 0.2, 0.45, 0.5]]], np.float32)
    assert decision.mark(scores).tolist() == [[0, 3, 3, 7]]
    assert decision.mark(np.rint(scores * 200).astype(np.uint8), top=200).tolist() == [[0, 3, 3, 7]]


def test_specks_are_not_marked_unless_a_person_has_touched_them() -> None:
    decision = Decision((1,), smallest=(0.4,))
    scores = rows(*[0.9] * 5, 0, 0, 0.9, 0, 0)
    assert decision.mark(scores)[0].tolist() == [1] * 5 + [0] * 5
    assert decision.plain.mark(scores)[0].tolist() == [1] * 5 + [0, 0, 1, 0, 0]
    touched = Marks((1, 10), points=(Point((7.5, 0.5), 1),))
    assert decision.mark(scores, own=[touched])[0].tolist() == [1] * 5 + [0, 0, 1, 0, 0]


def test_sums_of_parts_are_those_of_the_whole() -> None:
    scores = np.array([[[0, 200, 50, 254]], [[100, 20, 60, 0]]], np.uint8)
    mask = np.array([[2, 1, 0, 1]])
    whole = Sums.of(scores, mask, (1, 2), 254)
    assert whole == Sums((2, 1), 554 / 254, 60 / 254, 1.0, 4)
    assert whole.expected_iou == pytest.approx(554 / (3 * 254 + 60))
    parts = [Sums.of(scores[..., p], mask[..., p], (1, 2), 254) for p in (slice(0, 1), slice(1, 4))]
    added = parts[0] + parts[1]
    assert (added.areas, added.highest, added.pixels) == (whole.areas, whole.highest, whole.pixels)
    assert (added.inside, added.outside) == pytest.approx((whole.inside, whole.outside))
    assert Sums((0, 0)).expected_iou == 0


def test_the_thresholds_that_areas_choose_from() -> None:
    assert (len(CUTS), CUTS[0], CUTS[1], CUTS[-1]) == (17, 0.2, 0.225, 0.6)


def test_a_pack_that_states_no_thresholds_has_halves_and_takes_one_pixel_for_a_thing() -> None:
    scores = rows(0.5, *[0.0] * 8)
    decision = Decision((1,))
    assert decision.mark(scores).tolist() == [[1, *[0] * 8]]
    assert decision.judge(scores, decision.mark(scores)) == ("found", 0.5, ())
    scores[0, 0, 1] = 0.01
    assert decision.judge(scores, decision.mark(scores)).verdict == "doubtful"


CARD = {"names": ["clear"], "mean": [1], "deviation": [2], "iou": [3, 4], "there": [5, 6], "absent": "0.5"}


def test_a_calibration_of_a_card() -> None:
    plain = Calibration(("clear",), (1,), (2,), (3, 4), (5, 6), 0.5)
    assert Calibration.from_card(CARD) == plain
    assert (plain.by_scores, plain.own, plain.followed) == ((1.0, 0.0), (), ())
    more = {"by_scores": [2, "1"], "own": [7, 8], "followed": [1, 2, 3, 4]}
    assert Calibration.from_card(CARD | more) == replace(
        plain, by_scores=(2.0, 1.0), own=(7, 8), followed=(1, 2, 3, 4)
    )


@pytest.mark.parametrize(
    "calibration", [None, CALIBRATION, replace(CALIBRATION, followed=(0.0, 0.0, 0.0, 0.0))]
)
def test_where_nothing_else_is_known_a_confidence_is_worth_itself(calibration: Calibration | None) -> None:
    for taught in (Taught(), Taught("boxes", calibration)):
        assert [taught.trusted(c, 0.9, THRESHOLDS) for c in (0.0, 0.7, 1.0)] == [0.0, 0.7, 1.0]


def test_the_worth_of_answers_comes_with_the_calibration() -> None:
    taught = Taught("boxes", replace(CALIBRATION, by_scores=(2.0, 1.0)))
    # A confidence is looked at between 0.0001 and 0.9999.
    sure = np.log(0.9999 / 0.0001)
    assert taught.trusted(1.0, 0.1, THRESHOLDS) == pytest.approx(sigmoid(2 * sure + 1), abs=1e-12)
    assert taught.trusted(0.0, 0.1, THRESHOLDS) == pytest.approx(sigmoid(-2 * sure + 1), abs=1e-12)


def test_a_followed_thing_is_no_larger_than_half_of_the_frame() -> None:
    taught = Taught("boxes", replace(CALIBRATION, followed=(1.0, 1.0, 1.0, 0.0)), known=0.5)
    assert taught.trusted(0.5, 0.8, THRESHOLDS) == taught.trusted(0.5, 0.5, THRESHOLDS)
    assert taught.trusted(0.5, 0.5, THRESHOLDS) == pytest.approx(1 / 3)  # the sigmoid of log(1 / 2)


def test_what_fills_is_a_hundredth_below_found() -> None:
    assert Taught("one-sided").bounded(0.9, 0.5, THRESHOLDS) == pytest.approx(0.59)
    assert Taught("one-sided").bounded(0.3, 0.5, THRESHOLDS) == 0.3


def test_nothing_adds_nothing() -> None:
    some = Sums((3, 1), 2.5, 0.5, 0.75, 40)
    assert Sums((0, 0)) + some == some + Sums((0, 0)) == some


def test_one_sure_pixel_is_all_that_is_expected() -> None:
    assert Sums((1,), inside=0.75).expected_iou == 0.75


def test_thresholds_follow_areas_where_the_pack_says_how_far_and_cues_show_some() -> None:
    decision = Decision((1,), prior=PRIOR, shown_areas=(np.array([0.1]),))
    assert decision.follows_area
    assert not replace(decision, prior=None).follows_area
    assert not replace(decision, shown_areas=(np.array([]),)).follows_area


def test_what_marks_touch_is_no_speck_wherever_it_lies() -> None:
    """Two rows: a large piece above, a speck below; one of two sets of marks touches it."""
    scores = np.zeros((1, 3, 6), np.float32)
    scores[0, 0, :5] = scores[0, 2, 5] = 0.9
    decision = Decision((1,), smallest=(0.4,))
    elsewhere, there = (Marks((3, 6), points=(Point(xy, 1),)) for xy in ((0.5, 0.5), (5.5, 2.5)))
    assert decision.mark(scores, own=[elsewhere])[2, 5] == 0
    assert decision.mark(scores, own=[elsewhere, there])[2].tolist() == [0] * 5 + [1]


def test_it_is_absent_from_the_stated_probability_on() -> None:
    """Even odds, where even odds are enough and less is expected of the mask."""
    scores, mask = planes(10)
    even = Taught("masks", replace(CALIBRATION, there=(0.0, 0.0, 0.0), iou=(0.0, 0.0, -1.0)))
    found = judge(scores, mask, (1,), THRESHOLDS, verdict_features=[{"clear": 1.0}], taught=[even])
    assert found == ("absent", 0.5, (1,))


def test_it_is_found_from_the_stated_confidence_on() -> None:
    scores, mask = planes(10)
    even = Taught("masks", replace(CALIBRATION, iou=(0.0, 0.0, 0.0)))
    limits = replace(THRESHOLDS, found=0.5)
    found = judge(scores, mask, (1,), limits, verdict_features=[{"clear": 2.0}], taught=[even])
    assert found == ("found", 0.5, ())


@pytest.mark.parametrize("calibration", [CALIBRATION, None])
def test_a_class_that_is_stated_but_not_marked_is_absent(calibration: Calibration | None) -> None:
    scores, mask = planes(0)
    found = judge(
        scores, mask, (1,), THRESHOLDS, [{"clear": 1.0}], taught=[Taught("masks", calibration)], stated={1}
    )
    assert found == ("absent", pytest.approx(1 - sigmoid(0.2) if calibration else 0.9), (1,))


def test_of_several_absent_classes_the_least_sure_one_counts() -> None:
    scores, mask = planes(0, 0)
    found = judge(scores, mask, (1, 2), THRESHOLDS, [{"clear": 0.0}, {"clear": 0.5}], taught=[TAUGHT] * 2)
    assert found == ("absent", pytest.approx(1 - sigmoid(-0.3)), (1, 2))


def test_a_threshold_of_nought_marks_everything() -> None:
    assert best_class(np.array([[[0.0, 0.3]]], np.float32), (4,), 0.0).tolist() == [[4, 4]]


@pytest.mark.parametrize(("known", "areas"), [(50, [0.2]), (49, [])])
def test_half_of_an_image_must_be_known(known: int, areas: list[float]) -> None:
    mask = np.full(100, IGNORE, np.int32)
    mask[:known], mask[:10] = 0, 1
    cue = shown(mask.reshape(10, 10))
    assert shown_areas([cue], 1).tolist() == areas
    assert smallest_component([cue], 1) == (0.1 if areas else 0)


def test_areas_are_told_apart_to_a_4000th() -> None:
    assert areas_at(np.array([[0.44995, 0.45, 1.0]]), np.array([0.45, 1.0])).tolist() == [2 / 3, 1 / 3]
    assert areas_at(np.array([[0.3]]), np.array([0.6, 1.0])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("shown", "freedom", "threshold"),
    [
        ([0.1], 0.7, 0.3),  # a variance of 0.25: 0.66 of the way, a logit of -0.863
        ([0.1 * np.exp(-0.5), 0.1 * np.exp(0.5)], 0.7, 0.35),  # and of 0.5 between the cues: 0.40, -0.596
        ([0.1 * np.exp(-1), 0.1, 0.1 * np.exp(1)], 0.7, 0.375),  # and of 1: 0.28, -0.483
        ([0.1], 2.0, 0.25),  # a variance of 4 of the threshold: 0.94, -1.142
    ],
)
def test_thresholds_by_hand(shown: list[float], freedom: float, threshold: float) -> None:
    """The area is one e-fold small at 0.45, and grows as the logit falls."""
    prior = AreaPrior(0.5, freedom)
    assert choose_threshold(areas(1.0), np.array(shown), 0.45, prior) == threshold
