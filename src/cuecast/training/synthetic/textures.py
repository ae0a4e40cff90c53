"""Colours and textures of drawn scenes: noise fields, and textures that look alike in every image."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
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
        """Like `draw` at a quarter of the cost: one piece of half the size and its mirror images."""
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
    """A colour at least `least` away from each of `others` where twelve tries find one, else the farthest."""
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
    """A texture of one to three layers around the colour `base`; `strength` is its deviation."""
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
