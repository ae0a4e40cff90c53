"""How well objects are told apart, on a fixed list of episodes that say which pixels are whose (`instances`).

Every answer is split in three ways, in the same run and from the same mask: as the concept does it ('cuecast'), into
its connected components, and by a watershed of distances. See `cuecast.core.object_metrics` for the figures.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from cuecast.core.cluster import Cluster
from cuecast.core.errors import CuecastError, EpisodeError
from cuecast.core.metrics import iou
from cuecast.core.object_metrics import match_objects
from cuecast.core.ordered import Progress, silent
from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.cues import Cue
from cuecast.evaluation.episodes import Episode, EpisodeImage
from cuecast.evaluation.evaluate import Listed, cue_of, made_by, truth_of
from cuecast.evaluation.object_baselines import connected_ids, shown_diameter, watershed_ids
from cuecast.evaluation.processes import run_each
from cuecast.io.images import read_image
from cuecast.io.labels.ids import read_objects
from cuecast.predictor import Predictor

METHODS = ("connected", "watershed", "cuecast")
FIGURES = {
    "precision": "precision", "recall": "recall", "f1": "F1", "ap": "AP", "pq": "PQ", "count_error": "count err",
    "iou": "mask IoU", "seconds": "s",
}  # fmt: skip
"""What an `ObjectScore` measures -> its heading in the table."""

MATCHED = ("found", "true", "precision", "recall", "f1", "ap", "pq", "count_error")
"""What an `ObjectOutcome` takes from `match_objects`."""


@dataclass(frozen=True)
class ObjectOutcome:
    """What one method made of one episode. `found` and `true` are numbers of objects.

    precision, recall, f1  at an IoU of 0.5.
    ap         TP / (TP + FP + FN), its mean over IoUs of 0.5 to 0.95 in steps of 0.05.
    pq         panoptic quality.
    count_error  |found - true| / true.
    iou        of the mask, which all methods share.
    seconds    wall time of the answer and of splitting it.
    """

    id: str
    set: str
    task: str
    shots: int
    method: str
    found: int
    true: int
    precision: float
    recall: float
    f1: float
    ap: float
    pq: float
    count_error: float
    iou: float
    seconds: float


@dataclass(frozen=True)
class ObjectScore:
    """The means of one set, number of cues and method; `set` is 'mean' for the mean over the sets."""

    set: str
    shots: int
    method: str
    episodes: int
    precision: float
    recall: float
    f1: float
    ap: float
    pq: float
    count_error: float
    iou: float
    seconds: float


@dataclass(frozen=True)
class ObjectResult(Listed):
    """Outcomes in the order of the episode list, the methods of each in that of `METHODS`, and what made them."""

    outcomes: tuple[ObjectOutcome, ...]
    pack: str
    pack_digest: str
    commit: str | None
    scale: str
    workers: int
    wall_seconds: float

    def scores(self) -> list[ObjectScore]:
        """One line a number of cues, set and method: by number of cues, then in the order of the list."""
        groups: dict[tuple[int, str, str], list[ObjectOutcome]] = defaultdict(list)
        for o in self.outcomes:
            groups[o.shots, o.set, o.method].append(o)
        ordered = sorted(groups.items(), key=lambda group: group[0][0])
        return [_mean(name, group) for (_, name, _), group in ordered]

    def means(self) -> list[ObjectScore]:
        """One line a number of cues and method: the mean over sets of the means within each set."""
        groups: dict[tuple[int, str], list[ObjectScore]] = defaultdict(list)
        for score in self.scores():
            groups[score.shots, score.method].append(score)
        return [_mean("mean", group) for group in groups.values()]

    def as_table(self) -> str:
        """Plain text to read: three lines a set, the means over sets last."""
        scores = [*self.scores(), *self.means()]
        width = max(len(s.set) for s in scores)
        lines = [f"{'set':<{width}} cues {'method':<9}" + "".join(f"{h:>10}" for h in FIGURES.values())]
        for s in scores:
            cells = "".join(f"{getattr(s, figure):>10.3f}" for figure in FIGURES)
            lines.append(f"{s.set:<{width}} {s.shots:>4} {s.method:<9}{cells}")
        return "\n".join(
            [
                *lines,
                "",
                "Objects match at an IoU of 0.5 and above. AP: TP / (TP + FP + FN), mean over IoUs of 0.5 to 0.95; PQ:",
                "panoptic quality; count err: wrong by this share of the true number. All split the same mask:",
                "connected into its components, watershed by distances and the size in the cues. s: seconds an image.",
                self._made_line(len(self.outcomes) // len(METHODS)),
            ]
        )


@dataclass(frozen=True, eq=False)
class ObjectAnswer:
    """An episode, answered: ids (H, W) int32 of the truth and by method, and where nothing counts (H, W) bool."""

    query: Image
    truth: NDArray[np.int32]
    ignore: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    found: Mapping[str, NDArray[np.int32]]
    seconds: Mapping[str, float]


def evaluate_objects(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: str | Path,
    progress: Progress = silent,
    *,
    workers: int = 1,
    threads: int | None = None,
    cluster: Cluster | None = None,
    scale: str = "frame",
) -> ObjectResult:
    """Run every episode and compare its objects with the true ones.

    workers, threads, cluster  as in `run_each`: the figures are the same, only the seconds differ.
    scale             as in `Predictor.learn`.

    Raises EpisodeError, which names the episode, where one cannot be run or its query has no `instances`.
    """
    started = time.perf_counter()
    run = partial(run_object_episode, scale=scale)
    outcomes = run_each(
        predictor, episodes, root, run, progress, workers=workers, threads=threads, cluster=cluster
    )
    return ObjectResult(
        outcomes=tuple(o for made in outcomes for o in made), **made_by(predictor, scale, workers, started)
    )


def run_object_episode(
    predictor: Predictor, episode: Episode, root: Path, scale: str = "frame"
) -> tuple[ObjectOutcome, ...]:
    """Learn the episode's cues, answer its query, compare by each method. Raises EpisodeError and names the episode."""
    answer = answer_objects(predictor, episode, root, scale)
    overlap = iou(answer.mask, answer.truth > 0, answer.ignore)
    outcomes = []
    for method, ids in answer.found.items():
        m = match_objects(ids, answer.truth, answer.ignore)
        figures = {name: getattr(m, name) for name in MATCHED}
        seconds = answer.seconds[method]
        outcomes.append(
            ObjectOutcome(
                episode.id,
                episode.set,
                episode.task,
                episode.shots,
                method,
                **figures,
                iou=overlap,
                seconds=seconds,
            )
        )
    return tuple(outcomes)


