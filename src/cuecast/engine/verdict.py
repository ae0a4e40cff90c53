"""From a score map to a mask, a confidence and a verdict. Pure functions on absolute scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Verdict
from cuecast.engine.mark_weights import Kind


@dataclass(frozen=True)
class Thresholds:
    """A pack states these in its card; they are absolute, the same for every image.

    score        pixels at or above it are marked; whole images may be cut elsewhere, see `cuecast.engine.threshold`.
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
    followed          for an answer carried on from a marked frame: weights of the logit of 'expected', of the logit of
                      the marked frame's confidence, of the logarithm of the share that is marked, and the bias; empty:
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
            float(1 / (1 + np.exp(-(z @ np.array(w[:-1]) + w[-1]))))
            for w in ((self.own if own and self.own else self.iou), self.there)
        )
        return iou, there


LIMIT = 3.0
"""Standard deviations beyond which a figure says no more."""


SHARES = (0.003, 0.5)
"""Shares of a frame below and above which a followed thing's size says no more."""


def followed_figures(by_scores: float, known: float, share: float) -> NDArray[np.float64]:
    """(3,): what the confidence of an answer carried on from a marked frame is computed with: logits of what the scores
    alone expect and of the marked frame's confidence, logarithm of the share of the frame that is marked."""
    return np.array([_logit(by_scores), _logit(known), log(min(max(share, SHARES[0]), SHARES[1]))])


FILLED = 0.5
"""Share of an image from which an answer fills it: where nobody has said what is not the thing, that is no answer."""


@dataclass(frozen=True)
class Taught:
    """By what kind of marks a class was taught, and what is known of answers to such marks.

    calibration  of answers with features; None where the pack states none.
    by_scores    slope and bias that the logit of a confidence by the scores alone is moved by.
    known        for answers carried on from a marked frame: the confidence of that frame's answer; else None.
    """

    kind: Kind = "masks"
    calibration: Calibration | None = None
    by_scores: tuple[float, float] = (1.0, 0.0)
    known: float | None = None

    @classmethod
    def by(cls, kind: Kind, calibration: Calibration | None) -> Taught:
        """By marks of a kind, with the pack's calibration for it."""
        return cls(kind, calibration, (1.0, 0.0) if calibration is None else calibration.by_scores)

    def trusted(self, confidence: float, share: float, thresholds: Thresholds) -> float:
        """What a confidence by the scores alone is worth, for an answer that covers `share` of its image.

        Where it was carried on, the scores hold the place as well and are surer than they are right: it is what such
        answers have reached, or where that is not known no more than what it was carried on from.
        """
        followed = () if self.calibration is None else self.calibration.followed
        if self.known is not None and followed:
            figures = followed_figures(confidence, self.known, share)
            return self.bounded(_sigmoid(float(figures @ followed[:-1]) + followed[-1]), share, thresholds)
        if self.by_scores != (1.0, 0.0):
            slope, bias = self.by_scores
            confidence = _sigmoid(slope * _logit(confidence) + bias)
        if self.known is not None:
            confidence = min(confidence, self.known)
        return self.bounded(confidence, share, thresholds)

    def bounded(self, confidence: float, share: float, thresholds: Thresholds) -> float:
        """A confidence, less than 'found' asks for where positive marks alone have led to an answer that fills."""
        fills = self.kind == "one-sided" and share >= FILLED
        return min(confidence, thresholds.found - 0.01) if fills else confidence


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


class Judgement(NamedTuple):
    """The verdict on a mask, its confidence in [0, 1], and the classes that are held to be absent."""

    verdict: Verdict
    confidence: float
    absent: tuple[int, ...]


def decide(
    scores: NDArray[np.float32], class_ids: Sequence[int], thresholds: float | Sequence[float]
) -> NDArray[np.int32]:
    """scores (K, H, W) in [0, 1] -> label map (H, W) int32: the best of the classes that reach their cut, else 0.

    `thresholds` is one threshold for all classes, or one for each.
    """
    needed = np.broadcast_to(np.asarray(thresholds, np.float32), len(scores))[:, None, None]
    reaching = np.where(scores >= needed, scores, np.float32(-1))
    best, ids = reaching.argmax(axis=0), np.asarray(class_ids, np.int32)
    return np.where(reaching.max(axis=0) >= 0, ids[best], 0).astype(np.int32)


def expected_iou(scores: NDArray[np.float32], marked: NDArray[np.bool_]) -> float:
    """The IoU that scores (H, W), read as probabilities, expect of a mask (H, W): expected intersection over expected
    union, sum(p in mask) / (area + sum(p outside)); 0 of an empty one."""
    inside = float(scores[marked].sum(dtype=np.float64))
    outside = float(scores[~marked].sum(dtype=np.float64))
    return inside / max(float(marked.sum()) + outside, 1e-9)


def judge(
    scores: NDArray[np.float32],
    mask: NDArray[np.int32],
    class_ids: Sequence[int],
    thresholds: Thresholds,
    *,
    verdict_features: Sequence[Mapping[str, float]] = (),
    taught: Sequence[Taught] = (),
    stated: Collection[int] = (),
) -> Judgement:
    """The verdict on a label map (H, W) from scores (K, H, W), whose planes belong to `class_ids`.

    verdict_features, taught  what the confidence is computed with, for each class; where
                     one of both is missing, it
                     is what the scores themselves expect, and a class is absent only where hardly anything is marked.
    stated           classes that marks on this very image say are there.

    The confidence is the IoU to be expected of the mask, over classes by their area; of an empty mask, the
    probability that nothing is there.
    """
    calibrations = [t.calibration for t in taught if t.calibration is not None]
    if not verdict_features or len(calibrations) < len(class_ids):
        return _by_scores(scores, mask, class_ids, thresholds, taught, stated)
    absent, parts, nothing = [], [], 1.0
    for k, cls in enumerate(class_ids):
        marked = mask == cls
        area = int(marked.sum())
        share = area / mask.size
        own = cls in stated
        said = {"expected": expected_iou(scores[k], marked), "share": share, "own": float(own)}
        iou, there = calibrations[k].estimate({**verdict_features[k], **said}, own)
        iou = taught[k].bounded(iou, share, thresholds)
        enough = area > thresholds.min_fraction * mask.size
        if (area and cls in stated) or (enough and 1 - there < max(iou, calibrations[k].absent)):
            parts.append((area, iou))
        else:
            absent.append(cls)
            nothing = min(nothing, 1 - there)
    if not parts:
        return Judgement("absent", nothing, tuple(absent))
    areas, ious = np.array(parts).T
    clear = ious.min() >= thresholds.found
    return Judgement("found" if clear else "doubtful", float(areas @ ious / areas.sum()), tuple(absent))


def _by_scores(
    scores: NDArray[np.float32],
    mask: NDArray[np.int32],
    class_ids: Sequence[int],
    thresholds: Thresholds,
    taught: Sequence[Taught],
    stated: Collection[int],
) -> Judgement:
    best = scores.max(axis=0)
    marked = mask > 0
    if marked.sum() <= thresholds.min_fraction * mask.size and not np.isin(mask, list(stated)).any():
        return Judgement("absent", float(1 - best.max()), tuple(class_ids))
    confidence = expected_iou(best, marked)
    shares = [float((mask == cls).mean()) for cls in class_ids]
    trusted = [t.trusted(confidence, s, thresholds) for t, s in zip(taught, shares, strict=bool(taught))]
    confidence = min(trusted, default=confidence)
    return Judgement("found" if confidence >= thresholds.found else "doubtful", confidence, ())
