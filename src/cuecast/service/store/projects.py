"""Projects: one concept with its images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Text, func, select, update
from sqlalchemy.orm import Session

from cuecast.core.values import ClassInfo
from cuecast.cues import document_classes
from cuecast.cuesets.cueset import class_problem
from cuecast.service import schemas
from cuecast.service.problem import Problem, not_found
from cuecast.service.store import models
from cuecast.service.store.predictions import predicted_classes
from cuecast.service.store.wire import project_of, read_page

ACTIVE = ("queued", "running")
"""States of jobs that are not over."""


def create(session: Session, new: schemas.NewProject) -> schemas.Project:
    """Make a project. Raises Problem for classes that clash, and a scale that its kind does not have."""
    wanted = new.classes or [schemas.NewClass.model_validate({"name": "thing"})]
    scale = new.scale or ("frame" if new.kind == "images" else "pixel")
    _check_scale(new.kind, scale)
    row = models.ProjectRow(name=new.name, kind=new.kind, scale=scale, classes=number_classes(wanted))
    session.add(row)
    session.flush()
    return project_of(row, (0, 0, 0), None)


def find(session: Session, project: str, *, lock: bool = False) -> models.ProjectRow:
    """The row of a project; `lock` keeps others from changing it until the transaction ends. Raises Problem, 404."""
    query = select(models.ProjectRow).where(models.ProjectRow.id == project)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise not_found("project", project)
    return row


def get(session: Session, project: str) -> schemas.Project:
    """One project as it is sent. Raises Problem with 404."""
    return _sent(session, [find(session, project)])[0]


def page(session: Session, limit: int, cursor: str | None) -> schemas.Page[schemas.Project]:
    """Projects by name."""
    query = select(models.ProjectRow)
    order = [func.lower(models.ProjectRow.name, type_=Text), models.ProjectRow.id]
    rows, following, total = read_page(session, query, order, limit, cursor)
    items = _sent(session, [row[0] for row in rows])
    return schemas.Page[schemas.Project](items=items, next=following, total=total)


def change(session: Session, project: str, wanted: schemas.ProjectChange) -> schemas.Project:
    """Change name, scale, pixel size or classes.

    Raises Problem: 404; 409 where marks use a class that is left out; 422 for a scale that its kind does not have.
    """
    row = find(session, project, lock=True)
    if wanted.name is not None:
        row.name = wanted.name
    if "pixel_size" in wanted.model_fields_set:
        row.pixel_size, row.unit = wanted.pixel_size, wanted.unit
    if wanted.classes is not None:
        classes = number_classes(wanted.classes, row.classes, predicted_classes(session, project))
        _check_use(session, row, {c["id"] for c in classes})
        if _decided(classes) != _decided(row.classes):
            outdate(session, project)
        row.classes = classes
    if wanted.scale is not None and wanted.scale != row.scale:
        _check_scale(row.kind, wanted.scale)
        row.scale = wanted.scale
        outdate(session, project)
    row.updated = models.now()
    session.flush()
    return get(session, project)


def delete(session: Session, project: str) -> list[str]:
    """Remove a project with all its rows; its files are removed after the transaction (`files.forget_project`).

    Returns the ids of its images.

    Raises Problem: 404; 409 while a job of it runs.
    """
    row = find(session, project, lock=True)
    running = select(models.JobRow.id).where(
        models.JobRow.project_id == project, models.JobRow.state == "running"
    )
    if session.scalar(running.limit(1)) is not None:
        raise Problem(
            "busy", 409, f"a job is working in project {row.name!r}; cancel it, or wait until it is done"
        )
    images = list(session.scalars(select(models.ImageRow.id).where(models.ImageRow.project_id == project)))
    session.delete(row)
    return images


def _decided(classes: Iterable[dict[str, Any]]) -> list[tuple[int, float | None]]:
    """What masks depend on, of classes."""
    return [(c["id"], c.get("threshold")) for c in classes]


def outdate(session: Session, project: str) -> None:
    """Note that the marks of a project have changed: its predictions are of earlier ones."""
    images = select(models.ImageRow.id).where(models.ImageRow.project_id == project)
    session.execute(
        update(models.PredictionRow)
        .where(models.PredictionRow.image_id.in_(images), models.PredictionRow.stale.is_(False))
        .values(stale=True)
    )


def class_infos(classes: Iterable[dict[str, Any]]) -> tuple[ClassInfo, ...]:
    """The classes of a project as the library takes them."""
    return tuple(map(ClassInfo.of, classes))


def number_classes(
    wanted: Sequence[schemas.NewClass],
    present: Sequence[dict[str, Any]] = (),
    predicted: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Classes with ids, colours and thresholds: those stated, else of the class with that name, else the next free
    ids.

    Ids of classes that are `present` or `predicted` are not given to others: masks may still hold them.

    Raises Problem with 422 where two have the same id or name.
    """
    by_name = {c["name"]: c for c in present}
    by_id = {c["id"]: c for c in present}
    used = {c.id for c in wanted if c.id is not None} | {
        by_name[c.name]["id"] for c in wanted if c.id is None and c.name in by_name
    }
    infos = []
    for new in wanted:
        number = new.id or by_name.get(new.name, {}).get("id")
        if number is None:
            number = max((*used, *by_id, *predicted, 0)) + 1
        used.add(number)
        if number > 65534:
            raise Problem("classes_invalid", 422, "class ids run to 65534; give the new class a free one")
        colour = new.colour or by_id.get(number, {}).get("colour") or ""
        former = by_id.get(number, {}).get("threshold")
        threshold = new.threshold if "threshold" in new.model_fields_set else former
        infos.append(ClassInfo(number, new.name, colour, threshold))
    if wrong := class_problem(infos):
        raise Problem("classes_invalid", 422, f"{wrong}; give each class its own name and id")
    return [c.document for c in infos]


