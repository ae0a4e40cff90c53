"""Runs, checks, suggestions, exports and refinements: work that takes longer than a request; and what was found."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from sse_starlette import EventSourceResponse

from cuecast.cues import mask_document
from cuecast.results.gather import read_result
from cuecast.service import kept, refining, results
from cuecast.service.asking import admin_where_keys
from cuecast.service.events import job_events
from cuecast.service.parts import AllParts, Cursor, DatabasePart, Id, Limit
from cuecast.service.problem import Problem
from cuecast.service.refining import check_refinement
from cuecast.service.results import ids_of_result, result_file
from cuecast.service.schemas import Error, Job, JobKind, Mask, Page, Prediction
from cuecast.service.schemas_jobs import (
    Compared,
    KeepRefined,
    KeptRun,
    NewCheck,
    NewExport,
    NewKept,
    NewRefinement,
    NewRun,
    NewSuggestion,
    ObjectRow,
    PredictionDetail,
    Review,
)
from cuecast.service.store import jobs, marks, predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.wire import job_of, prediction_of

router = APIRouter(prefix="/v1", tags=["jobs"])
HEARTBEAT = 15
"""Seconds between two comment lines of a quiet stream."""
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "event `progress`: a Job, at first and where it changes; event `image`: an Image, each that "
        "the job has finished; event `end`: the Job, then the stream ends",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}
REFUSED: dict[int | str, dict[str, Any]] = {code: {"model": Error} for code in (403, 409, 422)}


@router.post("/projects/{p}/runs", status_code=202)
def start_run(p: Id, body: NewRun, parts: AllParts) -> Job:
    """Make masks of the images: of those whose answer may have changed, or of all with `overwrite`."""
    return _add(parts.database, p, "run", body.model_dump(), parts.settings.limits.queue)


@router.post("/projects/{p}/checks", status_code=202)
def start_check(p: Id, body: NewCheck, parts: AllParts) -> Job:
    """Ask what the marks say of each other: which hurt, and whether more would help."""
    return _add(parts.database, p, "check", body.model_dump(), parts.settings.limits.queue)


@router.post("/projects/{p}/suggestions", status_code=202)
def start_suggestion(p: Id, body: NewSuggestion, parts: AllParts) -> Job:
    """Ask which images are worth marking next."""
    return _add(parts.database, p, "suggest", body.model_dump(), parts.settings.limits.queue)


@router.post("/projects/{p}/exports", status_code=202)
def start_export(p: Id, body: NewExport, parts: AllParts) -> Job:
    """Pack the results as `cuecast segment` writes them, and the cue set, into one zip."""
    return _add(parts.database, p, "export", body.model_dump(), parts.settings.limits.queue)


@router.post("/projects/{p}/refinements", status_code=202, responses=REFUSED)
def start_refinement(p: Id, body: NewRefinement, parts: AllParts) -> Job:
    """Make a pack better on the accepted pictures of the project, and compare it with its base; see .../keep."""
    with parts.database.reading() as session:
        check_refinement(session, parts, p, body)
    return _add(parts.database, p, "refine", body.model_dump(), parts.settings.limits.queue)


@router.get("/projects/{p}/jobs")
def list_jobs(
    p: Id,
    database: DatabasePart,
    kind: Annotated[JobKind | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Job]:
    """The jobs of a project, newest first."""
    with database.reading() as session:
        return jobs.page(session, p, kind, limit, cursor)


@router.get("/jobs/{j}")
def get_job(j: Id, database: DatabasePart) -> Job:
    """How far a job is, and what came of it."""
    with database.reading() as session:
        return job_of(jobs.get_job(session, j))


@router.post("/jobs/{j}/cancel")
def cancel_job(j: Id, database: DatabasePart) -> Job:
    """Stop a job at its next step; what it has finished stays."""
    with database.writing() as session:
        return job_of(jobs.cancel_job(session, j))


@router.post("/jobs/{j}/resume")
def resume_job(j: Id, parts: AllParts) -> Job:
    """Put a failed or cancelled job back into the queue; it goes on where it was."""
    with parts.database.writing() as session:
        return job_of(jobs.resume_job(session, j, parts.settings.limits.queue))


@router.post("/jobs/{j}/keep", responses=REFUSED, dependencies=[Depends(admin_where_keys)])
def keep_refined(j: Id, body: KeepRefined, parts: AllParts) -> Job:
    """Install the pack of a refinement that is done. Needs an admin key where the service has keys."""
    return job_of(refining.keep(parts, j, body))


@router.post("/jobs/{j}/drop", responses=REFUSED)
def drop_refined(j: Id, parts: AllParts) -> Job:
    """Remove what a refinement has made and worked with; a pack that was kept stays installed."""
    return job_of(refining.drop(parts, j))


@router.get("/jobs/{j}/events", responses=STREAM, response_class=EventSourceResponse)
def follow_job(j: Id, database: DatabasePart, request: Request) -> EventSourceResponse:
    """Follow a job until it is over."""
    with database.reading() as session:
        jobs.get_job(session, j)
    return EventSourceResponse(job_events(request.app.state.poller, j), ping=HEARTBEAT)


@router.get("/jobs/{j}/file", responses=ZIP, response_class=FileResponse)
def get_file(j: Id, parts: AllParts) -> FileResponse:
    """The zip of an export."""
    with parts.database.reading() as session:
        found = jobs.get_job(session, j)
    path = parts.files.exports(found.project_id) / f"{found.id}.zip"
    if found.state != "done" or found.result is None or not path.is_file():
        raise Problem(
            "no_file", 404, "this job has no file (any more): start an export, and wait until it is done"
        )
    return FileResponse(path, media_type="application/zip", filename=str(found.result["name"]))


def _add(database: Database, project: str, kind: str, request: dict[str, Any], room: int) -> Job:
    with database.writing() as session:
        return job_of(jobs.add_job(session, project, kind, request, room))


found_router = APIRouter(prefix="/v1/projects/{p}", tags=["predictions"])
IMAGE = "/images/{i}/prediction"
MASK: dict[int | str, dict[str, Any]] = {200: {"model": Mask, "content": {"image/png": {}}}}
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


@found_router.get(IMAGE)
def get_prediction(p: Id, i: Id, parts: AllParts) -> PredictionDetail:
    """What the last run found on an image, with its objects and their measures."""
    with parts.database.reading() as session:
        row, found = predictions.get_prediction(session, p, i)
        rows = results.objects_of(session, parts.files, p, row)
    return PredictionDetail(**prediction_of(found).model_dump(), objects=rows)


@found_router.get(IMAGE + "/mask", responses=MASK, response_class=Response)
def get_mask(
    p: Id,
    i: Id,
    parts: AllParts,
    form: Annotated[Literal["png", "rle"], Query(alias="as")] = "png",
) -> Response:
    """The mask: a PNG of class ids (as in an export), or run lengths."""
    path = result_file(parts.database, parts.files, p, i, "masks")
    if form == "rle":
        return JSONResponse(
            mask_document(read_result(path), ids_of_result(parts.database, parts.files, p, i))
        )
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "no-cache"})


@found_router.get(IMAGE + "/uncertainty", responses=PNG, response_class=FileResponse)
def get_uncertainty(p: Id, i: Id, parts: AllParts) -> FileResponse:
    """How unsure each pixel is: a grey PNG, white where the score is a half."""
    path = result_file(parts.database, parts.files, p, i, "uncertainty")
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "no-cache"})


@found_router.put(IMAGE + "/review")
def put_review(p: Id, i: Id, body: Review, database: DatabasePart) -> Prediction:
    """Say that a mask is wrong, or take that back. One that was called right is so no more.

    That it is right is said by its marks: `PUT .../marks` with the mask, and `teaches` false.
    """
    with database.writing() as session:
        if body.wrong:
            marks.forget_check(session, p, i)
        return prediction_of(predictions.review(session, p, i, body.wrong))


@found_router.get("/objects")
def list_objects(p: Id, parts: AllParts, limit: Limit = 50, cursor: Cursor = None) -> Page[ObjectRow]:
    """The objects of all images with their measures, image by image."""
    with parts.database.reading() as session:
        return results.objects_page(session, parts.files, p, limit, cursor)


KeptId = Annotated[str | None, Query(alias="with", pattern=r"^[A-Za-z0-9_-]{1,64}$")]
kept_router = APIRouter(prefix="/v1/projects/{p}/kept", tags=["predictions"])


@kept_router.post("", status_code=201)
def keep_run(p: Id, body: NewKept, parts: AllParts) -> KeptRun:
    """Keep the present results beside those of later runs, to be compared with them. Of images alone."""
    return kept.keep(parts, p, body.name)


@kept_router.get("")
def list_kept(p: Id, parts: AllParts) -> Page[KeptRun]:
    """The runs that are kept, newest first, in one part."""
    with parts.database.reading() as session:
        projects.find(session, p)
    found = kept.listed(parts.files, p)
    return Page(items=found, next=None, total=len(found))


@kept_router.delete("/{k}", status_code=204)
def delete_kept(p: Id, k: Id, parts: AllParts) -> None:
    """Delete a kept run."""
    kept.forget(parts, p, k)


@kept_router.get("/{k}/comparison")
def compare_kept(
    p: Id, k: Id, parts: AllParts, other: KeptId = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[Compared]:
    """What a kept run and another one say of each image, and how well that fits what is known.

    The other one is the kept run `with`, or the present one.
    """
    return kept.compare(parts, p, k, other, limit, cursor)


ROUTERS = (router, found_router, kept_router)
