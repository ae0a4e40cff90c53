"""What a confidence means where boxes, points and strokes have taught the thing: a calibration for each kind of marks.

Marks are simulated on the sets that weights may be trained on (`hand_marks`), one cue a task, and go through the front
door (`cuecast.training.marking` gives the weights of such marks in a training batch). Each cue
is asked for its own image, for another one, and for one without the thing.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import route_through_array

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Box, Example, Marks, Point, Scribble
from cuecast.engine.decision import expected_iou
from cuecast.engine.mark_weights import Kind
from cuecast.evaluation.episodes import Episode, EpisodeImage, draw_absent, draw_episodes
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.evaluation.processes import one_by_one
from cuecast.io.images import read_image
from cuecast.predictor import Concept, Predictor
from cuecast.training.calibrate import Trial, fit_calibration, fit_iou, logistic

Region = NDArray[np.bool_]

POSITIVE = ("point", "three points", "stroke")
"""Marks of the thing alone. With ' against' behind it, one or two 'not this' of the same form are added."""
FORMS = (*POSITIVE, *(f"{form} against" for form in POSITIVE), "boxes")
MOST_BOXES = 6
CARELESS = 0.025
"""Deviation of a box's sides, as a share of its size."""
DEEP = 0.5
"""Hands mark what is at least this share of the deepest place's distance from the border."""
STEP = 6
"""Pixels of a stroke's route between two of its vertices."""


def hand_marks(rng: np.random.Generator, labels: NDArray[np.int32], form: str) -> Marks:
    """labels (H, W): above 0 the thing, at least one pixel of it, IGNORE unknown -> marks of one of `FORMS`."""
    thing = labels > 0
    if form == "boxes":
        return Marks(labels.shape, boxes=_boxes(rng, thing))
    own, against = form.removesuffix(" against"), form.endswith(" against")
    points, scribbles = _drawn(rng, thing, own, 1, {"point": 1, "three points": 3, "stroke": 1}[own])
    rest = (labels == 0) & ~ndimage.binary_dilation(thing, iterations=max(2, int(0.01 * thing.size**0.5)))
    if against and rest.any():
        more = _drawn(rng, rest, own, 0, int(rng.integers(1, 3)))
        points, scribbles = points + more[0], scribbles + more[1]
    return Marks(labels.shape, points=points, scribbles=scribbles)


def _drawn(
    rng: np.random.Generator, region: Region, own: str, cls: int, count: int
) -> tuple[tuple[Point, ...], tuple[Scribble, ...]]:
    """`count` points, or one stroke after another, well inside a region."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    if own != "stroke":
        places = _deep_places(rng, depth, count)
        return tuple(Point((x + 0.5, y + 0.5), cls) for y, x in places), ()
    return (), tuple(_stroke(rng, depth, cls) for _ in range(count))


def _stroke(rng: np.random.Generator, depth: NDArray[np.float64], cls: int) -> Scribble:
    """From one deep place to another of the same component, along the middle of the thing between them."""
    components, _ = ndimage.label(depth > 0, NEIGHBOURS)
    ((y, x),) = _deep_places(rng, depth, 1)
    own = np.where(components == components[y, x], depth, 0)
    end = max(_deep_places(rng, own, 3), key=lambda p: (p[0] - y) ** 2 + (p[1] - x) ** 2)
    cost = np.where(own > 0, 1 / np.maximum(own, 0.5), 1e6)
    route, _ = route_through_array(cost, (y, x), end)  # type: ignore[no-untyped-call]
    kept = [*route[::STEP], route[-1]]
    return Scribble(tuple((column + 0.5, row + 0.5) for row, column in kept), 3.0, cls)


def _deep_places(rng: np.random.Generator, depth: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """Random (row, column) among the places that are far from their component's border."""
    components, number = ndimage.label(depth > 0, NEIGHBOURS)
    deepest = np.append(0, ndimage.maximum(depth, components, np.arange(1, number + 1)))
    rows, columns = np.nonzero((components > 0) & (depth >= DEEP * deepest[components]))
    # A large component is marked before a small one.
    weight = depth[rows, columns] ** 2
    chosen = rng.choice(len(rows), count, p=weight / weight.sum())
    return [(int(rows[i]), int(columns[i])) for i in chosen]


def _boxes(rng: np.random.Generator, thing: Region) -> tuple[Box, ...]:
    """Boxes round the connected components, at most six of the largest, a little off as a hand draws them."""
    components, _ = ndimage.label(thing, NEIGHBOURS)
    sizes = np.bincount(components.ravel())[1:]
    found = ndimage.find_objects(components)
    boxes = []
    for i in np.argsort(-sizes, kind="stable")[:MOST_BOXES]:
        sides = []
        for along, end in zip(found[i][::-1], thing.shape[::-1], strict=True):
            off = rng.normal(0, CARELESS, 2) * (along.stop - along.start)
            start = float(np.clip(along.start + off[0], 0, end - 1))
            sides.append((start, float(np.clip(along.stop + off[1], start + 1, end))))
        (x0, x1), (y0, y1) = sides
        boxes.append(Box((x0, y0, x1, y1)))
    return tuple(boxes)


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
