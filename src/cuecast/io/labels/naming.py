"""Which field of a shape names its class, and which class a value names: in GeoJSON, VIA and files of a GIS."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

KNOWN = (
    "class", "classification", "classifica", "classname", "classlabel", "label", "labelname", "category",
    "categoryname", "type", "classid", "categoryid",
)  # fmt: skip
"""Names of attributes that name classes, the surest first, as `plain_field` has them ('classifica': a Shapefile's)."""


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
            value[key]
            for key in sorted(value, key=lambda k: k != "name")
            if plain_field(key) in ("name", *KNOWN)
        )
        value = ": ".join(map(str, names)) if isinstance(names, list) else next(known, None)
    elif hasattr(value, "tolist"):  # a list, or a number of numpy
        value = value.tolist()
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if value is None or value != value or value == "":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def plain_field(field: str) -> str:
    """'Class_Name' -> 'classname'."""
    return re.sub(r"[\W_]", "", field).casefold()


def class_of_fields(fields: Mapping[str, Any], lone: bool = False) -> str | None:
    """The class that the fields of one shape name, by the surest of the `KNOWN`; None where none does.

    lone  whether a field of another name may, where it is the only one.
    """
    known = sorted((f for f in fields if plain_field(f) in KNOWN), key=lambda f: KNOWN.index(plain_field(f)))
    asked = known or (list(fields) if lone and len(fields) == 1 else [])
    return next((name for name in (class_name(fields[f]) for f in asked) if name is not None), None)
