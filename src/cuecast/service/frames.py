"""Videos and volumes as images in order: opened once, kept open, and read a frame or slice at a time.

A slice is one along z, the first axis of the volume, a pixel a voxel, through one window for the whole volume.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from cachetools import LRUCache, cached

from cuecast.core.values import Image
from cuecast.io.files import file_digest
from cuecast.io.video import Frames, open_frames
from cuecast.io.volumes import Reading, Volume, open_volume, value_window
from cuecast.propagation.volume_slices import Slices

SourceKind = Literal["video", "volume"]
Window = tuple[float, float]
PLANE: Literal["z"] = "z"
"""The plane of the slices."""
KEPT = 4
"""Sources that a process keeps open, those used last: looking through a long video takes a while."""


@dataclass(frozen=True)
class OpenVideo:
    """The frames of a video.

    size     (height, width) of each; `count`: how many there are.
    seconds  when the last one is shown, from the first on; `shown(index)`: when another one is.
    note     what a person should know of it.
    stem     of an index: what the results of one are called.
    """

    frames: Frames

    @property
    def size(self) -> tuple[int, int]:
        return self.frames.size

    @property
    def count(self) -> int:
        return len(self.frames.seconds)

    @property
    def seconds(self) -> float | None:
        return self.frames.seconds[-1]

    @property
    def note(self) -> str | None:
        return self.frames.broken

    def digest(self) -> str:
        """SHA-256 of what it is read from."""
        return self.frames.digest

    def stem(self, index: int) -> str:
        return self.frames.name(index)

    def shown(self, index: int) -> float | None:
        return self.frames.seconds[index]

    def image(self, index: int) -> Image:
        """One of them. Raises ImageError."""
        return next(iter(self.frames.read(range(index, index + 1)))).image


@dataclass(frozen=True)
class OpenVolume:
    """The slices of a volume, as `OpenVideo`; they have no time."""

    volume: Volume
    seconds = None

    @cached_property
    def window(self) -> Window:
        """(low, high): the values that become 0 and 255 in what is segmented. Raises ImageError."""
        return value_window(self.volume)

    @cached_property
    def _slices(self) -> Slices:
        return Slices(self.volume, PLANE, self.window)

    @property
    def size(self) -> tuple[int, int]:
        return self._slices.size

    @property
    def count(self) -> int:
        return self._slices.count

    @property
    def note(self) -> str | None:
        return "; ".join(self.volume.notes) or None

    def digest(self) -> str:
        """SHA-256 of what it is read from."""
        path = self.volume.path
        assert path is not None
        if path.is_file() and self.volume.format != "dicom":
            return file_digest(path)
        # A folder may hold several series: the slices of this one are what it is read from.
        folder, h = path if path.is_dir() else path.parent, hashlib.sha256()
        for part in sorted(self.volume.header):
            h.update(f"{part.relative_to(folder)}\n{file_digest(part)}\n".encode("utf-8", "surrogateescape"))
        return h.hexdigest()

    def stem(self, index: int) -> str:
        return f"{self.volume.name}_{PLANE}{index:04d}"  # as the manifest of a volume calls a slice

    def shown(self, index: int) -> float | None:  # noqa: ARG002
        return None

    def image(self, index: int) -> Image:
        """One of them. Raises ImageError."""
        return self._slices.voxel_image(index)

    def seen(self, index: int, window: Window) -> Image:
        """A slice through another window, to be looked at. Raises ImageError."""
        return Slices(self.volume, PLANE, window).voxel_image(index)


Opened = OpenVideo | OpenVolume
"""Images in order, read whenever they are asked for."""


@dataclass(frozen=True)
class SourceAt:
    """Where a video or volume lies; `reading` says which one it is where there are several."""

    kind: SourceKind
    path: Path
    reading: Reading = field(default_factory=Reading)

    def open(self) -> Opened:
        """It, from those that are open where it is among them and unchanged.

        Raises what `open_frames` and `open_volume` raise.
        """
        return _open(self)


@dataclass(frozen=True)
class FrameAt:
    """Where an image of a video or volume is: in which source, and its number there."""

    source: SourceAt
    index: int

    def image(self) -> Image:
        """Read it. Raises ImageError where the source is gone or damaged."""
        return self.source.open().image(self.index)


def _state(wanted: SourceAt) -> Hashable:
    stat = wanted.path.stat() if wanted.path.exists() else None
    return wanted, stat and (stat.st_mtime_ns, stat.st_size)


# Several threads may ask for one: the condition has it opened once, while others are asked for.
@cached(LRUCache[Hashable, Opened](KEPT), key=_state, condition=threading.Condition())
def _open(wanted: SourceAt) -> Opened:
    if wanted.kind == "video":
        return OpenVideo(open_frames(wanted.path))
    return OpenVolume(replace(open_volume(wanted.path, wanted.reading), path=wanted.path))
