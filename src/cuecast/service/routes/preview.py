"""Answers at once from the marks of a project."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from cuecast.service.interactive import AskPreview, AskSegment, Prepare
from cuecast.service.parts import FilesPart, Id, SettingsPart
from cuecast.service.schemas_jobs import NewPreparation, NewPreview, PredictionMask
from cuecast.service.single import InteractivePart, check_image, reply, wants_png
from cuecast.service.uploads import RAW, receive

router = APIRouter(prefix="/v1/projects/{p}", tags=["answers at once"])

ANSWER: dict[int | str, dict[str, Any]] = {200: {"model": PredictionMask, "content": {"image/png": {}}}}


@router.post("/images/{i}/preview")
async def preview(p: Id, i: Id, body: NewPreview, interactive: InteractivePart) -> PredictionMask:
    """The mask of an image by the saved marks of the others and these marks on it, which are not saved."""
    draft = body.marks.model_dump(mode="json", by_alias=True, exclude={"version"})
    answer = await interactive.ask(AskPreview(p, i, draft))
    return PredictionMask.model_validate(answer.fields)


@router.post("/prepare", status_code=202, response_class=Response)
def prepare(p: Id, body: NewPreparation, interactive: InteractivePart) -> Response:
    """Learn from the saved marks now, so that the next preview need not wait for it. Answers at once."""
    interactive.prepare(Prepare(p, body.image))
    return Response(status_code=202)


@router.post("/segment", responses=ANSWER, response_class=Response, openapi_extra=RAW)
async def segment(
    p: Id, request: Request, files: FilesPart, settings: SettingsPart, interactive: InteractivePart
) -> Response:
    """The mask of an image that is sent, by the marks of the project; it is not kept."""
    async with receive(request, files, settings) as upload:
        await check_image(upload.path, "the body", settings)
        question = AskSegment(p, upload.path, png=wants_png(request))
        return reply(await interactive.ask(question))
