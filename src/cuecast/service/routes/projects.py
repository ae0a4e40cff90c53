"""Projects: made, listed, changed, deleted; cue sets brought in."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from cuecast.service.archives import add_cueset
from cuecast.service.parts import Cursor, DatabasePart, FilesPart, Id, Limit, SettingsPart, run_apart
from cuecast.service.schemas import CuesetAdded, NewProject, Page, Project, ProjectChange
from cuecast.service.store import projects
from cuecast.service.uploads import RAW, receive, require_project

router = APIRouter(prefix="/v1/projects", tags=["projects"])


@router.post("", status_code=201)
def create(new: NewProject, database: DatabasePart) -> Project:
    """Make a project."""
    with database.writing() as session:
        return projects.create(session, new)


@router.get("")
def index(database: DatabasePart, limit: Limit = 50, cursor: Cursor = None) -> Page[Project]:
    """All projects, by name."""
    with database.reading() as session:
        return projects.page(session, limit, cursor)


@router.get("/{p}")
def show(p: Id, database: DatabasePart) -> Project:
    """One project."""
    with database.reading() as session:
        return projects.get(session, p)


@router.patch("/{p}")
def change(p: Id, wanted: ProjectChange, database: DatabasePart) -> Project:
    """Change name, scale or classes."""
    with database.writing() as session:
        return projects.change(session, p, wanted)


@router.delete("/{p}", status_code=204)
def delete(p: Id, database: DatabasePart, files: FilesPart) -> None:
    """Delete a project with its images, marks and results; files below the server's roots stay."""
    with database.writing() as session:
        gone = projects.delete(session, p)
    files.forget_project(p, gone)


@router.post("/{p}/cueset", openapi_extra=RAW)
async def bring_cueset(
    p: Id, request: Request, database: DatabasePart, files: FilesPart, settings: SettingsPart
) -> CuesetAdded:
    """Add the images and marks of a cue set; the body is its .zip."""
    await run_in_threadpool(require_project, p, database, "images", "a cue set")
    async with receive(request, files, settings) as upload:
        add = partial(add_cueset, upload, p, database=database, files=files, settings=settings)
        return await run_apart(request, add)
