"""objects.csv, summed up by class and read page by page, in memory that does not grow with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cuecast.core.errors import InputError
from cuecast.io.files import read_cell
from cuecast.mcp import schemas as s
from cuecast.results.table import COLUMNS


def measure_results(table: Path, image: str | None, limit: int, offset: int) -> s.Measured:
    """The sums by class, and the rows from `offset` on, of all images or of one. Raises InputError."""
    sums: dict[str, _Sum] = {}
    rows: list[s.ObjectRow] = []
    count = 0
    for row, unit in _rows(table):
        if image is not None and row.image != image:
            continue
        sums.setdefault(row.cls, _Sum(unit)).add(row, unit)
        if offset <= count < offset + limit:
            rows.append(row)
        count += 1
    end = offset + len(rows)
    return s.Measured(
        table=str(table),
        classes=[total.result(name) for name, total in sorted(sums.items())],
        objects=count,
        rows=rows,
        next_offset=end if end < count else None,
    )


@dataclass(eq=False)
class _Sum:
    """The objects of one class so far. `unit` is None as soon as two of them differ in it."""

    unit: str | None
    count: int = 0
    area: int = 0
    in_units: float = 0.0
    smallest: int | None = None
    largest: int = 0
    border: int = 0
    images: set[str] = field(default_factory=set)

    def add(self, row: s.ObjectRow, unit: str | None) -> None:
        self.unit = self.unit if unit == self.unit else None
        self.count += 1
        self.area += row.area
        self.in_units += row.area_in_units or 0.0
        self.smallest = row.area if self.smallest is None else min(self.smallest, row.area)
        self.largest = max(self.largest, row.area)
        self.border += row.touches_border
        self.images.add(row.image)

    def result(self, name: str) -> s.ClassMeasured:
        return s.ClassMeasured(
            cls=name,
            objects=self.count,
            images=len(self.images),
            area=self.area,
            mean_area=self.area / self.count,
            smallest=self.smallest or 0,
            largest=self.largest,
            touching_border=self.border,
            unit=self.unit,
            area_in_units=self.in_units if self.unit else None,
        )


def _rows(table: Path) -> Iterator[tuple[s.ObjectRow, str | None]]:
    """Each row, and the unit it states. Raises InputError."""
    try:
        with open(table, encoding="utf-8", errors="replace", newline="") as lines:
            reader = csv.DictReader(lines)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise InputError(
                    f"{table}: is not an objects.csv (its columns differ); `export` it again as csv"
                )
            for written in reader:
                cells = {column: read_cell(cell) for column, cell in written.items()}
                yield _row(cells), cells["unit"] or None
    except FileNotFoundError as error:
        raise InputError(
            f"{table}: is not there; go on with `segment` until it is finished, or `export` as csv"
        ) from error
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read ({error}); `export` it again as csv") from error


def _row(cells: dict[str, str]) -> s.ObjectRow:
    return s.ObjectRow(
        image=cells["image"],
        object=int(cells["object"]),
        cls=cells["class"],
        box=[int(cells[c]) for c in ("x1", "y1", "x2", "y2")],
        centroid=[round(float(cells[c]), 2) for c in ("centroid_x", "centroid_y")],
        area=int(cells["area"]),
        perimeter=round(float(cells["perimeter"]), 3),
        major_axis=round(float(cells["major_axis"]), 3),
        minor_axis=round(float(cells["minor_axis"]), 3),
        touches_border=cells["touches_border"] == "true",
        area_in_units=float(cells["area_units"]) if cells["area_units"] else None,
    )
