"""Which threshold marks best and what a confidence means, measured on the pictures that weights may be trained on.

Where scores are unsure, half is not the best threshold: the one that gives the highest Dice is half of that
Dice (Lipton, Elkan and Naryanaswamy 2014, 'Optimal thresholding of classifiers to maximize F1 measure'). Scores of a
thing seen once are unsure, so the best threshold lies below 0.5. One number for all concepts: choosing it for each
concept by leave-one-out on its cues was tried and is worse (docs/decisions/0005-threshold.md). The area that the cues
show may move it (`cuecast.engine.decision`).

The confidence is the IoU that a logistic regression expects from the scores and the engine's features of the answer,
fitted on queries with the thing and without it: docs/decisions/0009-verdicts.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Image
from cuecast.engine.calibration import LIMIT
from cuecast.engine.decision import CUTS, AreaPrior, areas_at, choose_threshold, expected_iou
from cuecast.evaluation.episodes import Episode, draw_absent, draw_episodes
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.evaluation.processes import one_by_one
from cuecast.io.images import read_image
from cuecast.predictor import Concept, Predictor

Floats = NDArray[np.float64]

SHOTS = (1, 5)
SPREADS = (0.3, 0.5, 0.8, 1.2, 2.0)
FREEDOMS = (0.1, 0.35, 0.5, 0.7, 1.0, 1.4)
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Ridge penalties of the regressions that are tried."""
ABSENT: tuple[float, ...] = tuple(np.round(np.arange(0.2, 0.95, 0.05), 2).tolist())
COST = 0.02
"""Share of the mean IoU on queries with the thing that emptied masks may cost."""
ABSENT_SHARE = 0.25
"""Share of queries without the thing that a confidence is honest for."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One query of a set, answered: at each of `CUTS` the IoU, what the scores expect of it, and the marked share of
    the image; the areas in the cues; the engine's features of the answer; whether the thing is there."""

    set: str
    shots: int
    there: bool
    ious: Floats
    expected: Floats
    shares: Floats
    shown: Floats
    verdict_features: dict[str, float]


def answer_trials(
    predictor: Predictor,
    root: Path,
    excluded: Sequence[str],
    progress: Callable[[str], None] = print,
    *,
    queries: int = 3,
    tasks: int = 3,
    workers: int = 1,
) -> list[Trial]:
    """Answers to episodes drawn from the sets under `root`, with the thing and without it; the same whatever the number
    of `workers`, processes that answer them."""
    drawn = [e for e in draw_episodes(root, SHOTS, queries=queries, tasks=tasks) if e.set not in excluded]
    first = [e for e in drawn if e.id.endswith("/0")]
    episodes = [(e, True) for e in drawn] + [(e, False) for e in draw_absent(first, root)]
    trials: list[Trial] = []
    for trial in one_by_one(predictor, episodes, root, _answer, workers=workers):
        trials.append(trial)
        if len(trials) % 20 == 0:
            progress(f"calibration: {len(trials)} of {len(episodes)} episodes")
    return trials


def fit_threshold(trials: Sequence[Trial]) -> tuple[float, AreaPrior, float]:
    """(threshold, prior, mean IoU) that mark the thing best where it is there: every combination is tried.

    Of equal ones the firmest is taken, then the one nearest 0.5.
    """
    there = [t for t in trials if t.there]

    def reached(usual: float, prior: AreaPrior) -> float:
        return _mean_iou(there, [threshold_of(t, usual, prior) for t in there])

    tried = [
        (u, AreaPrior(s, f))
        for f in FREEDOMS
        for s in SPREADS[::-1]
        for u in sorted(CUTS, key=lambda c: abs(c - 0.5))
    ]
    usual, prior = max(tried, key=lambda pair: round(reached(*pair), 4))
    return float(usual), prior, reached(usual, prior)


def threshold_of(trial: Trial, usual: float, prior: AreaPrior) -> int:
    """The index into `CUTS` of the threshold of a trial."""
    return int(np.flatnonzero(choose_threshold(trial.shares, trial.shown, usual, prior) == CUTS)[0])


def fit_calibration(
    trials: Sequence[Trial], thresholds: Sequence[int], min_fraction: float, where_there: bool = False
) -> dict[str, Any]:
    """The entry 'calibration' of a card (`cuecast.engine.calibration.Calibration`); `thresholds`: for each trial an
    index of `CUTS`.

    where_there  the IoU to be expected is that of queries that show the thing; else one in four shows nothing of it.
                 Of those that do, `COST` of the answers may be called absent, however poor their masks are; else
                 that share of their IoU.

    Where all queries show the thing, nothing is known of its absence: its probability is a half, and decides nothing.
    """
    names = ("expected", *trials[0].verdict_features)
    x = _figures(trials, thresholds)
    mean, deviation = x.mean(0), x.std(0).clip(1e-3)
    z = np.clip((x - mean) / deviation, -LIMIT, LIMIT)
    there = np.array([t.there for t in trials], float)
    marked = np.array([t.shares[k] > min_fraction for t, k in zip(trials, thresholds, strict=True)])
    reached = np.array([t.ious[k] if t.there else 0.0 for t, k in zip(trials, thresholds, strict=True)])
    present = there.mean()
    # As many queries without the thing as the confidence is meant for, however many were drawn.
    of_absent = ABSENT_SHARE / (1 - present) if present < 1 else 0.0
    weight = np.where(there > 0, (1 - ABSENT_SHARE) / present, of_absent)
    sets = np.array([t.set for t in trials])
    counted = marked & (there > 0) if where_there else marked
    part = z[counted], reached[counted], weight[counted], sets[counted]
    of_iou = _strength(*part)
    about = {
        "names": list(names),
        "mean": _rounded(mean),
        "deviation": _rounded(deviation),
        "iou": _rounded(logistic(*part[:3], of_iou)),
    }
    if present == 1:
        return {**about, "there": [0.0] * (len(names) + 1), "absent": 1.0}
    of_there = _strength(z, there, weight, sets)
    expected = np.zeros(len(trials))
    expected[counted] = held_out(*part, of_iou)
    not_there = 1 - held_out(z, there, weight, sets, of_there)
    worth = np.ones(len(trials)) if where_there else reached
    return {
        **about,
        "there": _rounded(logistic(z, there, weight, of_there)),
        "absent": lowest_absent(not_there[there > 0], expected[there > 0], worth[there > 0]),
    }


