"""Runs, checks, suggestions and exports: work that takes longer than a request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from cuecast.service.events import job_events
from cuecast.service.parts import Cursor, DatabasePart, FilesPart, Id, Limit, SettingsPart
from cuecast.service.problem import Problem
from cuecast.service.schemas import Job, JobKind, Page
from cuecast.service.schemas_jobs import NewCheck, NewExport, NewRun, NewSuggestion
from cuecast.service.store import jobs
from cuecast.service.store.database import Database
from cuecast.service.store.wire import job_of

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


@router.post("/projects/{p}/runs", status_code=202)
def start_run(p: Id, body: NewRun, database: DatabasePart, settings: SettingsPart) -> Job:
    """Make masks of the images: of those whose answer may have changed, or of all with `overwrite`."""
    return _add(database, p, "run", body.model_dump(), settings.limits.queue)


@router.post("/projects/{p}/checks", status_code=202)
def start_check(p: Id, body: NewCheck, database: DatabasePart, settings: SettingsPart) -> Job:
    """Ask what the marks say of each other: which hurt, and whether more would help."""
    return _add(database, p, "check", body.model_dump(), settings.limits.queue)


@router.post("/projects/{p}/suggestions", status_code=202)
def start_suggestion(p: Id, body: NewSuggestion, database: DatabasePart, settings: SettingsPart) -> Job:
    """Ask which images are worth marking next."""
    return _add(database, p, "suggest", body.model_dump(), settings.limits.queue)


@router.post("/projects/{p}/exports", status_code=202)
def start_export(p: Id, body: NewExport, database: DatabasePart, settings: SettingsPart) -> Job:
    """Pack the results as `cuecast segment` writes them, and the cue set, into one zip."""
    return _add(database, p, "export", body.model_dump(), settings.limits.queue)


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
def resume_job(j: Id, database: DatabasePart, settings: SettingsPart) -> Job:
    """Put a failed or cancelled job back into the queue; it goes on where it was."""
    with database.writing() as session:
        return job_of(jobs.resume_job(session, j, settings.limits.queue))


@router.get("/jobs/{j}/events", responses=STREAM, response_class=EventSourceResponse)
def follow_job(j: Id, database: DatabasePart, request: Request) -> EventSourceResponse:
    """Follow a job until it is over."""
    with database.reading() as session:
        jobs.get_job(session, j)
    return EventSourceResponse(job_events(request.app.state.poller, j), ping=HEARTBEAT)


@router.get("/jobs/{j}/file", responses=ZIP, response_class=FileResponse)
def get_file(j: Id, database: DatabasePart, files: FilesPart) -> FileResponse:
    """The zip of an export."""
    with database.reading() as session:
        found = jobs.get_job(session, j)
    path = files.exports(found.project_id) / f"{found.id}.zip"
    if found.state != "done" or found.result is None or not path.is_file():
        raise Problem(
            "no_file", 404, "this job has no file (any more): start an export, and wait until it is done"
        )
    return FileResponse(path, media_type="application/zip", filename=str(found.result["name"]))


def _add(database: Database, project: str, kind: str, request: dict[str, Any], room: int) -> Job:
    with database.writing() as session:
        return job_of(jobs.add_job(session, project, kind, request, room))
