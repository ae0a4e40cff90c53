"""A video of pictures, each shown at its own time: MP4, by whichever encoder the installed FFmpeg has."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from cuecast.core.errors import MissingExtraError, OutputError
from cuecast.io.files import replacing
from cuecast.io.video.file import pyav

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
            f"pictures of {size[1]} x {size[0]} are larger than the {LARGEST} pixels of an MP4; leave it out"
        )
    for name in ENCODERS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise MissingExtraError(
        f"no encoder for MP4 is in the installed FFmpeg (looked for {', '.join(ENCODERS)}); "
        "run: pip install --force-reinstall av"
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
                f"{path}: the video cannot be encoded ({error.strerror}); free some space, or leave it out with other "
                "formats"
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
