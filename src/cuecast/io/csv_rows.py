"""Rows of the CSV files that we write: texts that a spreadsheet would take for formulas are quoted, as OWASP advises.

A text that begins with = + - @, a tab or a line end gets an apostrophe before it; `read_cell` takes it away again. So
that every text reads back equal, one that begins with apostrophes before such a sign gets another one. Texts with a
separator of any spreadsheet (, ; tab) stand in double quotes, lest the rest of one begins a cell. Numbers stay as they
are, -3 too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What spreadsheets take for the beginning of a formula, the full-width forms of = + - @ among it."""
_QUOTED = re.compile(r"[\",;\t\r\n]")


def write_row(cells: Iterable[object]) -> str:
    """One line of a file, with its end. None is an empty cell; numbers have all their digits."""
    return ",".join(map(_written, cells)) + "\n"


def read_cell(cell: str) -> str:
    """The text that `write_row` was given, from a cell as a CSV reader gives it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _written(cell: object) -> str:
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    formula = _FORMULA.match(cell)
    text = f"'{cell}" if formula else cell
    if not formula and not _QUOTED.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