def answer_objects(predictor: Predictor, episode: Episode, root: Path, scale: str = "frame") -> ObjectAnswer:
    """Learn the episode's cues, with their objects where they have them, and split the answer by each of `METHODS`.

    Raises EpisodeError and names the episode.
    """
    try:
        predictor.segmenter.forget()
        cues = [object_cue_of(shown, root) for shown in episode.cues]
        concept = predictor.learn(cues, classes=[episode.task], scale=scale)
        query = read_image(root / episode.query.image)
        truth, ignore = true_objects(episode.query, root, query)
        prediction = concept.segment(query)
    except CuecastError as error:
        raise EpisodeError(f"episode {episode.id}: {error}") from error
    mask = prediction.mask > 0
    diameter = shown_diameter(concept.examples, query.size, scale)
    ways: dict[str, Callable[[], NDArray[np.int32]]] = {
        "connected": lambda: connected_ids(mask),
        "watershed": lambda: watershed_ids(mask, diameter),
        "cuecast": lambda: prediction.instances,
    }
    found, seconds = {}, {}
    for method in METHODS:
        started = time.perf_counter()
        found[method] = ways[method]()
        seconds[method] = prediction.seconds + time.perf_counter() - started
    return ObjectAnswer(query, truth, ignore, mask, found, seconds)


def object_cue_of(shown: EpisodeImage, root: Path) -> Cue | Example:
    """The cue that an episode shows, with its objects where it says which pixels are whose. Raises InputError."""
    if shown.instances is None or shown.mask is None:
        return cue_of(shown, root)
    image = read_image(root / shown.image)
    labels = np.minimum(truth_of(shown, root, image), 1)
    ids, _ = true_objects(shown, root, image)
    return Example(image, Marks(image.size, labels, objects=ids))


def true_objects(
    shown: EpisodeImage, root: Path, image: Image
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(H, W) int32 ids of the things that an episode's image shows, and where nothing counts (H, W) bool.

    Ids count where the mask has one of the episode's values. Pixels of the thing without an id are of things that
    nobody has told apart, and do not count. Raises MaskError, and EpisodeError where there is a mask and no ids.
    """
    labels = truth_of(shown, root, image)
    if shown.mask is None:
        return labels, np.zeros(image.size, bool)
    if shown.instances is None:
        raise EpisodeError(
            'nothing says which pixels are whose: add "instances", the file of ids, beside "mask", or '
            "evaluate without --objects",
            shown.image,
        )
    ids = read_objects(root / shown.instances, image=image)
    ids = np.where(labels > 0, ids, 0).astype(np.int32)
    return ids, (labels == IGNORE) | ((labels > 0) & (ids == 0))


def _mean(name: str, parts: Sequence[ObjectOutcome] | Sequence[ObjectScore]) -> ObjectScore:
    """The means of some outcomes, or of the scores of sets, of one method and number of cues."""
    count = sum(getattr(p, "episodes", 1) for p in parts)
    figures = {figure: fmean(getattr(p, figure) for p in parts) for figure in FIGURES}
    return ObjectScore(name, parts[0].shots, parts[0].method, count, **figures)
