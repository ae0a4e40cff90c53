"""Pores, inclusions and grains in grey micrographs: thresholded noise, and packed grains with borders."""

import numpy as np
from scipy import ndimage

from .canvas import Canvas, Kind, draw_blob, log_uniform, opacity
from .textures import Array, colour_apart, fractal_noise, random_colour, random_texture, value_noise


def _islands(rng: np.random.Generator, size: int, scale: float, share: float, rough: bool) -> Array:
    """Depth (size, size) in about pixels of islands that cover `share` of the frame."""
    field = fractal_noise(rng, size, scale, 0.5) if rough else value_noise(rng, size, scale)
    level = np.float32(np.quantile(field[::4, ::4], 1 - share))
    return (field - level) * np.float32(scale / 2.5)


def _packed(rng: np.random.Generator, size: int, number: int) -> tuple[Array, Array]:
    """A random value in [0, 1] for each packed grain (size, size), and the pixels to its border."""
    seeds = rng.uniform(-0.1, 1.1, (number, 2)).astype(np.float32) * size
    wave = value_noise(rng, size, size / 8) * np.float32(2)
    line = np.arange(size, dtype=np.float32)
    best = np.full((size, size), np.inf, np.float32)
    second = best.copy()
    owner = np.zeros((size, size), np.int32)
    rows, columns = line[:, None] + wave, line[None, :] + wave
    for index, (x, y) in enumerate(seeds):
        distance = (columns - x) ** 2 + (rows - y) ** 2
        closer = distance < best
        second = np.where(closer, best, np.minimum(second, distance))
        best = np.where(closer, distance, best)
        owner[closer] = index
    values = rng.random(number).astype(np.float32)
    border: Array = (np.sqrt(second) - np.sqrt(best)) * np.float32(0.5)
    return values[owner], border


def grains(rng: np.random.Generator, size: int) -> Kind:
    """One to three phases in a matrix (pores, inclusions, bubbles), or packed grains and their borders."""
    saturation = 0.0 if rng.random() < 0.75 else 0.3
    ground = random_colour(rng, saturation)
    matrix = random_texture(rng, ground, log_uniform(rng, 0.01, 0.1), ("clouds", "grain", "grain", "spots"))
    count = int(rng.choice([1, 2, 2, 3]))
    colours = [ground]
    for _ in range(count):
        colours.append(colour_apart(rng, colours, 0.3, saturation))
    skins = [random_texture(rng, one, log_uniform(rng, 0.005, 0.07)) for one in colours[1:]]
    scales = [log_uniform(rng, 6, 60) * size / 192 for _ in range(count)]
    shares = [log_uniform(rng, 0.02, 0.4 / count) for _ in range(count)]
    forms = [str(rng.choice(["rough", "smooth", "bubbles"])) for _ in range(count)]
    softness = log_uniform(rng, 0.8, 4.0)
    packed = rng.random() < 0.35
    number = int(log_uniform(rng, 6, 30))
    border = log_uniform(rng, 0.7, 3.0)
    spread = float(rng.uniform(0.0, 0.15))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(matrix.draw(rng, size))
        if packed:
            values, distance = _packed(rng, size, number)
            canvas.image += ((values - np.float32(0.5)) * np.float32(2 * spread))[..., None]
            if count > 1 and 2 in present:
                chosen = (values < 0.25).astype(np.float32)
                if chosen.any():
                    canvas.paint(chosen, skins[1].skin(rng, size), 2)
            if 1 in present:
                canvas.paint(opacity(np.float32(border) - distance), skins[0].base, 1)
        for index in range(2 if packed else 0, count):
            if index + 1 not in present:
                continue
            skin = skins[index].skin(rng, size)
            if forms[index] == "bubbles":
                _paint_bubbles(rng, canvas, skin, scales[index] / 3, shares[index], softness, index + 1)
                continue
            depth = _islands(rng, size, scales[index], shares[index], forms[index] == "rough")
            alpha = opacity(depth, softness)
            if forms[index] == "rough":
                alpha = ndimage.uniform_filter(alpha, 2)
            canvas.paint(alpha, skin, index + 1)
        return canvas

    return Kind(count, paint)


def _paint_bubbles(
    rng: np.random.Generator,
    canvas: Canvas,
    skin: Array,
    radius: float,
    share: float,
    softness: float,
    label: int,
) -> None:
    """Round pores of many sizes about `radius`, covering about `share` of the frame."""
    radius = max(radius, 2.0)
    number = int(np.clip(share * canvas.size**2 / (np.pi * radius**2), 2, 40))
    for _ in range(number):
        reach = max(radius * np.exp(rng.normal(0, 0.4)), 1.5)
        blob = draw_blob(rng, canvas.size, tuple(rng.uniform(0, canvas.size, 2)), reach, 1.15)
        if blob is not None:
            canvas.paint(opacity(blob.depth, min(softness, reach)), skin, label, blob.box)
