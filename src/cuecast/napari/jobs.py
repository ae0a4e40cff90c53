"""What takes time: learning from cues, and finding in pictures, stacks and folders. Iterators, for a thread.

Each is told how to say how far it is; an exception out of that stops it, and what it gave so far stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueSetError
from cuecast.core.kept import Kept
from cuecast.core.ordered import Progress, Step, one_blas_thread
from cuecast.core.values import ClassInfo, Example, Verdict
from cuecast.cuesets.cueset import CueSet, read_cueset, read_examples
from cuecast.cuesets.edit import add_cues, new_cueset
from cuecast.io.places import list_images
from cuecast.napari.marks import LayerCue, Shown, shown
from cuecast.napari.pictures import Picture
from cuecast.prediction import Prediction
from cuecast.predictor import Concept, Predictor, digest_of, load
from cuecast.propagation.track import track
from cuecast.propagation.volume import segment_volume
from cuecast.propagation.volume_slices import SliceCue
from cuecast.results.gather import Results
from cuecast.results.manifest import read_manifest
from cuecast.runs.actions import SegmentRequest, segment
from cuecast.runs.images import BatchOptions

Scale = Literal["frame", "pixel"]
CONCEPTS = 4
"""That are kept, so that the same cues are learnt once."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is to be learnt: a pack, the cues in layers, and cue sets as files.

    classes  those of the cues; every set must mean the same by their numbers.
    scale    as in `Predictor.learn`. Volumes are always looked at in pixels.
    """

    pack: str
    classes: tuple[ClassInfo, ...]
    cues: tuple[LayerCue, ...] = ()
    sets: tuple[Path, ...] = ()
    scale: Scale = "frame"

    def in_layers(self) -> list[Shown]:
        """The cues in layers, read. Raises InputError."""
        return shown(self.cues, self.classes)

    def in_sets(self) -> list[Example]:
        """The cues in files, read. Raises CueSetError, InputError."""
        return [e for path in self.sets for e in read_examples(agreeing(read_cueset(path), self.classes))]


@dataclass(frozen=True)
class Row:
    """The verdict on one picture, or slice `index` of a stack, as in `Prediction`; `objects` None: not counted.

    error  why there is none.
    files  the picture and its mask, where both are files.
    """

    name: str
    index: int | None
    verdict: Verdict | None
    confidence: float | None
    objects: int | None = None
    error: str | None = None
    files: tuple[Path, Path] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a picture, in slice `index` of a stack, or (None) in all of a stack.

    labels     (H, W) class ids, 0 is background; (Z, Y, X) of a whole volume.
    instances  ids of the objects, of the same shape.
    """

    picture: Picture
    index: int | None
    labels: NDArray[np.integer]
    instances: NDArray[np.int32]
    rows: tuple[Row, ...]
    classes: tuple[ClassInfo, ...]


@dataclass(frozen=True, eq=False)
class FolderDone:
    """What came of the pictures of a folder; `out` is the folder of the results."""

    out: Path
    classes: tuple[ClassInfo, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, eq=False)
class Teacher:
    """Learns, and keeps the last few packs and concepts. Safe to share between threads."""

    predictors: Kept[Predictor] = field(default_factory=lambda: Kept(2), repr=False)
    concepts: Kept[Concept] = field(default_factory=lambda: Kept(CONCEPTS), repr=False)

    def predictor(self, pack: str) -> Predictor:
        """The pack, loaded. Raises PackError."""
        return self.predictors.get(pack, lambda: load(pack))

    def learn(self, lesson: Lesson, examples: Sequence[Example], scale: Scale) -> Concept:
        """The concept that these examples teach. Raises CueError, PackError."""
        predictor = self.predictor(lesson.pack)
        key = f"{lesson.pack} {predictor.pack.digest} {digest_of(examples, lesson.classes, scale)}"
        return self.concepts.get(key, lambda: predictor.learn(examples, lesson.classes, scale))


def find(teacher: Teacher, lesson: Lesson, pictures: Sequence[Picture], told: Progress) -> Iterator[Found]:
    """What the lesson teaches, in each picture and stack, as it is found; of a volume, all at the end.

    Raises CuecastError.
    """
    cues, others = lesson.in_layers(), lesson.in_sets()
    single = sum(1 if p.stack in (None, "volume") else p.shape[0] for p in pictures)
    done = 0
    with one_blas_thread():
        for picture in pictures:
            if picture.stack == "volume":
                yield _in_volume(teacher, lesson, picture, cues, others, told)
                done += 1
                continue
            examples = [*(c.example for c in cues), *others]
            concept = teacher.learn(lesson, examples, lesson.scale)
            for found in _in_frames(concept, picture, cues):
                done += 1
                yield found
                told(Step("pictures", done, single))


