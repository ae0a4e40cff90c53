"""The facade: `load(pack)` -> `Predictor.learn(cues)` -> `Concept.segment(image)`. Nothing here ever changes state."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cuecast.cluster.pool import load_ray, map_batches
from cuecast.core.cluster import Cluster
from cuecast.core.errors import CuecastError, CueError, OutputError, PackError
from cuecast.core.geometry import mark_labels
from cuecast.core.kept import Kept
from cuecast.core.notes import give_note
from cuecast.core.objects import MODES, ObjectMode, ToldApart
from cuecast.core.ordered import in_order
from cuecast.core.values import IGNORE, ClassInfo, Example, Image, Marks
from cuecast.cues import Cue, coloured_classes, named_classes
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.engine.calibration import Taught
from cuecast.engine.decision import Decision, Judgement, shown_areas, smallest_component
from cuecast.engine.mark_weights import kind_of
from cuecast.engine.objects import ObjectRule, object_rule
from cuecast.engine.packs import Pack, open_pack
from cuecast.engine.segmenter import ScoreMaps, Segmenter
from cuecast.io.images import read_image
from cuecast.io.labels import is_label_file
from cuecast.io.labels.numbered import look_at, values_hint
from cuecast.io.stores import held
from cuecast.prediction import Prediction

CORRECTED = 64
"""Images of which the thresholds without their own marks are kept."""


def load(pack: str | Path = "general", threads: int | None = None) -> Predictor:
    """A predictor from a pack: a name (`cuecast packs list`) or a folder.

    `threads` bounds the CPU threads of one answer (None: the physical cores). The masks do not depend on it.
    Raises PackError where the pack is unknown or corrupt.
    """
    opened = open_pack(pack)
    return Predictor(opened.segmenter(threads=threads), opened, threads)


def load_same(name: str, folder: str | Path, digest: str, threads: int | None = None) -> Predictor:
    """A predictor from the pack of this digest, which lay in `folder`: there, or else where the name is found.

    `threads` as in `load`. Raises PackError where there is only another one.
    """
    predictor = load(folder if Path(folder).is_dir() else name, threads)
    if predictor.pack.digest != digest:
        raise PackError("it is another one than was used before", f"pack {name}", "put that one back")
    return predictor


@dataclass(frozen=True, eq=False)
class Predictor:
    """A loaded pack. Immutable; safe to share between threads.

    Pickled, it is the name of its pack: who reads it opens the same one, whose answers take `threads`, see `load`.
    """

    segmenter: Segmenter
    pack: Pack
    threads: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        pack = self.pack
        return load_same, (pack.name, str(pack.folder.absolute()), pack.digest, self.threads)

    def learn(
        self,
        cues: Iterable[Cue | Example],
        classes: Sequence[ClassInfo | str] | None = None,
        scale: str = "frame",
        objects: ObjectMode = "auto",
    ) -> Concept:
        """What the cues teach, as a new value.

        classes  names of class 1, 2, ... (or ClassInfo); None takes the names in the cues' label files, in the order
                 of first mention, and where there are none 'class 1', 'class 2', ... One name makes every value of a
                 mask one object of that class.
        scale    'frame': things keep their share of the frame from image to image (photographs);
                 'pixel': things keep their size in pixels (crops of one scan, one microscope, one map).
        objects  'connected': an object is a connected component; 'split': things that touch are told apart, by what
                 the cues show of objects; 'auto': they are where the cues show that things touch.

        Raises CueError where there is no cue, or all say 'absent', or the values of a mask without names look like
        numbers of many objects, and what reading the cues raises.
        """
        given = _checked(cues)
        infos, examples = read_cues(given, classes)
        if not classes:
            _doubt_classes(given, examples)
        concept = _learn(self, examples, infos, scale).with_objects(objects)
        if concept.splits:
            concept.rule.learn()
        return concept

    def concept(self, name: str, scale: str = "frame") -> Concept:
        """What the cues teach that come with the pack under this name (`cuecast packs info` lists them); `scale` as in
        `learn`.

        Raises PackError where there is none of that name, and what reading the cues raises.
        """
        cueset = read_cueset(self.pack.concept(name))
        return _learn(self, tuple(read_examples(cueset)), cueset.classes, scale)


@dataclass(frozen=True, eq=False)
class Concept:
    """What some cues taught. Immutable; `add` and `with_thresholds` return new ones."""

    predictor: Predictor
    examples: tuple[Example, ...]
    classes: tuple[ClassInfo, ...]
    scale: str
    knowledge: Any = field(repr=False)
    decision: Decision = field(repr=False)
    rule: ObjectRule = field(repr=False)
    objects: ObjectMode = "auto"
    _uncorrected: Kept[tuple[float, ...]] = field(default_factory=lambda: Kept(CORRECTED), repr=False)
    """Digest of an image -> its thresholds without its own marks: the same at every click on it."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was shown: images, marks, classes, scale; the same for equal cues from other files, and
        whatever the thresholds."""
        return digest_of(self.examples, self.classes, self.scale)

    @property
    def thresholds(self) -> dict[int, float]:
        """Class id -> the threshold that was given for it; classes without one are left out."""
        return {c.id: c.threshold for c in self.classes if c.threshold is not None}

    @property
    def zoom(self) -> float:
        """How many working pixels an image's pixel is seen by, for scale 'pixel'."""
        return self.predictor.segmenter.zoom(self.knowledge)

    def with_thresholds(self, thresholds: float | Mapping[str, float | None]) -> Concept:
        """The same concept, marking pixels from these scores on. Nothing is learned anew.

        thresholds  one in (0, 1] for all classes, or those of some, by name; None: by the pack and the areas in the
                    cues, as without. Lower ones mark more.

        Raises CueError for a class that is not there, and a number that is no threshold.
        """
        given = thresholds if isinstance(thresholds, Mapping) else {c.name: thresholds for c in self.classes}
        if unknown := sorted(given.keys() - {c.name for c in self.classes}):
            raise CueError(
                f"a threshold is given for class {unknown[0]!r}, and the classes are "
                f"{', '.join(c.name for c in self.classes)}: name one of those"
            )
        infos = tuple(replace(c, threshold=given.get(c.name, c.threshold)) for c in self.classes)
        decision = replace(self.decision, given=tuple(c.threshold for c in infos))
        return replace(self, classes=infos, decision=decision, _uncorrected=Kept(CORRECTED))

    @property
    def splits(self) -> bool:
        """Whether things that touch are told apart: `objects` says so, or leaves it to the cues, which show it."""
        return self.objects == "split" or (self.objects == "auto" and self.rule.touch)

    def with_objects(self, objects: ObjectMode) -> Concept:
        """The same concept with another way from masks to objects, as `Predictor.learn` takes it; nothing is learned
        anew, but how things are told apart where that was not asked before. Raises CueError for another word."""
        mode = _mode(objects)
        for doubt in self.rule.doubts if mode == "split" else ():
            give_note(doubt)
        return replace(self, objects=mode)

    def elsewhere(self, threads: int | None) -> Concept:
        """The same concept to be pickled: where it is read, its answers take these CPU threads, see `load`."""
        return replace(self, predictor=replace(self.predictor, threads=threads))

    def add(self, cues: Iterable[Cue | Example], quick: bool = False) -> Concept:
        """A new concept taught by these cues as well: corrections, or marks on the query itself.

        `quick` is for answers at once: the working scale and what is slow to fit stay as the cues before have made
        them. Where the new cues are points and scribbles alone, nothing is learned at all: they correct the answers
        to their own images, in some milliseconds. `add` them without `quick` when they shall teach other images.
        """
        new = tuple(c.read(self.classes) if isinstance(c, Cue) else c for c in cues)
        examples = (*self.examples, *new)
        if quick and all(_corrects_only(e.marks, self.classes) for e in new):
            # Points and scribbles show no size: what the masks show is not measured again at every click.
            taught = _taught(self.predictor.pack, examples, self.classes)
            return replace(self, examples=examples, decision=replace(self.decision, taught=taught))
        before = self.knowledge if quick else None
        learned = _learn(self.predictor, examples, self.classes, self.scale, before)
        same = quick and learned.decision.class_ids == self.decision.class_ids
        return replace(learned, objects=self.objects, rule=self.rule if same else learned.rule)

    def score(self, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """What the segmenter says of an image, of which nothing is decided; `own` are marks on this very image."""
        return self.predictor.segmenter.score(self.knowledge, image, own)

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
        answer = self.score(query, own)
        scores = self._keep_marks(answer.scores, own)
        thresholds = self._thresholds(scores, query if own else None)
        marked = self.decision.mark(scores, thresholds, own)
        verdict, confidence, absent = self._judge(scores, marked, answer.verdict_features, own)
        mask = np.where(np.isin(marked, absent), 0, marked) if absent else marked
        apart = self.tell_apart(query, mask, answer.depth, own)
        mask.flags.writeable = marked.flags.writeable = scores.flags.writeable = False
        seconds = time.perf_counter() - start
        return Prediction(
            query, mask, marked, scores, self.classes, verdict, confidence, seconds, thresholds, apart
        )

    def tell_apart(
        self,
        image: Image,
        mask: NDArray[np.int32],
        depth: NDArray[np.float32] | None = None,
        own: Sequence[Marks] = (),
    ) -> ToldApart | None:
        """The objects of the label map (H, W) of an image where the concept `splits`; None: connected components.

        depth (K, H, W) and own as `ObjectRule.tell_apart` takes them.
        """
        return self.rule.tell_apart(image, mask, depth, own) if self.splits else None

    def segment_many(self, images: Iterable[Any], workers: int = 1) -> Iterator[Prediction]:
        """Predictions in input order, made as they are asked for; at most 2 x `workers` images are held.

        Raises CueError where `images` is one path instead of a list of them, and what `segment` raises.
        """
        if isinstance(images, str | bytes | Path):
            raise CueError(
                f"images are a list of them, this is the one {images!r}", remedy=f"write [{images!r}]"
            )
        yield from in_order(self.segment, images, workers)

    def map_dataset(
        self, dataset: Any, column: str = "path", workers: int | None = None, threads: int = 1
    ) -> Any:
        """A dataset of Ray Data with what is found on the picture of each row; for who has a pipeline of their own.

        column   where the rows have their pictures: paths or URLs that all machines know, the bytes of files, or arrays
                 (H, W, 3) uint8. All columns stay.
        workers  processes, each of which holds the concept; None: by what there is to do and room for.
        threads  CPU threads of an answer in each.

        New columns: `mask` (bytes of a label PNG, the same as `Prediction.save` writes), `verdict`, `confidence`,
        `objects` (their number) and `error`: why a picture cannot be used, and the others are then None. Nothing is
        done before rows are asked for. Raises CueError where the dataset has no such column or one of the new ones, and
        MissingExtraError without the extra `cluster`.
        """
        load_ray()
        there = dataset.columns()
        if column not in there:
            raise CueError(f"the dataset has no column {column!r}", remedy=f"name one of {', '.join(there)}")
        if taken := [name for name in Mapped.COLUMNS if name in there]:
            raise CueError(
                f"the dataset has a column {taken[0]!r} already", remedy="rename it: rename_columns"
            )
        return map_batches(
            Mapped(self.elsewhere(threads), column), dataset, Cluster(workers=workers, threads=threads)
        )

    def _thresholds(self, scores: NDArray[np.float32], corrected: Image | None) -> tuple[float, ...]:
        """The threshold of each class for an image with these scores (K, H, W).

        `corrected` is the image, where it carries marks of its own. These say where the thing is, not how much there is
        of it: its thresholds are those without them.
        """
        decision = self.decision
        if corrected is None or not decision.follows_area:
            return decision.thresholds(scores)
        return self._uncorrected.get(
            corrected.digest, lambda: decision.thresholds(self.score(corrected).scores)
        )

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
        whole = self.scale == "frame" or (own and all(t.kind != "masks" for t in self.decision.taught))
        stated = {c for m in own for c in m.class_ids}
        return self.decision.judge(scores, mask, verdict_features if whole else (), stated)

    def _keep_marks(self, scores: NDArray[np.float32], own: Sequence[Marks]) -> NDArray[np.float32]:
        """Scores with the query's own marks put in: 1 for the marked class, 0 for the others."""
        for marks in own:
            labels = mark_labels(marks)
            known = labels != IGNORE
            scores = scores.copy()
            for k, info in enumerate(self.classes):
                scores[k][known] = labels[known] == info.id
        return scores


@dataclass(frozen=True)
class Mapped:
    """What `Concept.map_dataset` does with a batch of rows."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("mask", "verdict", "confidence", "objects", "error")

    concept: Concept
    column: str

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch, name -> values of its N rows, with the new columns."""
        rows = [self._row(value) for value in batch[self.column]]
        made = {
            name: np.array([*(row[k] for row in rows), None], object)[:-1]
            for k, name in enumerate(self.COLUMNS)
        }
        return batch | made

    def _row(self, value: Any) -> tuple[bytes | None, str | None, float | None, int | None, str | None]:
        try:
            found = self._segment(value)
        except OutputError:
            raise
        except (CuecastError, MemoryError) as error:
            return None, None, None, None, str(error) or "not enough memory; use a machine with more"
        with TemporaryDirectory(prefix="cuecast-") as folder:
            mask = found.save(Path(folder, "mask.png")).read_bytes()
        return mask, found.verdict, found.confidence, len(found.annotations().objects), None

    def _segment(self, value: Any) -> Prediction:
        if not isinstance(value, str | Path):
            return self.concept.segment(value)
        with held(Path(value)) as file:
            return self.concept.segment(file)


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
            f"its cue marks class {unnamed[0]}, but the classes are {sorted(named)}: name it, drop the "
            f"mark, {values_hint(where.marks.mask, unnamed[0])}",
            where.image.name,
        )
    classes = tuple(named.get(c) or info for c, info in zip(marked, unnamed_classes(marked), strict=True))
    knowledge = predictor.segmenter.learn(examples, [c.id for c in classes], scale, before)
    decision = decision_of(predictor.pack, examples, classes, scale)
    rule = object_rule(examples, decision.class_ids, scale == "frame")
    return Concept(predictor, examples, classes, scale, knowledge, decision, rule)


