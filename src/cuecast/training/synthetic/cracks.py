"""Cracks and scratches on rough surfaces, among stains, joints and painted marks."""

import numpy as np

from .canvas import Canvas, Kind, Path, draw_blob, draw_paths, log_uniform, opacity, walk
from .textures import colour_apart, fractal_noise, random_colour, random_saturation, random_texture


def _crack(rng: np.random.Generator, size: int, width: float, jag: float) -> list[Path]:
    """A jagged line with a few side cracks; its width varies along it."""
    stride = max(size / 60, 2.0)
    paths: list[Path] = []
    start = (float(rng.uniform(0, size)), float(rng.uniform(0, size)))
    todo = [(start, float(rng.uniform(0, 6.28)), width, int(rng.integers(12, 70)))]
    while todo and len(paths) < 8:
        origin, heading, thick, steps = todo.pop()
        points = walk(rng, origin, heading, steps, stride, jag / 4, jag)
        wave = np.interp(np.arange(steps + 1), np.linspace(0, steps, 8), rng.uniform(0.5, 1.3, 8))
        paths.append((points, np.maximum(thick * wave, 0.8)))
        if rng.random() < 0.6 and steps > 10:
            at = int(rng.integers(2, steps))
            turned = heading + float(rng.choice([-1, 1]) * rng.uniform(0.4, 1.4))
            todo.append(((points[at][0], points[at][1]), turned, max(thick * 0.7, 0.8), steps // 2))
    return paths


def _scratches(rng: np.random.Generator, size: int, width: float, heading: float) -> list[Path]:
    """A few long, nearly straight lines about one direction."""
    paths: list[Path] = []
    for _ in range(int(rng.integers(1, 6))):
        aim = heading + rng.normal(0, 0.15)
        points = walk(rng, tuple(rng.uniform(0, size, 2)), aim, 12, size * rng.uniform(0.02, 0.08), 0.02, 0.0)
        paths.append((points, np.full(13, width)))
    return paths


def cracks(rng: np.random.Generator, size: int) -> Kind:
    """Cracks, and beside them up to three of: scratches, stains, wide straight marks, round pits."""
    saturation = random_saturation(rng) * 0.4
    ground = random_colour(rng, saturation)
    surface = random_texture(rng, ground, log_uniform(rng, 0.02, 0.12))
    sign = -1.0 if ground.mean() > 0.3 else 1.0
    if 0.3 < ground.mean() < 0.6 and rng.random() < 0.25:
        sign = 1.0
    ink = np.clip(ground + sign * rng.uniform(0.25, 0.5), 0, 1).astype(np.float32)
    width = log_uniform(rng, 1.0, 5.0) * size / 192
    jag = float(rng.uniform(0.15, 0.7))
    extras = list(rng.permutation(["scratch", "stain", "mark", "pit"])[: int(rng.integers(0, 4))])
    heading = float(rng.uniform(0, np.pi))
    colours = [ink if rng.random() < 0.4 else colour_apart(rng, [ground], 0.25, saturation) for _ in extras]
    scratch_width = log_uniform(rng, 1.0, 3.5)
    mark_width = log_uniform(rng, 4.0, 20.0) * size / 192
    solidity = float(rng.uniform(0.7, 1.0))
    ragged = rng.random() < 0.6

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(surface.draw(rng, size))
        for label, (name, colour) in enumerate(zip(extras, colours, strict=True), 2):
            if label not in present:
                continue
            if name == "scratch":
                alpha = draw_paths(size, _scratches(rng, size, scratch_width, heading))
                canvas.paint(alpha * np.float32(0.9), colour, label, least=0.4)
            elif name == "mark":
                points = walk(rng, tuple(rng.uniform(0.2, 0.8, 2) * size), heading, 2, size, 0.0, 0.0)
                points -= points[1] - points[0]
                canvas.paint(draw_paths(size, [(points, np.full(3, mark_width))]), colour, label)
            else:
                number, radius = (
                    (int(rng.integers(1, 4)), 0.12) if name == "stain" else (int(rng.integers(2, 14)), 0.02)
                )
                for _ in range(number):
                    reach = size * radius * np.exp(rng.normal(0, 0.3))
                    blob = draw_blob(rng, size, tuple(rng.uniform(0, size, 2)), reach, 1.2, 0.2)
                    if blob:
                        strength = np.float32(0.6 if name == "stain" else 0.95)
                        edge = opacity(blob.depth, 4 if name == "stain" else 1.5)
                        canvas.paint(edge * strength, colour, None, blob.box)
                        canvas.labels[blob.box][edge >= 0.5] = label
        if 1 in present:
            paths = [path for _ in range(int(rng.integers(1, 4))) for path in _crack(rng, size, width, jag)]
            alpha = draw_paths(size, paths)
            label_alpha = alpha.copy()
            if ragged:
                alpha = alpha * np.clip(1.0 + 0.35 * fractal_noise(rng, size, 12), 0.45, 1)
            canvas.paint(alpha * np.float32(solidity), ink, None)
            canvas.labels[label_alpha >= 0.4] = 1
        return canvas

    return Kind(1 + len(extras), paint)
