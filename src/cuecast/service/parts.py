"""The parts of the service as routes get them: `def route(parts: AllParts) -> ...`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Path, Query, Request

from cuecast.service.files import DataFolder
from cuecast.service.security import asking_key
from cuecast.service.settings import Settings
from cuecast.service.store.database import Database

T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What requests and jobs work with. `key`: id of the one with which a request came."""

    settings: Settings
    database: Database
    files: DataFolder
    key: str | None = field(default=None, kw_only=True)


def _parts(request: Request) -> Parts:
    state = request.app.state
    return Parts(state.settings, state.database, state.files, key=asking_key(request.scope))


def _database(request: Request) -> Database:
    return cast(Database, request.app.state.database)


async def run_apart(request: Request, call: Callable[[], T]) -> T:
    """Run blocking work on what was uploaded in one of the few threads kept for it.

    In the threads that answer all other requests, a dozen uploads that wait for their turn would leave none.
    """
    limiter: CapacityLimiter = request.app.state.upload_threads
    return await to_thread.run_sync(call, limiter=limiter)


AllParts = Annotated[Parts, Depends(_parts)]
DatabasePart = Annotated[Database, Depends(_database)]

# An id that no database would take apart (control characters, kilobytes) is refused here.
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["b7x2mq9k4tzd"])]
Limit = Annotated[int, Query(ge=1, le=500, description="items of one part")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the part before")]
