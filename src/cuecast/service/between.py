"""Marks of a frame or slice from those of the marked ones before and behind it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.cues import mask_document, read_document
from cuecast.propagation.between import labels_between
from cuecast.service import schemas
from cuecast.service.problem import Problem
from cuecast.service.store import images, marks, models
from cuecast.service.store.database import Database


def marks_between(database: Database, project: str, image: str, but: Collection[str] = ()) -> schemas.Marks:
    """Marks for a frame or slice between its nearest neighbours that are marked wholly; they are not saved.

    but  ids of images that are no neighbours.

    Raises Problem: 404; 422 for an image that is none of a video or volume; 409 `no_neighbours`.
    """
    with database.reading() as session:
        row = images.find(session, project, image)
        if row.frame is None:
            said = f"{row.name} is no frame or slice: marks are filled in between those of a video or volume"
            raise Problem("not_of_this_kind", 422, said)
        version = marks.get(session, project, image).version
        before = _neighbour(session, row, -1, but)
        after = _neighbour(session, row, 1, but)
    if before is None or after is None:
        side = "before" if before is None else "behind"
        said = f"no frame {side} {row.name} is marked wholly: paint one, or say that the thing is not on it"
        raise Problem("no_neighbours", 409, said)
    size = (row.height, row.width)
    share = (row.frame - before[0]) / (after[0] - before[0])
    labels = labels_between(_labels(before[1], size), _labels(after[1], size), share)
    document: dict[str, Any] = {"mask": mask_document(labels)} if labels.any() else {"absent": True}
    return schemas.Marks.model_validate({**document, "version": version})


def _neighbour(
    session: Session, row: models.ImageRow, step: int, but: Collection[str]
) -> tuple[int, dict[str, Any]] | None:
    """(number, document) of the nearest frame before (-1) or behind (1) that is marked wholly."""
    image, marked = models.ImageRow, models.MarksRow
    of = (
        select(image.id, image.frame, marked.document)
        .join(marked, marked.image_id == image.id)
        .where(image.project_id == row.project_id, marked.kind.in_(models.WHOLE))
    )
    if step < 0:
        of = of.where(image.frame < row.frame).order_by(image.frame.desc())
    else:
        of = of.where(image.frame > row.frame).order_by(image.frame)
    for ident, number, document in session.execute(of.limit(len(but) + 1)):
        if ident not in but:
            return number, document
    return None


def _labels(document: dict[str, Any], size: tuple[int, int]) -> NDArray[np.int32]:
    found = read_document(document, size)
    if found is None or found.mask is None:
        return np.zeros(size, np.int32)
    return found.mask
