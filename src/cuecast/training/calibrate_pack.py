"""Thresholds, verdicts and confidence of a pack fitted to pictures that its maker names: `packs make --calibrate`.

Weights of others know nothing of our scores: where they are cut, and what they are worth, is measured on pictures with
masks, as `general` is calibrated (`cuecast.training.calibrate`). Each picture is asked for with cues from the others,
with the thing and without it. What is said of the fit is measured on pictures that it was not fitted to.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.errors import InputError
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import ClassInfo
from cuecast.engine.calibration import Calibration
from cuecast.predictor import Predictor
from cuecast.training.calibrate import Trial, fit_calibration, fit_threshold, threshold_of, trial_of
from cuecast.training.refine_data import Shown, only_classes, read_pictures

SHOTS = (1, 5)
"""Numbers of cues that each picture is asked for with, where there are as many."""
LEAST, LEAST_GROUPS = 8, 4
"""Pictures that show a class, and groups of them, from which on something can be fitted."""
LEAST_LACKING = 4
"""Pictures without the thing from which on absence can be told."""
CLASSES, QUERIES = 6, 12
"""Of classes, and of pictures of a class with it and without it, at most."""
FOLDS = 5
"""Parts of the groups: what is said of the fit is measured on one while the others are fitted to."""
FITTED = ("thresholds", "area", "calibration", "sparse_calibration")
"""Fields of a card that cannot be given beside a calibration."""
FOUND, SPECK = 0.5, 2e-5
"""Of the card's thresholds those that are not fitted: the expected IoU that counts as found, and the share of an image
below which an area is nothing, as that of `general`."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A class taught by some pictures, another one that is asked for it, and to which fold that belongs."""

    cls: ClassInfo
    cues: tuple[Shown, ...]
    query: Shown
    there: bool
    fold: str


@dataclass(frozen=True, eq=False)
class Material:
    """What a pack is asked, and how many pictures, groups of them, and classes that are. See `read_material`."""

    asked: tuple[Asked, ...]
    pictures: int
    groups: int
    classes: int


def read_material(
    sources: Sequence[str | Path],
    classes: Sequence[ClassInfo | str] | None = None,
    group: str | Path | None = None,
) -> Material:
    """What a pack is asked of pictures with masks; arguments as of `cuecast.training.refine_data.read_pictures`.

    Equal data gives equal questions. Raises InputError where it is too little, and what reading raises.
    """
    shown, infos, _ = read_pictures(sources, classes, group)
    showing = {info: [p for p in shown if p.shows(info.id)] for info in infos}
    enough = [i for i, own in showing.items() if len(own) >= LEAST and len(_groups(own)) >= LEAST_GROUPS]
    if not enough:
        told = ", ".join(
            f"class {i.name!r}: {len(own)} in {len(_groups(own))} groups" for i, own in showing.items()
        )
        raise InputError(
            f"too few pictures to calibrate on ({told or 'they show no class'})",
            shown[0].source if shown else None,
            f"give at least {LEAST} pictures of a class, from {LEAST_GROUPS} groups or more (--group), each with its "
            "mask, or leave --calibrate out",
        )
    folds = {name: str(number % FOLDS) for number, name in enumerate(_groups(shown))}
    most = sorted(enough, key=lambda i: -len(showing[i]))[:CLASSES]
    asked = [a for info in most for a in _questions(info, showing[info], shown, folds)]
    used = {p.key: p for a in asked for p in (*a.cues, a.query)}
    return Material(tuple(asked), len(used), len({p.group for p in used.values()}), len(most))


def _groups(shown: Sequence[Shown]) -> list[str]:
    """The groups of these pictures, in an order that names alone decide."""
    return sorted({p.group for p in shown}, key=lambda name: zlib.crc32(name.encode()))


def _questions(
    info: ClassInfo, showing: Sequence[Shown], all_of_them: Sequence[Shown], folds: Mapping[str, str]
) -> list[Asked]:
    """Pictures that show a class, asked for with nested cues of other groups; then as many that lack it, with one."""
    rng = np.random.default_rng(zlib.crc32(f"{info.id}/{'/'.join(p.key for p in showing)}".encode()))
    lacking = [p for p in all_of_them if p.lacks(info.id)]
    queries, others = ([pool[i] for i in rng.permutation(len(pool))[:QUERIES]] for pool in (showing, lacking))
    asked = []
    for query in (*queries, *others):
        rest = [p for p in showing if p.group != query.group]
        cues = [rest[i] for i in rng.permutation(len(rest))]
        there = query.shows(info.id)
        for n in SHOTS if there else SHOTS[:1]:
            if n <= len(cues):
                asked.append(Asked(info, tuple(cues[:n]), query, there, folds[query.group]))
    return asked


