"""What single people have marked on each image, beside what the image's own marks are; how they agree.

An image's own marks teach; those of a person never do. They are the same documents with versions of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.core.consensus import Marked, Staple, Votes, mean_iou
from cuecast.core.geometry import mark_labels
from cuecast.core.objects import connected_instances
from cuecast.core.values import IGNORE
from cuecast.cues import document_classes, read_document
from cuecast.service import schemas
from cuecast.service.store import images, marks, models, projects
from cuecast.service.store.database import Database

TRIES = 5
"""How often agreement is looked at anew where somebody marks meanwhile."""


def get(session: Session, project: str, image: str, person: str) -> schemas.Marks:
    """The marks of a person; version 0 and nothing where there are none. Raises Problem with 404."""
    images.find(session, project, image)
    return marks.sent(session.get(models.PersonMarksRow, (image, person)))


def save(database: Database, project: str, image: str, person: str, wanted: schemas.Marks) -> schemas.Marks:
    """Save the marks of a person; an empty document takes them away. Returns them with their new version.

    Raises Problem: 404, and 409 as `marks.save`; InputError where they do not fit the image or the project's classes.
    """
    document = wanted.document()
    with database.reading() as session:
        row = images.find(session, project, image)
        classes = projects.class_infos(projects.find(session, project).classes)
    kind = marks.check(document, (row.height, row.width), classes, row.name)
    with database.writing() as session:
        saved = put(session, project, image, person, wanted.version, document, kind)
    refresh(database, project, image)
    return saved


def put(
    session: Session,
    project: str,
    image: str,
    person: str,
    version: int,
    document: dict[str, Any],
    kind: str | None,
) -> schemas.Marks:
    """Save a document that `marks.check` has found to be of this kind; `refresh` comes after it. Raises Problem."""
    owner = projects.find(session, project, lock=True)
    found = images.find(session, project, image)
    present = session.get(models.PersonMarksRow, (image, person))
    marks.require_version(found, present, version)
    marks.require_classes(document_classes(document), owner)
    if present is None:
        present = models.PersonMarksRow(image_id=image, person=person, version=0, kind=None)
        session.add(present)
    present.version += 1
    present.kind, present.document, present.updated = kind, document if kind else {}, models.now()
    session.flush()
    return marks.sent(present)


def delete(database: Database, project: str, image: str, person: str) -> schemas.Marks:
    """Take away what a person has marked, whatever its version. Raises Problem with 404."""
    with database.writing() as session:
        version = get(session, project, image, person).version
        taken = put(session, project, image, person, version, {}, None) if version else schemas.Marks()
    refresh(database, project, image)
    return taken


def marked(session: Session, project: str, image: str) -> dict[str, Marked]:
    """Person -> labels and ids of objects, of those who have marked all of an image, by name. Raises Problem, 404."""
    return _read(images.find(session, project, image), _whole(session, image))


def _read(row: models.ImageRow, whole: Mapping[str, tuple[int, dict[str, Any]]]) -> dict[str, Marked]:
    """Person -> labels and ids of objects, of versions and documents."""
    found = {}
    for person, (_, document) in whole.items():
        read = read_document(document, (row.height, row.width))
        if read is not None:
            labels = mark_labels(read)
            found[person] = Marked(
                labels, connected_instances(labels) if read.objects is None else read.objects
            )
    return found


def _whole(session: Session, image: str) -> dict[str, tuple[int, dict[str, Any]]]:
    """Person -> version and document, of those who have marked all of an image."""
    row = models.PersonMarksRow
    query = select(row).where(row.image_id == image, row.kind.in_(models.WHOLE)).order_by(row.person)
    return {each.person: (each.version, each.document) for each in session.scalars(query)}


def refresh(database: Database, project: str, image: str) -> None:
    """Note how people agree on an image, after the marks of one have changed. Blocking."""
    for _ in range(TRIES):
        with database.reading() as session:
            whole = _whole(session, image)
            people = _read(images.find(session, project, image), whole)
        versions = {person: version for person, (version, _) in whole.items()}
        votes = Votes.of([m.labels for m in people.values()]) if people else None
        with database.writing() as session:
            if {person: version for person, (version, _) in _whole(session, image).items()} != versions:
                continue
            row = session.get(models.AgreementRow, image)
            if votes is None:
                if row is not None:
                    session.delete(row)
                return
            if row is None:
                row = models.AgreementRow(image_id=image)
                session.add(row)
            row.value = votes.agreement
            row.votes = {"people": versions, "said": votes.said.tolist(), "count": votes.count.tolist()}
            return


def votes(session: Session, project: str) -> tuple[list[str], dict[str, Votes]]:
    """(The people of a project by name, image -> how they voted, in that order), where two at least have."""
    return _votes(_agreements(session, project))


def _votes(rows: Sequence[models.AgreementRow]) -> tuple[list[str], dict[str, Votes]]:
    names = sorted({person for row in rows for person in row.votes["people"]})
    found = {}
    for row in rows:
        columns = {person: n for n, person in enumerate(sorted(row.votes["people"]))}
        if len(columns) < 2:
            continue
        said = np.array(row.votes["said"], np.int32)
        nothing = np.full(len(said), IGNORE, np.int32)
        full = np.column_stack([said[:, columns[n]] if n in columns else nothing for n in names])
        found[row.image_id] = Votes(full, np.array(row.votes["count"], np.int64), np.zeros((0, 0), np.int64))
    return names, found


def _agreements(session: Session, project: str) -> list[models.AgreementRow]:
    """Those of the images of a project, in natural order."""
    image, row = models.ImageRow, models.AgreementRow
    query = select(row).join(image, image.id == row.image_id).where(image.project_id == project)
    return list(session.scalars(query.order_by(image.order_key, image.id)))


def summary(session: Session, project: str, you: str | None) -> schemas.People:
    """Who has marked images of a project, and how they agree. `you`: as whom who asks marks. Raises Problem, 404."""
    projects.find(session, project)
    rows = _agreements(session, project)
    names, voted = _votes(rows)
    counts = Counter(person for row in rows for person in row.votes["people"])
    pairs: dict[tuple[int, int], list[float]] = {}
    for each in voted.values():
        there = np.flatnonzero((each.said != IGNORE).any(0)).tolist()
        for at, one in enumerate(there):
            for other in there[at + 1 :]:
                pairs.setdefault((one, other), []).append(mean_iou(each.overlaps(one, other)))
    reliable = Staple.fit(voted.values()) if voted else None
    people = []
    for n, name in enumerate(names):
        values = [v for pair, found in pairs.items() if n in pair for v in found]
        people.append(
            schemas.Person(
                name=name,
                images=counts[name],
                agreement=float(np.mean(values)) if values else None,
                sensitivity=_rates(reliable.sensitivity(n)) if reliable and values else {},
                specificity=_rates(reliable.specificity(n)) if reliable and values else {},
            )
        )
    return schemas.People(
        people=people,
        pairs=[
            schemas.PairOfPeople(
                person=names[a], other=names[b], images=len(found), agreement=float(np.mean(found))
            )
            for (a, b), found in pairs.items()
        ],
        images=len(voted),
        agreement=float(np.mean([v.agreement or 0.0 for v in voted.values()])) if voted else None,
        you=you,
    )


def _rates(found: Mapping[int, float]) -> dict[str, float]:
    return {str(cls): rate for cls, rate in found.items() if cls}
