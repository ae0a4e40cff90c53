"""objects.csv: a line an object, with all that was measured."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from annotated import CASES, CLASSES, obj

from cuecast.core.objects import measure
from cuecast.results.tables import COLUMNS, Row, write_objects_csv

NAME = 'a, "b"\n ünï; 猫.png'


def rows() -> list[Row]:
    objects = [o for case in CASES.values() for o in case]
    plain: list[Row] = [(NAME, measure(o, (12, 15))) for o in objects]
    return [*plain, *(("b.png", measure(o, (12, 15), 0.3, "µm")) for o in objects)]


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_all_digits_of_every_measure_are_kept(tmp_path: Path) -> None:
    written = read(write_objects_csv(tmp_path / "objects.csv", iter(rows()), CLASSES))
    for row, (image, m) in zip(written, rows(), strict=True):
        assert (row["image"], int(row["class_id"]), row["unit"] or None) == (image, m.cls, m.unit)
        assert tuple(int(row[c]) for c in ("x1", "y1", "x2", "y2")) == m.box
        assert (float(row["centroid_x"]), float(row["centroid_y"])) == m.centroid
        assert row["touches_border"] == str(m.touches_border).lower()
        for name in ("area", "perimeter", "major_axis", "minor_axis"):
            assert float(row[name]) == getattr(m, name)
            in_units = getattr(m, f"{name}_units")
            assert row[f"{name}_units"] == ("" if in_units is None else str(in_units))
        if m.box_units is not None and m.centroid_units is not None:
            assert tuple(float(row[f"{c}_units"]) for c in ("x1", "y1", "x2", "y2")) == m.box_units
            centre = (float(row["centroid_x_units"]), float(row["centroid_y_units"]))
            assert centre == m.centroid_units


def test_a_line_is_what_a_spreadsheet_expects(tmp_path: Path) -> None:
    given: list[Row] = [("a.png", measure(obj(7, 2, 3, "##", "##"), (12, 15), 0.5, "um"))] * 2
    header, first, second = write_objects_csv(tmp_path / "o.csv", given, CLASSES).read_text().splitlines()
    assert header == ",".join(COLUMNS)
    cells = dict(zip(COLUMNS, first.split(","), strict=True))
    expected = {
        "image": "a.png", "object": "1", "class": "a: b #c", "class_id": "7", "x1": "3", "y2": "4",
        "area": "4", "area_units": "1.0", "unit": "um", "touches_border": "false",
    }  # fmt: skip
    assert {k: cells[k] for k in expected} == expected
    assert second.startswith("a.png,2,")


def test_no_objects_is_a_header(tmp_path: Path) -> None:
    path = write_objects_csv(tmp_path / "o.csv", [], CLASSES)
    assert path.read_text() == ",".join(COLUMNS) + "\n"


def test_an_object_of_no_listed_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="class 9, the classes are"):
        write_objects_csv(tmp_path / "o.csv", [("a", measure(obj(9, 0, 0, "#"), (5, 5)))], CLASSES)
