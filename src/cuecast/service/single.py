"""What the calls have in common that are answered at once: the interactive process, the forms of the answer, and
the multipart body of POST /v1/segment: spooled to disk, bounded, checked.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from cuecast.core.arguments import read_thresholds, sentence
from cuecast.cues import cue_of
from cuecast.service.content import image_kind, read_head
from cuecast.service.interactive import Interactive
from cuecast.service.parts import Parts
from cuecast.service.pictures import header_size
from cuecast.service.preview import Answer, CueFile, Form
from cuecast.service.problem import Problem
from cuecast.service.ready import concept_of
from cuecast.service.schemas_jobs import ObjectWay, ShownCue
from cuecast.service.settings import Settings
from cuecast.service.uploads import too_large, upload_slot


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


CUES = 16
CLASSES = 16
FIELDS = 8 + 2 * CLASSES
_MARKS = TypeAdapter(list[ShownCue])


@asynccontextmanager
async def receive_form(request: Request, parts: Parts) -> AsyncIterator[Form]:
    """Read the body; its files are gone when the block ends.

    Raises Problem: 413 beyond the limit of an upload, 415 for what is no image, 422 for what is missing or too much,
    429 where too many come in at once.
    """
    settings, folder = parts.settings, parts.files.new_upload()
    form: FormData | None = None
    try:
        with upload_slot(request):
            await run_in_threadpool(folder.mkdir, 0o700)
            form = await _parse(request, settings.limits.upload_bytes, settings.limits.body_bytes)
            received = await _read_form(form, folder, settings)
        yield received
    finally:
        if form is not None:
            await form.close()
        await run_in_threadpool(shutil.rmtree, folder, True)


async def _parse(request: Request, limit: int, field_limit: int) -> FormData:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(
            "not_multipart",
            415,
            "send multipart/form-data: `query`, `cue` files and `mask` files or `cues`, or a `concept`",
        )

    async def bounded() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            yield chunk

    parser = MultiPartParser(
        request.headers, bounded(), max_files=3 * CUES + 1, max_fields=FIELDS, max_part_size=field_limit
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Problem(
            "invalid_form", 422, f"the multipart body cannot be read ({error}); send it again"
        ) from error


async def _read_form(form: FormData, folder: Path, settings: Settings) -> Form:
    queries, cues, masks, ids = (_files(form, name) for name in ("query", "cue", "mask", "cue_objects"))
    pack, concept = _name(form, "pack"), _name(form, "concept")
    if pack or concept:
        await run_in_threadpool(concept_of, settings, pack, concept)
    if len(queries) != 1 or not (0 if concept else 1) <= len(cues) <= CUES:
        raise _wrong(
            f"send one `query` file and 1 to {CUES} `cue` files, not {len(queries)} and {len(cues)}; or the name of a "
            "`concept` that comes with the pack"
        )
    documents = _documents(form)
    if sorted((len(masks), len(documents))) != [0, len(cues)]:
        raise _wrong(
            f"send a `mask` file for each of the {len(cues)} cues, or a list `cues` with marks for each"
        )
    if ids and len(ids) != len(masks):
        raise _wrong(
            f"`cue_objects` are ids beside masks: send one for each of the {len(masks)} `mask` files, not {len(ids)}"
        )
    scale = form.get("scale", "frame")
    if scale not in ("frame", "pixel"):
        raise _wrong("`scale` is 'frame' or 'pixel'")
    classes = tuple(name for name in form.getlist("class") if isinstance(name, str))
    if classes and concept:
        raise _wrong("`class`: the concept names its classes already; leave `class` out")
    if len(classes) > CLASSES or any(not name.strip() for name in classes):
        raise _wrong(f"`class` is the name of a class; send it at most {CLASSES} times, in their order")
    try:
        thresholds = read_thresholds(text for text in form.getlist("threshold") if isinstance(text, str))
    except ValueError as error:
        raise _wrong(f"`threshold` {error}") from None
    way = _way(form)

    async def kept(upload: UploadFile, name: str) -> Path:
        path = folder / name
        await run_in_threadpool(_copy, upload, path)
        await check_image(path, f"`{name.rpartition('-')[0]}` {(upload.filename or '')[:200]}", settings)
        return path

    shown = []
    for number, cue in enumerate(cues):
        mask = await kept(masks[number], f"mask-{number}") if masks else None
        document = documents[number] if documents else None
        if document is not None and not cue_of(document).kinds:
            raise _wrong(f"entry {number + 1} of `cues` marks nothing")
        objects = await kept(ids[number], f"cue_objects-{number}") if ids else None
        shown.append(CueFile(await kept(cue, f"cue-{number}"), mask, document, objects))
    query = await kept(queries[0], "query-0")
    return Form(tuple(shown), query, str(scale), classes, thresholds, way, pack, concept)


def _way(form: FormData) -> dict[str, Any]:
    """What is said of objects."""
    said = {name: str(form[name]) for name in ObjectWay.model_fields if name in form}
    try:
        return ObjectWay.model_validate_strings(said).model_dump()
    except ValidationError as error:
        raise _wrong(sentence(error.errors(include_url=False))) from error


def _name(form: FormData, name: str) -> str | None:
    """A field that is one line of text; None where it is not sent, or empty."""
    said = form.get(name)
    if said is not None and not (isinstance(said, str) and said.isprintable() and len(said) <= 200):
        raise _wrong(f"`{name}` is a name: send it as text")
    return str(said) if said else None


def _files(form: FormData, name: str) -> list[UploadFile]:
    found = form.getlist(name)
    if not all(isinstance(f, UploadFile) for f in found):
        raise _wrong(f"`{name}` is a file: send it with a file name")
    return [f for f in found if isinstance(f, UploadFile)]


def _documents(form: FormData) -> list[dict[str, Any]]:
    text = form.get("cues")
    if text is None:
        return []
    if not isinstance(text, str):
        raise _wrong("`cues` is a text of JSON, not a file")
    try:
        marks = _MARKS.validate_json(text)
    except ValidationError as error:
        raise _wrong(f"`cues`: {sentence(error.errors(include_url=False))}") from error
    return [m.document() for m in marks]


def _copy(upload: UploadFile, path: Path) -> None:
    with open(path, "xb") as out:
        shutil.copyfileobj(upload.file, out)


def _wrong(message: str) -> Problem:
    return Problem("invalid_form", 422, f"{message}; /openapi.json has the form of this call")