def calibrate(predictor: Predictor, material: Material, report: Progress = silent) -> dict[str, Any]:
    """Fields of the pack's card: thresholds, area, calibration, what was measured, and limits.

    Raises InputError where the pack marks nothing, whatever the threshold.
    """
    trials = answers(predictor, material, report)
    absent = sum(not t.there for t in trials)
    if absent < LEAST_LACKING:
        trials = [t for t in trials if t.there]
    found = _fit(trials)
    if found is None:
        what = f"the pack marks hardly anything in {len(trials)} answers, at any threshold: nothing can be fitted"
        raise InputError(what, remedy="use other weights or pictures, or leave --calibrate out")
    limits = [
        f"Threshold and verdicts were fitted to {len(trials)} answers on {material.pictures} pictures of "
        f"{material.groups} groups and {material.classes} "
        f"{'class' if material.classes == 1 else 'classes'}, taught by masks: on pictures far from these, and taught "
        "by boxes, points or scribbles, they are an estimate."
    ]
    if absent < LEAST_LACKING:
        limits.append(
            f"When the thing is absent is not calibrated: {absent} of the pictures are without it, and "
            f"{LEAST_LACKING} are needed."
        )
    return {**found.fields, "scores": _measured(trials), "limits": limits}


def answers(predictor: Predictor, material: Material, report: Progress = silent) -> list[Trial]:
    """What the pack says to all that is asked, in that order."""
    trials = []
    for number, asked in enumerate(material.asked, start=1):
        cls = asked.cls.id
        concept = predictor.learn([only_classes(c, [cls]) for c in asked.cues], [asked.cls])
        query = only_classes(asked.query, [cls])
        truth = query.marks.mask
        assert truth is not None
        trials.append(trial_of(concept, query.image, truth, asked.fold, len(asked.cues), asked.there))
        report(Step("answers", number, len(material.asked)))
    return trials


@dataclass(frozen=True, eq=False)
class Fit:
    """What was fitted: fields of a card, and the index of the threshold that they give a trial."""

    fields: dict[str, Any]
    threshold: Callable[[Trial], int]


def _fit(trials: Sequence[Trial]) -> Fit | None:
    """Thresholds and calibration on these answers; None where they mark nothing at the best threshold."""
    if not any(t.there for t in trials):
        return None
    score, prior, _ = fit_threshold(trials)
    chosen = [threshold_of(t, score, prior) for t in trials]
    if not any(t.there and t.shares[k] > SPECK for t, k in zip(trials, chosen, strict=True)):
        return None
    fields = {
        "thresholds": {"score": score, "found": FOUND, "min_fraction": SPECK},
        "area": asdict(prior),
        "calibration": fit_calibration(trials, chosen, SPECK),
    }
    return Fit(fields, lambda trial: threshold_of(trial, score, prior))


def _measured(trials: Sequence[Trial]) -> dict[str, Any]:
    """The card's scores: each answer is judged by what was fitted to the other folds."""
    ious: dict[int, list[float]] = {}
    off, absent, lost = [], [], []
    for fold in sorted({t.set for t in trials}):
        fit = _fit([t for t in trials if t.set != fold])
        if fit is None:
            continue
        calibration = Calibration.from_card(fit.fields["calibration"])
        for trial in (t for t in trials if t.set == fold):
            k = fit.threshold(trial)
            figures = {"expected": float(trial.expected[k]), **trial.verdict_features}
            said, there = calibration.estimate(figures)
            empty = trial.shares[k] <= SPECK or 1 - there >= max(said, calibration.absent)
            if trial.there:
                ious.setdefault(trial.shots, []).append(float(trial.ious[k]))
                off.append(abs(said - float(trial.ious[k])))
                lost.append(empty)
            else:
                absent.append(empty)
    count = sum(map(len, (off, absent)))
    told: dict[str, Any] = {
        "measured": f"by number of cues, the mean IoU of {count} answers on pictures of one's own, each with what was "
        "fitted to the others",
        "mean": {str(n): round(float(np.mean(values)), 3) for n, values in sorted(ious.items())},
        "confidence is off by": round(float(np.mean(off)), 3) if off else None,
        "things called absent": round(float(np.mean(lost)), 3) if lost else None,
        "absent things recognised": round(float(np.mean(absent)), 3) if absent else None,
    }
    return {name: value for name, value in told.items() if value not in (None, {})}
