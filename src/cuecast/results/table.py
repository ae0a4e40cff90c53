"""objects.csv: one line an object, in pixels and, where the pixel size is known, in units."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from cuecast.core.errors import InputError
from cuecast.core.objects import ObjectMeasures
from cuecast.core.values import ClassInfo
from cuecast.io.files import read_cell, replacing, write_row

_BOX = ("x1", "y1", "x2", "y2")
COLUMNS = (
    "image", "object", "class", "class_id", *_BOX, "centroid_x", "centroid_y", "area", "perimeter",
    "major_axis", "minor_axis", "touches_border", "unit", *(f"{c}_units" for c in _BOX), "centroid_x_units",
    "centroid_y_units", "area_units", "perimeter_units", "major_axis_units", "minor_axis_units",
)  # fmt: skip
"""Columns of objects.csv. Those in units are empty where the pixel size is unknown; areas: unit squared."""


Row = tuple[str, ObjectMeasures]
"""The name of an image and the measures of one of its objects."""


def write_objects_csv(path: str | Path, rows: Iterable[Row], classes: Sequence[ClassInfo]) -> Path:
    """Write the rows as they come, whole file or nothing; returns its path.

    UTF-8 with commas and a header; numbers with all their digits, so that they read back equal; texts that a
    spreadsheet would take for formulas as `csv_rows` quotes them. `object`
    counts from 1 within an image, whose rows follow each other. Raises OutputError, and ValueError for an
    object of no listed class.
    """
    names = {c.id: c.name for c in classes}
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.write(write_row(COLUMNS))
        for image, group in groupby(rows, key=lambda row: row[0]):
            for number, (_, measures) in enumerate(group, start=1):
                if measures.cls not in names:
                    raise ValueError(
                        f"{image}: an object has class {measures.cls}, the classes are {sorted(names)}"
                    )
                out.write(write_row([image, number, names[measures.cls], *_cells(measures)]))
    return Path(path)


def read_objects_csv(path: str | Path) -> list[Row]:
    """The rows of a file that `write_objects_csv` wrote. Raises InputError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as lines:
            reader = csv.reader(lines)
            header = next(reader, [])
            if header != list(COLUMNS):
                raise InputError(f"{path}: is not an objects.csv (its columns differ); write it again")
            return [_row(list(map(read_cell, cells))) for cells in reader]
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check its name and permissions"
        ) from error
    except (ValueError, IndexError, csv.Error) as error:
        raise InputError(
            f"{path}: line {reader.line_num} cannot be read ({error}); write the file again"
        ) from error


def _cells(m: ObjectMeasures) -> list[object]:
    """The cells from `class_id` on."""
    pixels = [
        *m.box,
        *m.centroid,
        m.area,
        m.perimeter,
        m.major_axis,
        m.minor_axis,
        str(m.touches_border).lower(),
    ]
    cells = [m.cls, *pixels]
    if m.unit is None or m.box_units is None or m.centroid_units is None:
        return [*cells, *[""] * (len(COLUMNS) - 3 - len(cells))]
    units = [m.area_units, m.perimeter_units, m.major_axis_units, m.minor_axis_units]
    return [*cells, m.unit, *m.box_units, *m.centroid_units, *units]


def _row(cells: list[str]) -> Row:
    c = dict(zip(COLUMNS, cells, strict=True))

    def number(name: str) -> float:
        return float(c[name])

    def optional(name: str) -> float | None:
        return float(c[name]) if c[name] else None

    known = bool(c["unit"])
    measures = ObjectMeasures(
        cls=int(c["class_id"]),
        box=(int(c["x1"]), int(c["y1"]), int(c["x2"]), int(c["y2"])),
        centroid=(number("centroid_x"), number("centroid_y")),
        area=int(c["area"]),
        perimeter=number("perimeter"),
        major_axis=number("major_axis"),
        minor_axis=number("minor_axis"),
        touches_border=c["touches_border"] == "true",
        unit=c["unit"] or None,
        box_units=(number("x1_units"), number("y1_units"), number("x2_units"), number("y2_units"))
        if known
        else None,
        centroid_units=(number("centroid_x_units"), number("centroid_y_units")) if known else None,
        area_units=optional("area_units"),
        perimeter_units=optional("perimeter_units"),
        major_axis_units=optional("major_axis_units"),
        minor_axis_units=optional("minor_axis_units"),
    )
    return c["image"], measures
