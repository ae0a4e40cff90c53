"""The facade: `load(pack)` -> `Predictor.learn(cues)` -> `Concept.segment(image)`. Nothing here ever changes state."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError
from cuecast.core.geometry import mark_labels
from cuecast.core.notes import give_note
from cuecast.core.ordered import in_order
from cuecast.core.values import IGNORE, ClassInfo, Example, Image, Marks
from cuecast.cues import Cue, coloured_classes, named_classes
from cuecast.engine.components import drop_specks, smallest_component
from cuecast.engine.mark_weights import kind_of
from cuecast.engine.packs import Pack, open_pack
from cuecast.engine.segmenter import Segmenter
from cuecast.engine.threshold import areas_at, choose_threshold, shown_areas
from cuecast.engine.verdict import Judgement, Taught, decide, judge
from cuecast.io.images import read_image
from cuecast.io.labels import is_label_file
from cuecast.io.labels.numbered import look_at, values_hint
from cuecast.prediction import Prediction


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
                 of first mention, and where there are none 'class 1', 'class 2', ... One name makes every value of a
                 mask one object of that class.
        scale    'frame': things keep their share of the frame from image to image (photographs);
                 'pixel': things keep their size in pixels (crops of one scan, one microscope, one map).

        Raises CueError where there is no cue, or all say 'absent', or the values of a mask without names look like
        numbers of many objects, and what reading the cues raises.
        """
        given = _checked(cues)
        infos, examples = read_cues(given, classes)
        if not classes:
            _doubt_classes(given, examples)
        return _learn(self, examples, infos, scale)


