"""Whether cues agree: each complete cue alone teaches the others, and its scores are compared with what is drawn there.

Compared by rank: the probability that a place of the thing scores higher than a place beside it (AUC; Mann and Whitney
1947). A thing that is hard to cut out is still ranked right by a cue that shows it, and by a shifted mask, an inverted
one or that of another thing it is not. What two cues say of each other counts together, and medians are taken, so that
one bad cue does not turn the others. Beside that counts how the outline of the mask lies on the picture's own edges,
and whether it lies along the picture's frame. Another thing on the same picture is told by ranks alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from cuecast.core.geometry import mark_labels
from cuecast.core.values import IGNORE, Example
from cuecast.cue_quality.outline import Outline
from cuecast.cue_quality.trials import Trial
from cuecast.prediction import Prediction

Floats = NDArray[np.float64]

FIGURES = ("lower", "spread", "misfit", "worse", "framed")
"""What `figures` gives of a cue: how much lower its ranks are than the others' (logits), how much the others differ
among themselves (logits), how badly its outline fits (logits), how much worse than the others', and how much more of
the image's frame it lies at than they do (an inverted mask does)."""
WEIGHTS = (1.87, -2.09, 0.46, 0.24, 2.49)
LIMIT = 2.58
"""Weights of `FIGURES`, and their sum from which a cue does not agree: fitted by recipes/cue_check.py on bad cues that
were planted in the training sets, docs/decisions/0017-planted-cues.md."""
LEAST = 0.02
"""Probabilities are kept this far from 0 and 1: beyond, differences say nothing."""
BINS = 1600
"""Scores are told apart by their logit, to a hundredth."""
FARTHEST = 8.0


@dataclass(frozen=True)
class Agreement:
    """How a complete cue and the others rank each other's pixels, for the class `cls` with the largest `doubt`.

    own      median over the others of the probability that thing scores above ground, both ways, in [0, 1];
    others   the same among the others, the cue left out;
    outline  share of the other places of the picture at which the mask's outline would lie on weaker edges, in [0, 1];
             None where there is no outline of some length, or the picture has no edges;
    doubt    the weighted figures less their limit: from 0 on the cue does not agree.
    """

    number: int
    image: str
    cls: int
    own: float
    others: float
    outline: float | None
    doubt: float

    @property
    def is_outlier(self) -> bool:
        """Whether the cue does not agree with the others."""
        return self.doubt >= 0


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
    outlines: Mapping[int, Mapping[int, Outline]],
    examples: Sequence[Example],
) -> list[Agreement]:
    """Of each complete cue, in their order; none of fewer than three.

    pairs     a teacher and a trial it teaches; found: their `separations`.
    outlines  position of a cue -> class id -> outline.
    """
    cues = sorted({teacher for teacher, _ in pairs} | {trial.query for _, trial in pairs})
    if len(cues) < 3:
        return []
    worst: dict[int, Agreement] = {}
    for cls in sorted({c for values in found.values() for c in values}):
        ranks = np.full((len(cues), len(cues)), np.nan)
        for teacher, trial in pairs:
            ranks[cues.index(teacher), cues.index(trial.query)] = found[trial].get(cls, np.nan)
        lies = [outlines[cue].get(cls) for cue in cues]
        own, others, _ = typical(ranks)
        doubts = figures(ranks, lies) @ np.array(WEIGHTS) - LIMIT
        for i, (cue, outline) in enumerate(zip(cues, lies, strict=True)):
            if not np.isnan(doubts[i]) and (cue not in worst or doubts[i] > worst[cue].doubt):
                name, share = examples[cue].image.name, outline.share if outline else None
                both = float(own[i]), float(others[i])
                worst[cue] = Agreement(cue + 1, name, cls, *both, share, float(doubts[i]))
    return [worst[c] for c in cues if c in worst]


def figures(ranks: Floats, outlines: Sequence[Outline | None]) -> Floats:
    """(n, 5) `FIGURES` of n cues; the first is nan where a cue or all others have no ranks.

    ranks     (n, n): `separation` of what the cue of a row teaches, on the cue of a column; nan where unknown.
    outlines  n; one that is not known counts like the others', and where none is, none counts.
    """
    own, others, spread = typical(ranks)
    misfit, usual = _beside([None if o is None else o.share for o in outlines])
    frame, usual_frame = _beside([None if o is None else o.frame for o in outlines])
    lower = _logit(others) - _logit(own)
    return np.stack([lower, spread, -_logit(misfit), _logit(usual) - _logit(misfit), frame - usual_frame], 1)


def _beside(values: Sequence[float | None]) -> tuple[Floats, Floats]:
    """(n,) values, and of each the median of the others, which stands for a missing one; 0.5 where none is known."""
    known = np.array([np.nan if v is None else v for v in values], np.float64)
    others = np.array([_median(np.delete(known, i)) for i in range(len(known))])
    others = np.where(np.isnan(others), 0.5, others)
    return np.where(np.isnan(known), others, known), others


def typical(ranks: Floats) -> tuple[Floats, Floats, Floats]:
    """(own, others, spread), each (n,): a cue's median over the others, both ways; the median of the others' own
    medians without the cue; their standard deviation in logits."""
    back = ranks.T
    both = np.where(np.isnan(ranks), back, np.where(np.isnan(back), ranks, (ranks + back) / 2))
    out = []
    for i in range(len(ranks)):
        rest = np.delete(np.delete(both, i, 0), i, 1)
        each = np.array([_median(np.delete(row, k)) for k, row in enumerate(rest)])
        each = each[~np.isnan(each)]
        spread = float(_logit(each).std()) if len(each) else 0.0
        out.append((_median(np.delete(both[i], i)), _median(each), spread))
    own, others, spreads = np.array(out).T
    return own, others, spreads


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _logit(p: Floats) -> Floats:
    kept: Floats = logit(np.clip(p, LEAST, 1 - LEAST))
    return kept