def _mode(objects: str) -> ObjectMode:
    """The mode of that name. Raises CueError."""
    for mode in MODES:
        if mode == objects:
            return mode
    raise CueError(f"objects={objects!r} is unknown", remedy=f"use one of {', '.join(MODES)}")


def decision_of(
    pack: Pack, examples: Sequence[Example], classes: Sequence[ClassInfo], scale: str
) -> Decision:
    """How scores of these classes are decided on. Of things that keep their size in pixels, shares say nothing."""
    framed = [c.id for c in classes] if scale == "frame" else []
    return Decision(
        tuple(c.id for c in classes),
        pack.thresholds,
        tuple(c.threshold for c in classes),
        _taught(pack, examples, classes),
        pack.area_prior,
        tuple(shown_areas(examples, cls) for cls in framed),
        tuple(smallest_component(examples, cls) for cls in framed),
    )


def _taught(pack: Pack, examples: Sequence[Example], classes: Sequence[ClassInfo]) -> tuple[Taught, ...]:
    """For each class by what kind of marks it was taught, and what the pack knows of answers to such marks."""
    marks = [e.marks for e in examples]
    return tuple(pack.taught(kind_of(marks, c.id)) for c in classes)


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
    infos = class_infos(classes or named_classes(given) or coloured_classes(given))
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


def class_infos(classes: Sequence[ClassInfo | str] | None) -> tuple[ClassInfo, ...]:
    """Names of class 1, 2, ..., or what is given as ClassInfo. Raises CueError for one text."""
    if isinstance(classes, str):
        raise CueError(f"classes are a list of names, this is the text {classes!r}; write [{classes!r}]")
    return tuple(
        c if isinstance(c, ClassInfo) else ClassInfo(i, c) for i, c in enumerate(classes or (), start=1)
    )
