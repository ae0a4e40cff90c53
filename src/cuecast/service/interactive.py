"""Answers at once: one process that keeps the pack and what was used last, asked over a pipe.

Requests wait in a queue of bounded length and are answered one after the other; the event loop is never blocked. A
process that dies or takes too long is replaced, and its request is answered with 503 and Retry-After. While nobody
waits, it learns ahead what it was told to prepare.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cuecast.core.marks import Document
from cuecast.service.beside import settle, start_beside
from cuecast.service.compute.preview import ShownResult
from cuecast.service.problem import Problem, busy, problem_of
from cuecast.service.settings import Settings

log = logging.getLogger("cuecast.service")

WAITING = 16
"""Requests that may wait for an answer at once."""
SECONDS = 120.0
"""After so long a request is given up; the first after a change of the marks learns all cues."""
RETRY_SECONDS = 2


@dataclass(frozen=True)
class Ask:
    """A question. `png`: the answer is a mask as PNG, too."""

    png: bool = field(default=False, kw_only=True)


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
class AskOnce(Ask):
    """What cues that belong to no project say of a file."""

    shown: tuple[ShownResult, ...]
    query: Path
    scale: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The fields of PredictionMask, and the mask as PNG where that was asked for."""

    fields: dict[str, Any]
    png: bytes | None = None


