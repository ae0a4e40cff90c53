"""What happens to jobs, as server-sent events, from the database: any server process can tell it.

One poller looks for all streams: what it finds of a job is kept while anybody follows that job, and each stream sends
of it what it has not sent yet. So the database is asked as often for three hundred streams as for one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from cuecast.service.store import images, jobs, models, predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.wire import job_of

log = logging.getLogger("cuecast.service")

POLL = 0.3
"""Seconds between two looks at the database."""
MOST = 200
"""Images of a job that one look finds."""


@dataclass
class Followed:
    """What is known of a job that is followed. `job` and `images` are the JSON that is sent.

    state    of the job; None before the first look.
    whole    all that it had finished at the last look is in `images`.
    gone     the job went with its project, or cannot be looked at: its streams end.
    until    when the last of `images` was made; `at` names all those of that very time.
    changed  is set, and replaced, with each change.
    """

    job: str = ""
    state: str | None = None
    images: list[str] = field(default_factory=list)
    whole: bool = True
    gone: bool = False
    until: datetime | None = None
    at: set[str] = field(default_factory=set)
    followers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state not in (None, *projects.ACTIVE) and self.whole


class Poller:
    """Looks at the jobs that are followed, while any is. For one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: dict[str, Followed] = {}
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()

    @contextmanager
    def follow(self, job: str) -> Iterator[Followed]:
        """What is known of a job, kept up to date while the block goes on."""
        if job not in self._followed:
            self._followed[job] = Followed()
            self._more.set()
        followed = self._followed[job]
        followed.followers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        try:
            yield followed
        finally:
            followed.followers -= 1
            if not followed.followers:
                del self._followed[job]

    async def look(self) -> None:
        """Look once at all jobs that are followed, and wake the streams of those that have changed."""
        following = {job: f for job, f in self._followed.items() if not f.gone}
        try:
            found = await run_in_threadpool(_look, self._database, following)
        except Exception as error:  # noqa: BLE001  the streams end, and clients open them again
            log.warning("jobs cannot be followed: %r", error)
            found = {}
        for job, followed in following.items():
            news = found.get(job)
            if news is None:
                followed.gone = True
            elif not news.differs(followed):
                continue
            else:
                news.note(followed)
            followed.changed.set()
            followed.changed = asyncio.Event()

    async def _poll(self) -> None:
        while any(not f.gone for f in self._followed.values()):
            self._more.clear()
            await self.look()
            if all(f.whole for f in self._followed.values()):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), POLL)


async def job_events(poller: Poller, job: str) -> AsyncIterator[ServerSentEvent]:
    """`progress` with the job at first and where it changes, `image` with each image that it finished, `end`."""
    told, sent = "", 0
    with poller.follow(job) as followed:
        while not followed.gone:
            changed, ready = followed.changed, len(followed.images)
            if followed.job != told:
                told = followed.job
                yield ServerSentEvent(told, event="progress")
            while sent < ready:
                sent += 1
                yield ServerSentEvent(followed.images[sent - 1], event="image")
            if followed.over and followed.job == told and sent == len(followed.images):
                yield ServerSentEvent(told, event="end")
                return
            await changed.wait()


@dataclass(frozen=True)
class _News:
    """What a look found of a job; `images` are those that were not known."""

    job: str
    state: str
    images: list[str]
    whole: bool
    until: datetime | None
    at: set[str]

    def differs(self, followed: Followed) -> bool:
        return bool(self.images) or (self.job, self.whole) != (followed.job, followed.whole)

    def note(self, followed: Followed) -> None:
        followed.job, followed.state, followed.whole = self.job, self.state, self.whole
        followed.images += self.images
        followed.until, followed.at = self.until, self.at


def _look(database: Database, following: dict[str, Followed]) -> dict[str, _News]:
    """Job -> what is new of it; without those that are not there."""
    with database.reading() as session:
        # The jobs first: what they finished before they ended is then found below.
        return {
            row.id: _look_at(session, row, following[row.id]) for row in jobs.get_jobs(session, following)
        }


def _look_at(session: Session, row: models.JobRow, known: Followed) -> _News:
    job = job_of(row).model_dump_json()
    if row.state != "running" and row.state == known.state and known.whole:
        return _News(job, row.state, [], True, known.until, known.at)  # nothing is finished in such a state
    found = predictions.made_since(session, row.id, known.until, MOST + len(known.at))
    new = [p for p in found if p.image_id not in known.at][:MOST]
    until, at = known.until, known.at
    if new:
        until = new[-1].made
        same = {p.image_id for p in new if p.made == until}
        at = at | same if until == known.until else same
    sent = {image.id: image for image in images.sent(session, [p.image_id for p in new])}
    told = [sent[p.image_id].model_dump_json() for p in new if p.image_id in sent]
    return _News(job, row.state, told, len(new) < MOST, until, at)
