"""How far verdicts and confidence can be trusted, from answers whose truth is known. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GOOD = 0.5
"""IoU from which an answer counts as good."""
BINS = 10
KEPT = tuple(np.round(np.arange(0.1, 1.01, 0.1), 1).tolist())


class Answered(Protocol):
    """What is read of an answer: iou, scored_iou, confidence, verdict, truth_empty; `evaluate.Outcome` has them."""

    @property
    def iou(self) -> float: ...
    @property
    def scored_iou(self) -> float | None: ...
    @property
    def confidence(self) -> float: ...
    @property
    def verdict(self) -> str: ...
    @property
    def truth_empty(self) -> bool: ...


@dataclass(frozen=True)
class Bin:
    """The answers with a confidence in one of ten equal steps from 0 to 1."""

    answers: int
    confidence: float
    iou: float


@dataclass(frozen=True)
class Reliability:
    """Figures of a list of answers; IoU as in `cuecast.core.metrics`: 1 where truth and answer are both empty.

    auroc     chance that a good answer (IoU of at least 0.5) has more confidence than another; None without both kinds.
    error     expected calibration error (Naeini et al. 2015): mean distance of confidence and IoU over ten bins.
    bins      for the reliability diagram (Guo et al. 2017), those with answers.
    kept      (share of answers, the most confident first; their mean IoU), the risk-coverage curve.
    called_absent  share of the queries without the thing that are called so; None where there are none.
    lost      share of the queries whose mask was good before the verdict that are called absent; None where none was.
    """

    answers: int
    auroc: float | None
    error: float
    bins: tuple[Bin, ...]
    kept: tuple[tuple[float, float], ...]
    called_absent: float | None
    lost: float | None

    def as_line(self) -> str:
        """The figures as one line to read."""
        parts = [f"calibration error {self.error:.3f}"]
        if self.auroc is not None:
            parts.append(f"AUROC {self.auroc:.3f} for an IoU of {GOOD}")
        if self.called_absent is not None:
            parts.append(f"{self.called_absent:.0%} of the queries without the thing called absent")
        if self.lost is not None:
            parts.append(f"{self.lost:.0%} of the good masks called absent")
        return f"confidence: {', '.join(parts)}"


def reliability(answers: Sequence[Answered]) -> Reliability:
    """The figures of some answers, at least one."""
    iou = np.array([a.iou for a in answers])
    confidence = np.array([a.confidence for a in answers])
    absent = np.array([a.verdict == "absent" for a in answers])
    empty = np.array([a.truth_empty for a in answers])
    scored = np.array([a.iou if a.scored_iou is None else a.scored_iou for a in answers])
    good = ~empty & (scored >= GOOD)
    return Reliability(
        answers=len(answers),
        auroc=auroc(confidence, iou >= GOOD),
        error=calibration_error(confidence, iou),
        bins=_bins(confidence, iou),
        kept=_kept(confidence, iou),
        called_absent=float(absent[empty].mean()) if empty.any() else None,
        lost=float(absent[good].mean()) if good.any() else None,
    )


def auroc(confidence: Floats, good: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve of (n,) answers by ranks, ties half (Mann and Whitney 1947); None without both kinds."""
    from scipy.stats import rankdata

    positives, negatives = int(good.sum()), int((~good).sum())
    if not positives or not negatives:
        return None
    ranks = rankdata(confidence)
    return float((ranks[good].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_error(confidence: Floats, iou: Floats) -> float:
    """Mean over the (n,) answers of |mean confidence - mean IoU| of their bin."""
    bins = _bins(confidence, iou)
    return sum(b.answers * abs(b.confidence - b.iou) for b in bins) / len(iou)


def _bins(confidence: Floats, iou: Floats) -> tuple[Bin, ...]:
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(int((here := place == b).sum()), float(confidence[here].mean()), float(iou[here].mean()))
        for b in range(BINS)
        if (place == b).any()
    )


def _kept(confidence: Floats, iou: Floats) -> tuple[tuple[float, float], ...]:
    ordered = iou[np.argsort(-confidence, kind="stable")]
    return tuple((share, float(ordered[: max(1, round(share * len(iou)))].mean())) for share in KEPT)
