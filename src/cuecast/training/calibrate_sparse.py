"""What a confidence means where boxes, points and strokes have taught the thing: a calibration for each kind of marks.

Marks are simulated on the sets that weights may be trained on (`cuecast.training.hand_marks`), one cue a task, and go
through the front door. Each cue is asked for its own image, for another one, and for one without the thing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Example, Marks
from cuecast.engine.components import drop_specks
from cuecast.engine.mark_weights import Kind
from cuecast.engine.verdict import expected_iou
from cuecast.evaluation.draw import draw_absent, draw_episodes
from cuecast.evaluation.episodes import Episode, EpisodeImage
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.evaluation.processes import one_by_one
from cuecast.io.images import read_image
from cuecast.predictor import Concept, Predictor
from cuecast.training.calibrate import Trial, fit_calibration, logistic
from cuecast.training.hand_marks import FORMS, POSITIVE, hand_marks

KINDS: Mapping[Kind, tuple[str, ...]] = {
    "boxes": ("boxes",),
    "two-sided": tuple(f for f in FORMS if f.endswith(" against")),
    "one-sided": POSITIVE,
}
"""Forms of marks of each kind of sparse cue."""
STRENGTH = 1.0
"""Ridge penalty of what confidences by the scores alone are moved by."""


def sparse_calibration(
    predictor: Predictor,
    root: Path,
    excluded: Sequence[str],
    progress: Callable[[str], None] = print,
    *,
    tasks: int = 2,
    workers: int = 1,
) -> dict[str, Any]:
    """The entry 'sparse_calibration' of a card, from the sets under `root`: a calibration for each of `KINDS`; the same
    whatever the number of `workers`, processes that answer."""
    trials: dict[Kind, list[Trial]] = {kind: [] for kind in KINDS}
    found = sparse_trials(predictor, root, excluded, tasks=tasks, workers=workers)
    for done, (kind, trial) in enumerate(found, start=1):
        trials[kind].append(trial)
        if done % 50 == 0:
            progress(f"calibration of sparse cues: {done} answers")
    least = predictor.pack.thresholds.min_fraction
    return {kind: fit_sparse(answered, least) for kind, answered in trials.items()}


def fit_sparse(trials: Sequence[Trial], min_fraction: float) -> dict[str, Any]:
    """The calibration of one kind as a card states it."""
    marked = [t for t in trials if t.there and t.shares[0] > min_fraction]
    expected = np.array([t.expected[0] for t in marked]).clip(1e-4, 1 - 1e-4)
    reached = np.array([t.ious[0] for t in marked])
    moved = logistic(np.log(expected / (1 - expected))[:, None], reached, np.ones(len(marked)), STRENGTH)
    return {
        **fit_calibration(trials, [0] * len(trials), min_fraction),
        "by_scores": [round(float(v), 5) for v in moved],
    }


def sparse_trials(
    predictor: Predictor, root: Path, excluded: Sequence[str], *, tasks: int = 2, workers: int = 1
) -> Iterator[tuple[Kind, Trial]]:
    """Answers, with the kind of the marks that taught them; each has one cut, the pack's."""
    drawn = [e for e in draw_episodes(root, (1,), queries=1, tasks=tasks) if e.set not in excluded]
    lacking: dict[tuple[str, str], list[EpisodeImage]] = {}
    for e in draw_absent(drawn, root):
        lacking.setdefault((e.set, e.task), []).append(e.query)
    asked = [
        # A picture of the same set and one of another in turn.
        (episode, lacking.get((episode.set, episode.task), [])[number % 2 :][:1], kind)
        for number, episode in enumerate(drawn)
        for kind in KINDS
    ]
    for answers in one_by_one(predictor, asked, root, _answers, workers=workers):
        yield from answers


def _answers(
    predictor: Predictor, asked: tuple[Episode, list[EpisodeImage], Kind], root: Path
) -> list[tuple[Kind, Trial]]:
    """One kind of marks on an episode's cue, asked for its own picture, for the query, and for those that lack it."""
    episode, lacking, kind = asked
    rng = np.random.default_rng(zlib.crc32(f"{episode.id}/{kind}".encode()))
    concept = teach(predictor, episode.cues[0], root, rng, str(rng.choice(KINDS[kind])))
    queries = [(episode.cues[0], True), (episode.query, True), *((q, False) for q in lacking)]
    return [(kind, _answer(concept, episode, query, root, there)) for query, there in queries]


def teach(
    predictor: Predictor, cue: EpisodeImage, root: Path, rng: np.random.Generator, form: str
) -> Concept:
    """The concept of one cue of an episode, shown by simulated marks of a form instead of by its mask."""
    example = cue_of(cue, root).read()
    labels = truth_of(cue, root, example.image)
    return predictor.learn([Example(example.image, hand_marks(rng, labels, form))])


def _answer(concept: Concept, episode: Episode, query: EpisodeImage, root: Path, there: bool) -> Trial:
    predictor, (shown,) = concept.predictor, concept.examples
    image = read_image(root / query.image)
    own: list[Marks] = [shown.marks] if image.digest == shown.image.digest else []
    answer = predictor.segmenter.score(concept.knowledge, image, own)
    scores = answer.scores[0]
    marked = drop_specks(scores >= predictor.pack.thresholds.score, concept.smallest_components[0])
    truth = truth_of(query, root, image)
    share = float(marked.mean())
    figures = {
        **(answer.verdict_features[0] if answer.verdict_features else {}),
        "share": share,
        "own": float(bool(own)),
    }
    return Trial(
        episode.set,
        1,
        there,
        np.array([iou(marked, truth > 0, truth == IGNORE)]),
        np.array([expected_iou(scores, marked)]),
        np.array([share]),
        np.array([]),
        figures,
    )
