"""A project at one moment, from the database, as `compute` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.service.compute.cues import MarkedImage
from cuecast.service.files import DataFolder
from cuecast.service.store import marks, projects
from cuecast.service.store.models import Image
from cuecast.service.store.predictions import marks_state
from cuecast.types import ClassInfo


@dataclass(frozen=True)
class Snapshot:
    """What teaches in a project, and its images in their order.

    state   of the marks, see `marks_state`.
    images  name -> file; ids: name -> id.
    """

    classes: tuple[ClassInfo, ...]
    scale: str
    state: str
    cues: tuple[MarkedImage, ...]
    images: dict[str, Path]
    ids: dict[str, str]


def snapshot(session: Session, files: DataFolder, project: str) -> Snapshot:
    """Read a project. Raises Problem with 404."""
    found = projects.find(session, project)
    rows = session.execute(
        select(Image.id, Image.name, Image.path)
        .where(Image.project_id == project)
        .order_by(Image.order_key, Image.id)
    ).all()
    return Snapshot(
        projects.class_infos(found.classes),
        found.scale,
        marks_state(session, project),
        tuple(marked_images(session, files, project)),
        {row.name: place_of(files, row.path) for row in rows},
        {row.name: row.id for row in rows},
    )


def marked_images(
    session: Session, files: DataFolder, project: str, but: str | None = None
) -> Sequence[MarkedImage]:
    """The marked images of a project in their order, without the image of id `but`."""
    return [
        MarkedImage(row.name, place_of(files, row.path), row.digest, (row.height, row.width), document)
        for row, document in marks.documents(session, project)
        if row.id != but
    ]


def place_of(files: DataFolder, path: str) -> Path:
    """Where the file of an image lies, whether or not it is there.

    One below a root that was taken away must not be read: its place is one where nothing is.
    """
    place = (files.root / path).resolve()
    if place.is_relative_to(files.projects) or files.allows(place):
        return place
    return files.root / "outside-the-roots" / place.name
