"""Which attribute of polygons names their class, and what it says: every program calls it otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cuecast.core.notes import give_note
from cuecast.io.labels import listed

KNOWN = (
    "class", "classification", "classifica", "classname", "classlabel", "label", "labelname", "category",
    "categoryname", "type", "classid", "categoryid",
)  # fmt: skip
"""Names of attributes that name classes, the surest first, as `_plain` writes them ('classifica': a Shapefile's)."""
_NUMBERS = {"id", "fid", "gid", "ogcfid", "objectid", "uuid", "guid", "osmid"}
"""Names of attributes that tell objects apart, not classes."""
_GEOMETRIES = {"polygon", "multipolygon"}
"""Values of an attribute 'type' that speak of the shape, as in extracts of OpenStreetMap."""

Names = Sequence[str | None]


def class_names(
    path: str | Path, columns: Mapping[str, Sequence[Any]], count: int, wanted: Sequence[str] = ()
) -> Names:
    """The class of each of `count` polygons, None where none is named.

    columns  attribute -> its value for each polygon.
    wanted   classes that are asked for: where they do not occur in the attribute that is known to name classes, one in
             which they do is taken.

    A note says which attribute was taken if its name is not known; or, where none was, which may be meant.
    """
    read = {field: [class_name(v) for v in values] for field, values in columns.items()}
    filled = {f: names for f, names in read.items() if {str(n).casefold() for n in names if n} - _GEOMETRIES}
    known = sorted((f for f in filled if _plain(f) in KNOWN), key=lambda f: KNOWN.index(_plain(f)))
    others = [f for f in filled if f not in known]
    asked = set(wanted)
    fitting = [f for f in (*known, *others) if asked & set(filled[f])]
    taken = (fitting or known)[:1]
    if not taken:
        _tell_others(path, {f: filled[f] for f in others if _may_name(columns[f], filled[f], f)})
        return (None,) * count
    if taken[0] in others:
        give_note(
            f"{path}: its field {taken[0]!r} is taken to name the classes, as {listed(asked)} occurs there"
        )
    return filled[taken[0]]


def class_name(value: Any) -> str | None:
    """A class as a GIS or QuPath writes it; None where there is none.

    Whole numbers are read as floats where some are missing. QuPath writes {"name": "Tumor", "color": [...]}, or
    {"names": ["Tumor", "Positive"]}, which it shows as 'Tumor: Positive'; others nest {"class": "Tumor"}.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    if isinstance(value, dict):
        names = value.get("names")
        known = (
            value[key] for key in sorted(value, key=lambda k: k != "name") if _plain(key) in ("name", *KNOWN)
        )
        value = ": ".join(map(str, names)) if isinstance(names, list) else next(known, None)
    elif hasattr(value, "tolist"):  # a list, or a number of numpy
        value = value.tolist()
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if value is None or value != value or value == "":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(field: str) -> str:
    """'Class_Name' -> 'classname'."""
    return re.sub(r"[\W_]", "", field).casefold()


def _may_name(values: Sequence[Any], names: Names, field: str) -> bool:
    """Whether an attribute may name classes: several values that are no measures, and not one for each polygon."""
    different = {n for n in names if n}
    measured = any(isinstance(v, float) and v == v and not float(v).is_integer() for v in values)
    text = any(isinstance(v, str) for v in values)
    repeated = len(different) < sum(n is not None for n in names) or text
    return len(different) > 1 and not measured and repeated and _plain(field) not in _NUMBERS


def _tell_others(path: str | Path, fields: Mapping[str, Names]) -> None:
    if not fields:
        return
    said = "; ".join(
        f"{f!r} holds {listed(dict.fromkeys(n for n in names if n), 4)}" for f, names in fields.items()
    )
    give_note(
        f"{path}: no field is known to name classes, so all polygons are of one: {said}; if one of them names classes, "
        "call it 'class'"
    )
