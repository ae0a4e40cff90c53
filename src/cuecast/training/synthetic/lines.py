"""Thin things.

Cracks and scratches on rough surfaces, among stains, joints and painted marks. Branching vessels: tapering widths, two
kinds of them, a disc, lesions, a round view. Wires, cables and poles before a sky, trees or a wall.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.training.synthetic.drawing import (
    Array,
    Canvas,
    Kind,
    Path,
    colour_apart,
    draw_blob,
    draw_paths,
    fractal_noise,
    log_uniform,
    opacity,
    ramp,
    random_colour,
    random_saturation,
    random_texture,
    walk,
)


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
