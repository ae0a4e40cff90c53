"""Wires, cables and poles before a sky, trees or a wall, with small fittings on them."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Kind, Path, draw_blob, draw_paths, log_uniform, opacity
from .textures import colour_apart, fractal_noise, ramp, random_colour, random_saturation, random_texture


def _cable(rng: np.random.Generator, size: int, tilt: float, sag: float, width: float) -> Path:
    """One hanging line right across the frame; `tilt` is its direction in radians from level."""
    along = np.linspace(-0.75, 0.75, 22) * size
    drop = sag * size * (1 - (along / (0.75 * size)) ** 2)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    middle = rng.uniform(0.1, 0.9, 2) * size
    return np.stack([along, drop], 1) @ turn + middle, np.full(22, width)


def wires(rng: np.random.Generator, size: int) -> Kind:
    """Cables; beside them maybe poles, fittings on the cables, and a thicker or other-coloured cable."""
    saturation = random_saturation(rng)
    sky = random_colour(rng, saturation)
    far = random_texture(rng, sky, log_uniform(rng, 0.01, 0.05), ("clouds", "grain", "spots"))
    land = random_texture(rng, colour_apart(rng, [sky], 0.15, saturation), log_uniform(rng, 0.03, 0.15))
    horizon = float(rng.uniform(-0.2, 0.6)) if rng.random() < 0.6 else 1.0
    ink = colour_apart(rng, [sky, land.base], 0.35, saturation)
    width = log_uniform(rng, 1.0, 5.0) * size / 192
    classes = ["cable", *rng.permutation(["pole", "fitting", "other"])[: int(rng.integers(0, 4))]]
    pole_skin = random_texture(rng, colour_apart(rng, [sky, land.base], 0.25, saturation), 0.05)
    pole_width = log_uniform(rng, 6, 24) * size / 192
    fitting = colour_apart(rng, [sky, ink], 0.3, saturation)
    fitting_radius = max(log_uniform(rng, 0.012, 0.04) * size, width)
    thicker = rng.random() < 0.5
    other_ink = ink if thicker else colour_apart(rng, [sky, land.base, ink], 0.35, max(saturation, 0.3))
    other_width = max(width * 3, 4.0) if thicker else width
    tilt, spread = float(rng.uniform(0, np.pi)), float(rng.choice([0.03, 0.2, 1.0]))
    sag = log_uniform(rng, 0.005, 0.15)
    most = int(rng.integers(2, 8))

    def cables(rng: np.random.Generator, thick: float) -> list[Path]:
        number = int(rng.integers(1, most))
        return [_cable(rng, size, tilt + rng.normal(0, spread), sag, thick) for _ in range(number)]

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(far.draw(rng, size))
        if horizon < 1:
            height = ramp(size, np.pi / 2) / size + fractal_noise(rng, size, size / 3) * np.float32(0.04)
            canvas.paint(opacity((height - np.float32(horizon)) * size, 2), land.draw(rng, size), None)
        hung = cables(rng, width)
        for label, name in reversed(list(enumerate(classes, 1))):
            if label not in present:
                continue
            if name == "pole":
                paths = [_pole(rng, size, pole_width) for _ in range(int(rng.integers(1, 3)))]
                canvas.paint(draw_paths(size, paths), pole_skin.skin(rng, size), label)
            elif name == "fitting":
                _paint_fittings(rng, canvas, hung, fitting, fitting_radius, label)
            else:
                drawn = hung if name == "cable" else cables(rng, other_width)
                canvas.paint(draw_paths(size, drawn), ink if name == "cable" else other_ink, label, least=0.4)
        return canvas

    return Kind(len(classes), paint)


def _pole(rng: np.random.Generator, size: int, width: float) -> Path:
    """A nearly upright bar from the lower edge, or through the whole frame."""
    foot = np.array([rng.uniform(0.05, 0.95) * size, size + width])
    top = np.array([foot[0] + rng.normal(0, 0.05) * size, size * rng.choice([-0.1, rng.uniform(0.1, 0.5)])])
    return np.stack([foot, top]), np.full(2, width)


def _paint_fittings(
    rng: np.random.Generator,
    canvas: Canvas,
    hung: list[Path],
    colour: NDArray[np.float32],
    radius: float,
    label: int,
) -> None:
    """Small beads on the cables, at places that lie in the frame."""
    spots = np.concatenate([points for points, _ in hung])
    spots = spots[np.all((spots > 2) & (spots < canvas.size - 2), axis=1)]
    if len(spots) == 0:
        spots = rng.uniform(0.1, 0.9, (3, 2)) * canvas.size
    for x, y in spots[rng.permutation(len(spots))[: int(rng.integers(2, 8))]]:
        blob = draw_blob(rng, canvas.size, (x, y), max(radius, 2.0), 1.4)
        if blob is not None:
            canvas.paint(opacity(blob.depth), colour, label, blob.box)