@dataclass(frozen=True, eq=False)
class Concept:
    """What some cues taught. Immutable; `add` returns a new one."""

    predictor: Predictor
    examples: tuple[Example, ...]
    classes: tuple[ClassInfo, ...]
    scale: str
    knowledge: Any = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was shown: images, marks, classes, scale; the same for equal cues from other files."""
        return digest_of(self.examples, self.classes, self.scale)

    @cached_property
    def shown_areas(self) -> tuple[NDArray[np.float64], ...]:
        """For each class the shares (n,) of the image that it covers in the complete cues."""
        return tuple(shown_areas(self.examples, c.id) for c in self.classes)

    @cached_property
    def smallest_components(self) -> tuple[float, ...]:
        """For each class the share of the image that its smallest piece covers in the complete cues; 0: unknown."""
        return tuple(smallest_component(self.examples, c.id) for c in self.classes)

    @cached_property
    def taught(self) -> tuple[Taught, ...]:
        """For each class by what kind of marks it was taught, and what the pack knows of answers to such marks."""
        marks = [e.marks for e in self.examples]
        return tuple(self.predictor.pack.taught(kind_of(marks, c.id)) for c in self.classes)

    @cached_property
    def _uncorrected_thresholds(self) -> dict[str, tuple[float, ...]]:
        """Digest of an image -> its cuts without its own marks: the same at every click on it."""
        return {}

    def add(self, cues: Iterable[Cue | Example], quick: bool = False) -> Concept:
        """A new concept taught by these cues as well: corrections, or marks on the query itself.

        `quick` is for answers at once: the working scale and what is slow to fit stay as the cues before have made
        them. Where the new cues are points and scribbles alone, nothing is learned at all: they correct the answers
        to their own images, in some milliseconds. `add` them without `quick` when they shall teach other images.
        """
        new = tuple(c.read(self.classes) if isinstance(c, Cue) else c for c in cues)
        examples = (*self.examples, *new)
        if quick and all(_corrects_only(e.marks, self.classes) for e in new):
            corrected = replace(self, examples=examples)
            # Points and scribbles show no size: what the masks show is not measured again at every click.
            vars(corrected).update(
                shown_areas=self.shown_areas,
                smallest_components=self.smallest_components,
                _uncorrected_thresholds=self._uncorrected_thresholds,
            )
            return corrected
        return _learn(self.predictor, examples, self.classes, self.scale, self.knowledge if quick else None)

    def segment(self, image: Any, page: int | None = None) -> Prediction:
        """The mask of the concept in one image (path, bytes, PIL image, array or `Image`).

        Where the image itself carries cues, what they mark is kept as marked: a mask wholly, points and
        scribbles at their pixels; the rest is predicted. Raises ImageError.
        """
        start = time.perf_counter()
        query = read_image(image, page=page)
        own = [
            e.marks for e in self.examples if e.image.size == query.size and e.image.digest == query.digest
        ]
        answer = self.predictor.segmenter.score(self.knowledge, query, own)
        scores = self._keep_marks(answer.scores, own)
        thresholds = self._thresholds(scores, query if own else None)
        marked = self._mark(scores, thresholds, own)
        verdict, confidence, absent = self._judge(scores, marked, answer.verdict_features, own)
        mask = np.where(np.isin(marked, absent), 0, marked) if absent else marked
        mask.flags.writeable = marked.flags.writeable = scores.flags.writeable = False
        seconds = time.perf_counter() - start
        return Prediction(query, mask, marked, scores, self.classes, verdict, confidence, seconds, thresholds)

    def segment_many(self, images: Iterable[Any], workers: int = 1) -> Iterator[Prediction]:
        """Predictions in input order, made as they are asked for; at most 2 x `workers` images are held."""
        yield from in_order(self.segment, images, workers)

    def _thresholds(self, scores: NDArray[np.float32], corrected: Image | None) -> tuple[float, ...]:
        """The threshold of each class for an image with these scores (K, H, W).

        `corrected` is the image, where it carries marks of its own.
        """
        pack = self.predictor.pack
        usual, prior = pack.thresholds.score, pack.area_prior
        if prior is None or self.scale != "frame" or not any(map(len, self.shown_areas)):
            return (usual,) * len(scores)

        def thresholds(planes: NDArray[np.float32]) -> tuple[float, ...]:
            pairs = zip(planes, self.shown_areas, strict=True)
            return tuple(choose_threshold(areas_at(plane), shown, usual, prior) for plane, shown in pairs)

        if corrected is None:
            return thresholds(scores)
        # Its marks say where the thing is, not how much there is of it: the cut is that without them.
        known = self._uncorrected_thresholds
        if corrected.digest not in known:
            known[corrected.digest] = thresholds(
                self.predictor.segmenter.score(self.knowledge, corrected).scores
            )
        return known[corrected.digest]

    def _mark(
        self, scores: NDArray[np.float32], thresholds: Sequence[float], own: Sequence[Marks]
    ) -> NDArray[np.int32]:
        """The label map (H, W) of scores (K, H, W), without specks; `own` are marks on the query itself."""
        mask = decide(scores, [c.id for c in self.classes], thresholds)
        if self.scale != "frame":
            return mask
        stated = [mark_labels(m) for m in own]
        for info, shown in zip(self.classes, self.smallest_components, strict=True):
            thing = mask == info.id
            kept = np.any([s == info.id for s in stated], axis=0) if stated else None
            mask[thing & ~drop_specks(thing, shown, kept)] = 0
        return mask

    def _judge(
        self,
        scores: NDArray[np.float32],
        mask: NDArray[np.int32],
        verdict_features: Sequence[Mapping[str, float]],
        own: Sequence[Marks],
    ) -> Judgement:
        """The verdict on a mask; `own` are marks on the query itself."""
        if not all(m.is_sparse for m in own):
            # A mask on this very image, or 'it is not here', is the answer.
            return Judgement("found" if mask.any() else "absent", 1.0, ())
        # Calibrations were fitted on whole pictures; of a part, a size says nothing. Sparse marks lie on a whole one.
        whole = self.scale == "frame" or (own and all(t.kind != "masks" for t in self.taught))
        return judge(
            scores,
            mask,
            [c.id for c in self.classes],
            self.predictor.pack.thresholds,
            verdict_features=verdict_features if whole else (),
            taught=self.taught,
            stated={c for m in own for c in m.class_ids},
        )

    def _keep_marks(self, scores: NDArray[np.float32], own: Sequence[Marks]) -> NDArray[np.float32]:
        """Scores with the query's own marks put in: 1 for the marked class, 0 for the others."""
        for marks in own:
            labels = mark_labels(marks)
            known = labels != IGNORE
            scores = scores.copy()
            for k, info in enumerate(self.classes):
                scores[k][known] = labels[known] == info.id
        return scores


def digest_of(examples: Iterable[Example], classes: Sequence[ClassInfo], scale: str) -> str:
    """SHA-256 of what is shown, as `Concept.digest` gives it, of cues that are not learned from yet."""
    h = hashlib.sha256(repr((scale, tuple(classes))).encode())
    for example in examples:
        h.update(example.content)
    return h.hexdigest()


