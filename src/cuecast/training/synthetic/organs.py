"""Nested soft shapes with a common plan, as in slices and X-rays of bodies: parts keep their places."""

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas, Kind, draw_blob, log_uniform, opacity
from .textures import Texture, colour_apart, random_texture


@dataclass(frozen=True)
class _Part:
    """One organ: place in a body of radius 1, radius as a share of the body's, form and look."""

    place: tuple[float, float]
    radius: float
    elongation: float
    angle: float
    skin: Texture
    label: int
    paired: bool


def organs(rng: np.random.Generator, size: int) -> Kind:
    """A body with two to six inner parts at places that vary little; some parts carry no label."""
    saturation = 0.0 if rng.random() < 0.7 else 0.4
    outside = random_texture(rng, np.full(3, rng.choice([0.03, 0.1, 0.5]), np.float32), 0.01)
    flesh = random_texture(
        rng, colour_apart(rng, [outside.base], 0.3, saturation), log_uniform(rng, 0.005, 0.08)
    )
    classes = int(rng.integers(1, 4))
    body_label = classes + 1 if rng.random() < 0.3 else 0
    number = classes + int(rng.integers(0, 4))
    parts: list[_Part] = []
    colours = [flesh.base]
    for index in range(number):
        label = index + 1 if index < classes else body_label
        colours.append(colour_apart(rng, colours[: 1 + index % 3], log_uniform(rng, 0.12, 0.4), saturation))
        paired = rng.random() < 0.35
        place = rng.uniform(-0.55, 0.55, 2) + ([0.25, 0] if paired else [0, 0])
        parts.append(
            _Part(
                place=(float(place[0]), float(place[1])),
                radius=log_uniform(rng, 0.08, 0.4),
                elongation=log_uniform(rng, 1.0, 2.5),
                angle=float(rng.uniform(0, np.pi)),
                skin=random_texture(rng, colours[-1], log_uniform(rng, 0.005, 0.08)),
                label=label,
                paired=paired,
            )
        )
    parts.sort(key=lambda part: -part.radius)
    reach, flat = float(rng.uniform(0.33, 0.6)), float(rng.uniform(1.0, 1.5))
    rough, softness = log_uniform(rng, 0.02, 0.12), log_uniform(rng, 1.0, 5.0)
    shell = float(rng.uniform(1.5, 5)) if rng.random() < 0.5 else 0.0
    loose = log_uniform(rng, 0.02, 0.12)
    seen_through = rng.random() < 0.3

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(outside.draw(rng, size))
        middle = size / 2 + rng.normal(0, 0.04 * size, 2)
        radius = reach * size * float(np.exp(rng.normal(0, 0.08)))
        tilt = float(rng.normal(0, 0.12))
        body = draw_blob(rng, size, (middle[0], middle[1]), radius, flat, rough, tilt)
        if body is not None and (not body_label or body_label in present):
            alpha = opacity(body.depth, softness)
            canvas.paint(alpha, flesh.draw(rng, size), body_label or None, body.box)
            if shell:
                canvas.shade(alpha * opacity(np.float32(shell) - body.depth, 2), 1.5, body.box)
        for part in parts:
            if part.label and part.label not in present:
                continue
            skin = part.skin.skin(rng, size)
            for mirror in (1, -1) if part.paired else (1,):
                _paint_part(rng, canvas, part, skin, mirror, middle, radius, flat, loose, rough, softness,
                            0.6 if seen_through else 1.0, present)  # fmt: skip
        return canvas

    return Kind(max(classes, body_label), paint)


def _paint_part(
    rng: np.random.Generator,
    canvas: Canvas,
    part: _Part,
    skin: np.ndarray,
    mirror: int,
    middle: np.ndarray,
    radius: float,
    flat: float,
    loose: float,
    rough: float,
    softness: float,
    solidity: float,
    present: frozenset[int],
) -> None:
    """One part (or its mirror image), moved and resized a little."""
    x = mirror * part.place[0] * flat**0.5 + rng.normal(0, loose)
    y = part.place[1] / flat**0.5 + rng.normal(0, loose)
    centre = (float(middle[0] + x * radius), float(middle[1] + y * radius))
    size = max(part.radius * radius * float(np.exp(rng.normal(0, 2 * loose))), 2.5)
    angle = part.angle if mirror == 1 else np.pi - part.angle
    blob = draw_blob(rng, canvas.size, centre, size, part.elongation, rough, angle + rng.normal(0, loose))
    if blob is not None:
        alpha = opacity(blob.depth, min(softness, size))
        canvas.paint(alpha * np.float32(solidity), skin, None, blob.box)
        canvas.labels[blob.box][alpha >= 0.5] = part.label if part.label in present else 0
