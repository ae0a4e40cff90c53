"""Worker processes: they claim jobs from the database and do them. And the process for answers at once.

    workers = start(settings)     # settings.workers processes for jobs, one for previews (`interactive`)
    workers.stop()

Processes are spawned, not forked. One that ends is replaced, and its job goes back into the queue. A worker ends with
its server, and the server holds its data folder alone: so jobs that are running when it starts are nobody's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from cuecast.core.errors import CuecastError
from cuecast.service.interactive import Interactive, settle, start_beside
from cuecast.service.problem import Problem, problem_of
from cuecast.service.settings import Settings
from cuecast.service.store import jobs
from cuecast.service.store.database import Database, open_database
from cuecast.service.store.models import Job

log = logging.getLogger("cuecast.service")

IDLE = 0.3
"""Seconds between two looks at an empty queue."""
MOST = 4
"""Threads of one answer, and images in work at once: more bring little, and each image takes memory."""
RETRY = 3.0
"""Seconds until a database that failed is asked again."""
WATCH = 0.5
"""Seconds between two looks at the processes."""
PATIENCE = 5.0
"""Seconds that a worker gets to put its job back before it is killed."""


def start(settings: Settings) -> Workers:
    """Start the processes for these settings; the database is there and up to date."""
    workers = Workers(settings, open_database(settings.database_url, migrate=False))
    workers.begin()
    return workers


@dataclass(eq=False)
class Workers:
    """The processes beside a server, and the thread that watches over them."""

    settings: Settings
    database: Database
    interactive: Interactive = field(init=False)
    _crew: list[_Worker] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _watch: threading.Thread | None = None

    def begin(self) -> None:
        """Start the processes and the watch."""
        self.interactive = Interactive(self.settings, shares(cores())[0])
        self.interactive.begin()
        self._take_back()
        self._crew = [_hire(self.settings) for _ in range(self.settings.workers)]
        self._watch = threading.Thread(target=self._watching, name="cuecast-watch", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """End all processes; jobs that are going on go back into the queue."""
        self._ending.set()
        if self._watch:
            self._watch.join()
        for worker in self._crew:
            worker.lifeline.close()
        self.interactive.stop()
        deadline = time.monotonic() + PATIENCE
        for worker in self._crew:
            worker.process.join(max(0.1, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.join()
        self._take_back()
        self.database.close()

    def pids(self) -> list[int]:
        """The ids of the processes for jobs."""
        return [w.process.pid for w in self._crew if w.process.pid is not None]

    def _watching(self) -> None:
        while not self._ending.wait(WATCH):
            try:
                self._replace_dead()
            except Exception:
                log.exception("watching over the workers failed; it is tried again")

    def _replace_dead(self) -> None:
        for place, worker in enumerate(self._crew):
            process = worker.process
            if process.is_alive():
                continue
            log.warning("worker %s ended with code %s; it is replaced", process.pid, process.exitcode)
            worker.lifeline.close()
            self._take_back(worker.name)
            self._crew[place] = _hire(self.settings)

    def _take_back(self, worker: str | None = None) -> None:
        with self.database.writing() as session:
            for job in jobs.take_back(session, worker):
                log.warning("job %s: its worker is dead; it is %s now", job.id, job.state)


@dataclass(frozen=True)
class _Worker:
    """A process for jobs. It stops when its lifeline is closed, and so when the server dies."""

    process: BaseProcess
    name: str
    lifeline: Connection


def _hire(settings: Settings) -> _Worker:
    context = multiprocessing.get_context("spawn")
    name, share = secrets.token_hex(4), max(1, cores() // settings.workers)
    # Not an Event: setting one waits for its sleepers, and a sleeper that was killed never wakes.
    theirs, ours = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(settings, name, share, theirs), name="cuecast-worker", daemon=True
    )
    start_beside(process)
    theirs.close()
    return _Worker(process, name, ours)


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shares(cores: int) -> tuple[int, int]:
    """(threads of one answer, images in work at once) on so many cores.

    Images side by side wait for nothing; the threads of one answer wait for each other many times, which beside other
    work costs more than they bring. So one answer gets half of the cores at most.
    """
    threads = max(1, min(MOST, cores // 2))
    return threads, max(1, min(MOST, cores // threads))


# ---- in the worker process


def _work(settings: Settings, name: str, share: int, lifeline: Connection) -> None:
    """Claim jobs and do them until the lifeline is closed. The body of a worker process, which has `share` cores."""
    from cuecast.service.files import DataFolder
    from cuecast.service.progress import Bench

    threads, together = shares(share)
    settle(threads)
    if hasattr(os, "nice"):
        os.nice(5)  # requests are answered while a run takes all cores
    database = open_database(settings.database_url, migrate=False)
    bench = Bench(
        settings, database, DataFolder(settings.data, settings.roots), name, threads, lifeline.poll, together
    )
    wait, ready = 0.0, False
    while not lifeline.poll(wait):
        try:
            job = _claim(database, name)
        except SQLAlchemyError:
            log.exception("the database does not answer; it is asked again")
            wait = RETRY
            continue
        wait = IDLE if job is None else 0.0
        if job is not None:
            _do(bench, job)
        elif not ready:
            _make_ready(bench)
        ready = True


def _make_ready(bench: Any) -> None:
    """Use the first quiet moment to load what the first job needs."""
    from cuecast.service.preview import warm

    with suppress(CuecastError):  # the job is told what is wrong with the pack
        warm(bench.predictor)


def _claim(database: Database, worker: str) -> Job | None:
    with database.reading() as session:
        waiting = jobs.waiting_jobs(session)
    for job in waiting:
        with database.writing() as session:
            if (claimed := jobs.claim_job(session, job, worker)) is not None:
                return claimed
    return None


def _do(bench: Any, job: Job) -> None:
    """Do a job and note how it ended."""
    from cuecast.service.progress import CancelledError, StoppedError
    from cuecast.service.tasks import perform

    database: Database = bench.database
    state, result, error = "done", None, None
    try:
        result = perform(bench, job)
    except jobs.LostJobError:
        return
    except CancelledError:
        state = "cancelled"
    except StoppedError:
        with suppress(jobs.LostJobError), database.writing() as session:
            jobs.give_back(session, job.id, bench.worker)
        return
    except Exception as failure:  # noqa: BLE001  a worker goes on with the next job
        if isinstance(failure, MemoryError):
            failure = Problem(
                "no_memory", 507, "not enough memory: use a machine with more, or smaller images"
            )
        problem = problem_of(failure, bench.settings.data)
        state, error = "failed", {"code": problem.code, "message": str(problem)}
    with suppress(jobs.LostJobError), database.writing() as session:
        jobs.finish_job(session, job.id, bench.worker, state, result, error)
