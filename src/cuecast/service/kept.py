"""Results of a run that are kept beside the newer ones, and what is different between two.

    DATA/projects/<id>/kept/<kept id>/kept.json   name, time, and which images taught
                                      manifest.jsonl, masks/, objects/   as the run left them

Masks are links: a run never changes a file of results, it puts another one in its place.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.core.errors import MaskError, OutputError
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE
from cuecast.cues import read_document
from cuecast.io.files import MANIFEST
from cuecast.results.gather import Results, read_result
from cuecast.results.manifest import ManifestEntry, read_manifest
from cuecast.service import schemas
from cuecast.service.exports import link_file
from cuecast.service.files import DataFolder
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem, not_found
from cuecast.service.results import count_objects, is_of
from cuecast.service.schemas_jobs import Compared, KeptRun, Side, Truth
from cuecast.service.store import models, projects
from cuecast.service.store.models import ImageRow, MarksRow

MOST = 20
"""Runs that a project may keep."""
NOTE = "kept.json"
Labels = NDArray[np.int32]


def keep(parts: Parts, project: str, name: str) -> KeptRun:
    """Keep the present results of a project of images.

    Raises Problem: 404; 422 for another kind; 409 `no_prediction` without results, `too_many_kept`.
    """
    with parts.database.reading() as session:
        owner = projects.find(session, project)
        if owner.kind != "images":
            said = f"{owner.name!r} is of the kind {owner.kind!r}: runs are kept and compared in projects of images"
            raise Problem("not_of_this_kind", 422, said)
        taught = _taught(session, project)
    folder, source = parts.files.kept(project), parts.files.results(project)
    if not (source / MANIFEST).is_file():
        raise Problem("no_prediction", 409, "this project has no results yet: run it, then keep them")
    if len(listed(parts.files, project)) >= MOST:
        said = f"a project keeps {MOST} runs at most: delete one that is not needed any more"
        raise Problem("too_many_kept", 409, said)
    made = KeptRun(
        id=models.new_id(), name=name, created=models.now(), cues=len(taught), images=0, verdicts={}
    )
    rising = folder / f".{made.id}"
    try:
        kept = list(_link(Results(source, ()), rising))
        verdicts = Counter(entry.verdict or "failed" for entry in kept)
        made = made.model_copy(update={"images": len(kept), "verdicts": dict(verdicts)})
        document = {**made.model_dump(mode="json"), "taught": sorted(taught)}
        (rising / NOTE).write_text(json.dumps(document), "utf-8")
        os.replace(rising, folder / made.id)
    except OSError as error:
        shutil.rmtree(rising, ignore_errors=True)
        raise OutputError(f"the run cannot be kept ({error.strerror})", name, "free space there") from error
    return made


def _link(results: Results, target: Path) -> Iterable[ManifestEntry]:
    """Put the results into another folder; yields the lines of those that are there wholly."""
    target.mkdir(mode=0o700, parents=True)
    shutil.copyfile(results.manifest, target / MANIFEST)
    copy = Results(target, ())
    for entry in read_manifest(copy.manifest):
        for folder in ("masks", *(("objects",) if entry.objects_hash else ())):
            with suppress(FileNotFoundError):  # a run may be writing
                link_file(results.file(folder, entry.name), copy.file(folder, entry.name))
        yield entry


def listed(files: DataFolder, project: str) -> list[KeptRun]:
    """The runs that a project has kept, the newest first."""
    notes = [path for path in files.kept(project).glob(f"*/{NOTE}") if not path.parent.name.startswith(".")]
    found = [KeptRun.model_validate(_read(path)) for path in notes]
    return sorted(found, key=lambda run: (run.created, run.id), reverse=True)


def forget(parts: Parts, project: str, kept: str) -> None:
    """Delete a kept run. Raises Problem with 404."""
    shutil.rmtree(_place(parts, project, kept), ignore_errors=True)


def compare(
    parts: Parts, project: str, kept: str, other: str | None, limit: int, cursor: str | None
) -> schemas.Page[Compared]:
    """A part of the images with what a kept run says of each, and another kept one, or the present one where that is
    None; a cursor is the number before.

    What is true is known of images that are marked wholly or were called right; they count where neither run had
    learnt from them. Raises Problem with 404, 422.
    """
    place = _place(parts, project, kept)
    start = int(cursor) if cursor and cursor.isascii() and cursor.isdigit() and len(cursor) < 12 else 0
    if cursor is not None and str(start) != cursor:
        raise Problem(
            "invalid_cursor", 422, "the cursor is none of this list: give `next` of the part before"
        )
    beside = parts.files.results(project) if other is None else _place(parts, project, other)
    with parts.database.reading() as session:
        taught_now = _taught(session, project) if other is None else _taught_then(beside)
        rows = [tuple(row) for row in session.execute(_images(project))]
    taught = _taught_then(place) | taught_now
    sides = [_Run(folder) for folder in (place, beside)]
    rows = [row for row in rows if any(side.has(row[0]) for side in sides)]
    items = [
        _compared(image, None if image.id in taught else document, sides)
        for image, document in rows[start : start + limit]
    ]
    following = str(start + limit) if start + limit < len(rows) else None
    return schemas.Page[Compared](items=items, next=following, total=len(rows))


class _Run:
    """The results in a folder, by the names of images."""

    def __init__(self, folder: Path) -> None:
        self._results = Results(folder, ())
        there = self._results.manifest.is_file()
        self._entries = {e.name: e for e in read_manifest(self._results.manifest)} if there else {}

    def has(self, image: ImageRow) -> bool:
        """Whether it speaks of this image, and not of another that had its name."""
        entry = self._entries.get(image.stem)
        return entry is not None and is_of(entry, None if Path(image.path).is_absolute() else image.digest)

    def side(self, image: ImageRow) -> tuple[Side | None, Labels | None]:
        """What it says of an image, and its mask; None where it has none."""
        if not self.has(image):
            return None, None
        entry = self._entries[image.stem]
        labels = None
        if entry.error is None:
            with suppress(MaskError):
                labels = read_result(self._results.file("masks", entry.name))
        said = Side(
            verdict=entry.verdict,
            confidence=entry.confidence,
            counts=count_objects(self._results, entry) if labels is not None else {},
            areas={str(cls): area for cls, area in entry.areas.items() if area},
        )
        return said, labels


def _compared(image: ImageRow, document: dict[str, Any] | None, runs: list[_Run]) -> Compared:
    (before, first), (after, second) = (run.side(image) for run in runs)
    size = (image.height, image.width)
    both = first is not None and second is not None and first.shape == second.shape == size
    truth = None
    if both and document is not None and first is not None and second is not None:
        marks = read_document(document, size)
        known = np.zeros(size, np.int32) if marks is None or marks.mask is None else marks.mask
        truth = Truth(before=_likeness(first, known), after=_likeness(second, known))
    alike = _likeness(first, second) if both and first is not None and second is not None else None
    return Compared(
        image_id=image.id, image=image.name, before=before, after=after, likeness=alike, truth=truth
    )


def _likeness(answer: Labels, truth: Labels) -> float:
    """The mean IoU over the classes in either, in [0, 1]; 1 where both show nothing."""
    ignored = truth == IGNORE
    classes = {int(c) for c in np.unique(np.concatenate([answer.ravel(), truth.ravel()])) if c > 0}
    found = [iou(answer == cls, truth == cls, ignored) for cls in sorted(classes)]
    return round(float(np.mean(found)), 6) if found else 1.0


def _images(project: str) -> Any:
    whole = MarksRow.kind.in_(("mask", "absent"))
    return (
        select(ImageRow, MarksRow.document)
        .outerjoin(MarksRow, (MarksRow.image_id == ImageRow.id) & whole)
        .where(ImageRow.project_id == project)
        .order_by(ImageRow.order_key, ImageRow.id)
    )


def _taught(session: Session, project: str) -> set[str]:
    """Ids of the images from whose marks a run learns."""
    of = (
        select(MarksRow.image_id)
        .join(ImageRow, ImageRow.id == MarksRow.image_id)
        .where(ImageRow.project_id == project, MarksRow.kind.is_not(None), MarksRow.teaches)
    )
    return set(session.scalars(of))


def _taught_then(place: Path) -> set[str]:
    """Ids of the images that had taught a kept run."""
    return set(_read(place / NOTE)["taught"])


def _place(parts: Parts, project: str, kept: str) -> Path:
    with parts.database.reading() as session:
        projects.find(session, project)
    place = parts.files.kept(project) / kept
    if not (place / NOTE).is_file():
        raise not_found("kept run", kept)
    return place


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