def _corrects_only(marks: Marks, classes: Sequence[ClassInfo]) -> bool:
    """Whether these marks are points and scribbles of known classes."""
    known = {c.id for c in classes}
    return marks.is_sparse and not marks.boxes and known.issuperset(marks.class_ids)


def _learn(
    predictor: Predictor,
    examples: tuple[Example, ...],
    infos: Sequence[ClassInfo],
    scale: str,
    before: Any = None,
) -> Concept:
    if not examples:
        raise CueError("no cues: mark the thing on at least one image")
    if scale not in ("frame", "pixel"):
        raise CueError(f"scale {scale!r} is unknown: use 'frame' or 'pixel'")
    marked = marked_classes(examples)
    if not marked:
        raise CueError("all cues say 'absent' or 'not this': at least one must show the thing")
    named = {i.id: i for i in infos}
    if infos and (unnamed := [c for c in marked if c not in named]):
        where = next(e for e in examples if unnamed[0] in e.marks.class_ids)
        raise CueError(
            f"{where.image.name}: its cue marks class {unnamed[0]}, but the classes are {sorted(named)}: name it, drop "
            f"the mark, {values_hint(where.marks.mask, unnamed[0])}"
        )
    classes = tuple(named.get(c) or info for c, info in zip(marked, unnamed_classes(marked), strict=True))
    knowledge = predictor.segmenter.learn(examples, [c.id for c in classes], scale, before)
    return Concept(predictor, examples, classes, scale, knowledge)


def marked_classes(examples: Iterable[Example]) -> list[int]:
    """The ids of the classes that the marks are of, in order."""
    return sorted({c for e in examples for c in e.marks.class_ids})


def unnamed_classes(marked: Sequence[int]) -> list[ClassInfo]:
    """The classes of those ids where nobody has named them."""
    return [ClassInfo(c, "thing" if list(marked) == [1] else f"class {c}") for c in marked]


def _doubt_classes(given: Sequence[Cue | Example], examples: Sequence[Example]) -> None:
    """Say where the values of a mask look like numbers of things and nobody has named a class.

    Many are not learnt, each a class: raises CueError. Of a few there is a note.
    """
    for cue, example in zip(given, examples, strict=True):
        mask = example.marks.mask
        if mask is None or (isinstance(cue, Cue) and is_label_file(cue.mask)):
            continue
        values = look_at(mask)
        doubt = (
            f"{example.image.name}: the {len(values.numbers)} values of its mask come in one piece each; these look "
            "like objects, not classes: name the thing, and each is one object of it (classes=['cell'], --class cell), "
            "or name each class"
        )
        if values.many_things:
            raise CueError(doubt)
        if values.few_things:
            give_note(doubt)


def read_cues(
    cues: Sequence[Cue | Example], classes: Sequence[ClassInfo | str] | None = None
) -> tuple[tuple[ClassInfo, ...], tuple[Example, ...]]:
    """The classes, as `Predictor.learn` names them (none where nothing does), and the cues as read with these names."""
    given = [c for c in cues if isinstance(c, Cue)]
    infos = _class_infos(classes or named_classes(given) or coloured_classes(given))
    return infos, tuple(c.read(infos or None) if isinstance(c, Cue) else c for c in cues)


def _checked(cues: Iterable[Cue | Example]) -> tuple[Cue | Example, ...]:
    """The cues. Raises CueError where it is something else, such as one cue that is not in a list."""
    alone = isinstance(cues, Cue | Example) or not isinstance(cues, Iterable)
    given: tuple[Any, ...] = (cues,) if alone else tuple(cues)
    wrong = given if alone else [c for c in given if not isinstance(c, Cue | Example)]
    if wrong:
        raise CueError(
            f"cues are a list of Cue or Example, this is a {type(wrong[0]).__name__}; "
            "write learn([Cue(image, mask=mask)])"
        )
    return given


def _class_infos(classes: Sequence[ClassInfo | str] | None) -> tuple[ClassInfo, ...]:
    if isinstance(classes, str):
        raise CueError(f"classes are a list of names, this is the text {classes!r}; write [{classes!r}]")
    return tuple(
        c if isinstance(c, ClassInfo) else ClassInfo(i, c) for i, c in enumerate(classes or (), start=1)
    )
