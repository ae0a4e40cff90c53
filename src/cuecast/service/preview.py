"""Answers at once: what the marks of a project and a draft on one image say of it.

One `Previewer` lives in the interactive process. It keeps the pack, the concepts and the images used last, so that one
more click on an image is answered in a tenth of a second: strokes only correct what the concept says of their
image (`Concept.add(quick=True)`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cuecast.core.errors import CueError, ImageError, InputError
from cuecast.core.kept import Kept
from cuecast.core.marks import Document
from cuecast.core.objects import ObjectMode
from cuecast.core.values import COMPLETE, ClassInfo, Example, Image, Marks, Stroke
from cuecast.cues import Cue, mask_document, read_document, shown_in
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.engine.regions import Regions, regions_of
from cuecast.io.images import read_image
from cuecast.prediction import Prediction
from cuecast.predictor import Concept, Predictor
from cuecast.service.files import DataFolder
from cuecast.service.frames import FrameAt
from cuecast.service.loaded import CONCEPTS, pixel_bytes
from cuecast.service.problem import Problem, problem_of
from cuecast.service.ready import pack_of, ready_cues
from cuecast.service.settings import Settings
from cuecast.service.snapshot import MarkedImage, frame_at, marked_images, read_marked
from cuecast.service.store import images, marks, predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.jobs import NO_CUES

IMAGES = 256 * 2**20
"""Bytes of pixels of images that are kept."""


@dataclass(frozen=True)
class CueFile:
    """A cue of a call that stands for itself: an image with a mask file and ids of its objects, if there are any, or
    else with a document of marks."""

    image: Path
    mask: Path | None = None
    document: Document | None = None
    objects: Path | None = None


@dataclass(frozen=True)
class Form:
    """What a call that stands for itself has sent: cues with files on disk, the query, how scale is meant, names of
    classes, thresholds as `Concept.with_thresholds` takes them, `way`: the fields of `Ask` on objects, the pack that
    learns (None: the service's) and the concept of it that teaches beside the cues, or in their place."""

    shown: tuple[CueFile, ...]
    query: Path
    scale: str
    classes: tuple[str, ...] = ()
    thresholds: float | dict[str, float] | None = None
    way: Mapping[str, Any] = field(default_factory=dict)
    pack: str | None = None
    concept: str | None = None


@dataclass(frozen=True)
class Ask:
    """A question. `png`: the answer is a mask as PNG, too. The others say what is one object, and which are left out,
    as in a batch."""

    png: bool = field(default=False, kw_only=True)
    objects: ObjectMode = field(default="auto", kw_only=True)
    min_area: int = field(default=0, kw_only=True)
    min_confidence: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class AskPreview(Ask):
    """What an image of a project looks like with a draft of marks on it."""

    project: str
    image: str
    draft: Document


@dataclass(frozen=True)
class Prepare(Ask):
    """Learn what the next preview needs: of an image, which is looked at, too, or of any that is not marked."""

    project: str
    image: str | None = None


@dataclass(frozen=True)
class AskSegment(Ask):
    """What the marks of a project say of a file."""

    project: str
    query: Path


@dataclass(frozen=True)
class AskRegions(Ask):
    """The regions of an image of a project, as the pack that is named sees them; None: the service's."""

    project: str
    image: str
    pack: str | None = None


@dataclass(frozen=True)
class AskOnce(Ask):
    """What cues that belong to no project say of a file."""

    form: Form


@dataclass(frozen=True)
class Answer:
    """The fields of PredictionMask, and the mask as PNG where that was asked for; of regions those of `Regions`."""

    fields: dict[str, Any]
    png: bytes | None = None


class NoCuesError(CueError):
    """Nothing shows the thing yet: neither the marks of the project nor the draft."""


@dataclass(frozen=True)
class SavedCues:
    """The saved marks that teach: of all images of a project, or of all but the one that is drawn on.

    key   stands for them: equal for the same marks, classes, scale and ready concept.
    cues  reads them; asked only where the concept of `key` is not kept.
    pack  name of the pack that learns; None: the service's.
    """

    key: Hashable
    classes: tuple[ClassInfo, ...]
    scale: str
    cues: Callable[[], Sequence[MarkedImage]] = field(repr=False)
    pack: str | None = None


class Previewer:
    """See the module's docstring. For one thread."""

    def __init__(self, loaded: Callable[[str | None], Predictor], max_pixels: int | None = None) -> None:
        self._loaded = loaded
        self._max_pixels = max_pixels
        self._images: Kept[Image] = Kept(IMAGES, lambda image: image.pixels.nbytes, always=True)
        self._concepts: Kept[Concept | None] = Kept(CONCEPTS, pixel_bytes, always=True)

    def preview(
        self, saved: SavedCues, place: Path | FrameAt, draft: Document, objects: ObjectMode = "auto"
    ) -> Prediction:
        """The answer for the image at `place`, with a draft of marks on it that is not saved.

        Raises NoCuesError, and what reading images and marks raises.
        """
        image = self._image(place)
        marks = read_document(draft, image.size)
        concept = self._concept(saved)
        if marks is not None or concept is None:
            concept = self._with_draft(concept, saved, image, marks)
        return concept.with_objects(objects).segment(image)

    def learn(self, saved: SavedCues) -> None:
        """Have ready what saved marks teach."""
        self._concept(saved)

    def segment(self, saved: SavedCues, path: Path, objects: ObjectMode = "auto") -> Prediction:
        """The answer for the image at `path`, which need not belong to the project. Raises as `preview`."""
        concept = self._concept(saved)
        if concept is None:
            raise NoCuesError(
                f"{NO_CUES}: mark the thing on one of its images first, or choose a ready concept"
            )
        return concept.with_objects(objects).segment(self._read(path))

    def regions(self, pack: str | None, place: Path | FrameAt) -> Regions:
        """The regions of the image at `place`, ready to be clicked. Raises what reading it raises."""
        return regions_of(self._image(place).pixels, self._loaded(pack).segmenter.encoder)

    def once(self, form: Form, objects: ObjectMode = "auto") -> Prediction:
        """The answer for an image from cues that belong to no project. Raises InputError."""
        folder = f"{form.query.parent}/"
        try:
            concept = self._shown(form)
            if form.thresholds is not None:
                concept = concept.with_thresholds(form.thresholds)
        except InputError as error:
            raise error.reworded(lambda text: text.replace(folder, "")) from error
        return concept.with_objects(objects).segment(self._read(form.query))

    def _shown(self, form: Form) -> Concept:
        """What the cues of a form teach, and the ready concept that it names."""
        predictor = self._loaded(form.pack)
        cues: list[Cue | Example] = [self._cue(s) for s in form.shown]
        if form.concept is None:
            return predictor.learn(cues, form.classes or None, form.scale)
        cueset = read_cueset(predictor.pack.concept(form.concept))

        def learn() -> Concept:
            return predictor.learn([*read_examples(cueset), *cues], cueset.classes, form.scale)

        if cues:
            return learn()
        key = ("ready", predictor.pack.digest, form.concept, form.scale)
        found = self._concepts.get(key, learn)
        assert found is not None
        return found

    def _cue(self, shown: CueFile) -> Cue | Example:
        image = self._read(shown.image)
        if shown.document is None:
            return Cue(image, mask=shown.mask, objects=shown.objects)
        return Cue(image, **shown_in(shown.document)).on(image)

    def _read(self, path: Path) -> Image:
        try:
            return read_image(path, max_pixels=self._max_pixels)
        except ImageError as error:  # where it lies for a moment is nobody's business
            raise error.reworded(lambda text: text.replace(str(path), path.name)) from error

    def _image(self, place: Path | FrameAt) -> Image:
        path = place.source.path if isinstance(place, FrameAt) else place
        stat = path.stat() if path.exists() else None
        key = place, stat and (stat.st_mtime_ns, stat.st_size)
        return self._images.get(
            key, lambda: place.image() if isinstance(place, FrameAt) else self._read(place)
        )

    def _concept(self, saved: SavedCues) -> Concept | None:
        """What the saved marks teach; None where they show nothing."""

        def learn() -> Concept | None:
            examples = [read_marked(cue, saved.classes) for cue in saved.cues()]
            if not any(e.marks.class_ids for e in examples):
                return None
            return self._loaded(saved.pack).learn(examples, saved.classes, saved.scale)

        return self._concepts.get(("saved", saved.key), learn)

    def _with_draft(
        self, concept: Concept | None, saved: SavedCues, image: Image, marks: Marks | None
    ) -> Concept:
        """A concept from saved marks and the draft, or from the draft alone.

        What of a draft has to be learnt is learnt once, and kept: its boxes, and where nothing else is known the first
        stroke of each class. The others correct its answer.
        """
        if concept is None and (marks is None or not marks.class_ids):
            raise NoCuesError("nothing is marked yet: mark the thing on this image or another one first")
        assert marks is not None
        if marks.is_sparse and (marks.boxes or concept is None):
            first, left = _split(marks, concept is None)
            key = ("draft", saved.key, image.digest, repr(first), saved.classes, saved.scale)
            concept = self._concepts.get(key, partial(self._taught, concept, saved, Example(image, first)))
            if left is None:
                assert concept is not None
                return concept
            marks = left
        return self._taught(concept, saved, Example(image, marks))

    def _taught(self, concept: Concept | None, saved: SavedCues, example: Example) -> Concept:
        """A concept with one more example, or from it alone."""
        if concept is None:
            return self._loaded(saved.pack).learn([example], saved.classes, saved.scale)
        return concept.add([example], quick=True)


def prediction_mask(prediction: Prediction, began: float) -> dict[str, Any]:
    """A prediction as the API answers it. `began` is the `time.perf_counter` at which its making began."""
    apart = prediction.told_apart
    return {
        "verdict": prediction.verdict,
        "confidence": round(prediction.confidence, 6),
        "seconds": round(time.perf_counter() - began, 4),
        "mask": mask_document(prediction.mask, None if apart is None else apart.ids),
        "counts": {str(cls): n for cls, n in prediction.counts().items()},
        "thresholds": list(prediction.thresholds),
    }


def prediction_png(prediction: Prediction) -> bytes:
    """The mask as a batch writes it: a palette PNG of class ids."""
    with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
        return prediction.save(Path(folder) / "mask.png").read_bytes()


def _split(marks: Marks, alone: bool) -> tuple[Marks, Marks | None]:
    """(what of sparse marks is to be learnt; all others, None where none are left).

    `alone`: nothing else is known, so that of a class without a box the first stroke is learnt.
    """
    first: dict[int, Stroke] = {}
    boxed = {box.cls for box in marks.boxes}
    for mark in marks.strokes:
        if alone and mark.cls > 0 and mark.cls not in boxed:
            first.setdefault(mark.cls, mark)
    taken = {id(mark) for mark in (*marks.boxes, *first.values())}
    learnt = marks.only(lambda mark: id(mark) in taken)
    left = len(marks.strokes) > len(first)
    return learnt, marks.only(lambda mark: id(mark) not in taken) if left else None


@dataclass(frozen=True)
class Desk:
    """What the process answers with."""

    database: Database
    files: DataFolder
    previewer: Previewer
    settings: Settings

    def answer(self, question: Ask) -> Answer:
        """The answer to a question of the page. Raises what looking at the image raises."""
        began = time.perf_counter()
        if isinstance(question, Prepare):
            self._prepare(question)
            return Answer({})
        if isinstance(question, AskRegions):
            found = self.previewer.regions(question.pack, self._image(question))
            return Answer({"small": found.small, "large": found.large})
        if isinstance(question, AskPreview):
            cues = self._saved_cues(question.project, but=question.image)
            prediction = self.previewer.preview(cues, self._image(question), question.draft, question.objects)
        elif isinstance(question, AskSegment):
            saved = self._saved_cues(question.project)
            prediction = self.previewer.segment(saved, question.query, question.objects)
        elif isinstance(question, AskOnce):
            prediction = self.previewer.once(question.form, question.objects)
        else:
            raise TypeError(f"{question!r} is no question")
        prediction = prediction.keeping(question.min_area, question.min_confidence)
        return Answer(
            prediction_mask(prediction, began), prediction_png(prediction) if question.png else None
        )

    def _prepare(self, task: Prepare) -> None:
        """Have ready what the next preview of an image, or of any without marks, is made from."""
        saved: Document = {}
        if task.image is not None:
            with self.database.reading() as session:
                saved = marks.document(session, task.project, task.image)
        if task.image is None or any(saved.get(part) for part in ("mask", *COMPLETE, "absent")):
            # An image that is marked wholly is not corrected: others may be next.
            self.previewer.learn(self._saved_cues(task.project))
            return
        question = AskPreview(task.project, task.image, saved)
        self.previewer.preview(self._saved_cues(task.project, but=task.image), self._image(question), saved)

    def _saved_cues(self, project: str, but: str | None = None) -> SavedCues:
        """The saved marks of a project, read from the database where their concept is not kept."""
        with self.database.reading() as session:
            row = projects.find(session, project)
            classes = projects.class_infos(row.classes)
            state = predictions.marks_state(session, project, but)
        pack, concept, scale = pack_of(self.settings, row.pack), row.concept, projects.scale_of(row)

        def cues() -> Sequence[MarkedImage]:
            ready = ready_cues(pack, concept, classes) if concept else ()
            with self.database.reading() as session:
                return [*ready, *marked_images(session, self.files, project, but)]

        return SavedCues((project, state, classes, pack.digest), classes, scale, cues, row.pack)

    def _image(self, question: AskPreview | AskRegions) -> Path | FrameAt:
        """The file of an image, or where a frame or slice is read."""
        with self.database.reading() as session:
            image = images.find(session, question.project, question.image)
            return frame_at(session, self.files, image) or self.files.original(image.path)


def problem_in_reply(error: Exception, data: Path) -> Problem:
    """What the answer to a question says of an error, paths of the data folder left out."""
    if isinstance(error, NoCuesError):
        return Problem("no_cues", 409, str(error))
    if isinstance(error, MemoryError):
        return Problem("too_large", 413, "not enough memory for this image; give a smaller one")
    return problem_of(error, data)
