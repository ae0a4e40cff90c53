"""Labels of other programs, as marks of a project's images."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from cuecast.service.asking import require_own
from cuecast.service.labels import read_folder, read_upload
from cuecast.service.parts import AllParts, Id, Parts, run_apart
from cuecast.service.schemas_labels import LabelsOfFile, LabelsOfFolder, LabelsRead, LabelsWay
from cuecast.service.store import projects
from cuecast.service.uploads import RAW, receive

router = APIRouter(prefix="/v1/projects/{p}/labels", tags=["marks"])


@router.post("", openapi_extra=RAW)
async def read_labels(
    p: Id, request: Request, way: Annotated[LabelsOfFile, Query()], parts: AllParts
) -> LabelsRead:
    """Read labels of other programs; the body is a label file, or a .zip of a folder of such.

    They are looked at; with `store` they become marks, of all images of which something can be used, or of none.
    """
    await run_in_threadpool(_require, p, way, parts)
    async with receive(request, parts) as upload:
        return await run_apart(request, partial(read_upload, upload, way, p, parts))


@router.post("/folder")
def read_labels_of_folder(p: Id, way: LabelsOfFolder, parts: AllParts) -> LabelsRead:
    """The same of a folder or file on the server, below one of its roots."""
    _require(p, way, parts)
    return read_folder(way, p, parts)


def _require(project: str, way: LabelsWay, parts: Parts) -> None:
    with parts.database.reading() as session:
        projects.find(session, project)
    if way.person is not None:
        require_own(way.person, parts)


ROUTERS = (router,)
