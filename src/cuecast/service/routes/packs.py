"""The packs of the service's account: what there are, what their cards say; taken in and given out by an admin."""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from cuecast.catalogue.archive import Imported, import_archive, write_archive
from cuecast.catalogue.describe import as_told
from cuecast.catalogue.listing import listed
from cuecast.core.errors import PackError
from cuecast.core.notes import notes_to
from cuecast.engine.packs import Pack, list_packs, named_pack
from cuecast.service.asking import admin
from cuecast.service.parts import AllParts, Parts, run_apart
from cuecast.service.problem import not_found
from cuecast.service.refining import refuse_pack
from cuecast.service.schemas import Error, PackDetail, Page
from cuecast.service.schemas import Pack as PackReply
from cuecast.service.uploads import RAW, Upload, receive

log = logging.getLogger("cuecast.service")


def known_packs() -> list[Pack]:
    """The packs that can be used by name; the log tells of those that cannot be read."""
    with notes_to(log.warning):
        return list(list_packs())


router = APIRouter(prefix="/v1/packs", tags=["packs"])
PackName = Annotated[str, Path(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", examples=["general"])]
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}, 403: {"model": Error}}
REFUSED: dict[int | str, dict[str, Any]] = {code: {"model": Error} for code in (403, 409, 422)}


@router.get("")
def get_packs() -> Page[PackReply]:
    """All packs that can be used by name, in one part."""
    found = [PackReply.model_validate(listed(pack).as_dict()) for pack in known_packs()]
    return Page(items=found, next=None, total=len(found))


@router.get("/{pack}")
def get_pack(pack: PackName) -> PackDetail:
    """A pack, its concepts and its whole card, but for where weights outside of it lie."""
    return PackDetail.model_validate(as_told(_named(pack)))


@router.get("/{pack}/archive", responses=ZIP, response_class=FileResponse, dependencies=[Depends(admin)])
def get_archive(pack: PackName, parts: AllParts) -> FileResponse:
    """A pack as one file, for POST /v1/packs of another service or `cuecast packs import`. Needs an admin key."""
    path = parts.files.new_upload()
    try:
        write_archive(_named(pack), path)
    except PackError as error:
        path.unlink(missing_ok=True)
        raise refuse_pack(error, parts) from error
    remove = BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(path, media_type="application/zip", filename=f"{pack}.zip", background=remove)


@router.post("", status_code=201, responses=REFUSED, openapi_extra=RAW, dependencies=[Depends(admin)])
async def post_pack(
    request: Request,
    parts: AllParts,
    replace: Annotated[bool, Query(description="take the place of another pack of that name")] = False,
) -> PackReply:
    """Take a pack in that was exported. Needs an admin key. The very same pack again changes nothing."""
    async with receive(request, parts) as upload:
        done = await run_apart(request, partial(_take, upload, replace, parts))
    return PackReply.model_validate(listed(done.pack).as_dict())


def _take(upload: Upload, replace: bool, parts: Parts) -> Imported:
    try:
        with notes_to(log.warning):
            return import_archive(upload.path, replace=replace)
    except PackError as error:
        raise refuse_pack(
            error.reworded(lambda text: text.replace(str(upload.path), "the archive")), parts
        ) from error


def _named(name: str) -> Pack:
    """The pack of that name. Raises Problem with 404."""
    try:
        with notes_to(log.warning):
            return named_pack(name)
    except PackError as error:
        raise not_found("pack", name) from error


ROUTERS = (router,)
"""Taken into the application."""
