"""Video files through PyAV (FFmpeg): frames by number in bounded memory; and pictures as an MP4.

A first pass decodes the file and keeps each frame's time and whether it can be decoded alone (a key frame). Reading
then starts at the key frame before the frames that are asked for. A backward run is read in pieces: each piece is
decoded forward and handed out from its end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import ImageError, MissingExtraError, OutputError
from cuecast.core.values import Frame, Image
from cuecast.io.files import file_digest, replacing
from cuecast.io.pixels import pixel_limit

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
            "videos need PyAV, which is not installed",
            remedy="run: pip install 'cuecast[video]', or give a folder with the frames as pictures",
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
        component = max(1, PIECE // (3 * self.size[0] * self.size[1]))
        stop = which.start + 1
        while stop > which.stop + 1:
            start = max(which.stop + 1, stop - component)
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
                f"frame {stop - 1} could be read before and cannot now ({error})",
                self.path,
                "leave the file as it is while it is worked on",
            ) from error

    def _decode_from(self, key: int) -> Iterator[tuple[int, Any]]:
        """(number, decoded frame) from the key frame `key` on; from the beginning where seeking fails."""
        av = pyav()
        with av.open(str(self.path)) as container:
            stream = _film(container)
            if stream is None:
                raise ValueError("the file holds no video now")
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
            f"cannot be read as a video ({error.strerror})",
            path,
            "it is damaged, cut off or of an unknown kind: export it again as MP4",
        ) from error
    except OSError as error:
        raise ImageError(
            f"cannot be read ({error.strerror})", path, "check the name and the permissions"
        ) from error


def _look_through(path: Path, container: Any, digest: str) -> VideoFile:
    """Decode every frame once and keep its time stamp; the first broken one ends the video."""
    stream = _film(container)
    if stream is None:
        what = "the picture of a cover" if container.streams.video else "sound or text"
        raise ImageError(f"holds no video, only {what}", path, "give another file")
    stream.thread_type = THREADS
    size: tuple[int, int] | None = None
    stamps: list[int | None] = []
    keys: list[int] = []
    skipped, broken, shown = 0, None, 0.0
    frames = container.decode(stream)
    while True:
        try:
            frame = next(frames, None)
        except pyav().error.DecoderNotFoundError as error:
            raise ImageError(
                "its codec is none that the installed FFmpeg decodes",
                path,
                "export it again as MP4 with H.264",
            ) from error
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
            f"no frame of it can be decoded ({broken or 'it is empty'})", path, "export it again as MP4"
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
            f"frames of {size[1]} x {size[0]} are above the limit of {limit} pixels",
            path,
            "make them smaller, or raise CUECAST_MAX_PIXELS",
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


def _film(container: Any) -> Any | None:
    """The stream that FFmpeg takes for the film: never the picture of a cover, nor the small ones for a time bar.

    None where there is no other.
    """
    from av.stream import Disposition

    stills = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    films = [s for s in container.streams.video if not s.disposition & stills]
    best = container.streams.best("video")
    if best is not None and any(s.index == best.index for s in films):
        return best
    # A cover that is marked as the default: of the others the default, then the largest, is what FFmpeg takes.
    return max(
        films, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height), default=None
    )


def _upright(frame: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a decoded frame, turned and mirrored as the file says."""
    return np.ascontiguousarray(as_shown(frame.to_ndarray(format="rgb24"), _matrix(frame)))


def _turned_size(frame: Any) -> tuple[int, int]:
    stored = np.broadcast_to(np.uint8(0), (frame.height, frame.width))
    height, width = as_shown(stored, _matrix(frame)).shape
    return height, width


def _matrix(frame: Any) -> tuple[int, int, int, int] | None:
    """(a, b, c, d) of the display matrix that came with a frame."""
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return None
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
    return a, b, c, d


