"""A project at one moment, and its marks as examples and as a cue set folder with its versions.

The marks are the truth; the folder is made from them, and its versions let a run redo only what a change of the marks
may change (see `cuecast.cuesets.changes`).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.core.errors import CueSetError, ImageError, InputError
from cuecast.core.marks import Document
from cuecast.core.values import ClassInfo, Example
from cuecast.cues import Cue, CueEntry, cue_of, ids_of, labels_of, shown_in
from cuecast.cuesets.cueset import CueSet, check_classes, read_cueset
from cuecast.cuesets.edit import NewFiles, mask_png, new_cueset, objects_png, png_of, write_version
from cuecast.cuesets.history import FOLDER, LOG, Version, versions
from cuecast.io.files import exclusive
from cuecast.io.images import read_image
from cuecast.io.volumes.reading import Reading
from cuecast.service.files import DataFolder, place_input
from cuecast.service.frames import FrameAt, SourceAt, SourceKind
from cuecast.service.store import marks, projects
from cuecast.service.store.models import ImageRow, ProjectRow, SourceRow
from cuecast.service.store.predictions import marks_state

SAID = 10
"""Images at most that the history names for one version."""


@dataclass(frozen=True)
class MarkedImage:
    """An image of a project with the marks on it.

    name    of the image, unique in the project; a cue of a ready concept has 'CONCEPT/' before it.
    path    where its file lies.
    digest  SHA-256 of that file as it was added.
    size    (height, width) in pixels.
    frame   where it is read if it is a frame or slice: `path` is then its source.
    author  name of the key with which the marks were saved; None without one.
    teaches  whether it is a cue; else what was found is called right.
    """

    name: str
    path: Path
    digest: str
    size: tuple[int, int]
    document: Document = field(repr=False)
    frame: FrameAt | None = None
    author: str | None = None
    teaches: bool = True


def read_marked(marked: MarkedImage, classes: Sequence[ClassInfo]) -> Example:
    """Image and marks as a predictor learns them. Raises InputError and names the image."""
    image = replace(marked.frame.image() if marked.frame else read_image(marked.path), name=marked.name)
    example = Cue(image, **shown_in(marked.document)).on(image)
    check_classes(example.marks, classes, marked.name)
    return example


def write_cueset(folder: Path, classes: Sequence[ClassInfo], cues: Sequence[MarkedImage]) -> CueSet:
    """Make the cue set in `folder` say what these marks say, as one new version where anything differs.

    After a crash at any moment it is the old version or the new one. A folder that cannot be read is made anew.
    Raises InputError where marks do not fit their image or the image's file is gone or changed, and OutputError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder, wait=True):
        cueset, log = _present(folder, classes)
        files = NewFiles(cueset.bundle, log)
        entries = [_stored(marked, classes, files) for marked in cues]
        write_version(cueset, log, classes, entries, files, _what(cueset.entries, entries))
    return read_cueset(folder)


def forget_history(folder: Path) -> None:
    """Leave of a cue set what it says now, and not how it came to be."""
    (folder / LOG).unlink(missing_ok=True)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _present(folder: Path, classes: Sequence[ClassInfo]) -> tuple[CueSet, tuple[Version, ...]]:
    """The set as it is with its versions; an empty one where there is none, or none that can be read."""
    try:
        cueset = read_cueset(folder)
        return cueset, versions(cueset)
    except CueSetError:
        # Nothing is lost: the marks are kept elsewhere, and this folder is made from them.
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    cueset = new_cueset(folder, classes)
    return cueset, versions(cueset)


def _stored(marked: MarkedImage, classes: Sequence[ClassInfo], files: NewFiles) -> CueEntry:
    """The entry of one image, its files among `files`. A frame or slice becomes a PNG."""
    name = f"images/{marked.name}"
    if marked.frame is None:
        image = files.put(name, marked.digest, partial(_image_bytes, marked))
    else:
        image = files.put_bytes(name, png_of(marked.frame.image()))
    cue = cue_of(marked.document)
    try:
        labels, ids = labels_of(cue.mask, marked.size), ids_of(cue.mask, marked.size)
        replace(cue, mask=None).marks(marked.size, labels, ids)
    except InputError as error:
        raise error.within(marked.name) from error
    mask = objects = None
    stem = PurePosixPath(marked.name).with_suffix("").as_posix()
    if labels is not None:
        mask = files.put_bytes(f"masks/{stem}.png", mask_png(labels, classes))
    if ids is not None:
        objects = files.put_bytes(f"objects/{stem}.png", objects_png(ids))
    return CueEntry(image, mask, **cue.drawn(), absent=cue.absent, objects=objects)


