"""Branching vessels and trees: tapering widths, two kinds of them, a disc, lesions, a round view."""

import numpy as np

from .canvas import Canvas, Kind, Path, draw_blob, draw_paths, log_uniform, opacity, walk
from .textures import Array, colour_apart, random_colour, random_saturation, random_texture


def _grow(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    width: float,
    bend: float,
    size: int,
    most: int,
) -> list[Path]:
    """A tree: each branch tapers and wanders, and its children start along it, thinner, turned to a side."""
    todo = [(start, heading, width, size * rng.uniform(0.5, 1.1))]
    paths: list[Path] = []
    while todo and len(paths) < most:
        origin, direction, thick, length = todo.pop(0)
        stride = max(size / 32, 2.5)
        steps = max(int(length / stride), 3)
        points = walk(rng, origin, direction, steps, stride, bend, bend / 2)
        paths.append((points, np.linspace(thick, max(0.6 * thick, 1.0), steps + 1)))
        if thick > 1.1:
            for _ in range(int(rng.integers(1, 4))):
                at = int(rng.integers(steps // 5, steps))
                aim = np.arctan2(*(points[at + 1] - points[at])[::-1])
                side = aim + rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
                child = max(thick * rng.uniform(0.45, 0.8), 1.0)
                todo.append(((points[at][0], points[at][1]), side, child, length * rng.uniform(0.35, 0.8)))
    return paths


def vessels(rng: np.random.Generator, size: int) -> Kind:
    """Trees of one or two kinds, told apart by colour or width, and maybe a disc and lesions as classes."""
    saturation = random_saturation(rng)
    ground = random_colour(rng, saturation)
    backdrop = random_texture(
        rng, ground, log_uniform(rng, 0.01, 0.07), ("clouds", "grain", "ridges", "spots")
    )
    trees = 1 + int(rng.random() < 0.35)
    gap = log_uniform(rng, 0.12, 0.5)
    colours = [_shifted(rng, ground, gap)]
    widths = [log_uniform(rng, 1.5, 8.0) * size / 192]
    if trees == 2 and rng.random() < 0.6:
        colours.append(colour_apart(rng, [ground, colours[0]], 0.25, max(saturation, 0.3)))
        widths.append(widths[0])
    elif trees == 2:
        colours.append(colours[0])
        widths.append(widths[0] * 2.5 if widths[0] < 3.5 else widths[0] / 3)
    disc = trees + 1 if rng.random() < 0.4 else 0
    lesion = max(trees, disc) + 1 if rng.random() < 0.4 else 0
    disc_skin = random_texture(rng, colour_apart(rng, [ground], 0.3, saturation), 0.03)
    lesion_colour = colour_apart(rng, [ground], 0.3, saturation)
    lesion_radius = log_uniform(rng, 0.012, 0.07) * size
    radial = rng.random() < 0.4
    bend = log_uniform(rng, 0.04, 0.25)
    solidity = float(rng.uniform(0.7, 1.0))
    glare = rng.random() < 0.3
    rounded = rng.random() < 0.35
    amount = int(rng.integers(1, 5))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(backdrop.draw(rng, size))
        centre = tuple(rng.uniform(0.2, 0.8, 2) * size)
        if disc in present:
            blob = draw_blob(rng, size, centre, size * rng.uniform(0.07, 0.12), 1.1, 0.04)
            if blob:
                canvas.paint(opacity(blob.depth, 3), disc_skin.draw(rng, size), disc, blob.box)
        if lesion in present:
            for _ in range(int(rng.integers(2, 12))):
                radius = lesion_radius * np.exp(rng.normal(0, 0.4))
                blob = draw_blob(rng, size, tuple(rng.uniform(0, size, 2)), max(radius, 1.5), 1.3, 0.2)
                if blob:
                    canvas.paint(opacity(blob.depth, 1.5), lesion_colour, lesion, blob.box)
        for index in rng.permutation(trees):
            if index + 1 not in present:
                continue
            paths: list[Path] = []
            for _ in range(amount):
                start, heading = _root(rng, size, centre if radial else None)
                paths += _grow(rng, start, heading, widths[index], bend, size, 30 // amount + 4)
            alpha = draw_paths(size, paths)
            canvas.paint(alpha * np.float32(solidity), colours[index], None)
            canvas.labels[alpha >= 0.4] = index + 1
            if glare and widths[index] > 4:
                lines = [(points, thick / 4) for points, thick in paths if thick[0] > 3]
                canvas.image += (draw_paths(size, lines) * np.float32(0.12))[..., None]
        if rounded:
            line = np.arange(size, dtype=np.float32) - size / 2
            outside = np.hypot(line[:, None], line[None, :]) > size * 0.495
            canvas.image[outside] = 0.03
            canvas.labels[outside] = 0
        return canvas

    return Kind(max(trees, disc, lesion), paint)


def _shifted(rng: np.random.Generator, ground: Array, gap: float) -> Array:
    """The ground's colour made darker (mostly) or brighter by `gap`, with a slight change of hue."""
    sign = -1.0 if (ground.mean() > 0.35 and rng.random() < 0.75) or ground.mean() > 0.7 else 1.0
    shift = gap * sign * (1 + rng.normal(0, 0.3, 3) * (np.ptp(ground) > 0.02))
    colour: Array = np.clip(ground + shift, 0, 1).astype(np.float32)
    return colour


def _root(
    rng: np.random.Generator, size: int, centre: tuple[float, ...] | None
) -> tuple[tuple[float, float], float]:
    """Where a tree starts and its heading: at `centre`, or somewhere on the frame's edge, aiming inwards."""
    if centre is not None:
        return (centre[0], centre[1]), float(rng.uniform(0, 6.28))
    turn = rng.uniform(0, 6.28)
    start = np.clip(size / 2 + size * 0.7 * np.array([np.cos(turn), np.sin(turn)]), 0, size)
    return (float(start[0]), float(start[1])), float(turn + np.pi + rng.normal(0, 0.4))
