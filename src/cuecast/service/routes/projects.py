"""Projects, their images, and what is marked on them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from cuecast.io.volumes import WINDOWS
from cuecast.io.volumes.reading import Reading
from cuecast.service import many, pictures, sources
from cuecast.service.adding import add_cueset, add_image, require_project
from cuecast.service.asking import own_name, require_own
from cuecast.service.between import marks_between
from cuecast.service.likeness import unlikeness
from cuecast.service.parts import AllParts, Cursor, DatabasePart, Id, Limit, Parts, run_apart
from cuecast.service.problem import Problem
from cuecast.service.ready import choose
from cuecast.service.schemas import (
    Channel,
    CuesetAdded,
    Error,
    FolderAdded,
    Image,
    ImageId,
    ManyDone,
    ManyImages,
    Marks,
    Name,
    NewFolder,
    NewProject,
    Page,
    People,
    Project,
    ProjectChange,
    Series,
    Source,
    ValueWindow,
)
from cuecast.service.snapshot import frame_at
from cuecast.service.store import images, marks, people, projects
from cuecast.service.uploads import RAW, receive

router = APIRouter(prefix="/v1/projects", tags=["projects"])


@router.post("", status_code=201)
def create_project(new: NewProject, parts: AllParts) -> Project:
    """Make a project."""
    with parts.database.writing() as session:
        return choose(session, parts.settings, projects.create(session, new).id, new)


@router.get("")
def list_projects(database: DatabasePart, limit: Limit = 50, cursor: Cursor = None) -> Page[Project]:
    """All projects, by name."""
    with database.reading() as session:
        return projects.page(session, limit, cursor)


@router.get("/{p}")
def show_project(p: Id, database: DatabasePart) -> Project:
    """One project."""
    with database.reading() as session:
        return projects.get(session, p)


@router.patch("/{p}")
def change_project(p: Id, wanted: ProjectChange, parts: AllParts) -> Project:
    """Change name, scale, classes, pack or ready concept."""
    with parts.database.writing() as session:
        projects.change(session, p, wanted)
        return choose(session, parts.settings, p, wanted)


@router.delete("/{p}", status_code=204)
def delete_project(p: Id, parts: AllParts) -> None:
    """Delete a project with its images, marks and results; files below the server's roots stay."""
    with parts.database.writing() as session:
        gone = projects.delete(session, p)
    parts.files.forget_project(p, gone)


@router.post("/{p}/cueset", openapi_extra=RAW)
async def bring_cueset(p: Id, request: Request, parts: AllParts) -> CuesetAdded:
    """Add the images and marks of a cue set; the body is its .zip."""
    await run_in_threadpool(require_project, p, parts.database, "images", "a cue set")
    async with receive(request, parts) as upload:
        add = partial(add_cueset, upload, p, parts)
        return await run_apart(request, add)


image_router = APIRouter(prefix="/v1/projects/{p}", tags=["images"])
LIKE_AIR = -500.0
"""Values below are air in Hounsfield units: a volume that has them is one of computed tomography."""
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}, "image/jpeg": {}}},
    304: {"description": "Not changed"},
}


@image_router.post("/images", status_code=201, openapi_extra=RAW, responses={200: {"model": Image}})
async def upload(
    p: Id,
    request: Request,
    response: Response,
    parts: AllParts,
    name: Annotated[str, Query(min_length=1, max_length=500, examples=["a.jpg"])],
) -> Image:
    """Add an image; the body is its file. What is there already by content is answered with 200."""
    await run_in_threadpool(require_project, p, parts.database, "images", name)
    async with receive(request, parts) as body:
        add = partial(add_image, body, name, p, parts)
        image, is_new = await run_apart(request, add)
    response.status_code = 201 if is_new else 200
    return image


@image_router.post("/source", status_code=201, openapi_extra=RAW, responses={200: {"model": Source}})
async def upload_source(
    p: Id,
    request: Request,
    response: Response,
    parts: AllParts,
    name: Annotated[str, Query(min_length=1, max_length=500, examples=["clip.mp4"])],
    series: Annotated[Series, Query()] = None,
    channel: Annotated[Channel, Query()] = None,
) -> Source:
    """Give a project its video or volume; the body is the file. Its frames or slices become the images.

    Where the file holds several volumes, `series` or `channel` chooses one; without, the error has the choices.
    """
    chosen = Reading(channel, series)
    await run_in_threadpool(sources.require_source_project, p, parts.database, name, chosen)
    async with receive(request, parts) as body:
        add = partial(sources.add_upload, body, name, p, chosen, parts)
        source, is_new = await run_apart(request, add)
    response.status_code = 201 if is_new else 200
    return source


@image_router.post("/folder", status_code=201)
def add_folder(p: Id, wanted: NewFolder, parts: AllParts) -> FolderAdded:
    """Add the images of a folder on the server, or a video or volume there; they stay where they are."""
    return sources.add_from_server(wanted, p, parts)


@image_router.get("/images")
def list_images(
    p: Id,
    parts: AllParts,
    limit: Limit = 50,
    cursor: Cursor = None,
    order: images.Order = "name",
    verdict: images.Found | None = None,
    q: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    to: Annotated[ImageId | None, Query(description="an image: with the order `like`, and no other")] = None,
    reverse: Annotated[
        bool, Query(description="the other way round: of count, area, confidence, like, agreement")
    ] = False,
    checked: bool | None = None,
) -> Page[Image]:
    """The images of a project: all, with a verdict, with `q` in their names, or those that are `checked`."""
    if (order == "like") != (to is not None):
        raise Problem(
            "invalid_request", 422, "the order `like` and an image `to` go together: give both or none"
        )
    unlike = unlikeness(parts, p, to) if to else None
    with parts.database.reading() as session:
        return images.page(
            session,
            p,
            limit,
            cursor,
            order=order,
            verdict=verdict,
            containing=q,
            reverse=reverse,
            unlike=unlike,
            checked=checked,
        )