def _image_bytes(marked: MarkedImage) -> bytes:
    try:
        data = marked.path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"its file cannot be read any more ({error.strerror})",
            marked.name,
            "put it back, or take the image out of the project",
        ) from error
    if hashlib.sha256(data).hexdigest() != marked.digest:
        raise ImageError(
            "its file has changed since it was added",
            marked.name,
            "put the former one back, or take the image out of the project and add it again",
        )
    return data


def _what(before: Sequence[CueEntry], after: Sequence[CueEntry]) -> str:
    """The change in words: 'images/a.jpg: mask; images/b.jpg: gone'."""
    changed = [f"{e.image}: {' and '.join(e.kinds)}" for e in after if e not in before]
    left = {e.image for e in after}
    said = [*changed, *(f"{e.image}: gone" for e in before if e.image not in left)]
    more = f"; and {len(said) - SAID} more" if len(said) > SAID else ""
    return "; ".join(said[:SAID]) + more if said else "the classes"


@dataclass(frozen=True)
class Snapshot:
    """What teaches in a project, and its images in their order.

    state   of the marks, see `marks_state`.
    images  name -> file; ids: name -> id.
    digests  name of the results of an upload -> SHA-256 of its file. A file below the server's roots may change, and
            frames and slices have no file of their own: they have no digest here.
    kind    'images', 'video' or 'volume'.
    name    of the project.
    checked  the images whose whole mask a person has drawn or called right; where they were asked for.
    pack    name of the pack that segments; None: the service's. `concept`: what of it teaches beside the marks.
    source  where the video or volume is read, of which the images are frames or slices: their file is this one's.
    """

    name: str
    kind: str
    source: SourceAt | None
    classes: tuple[ClassInfo, ...]
    scale: str
    pack: str | None
    concept: str | None
    state: str
    cues: tuple[MarkedImage, ...]
    images: dict[str, Path]
    ids: dict[str, str]
    digests: dict[str, str]
    checked: tuple[MarkedImage, ...] = ()


def snapshot(session: Session, files: DataFolder, project: str, checked: bool = False) -> Snapshot:
    """Read a project, and what is checked of it where that is asked for. Raises Problem with 404."""
    found = projects.find(session, project)
    rows = session.execute(
        select(ImageRow.id, ImageRow.name, ImageRow.path, ImageRow.digest)
        .where(ImageRow.project_id == project)
        .order_by(ImageRow.order_key, ImageRow.id)
    ).all()
    source = source_place(session, files, found)
    return Snapshot(
        found.name,
        found.kind,
        source,
        projects.class_infos(found.classes),
        projects.scale_of(found),
        found.pack,
        found.concept,
        marks_state(session, project),
        tuple(marked_images(session, files, project)),
        {row.name: source.path if source else place_of(files, row.path) for row in rows},
        {row.name: row.id for row in rows},
        {Path(r.name).stem: r.digest for r in rows if source is None and not Path(r.path).is_absolute()},
        tuple(marked_images(session, files, project, which="checked")) if checked else (),
    )


def marked_images(
    session: Session,
    files: DataFolder,
    project: str,
    but: str | None = None,
    which: Literal["cues", "checked"] = "cues",
) -> Sequence[MarkedImage]:
    """The images of a project that teach, or that are checked, in their order, without the image of id `but`."""
    owner = projects.find(session, project)
    source = source_place(session, files, owner)
    found = []
    for row, saved in marks.documents(session, project, which):
        if row.id == but:
            continue
        frame = None
        if source is not None and row.frame is not None:
            frame = FrameAt(source, row.frame)
        place = place_of(files, row.path) if source is None else source.path
        size, document = (row.height, row.width), dict(saved.document)
        found.append(
            MarkedImage(row.name, place, row.digest, size, document, frame, saved.author, saved.teaches)
        )
    return found


def frame_at(session: Session, files: DataFolder, image: ImageRow) -> FrameAt | None:
    """Where a frame or slice is read; None for an image of its own. Raises Problem: 403, 404."""
    if image.frame is None:
        return None
    files.original(image.path)
    owner = projects.find(session, image.project_id)
    source = source_place(session, files, owner)
    assert source is not None
    return FrameAt(source, image.frame)


def source_place(session: Session, files: DataFolder, project: ProjectRow) -> SourceAt | None:
    """Where the video or volume of a project is read, whether or not it is there; None where it has none.

    An upload is read by a link of the name that its results are to carry. Raises Problem with 403 for a folder with
    links that lead out of the roots.
    """
    source = session.get(SourceRow, project.id)
    if source is None:
        return None
    place = place_of(files, source.path)
    if Path(source.path).is_absolute():
        files.check_links(place)
    else:
        place = place_input(files.inputs(project.id), source.name, place)
    return SourceAt(cast(SourceKind, project.kind), place, reading_of(source))


def reading_of(source: SourceRow) -> Reading:
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
