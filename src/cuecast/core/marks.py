"""Marks as they are given: in JSON, in Python and on a command line.

JSON is the same in cue sets, the service and tools: a list for each of `KINDS`, as in `EXAMPLE`.
Class 0 of a stroke means 'not this', and a class that is left out is 1. The fields of a mark are those of its type,
`cls` being called class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from math import isfinite
from typing import Any

from cuecast.core.errors import CueError
from cuecast.core.values import FARTHEST, KINDS, Mark

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


def given_mark(name: str, given: Any) -> Mark:
    """One mark of the list `name` of a cue: a value already, or numbers (of boxes and points with a class, or without).

    Raises CueError where it is written otherwise, or given without the list around it.
    """
    kind = KINDS[name]
    if isinstance(given, kind):
        return given
    if isinstance(given, int | float):
        raise CueError(
            f"{name} are a list of them, this holds the number {given:g}", remedy=f"write {name}=[(...)]"
        )
    one = kind.__name__.lower()
    try:
        if ";" in kind.form:
            return _made(kind, tuple((float(x), float(y)) for x, y in given))
        count = len(kind.form.split(","))
        if len(given) in (count, count + 1):
            return _made(kind, tuple(float(v) for v in given[:count]), *(int(v) for v in given[count:]))
    except (TypeError, ValueError):
        numbers = "(x, y), (x, y), ..." if ";" in kind.form else kind.form
        raise CueError(f"{one} {given!r} is not made of numbers", remedy=f"write {numbers}") from None
    raise CueError(f"{one} {tuple(given)}: expected {kind.form} and optionally a class")


def written_mark(kind: type[Mark], text: str, read_class: Callable[[str], int]) -> Mark:
    """One mark as `kind.form` has it, and a class behind a comma or none, which `read_class` understands.

    Raises ValueError, without a text where `form` says all.
    """
    if ";" not in kind.form:
        count = len(kind.form.split(","))
        numbers, cls = _split(text.split(",", count), count)
        return _made(kind, _finite(numbers), *map(read_class, cls))
    *pairs, last = [pair.split(",") for pair in text.strip().rstrip(";").split(";")]
    end, cls = _split(last, 2)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError
    classes = {"cls": read_class(cls[0])} if cls else {}
    return _made(kind, tuple(_finite(pair) for pair in [*pairs, end]), **classes)


def _split(parts: list[str], count: int) -> tuple[list[str], list[str]]:
    """The numbers, and the class where there is one. Raises ValueError."""
    if len(parts) not in (count, count + 1):
        raise ValueError
    return parts[:count], parts[count:]


def _finite(parts: Iterable[str]) -> tuple[float, ...]:
    """Raises ValueError without a text where one is not a finite number."""
    try:
        values = tuple(map(float, parts))
    except ValueError:
        raise ValueError from None
    if not all(map(isfinite, values)):
        raise ValueError
    return values


def _made(kind: Callable[..., Mark], *given: Any, **others: Any) -> Mark:
    return kind(*given, **others)


def _mark(kind: type[Mark], raw: Any) -> Mark:
    given = {
        f.name: _FORMS[f.name](raw[_key(f)]) for f in fields(kind) if f.default is MISSING or _key(f) in raw
    }
    return _made(kind, **given)


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
    if len(values) != count or not all(abs(v) < FARTHEST for v in values):
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
