"""Videos and volumes as images in order: opened once, kept open, and read a frame or slice at a time.

A slice is one along z, the first axis of the volume, a pixel a voxel, through one window for the whole volume.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from cuecast.core.values import Image
from cuecast.io.files import file_digest
from cuecast.io.video import Frames, open_frames
from cuecast.io.volumes import Reading, Volume, open_volume, value_window
from cuecast.propagation.volume_slices import Slices

SourceKind = Literal["video", "volume"]
PLANE: Literal["z"] = "z"
"""The plane of the slices."""
KEPT = 4
"""Sources that a process keeps open, those used last: looking through a long video takes a while."""


class Source(Protocol):
    """Images in order, read whenever they are asked for."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of each."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def seconds(self) -> float | None:
        """When the last one is shown, from the first on; None where that is not stated."""
        ...

    @property
    def note(self) -> str | None:
        """What a person should know of it."""
        ...

    def digest(self) -> str:
        """SHA-256 of what it is read from."""
        ...

    def stem(self, index: int) -> str:
        """What the results of one are called."""
        ...

    def shown(self, index: int) -> float | None:
        """When one is shown, in seconds from the first on."""
        ...

    def image(self, index: int) -> Image:
        """One of them. Raises ImageError."""
        ...


@dataclass(frozen=True)
class FramesSource:
    """The frames of a video."""

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
        return self.frames.digest

    def stem(self, index: int) -> str:
        return self.frames.name(index)

    def shown(self, index: int) -> float | None:
        return self.frames.seconds[index]

    def image(self, index: int) -> Image:
        return next(iter(self.frames.read(range(index, index + 1)))).image


@dataclass(frozen=True)
class SlicesSource:
    """The slices of a volume."""

    volume: Volume

    @cached_property
    def _slices(self) -> Slices:
        return Slices(self.volume, PLANE, value_window(self.volume))

    @property
    def size(self) -> tuple[int, int]:
        return self._slices.size

    @property
    def count(self) -> int:
        return self._slices.count

    @property
    def seconds(self) -> float | None:
        return None

    @property
    def note(self) -> str | None:
        return "; ".join(self.volume.notes) or None

    def digest(self) -> str:
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
        return slice_name(self.volume, index)

    def shown(self, index: int) -> float | None:  # noqa: ARG002  slices have no time
        return None

    def image(self, index: int) -> Image:
        return self._slices.voxel_image(index)


def slice_name(volume: Volume, index: int) -> str:
    """What the manifest of a volume calls a slice."""
    return f"{volume.name}_{PLANE}{index:04d}"


@dataclass(frozen=True)
class SourceAt:
    """Where a video or volume lies; `reading` says which one it is where there are several."""

    kind: SourceKind
    path: Path
    reading: Reading = field(default_factory=Reading)

    def open(self) -> Source:
        """It, from those that are open where it is among them and unchanged.

        Raises what `open_frames` and `open_volume` raise.
        """
        return _OPEN.get(self)


@dataclass(frozen=True)
class FrameAt:
    """Where an image of a video or volume is: in which source, and its number there."""

    source: SourceAt
    index: int

    def image(self) -> Image:
        """Read it. Raises ImageError where the source is gone or damaged."""
        return self.source.open().image(self.index)


@dataclass(eq=False)
class _Entry:
    """A source that is open, or is being opened by whoever holds the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    source: Source | None = None


@dataclass(eq=False)
class _Open:
    """The sources that are open in this process. Several threads may ask for one: it is opened once."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    entries: OrderedDict[Hashable, _Entry] = field(default_factory=OrderedDict)

    def get(self, wanted: SourceAt) -> Source:
        path = wanted.path
        stat = path.stat() if path.exists() else None
        key = wanted, stat and (stat.st_mtime_ns, stat.st_size)
        with self.lock:
            entry = self.entries.setdefault(key, _Entry())
            self.entries.move_to_end(key)
            while len(self.entries) > KEPT:
                self.entries.popitem(last=False)
        with entry.lock:
            if entry.source is None:
                entry.source = (
                    FramesSource(open_frames(path))
                    if wanted.kind == "video"
                    else SlicesSource(replace(open_volume(path, wanted.reading), path=path))
                )
            return entry.source


_OPEN = _Open()