def scale_of(row: models.ProjectRow) -> str:
    """How sizes are meant: on a video, the pictures of a ready concept share no magnification with its frames."""
    return "frame" if row.kind == "video" and row.concept is not None else row.scale


def require_kind(row: models.ProjectRow, kind: str, what: str) -> None:
    """Raise Problem with 415 where a project is not of this kind. `what` was brought: 'clip.mp4'."""
    if row.kind == kind:
        return
    wanted = {"images": "images", "video": "a video", "volume": "a volume"}
    raise Problem(
        "wrong_kind",
        415,
        f"{what} belongs in a project of {wanted[kind]}, and {row.name!r} is one of {wanted[row.kind]}: "
        f"make a project of the kind {kind!r} for it; a {row.kind} itself is sent to .../source",
    )


def _check_scale(kind: str, scale: str) -> None:
    if kind != "images" and scale != "pixel":
        raise Problem(
            "scale_invalid",
            422,
            f"a project of the kind {kind!r} has the scale 'pixel', its frames being of one scale; leave `scale` out",
        )


def _check_use(session: Session, row: models.ProjectRow, kept: set[int]) -> None:
    """Raise Problem with 409 where marks use a class that is not kept."""
    gone = {c["id"]: c["name"] for c in row.classes if c["id"] not in kept}
    if not gone:
        return
    image = models.ImageRow
    found = [
        each
        for marks in (models.MarksRow, models.PersonMarksRow)
        for each in session.execute(
            select(image.name, marks.document)
            .join(marks, marks.image_id == image.id)
            .where(image.project_id == row.id, marks.kind.is_not(None))
        )
    ]
    for name, document in found:
        if used := sorted(document_classes(document) & set(gone)):
            raise Problem(
                "class_in_use",
                409,
                f"class {gone[used[0]]!r} is marked on image {name!r}: take those marks away first, or keep the class",
            )


def _sent(session: Session, rows: Sequence[models.ProjectRow]) -> list[schemas.Project]:
    """Projects with their counts, sources and jobs: as many queries, however many projects there are."""
    ids = [row.id for row in rows]
    image, marks, job = models.ImageRow, models.MarksRow, models.JobRow
    counts = (
        select(image.project_id, func.count()).where(image.project_id.in_(ids)).group_by(image.project_id)
    )
    images = dict(session.execute(counts).all())
    marked = counts.join(marks, marks.image_id == image.id)
    cues = dict(session.execute(marked.where(models.TEACHES)).all())
    checked = dict(session.execute(marked.where(models.CHECKED)).all())
    active = select(job).where(job.project_id.in_(ids), job.state.in_(ACTIVE)).order_by(job.created)
    jobs = {row.project_id: row for row in session.scalars(active)}
    found = select(models.SourceRow).where(models.SourceRow.project_id.in_(ids))
    sources = {row.project_id: row for row in session.scalars(found)}
    return [
        project_of(
            r,
            (images.get(r.id, 0), cues.get(r.id, 0), checked.get(r.id, 0)),
            jobs.get(r.id),
            sources.get(r.id),
        )
        for r in rows
    ]