def _in_frames(concept: Concept, picture: Picture, cues: Sequence[Shown]) -> Iterator[Found]:
    """One picture, or those of a stack one by one; a time series in the order in which it is followed."""
    if picture.stack == "time series":
        # By place and not by what the cues hold: the concept may have been learnt from equal cues before.
        there = zip(cues, concept.examples, strict=False)
        on = {c.index: e for c, e in there if c.picture.name == picture.name and c.index is not None}
        for frame in track(concept, picture.frames, on):
            yield _found(picture, frame.index, frame.prediction)
        return
    for index in [None] if picture.stack is None else range(picture.shape[0]):
        yield _found(picture, index, concept.segment(picture.image(index)))


def _found(picture: Picture, index: int | None, prediction: Prediction) -> Found:
    ids = prediction.instances
    row = Row(picture.name, index, prediction.verdict, prediction.confidence, int(ids.max(initial=0)))
    return Found(picture, index, prediction.mask, ids, (row,), prediction.classes)


def _in_volume(
    teacher: Teacher,
    lesson: Lesson,
    picture: Picture,
    cues: Sequence[Shown],
    others: Sequence[Example],
    told: Progress,
) -> Found:
    """A volume: its own marked slices lead through it, what lies elsewhere teaches the look."""
    own = [c for c in cues if c.picture.name == picture.name]
    elsewhere = [*(c.example for c in cues if c.picture.name != picture.name), *others]
    slices = [
        SliceCue(
            "z",
            c.index or 0,
            c.cue.mask,
            boxes=c.cue.boxes,
            points=c.cue.points,
            scribbles=c.cue.scribbles,
            polygons=c.cue.polygons,
            absent=c.cue.absent,
            objects=c.cue.objects,
        )
        for c in own
    ]
    known = teacher.learn(lesson, elsewhere, "pixel") if elsewhere else teacher.predictor(lesson.pack)
    answer = segment_volume(known, picture.volume, slices, lesson.classes, picture.window, told)
    rows = tuple(Row(picture.name, s.index, s.verdict, s.confidence) for s in answer.slices)
    return Found(picture, None, answer.labels, answer.instances, rows, answer.classes)


def find_in_folder(
    teacher: Teacher, lesson: Lesson, folder: Path, out: Path, options: BatchOptions, told: Progress
) -> FolderDone:
    """The pictures of a folder into a folder of results, as `cuecast segment` does it. Raises CuecastError."""
    images = list_images([folder])
    examples = [*(c.example for c in lesson.in_layers()), *lesson.in_sets()]
    concept = teacher.learn(lesson, examples, lesson.scale)
    segment(SegmentRequest(concept, images, out, options), told)
    return FolderDone(out, concept.classes, tuple(rows_of(out, concept.classes)))


def rows_of(out: Path, classes: Sequence[ClassInfo]) -> Iterator[Row]:
    """The verdicts in a folder of results. Raises OutputError."""
    results = Results(out, tuple(classes))
    for entry in read_manifest(results.manifest):
        files = None if entry.error else (Path(entry.image), results.file("masks", entry.name))
        yield Row(
            Path(entry.image).name, None, entry.verdict, entry.confidence, entry.objects, entry.error, files
        )


def agreeing(cueset: CueSet, classes: Sequence[ClassInfo]) -> CueSet:
    """The cue set, where its classes are among `classes`, with the same numbers. Raises CueSetError where not."""
    known = {c.name: c.id for c in classes}
    for info in cueset.classes:
        if known.get(info.name) != info.id:
            raise CueSetError(
                f"its class {info.id} is {info.name!r}, and the classes here are "
                f"{', '.join(f'{i} {name}' for name, i in known.items()) or 'none'}",
                cueset.root,
                "load it before the other cues, or name the classes as it does",
            )
    return cueset


def save(lesson: Lesson, path: Path) -> CueSet:
    """Write the cues in layers into a cue set, a new one or one that is there; each picture's take the place of what
    was said of it. Raises CuecastError; nothing is written then."""
    cues = [c.cue for c in lesson.in_layers()]
    if not cues:
        raise CueSetError("no cue lies in a layer", path, "add one, and save then")
    if not path.exists():
        new_cueset(path, lesson.classes)
    agreeing(read_cueset(path), lesson.classes)
    return add_cues(path, cues, lesson.classes, replace=True)
