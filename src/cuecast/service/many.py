"""What is done to many images at once: deleted, said to be without the thing, their answers made examples, filled in
between their neighbours, or given the truth that several people agree on.

Each image is done or refused by itself. Marks that a person has drawn are never replaced unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cuecast.core.consensus import Labels, Votes, deciding, told_apart
from cuecast.core.errors import CuecastError
from cuecast.cues import mask_document
from cuecast.results.gather import read_result
from cuecast.service import schemas
from cuecast.service.between import marks_between
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem, problem_of
from cuecast.service.results import ids_of_result, result_file
from cuecast.service.store import images, marks, models, people, predictions, projects


@dataclass
class _Asked:
    """What is asked for, with what all images of it share. `unmarked`: those that had no marks."""

    parts: Parts
    project: str
    wanted: schemas.ManyImages
    unmarked: Collection[str]

    @cached_property
    def people(self) -> list[str]:
        """All who have marked images of the project."""
        return self._voted[0]

    @cached_property
    def decide(self) -> Callable[[Labels], Labels]:
        """What makes a truth of votes."""
        return deciding(self.wanted.way, self._voted[1].values())

    @cached_property
    def _voted(self) -> tuple[list[str], dict[str, Votes]]:
        with self.parts.database.reading() as session:
            return people.votes(session, self.project)


def act(parts: Parts, project: str, wanted: schemas.ManyImages) -> schemas.ManyDone:
    """Do it to each image, in the order in which they are named. Raises Problem with 404 without the project."""
    with parts.database.reading() as session:
        projects.find(session, project)
        asked = list(dict.fromkeys(wanted.images))
        unmarked = frozenset(
            shown.id for shown in images.sent(session, asked) if not (shown.marks or shown.checked)
        )
    context = _Asked(parts, project, wanted, unmarked)
    refused: list[schemas.NotDone] = []
    do = ACTIONS[wanted.action]
    gone: dict[str, str] = {}
    for image in asked:
        try:
            gone |= do(parts, project, image, context)
        except (CuecastError, OSError) as error:
            problem = problem_of(error, parts.settings.data)
            refused.append(schemas.NotDone(image=image, code=problem.code, message=str(problem)))
    if gone:
        parts.files.forget_images(gone)
    with parts.database.reading() as session:
        kept = {refusal.image for refusal in refused}
        left = images.sent(session, [i for i in asked if i not in gone and i not in kept])
    return schemas.ManyDone(done=len(asked) - len(refused), images=left, refused=refused)


def _delete(parts: Parts, project: str, image: str, asked: _Asked) -> Mapping[str, str]:  # noqa: ARG001
    """Id -> path of what is gone."""
    with parts.database.writing() as session:
        return {image: images.delete(session, project, image).path}


def _call_absent(parts: Parts, project: str, image: str, asked: _Asked) -> Mapping[str, str]:  # noqa: ARG001
    with parts.database.reading() as session:
        version = _version(session, project, image, ("mask", "sparse"))
    marks.save(parts.database, project, image, schemas.Marks(version=version, absent=True), parts.key)
    return {}


def _accept(parts: Parts, project: str, image: str, asked: _Asked) -> Mapping[str, str]:  # noqa: ARG001
    with parts.database.reading() as session:
        images.find(session, project, image)
        present = session.get(models.MarksRow, image)
        # A mask that was called right is known: it becomes a cue as it is.
        known = present is not None and present.kind is not None and not present.teaches
        version = _version(session, project, image, () if known else ("mask", "absent"))
        document: dict[str, Any] = {"absent": True}
        if present is not None and known:
            document, empty = dict(present.document), True
        else:
            found = predictions.get_prediction(session, project, image)[1]
            empty = found.error is None and not any(found.areas.values())
    if not empty:
        path = result_file(parts.database, parts.files, project, image, "masks")
        ids = ids_of_result(parts.database, parts.files, project, image)
        document = {"mask": mask_document(read_result(path), ids)}
    wanted = schemas.Marks.model_validate({**document, "version": version})
    marks.save(parts.database, project, image, wanted, parts.key)
    return {}


def _fill_between(parts: Parts, project: str, image: str, asked: _Asked) -> Mapping[str, str]:
    """From neighbours that are not filled in themselves: what is made up would be made up of what is made up."""
    with parts.database.reading() as session:
        _version(session, project, image, ("mask", "absent", "sparse"))
    filled = marks_between(parts.database, project, image, asked.unmarked)
    marks.save(parts.database, project, image, filled, parts.key)
    return {}


def _agree(parts: Parts, project: str, image: str, asked: _Asked) -> Mapping[str, str]:
    with parts.database.reading() as session:
        found = people.marked(session, project, image)
        name = images.find(session, project, image).name
        kept = () if asked.wanted.replace else ("mask", "absent", "sparse")
        version = _version(session, project, image, kept)
    if len(found) < 2:
        said = (
            f"{name} was marked wholly by {' and '.join(found) or 'nobody'}, and a consensus takes two people"
        )
        raise Problem("no_consensus", 409, said)
    votes = Votes.of([found[who].labels if who in found else None for who in asked.people])
    truth = votes.drawn(asked.decide)
    if truth.any() and truth.max() <= 0:
        said = f"people agree on no place of {name} where the thing is, nor that it is not there: look at it together"
        raise Problem("no_consensus", 409, said)
    document: dict[str, Any] = {"absent": True}
    if truth.any():
        document = {"mask": mask_document(truth, told_apart(truth, list(found.values())))}
    agreed = schemas.Marks.model_validate({**document, "version": version})
    marks.save(parts.database, project, image, agreed, parts.key)
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


ACTIONS: Mapping[str, Callable[[Parts, str, str, _Asked], Mapping[str, str]]] = {
    "delete": _delete,
    "absent": _call_absent,
    "accept": _accept,
    "between": _fill_between,
    "consensus": _agree,
}
"""What may be asked for -> what does it to one image, told all that was asked; returns what is gone."""
