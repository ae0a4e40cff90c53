"""Writers that are tried one after the other: one that fails is named at the end, and the others have written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cuecast.core.errors import OutputError

T = TypeVar("T")


class Tried:
    """Calls writers, and keeps the errors of those that failed."""

    def __init__(self) -> None:
        self.failed: list[OutputError] = []

    def __call__(self, write: Callable[[], T]) -> T | None:
        """What a writer returns; None where it could not write."""
        try:
            return write()
        except OutputError as error:
            self.failed.append(error)
            return None


@contextmanager
def all_tried() -> Iterator[Tried]:
    """A `Tried` whose errors are raised as one OutputError when the block ends."""
    tried = Tried()
    yield tried
    if tried.failed:
        said = "; ".join(str(error) for error in tried.failed)
        raise OutputError(f"{said} (all else is written)") from tried.failed[0]
