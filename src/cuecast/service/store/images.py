"""The images of a project, with their marks and predictions in short.

Names are safe as file names, unique in a project by stem, and sorted as people count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, case, false, func, literal, not_, or_, select
from sqlalchemy.orm import Session

from cuecast.service import schemas
from cuecast.service.problem import Problem, not_found
from cuecast.service.store import models, projects
from cuecast.service.store.wire import image_of, part_of, read_page

Order = Literal["name", "doubtful", "suggested", "count", "area", "confidence", "like", "agreement"]
NUMBERS = ("count", "area", "confidence", "like", "agreement")
"""Orders by a number that an image has or has not; see `page`."""
Found = Literal["found", "doubtful", "absent", "failed", "unrun"]
"""Filter by verdict; 'failed': the run could not read it, 'unrun': no run has looked at it."""
_LAST = 2**31 - 1


@dataclass(frozen=True)
class NewImage:
    """A file that is to become an image. `path` as in `models.Image`; `size` is (height, width)."""

    id: str
    name: str
    path: str
    suffix: str
    size: tuple[int, int]
    bytes: int
    digest: str


def add(session: Session, project: models.ProjectRow, new: NewImage) -> models.ImageRow:
    """Add an image under a free name. `project` must be locked, and hold no image of this content."""
    name, stem = _free(session, project.id, plain_name(new.name, new.suffix))
    row = models.ImageRow(
        id=new.id,
        project_id=project.id,
        name=name,
        stem=stem,
        stem_key=stem_key(stem),
        order_key=order_key(name),
        path=new.path,
        height=new.size[0],
        width=new.size[1],
        bytes=new.bytes,
        digest=new.digest,
    )
    session.add(row)
    project.updated = models.now()
    session.flush()
    return row


def find(session: Session, project: str, image: str) -> models.ImageRow:
    """The row of an image. Raises Problem with 404 where the project has no such image."""
    row = session.get(models.ImageRow, image)
    if row is None or row.project_id != project:
        raise not_found("image", image)
    return row


def with_content(session: Session, project: str, digest: str) -> models.ImageRow | None:
    """The image of a project with this content, where there is one."""
    image = models.ImageRow
    return session.scalar(select(image).where(image.project_id == project, image.digest == digest))


def get(session: Session, project: str, image: str) -> schemas.Image:
    """One image as it is sent. Raises Problem with 404."""
    find(session, project, image)
    return sent(session, [image])[0]


def sent(session: Session, ids: Collection[str]) -> list[schemas.Image]:
    """Images as they are sent, in natural order."""
    image = models.ImageRow
    query = _joined().where(image.id.in_(ids)).order_by(image.order_key, image.id)
    return [_wire(row) for row in session.execute(query)]


def page(
    session: Session,
    project: str,
    limit: int,
    cursor: str | None,
    *,
    order: Order = "name",
    verdict: Found | None = None,
    containing: str | None = None,
    reverse: bool = False,
    unlike: Mapping[str, float] | None = None,
    checked: bool | None = None,
) -> schemas.Page[schemas.Image]:
    """A part of the images of a project. Raises Problem: 404; 422 for `reverse` of an order that is by no number.

    order       'name'; 'doubtful': most doubtful first, then absent, found, failed and not run yet; 'suggested': as
                the newest suggestion names them, then the others; 'count' and 'area': most objects and pixels first;
                'confidence': least sure first; 'like': by `unlike`, image id -> number, the lowest first;
                'agreement': that first on which people agree least. Images without such a number come last.
    containing  only names with this in them, whatever the case.
    reverse     the other way round: of the orders by a number.
    checked     only images whose mask a person has drawn or called right, or only the others.
    """
    projects.find(session, project)
    image = models.ImageRow
    query = _joined().where(image.project_id == project)
    if verdict is not None:
        query = query.where(_is(verdict))
    if containing:
        query = query.where(image.name.icontains(containing, autoescape=True))
    if checked is not None:
        known = func.coalesce(models.CHECKED, false())
        query = query.where(known if checked else not_(known))
    if order in NUMBERS:
        return _page_by_number(session, query, _Number(order, reverse, unlike or {}), limit, cursor)
    if reverse:
        said = f"{order!r} has one direction: leave `reverse` out, or sort by one of {', '.join(NUMBERS)}"
        raise Problem("invalid_request", 422, said)
    keys = [*_first(session, project, order), image.order_key, image.id]
    rows, following, total = read_page(session, query, keys, limit, cursor)
    return schemas.Page[schemas.Image](items=[_wire(row) for row in rows], next=following, total=total)


@dataclass(frozen=True)
class _Number:
    """What an order by a number sorts by."""

    order: Order
    reverse: bool
    unlike: Mapping[str, float]

    def key(
        self, image: str, counts: Any, areas: Any, confidence: float | None, agreement: float | None
    ) -> tuple[bool, float]:
        """(whether there is none, the number: the lowest first)."""
        number: float | None
        if self.order == "like":
            number = self.unlike.get(image)
        elif self.order == "agreement":
            number = agreement
        elif confidence is None:
            number = None
        elif self.order == "confidence":
            number = confidence
        else:
            number = -float(sum((counts if self.order == "count" else areas).values()))
        if number is None:
            return True, 0.0
        return False, float(-number if self.reverse else number)


def _page_by_number(
    session: Session, query: Select[*tuple[Any, ...]], number: _Number, limit: int, cursor: str | None
) -> schemas.Page[schemas.Image]:
    """As `page`: counts of objects are JSON in the database, and likeness is nowhere in it, so it is sorted here."""
    image, prediction = models.ImageRow, models.PredictionRow
    columns = (image.id, image.order_key, prediction.counts, prediction.areas, prediction.confidence)
    rows = session.execute(query.with_only_columns(*columns, models.AgreementRow.value))
    ordered = sorted((*number.key(r[0], *r[2:]), r.order_key, r.id) for r in rows)
    part, following = part_of(ordered, (bool, float, str, str), limit, cursor)
    places = {key[-1]: place for place, key in enumerate(part)}
    items = sorted(sent(session, list(places)), key=lambda shown: places[shown.id])
    return schemas.Page[schemas.Image](items=items, next=following, total=len(ordered))


def delete(session: Session, project: str, image: str) -> models.ImageRow:
    """Remove an image with its marks and prediction; its files are removed after the transaction.

    Returns the row as it was. Raises Problem: 404; 409 for a frame or slice, which goes with its project alone.
    """
    owner = projects.find(session, project, lock=True)
    row = find(session, project, image)
    if row.frame is not None:
        raise Problem(
            "part_of_source",
            409,
            f"{row.name} is a part of the project's {owner.kind} and cannot go alone: take its marks away, or delete "
            "the project",
        )
    marks = session.get(models.MarksRow, image)
    if marks is not None and marks.kind is not None and marks.teaches:
        projects.outdate(session, project)
    session.delete(row)
    owner.updated = models.now()
    return row


def _joined() -> Select[*tuple[Any, ...]]:
    image, marks, prediction = models.ImageRow, models.MarksRow, models.PredictionRow
    agreement = models.AgreementRow
    query = select(image, marks.kind, marks.version, marks.teaches, prediction, agreement)
    query = query.outerjoin(marks, marks.image_id == image.id)
    query = query.outerjoin(agreement, agreement.image_id == image.id)
    return query.outerjoin(prediction, prediction.image_id == image.id)


def _wire(row: Sequence[Any]) -> schemas.Image:
    image, kind, version, teaches, prediction, agreement = row[:6]
    return image_of(image, None if version is None else (kind, version, teaches), prediction, agreement)


def _is(verdict: Found) -> ColumnElement[bool]:
    prediction = models.PredictionRow
    if verdict == "unrun":
        return prediction.image_id.is_(None)
    if verdict == "failed":
        return prediction.error.is_not(None)
    return prediction.verdict == verdict


def _first(session: Session, project: str, order: Order) -> list[ColumnElement[Any]]:
    """What an order sorts by before the name."""
    prediction = models.PredictionRow
    if order == "doubtful":
        rank = case(
            (prediction.verdict == "doubtful", 0),
            (prediction.verdict == "absent", 1),
            (prediction.verdict == "found", 2),
            (prediction.image_id.is_not(None), 3),
            else_=4,
        )
        return [rank, func.coalesce(prediction.confidence, literal(0.0))]
    if order == "suggested":
        places = {image: place for place, image in enumerate(_suggested(session, project))}
        if places:
            return [case(places, value=models.ImageRow.id, else_=_LAST)]
    return []


def _suggested(session: Session, project: str) -> list[str]:
    """Ids of the images that the newest suggestion of a project names, best first."""
    job = models.JobRow
    query = (
        select(job.result)
        .where(job.project_id == project, job.kind == "suggest", job.state == "done")
        .order_by(job.finished.desc())
    )
    result = session.scalar(query.limit(1))
    return [str(image) for image in (result or {}).get("images", ())]


def _free(session: Session, project: str, name: str) -> tuple[str, str]:
    """(name, stem) that no other image of the project has."""
    key = stem_key(name.rpartition(".")[0] or name)
    image = models.ImageRow
    alike = or_(image.stem_key == key, image.stem_key.startswith(f"{key}-", autoescape=True))
    taken = set(session.scalars(select(image.stem_key).where(image.project_id == project, alike)))
    return free_name(name, taken)


LONGEST_STEM = 120
"""Characters of a stem; results add a suffix to it, and file systems end at 255 bytes."""
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')


def plain_name(name: str, suffix: str) -> str:
    """The last part of a name that was sent, as every file system takes it. `suffix` is given to one without any."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    last = last.encode("utf-8", errors="replace").decode()
    path = PurePosixPath(_FORBIDDEN.sub("_", last).strip(". ") or "image")
    end = path.suffix if 1 < len(path.suffix) <= 10 else ""
    stem = path.name.removesuffix(end).strip(". ")[:LONGEST_STEM]
    while len(stem.encode()) > 200:
        stem = stem[:-1]
    return f"{stem or 'image'}{end or suffix}"


def stem_key(stem: str) -> str:
    """Equal for stems that some file systems take for the same."""
    return unicodedata.normalize("NFC", stem.casefold())


def free_name(name: str, taken: Collection[str]) -> tuple[str, str]:
    """(name, stem) with -2, -3, ... where the key of the stem is among `taken`: a.jpg, a-2.jpg."""
    path = PurePosixPath(name)
    stem, number = path.stem, 1
    while stem_key(stem) in taken:
        number += 1
        stem = f"{path.stem}-{number}"
    return f"{stem}{path.suffix}", stem


def order_key(name: str) -> str:
    """Sorts in natural order, byte by byte: img9 before img10. Numbers are preceded by their length."""

    def number(found: re.Match[str]) -> str:
        digits = found[0].lstrip("0") or "0"
        return f"{len(digits):03d}{digits}"

    return re.sub(r"[0-9]+", number, name.casefold())