class Interactive:
    """See the module's docstring."""

    def __init__(self, settings: Settings, threads: int, seconds: float = SECONDS) -> None:
        self._settings, self._threads, self._seconds = settings, threads, seconds
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._pipe: Connection | None = None
        # One thread: it alone speaks to the process.
        self._speaker = ThreadPoolExecutor(1, "cuecast-interactive")
        self._waiting = 0
        self._ahead: dict[str, Prepare] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start the process, so that the first request finds it warm."""
        self._speaker.submit(self._connected)

    async def ask(self, question: Ask) -> Answer:
        """The answer. Raises Problem: 429 where too many wait, 503 where the process died, else what is wrong."""
        with self._lock:
            if self._waiting >= WAITING:
                raise busy("queue_full", f"{WAITING} previews are waiting: try again", RETRY_SECONDS)
            self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._speaker, self._exchange, question)
        finally:
            with self._lock:
                self._waiting -= 1

    def prepare(self, task: Prepare) -> None:
        """Do this once nobody waits for an answer. A newer task of the same project takes its place until it begins."""
        with self._lock:
            begins = task.project in self._ahead
            if not begins and len(self._ahead) >= WAITING:
                return  # what is not prepared is learned when it is asked for
            self._ahead[task.project] = task
        if not begins:
            self._speaker.submit(self._work_ahead, task.project)

    def _work_ahead(self, project: str) -> None:
        with self._lock:
            if self._waiting:  # behind those who wait
                self._speaker.submit(self._work_ahead, project)
                return
            task = self._ahead.pop(project)
        with suppress(Problem):  # who asks is told
            self._exchange(task)

    def stop(self) -> None:
        """End the process; a request that it is at is answered with 503."""
        if self._process is not None:
            self._process.kill()
        self._speaker.shutdown(wait=True, cancel_futures=True)
        self._end()

    @property
    def pid(self) -> int | None:
        """The id of the process, where one has been started."""
        return self._process.pid if self._process is not None else None

    def _exchange(self, question: Ask) -> Answer:
        try:
            pipe = self._connected()
            pipe.send(question)
            if not pipe.poll(self._seconds):
                raise TimeoutError(f"no answer within {self._seconds:g} s")
            answer = pipe.recv()
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            log.warning("the interactive process is replaced: %r", error)
            self._end()
            slow = isinstance(error, TimeoutError)
            what = "took too long" if slow else "ended while it was at this request"
            raise Problem(
                "interactive_timeout" if slow else "interactive_ended",
                503,
                f"the process for answers at once {what} and is being started anew: try again",
                headers={"Retry-After": str(RETRY_SECONDS)},
            ) from error
        if isinstance(answer, Answer):
            return answer
        code, status, message = answer
        raise Problem(code, status, message)

    def _connected(self) -> Connection:
        if self._pipe is None or not self._process.is_alive():
            self._end()
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(
                target=_answer,
                args=(self._settings, self._threads, theirs),
                name="cuecast-interactive",
                daemon=True,
            )
            start_beside(self._process)
            theirs.close()
        assert self._pipe is not None
        return self._pipe

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


# ---- in the process


def _answer(settings: Settings, threads: int, pipe: Connection) -> None:
    """Answer what comes in over the pipe until its other end is closed. The body of the process."""
    from cuecast.service.compute.keeping import keeping, warm
    from cuecast.service.compute.preview import Previewer
    from cuecast.service.files import DataFolder
    from cuecast.service.store.database import open_database

    settle(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    database = open_database(settings.database_url, migrate=False)
    files = DataFolder(settings.data, settings.roots)
    predictor = keeping(settings.pack, threads)
    warm(predictor)
    desk = _Desk(database, files, Previewer(predictor, settings.limits.pixels))
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        try:
            reply: Any = desk.answer(question)
        except Exception as error:  # noqa: BLE001  answered in the one shape, and the next one is taken
            problem = _problem(error, settings.data)
            reply = (problem.code, problem.status, str(problem))
        pipe.send(reply)


def _problem(error: Exception, data: Path) -> Problem:
    from cuecast.service.compute.preview import NoCuesError

    if isinstance(error, NoCuesError):
        return Problem("no_cues", 409, str(error))
    if isinstance(error, MemoryError):
        return Problem("too_large", 413, "not enough memory for this image; give a smaller one")
    return problem_of(error, data)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclass(frozen=True)
class _Desk:
    """What the process answers with."""

    database: Any
    files: Any
    previewer: Any

    def answer(self, question: Ask) -> Answer:
        from cuecast.service.compute.preview import prediction_mask, prediction_png

        began = time.perf_counter()
        if isinstance(question, Prepare):
            self._prepare(question)
            return Answer({})
        if isinstance(question, AskPreview):
            cues = self._saved_cues(question.project, but=question.image)
            prediction = self.previewer.preview(cues, self._image(question), question.draft)
        elif isinstance(question, AskSegment):
            prediction = self.previewer.segment(self._saved_cues(question.project), question.query)
        elif isinstance(question, AskOnce):
            prediction = self.previewer.once(question.shown, question.query, question.scale, question.classes)
        else:
            raise TypeError(f"{question!r} is no question")
        return Answer(
            prediction_mask(prediction, began), prediction_png(prediction) if question.png else None
        )

    def _prepare(self, task: Prepare) -> None:
        """Have ready what the next preview of an image, or of any without marks, is made from."""
        from cuecast.service.store import marks

        saved: Document = {}
        if task.image is not None:
            with self.database.reading() as session:
                saved = marks.document(session, task.project, task.image)
        if task.image is None or any(saved.get(part) for part in ("mask", "polygons", "absent")):
            # An image that is marked wholly is not corrected: others may be next.
            self.previewer.learn(self._saved_cues(task.project))
            return
        question = AskPreview(task.project, task.image, saved)
        self.previewer.preview(self._saved_cues(task.project, but=task.image), self._image(question), saved)

    def _saved_cues(self, project: str, but: str | None = None) -> Any:
        """The saved marks of a project, read from the database where their concept is not kept."""
        from cuecast.service.compute.preview import SavedCues
        from cuecast.service.snapshot import marked_images
        from cuecast.service.store import predictions, projects

        with self.database.reading() as session:
            row = projects.find(session, project)
            classes = projects.class_infos(row.classes)
            state = predictions.marks_state(session, project, but)

        def cues() -> Any:
            with self.database.reading() as session:
                return marked_images(session, self.files, project, but)

        return SavedCues((project, state, classes), classes, row.scale, cues)

    def _image(self, question: AskPreview) -> Any:
        """The file of an image, or where a frame or slice is read."""
        from cuecast.service.snapshot import frame_at
        from cuecast.service.store import images

        with self.database.reading() as session:
            image = images.find(session, question.project, question.image)
            return frame_at(session, self.files, image) or self.files.original(image.path)
