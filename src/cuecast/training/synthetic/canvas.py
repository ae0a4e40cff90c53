"""Where scenes are drawn: an image and its labels together, and the shapes every family uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .textures import Array

Labels = NDArray[np.uint8]
Box = tuple[slice, slice]


class Canvas:
    """Image (size, size, 3) float32, about [0, 1], labels (size, size) uint8 and ids of objects (size, size) int32, 0
    where there is none; painted back to front."""

    def __init__(self, background: Array) -> None:
        self.image = np.array(background, np.float32)
        self.size = self.image.shape[0]
        self.labels: Labels = np.zeros(self.image.shape[:2], np.uint8)
        self.objects: NDArray[np.int32] = np.zeros(self.image.shape[:2], np.int32)
        self._count = 0

    def paint(
        self, alpha: Array, colour: Array, label: int | None, box: Box | None = None, least: float = 0.5
    ) -> None:
        """Blend `colour`, (3,) or an image of the canvas's or the box's size by the opacity `alpha` in `box`.

        Pixels with alpha of at least `least` are one more object of class `label`; None leaves the labels as they are.
        """
        box = box or (slice(None), slice(None))
        patch = self.image[box]
        if colour.ndim == 3 and colour.shape[:2] != patch.shape[:2]:
            colour = colour[box]
        patch += alpha[..., None] * (colour - patch)
        if label is not None:
            self.mark(alpha >= least, label, box)

    def mark(self, where: NDArray[np.bool_], label: int, box: Box, *, part: bool = False) -> None:
        """Take these pixels of the box for class `label`: one more object, or `part` of the last one."""
        self._count += not part
        self.labels[box][where] = label
        self.objects[box][where] = self._count if label else 0

    def shade(self, alpha: Array, factor: float, box: Box | None = None) -> None:
        """Multiply the image by `factor` where alpha is 1, by less elsewhere (shadows, gloss)."""
        self.image[box or (slice(None), slice(None))] *= (1 + alpha * np.float32(factor - 1))[..., None]


@dataclass(frozen=True)
class Kind:
    """One kind of scene: number of classes, and `paint(rng, present)`, which draws an instance of it.

    `present` holds the classes (1..classes) that may appear; things of other classes are left out.
    """

    classes: int
    paint: Callable[[np.random.Generator, frozenset[int]], Canvas]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between `low` and `high`, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def opacity(depth: Array, softness: float = 1.0) -> Array:
    """Alpha in [0, 1] from depth below a shape's edge in pixels; the edge is `softness` pixels wide."""
    alpha: Array = np.clip(depth / np.float32(softness) + np.float32(0.5), 0, 1)
    return alpha


@dataclass(frozen=True)
class Blob:
    """A closed shape in its window `box`: `depth` in pixels below its edge, negative outside."""

    box: Box
    depth: Array


def draw_blob(
    rng: np.random.Generator,
    size: int,
    centre: tuple[float, float],
    radius: float,
    elongation: float = 1.0,
    roughness: float = 0.0,
    angle: float | None = None,
    lobes: int | None = None,
) -> Blob | None:
    """A round shape with centre (x, y), elongated along `angle` and made irregular by `roughness`.

    None where it lies outside the frame.
    """
    x, y = centre
    reach = radius * elongation**0.5 * (1 + 1.6 * roughness) + 2
    x0, x1 = max(int(x - reach), 0), min(int(x + reach) + 2, size)
    y0, y1 = max(int(y - reach), 0), min(int(y + reach) + 2, size)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    angle = float(rng.uniform(0, np.pi)) if angle is None else angle
    dx = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(x)
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(y)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (dx * cosine + dy * sine) / np.float32(radius * elongation**0.5)
    across = (dy * cosine - dx * sine) / np.float32(radius / elongation**0.5)
    distance = np.hypot(along, across)
    edge: Array | float = 1.0
    if roughness > 0 and radius > 3:
        theta = np.arctan2(across, along)
        waves = (lobes,) if lobes else (2, 3, 5)
        edge = np.ones_like(theta)
        for wave in waves:
            height = roughness * (1.0 if lobes else rng.normal() * 1.3 / wave**0.7)
            edge = edge + np.float32(height) * np.cos(
                np.float32(wave) * theta + np.float32(rng.uniform(0, 6.28))
            )
    depth = (edge - distance) * np.float32(radius / elongation**0.5)
    return Blob((slice(y0, y1), slice(x0, x1)), depth.astype(np.float32))


Path = tuple[NDArray[np.float64], NDArray[np.float64]]


def draw_paths(size: int, paths: Sequence[Path]) -> Array:
    """Alpha (size, size) of polylines, each (points (N, 2) of x, y; widths (N,)), in pixels."""
    sheet = Image.new("L", (2 * size, 2 * size))
    pen = ImageDraw.Draw(sheet)
    for points, widths in paths:
        corners = (points * 2).tolist()
        thick = np.maximum(np.rint(widths[1:] + widths[:-1]), 1).astype(int).tolist()
        for start, end, width in zip(corners[:-1], corners[1:], thick, strict=True):
            pen.line((start[0], start[1], end[0], end[1]), fill=255, width=width)
            if width > 3:
                r = (width - 1) / 2
                pen.ellipse((end[0] - r, end[1] - r, end[0] + r, end[1] + r), fill=255)
    return np.asarray(sheet.reduce(2), np.float32) / np.float32(255)


def window(size: int, points: NDArray[np.float64]) -> Box:
    """The part of the frame that these points (N, 2) of x, y span, at least one pixel."""
    low = np.clip(np.floor(points.min(0)), 0, size - 1).astype(int)
    high = np.clip(np.ceil(points.max(0)) + 1, low + 1, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def draw_polygon(box: Box, points: NDArray[np.float64]) -> Array:
    """Alpha (h, w) in `box` of one filled polygon with corners (N, 2) of x, y in the frame."""
    height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
    sheet = Image.new("L", (2 * width, 2 * height))
    corners = (points - [box[1].start, box[0].start]) * 2
    ImageDraw.Draw(sheet).polygon([tuple(corner) for corner in corners.tolist()], fill=255)
    return np.asarray(sheet.reduce(2), np.float32) / np.float32(255)


def walk(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    steps: int,
    stride: float,
    bend: float,
    jag: float,
) -> NDArray[np.float64]:
    """Points (steps + 1, 2) of a wandering line; `bend` (drift of its heading) and `jag` are in radians."""
    turns = np.cumsum(rng.normal(0, bend, steps)) + rng.normal(0, jag, steps) + heading
    moves = np.stack([np.cos(turns), np.sin(turns)], 1) * stride
    return np.concatenate([[start], np.asarray(start) + np.cumsum(moves, 0)])


def scatter(
    rng: np.random.Generator, size: int, radii: Sequence[float], crowded: bool, margin: float = 0.0
) -> list[tuple[float, float]]:
    """Centres (x, y) for things with these radii, mostly without overlap unless `crowded`."""
    placed: list[tuple[float, float]] = []
    taken = np.zeros((len(radii), 3))
    for index, radius in enumerate(radii):
        x = y = 0.0
        for _ in range(1 if crowded else 8):
            x, y = (float(value) for value in rng.uniform(margin, size - margin, 2))
            seen = taken[:index]
            if not np.any(np.hypot(seen[:, 0] - x, seen[:, 1] - y) < 0.95 * (seen[:, 2] + radius)):
                break
        taken[index] = x, y, radius
        placed.append((x, y))
    return placed
