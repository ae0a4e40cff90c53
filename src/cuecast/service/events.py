"""What happens to a job, as server-sent events, from the database: any server process can tell it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from cuecast.service import schemas
from cuecast.service.problem import Problem
from cuecast.service.store import images, jobs, predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.wire import job_of

POLL = 0.3
"""Seconds between two looks at the database."""
MOST = 200
"""Images that one look tells of."""


async def job_events(database: Database, job: str) -> AsyncIterator[ServerSentEvent]:
    """`progress` with the job at first and where it changes, `image` with each image that it finished, `end`."""
    told = _Told()
    while True:
        try:
            now, finished = await run_in_threadpool(_look, database, job, told)
        except Problem:  # it went with its project
            return
        if now != told.job:
            told.job = now
            yield ServerSentEvent(now.model_dump_json(), event="progress")
        for image in finished:
            yield ServerSentEvent(image.model_dump_json(), event="image")
        if len(finished) == MOST:
            continue
        if now.state not in projects.ACTIVE:
            yield ServerSentEvent(now.model_dump_json(), event="end")
            return
        await asyncio.sleep(POLL)


@dataclass
class _Told:
    """What a client knows already: the job, and the images up to a time (`at` names those of that very time)."""

    job: schemas.Job | None = None
    until: datetime | None = None
    at: set[str] = field(default_factory=set)


def _look(database: Database, job: str, told: _Told) -> tuple[schemas.Job, list[schemas.Image]]:
    with database.reading() as session:
        # The job first: what it finished before it ended is then found below.
        row = jobs.get_job(session, job)
        found = predictions.made_since(session, job, told.until, MOST + len(told.at))
        new = [p for p in found if p.image_id not in told.at][:MOST]
        if new:
            last = new[-1].made
            same = {p.image_id for p in new if p.made == last}
            told.at = told.at | same if last == told.until else same
            told.until = last
        sent = {image.id: image for image in images.sent(session, [p.image_id for p in new])}
        return job_of(row), [sent[p.image_id] for p in new if p.image_id in sent]
