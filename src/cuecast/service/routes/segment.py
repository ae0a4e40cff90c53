"""One call that stands for itself: cues and an image in, its mask out; nothing is kept."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from cuecast.service.interactive import AskOnce
from cuecast.service.parts import FilesPart, SettingsPart
from cuecast.service.routes.preview import ANSWER
from cuecast.service.single import InteractivePart, reply, wants_png
from cuecast.service.single_form import receive_form

router = APIRouter(prefix="/v1", tags=["answers at once"])

_FILE = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["query", "cue"],
    "properties": {
        "query": {**_FILE, "description": "the image to be segmented"},
        "cue": {"type": "array", "items": _FILE, "minItems": 1, "maxItems": 16, "description": "images"},
        "mask": {
            "type": "array",
            "items": _FILE,
            "description": "label images, one a cue and in the same order; or else `cues`",
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
        "scale": {"type": "string", "enum": ["frame", "pixel"], "default": "frame"},
    },
}
FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}


@router.post("/segment", responses=ANSWER, response_class=Response, openapi_extra=FORM)
async def segment(
    request: Request, files: FilesPart, settings: SettingsPart, interactive: InteractivePart
) -> Response:
    """The mask of an image by cues that are sent with it."""
    async with receive_form(request, files, settings) as form:
        question = AskOnce(form.shown, form.query, form.scale, form.classes, png=wants_png(request))
        return reply(await interactive.ask(question))
