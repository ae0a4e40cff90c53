"""A frame divided into regions, each filled with one of a few textures: land cover, tissue, rock, cloth."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .canvas import Canvas, Kind, Labels, log_uniform
from .textures import (
    FIELDS,
    Texture,
    colour_apart,
    fractal_noise,
    ramp,
    random_colour,
    random_saturation,
    random_texture,
)


def _textures(rng: np.random.Generator, count: int, alike: bool) -> list[Texture]:
    """Textures that differ in colour, or (`alike`) only in their pattern, which is then strong."""
    saturation = random_saturation(rng)
    base = random_colour(rng, saturation)
    if not alike:
        bases = [base]
        while len(bases) < count:
            bases.append(colour_apart(rng, bases, log_uniform(rng, 0.12, 0.4), saturation))
        return [random_texture(rng, one) for one in bases]
    kinds = rng.permutation(list(FIELDS))[:count]
    middle = np.clip(base, 0.3, 0.7)
    found = [random_texture(rng, middle, float(rng.uniform(0.1, 0.18)), (str(kind),)) for kind in kinds]
    return [replace(one, layers=one.layers[:1]) for one in found]


def _voronoi(rng: np.random.Generator, size: int, number: int, ruffle: float) -> NDArray[np.int64]:
    """Cell numbers (size, size) of a Voronoi partition with wavy edges."""
    half = size // 2
    seeds = np.zeros((half, half), np.int64)
    seeds[rng.integers(0, half, number), rng.integers(0, half, number)] = np.arange(1, number + 1)
    where = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    small = seeds[where[0], where[1]]
    line = np.arange(size)
    dy = (fractal_noise(rng, size, 24) * ruffle).astype(int)
    dx = (fractal_noise(rng, size, 24) * ruffle).astype(int)
    rows = np.clip((line[:, None] + dy) // 2, 0, half - 1)
    columns = np.clip((line[None, :] + dx) // 2, 0, half - 1)
    cells: NDArray[np.int64] = small[rows, columns]
    return cells


def _partition(rng: np.random.Generator, size: int, layout: str, classes: list[int], scale: float) -> Labels:
    """Labels (size, size) drawn from `classes`."""
    if layout == "voronoi":
        number = int(np.clip((1 / scale) ** 2, 6, 60))
        cells = _voronoi(rng, size, number, rng.uniform(0, 4))
        lookup = rng.choice(classes, number + 1)
        lookup[1 : 1 + len(classes)] = classes
        return lookup[cells].astype(np.uint8)
    if layout == "bands":
        field = ramp(size, float(rng.uniform(0, 6.28))) / size + fractal_noise(
            rng, size, size / 4
        ) * np.float32(0.05)
        thresholds = np.sort(rng.uniform(-0.45, 0.45, max(len(classes) - 1, 1)))
        order = rng.permutation(classes)
        labels: Labels = order[np.minimum(np.digitize(field, thresholds), len(classes) - 1)].astype(np.uint8)
        return labels
    fields = np.stack([fractal_noise(rng, size, max(scale * size, 10), 0.35) for _ in classes])
    found: Labels = np.asarray(classes, np.uint8)[fields.argmax(0)]
    return found


def regions(rng: np.random.Generator, size: int) -> Kind:
    """Two to five textures; the first is the background, the others are the classes."""
    count = int(rng.integers(2, 6))
    textures = _textures(rng, count, alike=rng.random() < 0.35)
    layout = str(rng.choice(["voronoi", "noise", "bands"]))
    scale = log_uniform(rng, 0.12, 0.6)
    outlined = rng.random() < 0.2
    outline = random_colour(rng)
    soft = rng.random() < 0.3

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        labels = _partition(rng, size, layout, [0, *sorted(present)], scale)
        canvas = Canvas(textures[0].draw(rng, size))
        for label in sorted(present):
            mask = labels == label
            if soft:
                sheet = Image.fromarray((mask * np.uint8(255)).astype(np.uint8))
                alpha = ndimage.uniform_filter(np.asarray(sheet, np.float32) / 255, 3)
            else:
                alpha = mask.astype(np.float32)
            canvas.paint(alpha, textures[label].draw(rng, size), None)
        if outlined:
            edge = ndimage.maximum_filter(labels, 2) != ndimage.minimum_filter(labels, 2)
            canvas.image[edge] = outline
        canvas.labels = labels
        return canvas

    return Kind(count - 1, paint)
