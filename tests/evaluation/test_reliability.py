from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from cuecast.evaluation.reliability import auroc, calibration_error, reliability


@dataclass(frozen=True)
class Answer:
    iou: float
    confidence: float
    verdict: str = "found"
    truth_empty: bool = False
    scored_iou: float = 0.0


def test_auroc_counts_pairs_in_order_and_ties_half() -> None:
    # Good: 0.9, 0.5; not: 0.5, 0.1. Of four pairs three are in order and one is a tie.
    assert auroc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])) == 3.5 / 4
    assert auroc(np.array([0.9, 0.1]), np.array([True, True])) is None


def test_calibration_error_weighs_bins_by_their_answers() -> None:
    confidence, iou = np.array([0.11, 0.19, 0.85]), np.array([0.4, 0.6, 0.85])
    assert calibration_error(confidence, iou) == pytest.approx(2 / 3 * (0.5 - 0.15))


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    (only,) = reliability([Answer(1.0, 1.0), Answer(0.5, 0.92)]).bins
    assert (only.answers, only.confidence, only.iou) == (2, pytest.approx(0.96), 0.75)


def test_the_most_confident_are_kept_first() -> None:
    answers = [Answer(k / 10, k / 10) for k in range(1, 11)]
    kept = dict(reliability(answers).kept)
    assert kept[0.1] == 1
    assert kept[0.3] == pytest.approx(0.9)
    assert kept[1.0] == pytest.approx(0.55)


def test_absent_verdicts_with_and_without_the_thing() -> None:
    found = reliability(
        [
            Answer(1, 0.9, "absent", truth_empty=True, scored_iou=1.0),
            Answer(0, 0.4, "doubtful", truth_empty=True),
            Answer(0, 0.5, "absent", scored_iou=0.8),
            Answer(0.7, 0.7, "found", scored_iou=0.7),
            Answer(0.9, 0.7, "found", scored_iou=0.9),
            Answer(0, 0.2, "absent", scored_iou=0.4),  # no good mask is lost
        ]
    )
    assert found.called_absent == 0.5
    assert found.lost == pytest.approx(1 / 3)
    assert "50% of the queries without the thing called absent" in found.as_line()


def test_what_does_not_occur_has_no_figure() -> None:
    found = reliability([Answer(0.9, 0.9, scored_iou=0.9)])
    assert (found.auroc, found.called_absent, found.lost) == (None, None, 0.0)
    assert "AUROC" not in found.as_line()
