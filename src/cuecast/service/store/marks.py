"""What is marked on each image. The newest document counts; its version says whether it is still the one seen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cuecast.core.errors import CueError
from cuecast.core.values import COMPLETE, ClassInfo, Marks
from cuecast.cues import document_classes, read_document
from cuecast.cuesets.cueset import check_classes
from cuecast.service import keys, schemas
from cuecast.service.problem import Problem
from cuecast.service.store import images, models, projects
from cuecast.service.store.database import Database


def get(session: Session, project: str, image: str) -> schemas.Marks:
    """The marks of an image; version 0 and nothing where it was never marked. Raises Problem with 404."""
    images.find(session, project, image)
    return sent(session.get(models.MarksRow, image))


def document(session: Session, project: str, image: str) -> dict[str, Any]:
    """The document of an image as it is stored; empty where it was never marked. Raises Problem with 404."""
    images.find(session, project, image)
    row = session.get(models.MarksRow, image)
    return dict(row.document) if row else {}


def save(
    database: Database, project: str, image: str, wanted: schemas.Marks, key: str | None = None
) -> schemas.Marks:
    """Save marks, whose author is who has the `key` (id); an empty document takes them away. Returns them with their
    new version.

    Raises Problem: 404; 409 where they are not based on the present version, with those in its details. Raises
    InputError where they do not fit the image or the project's classes.
    """
    document = wanted.document()
    with database.reading() as session:
        row = images.find(session, project, image)
        classes = projects.class_infos(projects.find(session, project).classes)
    # Masks are drawn and looked at before the transaction: it keeps all others from writing.
    kind = check(document, (row.height, row.width), classes, row.name)
    if kind == "sparse" and not wanted.teaches:
        raise CueError(
            "boxes, points and strokes do not say all of a picture",
            row.name,
            "send its whole mask, or 'absent'; or leave `teaches` out",
        )
    with database.writing() as session:
        author = keys.name_of(session, key)
        return put(session, project, image, wanted.version, document, kind, wanted.teaches, author)


def put(
    session: Session,
    project: str,
    image: str,
    version: int,
    document: dict[str, Any],
    kind: str | None,
    teaches: bool = True,
    author: str | None = None,
) -> schemas.Marks:
    """Save a document that `check` has found to be of this kind, if it is based on the present version."""
    row = projects.find(session, project, lock=True)
    found = images.find(session, project, image)
    require_version(found, session.get(models.MarksRow, image), version)
    return sent(write(session, row, found, document, kind, teaches, author))


def require_version(
    image: models.ImageRow, present: models.MarksRow | models.PersonMarksRow | None, version: int
) -> None:
    """Raise Problem with 409 where a change is not based on the marks that are `present`, with those in its details."""
    if version != (present.version if present else 0):
        raise Problem(
            "marks_changed",
            409,
            f"the marks of image {image.name!r} were changed meanwhile; take those in the details, and mark again",
            sent(present).model_dump(mode="json", by_alias=True),
        )


def require_classes(used: Collection[int], project: models.ProjectRow) -> None:
    """Raise Problem with 409 where a document uses a class that a project has no more."""
    if gone := set(used) - {c["id"] for c in project.classes}:
        raise Problem("class_gone", 409, f"class {min(gone)} is not in the project any more; load it again")


def delete(session: Session, project: str, image: str) -> schemas.Marks:
    """Take away the marks of an image, whatever their version. Raises Problem with 404."""
    row = projects.find(session, project, lock=True)
    found = images.find(session, project, image)
    present = session.get(models.MarksRow, image)
    if present is None or present.kind is None:
        return sent(present)
    return sent(write(session, row, found, {}, None))


def forget_check(session: Session, project: str, image: str) -> None:
    """Take back that what was found on an image is right; a cue stays. Raises Problem with 404."""
    present = session.get(models.MarksRow, image)
    if present is not None and present.kind is not None and not present.teaches:
        delete(session, project, image)


def write(
    session: Session,
    project: models.ProjectRow,
    image: models.ImageRow,
    document: dict[str, Any],
    kind: str | None,
    teaches: bool = True,
    author: str | None = None,
) -> models.MarksRow:
    """Make a checked document the image's. `project` must be locked (see `projects.find`).

    teaches  whether the image becomes a cue; else its mask is known, and the predictions stay as they are.
    author   name of the key with which it came.
    """
    require_classes(document_classes(document), project)
    present = session.get(models.MarksRow, image.id)
    if present is None:
        present = models.MarksRow(image_id=image.id, version=0, kind=None, teaches=True)
        session.add(present)
    taught = present.kind is not None and present.teaches
    present.version += 1
    present.kind, present.document, present.updated = kind, document if kind else {}, models.now()
    present.teaches, present.author = teaches or kind is None, author
    if not present.teaches:  # who calls a mask right calls it wrong no more
        of = update(models.PredictionRow).where(models.PredictionRow.image_id == image.id)
        session.execute(of.values(wrong=False))
    project.updated = present.updated
    if taught or present.teaches:
        projects.outdate(session, project.id)
    session.flush()
    return present


def check(
    document: dict[str, Any], size: tuple[int, int], classes: tuple[ClassInfo, ...], name: str
) -> str | None:
    """The kind of a document: 'mask', 'sparse', 'absent', or None where it marks nothing.

    Raises InputError where it does not fit an image of `size` (H, W) or these classes.
    """
    if (marks := read_document(document, size)) is None:
        return None
    _check_overlap(document, marks)
    check_classes(marks, classes, name)
    if marks.absent:
        return "absent"
    return "sparse" if marks.is_sparse else "mask"


def _check_overlap(document: dict[str, Any], marks: Marks) -> None:
    """Raise CueError where two classes of the mask claim the same pixel: which one counts would be a guess."""
    mask = document.get("mask")
    if not mask or any(map(document.get, COMPLETE)) or marks.mask is None:
        return
    claimed = sum(sum(runs[1::2]) for runs in mask["counts"].values())
    if claimed != int((marks.mask != 0).sum()):
        raise CueError("two classes of the mask overlap: give each pixel to one class")


def sent(row: models.MarksRow | models.PersonMarksRow | None) -> schemas.Marks:
    """Marks as they are sent; version 0 and nothing of no row."""
    if row is None:
        return schemas.Marks()
    teaches = {"teaches": row.teaches} if isinstance(row, models.MarksRow) else {}
    return schemas.Marks.model_validate({**row.document, "version": row.version, **teaches})


def documents(
    session: Session, project: str, which: Literal["cues", "checked", "all"] = "cues"
) -> list[tuple[models.ImageRow, models.MarksRow]]:
    """The marked images of a project in natural order, each with its marks: those that teach, those whose whole mask is
    known, or all."""
    image, marks = models.ImageRow, models.MarksRow
    where = {"cues": models.TEACHES, "checked": models.CHECKED, "all": marks.kind.is_not(None)}[which]
    query = (
        select(image, marks)
        .join(marks, marks.image_id == image.id)
        .where(image.project_id == project, where)
        .order_by(image.order_key, image.id)
    )
    return [(row, found) for row, found in session.execute(query)]
