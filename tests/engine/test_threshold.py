from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.engine.threshold import CUTS, AreaPrior, areas_at, choose_threshold, shown_areas

PRIOR = AreaPrior(spread=0.5, freedom=0.7)


def example(mask: np.ndarray | None) -> Example:
    image = Image(np.zeros((10, 10, 3), np.uint8))
    return Example(image, Marks((10, 10), mask=mask, absent=mask is None))


def test_areas_of_complete_cues_that_show_the_class() -> None:
    mask = np.zeros((10, 10), np.int32)
    mask[0, :4], mask[1], mask[2:4] = 1, 2, IGNORE
    unknown = np.full((10, 10), IGNORE, np.int32)
    unknown[0] = 1
    empty = np.zeros((10, 10), np.int32)
    empty[0, 0] = 2
    assert shown_areas([example(mask), example(unknown), example(empty), example(None)], 1).tolist() == [
        4 / 80
    ]


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
