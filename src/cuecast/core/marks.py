"""Marks in JSON, in one way for cue sets, the service and tools: a list for each of `KINDS`, as in `EXAMPLE`.

Class 0 of a stroke means 'not this', and a class that is left out is 1. The fields of a mark are those of its type,
`cls` being called class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from cuecast.core.values import KINDS, Mark

Document = Mapping[str, Any]
"""What is shown on one image, in JSON: lists of marks, and whatever else says something of it."""
EXAMPLE: Document = {
    "boxes": [{"xyxy": [10, 20, 90, 80], "class": 1}],
    "points": [{"xy": [30, 40], "class": 1}],
    "scribbles": [{"path": [[1, 2], [3, 4]], "width": 3, "class": 0}],
    "polygons": [{"path": [[5, 5], [9, 5], [9, 9]], "class": 1}],
}


def marks_json(drawn: Mapping[str, Iterable[Mark]]) -> dict[str, list[dict[str, Any]]]:
    """Name of a kind -> its marks, as JSON."""
    return {
        name: [{_key(f): _plain(getattr(mark, f.name)) for f in fields(mark)} for mark in drawn[name]]
        for name in KINDS
    }


def read_marks(document: Document) -> dict[str, Any]:
    """The inverse of `marks_json`, for a document in which kinds and classes may be left out.

    Raises TypeError, KeyError, ValueError, OverflowError or AttributeError for what is none.
    """
    return {name: tuple(_mark(kind, raw) for raw in document.get(name, ())) for name, kind in KINDS.items()}


def _mark(kind: type[Mark], raw: Any) -> Mark:
    given = {
        f.name: _FORMS[f.name](raw[_key(f)]) for f in fields(kind) if f.default is MISSING or _key(f) in raw
    }
    return kind(**given)


def _key(field: Field[Any]) -> str:
    return "class" if field.name == "cls" else field.name


def _plain(value: Any) -> Any:
    """Numbers as short as they can be written: 10, not 10.0."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return int(value) if float(value).is_integer() else float(value)


def _numbers(raw: Any, count: int) -> tuple[float, ...]:
    if isinstance(raw, str):  # whose digits would be taken one by one
        raise ValueError(f"{raw!r} should be {count} numbers")
    values = tuple(float(v) for v in raw)
    if len(values) != count or not all(abs(v) < 1e9 for v in values):
        raise ValueError(f"{raw} should be {count} numbers")
    return values


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "xyxy": lambda raw: _numbers(raw, 4),
    "xy": lambda raw: _numbers(raw, 2),
    "path": lambda raw: tuple(_numbers(xy, 2) for xy in raw),
    "width": float,
    "cls": int,
}
"""Field of a mark -> how it is read."""
