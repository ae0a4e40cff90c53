"""What the calls have in common that are answered at once: the interactive process, and the forms of the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from cuecast.service.content import image_kind, read_head
from cuecast.service.interactive import Answer, Interactive
from cuecast.service.pictures import header_size
from cuecast.service.problem import Problem
from cuecast.service.settings import Settings


def _interactive(request: Request) -> Interactive:
    workers = request.app.state.workers
    if workers is None:
        raise Problem(
            "no_workers",
            503,
            "this service was started without workers: start it with --workers 1",
            headers={"Retry-After": "60"},
        )
    found: Interactive = workers.interactive
    return found


InteractivePart = Annotated[Interactive, Depends(_interactive)]


async def check_image(path: Path, name: str, settings: Settings) -> None:
    """Raise Problem with 415 where a file is no image by content, ImageError where it is damaged or too large."""

    def check() -> None:
        header_size(path, name, image_kind(read_head(path), name), settings.limits)

    await run_in_threadpool(check)


def wants_png(request: Request) -> bool:
    """Whether the client asks for a picture; otherwise it gets JSON."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("accept", "").split(",")]
    return "image/png" in accepted and "application/json" not in accepted


def reply(answer: Answer) -> Response:
    """PredictionMask as JSON, or the mask as PNG with verdict and confidence in headers."""
    if answer.png is None:
        return JSONResponse(answer.fields)
    said = {key: answer.fields[key] for key in ("verdict", "confidence", "seconds", "thresholds")}
    headers = {f"X-Cuecast-{key.capitalize()}": _text(value) for key, value in said.items()}
    return Response(answer.png, media_type="image/png", headers=headers)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
