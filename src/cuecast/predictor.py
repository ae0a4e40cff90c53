"""The facade: `load(pack)` -> `Predictor.learn(cues)` -> `Concept.segment(image)`. Nothing here ever changes state."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.cues import Cue, named_classes
from cuecast.errors import CueError
from cuecast.geometry import mark_labels
from cuecast.io.images import read_image
from cuecast.ordered import in_order
from cuecast.prediction import Prediction
from cuecast.segmenters import Segmenter
from cuecast.segmenters.packs import Pack, open_pack
from cuecast.types import IGNORE, ClassInfo, Example, Image
from cuecast.verdict import decide, judge


def load(pack: str | Path = "general", threads: int | None = None) -> Predictor:
    """A predictor from a pack: a name (`cuecast packs list`) or a folder.

    `threads` bounds the CPU threads of one answer (None: the physical cores). The masks do not depend on it.
    Raises PackError where the pack is unknown or corrupt.
    """
    opened = open_pack(pack)
    return Predictor(opened.segmenter(threads=threads), opened)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A loaded pack. Immutable; safe to share between threads."""

    segmenter: Segmenter
    pack: Pack

    def learn(
        self,
        cues: Iterable[Cue | Example],
        classes: Sequence[ClassInfo | str] | None = None,
        scale: str = "frame",
    ) -> Concept:
        """What the cues teach, as a new value.

        classes  names of class 1, 2, ... (or ClassInfo); None takes the names in the cues' label files, in the order
                 of first mention, and where there are none 'class 1', 'class 2', ...
        scale    'frame': things keep their share of the frame from image to image (photographs);
                 'pixel': things keep their size in pixels (crops of one scan, one microscope, one map).

        Raises CueError where there is no cue, or all say 'absent', and what reading the cues raises.
        """
        cues = tuple(cues)
        infos = _class_infos(classes or named_classes(c for c in cues if isinstance(c, Cue)))
        examples = tuple(c.read(infos or None) if isinstance(c, Cue) else c for c in cues)
        return _learn(self, examples, infos, scale)


@dataclass(frozen=True, eq=False)
class Concept:
    """What some cues taught. Immutable; `add` returns a new one."""

    predictor: Predictor
    examples: tuple[Example, ...]
    classes: tuple[ClassInfo, ...]
    scale: str
    knowledge: Any = field(repr=False)

    def add(self, cues: Iterable[Cue | Example]) -> Concept:
        """A new concept taught by these cues as well: corrections, or marks on the query itself."""
        new = (c.read(self.classes) if isinstance(c, Cue) else c for c in cues)
        return _learn(self.predictor, (*self.examples, *new), self.classes, self.scale)

    def segment(self, image: Any, page: int | None = None) -> Prediction:
        """The mask of the concept in one image (path, bytes, PIL image, array or `Image`).

        Where the image itself carries cues, what they mark is kept as marked: a mask wholly, points and
        scribbles at their pixels; the rest is predicted. Raises ImageError.
        """
        start = time.perf_counter()
        query = read_image(image, page=page)
        scores = self.predictor.segmenter.score(self.knowledge, query)
        scores = self._keep_marks(scores, query)
        thresholds = self.predictor.pack.thresholds
        mask = decide(scores, tuple(c.id for c in self.classes), thresholds.score)
        verdict, confidence = judge(scores, mask, thresholds)
        if verdict == "absent":
            mask = np.zeros_like(mask)
        mask.flags.writeable = scores.flags.writeable = False
        return Prediction(query, mask, scores, self.classes, verdict, confidence, time.perf_counter() - start)

    def segment_many(self, images: Iterable[Any], workers: int = 1) -> Iterator[Prediction]:
        """Predictions in input order, made as they are asked for; at most 2 x `workers` images are held."""
        yield from in_order(self.segment, images, workers)

    def _keep_marks(self, scores: NDArray[np.float32], query: Image) -> NDArray[np.float32]:
        """Scores with the query's own marks put in: 1 for the marked class, 0 for the others."""
        own = [e for e in self.examples if e.image.size == query.size and e.image.digest == query.digest]
        for example in own:
            labels = mark_labels(example.marks)
            known = labels != IGNORE
            scores = scores.copy()
            for k, info in enumerate(self.classes):
                scores[k][known] = labels[known] == info.id
        return scores


def _learn(
    predictor: Predictor, examples: tuple[Example, ...], infos: Sequence[ClassInfo], scale: str
) -> Concept:
    if not examples:
        raise CueError("no cues: mark the thing on at least one image")
    if scale not in ("frame", "pixel"):
        raise CueError(f"scale {scale!r} is unknown: use 'frame' or 'pixel'")
    marked = sorted({c for e in examples for c in e.marks.class_ids})
    if not marked:
        raise CueError("all cues say 'absent' or 'not this': at least one must show the thing")
    named = {i.id: i for i in infos}
    if infos and (unnamed := [c for c in marked if c not in named]):
        where = next(e.image.name for e in examples if unnamed[0] in e.marks.class_ids)
        raise CueError(
            f"{where}: its cue marks class {unnamed[0]}, but the classes are {sorted(named)}: name it, drop the mark, "
            f"or say which values of the mask are the thing (value={unnamed[0]}, --value {unnamed[0]})"
        )
    classes = tuple(named.get(c) or ClassInfo(c, "thing" if marked == [1] else f"class {c}") for c in marked)
    knowledge = predictor.segmenter.learn(examples, [c.id for c in classes], scale)
    return Concept(predictor, examples, classes, scale, knowledge)


def _class_infos(classes: Sequence[ClassInfo | str] | None) -> tuple[ClassInfo, ...]:
    return tuple(
        c if isinstance(c, ClassInfo) else ClassInfo(i, c) for i, c in enumerate(classes or (), start=1)
    )
