"""Lessons of the training sets for the decoder of a pack, once its steps are done.

In a step (`loop`) a decoder sees views of 128 to 256 pixels and a forest that a few cues were thinned for. Here the
pack itself is asked about whole pictures, at its working scale, with its own forest and its second look: what is
learned from is what will be read. The rest is as in refining a pack (`refine_fit`), with the sets in the place of own
pictures: docs/decisions/0037-lessons-for-the-generalist.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import IGNORE, Example
from cuecast.engine.matching import MatchingSegmenter
from cuecast.evaluation.processes import one_by_one
from cuecast.predictor import Predictor
from cuecast.training.calibrate_sparse import FORMS, hand_marks
from cuecast.training.refine_fit import (
    APART,
    LACKING,
    SHOTS,
    SHOTS_CHANCE,
    TOGETHER,
    Sample,
    Samples,
    draw_beside,
    example_of,
    seen_alike,
    taught,
    write_samples,
)
from cuecast.training.sets import IGNORE_VALUE, PictureSet
from cuecast.training.tasks import draw_group, label_maps, pick_set

ASKED, OF_LESSON = 4, 14
"""Pictures that are asked in a lesson, and samples that are kept of it, at most."""
OTHER = 0.35
"""Share of the lessons that are of regions of one picture, or drawn: `SOURCES`."""
SOURCES, SIDES = (0.0, 0.25, 0.75), (256, 320)
SPARSE = 0.12
"""Share of the lessons of a set whose cues are boxes, points or strokes."""
FOREIGN = 0.25
"""Share of them that also ask a picture of another scenario, which does not hold the thing."""


def draw_set_lesson(
    segmenter: MatchingSegmenter, sets: tuple[PictureSet, ...], seed: int, number: int
) -> list[Sample]:
    """The samples of lesson `number`; the same for the same arguments. Now and then a lesson has none."""
    rng = np.random.default_rng((seed, number))
    if rng.random() < OTHER:

        def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
            group = draw_group(rng, sets, count, int(rng.choice(SIDES)), TOGETHER, SOURCES)
            return group.images, label_maps(group)

        return draw_beside(segmenter, draw, rng, 0, ASKED, OF_LESSON)
    return _lesson_of_set(segmenter, sets, rng)


def _lesson_of_set(
    segmenter: MatchingSegmenter, sets: tuple[PictureSet, ...], rng: np.random.Generator
) -> list[Sample]:
    pictures = pick_set(rng, [s for s in sets if s.holding])
    enough = [c for c, members in pictures.holding.items() if len(members) > 2]
    if not enough:
        return []
    main = int(rng.choice(enough))
    members = rng.permutation(pictures.holding[main])
    shots = min(int(rng.choice(SHOTS, p=SHOTS_CHANCE)), len(members) - 1)
    cues, asked = members[:shots].tolist(), members[shots:][:ASKED].tolist()
    if lacking := sorted({*pictures.lacking[main]} - {*cues}):
        asked += rng.choice(lacking, min(len(lacking), max(1, len(asked) // LACKING)), replace=False).tolist()
    others = {int(c) for i in cues for c in np.unique(pictures.masks[i])} - {0, IGNORE_VALUE, main}
    classes, shown, queries = seen_alike(
        rng, main, sorted(others), (cues, asked), partial(_example, pictures), APART
    )
    shown = [e for e in shown if not e.marks.absent]
    if not shown:
        return []
    if rng.random() < SPARSE:
        classes, form = [1], str(rng.choice(FORMS))
        shown = [_by_hand(rng, e, main, form) for e in shown]
        queries = [example_of(e.image.pixels, _only(e, main)) for e in queries]
    strangers = [s for s in sets if s.holding and s.scenario != pictures.scenario]
    if rng.random() < FOREIGN and strangers:
        image = (other := pick_set(rng, strangers)).images[int(rng.integers(len(other.images)))]
        queries.append(example_of(image, np.zeros(image.shape[:2], np.int32)))
    return taught(segmenter, shown, queries, classes, rng, 0, OF_LESSON)


def _example(pictures: PictureSet, number: int, classes: Sequence[int]) -> Example:
    """A picture of a set with the marks of these classes alone."""
    own = pictures.masks[number].astype(np.int32)
    mask = np.where(np.isin(own, classes), own, 0)
    mask[own == IGNORE_VALUE] = IGNORE
    return example_of(pictures.images[number], mask)


def _only(example: Example, cls: int) -> NDArray[np.int32]:
    """The mask (H, W) of one class, as class 1."""
    mask = example.marks.mask
    assert mask is not None
    return np.where(mask == cls, 1, np.where(mask == IGNORE, IGNORE, 0)).astype(np.int32)


def _by_hand(rng: np.random.Generator, example: Example, cls: int, form: str) -> Example:
    """A cue of one class, class 1, marked as `form` says; as it is where it does not show the class."""
    labels = _only(example, cls)
    if not (labels > 0).any():
        return example_of(example.image.pixels, labels)
    return Example(example.image, hand_marks(rng, labels, form))


def write_set_lessons(
    predictor: Predictor,
    data: Path,
    read: Callable[[Path], tuple[PictureSet, ...]],
    folder: Path,
    count: int,
    seed: int,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Samples:
    """The samples of `count` lessons, in a file each in `folder`; those that are there are not drawn again.

    read     a function of a module that reads the sets below `data`, which each process does for itself.
    workers  processes; what is drawn does not depend on their number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = Samples()
    write = partial(_write_lesson, read, folder, seed)
    for done, path in enumerate(
        one_by_one(predictor, range(count), data, write, workers=workers, threads=1), start=1
    ):
        samples += Samples.of(path)
        progress(done, count)
    return samples


def _write_lesson(
    read: Callable[[Path], tuple[PictureSet, ...]],
    folder: Path,
    seed: int,
    predictor: Predictor,
    number: int,
    data: Path,
) -> Path:
    path = folder / f"{number:05}.npz"
    if not path.is_file():
        segmenter = predictor.segmenter
        assert isinstance(segmenter, MatchingSegmenter)
        write_samples(path, draw_set_lesson(segmenter, _read_once(read, data), seed, number))
        segmenter.forget()
    return path


_read_once = cache(lambda read, data: read(data))
"""A process reads the sets once for all its lessons."""
