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

Each message says what is wrong, where, and what to do about it. Anything else that escapes is a bug.
`CuecastWarning` is no error: a note on how an input was understood.
"""

from __future__ import annotations


class CuecastError(Exception):
    """Base of all errors that cuecast raises on purpose."""


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


def without_name(message: str, name: str) -> str:
    """What a message says of a thing, for where its name stands already: 'a.png: it is damaged' -> 'it is damaged'."""
    return message.removeprefix(f"{name}: ").removeprefix(f"{name} ") or message
