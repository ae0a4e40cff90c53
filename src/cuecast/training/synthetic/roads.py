"""Scenes with a horizon: sky, land, a road in perspective with its marks, vehicles, trees and houses."""

import numpy as np

from .canvas import Canvas, Kind, draw_blob, draw_polygon, log_uniform, opacity, window
from .textures import (
    Array,
    colour_apart,
    fractal_noise,
    ramp,
    random_colour,
    random_saturation,
    random_texture,
)

_CLASSES = ("road", "mark", "vehicle", "tree", "house", "sky")


def roads(rng: np.random.Generator, size: int) -> Kind:
    """One to four of the scene's stuffs and things are classes; the others are there without a label."""
    saturation = random_saturation(rng)
    order = [str(name) for name in rng.permutation(_CLASSES)]
    named = order[: int(rng.integers(1, 5))]
    also = order[len(named) : len(named) + int(rng.integers(0, 3))]
    label_of = {name: index for index, name in enumerate(named, 1)}
    colours: dict[str, Array] = {"land": random_colour(rng, saturation)}
    for name in ("sky", "road", "mark", "tree", "house", "vehicle"):
        near = [colours[other] for other in ("land", "sky", "road") if other in colours]
        colours[name] = colour_apart(rng, near, 0.25, saturation)
    skins = {
        name: random_texture(rng, colour, log_uniform(rng, 0.005, 0.03 if name == "sky" else 0.12))
        for name, colour in colours.items()
    }
    horizon, width = float(rng.uniform(0.2, 0.5)), float(rng.uniform(0.3, 1.1))
    dashes = int(rng.integers(1, 7))
    mark_width = log_uniform(rng, 0.015, 0.06)
    most = int(rng.integers(2, 6))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        def label(name: str) -> int:
            return label_of.get(name, 0)

        def wanted(name: str) -> bool:
            return label(name) in present if name in label_of else name in also

        level = horizon * size * float(np.exp(rng.normal(0, 0.1)))
        canvas = Canvas(skins["land"].draw(rng, size))
        if label("sky") in present or "sky" not in label_of:
            depth = np.float32(level) - ramp(size, np.pi / 2) - np.float32(size / 2)
            depth += fractal_noise(rng, size, size / 4) * np.float32(0.02 * size)
            canvas.paint(opacity(depth, 1.5), skins["sky"].draw(rng, size), label("sky"))
        far = float(rng.uniform(0.25, 0.75)) * size
        vanish = np.array([far, level])
        foot = size * rng.uniform(0.35, 0.65)
        if wanted("road"):
            half = width * size * 0.5
            lane = np.array(
                [(far - 1, level), (far + 1, level), (foot + half, size + 2), (foot - half, size + 2)]
            )
            canvas.paint(draw_polygon(window(size, lane), lane), skins["road"].skin(rng, size), label("road"),
                         window(size, lane))  # fmt: skip
        if wanted("mark"):
            _paint_marks(rng, canvas, colours["mark"], vanish, foot, dashes, mark_width * size, label("mark"))
        for name in ("house", "tree", "vehicle"):
            if wanted(name):
                skin = skins[name].skin(rng, size)
                for nearness in np.sort(rng.uniform(0.1, 0.9, int(rng.integers(1, most)))):
                    base = level + nearness * (size - level)
                    x = rng.uniform(0, size)
                    if name == "vehicle":
                        x = (
                            vanish[0]
                            + (foot - vanish[0]) * nearness
                            + rng.normal(0, 0.25) * width * size * nearness
                        )
                    _paint_thing(
                        rng, canvas, name, skin, (x, base), (0.1 + 0.4 * nearness) * size, label(name)
                    )
        return canvas

    return Kind(len(named), paint)


def _paint_marks(
    rng: np.random.Generator,
    canvas: Canvas,
    colour: Array,
    vanish: np.ndarray,
    foot: float,
    dashes: int,
    width: float,
    label: int,
) -> None:
    """A broken line along the road, wider where it is near."""
    size = canvas.size
    phase = rng.uniform(0, 0.5)
    for index in range(dashes):
        near = (
            np.clip(np.array([index + phase, index + phase + (0.55 if dashes > 1 else 1)]) / dashes, 0.02, 1)
            ** 1.6
        )
        x = vanish[0] + (foot - vanish[0]) * near
        y = vanish[1] + (size - vanish[1]) * near
        half = np.maximum(width * near, 1.0)
        corners = np.array(
            [[x[0] - half[0], y[0]], [x[0] + half[0], y[0]], [x[1] + half[1], y[1]], [x[1] - half[1], y[1]]]
        )
        box = window(size, corners)
        canvas.paint(draw_polygon(box, corners), colour, label, box)


def _paint_thing(
    rng: np.random.Generator,
    canvas: Canvas,
    name: str,
    skin: Array,
    foot: tuple[float, float],
    height: float,
    label: int,
) -> None:
    """A house with a roof and windows, a tree, or a vehicle, standing at `foot`."""
    x, y = foot
    if name == "tree":
        trunk = np.array([[x - 0.04 * height, y], [x - 0.03 * height, y - 0.6 * height],
                          [x + 0.03 * height, y - 0.6 * height], [x + 0.04 * height, y]])  # fmt: skip
        canvas.paint(draw_polygon(window(canvas.size, trunk), trunk), skin * np.float32(0.5), label,
                     window(canvas.size, trunk))  # fmt: skip
        crown = draw_blob(rng, canvas.size, (x, y - 0.7 * height), max(0.35 * height, 3.0), 1.2, 0.15)
        if crown is not None:
            canvas.paint(opacity(crown.depth, 1.5), skin, label, crown.box)
        return
    if name == "house":
        half, wall = 0.4 * height * rng.uniform(0.7, 1.4), 0.6 * height
        outline = [[-half, 0], [-half, -wall], [0, -height], [half, -wall], [half, 0]]
        panes = [(-0.5 * half, -0.35 * wall), (0.5 * half, -0.35 * wall)]
        pane, tone = 0.12 * height, 0.5
    else:
        half, wall = 0.35 * height, 0.22 * height
        outline = [[-half, 0], [-half, -wall], [-0.6 * half, -wall], [-0.4 * half, -0.4 * height],
                   [0.4 * half, -0.4 * height], [0.6 * half, -wall], [half, -wall], [half, 0]]  # fmt: skip
        panes = [(-0.6 * half, 0.0), (0.6 * half, 0.0)]
        pane, tone = 0.07 * height, 0.15
    corners = np.add(outline, [x, y])
    box = window(canvas.size, corners)
    canvas.paint(draw_polygon(box, corners), skin, label, box)
    for dx, dy in panes:
        square = np.add([[-pane, -pane], [pane, -pane], [pane, pane], [-pane, pane]], [x + dx, y + dy])
        box = window(canvas.size, square)
        alpha = draw_polygon(box, square)
        canvas.paint(alpha, np.full(3, tone, np.float32), label, box)
