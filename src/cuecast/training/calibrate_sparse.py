"""What a confidence means where boxes, points and strokes have taught the thing: a calibration for each kind of marks.

Marks are simulated on the sets that weights may be trained on (`cuecast.training.hand_marks`), one cue a task, and go
through the front door. Each cue is asked for its own image, for another one, and for one without the thing.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Example, Marks
from cuecast.engine.decision import expected_iou
from cuecast.engine.mark_weights import Kind
from cuecast.evaluation.episodes import Episode, EpisodeImage, draw_absent, draw_episodes
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.evaluation.processes import one_by_one
from cuecast.io.images import read_image
from cuecast.predictor import Concept, Predictor
from cuecast.training.calibrate import Trial, fit_calibration, fit_iou, logistic
from cuecast.training.hand_marks import FORMS, POSITIVE, hand_marks


class Asked(NamedTuple):
    """The answer to one picture: the kind of the marks that taught it, and whether they are on this very picture."""

    kind: Kind
    own: bool
    trial: Trial


KINDS: Mapping[Kind, tuple[str, ...]] = {
    "boxes": ("boxes",),
    "two-sided": tuple(f for f in FORMS if f.endswith(" against")),
    "one-sided": POSITIVE,
}
"""Forms of marks of each kind of sparse cue."""
MOST_CLASSES = 3
"""Sets that tell more classes apart do not count: they tell them apart by names, which no mark shows."""
STRENGTH = 1.0
"""Ridge penalty of what confidences by the scores alone are moved by."""


def sparse_calibration(
    predictor: Predictor,
    root: Path,
    excluded: Sequence[str],
    progress: Callable[[str], None] = print,
    *,
    workers: int = 1,
) -> dict[str, Any]:
    """The entry 'sparse_calibration' of a card, from the sets under `root`: a calibration for each of `KINDS`; the same
    whatever the number of `workers`, processes that answer."""
    trials: dict[Kind, list[Asked]] = {kind: [] for kind in KINDS}
    found = sparse_trials(predictor, root, excluded, workers=workers)
    for done, asked in enumerate(found, start=1):
        trials[asked.kind].append(asked)
        if done % 50 == 0:
            progress(f"calibration of sparse cues: {done} answers")
    least = predictor.pack.thresholds.min_fraction
    return {kind: fit_sparse(answered, least) for kind, answered in trials.items()}


def fit_sparse(asked: Sequence[Asked], min_fraction: float) -> dict[str, Any]:
    """The calibration of one kind as a card states it.

    The marked picture and others are fitted apart: what speaks for an answer beside its marks speaks less for one
    elsewhere. Few marks tell badly that a thing is absent, so that the IoU is that of pictures that show it.
    """
    own, other = ([a.trial for a in asked if a.own is own] for own in (True, False))
    marked = [t for t in (*own, *other) if t.there and t.shares[0] > min_fraction]
    expected = np.array([t.expected[0] for t in marked]).clip(1e-4, 1 - 1e-4)
    reached = np.array([t.ious[0] for t in marked])
    moved = logistic(np.log(expected / (1 - expected))[:, None], reached, np.ones(len(marked)), STRENGTH)
    entry = fit_calibration(other, [0] * len(other), min_fraction, where_there=True)
    return {
        **entry,
        "own": fit_iou(own, [0] * len(own), entry),
        "by_scores": [round(float(v), 5) for v in moved],
    }


def sparse_trials(
    predictor: Predictor,
    root: Path,
    excluded: Sequence[str],
    *,
    tasks: int = 3,
    queries: int = 2,
    workers: int = 1,
) -> Iterator[Asked]:
    """Answers; each has one threshold, the pack's."""
    classes = Counter(e.set for e in draw_episodes(root, (1,), queries=1))
    kept = {name for name, count in classes.items() if count <= MOST_CLASSES} - {*excluded}
    drawn = [e for e in draw_episodes(root, (1,), queries=queries, tasks=tasks) if e.set in kept]
    lacking: dict[str, list[EpisodeImage]] = {}
    for e in draw_absent(drawn, root):
        lacking.setdefault(e.id.rpartition("/")[0], []).append(e.query)
    asked = [
        # A picture of the same set and one of another in turn.
        (episode, lacking.get(episode.id, [])[number % 2 :][:1], kind)
        for number, episode in enumerate(drawn)
        for kind in KINDS
    ]
    for answers in one_by_one(predictor, asked, root, _answers, workers=workers):
        yield from answers


def _answers(
    predictor: Predictor, asked: tuple[Episode, list[EpisodeImage], Kind], root: Path
) -> list[Asked]:
    """One kind of marks on an episode's cue, asked for its own picture, for the query, and for those that lack it."""
    episode, lacking, kind = asked
    rng = np.random.default_rng(zlib.crc32(f"{episode.id}/{kind}".encode()))
    concept = teach(predictor, episode.cues[0], root, rng, str(rng.choice(KINDS[kind])))
    queries = [(episode.cues[0], True), (episode.query, True), *((q, False) for q in lacking)]
    return [_answer(concept, kind, episode, query, root, there) for query, there in queries]


def teach(
    predictor: Predictor, cue: EpisodeImage, root: Path, rng: np.random.Generator, form: str
) -> Concept:
    """The concept of one cue of an episode, shown by simulated marks of a form instead of by its mask."""
    example = cue_of(cue, root).read()
    labels = truth_of(cue, root, example.image)
    return predictor.learn([Example(example.image, hand_marks(rng, labels, form))])


def _answer(
    concept: Concept, kind: Kind, episode: Episode, query: EpisodeImage, root: Path, there: bool
) -> Asked:
    (shown,) = concept.examples
    image = read_image(root / query.image)
    own: list[Marks] = [shown.marks] if image.digest == shown.image.digest else []
    answer = concept.score(image, own)
    scores = answer.scores[0]
    marked = concept.decision.mark(answer.scores, concept.decision.usual) > 0
    truth = truth_of(query, root, image)
    share = float(marked.mean())
    features = answer.verdict_features[0] if answer.verdict_features else {}
    trial = Trial(
        episode.set,
        1,
        there,
        np.array([iou(marked, truth > 0, truth == IGNORE)]),
        np.array([expected_iou(scores, marked)]),
        np.array([share]),
        np.array([]),
        {**features, "share": share},
    )
    return Asked(kind, bool(own), trial)
