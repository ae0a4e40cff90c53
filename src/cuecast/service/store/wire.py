"""Rows -> the models of the wire, and parts of lists.

A cursor holds the sort values of the last item, so that what is added meanwhile shifts nothing:
SELECT ... WHERE (a, b) > (:a, :b) ORDER BY a, b LIMIT :limit
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Row, Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from cuecast.service import schemas
from cuecast.service.problem import Problem
from cuecast.service.store import models

Sent = TypeVar("Sent", bound=BaseModel)


def job_of(row: models.JobRow) -> schemas.Job:
    """A job as it is sent."""
    return _sent(schemas.Job, row, project=row.project_id)


def prediction_of(row: models.PredictionRow) -> schemas.Prediction:
    """A prediction as it is sent."""
    return _sent(schemas.Prediction, row)


def image_of(
    row: models.ImageRow,
    marks: tuple[str | None, int, bool] | None,
    prediction: models.PredictionRow | None,
    agreement: models.AgreementRow | None = None,
) -> schemas.Image:
    """An image as it is sent. `marks`: (kind, version, teaches) of its row of marks, where it has one."""
    kind, version, teaches = marks or (None, 0, True)
    found = prediction and prediction_of(prediction)
    return _sent(
        schemas.Image,
        row,
        index=row.frame,
        marks=kind if teaches else None,
        checked=kind in ("mask", "absent"),
        marks_version=version,
        prediction=found,
        people=sorted(agreement.votes["people"]) if agreement else [],
        agreement=agreement and agreement.value,
    )


def source_of(row: models.SourceRow) -> schemas.Source:
    """A video or volume as it is sent."""
    return _sent(schemas.Source, row)


def project_of(
    row: models.ProjectRow,
    counts: tuple[int, int, int],
    job: models.JobRow | None,
    source: models.SourceRow | None = None,
) -> schemas.Project:
    """A project as it is sent. `counts`: of its images, of those that teach, and of those that are checked."""
    of = {"source": source and source_of(source), "job": job and job_of(job)}
    images, cues, checked = counts
    return _sent(schemas.Project, row, images=images, cues=cues, checked=checked, **of)


def _sent(model: type[Sent], row: Any, **more: Any) -> Sent:
    """A model from the columns of a row that are called as its fields, and what it has besides."""
    columns = {name: getattr(row, name) for name in model.model_fields if name not in more}
    return model.model_validate({**columns, **more})


def read_page(
    session: Session, query: Select[*tuple[Any, ...]], order: Sequence[Any], limit: int, cursor: str | None
) -> tuple[list[Row[Any]], str | None, int]:
    """(rows, cursor of the next part, number of all rows) of a query in ascending `order`, which must be unique.

    Rows carry the values of `order` behind their own columns. Raises Problem with 422 for a cursor that is none.
    """
    total = session.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one()
    page = query.add_columns(*order).order_by(*order).limit(limit + 1)
    if cursor is not None:
        after = _decode(cursor, [column.type.python_type for column in order])
        page = page.where(tuple_(*order) > tuple_(*(literal(v) for v in after)))
    rows = list(session.execute(page))
    if len(rows) <= limit:
        return rows, None, total
    last = list(rows[limit - 1])[-len(order) :]
    return rows[:limit], _encode(last), total


def part_of(
    ordered: Sequence[tuple[Any, ...]], kinds: Sequence[type], limit: int, cursor: str | None
) -> tuple[Sequence[tuple[Any, ...]], str | None]:
    """(items, cursor of the next part) of a list that was put in order here: as `read_page`, for what no column holds.

    ordered  ascending, no two alike; each item is what it is sorted by, values of these `kinds`.
    """
    start = 0
    if cursor is not None:
        start = bisect_right(ordered, tuple(_decode(cursor, kinds)))
    part = ordered[start : start + limit]
    return part, _encode(part[-1]) if start + limit < len(ordered) else None


def _encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def _decode(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The values in a cursor, of the types that the list is sorted by: anything else would be an error of the
    database."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError("it is for another order")
        return [_checked(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, TypeError, RecursionError) as error:
        raise Problem(
            "invalid_cursor",
            422,
            "the cursor is none of this list: give `next` of the part before, with the same order and filters",
        ) from error


def _checked(value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int | float):
        value = float(value)
    if type(value) is not kind:
        raise ValueError("a value has another type")
    if isinstance(value, str) and "\0" in value.encode().decode():
        raise ValueError("a text holds what no text in a database does")
    if isinstance(value, int | float) and not -(2**31) <= value < 2**31:
        raise ValueError("a number is out of range")
    return value
