"""Files of the results of one image, found for a request."""

from __future__ import annotations

from pathlib import Path

from cuecast.io.gather import Results
from cuecast.service.files import DataFolder
from cuecast.service.problem import Problem
from cuecast.service.store import predictions
from cuecast.service.store.database import Database


def result_file(database: Database, files: DataFolder, project: str, image: str, folder: str) -> Path:
    """The file of an image in a folder of the results. Raises Problem with 404."""
    with database.reading() as session:
        row, found = predictions.get_prediction(session, project, image)
    path = Results(files.results(project), ()).file(folder, row.stem)
    if found.error is not None or not path.is_file():
        raise Problem(
            "no_result", 404, f"{row.name} has no such result: {found.error or 'run the project again'}"
        )
    return path
