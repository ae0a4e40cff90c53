"""What is marked on an image: read, saved, taken away."""

from __future__ import annotations

from fastapi import APIRouter

from cuecast.service.parts import DatabasePart, Id
from cuecast.service.schemas import Error, Marks
from cuecast.service.store import marks

router = APIRouter(prefix="/v1/projects/{p}/images/{i}/marks", tags=["marks"])


@router.get("")
def show(p: Id, i: Id, database: DatabasePart) -> Marks:
    """The marks of an image, with their version."""
    with database.reading() as session:
        return marks.get(session, p, i)


@router.put("", responses={409: {"model": Error, "description": "Changed meanwhile; details: the marks now"}})
def save(p: Id, i: Id, wanted: Marks, database: DatabasePart) -> Marks:
    """Save marks that are based on `version`; answers with the next version. Empty ones take the marks away."""
    return marks.save(database, p, i, wanted)


@router.delete("")
def delete(p: Id, i: Id, database: DatabasePart) -> Marks:
    """Take the marks of an image away."""
    with database.writing() as session:
        return marks.delete(session, p, i)
