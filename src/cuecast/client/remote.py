"""Service, predictor, concept and prediction: the verbs of the library, carried out by a service.

What is shown is read and checked here, by the library's own `Predictor`; the service gets the images and their marks
as a project, and segments by them. A picture goes out as its file, or, where there is none, as PNG: either way the
service sees the same pixels as the library would.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from cuecast.core import errors
from cuecast.core.errors import CuecastError, MissingExtraError

if TYPE_CHECKING:
    import httpx2
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import CueError, PackError
from cuecast.core.objects import ObjectMask, ObjectMode, ToldApart, objects_of
from cuecast.core.ordered import in_order
from cuecast.core.values import ClassInfo, Example, Image, Marks
from cuecast.cues import Cue, ids_of, joined, labels_of, marks_document
from cuecast.engine.packs import Pack
from cuecast.engine.segmenter import ScoreMaps
from cuecast.io.images import read_image
from cuecast.prediction import Prediction
from cuecast.predictor import Concept, Predictor

BUSY = (429, 503)
"""Answers of a service that has not begun: the request may be sent again, whatever it is."""
PAUSE, LONGEST = 1.0, 30.0
"""Seconds before sending again: where the service states none, and at most."""
ERRORS: dict[str, type[CuecastError]] = {
    "image_unreadable": errors.ImageError,
    "not_an_image": errors.ImageError,
    "mask_invalid": errors.MaskError,
    "marks_invalid": errors.CueError,
    "no_cues": errors.CueError,
    "input_invalid": errors.InputError,
    "invalid_request": errors.InputError,
    "classes_invalid": errors.InputError,
    "too_large": errors.InputError,
    "empty": errors.InputError,
    "cueset_invalid": errors.CueSetError,
    "pack_unusable": errors.PackError,
    "pack_invalid": errors.PackError,
    "pack_exists": errors.PackError,
    "cannot_write": errors.OutputError,
    "extra_missing": errors.MissingExtraError,
}
"""Code of an error of the service -> error of the library; all others are a plain CuecastError."""


class Wire:
    """A connection to one service. Safe to share between threads; `close` it, or let the process end."""

    def __init__(self, url: str, key: str | None, timeout: float, patience: float) -> None:
        try:
            import httpx2
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"the client needs {error.name}, which is not installed; run: pip install 'cuecast[client]'"
            ) from error
        if not url.startswith(("http://", "https://")):
            raise CuecastError(f"{url}: this is no address of a service; write it as http://HOST:PORT")
        self.url = url.rstrip("/")
        self._patience = patience
        key = (key or "").strip()  # one that is read from a file ends in a newline
        if not (key.isascii() and key.isprintable()):
            raise CuecastError(
                f"{url}: the key holds a character that none has; give it as 'cuecast keys create' printed it"
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limit = httpx2.Timeout(timeout, connect=min(timeout, 10))
        try:
            self._client = httpx2.Client(base_url=self.url, headers=headers, timeout=limit)
        except httpx2.InvalidURL as error:
            raise CuecastError(
                f"{url!r}: this is no address of a service ({error}); write it as http://HOST:PORT"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON that answers a request (None for an empty answer); `request` is as httpx2 takes it.

        A service that is busy is asked again when it says, for `patience` seconds in all. Raises the error of the
        library that the service names, and CuecastError where it cannot be reached or is no cuecast service.
        """
        deadline = time.monotonic() + self._patience
        while True:
            reply = self._send(method, path, request)
            if reply.status_code not in BUSY:
                break
            pause = _pause(reply.headers.get("Retry-After"))
            if time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        if reply.is_success:
            return self._json(reply) if reply.content else None
        raise self._error(reply)

    def _send(self, method: str, path: str, request: dict[str, Any]) -> httpx2.Response:
        import httpx2

        try:
            return self._client.request(method, path, **request)
        except httpx2.TimeoutException as error:
            raise CuecastError(
                f"{self.url}: no answer in time ({method} {path}); give connect() a longer timeout"
            ) from error
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise CuecastError(
                f"{self.url}: cannot be reached ({error}); check the address, and that 'cuecast serve' runs there"
            ) from error

    def _json(self, reply: httpx2.Response) -> Any:
        try:
            return reply.json()
        except ValueError as error:
            raise CuecastError(
                f"{self.url}: answers, but not as a cuecast service does; check the address"
            ) from error

    def _error(self, reply: httpx2.Response) -> CuecastError:
        """The error that a reply states."""
        try:
            stated = reply.json()["error"]
            code, message = str(stated["code"]), str(stated["message"])
        except (ValueError, KeyError, TypeError):
            said = f"answers {reply.status_code} {reply.reason_phrase}, and not as a cuecast service does"
            return CuecastError(f"{self.url}: {said}; check the address")
        return ERRORS.get(code, CuecastError)(message)


def _pause(retry_after: str | None) -> float:
    """Seconds to wait by a Retry-After header: a number, or a date."""
    try:
        seconds = float(retry_after or PAUSE)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(str(retry_after)).timestamp() - time.time()
        except ValueError:
            seconds = PAUSE
    return min(max(seconds, 0.0), LONGEST)


BINARY = {"Content-Type": "application/octet-stream"}


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
        """The predictor of the service. Raises PackError where it works with another pack, CuecastError."""
        info = self.wire.ask("GET", "/v1/info")
        if info.get("pack") != pack:
            raise PackError(
                f"it works with the pack {info.get('pack')!r}, not {pack!r}",
                self.wire.url,
                f"load that one, or start the service with --pack {pack}",
            )
        return RemotePredictor(self.wire, pack)

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, eq=False)
class RemotePredictor:
    """The loaded pack of a service. Safe to share between threads."""

    wire: Wire
    pack: str

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
        shown = Predictor(_Elsewhere(), Pack(Path(), {"name": self.pack})).learn(
            given, classes, scale, objects
        )
        new = {
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


@dataclass(frozen=True, eq=False)
class RemoteConcept:
    """What some cues taught, as a project of the service; as a context manager it deletes that in the end.

    shown  what was shown, as the library holds it: `examples`, `classes`, `scale`.
    """

    predictor: RemotePredictor
    project: str
    shown: Concept = field(repr=False)

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
        shown = self.shown.add(given)
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

    def delete(self) -> None:
        """Delete the project at the service, its images and marks with it. Raises CuecastError."""
        self._wire.ask("DELETE", f"/v1/projects/{self.project}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

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