@image_router.post("/images/actions")
def act_on_images(p: Id, wanted: ManyImages, parts: AllParts) -> ManyDone:
    """Do one thing to many images; each is done, or refused by itself. Marks that somebody has drawn stay."""
    return many.act(parts, p, wanted)


@image_router.get("/images/{i}")
def show_image(p: Id, i: Id, database: DatabasePart) -> Image:
    """One image."""
    with database.reading() as session:
        return images.get(session, p, i)


@image_router.delete("/images/{i}", status_code=204)
def delete_image(p: Id, i: Id, parts: AllParts) -> None:
    """Remove an image with its marks and results; a file below the server's roots stays."""
    with parts.database.writing() as session:
        gone = images.delete(session, p, i)
    parts.files.forget_image(gone.path, i)


Value = Annotated[float | None, Query(allow_inf_nan=False, description="a slice of a volume: of the window")]


@image_router.get("/images/{i}/view", response_class=FileResponse, responses=PICTURE)
def view(p: Id, i: Id, request: Request, parts: AllParts, low: Value = None, high: Value = None) -> Response:
    """The whole image as a browser shows it, PNG or JPEG.

    A slice of a volume may be looked at through another window than is segmented: its values from `low`, which becomes
    black, to `high`, which becomes white.
    """
    if low is None and high is None:
        return _preview(p, i, request, parts)
    if low is None or high is None or not low < high:
        raise Problem("invalid_request", 422, "a window has a `low` value and a `high` one above it")
    with parts.database.reading() as session:
        image = images.find(session, p, i)
        frame = frame_at(session, parts.files, image)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(pictures.through_window(frame, image.name, (low, high)), 200, headers, "image/png")


@image_router.get("/images/{i}/window")
def show_window(p: Id, i: Id, parts: AllParts) -> ValueWindow:
    """The window of values through which a volume is segmented, and usual ones."""
    with parts.database.reading() as session:
        image = images.find(session, p, i)
        frame = frame_at(session, parts.files, image)
    low, high = pictures.opened_volume(frame, image.name).window
    return ValueWindow(low=low, high=high, usual=WINDOWS if low < LIKE_AIR else {})


@image_router.get("/images/{i}/thumbnail", response_class=FileResponse, responses=PICTURE)
def thumbnail(
    p: Id, i: Id, request: Request, parts: AllParts, size: Annotated[int, Query(ge=16, le=1024)] = 256
) -> Response:
    """The image within `size` x `size` pixels, as JPEG."""
    return _preview(p, i, request, parts, size)


def _preview(p: str, i: str, request: Request, parts: Parts, size: int | None = None) -> Response:
    """The file, or 304 where the browser has it."""
    with parts.database.reading() as session:
        image = images.find(session, p, i)
        frame = frame_at(session, parts.files, image)
    preview = pictures.preview(image, frame, parts.files, parts.settings.limits.pixels, size)
    headers = {"ETag": f'"{preview.tag}"', "Cache-Control": "private, max-age=3600"}
    if f'"{preview.tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(preview.path, media_type=preview.media, headers=headers)


people_router = APIRouter(prefix="/v1/projects/{p}/people", tags=["marks"])


@people_router.get("")
def list_people(p: Id, parts: AllParts) -> People:
    """Who has marked images of the project by himself, and how far they agree."""
    you = own_name(parts)
    with parts.database.reading() as session:
        return people.summary(session, p, you)


mark_router = APIRouter(prefix="/v1/projects/{p}/images/{i}/marks", tags=["marks"])
PERSON = Query(
    description="what this person has marked, beside the others; left out: what the image's own marks are"
)
PersonName = Annotated[Name | None, PERSON]


@mark_router.get("")
def show_marks(p: Id, i: Id, database: DatabasePart, person: PersonName = None) -> Marks:
    """The marks of an image, or what one person has marked on it, with their version."""
    with database.reading() as session:
        return people.get(session, p, i, person) if person else marks.get(session, p, i)


@mark_router.get("/between", responses={409: {"model": Error, "description": "No marked frame on one side"}})
def show_marks_between(p: Id, i: Id, database: DatabasePart) -> Marks:
    """Marks for a frame or slice, between those of the nearest marked ones before and behind it; they are not saved."""
    return marks_between(database, p, i)


@mark_router.put(
    "", responses={409: {"model": Error, "description": "Changed meanwhile; details: the marks now"}}
)
def save_marks(p: Id, i: Id, wanted: Marks, parts: AllParts, person: PersonName = None) -> Marks:
    """Save marks that are based on `version`; answers with the next version. Empty ones take the marks away.

    Those of a `person` teach nothing. With a key one marks under its name alone, with an admin's under any.
    """
    if person is None:
        return marks.save(parts.database, p, i, wanted, parts.key)
    require_own(person, parts)
    return people.save(parts.database, p, i, person, wanted)


@mark_router.delete("")
def delete_marks(p: Id, i: Id, parts: AllParts, person: PersonName = None) -> Marks:
    """Take the marks of an image away, or those of one person."""
    if person is not None:
        require_own(person, parts)
        return people.delete(parts.database, p, i, person)
    with parts.database.writing() as session:
        return marks.delete(session, p, i)


ROUTERS = (router, image_router, people_router, mark_router)
