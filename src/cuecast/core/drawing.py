"""Pictures for people: masks and marks drawn over images. Pure functions; nothing is read or written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw

from cuecast.core.values import IGNORE, ClassInfo, Image, Marks

IGNORE_RGB = (128, 128, 128)
NEGATIVE_RGB = PARTED_RGB = (255, 255, 255)
LINES_PER_SIDE = 320
"""Outlines are this fraction of the shorter side, so that they survive in a thumbnail of the picture."""


def overlay(
    image: Image,
    mask: NDArray[np.int32],
    classes: Sequence[ClassInfo],
    opacity: float = 0.45,
    outline: bool = True,
    objects: NDArray[np.int32] | None = None,
) -> PILImage.Image:
    """The image with each class of `mask` (H, W) int32 tinted in its colour and, where asked, outlined.

    `opacity` in [0, 1] is the share of the class's colour in the tint. Pixels to ignore are tinted grey.
    Pixels of no class stay as they are. `objects` (H, W) int32 tells the things of a class apart, by ids from 1: where
    two of them touch, each has its outline. Returns an RGB PIL image of the image's size.
    """
    out = image.pixels.copy()
    for value, rgb in ((IGNORE, IGNORE_RGB), *((c.id, c.rgb) for c in classes)):
        window = _extent(mask == value)
        if window is None:
            continue
        inside, view = mask[window] == value, out[window]
        colour = np.asarray(rgb, np.float32)
        view[inside] = np.rint(view[inside] * (1 - opacity) + colour * opacity).astype(np.uint8)
        if outline and value != IGNORE:
            ids = None if objects is None else objects[window]
            view[_rim(inside, line_width(image.size), ids)] = rgb
    return PILImage.fromarray(out)


def draw_marks(
    image: Image, marks: Marks, classes: Sequence[ClassInfo], opacity: float = 0.45
) -> PILImage.Image:
    """The image with a cue's marks over it: its mask as in `overlay`, boxes and strokes as lines, points as dots.

    Where objects touch that are told apart, a white line stands between them.
    Marks of class 0 ('not this') are white. Returns an RGB PIL image of the image's size.
    """
    blank = np.zeros(marks.size, np.int32)
    picture = overlay(image, blank if marks.mask is None else marks.mask, classes, opacity)
    if marks.objects is not None:
        picture = PILImage.fromarray(_parted(np.array(picture), marks.objects))
    draw = ImageDraw.Draw(picture)
    colours = {0: NEGATIVE_RGB, **{c.id: c.rgb for c in classes}}
    width = line_width(image.size)
    for box in marks.boxes:
        x1, y1, x2, y2 = box.xyxy
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colours.get(box.cls), width=width)
    for stroke in sorted(marks.strokes, key=lambda stroke: stroke.width is None):
        rgb = colours.get(stroke.cls, NEGATIVE_RGB)
        if stroke.width is None:
            _dot(draw, stroke.path[0], 3 * width, rgb, width)
        else:
            _stroke(draw, stroke.path, rgb, max(width, round(stroke.width)))
    return picture


def thumbnail(picture: PILImage.Image, side: int) -> PILImage.Image:
    """A copy whose longer side is at most `side` pixels, aspect kept; never enlarged."""
    small = picture.convert("RGB")
    longest = max(small.size)
    if longest <= side:
        return small.copy() if small is picture else small
    width, height = (max(1, round(v * side / longest)) for v in small.size)
    return small.resize((width, height), PILImage.Resampling.LANCZOS, reducing_gap=3.0)


def line_width(size: tuple[int, int]) -> int:
    """Width in pixels of a line that is easy to see in an image of `size` (height, width)."""
    return max(1, round(min(size) / LINES_PER_SIDE))


def _extent(where: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The smallest window that holds all true pixels of (H, W); None where there is none."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not rows.size:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _rim(inside: NDArray[np.bool_], width: int, ids: NDArray[np.int32] | None = None) -> NDArray[np.bool_]:
    """The pixels of `inside` (h, w) at most `width` steps (4-neighbourhood) from its outside, or from another id."""
    core = inside if ids is None else inside & _alike(ids)
    for step in range(width):
        # A pixel beside another id has made the first step.
        before = inside if step == 0 else core
        padded = np.pad(before, 1)
        core = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~core


def _alike(ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where all four neighbours of a pixel in ids (h, w) that there are have its id."""
    p = np.pad(ids, 1, mode="edge")
    alike: NDArray[np.bool_] = (
        (p[:-2, 1:-1] == ids) & (p[2:, 1:-1] == ids) & (p[1:-1, :-2] == ids) & (p[1:-1, 2:] == ids)
    )
    return alike


def _parted(pixels: NDArray[np.uint8], ids: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The pixels (H, W, 3), changed in place: white where an object (H, W) lies against another one."""
    for seen, numbers in ((pixels, ids), (pixels.swapaxes(0, 1), ids.T)):
        one, other = numbers[:-1], numbers[1:]
        seen[:-1][(one != other) & (one > 0) & (other > 0)] = PARTED_RGB
    return pixels


def _stroke(
    draw: ImageDraw.ImageDraw, path: Sequence[tuple[float, float]], rgb: tuple[int, int, int], width: int
) -> None:
    if len(path) > 1:
        draw.line(list(path), fill=rgb, width=width, joint="curve")
    for x, y in (path[0], path[-1]):
        r = (width - 1) / 2
        draw.ellipse((x - r, y - r, x + r, y + r), fill=rgb)


def _dot(
    draw: ImageDraw.ImageDraw, xy: tuple[float, float], radius: int, rgb: tuple[int, int, int], width: int
) -> None:
    """A disc with a dark rim, so that it shows on a ground of its own colour."""
    x, y = xy
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rgb, outline=(0, 0, 0), width=width)
