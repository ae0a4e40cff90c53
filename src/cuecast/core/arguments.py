"""Arguments that every door takes alike, and what is wrong with those that it has refused, in this project's words
instead of a library's.

Doors check what they are sent by pydantic models; an error of theirs is a mapping with `type`, `loc`, `ctx` and `msg`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")

Error = Mapping[str, Any]

_TRIED = re.compile(r"constrained-\w+$|(?:dict|list|tuple)\[.*\]$")
"""In a place: the kind of several that was tried, as pydantic calls it; the plain ones stand at the end alone."""

THRESHOLD = (
    "Score above 0 and up to 1 from which a pixel is marked, for all classes or for one; less marks more."
)
BY_ITSELF = "by the pack and by the areas in the cues"
"""What decides where no threshold is given."""

_KINDS = {
    "string": "text is expected",
    "int": "a whole number is expected",
    "float": "a number is expected",
    "bool": "true or false is expected",
    "list": "a list is expected",
    "tuple": "a list is expected",
    "dict": "an object with named fields is expected",
    "model": "an object with named fields is expected",
    "json": "it is not JSON that can be read",
}
"""First word of the type of an error -> what is said, where `_SAID` says nothing else."""

_SAID = {
    "missing": "this is missing",
    "extra_forbidden": "there is no such field",
    "unexpected_keyword_argument": "there is no such argument",
    "too_short": "it needs {min_length} or more entries, and has {actual_length}",
    "too_long": "at most {max_length} entries are taken",
    "string_too_short": "it needs {min_length} or more characters",
    "string_too_long": "at most {max_length} characters are taken",
    "string_pattern_mismatch": "the text is not of the form {pattern}",
    "string_unicode": "the text holds half of a character",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be {ge} or more",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be {le} or less",
    "finite_number": "a finite number is expected",
    "literal_error": "one of {expected} is expected",
    "enum": "one of {expected} is expected",
    "int_from_float": "a whole number is expected",
    "int_parsing_size": "the number is too large",
    "json_invalid": "it is not JSON that can be read ({error})",
    "value_error": "{error}",
}


def spread(
    function: Callable[..., T], field: Callable[[type, Any], Any] = lambda _, annotation: annotation
) -> Callable[..., T]:
    """The function as a door is to see it: an argument whose type is a dataclass stands for its fields.

    So arguments that belong together are declared once and reach the function as one value. All are by name.

    field  makes the annotation of an argument from the dataclass and the annotation of its field.
    """
    parameters: list[Parameter] = []
    groups: dict[str, tuple[type, list[str]]] = {}
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in signature(function).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            parameters.append(parameter.replace(annotation=kind, kind=Parameter.KEYWORD_ONLY))
            continue
        assert isinstance(kind, type)
        inner = get_type_hints(kind, include_extras=True)
        groups[name] = kind, [f.name for f in fields(kind)]
        parameters += [
            Parameter(
                f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=field(kind, inner[f.name])
            )
            for f in fields(kind)
        ]

    @wraps(function)
    def call(**given: Any) -> T:
        values = {name: kind(**{f: given.pop(f) for f in names}) for name, (kind, names) in groups.items()}
        return function(**given, **values)

    returned = hints.get("return", Signature.empty)
    call.__signature__ = Signature(parameters, return_annotation=returned)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returned}
    return call


def read_thresholds(texts: Iterable[str]) -> float | dict[str, float] | None:
    """What each [CLASS=]VALUE says, as `Concept.with_thresholds` takes it; None: nothing.

    Raises ValueError with what is to be said behind the name of the argument.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if name in found:
            raise ValueError(f"{text!r}: given twice for the same; give one")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = 0.0
        if not 0 < found[name] <= 1:
            raise ValueError(f"{text!r}: [CLASS=]VALUE is expected, a score above 0 and up to 1 such as 0.4")
    if "" in found and len(found) > 1:
        raise ValueError("without a class is for all of them: leave it out, or the others")
    return found.get("", found or None)


def phrase(error: Error) -> str:
    """What is wrong, without saying where: 'it needs 1 or more entries, and has 0'."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _SAID:
        try:
            return _SAID[kind].format(**context)
        except (KeyError, IndexError):
            return str(error["msg"])
    return _KINDS.get(kind.partition("_")[0], str(error["msg"]))


def place(loc: Iterable[Any]) -> str:
    """Where it is wrong, as one writes it: `cues[0].boxes[1].xyxy`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def sentence(errors: Iterable[Error], most: int = 5) -> str:
    """The first few errors in one line: 'images: this is missing; scale: one of 'frame' or 'pixel' is expected'.

    Errors of one place (an argument that may be of several kinds) are joined by 'or'.
    """
    said: dict[str, list[str]] = {}
    for error in errors:
        loc = [part for part in error["loc"] if not _TRIED.match(str(part))]
        while loc and loc[-1] in ("int", "str", "float", "bool"):
            loc.pop()
        words = said.setdefault(place(loc), [])
        if (new := phrase(error)) not in words:
            words.append(new)
    lines = [f"{where}: {' or '.join(words)}" for where, words in said.items()]
    left = len(lines) - most
    return "; ".join(lines[:most]) + (f"; and {left} more" if left > 0 else "")