def as_shown(pixels: NDArray[Any], matrix: tuple[int, int, int, int] | None) -> NDArray[Any]:
    """Pixels (H, W, ...) turned by quarters and mirrored as FFmpeg shows them.

    matrix  (a, b, c, d) of the display matrix, where x' = a x + c y and y' = b x + d y; the angle is that of (a, b),
            to the nearest quarter, and the sign of the other column says whether it is mirrored. None leaves the
            pixels as they are.
    """
    if matrix is None or not any(matrix):
        return pixels
    a, b, c, d = matrix
    turns = round(math.degrees(math.atan2(b, a)) / 90) % 4
    if turns == 0:
        return pixels[::-1] if d < 0 else pixels
    if turns == 2:
        mirrored = pixels[:, ::-1] if a < 0 else pixels
        return mirrored[::-1] if d < 0 else mirrored
    crossed = pixels.swapaxes(0, 1)
    if turns == 1:
        return crossed if c > 0 else crossed[:, ::-1]
    return crossed[::-1, ::-1] if c < 0 else crossed[::-1]


ENCODERS = ("libx264", "libopenh264", "mpeg4")
"""Tried in this order. Browsers play the first two; the third is part of every FFmpeg."""
CLOCK = 1000
"""Ticks a second: times are kept to the millisecond."""
LEAST = 1001
"""Largest denominator of a rate: 30000/1001 is one of television's, and no rate is below one picture in so many s."""
LARGEST = 16384
"""Pixels that a side may have; encoders refuse more."""
OPTIONS = {"libx264": {"crf": "20", "preset": "veryfast"}}


def find_encoder(size: tuple[int, int] = (2, 2)) -> str:
    """The name of the first encoder of `ENCODERS` that is there; size (height, width) of the pictures.

    Raises MissingExtraError where none is, OutputError where it takes no pictures of that size.
    """
    av = pyav()
    if max(size) > LARGEST:
        raise OutputError(
            f"pictures of {size[1]} x {size[0]} are larger than the {LARGEST} pixels of an MP4",
            remedy="leave it out",
        )
    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise MissingExtraError(
        f"no encoder for MP4 is in the installed FFmpeg (looked for {', '.join(ENCODERS)})",
        remedy="run: pip install --force-reinstall av",
    )


def write_video(path: str | Path, pictures: Iterable[tuple[PILImage.Image, float]], rate: float) -> Path:
    """Write (picture, second at which it is shown) as MP4, whole or not at all; returns its path.

    All have the size of the first, and one column or row more where that is odd. `rate` in pictures a second is what
    players are told; the times are kept. Pictures are encoded as they come. Raises OutputError, MissingExtraError.
    """
    av = pyav()
    encoder = find_encoder()
    with replacing(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4") as container:
                _encode(container, encoder, pictures, rate)
        except av.error.FFmpegError as error:
            raise OutputError(
                f"the video cannot be encoded ({error.strerror})",
                path,
                "free some space, or leave it out with other formats",
            ) from error
    return Path(path)


def _encode(
    container: Any, encoder: str, pictures: Iterable[tuple[PILImage.Image, float]], rate: float
) -> None:
    stream: Any = None
    last = -1
    for picture, seconds in pictures:
        pixels = _even(np.asarray(picture.convert("RGB")))
        if stream is None:
            stream = _stream(container, encoder, pixels.shape[:2], rate)
        frame = pyav().VideoFrame.from_ndarray(pixels, format="rgb24")
        last = max(last + 1, round(seconds * CLOCK))
        frame.pts, frame.time_base = last, Fraction(1, CLOCK)
        container.mux(stream.encode(frame))
    if stream is not None:
        container.mux(stream.encode(None))


def _stream(container: Any, encoder: str, size: tuple[int, int], rate: float) -> Any:
    fraction = max(Fraction(rate).limit_denominator(LEAST), Fraction(1, LEAST))
    stream = container.add_stream(encoder, rate=fraction, options=OPTIONS.get(encoder, {}))
    stream.height, stream.width = size
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, CLOCK)
    if encoder == "mpeg4":
        stream.codec_context.bit_rate = int(4 * size[0] * size[1] * min(rate, 30) * 0.1)
    return stream


def _even(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(H, W, 3) with even sides, the last row or column repeated: colours are stored for two pixels together."""
    return np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
