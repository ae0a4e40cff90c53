"""Short films in flat colours, for the pack `colours`: a red square moves over a blue ground."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuecast.io.labels.outlines import decode_rle, expand_counts

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)
SIZE = (48, 64)
SIDE = 12

Pixels = NDArray[np.uint8]
Corner = tuple[int, int] | None
"""Row and column of a square's first pixel; None where it is hidden."""


def still(*squares: tuple[Corner, tuple[int, int, int]], size: tuple[int, int] = SIZE) -> Pixels:
    """One frame with squares of `SIDE` pixels in these colours."""
    pixels = np.full((*size, 3), BLUE, np.uint8)
    for corner, colour in squares:
        if corner is not None:
            pixels[corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE] = colour
    return pixels


def film(
    count: int, where: Callable[[int], Corner], *others: tuple[Corner, tuple[int, int, int]]
) -> list[Pixels]:
    """`count` frames with a red square at `where(i)`, and other squares that stay."""
    return [still((where(i), RED), *others) for i in range(count)]


def square(corner: Corner, value: int = 1, size: tuple[int, int] = SIZE) -> NDArray[np.int32]:
    """The mask of one square."""
    mask = np.zeros(size, np.int32)
    if corner is not None:
        mask[corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE] = value
    return mask


def save_frames(folder: Path, pictures: Sequence[Pixels]) -> list[Path]:
    """f0.png, f1.png, ... in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"f{i}.png" for i in range(len(pictures))]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def save_film(
    path: Path,
    pictures: Sequence[Pixels],
    codec: str = "libx264rgb",
    form: str = "rgb24",
    milliseconds: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video file through PyAV with a key frame every 5 frames; without loss where the codec can."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(
        str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}
    ) as container:
        stream = container.add_stream(codec, rate=25, options={"qp": "0", "bf": "0", **(options or {})})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = form
        stream.gop_size = 5
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for i, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = milliseconds[i] if milliseconds else 40 * i, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_ytvis(path: Path) -> tuple[list[NDArray[np.int32]], list[str]]:
    """The label maps of the frames in a YouTube-VIS file of one video, and the names of its classes."""
    data = json.loads(path.read_text(encoding="utf-8"))
    (video,) = data["videos"]
    size = (video["height"], video["width"])
    maps = [np.zeros(size, np.int32) for _ in video["file_names"]]
    for found in data["annotations"]:
        for labels, segmentation in zip(maps, found["segmentations"], strict=True):
            if segmentation is not None:
                obj = decode_rle(expand_counts(segmentation["counts"]), size, found["category_id"])
                x1, y1, x2, y2 = obj.xyxy
                labels[y1:y2, x1:x2][obj.mask] = obj.cls
    return maps, [c["name"] for c in data["categories"]]
