"""What of a label file cannot be used: counted by reason, and said once for the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cuecast.core.errors import CuecastError, MaskError
from cuecast.core.notes import give_note

BOX = "a box without an outline"
"""Among outlines it is read as the rectangle that it is; outlines lie over it."""


class PassedOver:
    """Gathers while one file is read. What it counts are annotations, shapes, lines or features."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._reasons: dict[str, list[str]] = {}
        self._boxes: list[str] = []

    def skip(self, reason: str, where: str) -> None:
        """One cannot be used; `where` names it: 'annotation 7', 'line 3'."""
        self._reasons.setdefault(reason, []).append(where)

    def box(self, where: str) -> None:
        """One has no outline but a box, which is read as a rectangle."""
        self._boxes.append(where)

    @contextmanager
    def each(self, where: str) -> Iterator[None]:
        """What goes wrong inside with one of them is the reason why it is passed over."""
        try:
            yield
        except KeyError as error:
            self.skip(f"{error} is missing", where)
        except (CuecastError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
            self.skip(str(error).removeprefix(f"{self.path}: "), where)

    @property
    def reasons(self) -> str:
        """Why some were passed over, each reason with its count; '' where none was."""
        return "; ".join(_counted(reason, places) for reason, places in self._reasons.items())

    def settle(self, used: int) -> None:
        """Say what was passed over, and what was read as a rectangle.

        used  how many could be used. Raises MaskError where that is none, though there were some.
        """
        if self.reasons and not used:
            raise MaskError(
                f"{self.path}: nothing in it can be used as an outline: {self.reasons}; correct it or export again"
            )
        if self.reasons:
            give_note(f"{self.path}: passed over, as it cannot be used: {self.reasons}")
        if self._boxes:
            give_note(
                f"{self.path}: read as a rectangle: {_counted(BOX, self._boxes)}; outline it, or mark it with a box "
                "(--box) instead, where the thing does not fill it"
            )


def _counted(reason: str, places: list[str]) -> str:
    """'a polygon of less than three points (annotation 7)', or '... (3 times, first annotation 7)'."""
    return f"{reason} ({places[0] if len(places) == 1 else f'{len(places)} times, first {places[0]}'})"
