"""Defects: patches where the statistics of a texture change: brightness, contrast, scale, direction."""

from dataclasses import replace

import numpy as np

from .canvas import Canvas, Kind, draw_blob, draw_paths, log_uniform, opacity, walk
from .textures import Array, Texture, fractal_noise, random_colour, random_saturation, random_texture

_CHANGES = ("brightness", "contrast", "scale", "direction", "kind", "flat")
_SHAPES = ("patch", "patch", "spots", "streak", "corner")


def _changed(rng: np.random.Generator, texture: Texture) -> Texture:
    """The same texture with one property changed enough to be seen, and often a little darker or brighter."""
    changed = _change(rng, texture, str(rng.choice(_CHANGES)))
    if rng.random() < 0.5:
        sign = 1.0 if texture.base.mean() < 0.5 else -1.0
        changed = replace(changed, base=(changed.base + sign * rng.uniform(0.05, 0.15)).astype(np.float32))
    return changed


def _change(rng: np.random.Generator, texture: Texture, change: str) -> Texture:
    strength = float(np.abs(texture.tint).mean())
    if change == "contrast":
        factor = 0.2 if strength > 0.1 else float(rng.uniform(2.2, 3.5))
        return replace(texture, tint=texture.tint * np.float32(factor))
    if change == "scale" and texture.layers[0].kind != "grain":
        factor = 0.3 if texture.layers[0].scale > 10 else 3.5
        return replace(
            texture, layers=tuple(replace(one, scale=one.scale * factor) for one in texture.layers)
        )
    if change == "direction" and texture.layers[0].kind in ("stripes", "fibres"):
        return replace(
            texture, layers=tuple(replace(one, angle=one.angle + np.pi / 2) for one in texture.layers)
        )
    if change == "kind":
        return random_texture(rng, texture.base, strength * 1.2)
    if change == "flat" and strength > 0.07:
        return replace(texture, layers=())
    sign = 1.0 if texture.base.mean() < 0.5 else -1.0
    base = np.clip(texture.base + sign * rng.uniform(1.5, 3.0) * max(strength, 0.08), 0, 1)
    return replace(texture, base=base.astype(np.float32))


def defects(rng: np.random.Generator, size: int) -> Kind:
    """One to three kinds of defect on one texture, each with its own change and shape."""
    strength = log_uniform(rng, 0.05, 0.15)
    surface = random_texture(rng, random_colour(rng, random_saturation(rng)), strength)
    count = int(rng.choice([1, 1, 2, 2, 3]))
    looks = [_changed(rng, surface) for _ in range(count)]
    shapes = [str(rng.choice(_SHAPES)) for _ in range(count)]
    reach = [log_uniform(rng, 0.04, 0.25) * size for _ in range(count)]
    softness = log_uniform(rng, 1.0, 5.0)

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(surface.draw(rng, size))
        for index in rng.permutation(count):
            if index + 1 in present:
                alpha = _shape(rng, size, shapes[index], reach[index], softness)
                canvas.paint(alpha, looks[index].draw(rng, size, 0.01), int(index) + 1)
        return canvas

    return Kind(count, paint)


def _shape(rng: np.random.Generator, size: int, name: str, reach: float, softness: float) -> Array:
    """Alpha (size, size) of the places where one defect is."""
    alpha = np.zeros((size, size), np.float32)
    if name == "streak":
        heading = float(rng.uniform(0, 6.28))
        for _ in range(int(rng.integers(1, 4))):
            points = walk(rng, tuple(rng.uniform(0.1, 0.9, 2) * size), heading, 10, size / 18, 0.1, 0.05)
            alpha = np.maximum(alpha, draw_paths(size, [(points, np.full(11, max(reach / 3, 3.0)))]))
        return alpha
    if name == "corner":
        x, y = (float(value) for value in rng.choice([0, size], 2))
        blob = draw_blob(rng, size, (x, y), max(reach * 1.8, 12.0), 1.0, 0.15)
        blobs = [blob]
    elif name == "spots":
        blobs = [
            draw_blob(rng, size, tuple(rng.uniform(0, size, 2)), max(reach / 3, 3.0) * rng.uniform(0.7, 1.4))
            for _ in range(int(rng.integers(3, 16)))
        ]
    else:
        blobs = [
            draw_blob(
                rng, size, tuple(rng.uniform(0.1, 0.9, 2) * size), max(reach, 5.0), rng.uniform(1, 2.5), 0.25
            )
            for _ in range(int(rng.integers(1, 4)))
        ]
    rough = (
        fractal_noise(rng, size, 16) * np.float32(1.5) if name == "patch" else np.zeros((1, 1), np.float32)
    )
    for blob in blobs:
        if blob is not None:
            ruffle = rough[blob.box] if name == "patch" else rough
            alpha[blob.box] = np.maximum(alpha[blob.box], opacity(blob.depth + ruffle, softness))
    return alpha
