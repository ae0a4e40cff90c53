"""Service, predictor, concept and prediction: the verbs of the library, carried out by a service.

What is shown is read and checked here, by the library's own `Predictor`; the service gets the images and their marks
as a project, and segments by them. A picture goes out as its file, or, where there is none, as PNG: either way the
service sees the same pixels as the library would.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.client.project import BINARY, RemoteProject
from cuecast.client.refined import RemoteRefined, refine
from cuecast.client.wire import Wire
from cuecast.core.errors import CuecastError, CueError, PackError
from cuecast.core.objects import ObjectMask, ObjectMode, ToldApart, objects_of
from cuecast.core.ordered import Progress, in_order, silent
from cuecast.core.values import ClassInfo, Example, Image, Marks
from cuecast.cues import Cue, ids_of, joined, labels_of, marks_document
from cuecast.engine.objects import object_rule
from cuecast.engine.packs import Pack
from cuecast.engine.segmenter import ScoreMaps
from cuecast.io.images import read_image
from cuecast.prediction import Prediction
from cuecast.predictor import Concept, Predictor, decision_of, read_cues


class RemotePrediction(Prediction):
    """A `Prediction` whose scores stayed at the service: `scores` is (0, H, W), and there is no `uncertainty`."""

    @property
    def uncertainty(self) -> NDArray[np.float32]:
        """(H, W) is not to be had: raises CuecastError, as a mask does not tell how sure it is of each pixel."""
        raise CuecastError(
            f"{self.image.name}: the service sends the mask, not the scores that uncertainty is made of; "
            "use cuecast.load on this machine for it"
        )

    def objects(self) -> tuple[ObjectMask, ...]:
        """As `Prediction.objects`, their confidences None: they are made of the scores."""
        return objects_of(self.instances, self.mask)


@dataclass(frozen=True, eq=False)
class Service:
    """A service that can be asked. Also a context manager that closes the connection."""

    wire: Wire

    def load(self, pack: str = "general") -> RemotePredictor:
        """The predictor of the service with an installed pack of its. Raises PackError where it has none of that name,
        CuecastError."""
        info = self.wire.ask("GET", "/v1/info")
        if pack == info.get("pack"):
            return RemotePredictor(self.wire, pack)
        known = info.get("packs") or ()
        if pack not in known:
            raise PackError(
                f"it works with the pack {info.get('pack')!r} and has none that is called {pack!r}",
                self.wire.url,
                f"load one that it has ({', '.join(known)}), or import {pack} there",
            )
        return RemotePredictor(self.wire, pack, {"pack": pack})

    def project(self, id: str) -> RemoteProject:
        """A project that it keeps, by its id; nothing is sent yet."""
        return RemoteProject(self.wire, id)

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, eq=False)
class RemotePredictor:
    """A pack of a service. Safe to share between threads.

    chosen  what a project says of it; nothing where it is the service's own.
    """

    wire: Wire
    pack: str
    chosen: Mapping[str, str] = field(default_factory=dict, repr=False)

    def learn(
        self,
        cues: Iterable[Cue | Example],
        classes: Sequence[ClassInfo | str] | None = None,
        scale: str = "frame",
        objects: ObjectMode = "auto",
    ) -> RemoteConcept:
        """`Predictor.learn`; the service gets a project with these cues, which stays until it is deleted.

        Raises what `Predictor.learn` raises, and CuecastError.
        """
        given = tuple(cues)
        shown = self._here.learn(given, classes, scale, objects)
        new = {
            **self.chosen,
            "name": ", ".join(c.name for c in shown.classes)[:200],
            "scale": scale,
            "classes": [c.document for c in shown.classes],
        }
        project = self.wire.ask("POST", "/v1/projects", json=new)["id"]
        concept = RemoteConcept(self, str(project), shown)
        try:
            concept._send(given, shown.examples)
        except BaseException:
            concept.delete()
            raise
        return concept

    def concept(self, name: str, scale: str = "frame") -> RemoteConcept:
        """`Predictor.concept`: one that comes with the pack; its cues stay there, and the service gets a project.

        Raises PackError where there is none of that name, CuecastError.
        """
        new = {**self.chosen, "name": name, "scale": scale, "concept": name}
        project = self.wire.ask("POST", "/v1/projects", json=new)
        classes = tuple(ClassInfo.of(c) for c in project["classes"])
        here, ids = self._here, [c.id for c in classes]
        decision = decision_of(here.pack, (), classes, scale)
        shown = Concept(here, (), classes, scale, None, decision, object_rule((), ids, scale == "frame"))
        return RemoteConcept(self, str(project["id"]), shown, ready=True)

    @property
    def _here(self) -> Predictor:
        """Reads and checks what is shown."""
        return Predictor(_Elsewhere(), Pack(Path(), {"name": self.pack}))


@dataclass(frozen=True, eq=False)
class RemoteConcept:
    """What some cues taught, as a project of the service; as a context manager it deletes that in the end.

    shown  what was shown, as the library holds it: `examples`, `classes`, `scale`. Of a ready concept the service has
           the cues, and `examples` are those that were added.
    ready  whether it is one that came with the pack.
    """

    predictor: RemotePredictor
    project: str
    shown: Concept = field(repr=False)
    ready: bool = False

    @property
    def examples(self) -> tuple[Example, ...]:
        """The cues that were read."""
        return self.shown.examples

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes of the masks."""
        return self.shown.classes

    @property
    def scale(self) -> str:
        """'frame' or 'pixel', see `Predictor.learn`."""
        return self.shown.scale

    def add(self, cues: Iterable[Cue | Example]) -> RemoteConcept:
        """The concept taught by these cues as well.

        They go into the same project: unlike in the library, the concept as it was before learns them, too. Raises
        what `Concept.add` raises, and CuecastError.
        """
        given = tuple(cues)
        shown = self._beside(given) if self.ready else self.shown.add(given)
        self._send(given, shown.examples[len(self.examples) :])
        return replace(self, shown=shown)

    def with_thresholds(self, thresholds: float | Mapping[str, float | None]) -> RemoteConcept:
        """`Concept.with_thresholds`; the project gets them, so that the concept as it was before has them, too.

        Raises CueError, CuecastError.
        """
        shown = self.shown.with_thresholds(thresholds)
        classes = [{**c.document, "threshold": c.threshold} for c in shown.classes]
        self._wire.ask("PATCH", f"/v1/projects/{self.project}", json={"classes": classes})
        return replace(self, shown=shown)

    def with_objects(self, objects: ObjectMode) -> RemoteConcept:
        """`Concept.with_objects`. Raises CueError."""
        return replace(self, shown=self.shown.with_objects(objects))

    def segment(self, image: Any, page: int | None = None) -> RemotePrediction:
        """`Concept.segment`, done by the service. Raises ImageError, CuecastError."""
        query = read_image(image, page=page)
        found = self._wire.ask(
            "POST",
            f"/v1/projects/{self.project}/segment",
            params={"objects": self.shown.objects},
            content=_file(query, page),
            headers={**BINARY, "Accept": "application/json"},
        )
        labels, ids = labels_of(found["mask"], query.size), ids_of(found["mask"], query.size)
        mask = np.zeros(query.size, np.int32) if labels is None else labels
        mask.flags.writeable = False
        return RemotePrediction(
            query,
            mask,
            mask,
            np.zeros((0, *query.size), np.float32),
            self.classes,
            found["verdict"],
            float(found["confidence"]),
            float(found["seconds"]),
            tuple(found["thresholds"]),
            None if ids is None else ToldApart.of(ids),
        )

    def segment_many(self, images: Iterable[Any], workers: int = 1) -> Iterator[RemotePrediction]:
        """Predictions in input order, made as they are asked for; `workers` requests at once."""
        yield from in_order(self.segment, images, workers)

    def refine(
        self,
        name: str,
        *,
        base: str | None = None,
        minutes: float = 20.0,
        group: str | None = None,
        card: Mapping[str, Any] | None = None,
        progress: Progress = silent,
    ) -> RemoteRefined:
        """Have the service refine a pack on these cues, and wait for it: it is installed when it is kept.

        name     of the new pack.
        base     the pack that it stands on; None: this one.
        minutes  time that it may take, about.
        group    'prefix': pictures whose names are alike up to their last number belong together.
        card     fields of its card.

        Raises PackError, InputError, MissingExtraError and CuecastError with the sentence of the service.
        """
        wanted = {"name": name, "base": base, "minutes": minutes, "group": group, "card": dict(card or {})}
        return refine(self._wire, self.project, wanted, progress)

    def delete(self) -> None:
        """Delete the project at the service, its images and marks with it. Raises CuecastError."""
        self._wire.ask("DELETE", f"/v1/projects/{self.project}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

    def _beside(self, cues: Sequence[Cue | Example]) -> Concept:
        """What is shown with these cues beside those of a ready concept, which need not show the thing."""
        examples = read_cues(cues, self.classes)[1]
        return replace(self.shown, examples=(*self.examples, *examples))

    @property
    def _wire(self) -> Wire:
        return self.predictor.wire

    def _send(self, given: Sequence[Cue | Example], examples: Sequence[Example]) -> None:
        """Put images and marks into the project; marks of one picture together."""
        images = f"/v1/projects/{self.project}/images"
        for cue, example in zip(given, examples, strict=True):
            page = cue.page if isinstance(cue, Cue) else None
            sent = self._wire.ask(
                "POST",
                images,
                params={"name": example.image.name},
                content=_file(example.image, page),
                headers=BINARY,
            )
            marks = f"{images}/{sent['id']}/marks"
            there = self._wire.ask("GET", marks)
            self._wire.ask("PUT", marks, json=_joined(there, example))


@dataclass(frozen=True)
class _Elsewhere:
    """A segmenter that leaves the learning to the service: what is shown is read and checked, and that is all."""

    encoder = None

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,
        before: Any = None,
    ) -> None:
        """Nothing is learnt here."""

    def score(self, knowledge: Any, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:  # noqa: ARG002
        """Never called: `RemoteConcept.segment` asks the service."""
        raise AssertionError("the service scores")

    def zoom(self, knowledge: Any) -> float:  # noqa: ARG002
        """Never called: it is for maps, which the client does not send."""
        return 1.0

    def forget(self) -> None:
        """Nothing is kept here."""


def _joined(there: Mapping[str, Any], example: Example) -> dict[str, Any]:
    """The marks of an image at the service with those of an example. Raises CueError where they contradict."""
    marks = example.marks
    shown: dict[str, Any] = {**marks.drawn, "absent": marks.absent}
    try:
        both = joined(there, marks_document(Cue(None, **shown), marks.mask, marks.objects))
    except CueError as error:
        raise CueError(str(error), example.image.name) from error
    return {**both, "version": there["version"]}


def _file(image: Image, page: int | None) -> bytes:
    """The image as a file that holds the same pixels: its own, or a PNG."""
    if image.path is not None and page is None:
        return image.path.read_bytes()
    buffer = io.BytesIO()
    PILImage.fromarray(image.pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
