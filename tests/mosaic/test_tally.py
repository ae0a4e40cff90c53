"""The verdict on a raster that is seen block by block, by what kind of marks taught the thing."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import ClassInfo
from cuecast.engine.verdict import Taught, Thresholds
from cuecast.mosaic.assemble import LabelRule
from cuecast.mosaic.tally import Tally
from cuecast.mosaic.tiles import TOP

RULE = LabelRule((ClassInfo(1, "roof"),), 0.5)


def verdict_of(share: float, *taught: Taught) -> tuple[str, float]:
    """Two blocks of 10 x 10 pixels, that share of which is the thing beyond doubt."""
    levels = np.zeros((1, 10, 20), np.uint8)
    levels[:, :, : int(20 * share)] = TOP
    tally = Tally(Thresholds(), taught)
    for part in (levels[..., :10], levels[..., 10:]):
        tally.add(part, (part[0] > 0).astype(np.uint8), RULE)
    return tally.verdict()


def test_masks_are_trusted_as_the_scores_are() -> None:
    assert verdict_of(0.9) == verdict_of(0.9, Taught()) == ("found", 1.0)


def test_positive_marks_alone_that_fill_the_raster_are_doubtful() -> None:
    assert verdict_of(0.9, Taught("one-sided")) == ("doubtful", pytest.approx(0.49))
    assert verdict_of(0.4, Taught("one-sided")) == ("found", 1.0)


def test_a_confidence_is_worth_what_such_marks_are() -> None:
    verdict, confidence = verdict_of(0.4, Taught("boxes", None, (0.0, -1.0)))
    assert (verdict, confidence) == ("doubtful", pytest.approx(1 / (1 + np.e)))
