"""A project at one moment, from the database, as `compute` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.core.values import ClassInfo
from cuecast.io.volumes.reading import Reading
from cuecast.service.compute.cues import MarkedImage
from cuecast.service.compute.runs import place_input
from cuecast.service.compute.sources import FrameAt, SourceAt, SourceKind
from cuecast.service.files import DataFolder
from cuecast.service.store import marks, projects
from cuecast.service.store.models import Image, Project, Source
from cuecast.service.store.predictions import marks_state


@dataclass(frozen=True)
class Snapshot:
    """What teaches in a project, and its images in their order.

    state   of the marks, see `marks_state`.
    images  name -> file; ids: name -> id.
    digests  name of the results of an upload -> SHA-256 of its file. A file below the server's roots may change, and
            frames and slices have no file of their own: they have no digest here.
    kind    'images', 'video' or 'volume'.
    source  where the video or volume is read, of which the images are frames or slices: their file is this one's.
    """

    kind: str
    source: SourceAt | None
    classes: tuple[ClassInfo, ...]
    scale: str
    state: str
    cues: tuple[MarkedImage, ...]
    images: dict[str, Path]
    ids: dict[str, str]
    digests: dict[str, str]


def snapshot(session: Session, files: DataFolder, project: str) -> Snapshot:
    """Read a project. Raises Problem with 404."""
    found = projects.find(session, project)
    rows = session.execute(
        select(Image.id, Image.name, Image.path, Image.digest)
        .where(Image.project_id == project)
        .order_by(Image.order_key, Image.id)
    ).all()
    source = source_place(session, files, found)
    return Snapshot(
        found.kind,
        source,
        projects.class_infos(found.classes),
        found.scale,
        marks_state(session, project),
        tuple(marked_images(session, files, project)),
        {row.name: source.path if source else place_of(files, row.path) for row in rows},
        {row.name: row.id for row in rows},
        {Path(r.name).stem: r.digest for r in rows if source is None and not Path(r.path).is_absolute()},
    )


def marked_images(
    session: Session, files: DataFolder, project: str, but: str | None = None
) -> Sequence[MarkedImage]:
    """The marked images of a project in their order, without the image of id `but`."""
    owner = projects.find(session, project)
    source = source_place(session, files, owner)
    found = []
    for row, document in marks.documents(session, project):
        if row.id == but:
            continue
        frame = None
        if source is not None and row.frame is not None:
            frame = FrameAt(source, row.frame)
        place = place_of(files, row.path) if source is None else source.path
        found.append(MarkedImage(row.name, place, row.digest, (row.height, row.width), document, frame))
    return found


def frame_at(session: Session, files: DataFolder, image: Image) -> FrameAt | None:
    """Where a frame or slice is read; None for an image of its own. Raises Problem: 403, 404."""
    if image.frame is None:
        return None
    files.original(image.path)
    owner = projects.find(session, image.project_id)
    source = source_place(session, files, owner)
    assert source is not None
    return FrameAt(source, image.frame)


def source_place(session: Session, files: DataFolder, project: Project) -> SourceAt | None:
    """Where the video or volume of a project is read, whether or not it is there; None where it has none.

    An upload is read by a link of the name that its results are to carry. Raises Problem with 403 for a folder with
    links that lead out of the roots.
    """
    source = session.get(Source, project.id)
    if source is None:
        return None
    place = place_of(files, source.path)
    if Path(source.path).is_absolute():
        files.check_links(place)
    else:
        place = place_input(files.inputs(project.id), source.name, place)
    return SourceAt(cast(SourceKind, project.kind), place, reading_of(source))


def reading_of(source: Source) -> Reading:
    """Which of several volumes a source is."""
    return Reading(source.channel, source.series)


def place_of(files: DataFolder, path: str) -> Path:
    """Where the file of an image lies, whether or not it is there.

    One below a root that was taken away must not be read: its place is one where nothing is.
    """
    place = (files.root / path).resolve()
    if place.is_relative_to(files.projects) or files.allows(place):
        return place
    return files.root / "outside-the-roots" / place.name
