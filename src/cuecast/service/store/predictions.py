"""The predictions: what the manifest of the results says of each image, for lists, orders and counts.

`stale` is false where the marks are those that made, or kept, the prediction (`marks_state`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from cuecast.service.problem import Problem, not_found
from cuecast.service.store.models import TEACHES, ImageRow, MarksRow, PredictionRow, ProjectRow

CHUNK = 500
"""Ids in one statement: databases bound how many a statement may hold."""


def marks_state(session: Session, project: str, but: str | None = None) -> str:
    """A digest of what teaches in a project: equal for the same marks, ids of classes, scale, pack and ready
    concept.

    but  the id of an image whose marks are left out.
    """
    row = session.execute(
        select(ProjectRow.scale, ProjectRow.classes, ProjectRow.pack, ProjectRow.concept).where(
            ProjectRow.id == project
        )
    ).one_or_none()
    if row is None:
        raise not_found("project", project)
    marks = session.execute(
        select(MarksRow.image_id, MarksRow.version)
        .join(ImageRow, ImageRow.id == MarksRow.image_id)
        .where(ImageRow.project_id == project, TEACHES, MarksRow.image_id != (but or ""))
        .order_by(MarksRow.image_id)
    )
    said = [row.scale, row.pack, row.concept, [c["id"] for c in row.classes], [list(mark) for mark in marks]]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def write_predictions(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put these rows in the place of those of their images. Images that have gone since are passed over."""
    for chunk in _chunks(rows):
        ids = [row["image_id"] for row in chunk]
        there = set(session.scalars(select(ImageRow.id).where(ImageRow.id.in_(ids))))
        session.execute(delete(PredictionRow).where(PredictionRow.image_id.in_(ids)))
        kept = [PredictionRow(**row) for row in chunk if row["image_id"] in there]
        session.add_all(kept)
        session.flush()


def keep_predictions(session: Session, images: Sequence[str], stale: bool) -> None:
    """Note of images which a run has looked at and kept whether their predictions are of the present marks."""
    for chunk in _chunks(images):
        session.execute(update(PredictionRow).where(PredictionRow.image_id.in_(chunk)).values(stale=stale))


def drop_predictions(session: Session, project: str, keep: Collection[str]) -> None:
    """Remove the predictions of all other images of a project."""
    gone = [i for i in session.scalars(_ids(project)) if i not in keep]
    for chunk in _chunks(gone):
        session.execute(delete(PredictionRow).where(PredictionRow.image_id.in_(chunk)))


def predictions_of(session: Session, project: str) -> dict[str, PredictionRow]:
    """Image id -> prediction, of a whole project."""
    found = session.scalars(select(PredictionRow).join(ImageRow).where(ImageRow.project_id == project))
    return {p.image_id: p for p in found}


def predicted_classes(session: Session, project: str) -> set[int]:
    """The ids of all classes that the predictions of a project name."""
    areas = session.scalars(select(PredictionRow.areas).join(ImageRow).where(ImageRow.project_id == project))
    return {int(cls) for area in areas for cls in area}


def get_prediction(session: Session, project: str, image: str) -> tuple[ImageRow, PredictionRow]:
    """An image with its prediction. Raises Problem with 404."""
    row = session.execute(
        select(ImageRow, PredictionRow)
        .outerjoin(PredictionRow, PredictionRow.image_id == ImageRow.id)
        .where(ImageRow.id == image, ImageRow.project_id == project)
    ).one_or_none()
    if row is None:
        raise not_found("image", image)
    if row[1] is None:
        raise Problem("no_prediction", 404, f"{row[0].name} has no prediction yet: run the project first")
    return row[0], row[1]


def review(session: Session, project: str, image: str, wrong: bool) -> PredictionRow:
    """Note whether a person calls a prediction wrong. Raises Problem with 404."""
    prediction = get_prediction(session, project, image)[1]
    prediction.wrong = wrong
    session.flush()
    return prediction


def made_since(session: Session, job: str, since: datetime | None, most: int) -> list[PredictionRow]:
    """The predictions that a job has made from a time on, the earliest first."""
    of = select(PredictionRow).where(PredictionRow.job_id == job)
    if since is not None:
        of = of.where(PredictionRow.made >= since)
    return list(session.scalars(of.order_by(PredictionRow.made, PredictionRow.image_id).limit(most)))


def object_counts(session: Session, project: str) -> list[tuple[str, int]]:
    """(image id, number of objects) of each image that has any, in the order of the project."""
    rows = session.execute(
        select(ImageRow.id, PredictionRow.counts)
        .join(PredictionRow)
        .where(ImageRow.project_id == project, PredictionRow.error.is_(None))
        .order_by(ImageRow.order_key, ImageRow.id)
    )
    counted = [(row.id, sum(row.counts.values())) for row in rows]
    return [(image, n) for image, n in counted if n]


def _ids(project: str) -> Any:
    return select(PredictionRow.image_id).join(ImageRow).where(ImageRow.project_id == project)


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[i : i + CHUNK] for i in range(0, len(items), CHUNK)]
