"""objects.csv: one line an object (of a video: an object in each frame), in pixels and, where their size is known, in
units.

UTF-8 with commas and a header; numbers with all their digits, so that they read back equal; texts that a spreadsheet
would take for formulas as `csv_rows` quotes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import groupby
from pathlib import Path

from cuecast.core.objects import ObjectMeasures
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing, write_row

_BOX = ("x1", "y1", "x2", "y2")
COLUMNS = (
    "image", "object", "class", "class_id", *_BOX, "centroid_x", "centroid_y", "area", "perimeter",
    "major_axis", "minor_axis", "touches_border", "unit", *(f"{c}_units" for c in _BOX), "centroid_x_units",
    "centroid_y_units", "area_units", "perimeter_units", "major_axis_units", "minor_axis_units",
)  # fmt: skip
"""Columns of objects.csv. Those in units are empty where the pixel size is unknown; areas: unit squared."""

Row = tuple[str, ObjectMeasures]
"""The name of an image and the measures of one of its objects."""


@dataclass(frozen=True)
class FrameRow:
    """One object in one frame; the fields are the columns. Empty cells where the object is not seen.

    seconds     when the frame is shown, from the first one on; empty where that is not known.
    x1 ... y2   box in pixels, half-open, round all its components.
    centroid_x  mean of its pixels' centres; the centre of the first pixel is (0.5, 0.5).
    area        pixels.
    pieces      connected components (8-neighbourhood).
    """

    frame: int
    seconds: float | None
    name: str
    object: str
    class_id: int
    verdict: str
    confidence: float
    x1: int | None = None
    y1: int | None = None
    x2: int | None = None
    y2: int | None = None
    centroid_x: float | None = None
    centroid_y: float | None = None
    area: int = 0
    pieces: int = 0
    touches_border: bool | None = None


FRAME_COLUMNS: Sequence[str] = tuple("class" if f.name == "object" else f.name for f in fields(FrameRow))


def write_objects_csv(path: str | Path, rows: Iterable[Row], classes: Sequence[ClassInfo]) -> Path:
    """Write the rows as they come, whole file or nothing; returns its path.

    `object` counts from 1 within an image, whose rows follow each other. Raises OutputError, and ValueError for an
    object of no listed class.
    """
    names = {c.id: c.name for c in classes}

    def lines() -> Iterator[Iterable[object]]:
        for image, group in groupby(rows, key=lambda row: row[0]):
            for number, (_, m) in enumerate(group, start=1):
                if m.cls not in names:
                    raise ValueError(f"{image}: an object has class {m.cls}, the classes are {sorted(names)}")
                yield image, number, names[m.cls], *object_cells(m)

    return _write(path, COLUMNS, lines())


def write_frames_csv(path: str | Path, rows: Iterable[FrameRow]) -> Path:
    """Write the rows as they come, whole file or nothing; returns its path. Raises OutputError."""
    return _write(path, FRAME_COLUMNS, map(astuple, rows))


def _write(path: str | Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.write(write_row(columns))
        for row in rows:
            out.write(write_row(str(v).lower() if isinstance(v, bool) else v for v in row))
    return Path(path)


def object_cells(m: ObjectMeasures) -> list[object]:
    """The cells of an object in objects.csv from `class_id` on; '' where the size of a pixel is unknown."""
    lengths = (m.area, m.perimeter, m.major_axis, m.minor_axis)
    cells = [m.cls, *m.box, *m.centroid, *lengths, m.touches_border]
    if m.unit is None or m.box_units is None or m.centroid_units is None:
        return [*cells, *[""] * (len(COLUMNS) - 3 - len(cells))]
    units = (m.area_units, m.perimeter_units, m.major_axis_units, m.minor_axis_units)
    return [*cells, m.unit, *m.box_units, *m.centroid_units, *units]
