"""Rows -> the models of the wire."""

from __future__ import annotations

from cuecast.service import schemas
from cuecast.service.store import models


def job_of(row: models.Job) -> schemas.Job:
    """A job as it is sent."""
    return schemas.Job.model_validate(
        {
            "id": row.id,
            "project": row.project_id,
            "kind": row.kind,
            "state": row.state,
            "done": row.done,
            "total": row.total,
            "error": row.error,
            "result": row.result,
            "created": row.created,
            "started": row.started,
            "finished": row.finished,
        }
    )


def prediction_of(row: models.Prediction) -> schemas.Prediction:
    """A prediction as it is sent."""
    names = schemas.Prediction.model_fields
    return schemas.Prediction.model_validate({name: getattr(row, name) for name in names})


def image_of(
    row: models.Image, marks: tuple[str | None, int] | None, prediction: models.Prediction | None
) -> schemas.Image:
    """An image as it is sent. `marks`: (kind, version) of its row of marks, where it has one."""
    kind, version = marks or (None, 0)
    return schemas.Image.model_validate(
        {
            **{name: getattr(row, name) for name in ("id", "name", "width", "height", "bytes", "digest")},
            "index": row.frame,
            "seconds": row.seconds,
            "marks": kind,
            "marks_version": version,
            "prediction": None if prediction is None else prediction_of(prediction),
        }
    )


def source_of(row: models.Source) -> schemas.Source:
    """A video or volume as it is sent."""
    names = schemas.Source.model_fields
    return schemas.Source.model_validate({name: getattr(row, name) for name in names})


def project_of(
    row: models.Project, images: int, cues: int, job: models.Job | None, source: models.Source | None = None
) -> schemas.Project:
    """A project as it is sent."""
    names = ("id", "name", "kind", "scale", "classes", "created", "updated")
    return schemas.Project.model_validate(
        {
            **{name: getattr(row, name) for name in names},
            "source": None if source is None else source_of(source),
            "images": images,
            "cues": cues,
            "job": None if job is None else job_of(job),
        }
    )
