"""Images of a project: brought in, listed, looked at, removed."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from cuecast.io.volumes.reading import Reading
from cuecast.service import previews, sources
from cuecast.service.parts import Cursor, DatabasePart, FilesPart, Id, Limit, SettingsPart, run_apart
from cuecast.service.schemas import Channel, FolderAdded, Image, NewFolder, Page, Series, Source
from cuecast.service.snapshot import frame_at
from cuecast.service.store import images
from cuecast.service.uploads import RAW, add_image, receive, require_project

router = APIRouter(prefix="/v1/projects/{p}", tags=["images"])

PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}, "image/jpeg": {}}},
    304: {"description": "Not changed"},
}


@router.post("/images", status_code=201, openapi_extra=RAW, responses={200: {"model": Image}})
async def upload(
    p: Id,
    request: Request,
    response: Response,
    database: DatabasePart,
    files: FilesPart,
    settings: SettingsPart,
    name: Annotated[str, Query(min_length=1, max_length=500, examples=["a.jpg"])],
) -> Image:
    """Add an image; the body is its file. What is there already by content is answered with 200."""
    await run_in_threadpool(require_project, p, database, "images", name)
    async with receive(request, files, settings) as body:
        add = partial(add_image, body, name, p, database=database, files=files, settings=settings)
        image, is_new = await run_apart(request, add)
    response.status_code = 201 if is_new else 200
    return image


@router.post("/source", status_code=201, openapi_extra=RAW, responses={200: {"model": Source}})
async def upload_source(
    p: Id,
    request: Request,
    response: Response,
    database: DatabasePart,
    files: FilesPart,
    settings: SettingsPart,
    name: Annotated[str, Query(min_length=1, max_length=500, examples=["clip.mp4"])],
    series: Annotated[Series, Query()] = None,
    channel: Annotated[Channel, Query()] = None,
) -> Source:
    """Give a project its video or volume; the body is the file. Its frames or slices become the images.

    Where the file holds several volumes, `series` or `channel` chooses one; without, the error has the choices.
    """
    chosen = Reading(channel, series)
    await run_in_threadpool(sources.require_source_project, p, database, name, chosen)
    async with receive(request, files, settings) as body:
        add = partial(
            sources.add_upload, body, name, p, chosen, database=database, files=files, settings=settings
        )
        source, is_new = await run_apart(request, add)
    response.status_code = 201 if is_new else 200
    return source


@router.post("/folder", status_code=201)
def add_folder(
    p: Id, wanted: NewFolder, database: DatabasePart, files: FilesPart, settings: SettingsPart
) -> FolderAdded:
    """Add the images of a folder on the server, or a video or volume there; they stay where they are."""
    return sources.add_from_server(wanted, p, database=database, files=files, settings=settings)


@router.get("/images")
def index(
    p: Id,
    database: DatabasePart,
    limit: Limit = 50,
    cursor: Cursor = None,
    order: images.Order = "name",
    verdict: images.Found | None = None,
    q: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
) -> Page[Image]:
    """The images of a project: all, with a verdict, or with `q` in their names."""
    with database.reading() as session:
        return images.page(session, p, limit, cursor, order=order, verdict=verdict, containing=q)


@router.get("/images/{i}")
def show(p: Id, i: Id, database: DatabasePart) -> Image:
    """One image."""
    with database.reading() as session:
        return images.get(session, p, i)


@router.delete("/images/{i}", status_code=204)
def delete(p: Id, i: Id, database: DatabasePart, files: FilesPart) -> None:
    """Remove an image with its marks and results; a file below the server's roots stays."""
    with database.writing() as session:
        gone = images.delete(session, p, i)
    files.forget_image(gone.path, i)


@router.get("/images/{i}/view", response_class=FileResponse, responses=PICTURE)
def view(
    p: Id, i: Id, request: Request, database: DatabasePart, files: FilesPart, settings: SettingsPart
) -> Response:
    """The whole image as a browser shows it, PNG or JPEG."""
    with database.reading() as session:
        image = images.find(session, p, i)
        frame = frame_at(session, files, image)
    return _sent(request, previews.view(image, frame, files, settings.limits.pixels))


@router.get("/images/{i}/thumbnail", response_class=FileResponse, responses=PICTURE)
def thumbnail(
    p: Id,
    i: Id,
    request: Request,
    database: DatabasePart,
    files: FilesPart,
    settings: SettingsPart,
    size: Annotated[int, Query(ge=16, le=1024)] = 256,
) -> Response:
    """The image within `size` x `size` pixels, as JPEG."""
    with database.reading() as session:
        image = images.find(session, p, i)
        frame = frame_at(session, files, image)
    return _sent(request, previews.thumbnail(image, frame, files, size, settings.limits.pixels))


def _sent(request: Request, preview: previews.Preview) -> Response:
    """The file, or 304 where the browser has it."""
    headers = {"ETag": f'"{preview.tag}"', "Cache-Control": "private, max-age=3600"}
    if f'"{preview.tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(preview.path, media_type=preview.media, headers=headers)
