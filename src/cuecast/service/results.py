"""The results of a project: kept to its images, counted, measured, and found for a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from cuecast.core.objects import Annotations, connected_objects
from cuecast.core.values import ClassInfo
from cuecast.io.files import exclusive
from cuecast.io.labels.masks import write_mask
from cuecast.results.gather import FOLDERS, Results, read_result
from cuecast.results.manifest import ManifestEntry, find_entries, read_manifest, write_manifest
from cuecast.results.review import Tick, apply_review
from cuecast.results.tables import object_rows
from cuecast.runs import actions
from cuecast.service import schemas
from cuecast.service.files import DataFolder
from cuecast.service.frames import PLANE, OpenVolume, SourceAt
from cuecast.service.problem import Problem
from cuecast.service.schemas_jobs import ObjectRow
from cuecast.service.store import images, predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.models import ImageRow, ProjectRow


def is_of(entry: ManifestEntry, digest: str | None) -> bool:
    """Whether an entry speaks of the image whose file has this digest (None: it is not known).

    A name alone may be that of an image that was deleted.
    """
    return digest is None or entry.image_hash in (None, digest)


def prune(results: Results, keep: Callable[[ManifestEntry], bool]) -> bool:
    """Take the images that are not to be kept out of the results: their lines first, then their files.

    Returns whether there were any.
    """
    if not results.manifest.is_file():
        return False
    with exclusive(results.out, wait=True):
        dropped = [e.name for e in read_manifest(results.manifest) if not keep(e)]
        if not dropped:
            return False
        write_manifest(results.manifest, (e for e in read_manifest(results.manifest) if keep(e)))
        for name in dropped:
            for folder in FOLDERS:
                with suppress(FileNotFoundError):
                    results.file(folder, name).unlink()
    return True


def note_wrong(results: Results, names: Sequence[str]) -> None:
    """Say in the manifest which masks a person called wrong, so that a run makes them anew; others are not."""
    if not results.manifest.is_file():
        return
    wrong = set(names)
    ticks = [
        Tick(e.name, e.mask_hash, "wrong" if e.name in wrong else None)
        for e in read_manifest(results.manifest)
        if e.mask_hash is not None and (e.name in wrong) != (e.review == "wrong")
    ]
    if ticks:
        apply_review(results.out, ticks)


def count_objects(results: Results, entry: ManifestEntry) -> dict[str, int]:
    """Class id -> number of objects of an image; classes without any are left out."""
    counts = entry.counts if entry.counts or not entry.objects else results.objects(entry).counts()
    return {str(cls): n for cls, n in counts.items()}


def count_components(labels: NDArray[np.int32]) -> dict[str, int]:
    """Class id -> number of connected components in labels (H, W); classes without any are left out."""
    return dict(Counter(str(found.cls) for found in connected_objects(labels)))


def shown_classes(classes: Sequence[ClassInfo], entries: Iterator[ManifestEntry]) -> tuple[ClassInfo, ...]:
    """The classes of the project, and those that are only in masks made before they were taken out."""
    known: Mapping[int, ClassInfo] = {c.id: c for c in classes}
    marked = {cls for e in entries for cls, area in e.areas.items() if area}
    return (*classes, *(ClassInfo(cls, f"class {cls}") for cls in sorted(marked - set(known))))


def labels_file(out: Path) -> Path | None:
    """The file of labels in the results of a volume; None where there is none."""
    found = [p for p in (out / "masks").glob("*") if not p.name.startswith(".")]
    return found[0] if found else None


def slice_labels(labels: Path, index: int) -> NDArray[np.int32]:
    """The labels (h, w) of a slice. Raises ImageError."""
    source = SourceAt("volume", labels).open()
    assert isinstance(source, OpenVolume)
    return source.volume.values(PLANE, index).astype(np.int32)


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


def ids_of_result(
    database: Database, files: DataFolder, project: str, image: str
) -> NDArray[np.int32] | None:
    """The ids (H, W) of the objects of an image, where things that touch were told apart."""
    results = Results(files.results(project), ())
    with database.reading() as session:
        stem = images.find(session, project, image).stem
    entry = find_entries(results.manifest, {stem}).get(stem)
    return None if entry is None else results.told_apart(entry)


def place_of_result(session: Session, files: DataFolder, image: ImageRow, folder: str) -> Path | None:
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


def objects_of(session: Session, files: DataFolder, project: str, image: ImageRow) -> list[ObjectRow]:
    """The objects of one image, in the order of objects.csv; none where its mask is not there."""
    owner = projects.find(session, project)
    entry = find_entries(Results(files.results(project), ()).manifest, {image.stem}).get(image.stem)
    return _measured(_found(session, files, image, entry), entry, image, owner, 0, None)


def objects_page(
    session: Session, files: DataFolder, project: str, limit: int, cursor: str | None
) -> schemas.Page[ObjectRow]:
    """A part of the objects of a project, image by image; a cursor is the number of objects before.

    Only the images of this part are measured: the predictions say how many objects each has.
    """
    owner = projects.find(session, project)
    start = _offset(cursor)
    counts = predictions.object_counts(session, project)
    total = sum(n for _, n in counts)
    part: list[tuple[ImageRow, int]] = []  # and how many of its objects are of the part before
    before = 0
    for ident, n in counts:
        if before < start + limit and before + n > start:
            part.append((images.find(session, project, ident), max(0, start - before)))
        before += n
    manifest = Results(files.results(project), ()).manifest
    entries = find_entries(manifest, {image.stem for image, _ in part})
    rows: list[ObjectRow] = []
    for image, skip in part:
        entry = entries.get(image.stem)
        found = _found(session, files, image, entry)
        rows += _measured(found, entry, image, owner, skip, limit - len(rows))
    following = str(start + limit) if start + limit < total else None
    return schemas.Page[ObjectRow](items=rows, next=following, total=total)


def _found(
    session: Session, files: DataFolder, image: ImageRow, entry: ManifestEntry | None
) -> Annotations | None:
    """The objects of one image; None where its mask is not there."""
    mask = place_of_result(session, files, image, "masks")
    if entry is None or entry.error is not None or mask is None or not mask.is_file():
        return None
    results = Results(files.results(image.project_id), ())
    if mask == results.file("masks", entry.name):
        return results.objects(entry, image.name)
    labels = read_result(mask)  # of a slice
    return Annotations(image.name, labels.shape, connected_objects(labels))


def _measured(
    found: Annotations | None,
    entry: ManifestEntry | None,
    image: ImageRow,
    owner: ProjectRow,
    skip: int,
    limit: int | None,
) -> list[ObjectRow]:
    """So many objects of one image as objects.csv has them."""
    if entry is None or found is None:
        return []
    classes = projects.class_infos(owner.classes)
    names = {c.id: c.name for c in shown_classes(classes, iter([entry]))}
    said = (owner.pixel_size, owner.unit) if owner.pixel_size else (entry.pixel_size, entry.unit)
    rows = object_rows(found, names, *said)
    asked = rows if limit is None else islice(rows, skip + limit)  # the others are not measured
    measured = actions.measure(actions.MeasureRequest(asked, limit=limit, offset=skip))
    return [ObjectRow(**vars(row), image_id=image.id) for row in measured.rows]


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 12):
        raise Problem(
            "invalid_cursor", 422, "the cursor is none of this list: give `next` of the part before"
        )
    return int(cursor)
