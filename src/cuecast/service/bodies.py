"""Bodies of requests as they come in: how large they may get, and how long they may take."""

from __future__ import annotations

import asyncio
import re
from time import monotonic

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from cuecast.service.problem import Problem
from cuecast.service.settings import Limits

FILE_PATHS = re.compile(r"/v1/(segment|projects/[^/]+/(images|cueset|source|segment))")
"""Where files come in, streamed to disk; all other bodies are read into memory."""
CLOSING = {"Connection": "close"}
"""What a client is told whose body is not read to its end."""


def bounded(receive: Receive, path: str, headers: Headers, limits: Limits) -> Receive:
    """`receive` that raises HTTPException: 413 beyond the limit of size, 408 where the body does not get on.

    Only the time in which the client is waited for counts: it may pause for `idle_seconds`, and all its pauses
    together may last that long and the time that what it has sent takes at `body_rate`.

    Raises Problem with 413 for a body that states too large a size.
    """
    most = limits.upload_bytes if FILE_PATHS.fullmatch(path) else limits.body_bytes
    stated = headers.get("content-length", "")
    large = f"the body is larger than the {most} bytes that are allowed; send less"
    if stated.isdigit() and int(stated[:18]) > most:
        raise Problem("too_large", 413, large, headers=CLOSING)
    slow = (
        f"the body stopped coming: it may pause for {limits.idle_seconds:g} s, and must come at "
        f"{limits.body_rate:g} bytes a second; send it again"
    )
    received, waited, ended = 0, 0.0, False

    # HTTPException, for FastAPI makes 400 of any other error in what it reads itself.
    async def counted() -> Message:
        nonlocal received, waited, ended
        if ended:  # what comes now is that the client has gone: that may take as long as it likes
            return await receive()
        began = monotonic()
        left = limits.idle_seconds + received / limits.body_rate - waited
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(left, limits.idle_seconds)))
        except TimeoutError as error:
            raise HTTPException(408, slow, CLOSING) from error
        waited += monotonic() - began
        received += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if received > most:
            raise HTTPException(413, large, CLOSING)
        return message

    return counted
