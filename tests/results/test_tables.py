"""objects.csv: a line an object, with all that was measured."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from annotated import CASES, CLASSES, obj

from cuecast.core.errors import InputError
from cuecast.core.objects import Annotations, ObjectMeasures, measure
from cuecast.results.tables import COLUMNS, ObjectRow, object_rows, read_objects_csv, write_objects_csv

NAMES = {c.id: c.name for c in CLASSES}
NAME = 'a, "b"\n ünï; 猫.png'


def measures() -> list[tuple[str, ObjectMeasures]]:
    objects = [o for case in CASES.values() for o in case]
    plain = [(NAME, measure(o, (12, 15))) for o in objects]
    return [*plain, *(("b.png", measure(o, (12, 15), 0.3, "µm")) for o in objects)]


def rows() -> Iterator[ObjectRow]:
    objects = tuple(o for case in CASES.values() for o in case)
    yield from object_rows(Annotations(NAME, (12, 15), objects), NAMES)
    yield from object_rows(Annotations("b.png", (12, 15), objects), NAMES, 0.3, "µm")


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_all_digits_of_every_measure_are_kept(tmp_path: Path) -> None:
    written = read(write_objects_csv(tmp_path / "objects.csv", rows()))
    for row, (image, m) in zip(written, measures(), strict=True):
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
    found = Annotations("a.png", (12, 15), (obj(7, 2, 3, "##", "##"),) * 2)
    given = object_rows(found, NAMES, 0.5, "um")
    header, first, second = write_objects_csv(tmp_path / "o.csv", given).read_text().splitlines()
    assert header == ",".join(COLUMNS)
    cells = dict(zip(COLUMNS, first.split(","), strict=True))
    expected = {
        "image": "a.png", "object": "1", "class": "a: b #c", "class_id": "7", "x1": "3", "y2": "4",
        "area": "4", "area_units": "1.0", "unit": "um", "touches_border": "false",
    }  # fmt: skip
    assert {k: cells[k] for k in expected} == expected
    assert second.startswith("a.png,2,")


def test_no_objects_is_a_header(tmp_path: Path) -> None:
    path = write_objects_csv(tmp_path / "o.csv", [])
    assert path.read_text() == ",".join(COLUMNS) + "\n"


def test_an_object_of_no_listed_class_is_refused() -> None:
    with pytest.raises(ValueError, match="class 9, the classes are"):
        list(object_rows(Annotations("a", (5, 5), (obj(9, 0, 0, "#"),)), NAMES))


def test_every_row_reads_back_equal(tmp_path: Path) -> None:
    path = write_objects_csv(tmp_path / "o.csv", rows())
    assert list(read_objects_csv(path)) == list(rows())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "o.csv: is not there; go on with `segment`"),
        ("image,object\na.png,1\n", "its columns differ"),
        (",".join(COLUMNS) + "\na.png,one" + "," * (len(COLUMNS) - 2) + "\n", "cannot be read"),
        (",".join(COLUMNS) + "\na.png,1\n", "cannot be read"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "o.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        list(read_objects_csv(tmp_path / "o.csv"))
