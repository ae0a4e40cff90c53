"""Answers at once: one process that keeps the pack and what was used last, asked over a pipe.

Requests wait in a queue of bounded length and are answered one after the other; the event loop is never blocked. A
process that dies or takes too long is replaced, and its request is answered with 503 and Retry-After. While nobody
waits, it learns ahead what it was told to prepare.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from cuecast.service.preview import Answer, Ask, Desk, Prepare, problem_in_reply
from cuecast.service.problem import Problem, busy
from cuecast.service.processes import Beside
from cuecast.service.settings import Settings

log = logging.getLogger("cuecast.service")
WAITING = 16
"""Requests that may wait for an answer at once."""
SECONDS = 120.0
"""After so long a request is given up; the first after a change of the marks learns all cues."""
RETRY_SECONDS = 2


class Interactive:
    """See the module's docstring."""

    def __init__(self, settings: Settings, threads: int, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._process = Beside("interactive", threads, _answer, settings, threads)
        # One thread: it alone speaks to the process.
        self._speaker = ThreadPoolExecutor(1, "cuecast-interactive")
        self._waiting = 0
        self._ahead: dict[str, Prepare] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start the process, so that the first request finds it warm."""
        self._speaker.submit(self._process.pipe)

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
        self._process.kill()
        self._speaker.shutdown(wait=True, cancel_futures=True)
        self._process.end()

    @property
    def pid(self) -> int | None:
        """The id of the process, where one has been started."""
        return self._process.pid

    def _exchange(self, question: Ask) -> Answer:
        try:
            pipe = self._process.pipe()
            pipe.send(question)
            if not pipe.poll(self._seconds):
                raise TimeoutError(f"no answer within {self._seconds:g} s")
            answer = pipe.recv()
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            log.warning("the interactive process is replaced: %r", error)
            self._process.end()
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


# ---- in the process


def _answer(settings: Settings, threads: int, pipe: Connection) -> None:
    """Answer what comes in over the pipe until its other end is closed. The body of the process."""
    from cuecast.service.files import DataFolder
    from cuecast.service.loaded import Loaded, warm
    from cuecast.service.preview import Previewer
    from cuecast.service.store.database import open_database

    database = open_database(settings.database_url, migrate=False)
    files = DataFolder(settings.data, settings.roots)
    loaded = Loaded(settings, threads)
    warm(loaded.get(None))
    desk = Desk(database, files, Previewer(loaded.get, settings.limits.pixels), settings)
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        try:
            reply: Any = desk.answer(question)
        except Exception as error:  # noqa: BLE001  answered in the one shape, and the next one is taken
            problem = problem_in_reply(error, settings.data)
            reply = (problem.code, problem.status, str(problem))
        pipe.send(reply)
