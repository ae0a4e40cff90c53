"""Frames that follow each other, one at a time: of a video file, a folder of pictures, or a list of them.

`open_frames` looks at every frame once and keeps none, so that how many there are, when each is shown, and where the
first broken one is are known before any work; looking takes a small part of the time that tracking does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cuecast.core.errors import CuecastError, ImageError, InputError, MissingExtraError
from cuecast.core.values import Frame
from cuecast.io.formats import FORMATS, format_of_suffix
from cuecast.io.images import read_image
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.places import list_images


class Frames(Protocol):
    """Frames by number, read again whenever they are asked for; only a bounded number is ever in memory."""

    @property
    def label(self) -> str:
        """What the frames are called in messages."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every frame, upright."""
        ...

    @property
    def seconds(self) -> Sequence[float | None]:
        """When each frame is shown, from the first one on. Its length is the number of sound frames."""
        ...

    @property
    def broken(self) -> str | None:
        """Why there are no frames after the last one; None where the end is the end."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of what the frames were read from."""
        ...

    def name(self, index: int) -> str:
        """What the results of a frame are called."""
        ...

    def read(self, which: range) -> Iterator[Frame]:
        """The frames of a range with step 1 or -1, in its order. Raises ImageError."""
        ...


def open_frames(source: Any, window: tuple[float, float] | None = None) -> Frames:
    """The frames of a video file, a folder of pictures (sorted, '2' before '10'), or a sequence of pictures.

    window  (low, high) that becomes 0 to 255 in 16-bit and float pictures; None: the own percentiles of each, so
            that a picture does not depend on the others.

    A frame that is broken ends the frames: those before it are kept, and `broken` says what happened. Raises
    ImageError where there is no sound frame at all, InputError where it is nothing of the kind, a video is given a
    window, or two pictures of a folder differ in their suffix alone, MissingExtraError where a library
    is needed that is not installed: PyAV for videos, others for some kinds of pictures.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if path.is_dir():
            pictures = sorted(list_images([path]), key=lambda p: _natural(p.name))
            _check_names(pictures)
            return _look(FramesOfPictures(str(path), tuple(pictures), window))
        if not path.is_file():
            raise ImageError("there is no such video or folder of frames", path, "check the name")
        form = format_of_suffix("videos", path.name)
        if form is None and path.suffix.lower() in IMAGE_SUFFIXES:
            raise InputError(
                "this is one picture, not a video",
                path,
                "give a video, the folder of its frames, or use segment",
            )
        if window is not None:
            raise InputError(
                "a window is for pictures of more than 8 bits, not for videos", path, "leave it out"
            )
        # A file with another suffix is tried as a video, too.
        opened: Frames = (form or FORMATS["videos"][0]).load().open_video(path)
        return opened
    if (
        isinstance(source, (bytes, bytearray))
        or not hasattr(source, "__getitem__")
        or not hasattr(source, "__len__")
    ):
        raise InputError(
            f"frames are a video file, a folder, or a list of pictures, this is a {type(source).__name__}",
            remedy="for frames that come one by one, use cuecast.propagation.tracker.Tracker",
        )
    return _look(FramesOfPictures("frames", source, window))


@dataclass(frozen=True, eq=False)
class FramesOfPictures:
    """Frames that are pictures of one size: files, or whatever `read_image` takes. They state no times."""

    label: str
    pictures: Sequence[Any]
    window: tuple[float, float] | None = None
    size: tuple[int, int] = (0, 0)
    seconds: tuple[float | None, ...] = ()
    broken: str | None = None
    digest: str = ""

    def name(self, index: int) -> str:
        """The stem of the picture's file, else its number in six digits."""
        picture = self.pictures[index]
        return picture.stem if isinstance(picture, Path) else f"{index:06d}"

    def read(self, which: range) -> Iterator[Frame]:
        """See `Frames.read`."""
        for index in which:
            yield Frame(index, self.seconds[index], read_image(self.pictures[index], window=self.window))


def _look(found: FramesOfPictures) -> FramesOfPictures:
    """The pictures after a look at each: how many are sound and of one size, and what they hold."""
    digest = hashlib.sha256(repr(found.window).encode())
    size, broken, sound = (0, 0), None, 0
    for index in range(len(found.pictures)):
        try:
            image = read_image(found.pictures[index], window=found.window)
            if sound and image.size != size:
                raise ImageError(
                    f"is {image.size[1]} wide and {image.size[0]} high, the frames before it are {size[1]} and "
                    f"{size[0]}",
                    image.name,
                    "frames of one video have one size",
                )
        except MissingExtraError:
            raise
        except CuecastError as error:
            broken = f"frame {index} is broken: {error}"
            break
        size, sound = image.size, sound + 1
        digest.update(image.digest.encode())
    if not sound:
        raise ImageError(broken or f"{found.label}: there are no frames; give at least one picture")
    return FramesOfPictures(
        found.label, found.pictures, found.window, size, (None,) * sound, broken, digest.hexdigest()
    )


def _check_names(pictures: Sequence[Path]) -> None:
    """Raise InputError where the results of two pictures would have one name."""
    taken: dict[str, Path] = {}
    for picture in pictures:
        other = taken.setdefault(picture.stem.casefold(), picture)
        if other is not picture:
            raise InputError(
                f"{other} and {picture.name}: both are frame {picture.stem!r}",
                remedy="keep one of them in the folder, or give them different names",
            )


def _natural(name: str) -> list[tuple[int, int | str]]:
    """A key by which numbers in names sort as numbers."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]
