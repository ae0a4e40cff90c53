"""What a run has found: verdicts, masks, objects; and what a person says of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, JSONResponse, Response

from cuecast.cues import mask_document
from cuecast.results.gather import read_result
from cuecast.service import objects
from cuecast.service.parts import Cursor, DatabasePart, FilesPart, Id, Limit
from cuecast.service.results import result_file
from cuecast.service.schemas import Mask, Page, Prediction
from cuecast.service.schemas_jobs import ObjectRow, PredictionDetail, Review
from cuecast.service.store import predictions
from cuecast.service.store.wire import prediction_of

router = APIRouter(prefix="/v1/projects/{p}", tags=["predictions"])

IMAGE = "/images/{i}/prediction"
MASK: dict[int | str, dict[str, Any]] = {200: {"model": Mask, "content": {"image/png": {}}}}
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


@router.get(IMAGE)
def get_prediction(p: Id, i: Id, database: DatabasePart, files: FilesPart) -> PredictionDetail:
    """What the last run found on an image, with its objects and their measures."""
    with database.reading() as session:
        row, found = predictions.get_prediction(session, p, i)
        rows = objects.objects_of(session, files, p, row)
    return PredictionDetail(**prediction_of(found).model_dump(), objects=rows)


@router.get(IMAGE + "/mask", responses=MASK, response_class=Response)
def get_mask(
    p: Id,
    i: Id,
    database: DatabasePart,
    files: FilesPart,
    form: Annotated[Literal["png", "rle"], Query(alias="as")] = "png",
) -> Response:
    """The mask: a PNG of class ids (as in an export), or run lengths."""
    path = result_file(database, files, p, i, "masks")
    if form == "rle":
        return JSONResponse(mask_document(read_result(path)))
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "no-cache"})


@router.get(IMAGE + "/uncertainty", responses=PNG, response_class=FileResponse)
def get_uncertainty(p: Id, i: Id, database: DatabasePart, files: FilesPart) -> FileResponse:
    """How unsure each pixel is: a grey PNG, white where the score is a half."""
    path = result_file(database, files, p, i, "uncertainty")
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "no-cache"})


@router.put(IMAGE + "/review")
def put_review(p: Id, i: Id, body: Review, database: DatabasePart) -> Prediction:
    """Say that a mask is wrong, or take that back."""
    with database.writing() as session:
        return prediction_of(predictions.review(session, p, i, body.wrong))


@router.get("/objects")
def list_objects(
    p: Id, database: DatabasePart, files: FilesPart, limit: Limit = 50, cursor: Cursor = None
) -> Page[ObjectRow]:
    """The objects of all images with their measures, image by image."""
    with database.reading() as session:
        return objects.page(session, files, p, limit, cursor)
