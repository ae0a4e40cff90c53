"""Rows of objects.csv for the API, measured from the masks as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session

from cuecast.core.objects import ObjectMeasures
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry, find_entries
from cuecast.service import schemas
from cuecast.service.compute.results import Measured, measured
from cuecast.service.files import DataFolder
from cuecast.service.problem import Problem
from cuecast.service.results import place_of_result
from cuecast.service.schemas_jobs import ObjectRow
from cuecast.service.store import images, predictions, projects
from cuecast.service.store.models import Image


def objects_of(session: Session, files: DataFolder, project: str, image: Image) -> list[ObjectRow]:
    """The objects of one image, in the order of objects.csv; none where its mask is not there."""
    names = _class_names(session, project)
    results = Results(files.results(project), ())
    entry = find_entries(results.manifest, {image.stem}).get(image.stem)
    if entry is None:
        return []
    return list(_rows(place_of_result(session, files, image, "masks"), entry, image, names))


def page(
    session: Session, files: DataFolder, project: str, limit: int, cursor: str | None
) -> schemas.Page[ObjectRow]:
    """A part of the objects of a project, image by image; a cursor is the number of objects before.

    Only the images of this part are measured: the predictions say how many objects each has.
    """
    names = _class_names(session, project)
    start = _number(cursor)
    counts = predictions.object_counts(session, project)
    total = sum(n for _, n in counts)
    results = Results(files.results(project), ())
    part: list[tuple[Image, int]] = []  # and how many of its objects are of the part before
    before = 0
    for ident, n in counts:
        if before < start + limit and before + n > start:
            part.append((images.find(session, project, ident), max(0, start - before)))
        before += n
    entries = find_entries(results.manifest, {image.stem for image, _ in part})
    rows: list[ObjectRow] = []
    for image, skip in part:
        if (entry := entries.get(image.stem)) is not None:
            found = _rows(place_of_result(session, files, image, "masks"), entry, image, names)
            rows += islice(found, skip, skip + limit - len(rows))
    following = str(start + limit) if start + limit < total else None
    return schemas.Page[ObjectRow](items=rows, next=following, total=total)


def _rows(
    mask: Path | None, entry: ManifestEntry, image: Image, names: Mapping[int, str]
) -> Iterator[ObjectRow]:
    if entry.error is not None or mask is None or not mask.is_file():
        return
    for found in measured(mask, entry):
        yield _row(found, image, names)


def _row(found: Measured, image: Image, names: Mapping[int, str]) -> ObjectRow:
    m = found.measures
    x1, y1, x2, y2 = m.box
    return ObjectRow.model_validate(
        {
            "image_id": image.id,
            "image": image.name,
            "object": found.number,
            "class": names.get(m.cls, f"class {m.cls}"),
            "class_id": m.cls,
            **{"x1": x1, "y1": y1, "x2": x2, "y2": y2},
            "centroid_x": m.centroid[0],
            "centroid_y": m.centroid[1],
            "area": m.area,
            "perimeter": m.perimeter,
            "major_axis": m.major_axis,
            "minor_axis": m.minor_axis,
            "touches_border": m.touches_border,
            **_in_units(m),
        }
    )


def _in_units(m: ObjectMeasures) -> dict[str, object]:
    if m.box_units is None or m.centroid_units is None:
        return {}
    return {
        "unit": m.unit,
        **{f"{key}_units": v for key, v in zip(("x1", "y1", "x2", "y2"), m.box_units, strict=True)},
        "centroid_x_units": m.centroid_units[0],
        "centroid_y_units": m.centroid_units[1],
        "area_units": m.area_units,
        "perimeter_units": m.perimeter_units,
        "major_axis_units": m.major_axis_units,
        "minor_axis_units": m.minor_axis_units,
    }


def _class_names(session: Session, project: str) -> dict[int, str]:
    return {int(c["id"]): str(c["name"]) for c in projects.find(session, project).classes}


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 12):
        raise Problem(
            "invalid_cursor", 422, "the cursor is none of this list: give `next` of the part before"
        )
    return int(cursor)
