"""Whether cues agree: each complete cue alone teaches the others, and its scores are compared with what is drawn there.

Compared by rank: the probability that a place of the thing scores higher than a place beside it (AUC; Mann and Whitney
1947). A thing that is hard to cut out is still ranked right by a cue that shows it, and by a shifted mask, an inverted
one or that of another thing it is not. What two cues say of each other counts together, and medians are taken, so that
one bad cue does not turn the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from cuecast.crossval.trials import Trial
from cuecast.geometry import mark_labels
from cuecast.prediction import Prediction
from cuecast.types import IGNORE, Example

GAP = 1.4
"""Difference of logits from which a cue does not agree with the others, where these agree evenly."""
SPREAD = 1.5
"""Standard deviations of the others' logits that are added to GAP."""
LEAST = 0.02
"""Probabilities are kept this far from 0 and 1: beyond, differences say nothing."""
BINS = 1600
"""Scores are told apart by their logit, to a hundredth."""
FARTHEST = 8.0


@dataclass(frozen=True)
class Agreement:
    """How a complete cue and the others rank each other's pixels, for the class with the largest `gap`.

    own     median over the others of the probability that thing scores above ground, both ways, in [0, 1];
    others  the same among the others, the cue left out;
    gap     how much lower `own` is, in logits, less what the others differ by among themselves.
    """

    number: int
    image: str
    own: float
    others: float
    gap: float

    @property
    def is_outlier(self) -> bool:
        """Whether the cue does not agree with the others."""
        return self.gap >= GAP


def separations(prediction: Prediction | None, example: Example) -> dict[int, float]:
    """Class id -> probability that a pixel of it scores above one beside it, for the classes drawn and taught."""
    if prediction is None:
        return {}
    labels = mark_labels(example.marks)
    ignore = labels == IGNORE
    found = {}
    for info, scores in zip(prediction.classes, prediction.scores, strict=True):
        if (value := separation(scores, labels == info.id, ignore)) is not None:
            found[info.id] = value
    return found


def separation(
    scores: NDArray[np.float32], truth: NDArray[np.bool_], ignore: NDArray[np.bool_]
) -> float | None:
    """The probability that a pixel of the truth scores above one beside it, ties half; None where either is empty."""
    logits = np.clip(logit(scores.astype(np.float64)), -FARTHEST, FARTHEST)
    bins = np.minimum((logits + FARTHEST) / (2 * FARTHEST) * BINS, BINS - 1).astype(np.intp)
    thing, rest = (np.bincount(bins[m], minlength=BINS) for m in (truth & ~ignore, ~truth & ~ignore))
    if not thing.any() or not rest.any():
        return None
    below = rest.cumsum() - rest / 2
    return float((thing * below).sum() / (thing.sum() * rest.sum()))


def agreements(
    pairs: Sequence[tuple[int, Trial]],
    found: Mapping[Trial, Mapping[int, float]],
    examples: Sequence[Example],
) -> list[Agreement]:
    """Of each complete cue, in their order; none of fewer than three. `pairs`: a teacher and a trial it teaches."""
    cues = sorted({teacher for teacher, _ in pairs} | {trial.query for _, trial in pairs})
    if len(cues) < 3:
        return []
    worst: dict[int, Agreement] = {}
    for cls in sorted({c for values in found.values() for c in values}):
        table = np.full((len(cues), len(cues)), np.nan)
        for teacher, trial in pairs:
            table[cues.index(teacher), cues.index(trial.query)] = found[trial].get(cls, np.nan)
        for cue, (own, others, gap) in zip(cues, _gaps(table), strict=True):
            if not np.isnan(gap) and (cue not in worst or gap > worst[cue].gap):
                worst[cue] = Agreement(cue + 1, examples[cue].image.name, own, others, gap)
    return [worst[c] for c in cues if c in worst]


def _gaps(table: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """(own, others, gap) of each row and column of (n, n) probabilities; nan where nothing is known."""
    back = table.T
    both = np.where(np.isnan(table), back, np.where(np.isnan(back), table, (table + back) / 2))
    out = []
    for i in range(len(table)):
        own = _median(np.delete(both[i], i))
        rest = np.delete(np.delete(both, i, 0), i, 1)
        each = np.array([_median(np.delete(row, k)) for k, row in enumerate(rest)])
        each = each[~np.isnan(each)]
        others = _median(each)
        spread = float(_logit(each).std()) if len(each) else 0.0
        out.append((own, others, float(_logit(others) - _logit(own)) - SPREAD * spread))
    return out


def _median(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _logit(p: NDArray[np.float64] | float) -> NDArray[np.float64]:
    kept: NDArray[np.float64] = logit(np.clip(p, LEAST, 1 - LEAST))
    return kept
