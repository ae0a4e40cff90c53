"""Answers at once: by the marks of a project, or by cues that are sent along."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from cuecast.core.arguments import BY_ITSELF, THRESHOLD
from cuecast.service.parts import AllParts, DatabasePart, Id
from cuecast.service.preview import AskOnce, AskPreview, AskSegment, Prepare
from cuecast.service.regions import Size, region_file
from cuecast.service.schemas_jobs import NewPreparation, NewPreview, ObjectWay, PredictionMask
from cuecast.service.single import InteractivePart, check_image, receive_form, reply, wants_png
from cuecast.service.store import images, projects
from cuecast.service.uploads import RAW, receive

router = APIRouter(prefix="/v1/projects/{p}", tags=["answers at once"])
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
ANSWER: dict[int | str, dict[str, Any]] = {200: {"model": PredictionMask, "content": {"image/png": {}}}}


@router.post("/images/{i}/preview")
async def preview(p: Id, i: Id, body: NewPreview, interactive: InteractivePart) -> PredictionMask:
    """The mask of an image by the saved marks of the others and these marks on it, which are not saved."""
    answer = await interactive.ask(AskPreview(p, i, body.marks.document(), **_way(body)))
    return PredictionMask.model_validate(answer.fields)


@router.post("/prepare", status_code=202, response_class=Response)
def prepare(p: Id, body: NewPreparation, database: DatabasePart, interactive: InteractivePart) -> Response:
    """Learn from the saved marks now, so that the next preview need not wait for it. Answers at once."""
    with database.reading() as session:
        projects.find(session, p)
        if body.image is not None:
            images.find(session, p, body.image)
    interactive.prepare(Prepare(p, body.image))
    return Response(status_code=202)


@router.post("/segment", responses=ANSWER, response_class=Response, openapi_extra=RAW)
async def segment(
    p: Id,
    request: Request,
    parts: AllParts,
    interactive: InteractivePart,
    way: Annotated[ObjectWay, Query()],
) -> Response:
    """The mask of an image that is sent, by the marks of the project; it is not kept."""
    async with receive(request, parts) as upload:
        await check_image(upload.path, "the body", parts.settings)
        question = AskSegment(p, upload.path, png=wants_png(request), **_way(way))
        return reply(await interactive.ask(question))


@router.get("/images/{i}/regions/{size}", response_class=FileResponse, responses=PNG)
async def show_regions(
    p: Id, i: Id, size: Size, parts: AllParts, interactive: InteractivePart
) -> FileResponse:
    """Regions of an image, small ones or large ones: a PNG of their numbers, red + 256 * green, from 0. It may be
    smaller than the image."""
    path = await region_file(parts, interactive, p, i, size)
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


once = APIRouter(prefix="/v1", tags=["answers at once"])
_FILE = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["query"],
    "properties": {
        "query": {**_FILE, "description": "the image to be segmented"},
        "cue": {
            "type": "array",
            "items": _FILE,
            "maxItems": 16,
            "description": "images; 1 or more, unless there is a `concept`",
        },
        "mask": {
            "type": "array",
            "items": _FILE,
            "description": "label images, one a cue and in the same order; or else `cues`",
        },
        "cue_objects": {
            "type": "array",
            "items": _FILE,
            "description": "ids that tell the things of each mask apart, one a mask and in the same order",
        },
        "cues": {
            "type": "string",
            "description": "JSON: a list of marks, one a cue and in the same order",
            "examples": ['[{"boxes": [{"xyxy": [10, 20, 90, 80], "class": 1}]}]'],
        },
        "class": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": 16,
            "description": "names of class 1, 2, ...; one alone makes every value of a mask one object of it",
        },
        "objects": {
            "type": "string",
            "enum": ["auto", "split", "connected"],
            "default": "auto",
            "description": "what is one object: a connected component, or of things that touch each; auto: as the cues "
            "show it",
        },
        "min_area": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "smaller objects are left out",
        },
        "min_confidence": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0,
            "description": "less sure objects are left out",
        },
        "pack": {"type": "string", "description": "an installed pack, by its name; without it the service's"},
        "concept": {
            "type": "string",
            "description": "a concept that comes with the pack: it teaches in place of cues, or beside them",
        },
        "scale": {"type": "string", "enum": ["frame", "pixel"], "default": "frame"},
        "threshold": {
            "type": "array",
            "items": {"type": "string"},
            "description": f"[CLASS=]VALUE. {THRESHOLD} Without it: {BY_ITSELF}",
        },
    },
}
FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}


@once.post("/segment", responses=ANSWER, response_class=Response, openapi_extra=FORM)
async def segment_once(request: Request, parts: AllParts, interactive: InteractivePart) -> Response:
    """The mask of an image by cues that are sent with it, or by a concept that comes with a pack."""
    async with receive_form(request, parts) as form:
        question = AskOnce(form, png=wants_png(request), **form.way)
        return reply(await interactive.ask(question))


def _way(asked: ObjectWay) -> dict[str, Any]:
    """The fields of a question that say what is one object."""
    return {name: getattr(asked, name) for name in ObjectWay.model_fields}


ROUTERS = (router, once)
