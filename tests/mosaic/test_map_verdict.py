"""The verdict on a raster that is seen block by block, by what kind of marks taught the thing."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import ClassInfo
from cuecast.engine.calibration import Calibration, Taught, Thresholds
from cuecast.engine.decision import Decision, Sums
from cuecast.mosaic.assemble import LabelRule
from cuecast.mosaic.tiles import TOP


def verdict_of(share: float, *taught: Taught) -> tuple[str, float]:
    """Two blocks of 10 x 10 pixels, that share of which is the thing beyond doubt."""
    levels = np.zeros((1, 10, 20), np.uint8)
    levels[:, :, : int(20 * share)] = TOP
    rule = LabelRule((ClassInfo(1, "roof"),), Decision((1,), Thresholds(), taught=taught))
    sums = Sums((0,))
    for part in (levels[..., :10], levels[..., 10:]):
        sums += rule.sums(part, (part[0] > 0).astype(np.uint8))
    return rule.verdict(sums)


def test_masks_are_trusted_as_the_scores_are() -> None:
    assert verdict_of(0.9) == verdict_of(0.9, Taught()) == ("found", 1.0)


def test_positive_marks_alone_that_fill_the_raster_are_doubtful() -> None:
    assert verdict_of(0.9, Taught("one-sided")) == ("doubtful", pytest.approx(0.49))
    assert verdict_of(0.4, Taught("one-sided")) == ("found", 1.0)


def test_a_confidence_is_worth_what_such_marks_are() -> None:
    calibration = Calibration((), (), (), (0.0,), (0.0,), 0.5, by_scores=(0.0, -1.0))
    verdict, confidence = verdict_of(0.4, Taught("boxes", calibration))
    assert (verdict, confidence) == ("doubtful", pytest.approx(1 / (1 + np.e)))


def test_hardly_anything_is_something_and_nothing_looked_at_is_doubtful() -> None:
    rule = LabelRule((ClassInfo(1, "roof"),), Decision((1,), Thresholds(min_fraction=0.5)))
    levels = np.zeros((1, 10, 10), np.uint8)
    levels[0, 0, 0] = TOP
    assert rule.verdict(rule.sums(levels, rule.labels(levels))) == ("found", 1.0)
    assert rule.verdict(rule.sums(levels[..., 1:], rule.labels(levels[..., 1:]))) == ("absent", 1.0)
    assert rule.verdict(Sums((0,))) == ("doubtful", 0.0)
