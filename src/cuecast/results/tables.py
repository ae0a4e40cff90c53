"""objects.csv: one line an object (of a video: an object in each frame), in pixels and, where their size is known, in
units.

UTF-8 with commas and a header; numbers with all their digits, so that they read back equal; texts that a spreadsheet
would take for formulas as `csv_rows` quotes them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from cuecast.core.errors import InputError
from cuecast.core.objects import Annotations, ObjectMeasures, measure
from cuecast.io.files import read_cell, replacing, write_row


@dataclass(frozen=True)
class ObjectRow:
    """One object; the fields are the columns of objects.csv, with the figures of `ObjectMeasures`.

    object  its number among those of its image, from 1.
    cls     the name of its class; the column is called 'class', here and wherever a row is sent.
    unit    and what is in it: None, an empty cell, where the size of a pixel is unknown; areas in unit squared.
    confidence  in [0, 1], the IoU to be expected of the object's mask; None where it is not known.
    """

    image: str
    object: int
    cls: str = field(metadata={"alias": "class"})
    class_id: int
    x1: int
    y1: int
    x2: int
    y2: int
    centroid_x: float
    centroid_y: float
    area: int
    perimeter: float
    major_axis: float
    minor_axis: float
    touches_border: bool
    unit: str | None = None
    x1_units: float | None = None
    y1_units: float | None = None
    x2_units: float | None = None
    y2_units: float | None = None
    centroid_x_units: float | None = None
    centroid_y_units: float | None = None
    area_units: float | None = None
    perimeter_units: float | None = None
    major_axis_units: float | None = None
    minor_axis_units: float | None = None
    confidence: float | None = None


COLUMNS = tuple(str(f.metadata.get("alias", f.name)) for f in fields(ObjectRow))
"""Columns of objects.csv."""
_CELLS = attrgetter(*(f.name for f in fields(ObjectRow)))


def object_rows(
    found: Annotations, names: Mapping[int, str], pixel_size: float | None = None, unit: str | None = None
) -> Iterator[ObjectRow]:
    """The objects of an image, measured as they are asked for; class id -> name. See `measure` for the others.

    Raises ValueError for an object of no named class.
    """
    for number, obj in enumerate(found.objects, start=1):
        if obj.cls not in names:
            raise ValueError(f"{found.name}: an object has class {obj.cls}, the classes are {sorted(names)}")
        m = measure(obj, found.size, pixel_size, unit)
        row = ObjectRow(found.name, number, names[m.cls], m.cls, *_figures(m))
        yield replace(row, confidence=obj.confidence)


def _figures(m: ObjectMeasures) -> Iterator[Any]:
    """What is measured of an object, in the order of the columns."""
    yield from (*m.box, *m.centroid, m.area, m.perimeter, m.major_axis, m.minor_axis, m.touches_border)
    if m.unit is not None and m.box_units is not None and m.centroid_units is not None:
        yield from (m.unit, *m.box_units, *m.centroid_units)
        yield from (m.area_units, m.perimeter_units, m.major_axis_units, m.minor_axis_units)


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


def write_objects_csv(path: str | Path, rows: Iterable[ObjectRow]) -> Path:
    """Write the rows as they come, whole file or nothing; returns its path. Raises OutputError."""
    return _write(path, COLUMNS, map(_CELLS, rows))


def read_objects_csv(path: Path) -> Iterator[ObjectRow]:
    """The rows as `write_objects_csv` wrote them, one after the other. Raises InputError."""
    kinds = [(_KINDS[str(f.type).partition(" ")[0]], f.default is None) for f in fields(ObjectRow)]
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as lines:
            reader = csv.reader(lines)
            if tuple(next(reader, ())) != COLUMNS:
                raise InputError(
                    "is not an objects.csv (its columns differ)", path, "`export` it again as csv"
                )
            for cells in reader:
                read = zip(kinds, map(read_cell, cells), strict=True)
                row: list[Any] = [None if empty and not cell else kind(cell) for (kind, empty), cell in read]
                yield ObjectRow(*row)
    except FileNotFoundError as error:
        remedy = "go on with `segment` until it is finished, or `export` as csv"
        raise InputError("is not there", path, remedy) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "check its permissions") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"cannot be read ({error})", path, "`export` it again as csv") from error


_KINDS: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": "true".__eq__}


IDENTITY_COLUMNS: Sequence[str] = ("object", *FRAME_COLUMNS)
"""Columns where things of a class are told apart in a video: the number of each, which stays, comes first."""


def write_frames_csv(path: str | Path, rows: Iterable[FrameRow]) -> Path:
    """Write the rows as they come, whole file or nothing; returns its path. Raises OutputError."""
    return _write(path, FRAME_COLUMNS, map(astuple, rows))


def write_identities_csv(path: str | Path, rows: Iterable[tuple[int, FrameRow]]) -> Path:
    """The same of things with numbers that stay; see `IDENTITY_COLUMNS`. Raises OutputError."""
    return _write(path, IDENTITY_COLUMNS, ((number, *astuple(row)) for number, row in rows))


def _write(path: str | Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Path:
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.write(write_row(columns))
        for row in rows:
            out.write(write_row(str(v).lower() if isinstance(v, bool) else v for v in row))
    return Path(path)
