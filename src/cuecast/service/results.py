"""Files of the results of one image, found for a request."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from cuecast.io.labels.masks import write_mask
from cuecast.results.gather import Results
from cuecast.service.compute.scans import labels_file, slice_labels
from cuecast.service.files import DataFolder
from cuecast.service.problem import Problem
from cuecast.service.store import predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.models import Image


def result_file(database: Database, files: DataFolder, project: str, image: str, folder: str) -> Path:
    """The file of an image in a folder of the results. Raises Problem with 404."""
    with database.reading() as session:
        row, found = predictions.get_prediction(session, project, image)
        path = place_of_result(session, files, row, folder)
    if found.error is not None or path is None or not path.is_file():
        raise Problem(
            "no_result", 404, f"{row.name} has no such result: {found.error or 'run the project again'}"
        )
    return path


def place_of_result(session: Session, files: DataFolder, image: Image, folder: str) -> Path | None:
    """Where the result of an image lies, whether or not it is there; None where there is none.

    The mask of a slice is taken out of the labels of its volume, and kept in the cache.
    """
    results, owner = files.results(image.project_id), projects.find(session, image.project_id)
    if owner.kind != "volume" or image.frame is None:
        return Results(results, ()).file(folder, image.stem)
    labels = labels_file(results) if folder == "masks" else None
    if labels is None:
        return None
    stat = labels.stat()
    path = files.cache / f"{image.id}-mask-{stat.st_mtime_ns:x}-{stat.st_size:x}.png"
    if not path.is_file():
        write_mask(path, slice_labels(labels, image.frame), projects.class_infos(owner.classes))
    return path
