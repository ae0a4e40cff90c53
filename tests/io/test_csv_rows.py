"""Rows of CSV: no cell is a formula, every text reads back equal, and numbers stay numbers."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from annotated import obj
from hypothesis import given
from hypothesis import strategies as st

from cuecast.core.objects import Annotations
from cuecast.evaluation.evaluate import as_csv
from cuecast.io.files import copy_row, read_cell, write_row
from cuecast.results.tables import FrameRow, object_rows, write_frames_csv, write_objects_csv

FORMULAS = [
    "=1+2",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    '=HYPERLINK("http://x","y")',
    "-coin",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_take_for_a_formula_is_quoted(text: str) -> None:
    doubled = text.replace('"', '""')
    assert write_row(["a", text, 3]) == f'a,"\'{doubled}",3\n'


def test_other_texts_and_numbers_stay_as_they_are() -> None:
    assert (
        write_row(["cell", "a - b", "it's", "'tis", -3, -0.5, None, True])
        == "cell,a - b,it's,'tis,-3,-0.5,,True\n"
    )


def test_no_part_of_a_text_begins_a_cell_with_any_separator() -> None:
    assert write_row(["a;=1", "b,=1", 'c"', "d\t=1"]) == '"a;=1","b,=1","c""","d\t=1"\n'


@given(st.lists(st.text() | st.sampled_from([*FORMULAS, "'=1", "''=1", "'", "''"]), min_size=2))
def test_every_text_reads_back_equal(texts: list[str]) -> None:
    (cells,) = csv.reader(io.StringIO(write_row(texts), newline=""), strict=True)
    assert list(map(read_cell, cells)) == texts
    assert not any(c.startswith(tuple("=+-@\t\r\n")) for c in cells)


@given(st.lists(st.text() | st.sampled_from([*FORMULAS, "'=1"]) | st.integers(), min_size=2))
def test_a_row_is_copied_as_it_was_written(cells: list[str | int]) -> None:
    row = write_row(cells)
    (read,) = csv.reader(io.StringIO(row, newline=""), strict=True)
    assert copy_row(read) == row


def test_tables_quote_and_read_back(tmp_path: Path) -> None:
    name = "=cmd|' /C calc'!A0.png"
    rows = object_rows(Annotations(name, (5, 5), (obj(1, 0, 0, "#"),)), {1: "@coin"}, 0.5, "=um")
    path = write_objects_csv(tmp_path / "o.csv", rows)
    (row,) = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    assert (read_cell(row["image"]), read_cell(row["unit"])) == (name, "=um")
    assert "'@coin" in path.read_text()
    frames = write_frames_csv(tmp_path / "f.csv", [FrameRow(0, None, "+x.png", "-coin", 1, "found", 1.0)])
    assert frames.read_text().splitlines()[1].startswith('0,,"\'+x.png","\'-coin",1,found,1.0,,')


def test_scores_below_zero_are_numbers() -> None:
    assert as_csv([{"set": "=x", "gain": -0.5, "iou": None}]) == 'set,gain,iou\n"\'=x",-0.500000,\n'
