"""Worker processes: they claim jobs from the database and do them. And the process for answers at once.

    workers = start(settings)     # settings.workers processes for jobs, one for previews (`interactive`)
    workers.stop()

Refining takes minutes, and memory that nothing else needs: while a refinement waits there is one process more, which
ends with the last of them.

Where a worker ends, its job goes back into the queue. The server holds its data folder alone: so jobs that are running
when it starts are nobody's.
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from cuecast.core.errors import CuecastError
from cuecast.core.ordered import usable_cores
from cuecast.service.interactive import Interactive
from cuecast.service.problem import Problem, problem_of
from cuecast.service.processes import Beside, Watch, end_all
from cuecast.service.settings import Settings
from cuecast.service.store import jobs
from cuecast.service.store.database import Database, open_database
from cuecast.service.store.models import JobRow

log = logging.getLogger("cuecast.service")

IDLE = 0.3
"""Seconds between two looks at an empty queue."""
MOST = 4
"""Threads of one answer, and images in work at once: more bring little, and each image takes memory."""
RETRY = 3.0
"""Seconds until a database that failed is asked again."""
REFINER = "refiner"
"""The name that the jobs of the process for refinements carry."""
PATIENCE = 5.0
"""Seconds that a worker gets to put its job back before it is killed."""


def start(settings: Settings) -> Workers:
    """Start the processes for these settings; the database is there and up to date."""
    return Workers(settings, open_database(settings.database_url, migrate=False))


class Workers:
    """The processes beside a server: for jobs, each with the name that its jobs carry, and for answers at once."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self.interactive = Interactive(settings, shares(usable_cores())[0])
        self.interactive.begin()
        self._take_back()
        threads, together = shares(max(1, usable_cores() // settings.workers))
        self._crew = {
            name: Beside("worker", threads, _work, settings, name, threads, together, False)
            for name in (secrets.token_hex(4) for _ in range(settings.workers))
        }
        self._refiner = Beside("refiner", threads, _work, settings, REFINER, threads, together, True)
        for worker in self._crew.values():
            worker.pipe()
        self._watch = Watch(self._replace_dead)

    def stop(self) -> None:
        """End all processes; jobs that are going on go back into the queue."""
        self._watch.stop()
        everybody = [*self._crew.values(), self._refiner]
        for worker in everybody:
            worker.hang_up()
        self.interactive.stop()
        end_all(everybody, PATIENCE)
        self._take_back()
        self._database.close()

    def pids(self) -> list[int]:
        """The ids of the processes for jobs."""
        return [worker.pid for worker in self._crew.values() if worker.pid is not None]

    def _replace_dead(self) -> None:
        for name, worker in self._crew.items():
            if worker.code is not None:
                log.warning("worker %s ended with code %s; it is replaced", worker.pid, worker.code)
                self._take_back(name)
                worker.pipe()

        self._look_after_refiner()

    def _look_after_refiner(self) -> None:
        """Start the process for refinements where one waits, and take back that of one which died."""
        if self._refiner.pid is not None:
            if self._refiner.code is None:
                return
            if self._refiner.code != 0:
                log.warning("the process that refines ended with code %s", self._refiner.code)
            self._take_back(REFINER)
            self._refiner.end()
        with self._database.reading() as session:
            waiting = jobs.waiting_jobs(session, True, 1)
        if waiting:
            self._refiner.pipe()

    @property
    def refiner(self) -> int | None:
        """The id of the process for refinements, while there is one."""
        return self._refiner.pid

    def _take_back(self, worker: str | None = None) -> None:
        with self._database.writing() as session:
            for job in jobs.take_back(session, worker):
                log.warning("job %s: its worker is dead; it is %s now", job.id, job.state)


def shares(cores: int) -> tuple[int, int]:
    """(threads of one answer, images in work at once) on so many cores.

    Images side by side wait for nothing; the threads of one answer wait for each other many times, which beside other
    work costs more than they bring. So one answer gets half of the cores at most.
    """
    threads = max(1, min(MOST, cores // 2))
    return threads, max(1, min(MOST, cores // threads))


# ---- in the worker process


def _work(
    settings: Settings, name: str, threads: int, together: int, refining: bool, lifeline: Connection
) -> None:
    """Claim jobs and do them until the lifeline is closed. The body of a worker process.

    refining  it does refinements alone, and ends where none is left.
    """
    from cuecast.service.files import DataFolder
    from cuecast.service.progress import Bench

    if hasattr(os, "nice"):
        os.nice(10 if refining else 5)  # requests are answered while a run takes all cores
    database = open_database(settings.database_url, migrate=False)
    bench = Bench(
        settings, database, DataFolder(settings.data, settings.roots), name, threads, lifeline.poll, together
    )
    wait, ready = 0.0, False
    while not lifeline.poll(wait):
        try:
            job = _claim(database, name, refining)
        except SQLAlchemyError:
            log.exception("the database does not answer; it is asked again")
            wait = RETRY
            continue
        if job is None and refining:
            return
        wait = IDLE if job is None else 0.0
        if job is not None:
            _do(bench, job)
        elif not ready:
            _make_ready(bench)
        ready = True


def _make_ready(bench: Any) -> None:
    """Use the first quiet moment to load what the first job needs."""
    from cuecast.service.loaded import warm

    with suppress(CuecastError):  # the job is told what is wrong with the pack
        warm(bench.predictor(None))


def _claim(database: Database, worker: str, refining: bool = False) -> JobRow | None:
    with database.reading() as session:
        waiting = jobs.waiting_jobs(session, refining)
    for job in waiting:
        with database.writing() as session:
            if (claimed := jobs.claim_job(session, job, worker)) is not None:
                return claimed
    return None


def _do(bench: Any, job: JobRow) -> None:
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