def fit_iou(trials: Sequence[Trial], thresholds: Sequence[int], entry: dict[str, Any]) -> list[float]:
    """Weights of the IoU to be expected of other answers than those an entry was fitted on, on its own figures."""
    z = np.clip((_figures(trials, thresholds) - entry["mean"]) / entry["deviation"], -LIMIT, LIMIT)
    reached = np.array([t.ious[k] for t, k in zip(trials, thresholds, strict=True)])
    part = z, reached, np.ones(len(trials)), np.array([t.set for t in trials])
    return _rounded(logistic(*part[:3], _strength(*part)))


def _figures(trials: Sequence[Trial], thresholds: Sequence[int]) -> Floats:
    """(n, figures): what the scores expect, then the features."""
    return np.array(
        [[t.expected[k], *t.verdict_features.values()] for t, k in zip(trials, thresholds, strict=True)]
    )


def lowest_absent(not_there: Floats, expected: Floats, worth: Floats) -> float:
    """The least probability of absence from which queries that do show the thing may be called absent.

    Their masks are emptied then; that may cost `COST` of what they are worth together. All (n,): the probability, the
    IoU expected, and what each is worth, its IoU or 1.
    """
    for limit in ABSENT:
        emptied = not_there >= np.maximum(expected, limit)
        if (worth * emptied).sum() <= COST * worth.sum():
            return limit
    return 1.0


def _mean_iou(trials: Sequence[Trial], thresholds: Sequence[int]) -> float:
    """Means within a set and number of cues, then over these."""
    groups: dict[tuple[str, int], list[float]] = defaultdict(list)
    for trial, k in zip(trials, thresholds, strict=True):
        groups[trial.set, trial.shots].append(float(trial.ious[k]))
    return float(np.mean([np.mean(group) for group in groups.values()]))


def _answer(predictor: Predictor, asked: tuple[Episode, bool], root: Path) -> Trial:
    """An episode, and whether its query holds the thing, answered."""
    episode, there = asked
    concept = predictor.learn([cue_of(shown, root) for shown in episode.cues])
    image = read_image(root / episode.query.image)
    return trial_of(concept, image, truth_of(episode.query, root, image), episode.set, episode.shots, there)


def trial_of(
    concept: Concept, image: Image, truth: NDArray[np.int32], name: str, shots: int, there: bool
) -> Trial:
    """What a concept of one class says of an image whose truth (H, W) is above 0 on the thing; `name`: of its set."""
    answer = concept.score(image)
    scores = answer.scores[0]
    marked = [concept.decision.mark(answer.scores, (t,)) > 0 for t in CUTS]
    return Trial(
        name,
        shots,
        there,
        np.array([iou(m, truth > 0, truth == IGNORE) for m in marked]),
        np.array([expected_iou(scores, m) for m in marked]),
        areas_at(scores),
        concept.decision.shown_areas[0],
        answer.verdict_features[0] if answer.verdict_features else {},
    )


def _strength(z: Floats, target: Floats, weight: Floats, sets: NDArray[np.str_]) -> float:
    """The ridge penalty that serves sets best that the regression was not fitted on."""

    def cost(strength: float) -> float:
        p = held_out(z, target, weight, sets, strength).clip(1e-6, 1 - 1e-6)
        return float(-(weight * (target * np.log(p) + (1 - target) * np.log(1 - p))).sum())

    return min(STRENGTHS, key=cost)


def held_out(z: Floats, target: Floats, weight: Floats, sets: NDArray[np.str_], strength: float) -> Floats:
    """(n,): what is predicted for each row of z (n, features) by a regression fitted on the other sets."""
    predicted = np.full(len(z), float(np.average(target, weights=weight)))
    for name in np.unique(sets):
        here, rest = sets == name, sets != name
        if 0 < target[rest].sum() < rest.sum():
            beta = logistic(z[rest], target[rest], weight[rest], strength)
            predicted[here] = 1 / (1 + np.exp(-(z[here] @ beta[:-1] + beta[-1])))
    return predicted


def logistic(z: Floats, target: Floats, weight: Floats, strength: float) -> Floats:
    """Weights (features + 1,), the bias last, of a logistic regression of z (n, features) on targets (n,) in [0, 1].

    A row counts for both of its classes.
    """
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([z, z])
    classes = np.repeat([1, 0], len(z))
    weights = np.concatenate([weight * target, weight * (1 - target)])
    fitted = LogisticRegression(C=1 / strength, max_iter=2000).fit(rows, classes, sample_weight=weights)
    return np.append(fitted.coef_[0], fitted.intercept_[0])


def _rounded(values: Floats) -> list[float]:
    return [round(float(v), 5) for v in values]
