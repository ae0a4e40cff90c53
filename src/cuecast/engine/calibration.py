"""How much an answer is to be trusted: a pack's calibrations, and what they say of answers to each kind of marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cuecast.engine.mark_weights import Kind

Floats = NDArray[np.float64]

LIMIT = 3.0
"""Standard deviations beyond which a figure says no more."""
FILLED = 0.5
"""Share of an image from which an answer fills it: where nobody has said what is not the thing, that is no answer."""
SHARES = (0.003, 0.5)
"""Shares of a frame below and above which a followed thing's size says no more."""


@dataclass(frozen=True)
class Thresholds:
    """A pack states these in its card; they are absolute, the same for every image.

    score        pixels at or above it are marked, where no area moves it and no class has one of its own.
    found        where the IoU to be expected of every class is at or above it, the verdict is 'found', else 'doubtful'.
    min_fraction marked areas below this share of the image count as nothing ('absent').
    """

    score: float = 0.5
    found: float = 0.5
    min_fraction: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """What a pack's confidence is computed with, from its card: two logistic regressions on the same figures.

    names             the figures that are read: 'expected' (see `expected_iou`), features of the segmenter, 'share' (of
                      the image that is marked) and 'own' (1 where the image itself carries marks of the class).
    mean, deviation   of each figure over the answers that the calibration was fitted on.
    iou, there        weights, the bias last: of the IoU to be expected, and of the thing being in the image at all.
    absent            from this probability on that it is not there, the verdict is 'absent', unless the IoU to be
                      expected of the mask is higher still.
    by_scores         where there are no features: slope and bias that the logit of 'expected' is moved by.
    own               as `iou`, for an image that itself carries marks of the class; empty: no other than `iou`.
    followed          for an answer carried on from a marked frame: weights of `followed_figures`, the bias last; empty:
                      not known.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    iou: tuple[float, ...]
    there: tuple[float, ...]
    absent: float
    by_scores: tuple[float, float] = (1.0, 0.0)
    own: tuple[float, ...] = ()
    followed: tuple[float, ...] = ()

    @classmethod
    def from_card(cls, stated: Mapping[str, Any]) -> Calibration:
        """From the entry 'calibration' of a card."""
        parts = {k: tuple(stated[k]) for k in ("names", "mean", "deviation", "iou", "there")}
        parts |= {k: tuple(stated.get(k, ())) for k in ("own", "followed")}
        slope, bias = stated.get("by_scores", (1.0, 0.0))
        return cls(**parts, absent=float(stated["absent"]), by_scores=(float(slope), float(bias)))

    def estimate(self, figures: Mapping[str, float], own: bool = False) -> tuple[float, float]:
        """(IoU to be expected, probability that the thing is there), both in [0, 1]; `own`: the image itself carries
        marks of the class."""
        x = np.array([figures[name] for name in self.names])
        z = np.clip((x - self.mean) / self.deviation, -LIMIT, LIMIT)
        iou, there = (
            float(expit(z @ np.array(w[:-1]) + w[-1]))
            for w in ((self.own if own and self.own else self.iou), self.there)
        )
        return iou, there


@dataclass(frozen=True)
class Taught:
    """By what kind of marks a class was taught, and what is known of answers to such marks.

    calibration  of answers to them; None where the pack states none.
    known        for answers carried on from a marked frame: the confidence of that frame's answer; else None.
    """

    kind: Kind = "masks"
    calibration: Calibration | None = None
    known: float | None = None

    def trusted(self, confidence: float, share: float, limits: Thresholds) -> float:
        """What a confidence by the scores alone is worth, for an answer that covers `share` of its image.

        Where it was carried on, the scores hold the place as well and are surer than they are right: it is what such
        answers have reached, or where that is not known no more than what it was carried on from.
        """
        moved, followed = (
            ((1.0, 0.0), ())
            if self.calibration is None
            else (self.calibration.by_scores, self.calibration.followed)
        )
        if self.known is not None and followed:
            figures = followed_figures(confidence, self.known, share)
            return self.bounded(float(expit(figures @ followed[:-1] + followed[-1])), share, limits)
        if moved != (1.0, 0.0):
            confidence = float(expit(moved[0] * _logit(confidence) + moved[1]))
        if self.known is not None:
            confidence = min(confidence, self.known)
        return self.bounded(confidence, share, limits)

    def bounded(self, confidence: float, share: float, limits: Thresholds) -> float:
        """A confidence, less than 'found' asks for where positive marks alone have led to an answer that fills."""
        fills = self.kind == "one-sided" and share >= FILLED
        return min(confidence, limits.found - 0.01) if fills else confidence


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return log(p / (1 - p))


def followed_figures(by_scores: float, known: float, share: float) -> Floats:
    """(3,): what the confidence of an answer carried on from a marked frame is computed with: logits of what the scores
    alone expect and of the marked frame's confidence, logarithm of the share of the frame that is marked."""
    return np.array([_logit(by_scores), _logit(known), log(min(max(share, SHARES[0]), SHARES[1]))])
