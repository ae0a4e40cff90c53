"""Video files through PyAV (FFmpeg): frames by number, forward and backward, in bounded memory.

A first pass decodes the file and keeps each frame's time and whether it can be decoded alone (a key frame). Reading
then starts at the key frame before the frames that are asked for. A backward run is read in pieces: each piece is
decoded forward and handed out from its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cuecast.errors import ImageError, MissingExtraError
from cuecast.io.files import file_digest
from cuecast.io.raster import pixel_limit
from cuecast.io.video import Frame
from cuecast.types import Image

PIECE = 128 * 2**20
"""Bytes of frames that a backward run holds at once."""
THREADS = "NONE"
"""One thread decodes. Several on one frame do not say which frames are damaged; several frames at a time would lose
those under way at a broken one."""
SHORT = 0.03
"""Share of the stated length, at least half a second, that may be missing at the end of a sound file."""


def pyav() -> ModuleType:
    """The library, silenced. Raises MissingExtraError."""
    try:
        import av
        import av.logging
    except ImportError as error:
        raise MissingExtraError(
            "videos need PyAV, which is not installed; run: pip install 'cuecast[video]', "
            "or give a folder with the frames as pictures"
        ) from error
    av.logging.set_level(av.logging.PANIC)
    return av


@dataclass(frozen=True, eq=False)
class VideoFile:
    """The frames of a video file; see `Frames`. `stamps` and `keys`: time stamp of each frame, and of key frames."""

    path: Path
    size: tuple[int, int]
    seconds: tuple[float, ...]
    broken: str | None
    digest: str
    stamps: tuple[int, ...] | None = field(repr=False)
    keys: tuple[int, ...] = field(repr=False)
    skipped: int = 0

    @property
    def label(self) -> str:
        """The path."""
        return str(self.path)

    def name(self, index: int) -> str:
        """The number in six digits."""
        return f"{index:06d}"

    def read(self, which: range) -> Iterator[Frame]:
        """See `Frames.read`."""
        if which.step > 0:
            yield from self._forward(which.start, which.stop)
            return
        piece = max(1, PIECE // (3 * self.size[0] * self.size[1]))
        stop = which.start + 1
        while stop > which.stop + 1:
            start = max(which.stop + 1, stop - piece)
            yield from reversed(list(self._forward(start, stop)))
            stop = start

    def _forward(self, start: int, stop: int) -> Iterator[Frame]:
        """The frames from `start` to before `stop`."""
        if start >= stop:
            return
        key = max((k for k in self.keys if k <= start), default=0)
        try:
            for index, frame in self._decode_from(key if self.stamps else 0):
                if index >= start:
                    pixels = _upright(frame)
                    yield Frame(index, self.seconds[index], Image(pixels, f"{self.path.name} frame {index}"))
                if index + 1 >= stop:
                    return
            raise ValueError("the file ends before it")
        except (pyav().error.FFmpegError, ValueError) as error:
            raise ImageError(
                f"{self.path}: frame {stop - 1} could be read before and cannot now ({error}); "
                "leave the file as it is while it is worked on"
            ) from error

    def _decode_from(self, key: int) -> Iterator[tuple[int, Any]]:
        """(number, decoded frame) from the key frame `key` on; from the beginning where seeking fails."""
        av = pyav()
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = THREADS
            place = {} if self.stamps is None else {stamp: i for i, stamp in enumerate(self.stamps)}
            if key and self.stamps:
                container.seek(self.stamps[key], stream=stream)
            count = -self.skipped
            landed = not key
            for frame in container.decode(stream):
                index = place.get(frame.pts) if key else count
                count += 1
                if index is None or index < 0:
                    continue
                if not landed and index > key:
                    break
                landed = True
                yield index, frame
            if landed:
                return
        yield from self._decode_from(0)


def open_video(path: Path) -> VideoFile:
    """Look through a video file. Raises ImageError where it is none or has no sound frame, MissingExtraError."""
    av = pyav()
    try:
        digest = file_digest(path)
        with av.open(str(path)) as container:
            return _look_through(path, container, digest)
    except av.error.FFmpegError as error:
        raise ImageError(
            f"{path}: cannot be read as a video ({error.strerror}); it is damaged, cut off or of an unknown kind: "
            "export it again as MP4"
        ) from error
    except OSError as error:
        raise ImageError(
            f"{path}: cannot be read ({error.strerror}); check the name and the permissions"
        ) from error


def _look_through(path: Path, container: Any, digest: str) -> VideoFile:
    """Decode every frame once and keep its time stamp; the first broken one ends the video."""
    if not container.streams.video:
        raise ImageError(f"{path}: holds no video, only sound or text; give another file")
    stream = container.streams.video[0]
    stream.thread_type = THREADS
    size: tuple[int, int] | None = None
    stamps: list[int | None] = []
    keys: list[int] = []
    skipped, broken, shown = 0, None, 0.0
    frames = container.decode(stream)
    while True:
        try:
            frame = next(frames, None)
        except pyav().error.FFmpegError as error:
            broken = f"frame {len(stamps)} is broken ({error.strerror})"
            break
        if frame is None:
            break
        if frame.is_corrupt and not stamps:
            skipped += 1  # a recording joined midway: what cannot be decoded yet is no frame of it
            continue
        here = _turned_size(frame)
        if frame.is_corrupt or here != (size or here):
            broken = f"frame {len(stamps)} is broken ({'damaged data' if frame.is_corrupt else 'its size changes'})"
            break
        size = here
        if frame.key_frame:
            keys.append(len(stamps))
        stamps.append(frame.pts)
        shown = float((frame.duration or 0) * (frame.time_base or 0))
    if size is None:
        raise ImageError(
            f"{path}: no frame of it can be decoded ({broken or 'it is empty'}); export it again as MP4"
        )
    _check_size(path, size)
    seconds = _seconds(stamps, stream)
    broken = broken or _ends_early(stream, seconds, shown, stamps[0])
    ordered = all(s is not None for s in stamps) and all(a < b for a, b in pairwise(stamps))  # type: ignore[operator]
    whole = tuple(s for s in stamps if s is not None) if ordered else None
    return VideoFile(path, size, seconds, broken, digest, whole, tuple(keys), skipped)


def _check_size(path: Path, size: tuple[int, int]) -> None:
    limit = pixel_limit(ImageError)
    if size[0] * size[1] > limit:
        raise ImageError(
            f"{path}: frames of {size[1]} x {size[0]} are above the limit of {limit} pixels; "
            "make them smaller, or raise CUECAST_MAX_PIXELS"
        )


def _seconds(stamps: list[int | None], stream: Any) -> tuple[float, ...]:
    """Time of each frame from the first one on; from the frame rate where the file states no usable times."""
    first = stamps[0]
    if first is not None and all(s is not None for s in stamps) and stream.time_base:
        return tuple(float((s - first) * stream.time_base) for s in stamps if s is not None)
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    return tuple(i / rate for i in range(len(stamps)))


def _ends_early(
    stream: Any, seconds: tuple[float, ...], shown: float, first: int | None = None
) -> str | None:
    """A sentence where the file states that it is clearly longer than what could be decoded.

    The last frame lasts as long as the mean one, or `shown` seconds where the file states more of it. `first` is the
    stamp of the first frame.
    """
    stated = _stated_seconds(stream, first or 0)
    mean = seconds[-1] / (len(seconds) - 1) if len(seconds) > 1 else 0.0
    if stated is None or stated - seconds[-1] - max(shown, mean) <= max(0.5, SHORT * stated):
        return None
    return (
        f"it ends early: the file states {stated:.1f} s, and nothing follows frame {len(seconds) - 1} "
        f"at {seconds[-1]:.1f} s"
    )


def _stated_seconds(stream: Any, first: int) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag is None:
        return None
    # Matroska's tag is the time at which the last frame ends, and not the time from the first one on.
    return 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3]) - float(first * (stream.time_base or 0))


def _turns(frame: Any) -> int:
    """Quarter turns against the clock that bring a decoded frame upright, 0 to 3."""
    return int(round(frame.rotation / 90) % 4)


def _turned_size(frame: Any) -> tuple[int, int]:
    return (frame.width, frame.height) if _turns(frame) % 2 else (frame.height, frame.width)


def _upright(frame: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(H, W, 3) uint8 RGB of a decoded frame, turned as the file says."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), _turns(frame)))
