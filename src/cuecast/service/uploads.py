"""Bodies of requests, streamed to disk: bounded, hashed on the way, and gone when anything fails.

    async with receive(request, parts) as upload: ...

What stays is moved away in the block (`DataFolder.take_in`); the rest is removed when it ends, and at the next start
where the service was killed meanwhile.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from cuecast.core.errors import OutputError
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem, busy
from cuecast.service.security import CLIENT

PIECE = 1 << 20
"""Bytes that are gathered before a thread writes them."""
RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What /openapi.json says of a body that is a file."""


@dataclass(frozen=True)
class Upload:
    """A body on disk. `digest` is its SHA-256."""

    path: Path
    bytes: int
    digest: str


class Slots:
    """Bounds the bodies with files that come in at once: `most` in all, `each` of one client. For one event loop."""

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, client: str) -> Iterator[None]:
        """Hold a slot while the block goes on. Raises Problem with 429 where no more may."""
        if self._taken.total() >= self._most:
            raise busy("uploads_full", "too many uploads at once; send this one again in a moment", 1)
        if self._taken[client] >= self._each:
            said = f"{self._each} uploads of yours are coming in, and no more may; send this one when one is done"
            raise busy("uploads_full", said, 1)
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


def upload_slot(request: Request) -> AbstractContextManager[None]:
    """A slot for the body of this request. Raises Problem with 429 where no more may."""
    slots: Slots = request.app.state.upload_slots
    return slots.take(request.scope.get(CLIENT, ""))


@asynccontextmanager
async def receive(request: Request, parts: Parts) -> AsyncIterator[Upload]:
    """Write the raw body of a request to a temporary file, removed when the block ends.

    Raises Problem: 413 beyond the limit, 429 where too many come in at once, 422 for an empty body; OutputError
    where the disk is full.
    """
    limit = parts.settings.limits.upload_bytes
    path = parts.files.new_upload()
    try:
        with upload_slot(request):
            upload = await _write(request, path, limit)
        yield upload
    finally:
        await run_in_threadpool(path.unlink, True)


async def _write(request: Request, path: Path, limit: int) -> Upload:
    digest, size, pending = hashlib.sha256(), 0, bytearray()
    try:
        # Buffered: an unbuffered write may take a part of what it is given, and only says so by its count.
        stream = await run_in_threadpool(open, path, "xb")
        with stream:

            def store(component: bytes) -> None:
                digest.update(component)
                stream.write(component)
                stream.flush()

            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                pending += chunk
                if len(pending) >= PIECE:
                    await run_in_threadpool(store, bytes(pending))
                    pending.clear()
            await run_in_threadpool(store, bytes(pending))
            await run_in_threadpool(os.fsync, stream.fileno())
    except OSError as error:
        raise OutputError(
            f"the upload cannot be stored ({error.strerror}); free space on the server"
        ) from error
    if not size:
        raise Problem("empty", 422, "the body is empty: send the file itself as the body")
    return Upload(path, size, digest.hexdigest())


def too_large(limit: int) -> Problem:
    """413, naming the limit."""
    return Problem(
        "too_large", 413, f"the body is larger than the {limit} bytes that are allowed; send a smaller file"
    )
