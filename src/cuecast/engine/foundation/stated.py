"""Numbers and choices that a card states under 'preprocessing', with defaults for those that it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cuecast.core.errors import PackError

WHERE = "card.json: preprocessing"


def read_numbers(
    given: Mapping[str, Any], numbers: Mapping[str, float], shares: Sequence[str] = ()
) -> dict[str, float]:
    """All of `numbers`, as given, else the default. Raises PackError for one that is not known, or no number from 0,
    and for one of the `shares` above 1."""
    read = {name: float(value) for name, value in read_stated(given, numbers, {}).items()}
    if above := next((name for name in shares if read[name] > 1), None):
        raise PackError(f"{above} is {read[above]}", WHERE, "give a share, up to 1")
    return read


def read_stated(
    given: Mapping[str, Any], numbers: Mapping[str, float], choices: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """The same of numbers and of `choices`, whose first is the default. Raises PackError."""
    if unknown := sorted(given.keys() - {*choices, *numbers}):
        raise PackError(f"{unknown[0]!r} is not known", WHERE, f"known are {', '.join((*choices, *numbers))}")
    for name, allowed in choices.items():
        if given.get(name, allowed[0]) not in allowed:
            raise PackError(f"{name} is {given[name]!r}", WHERE, f"use one of {', '.join(allowed)}")
    for name in numbers:
        value = given.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e3:
            raise PackError(f"{name} is {value!r}", WHERE, "give a number from 0 on")
    return {name: allowed[0] for name, allowed in choices.items()} | dict(numbers) | dict(given)
