"""Every error cuecast raises on purpose, in one tree.

    CuecastError
    ├── InputError          an image, mask or folder that was given cannot be used
    │   ├── ImageError      unreadable, truncated, too large, NaN pixels
    │   ├── MaskError       unreadable mask or label file, size differs from its image
    │   └── CueError        a cue that marks nothing, a box outside its image, unknown class
    ├── CueSetError         a cue set (folder or zip) that is malformed
    ├── PackError           unknown pack, corrupt pack, pack for a newer version
    ├── OutputError         output folder holds other results, no space, no permission
    ├── EpisodeError        a line of an episode list that cannot be read
    └── MissingExtraError   an optional library is needed and not installed

Each says what is wrong, where, and what to do about it: `where: what; remedy`. Who reports one takes the fields and
never parts the text. Anything else that escapes is a bug.
`CuecastWarning` is no error: a note on how an input was understood.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Self


class CuecastError(Exception):
    """Base of all errors that cuecast raises on purpose.

    what    what is wrong.
    where   the file, folder or thing it is about, as messages name it; None where `what` says all.
    remedy  what to do about it; None where `what` says so, or nothing can be done.
    """

    def __init__(self, what: str = "", where: object = None, remedy: str | None = None) -> None:
        self.what, self.remedy = what, remedy
        self.where = None if where is None else str(where)
        super().__init__(self._message())

    @property
    def reason(self) -> str:
        """What is wrong and where, without the remedy."""
        return self.what if self.where is None else f"{self.where}: {self.what}"

    def at(self, where: object) -> Self:
        """The same error with another name for the place: that which its reader knows the file by."""
        moved = copy.copy(self)
        moved.where = None if where is None else str(where)
        moved.args = (moved._message(),)
        return moved

    def within(self, place: object) -> Self:
        """The same error with the place that its own place is in before it: 'a.png: mask.png: it is damaged'."""
        return self.at(place if self.where is None else f"{place}: {self.where}")

    def reworded(self, change: Callable[[str], str]) -> Self:
        """The same error with all its texts changed, as where files have other names for who reads it."""
        moved = self.at(self.where if self.where is None else change(self.where))
        moved.what = change(self.what)
        moved.remedy = self.remedy and change(self.remedy)
        moved.args = (moved._message(),)
        return moved

    def _message(self) -> str:
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason


class InputError(CuecastError):
    """Something that was given as input cannot be used."""


class ImageError(InputError):
    """An image is unreadable, truncated, too large, or holds NaN pixels."""


class MaskError(InputError):
    """A mask or label file is unreadable, or does not fit its image."""


class CueError(InputError):
    """A cue marks nothing, lies outside its image, or names an unknown class."""


class CueSetError(CuecastError):
    """A cue set (folder or zip) is malformed."""


class PackError(CuecastError):
    """A pack is unknown, corrupt, or made for a newer version."""


class OutputError(CuecastError):
    """Results cannot be written where they were asked for."""


class EpisodeError(CuecastError):
    """An episode list holds a line that cannot be used."""


class MissingExtraError(CuecastError):
    """An optional library is needed for this and is not installed."""


class CuecastWarning(UserWarning):
    """A note on an input that was used: what of it was passed over, or how it was understood."""


def cause(error: BaseException) -> str:
    """What an error of the system or of a library says, without its number, and the file, which messages name."""
    return getattr(error, "strerror", None) or str(error)


def without_name(message: str, name: str) -> str:
    """What a message says of a thing, for where its name stands already: 'a.png: it is damaged' -> 'it is damaged'."""
    return message.removeprefix(f"{name}: ").removeprefix(f"{name} ") or message
