"""What is done to many images at once: deleted, said to be without the thing, or their answers made examples.

Each image is done or refused by itself. Marks that a person has drawn are never replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cuecast.core.errors import CuecastError
from cuecast.cues import mask_document
from cuecast.results.gather import read_result
from cuecast.service import schemas
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem, problem_of
from cuecast.service.results import ids_of_result, result_file
from cuecast.service.store import images, marks, models, predictions, projects


def act(parts: Parts, project: str, wanted: schemas.ManyImages) -> schemas.ManyDone:
    """Do it to each image, in the order in which they are named. Raises Problem with 404 without the project."""
    with parts.database.reading() as session:
        projects.find(session, project)
    asked, refused = list(dict.fromkeys(wanted.images)), []
    do = ACTIONS[wanted.action]
    gone: dict[str, str] = {}
    for image in asked:
        try:
            gone |= do(parts, project, image)
        except (CuecastError, OSError) as error:
            problem = problem_of(error, parts.settings.data)
            refused.append(schemas.NotDone(image=image, code=problem.code, message=str(problem)))
    if gone:
        parts.files.forget_images(gone)
    with parts.database.reading() as session:
        kept = {refusal.image for refusal in refused}
        left = images.sent(session, [i for i in asked if i not in gone and i not in kept])
    return schemas.ManyDone(done=len(asked) - len(refused), images=left, refused=refused)


def _delete(parts: Parts, project: str, image: str) -> Mapping[str, str]:
    """Id -> path of what is gone."""
    with parts.database.writing() as session:
        return {image: images.delete(session, project, image).path}


def _call_absent(parts: Parts, project: str, image: str) -> Mapping[str, str]:
    with parts.database.reading() as session:
        version = _version(session, project, image, ("mask", "sparse"))
    marks.save(parts.database, project, image, schemas.Marks(version=version, absent=True))
    return {}


def _accept(parts: Parts, project: str, image: str) -> Mapping[str, str]:
    with parts.database.reading() as session:
        found = predictions.get_prediction(session, project, image)[1]
        version = _version(session, project, image, ("mask", "absent"))
        empty = found.error is None and not any(found.areas.values())
    document: dict[str, Any] = {"absent": True}
    if not empty:
        path = result_file(parts.database, parts.files, project, image, "masks")
        ids = ids_of_result(parts.database, parts.files, project, image)
        document = {"mask": mask_document(read_result(path), ids)}
    wanted = schemas.Marks.model_validate({**document, "version": version})
    marks.save(parts.database, project, image, wanted)
    return {}


def _version(session: Any, project: str, image: str, kept: tuple[str, ...]) -> int:
    """The version of an image's marks. Raises Problem: 404; 409 where they are of a kind that is `kept`."""
    row = images.find(session, project, image)
    present = session.get(models.MarksRow, image)
    if present is not None and present.kind in kept:
        said = (
            f"{row.name} is marked already, and its marks stay: change them in the picture, or take them away"
        )
        raise Problem("already_marked", 409, said)
    return present.version if present else 0


ACTIONS: Mapping[str, Callable[[Parts, str, str], Mapping[str, str]]] = {
    "delete": _delete,
    "absent": _call_absent,
    "accept": _accept,
}
"""What may be asked for -> what does it to one image; returns what is gone."""
