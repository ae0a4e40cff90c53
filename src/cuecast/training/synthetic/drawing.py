"""What scenes are drawn with: colours and textures that look alike in every image; the canvas, an image and its labels
together; and the shapes every family uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Array = NDArray[np.float32]


def value_noise(rng: np.random.Generator, size: int, scale: float, stretch: float = 1.0) -> Array:
    """Smooth noise (size, size), zero mean, unit deviation; bumps of `scale` pixels, wider by `stretch`."""
    rows = int(np.clip(round(size / scale), 1, size)) + 3
    columns = int(np.clip(round(size / (scale * stretch)), 1, size)) + 3
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    shift_x, shift_y = rng.random(2)
    box = (shift_x, shift_y, columns - 2 + shift_x, rows - 2 + shift_y)
    noise = np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC, box), np.float32)
    return noise * 1.3


def fractal_noise(rng: np.random.Generator, size: int, scale: float, persistence: float = 0.55) -> Array:
    """Sum of octaves of noise (size, size) from `scale` pixels down to two, normalised to unit deviation."""
    octaves = max(int(np.log2(max(scale, 2) / 2)) + 1, 1)
    edge = max(int(np.ceil(size / scale)), 2) + 2
    total = rng.standard_normal((edge, edge), dtype=np.float32)
    weight, power = 1.0, 1.0
    for _ in range(octaves - 1):
        weight *= persistence
        if weight < 0.08:
            break
        power += weight**2
        edge = min(2 * edge, size)
        total = _resized(total, edge)
        total += rng.standard_normal((edge, edge), dtype=np.float32) * np.float32(weight)
    return _resized(total, size) * np.float32(1.25 / power**0.5)


def _resized(field: Array, size: int) -> Array:
    """The field (h, w) resampled to (size, size) with smooth interpolation."""
    if field.shape == (size, size):
        return field
    return np.array(Image.fromarray(field).resize((size, size), Image.Resampling.BICUBIC), np.float32)


def ramp(size: int, angle: float) -> Array:
    """Linear ramp (size, size) in pixels along `angle`, zero in the middle."""
    line = np.arange(size, dtype=np.float32) - size / 2
    return line[None, :] * np.float32(np.cos(angle)) + line[:, None] * np.float32(np.sin(angle))


@dataclass(frozen=True)
class Layer:
    """One field of a texture: kind (a key of FIELDS), scale in pixels, direction, weight, sharpness."""

    kind: str
    scale: float
    angle: float
    weight: float
    sharpness: float


def _clouds(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    return fractal_noise(rng, size, layer.scale * 4, 0.4 + 0.4 * layer.sharpness)


def _grain(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    noise = rng.standard_normal((size, size), dtype=np.float32)
    sigma = min(layer.scale / 8, 1.5)
    return ndimage.gaussian_filter(noise, sigma) * np.float32(1 + 3 * sigma) if sigma > 0.3 else noise


def _stripes(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    phase = ramp(size, layer.angle) * np.float32(2 * np.pi / max(layer.scale, 3.0))
    phase += value_noise(rng, size, layer.scale * 5) * np.float32(1.5 * layer.sharpness)
    phase += np.float32(rng.uniform(0, 6.28))
    wave: Array = np.tanh(np.sin(phase) * np.float32(0.8 + 3 * layer.sharpness))
    return wave


def _weave(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    turned = replace(layer, angle=layer.angle + np.pi / 2)
    return np.maximum(_stripes(rng, size, layer), _stripes(rng, size, turned)) * np.float32(1.2) - np.float32(
        0.5
    )


def _spots(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    noise = value_noise(rng, size, layer.scale)
    above: Array = np.clip(
        (noise - np.float32(0.3 + layer.sharpness)) * np.float32(2) + np.float32(0.5), 0, 1
    )
    return above * np.float32(2.2) - np.float32(0.5)


def _ridges(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    return np.abs(fractal_noise(rng, size, layer.scale * 3, 0.5)) * np.float32(1.6) - np.float32(1.2)


def _fibres(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    stretch = 4 + 16 * layer.sharpness
    noise = value_noise(rng, size, max(layer.scale / 4, 1.0), stretch)
    return noise.T if np.cos(layer.angle) > 0 else noise


def _pebbles(rng: np.random.Generator, size: int, layer: Layer) -> Array:
    half = size // 2
    free = np.ones((half, half), bool)
    points = int(np.clip((size / max(layer.scale, 5)) ** 2, 4, 900))
    free[rng.integers(0, half, points), rng.integers(0, half, points)] = False
    distance = ndimage.distance_transform_edt(free).astype(np.float32) / np.float32(max(layer.scale, 5) / 4)
    return np.asarray(Image.fromarray(distance).resize((size, size), Image.Resampling.BILINEAR)) - np.float32(
        1
    )


FIELDS: dict[str, Callable[[np.random.Generator, int, Layer], Array]] = {
    "clouds": _clouds,
    "grain": _grain,
    "stripes": _stripes,
    "weave": _weave,
    "spots": _spots,
    "ridges": _ridges,
    "fibres": _fibres,
    "pebbles": _pebbles,
}


@dataclass(frozen=True)
class Texture:
    """A base colour and layers of noise that move it along `tint`; each draw is another piece of it."""

    base: Array
    tint: Array
    layers: tuple[Layer, ...]

    def draw(self, rng: np.random.Generator, size: int, jitter: float = 0.02) -> Array:
        """A new piece (size, size, 3), about [0, 1], its base colour moved by `jitter`."""
        base = self.base + rng.normal(0, jitter, 3).astype(np.float32)
        if not self.layers:
            return np.broadcast_to(base, (size, size, 3)).astype(np.float32)
        field = np.zeros((size, size), np.float32)
        for layer in self.layers:
            field += np.float32(layer.weight) * FIELDS[layer.kind](rng, size, layer)
        component = np.empty((size, size, 3), np.float32)
        for channel in range(3):
            np.multiply(field, self.tint[channel], out=component[..., channel])
            component[..., channel] += base[channel]
        return component

    def skin(self, rng: np.random.Generator, size: int, jitter: float = 0.02) -> Array:
        """(size, size, 3) like `draw` at a quarter of the cost: one piece of half the size and its mirror images."""
        half = (size + 1) // 2
        component = self.draw(rng, half, jitter)
        whole = np.empty((size, size, 3), np.float32)
        whole[:half, :half] = component
        whole[:half, half:] = component[:, : size - half][:, ::-1]
        whole[half:] = whole[: size - half][::-1]
        return whole


def random_colour(rng: np.random.Generator, saturation: float = 1.0) -> Array:
    """A colour (3,) in [0.05, 0.95]; `saturation` 0 gives greys."""
    grey = rng.uniform(0.08, 0.92)
    colour = grey + saturation * rng.uniform(-0.45, 0.45, 3)
    return np.clip(colour, 0.05, 0.95).astype(np.float32)


def colour_apart(
    rng: np.random.Generator, others: list[Array], least: float, saturation: float = 1.0
) -> Array:
    """A colour (3,) at least `least` away from each of `others` where twelve tries find one, else the farthest."""
    tries = [random_colour(rng, saturation) for _ in range(12)]
    gaps = [min((float(np.linalg.norm(one - other)) for other in others), default=9.0) for one in tries]
    good = [one for one, gap in zip(tries, gaps, strict=True) if gap >= least]
    return good[0] if good else tries[int(np.argmax(gaps))]


def random_saturation(rng: np.random.Generator) -> float:
    """How colourful a kind of scene is: a third of them are grey."""
    return 0.0 if rng.random() < 0.33 else float(rng.uniform(0.2, 1.0))


def random_texture(
    rng: np.random.Generator, base: Array, strength: float | None = None, kinds: tuple[str, ...] | None = None
) -> Texture:
    """A texture of one to three layers around the colour `base` (3,); `strength` is its deviation."""
    names = kinds or tuple(FIELDS)
    if strength is None:
        strength = float(np.exp(rng.uniform(np.log(0.01), np.log(0.15))))
    count = int(rng.integers(1, 4))
    weights = rng.dirichlet(np.ones(count)) ** 0.5
    layers = tuple(
        Layer(
            str(rng.choice(names)),
            float(np.exp(rng.uniform(np.log(3), np.log(40)))),
            float(rng.uniform(0, np.pi)),
            float(weight),
            float(rng.random()),
        )
        for weight in weights
    )
    tint = np.ones(3) + (rng.normal(0, 0.3, 3) if np.ptp(base) > 0.02 else 0.0)
    return Texture(base, (tint * strength).astype(np.float32), layers)


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
        """Take these pixels (h, w) of the box for class `label`: one more object, or `part` of the last one."""
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
