"""objects.csv: written, read back, equal."""

from __future__ import annotations

from pathlib import Path

import pytest
from annotated import CASES, CLASSES, obj

from cuecast.core.errors import InputError
from cuecast.core.objects import measure
from cuecast.results.table import COLUMNS, Row, read_objects_csv, write_objects_csv

NAME = 'a, "b"\n ünï; 猫.png'


def rows() -> list[Row]:
    objects = [o for case in CASES.values() for o in case]
    plain: list[Row] = [(NAME, measure(o, (12, 15))) for o in objects]
    return [*plain, *(("b.png", measure(o, (12, 15), 0.3, "µm")) for o in objects)]


def test_round_trip(tmp_path: Path) -> None:
    path = write_objects_csv(tmp_path / "objects.csv", iter(rows()), CLASSES)
    assert read_objects_csv(path) == rows()


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
    assert read_objects_csv(write_objects_csv(tmp_path / "o.csv", [], CLASSES)) == []


def test_an_object_of_no_listed_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="class 9, the classes are"):
        write_objects_csv(tmp_path / "o.csv", [("a", measure(obj(9, 0, 0, "#"), (5, 5)))], CLASSES)


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"o\.csv: is not an objects\.csv .*; write it again"):
        read_objects_csv(tmp_path / "o.csv")
    (tmp_path / "o.csv").write_text(",".join(COLUMNS) + "\na.png,1\n")
    with pytest.raises(InputError, match=r"o\.csv: line 2 cannot be read"):
        read_objects_csv(tmp_path / "o.csv")
    with pytest.raises(InputError, match=r"none\.csv: cannot be read .*; check"):
        read_objects_csv(tmp_path / "none.csv")
