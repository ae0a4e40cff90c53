"""Things one by one.

Cells and other round things: types that differ in one property; nuclei, borders, holes, debris. Layered objects with
shapes, skins, shadows and occlusion: fruit, parts, signs, toys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cuecast.training.synthetic.drawing import (
    Array,
    Canvas,
    Kind,
    Texture,
    colour_apart,
    draw_blob,
    draw_polygon,
    log_uniform,
    opacity,
    random_colour,
    random_saturation,
    random_texture,
    scatter,
    window,
)


@dataclass(frozen=True)
class _Cell:
    """How one type of cell looks; radius is a share of the frame."""

    skin: Texture
    radius: float
    elongation: float
    roughness: float
    border: float
    border_colour: Array
    hole: float
    nucleus: float
    nucleus_skin: Texture
    nucleus_lobes: int
    solidity: float
    glow: float


def _random_cell(rng: np.random.Generator, background: Array, saturation: float) -> _Cell:
    colour = colour_apart(rng, [background], 0.25, saturation)
    dark = colour_apart(rng, [background, colour], 0.25, saturation)
    return _Cell(
        skin=random_texture(rng, colour, log_uniform(rng, 0.005, 0.1)),
        radius=log_uniform(rng, 0.02, 0.25),
        elongation=1.0 if rng.random() < 0.4 else log_uniform(rng, 1.1, 4.0),
        roughness=0.0 if rng.random() < 0.3 else log_uniform(rng, 0.03, 0.3),
        border=0.0 if rng.random() < 0.6 else float(rng.uniform(1, 4)),
        border_colour=colour_apart(rng, [colour], 0.3, saturation),
        hole=0.0,
        nucleus=float(rng.uniform(0.3, 0.75)) if rng.random() < 0.4 else 0.0,
        nucleus_skin=random_texture(rng, dark, log_uniform(rng, 0.005, 0.1)),
        nucleus_lobes=int(rng.integers(0, 4)),
        solidity=float(rng.uniform(0.65, 1.0)),
        glow=float(rng.normal(0, 0.15)) if rng.random() < 0.6 else 0.0,
    )


def _other_type(rng: np.random.Generator, cell: _Cell, colours: list[Array], saturation: float) -> _Cell:
    """A type that differs from `cell` in one property that can be seen at its size."""
    options = ["colour", "colour", "size", "elongation"]
    if cell.radius > 0.04:
        options += ["texture", "border", "hole", "nucleus", "outline"]
    what = rng.choice(options)
    if what == "colour":
        return replace(cell, skin=replace(cell.skin, base=colour_apart(rng, colours, 0.25, saturation)))
    if what == "size":
        factor = rng.uniform(1.9, 3.0)
        return replace(cell, radius=cell.radius * factor if cell.radius < 0.09 else cell.radius / factor)
    if what == "elongation":
        return replace(cell, elongation=float(rng.uniform(2.5, 5)) if cell.elongation < 1.6 else 1.0)
    if what == "texture":
        rough = random_texture(
            rng, cell.skin.base, float(rng.uniform(0.12, 0.2)), ("stripes", "spots", "grain")
        )
        return replace(cell, skin=rough)
    if what == "border":
        return replace(cell, border=0.0 if cell.border else float(rng.uniform(1.5, 4)))
    if what == "hole":
        return replace(cell, hole=float(rng.uniform(0.35, 0.65)), nucleus=0.0)
    if what == "nucleus":
        return replace(cell, nucleus=0.0 if cell.nucleus else float(rng.uniform(0.35, 0.7)))
    return replace(cell, roughness=0.0 if cell.roughness > 0.12 else 0.3)


def cells(rng: np.random.Generator, size: int) -> Kind:
    """One to three types of cells on a quiet or lively ground; nuclei may be a class of their own."""
    saturation = random_saturation(rng)
    ground = random_colour(rng, saturation)
    backdrop = random_texture(rng, ground, log_uniform(rng, 0.005, 0.08))
    types = [_random_cell(rng, ground, saturation)]
    colours = [ground, types[0].skin.base, types[0].nucleus_skin.base]
    for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
        types.append(_other_type(rng, types[int(rng.integers(len(types)))], colours, saturation))
        colours.append(types[-1].skin.base)
    nucleus_class = len(types) + 1 if any(one.nucleus for one in types) and rng.random() < 0.6 else 0
    crowded = rng.random() < 0.35
    cover = log_uniform(rng, 0.04, 0.6)
    spread = float(rng.uniform(0.05, 0.25))
    softness = log_uniform(rng, 0.8, 3.0)
    debris = (
        random_texture(rng, colour_apart(rng, [ground], 0.15, saturation)) if rng.random() < 0.4 else None
    )

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(backdrop.draw(rng, size))
        if debris:
            for _ in range(int(rng.integers(0, 25))):
                speck = draw_blob(
                    rng, size, tuple(rng.uniform(0, size, 2)), rng.uniform(0.5, 2.5), roughness=0.2
                )
                if speck:
                    canvas.paint(opacity(speck.depth) * 0.8, debris.base, 0, speck.box)
        radii, which = _population(rng, types, cover, spread, size)
        skins = [one.skin.skin(rng, size) for one in types]
        hearts = [one.nucleus_skin.skin(rng, size) if one.nucleus else None for one in types]
        for centre, radius, index in zip(scatter(rng, size, radii, crowded), radii, which, strict=True):
            if index + 1 in present:
                heart_label = nucleus_class if nucleus_class in present else None
                cell = types[index]
                if nucleus_class and heart_label is None:
                    cell = replace(cell, nucleus=0.0)
                _paint_cell(
                    rng,
                    canvas,
                    cell,
                    skins[index],
                    hearts[index],
                    centre,
                    radius,
                    index + 1,
                    heart_label,
                    softness,
                )
        return canvas

    return Kind(len(types) + bool(nucleus_class), paint)


def _population(
    rng: np.random.Generator, types: list[_Cell], cover: float, spread: float, size: int
) -> tuple[list[float], list[int]]:
    """Radii in pixels and types of the cells of one image, which cover about `cover` of it."""
    found: list[tuple[float, int]] = []
    for index, cell in enumerate(types):
        area = np.pi * cell.radius**2
        number = int(np.clip(rng.poisson(cover / len(types) / area) + 1, 1, 44 // len(types)))
        for _ in range(number):
            found.append((max(float(cell.radius * size * np.exp(rng.normal(0, spread))), 1.2), index))
    rng.shuffle(found)
    return [radius for radius, _ in found], [int(index) for _, index in found]


def _paint_cell(
    rng: np.random.Generator,
    canvas: Canvas,
    cell: _Cell,
    skin: Array,
    heart: Array | None,
    centre: tuple[float, float],
    radius: float,
    label: int,
    heart_label: int | None,
    softness: float,
) -> None:
    """One cell: body, glow, border, then its nucleus, which keeps the label of the cell where it has none."""
    angle = float(rng.uniform(0, np.pi))
    shape = draw_blob(rng, canvas.size, centre, radius, cell.elongation, cell.roughness, angle)
    if shape is None:
        return
    soft = min(softness, radius / 1.5)
    alpha = opacity(shape.depth, soft)
    ring = alpha
    if cell.hole:
        inner = radius / cell.elongation**0.5 * (1 - cell.hole)
        ring = alpha * (1 - opacity(shape.depth - np.float32(inner), soft))
    canvas.paint(ring * np.float32(cell.solidity), skin, None, shape.box)
    canvas.mark(ring > 0.5, label, shape.box)
    if cell.glow:
        middle = np.clip(shape.depth / np.float32(radius), 0, 1)
        canvas.image[shape.box] += (ring * middle * np.float32(cell.glow))[..., None]
    if cell.border and radius > 3 * cell.border:
        rim = alpha * (1 - opacity(shape.depth - np.float32(cell.border)))
        canvas.paint(rim * np.float32(0.85), cell.border_colour, None, shape.box)
    if cell.nucleus and heart is not None and radius > 3:
        shift = rng.normal(0, 0.15 * radius / cell.elongation, 2)
        parts = cell.nucleus_lobes if cell.nucleus_lobes > 1 else 1
        for part in range(parts):
            turn = angle + part * 6.28 / parts
            away = 0.0 if parts == 1 else 0.45 * cell.nucleus * radius
            x = centre[0] + shift[0] + away * np.cos(turn)
            y = centre[1] + shift[1] + away * np.sin(turn)
            core = radius * cell.nucleus * (1.0 if parts == 1 else 0.65) / cell.elongation**0.25
            blob = draw_blob(rng, canvas.size, (x, y), core, cell.elongation**0.5, cell.roughness / 2, angle)
            if blob is not None:
                within = opacity(blob.depth, min(soft, core))
                canvas.paint(within, heart, None, blob.box)
                canvas.mark(within >= 0.5, heart_label or label, blob.box, part=not heart_label or part > 0)


_SHAPES = ("disc", "box", "bar", "triangle", "hexagon", "star", "cross", "crescent", "drop", "ring", "free")


@dataclass(frozen=True)
class _Thing:
    """One class of objects: outline (N, 2) of radius about 1, skin, radius as a share of the frame."""

    outline: NDArray[np.float64]
    skin: Texture
    radius: float
    gloss: float
    rim: float


def _outline(rng: np.random.Generator, shape: str) -> NDArray[np.float64]:
    """Corners (N, 2) of a shape of radius about 1."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(t), np.sin(t)], 1)
    if shape in ("box", "bar"):
        side = rng.uniform(0.6, 1.0) if shape == "box" else rng.uniform(0.15, 0.35)
        return np.array([[-1, -side], [1, -side], [1, side], [-1, side]])
    if shape in ("triangle", "hexagon"):
        turns = np.arange(3 if shape == "triangle" else 6) * 2 * np.pi / (3 if shape == "triangle" else 6)
        return np.stack([np.cos(turns), np.sin(turns)], 1)
    if shape == "star":
        points = int(rng.integers(4, 9))
        turns = np.arange(2 * points) * np.pi / points
        radii = np.where(np.arange(2 * points) % 2, rng.uniform(0.3, 0.6), 1.0)
        return np.stack([np.cos(turns) * radii, np.sin(turns) * radii], 1)
    if shape == "cross":
        w = rng.uniform(0.2, 0.4)
        corners = [
            (-w, -1),
            (w, -1),
            (w, -w),
            (1, -w),
            (1, w),
            (w, w),
            (w, 1),
            (-w, 1),
            (-w, w),
            (-1, w),
            (-1, -w),
        ]
        return np.array([*corners, (-w, -w)])
    if shape in ("crescent", "ring"):
        stop = np.pi * (1.0 if shape == "crescent" else 1.9)
        arc = np.linspace(0, stop, 24)
        inner = rng.uniform(0.45, 0.7)
        thin = inner + (1 - inner) * (np.abs(np.linspace(-1, 1, 24)) ** 2 if shape == "crescent" else 0.0)
        outer = np.stack([np.cos(arc), np.sin(arc)], 1)
        return np.concatenate([outer, (outer * np.reshape(thin * np.ones(24), (24, 1)))[::-1]])
    if shape == "drop":
        drop: NDArray[np.float64] = circle * np.stack([np.ones(40), np.sin(t / 2) ** 1.5], 1)
        return drop
    if shape == "free":
        radius = np.full(40, 0.75)
        for k in range(2, 7):
            radius += rng.normal(0, 0.35 / k) * np.cos(k * t + rng.uniform(0, 6.28))
        free: NDArray[np.float64] = circle * radius[:, None]
        return free
    oval: NDArray[np.float64] = circle * np.array([1.0, rng.uniform(0.6, 1.0)])
    return oval


def objects(rng: np.random.Generator, size: int) -> Kind:
    """One to four classes of objects that differ in shape, skin or size, among unlabelled clutter."""
    saturation = random_saturation(rng)
    ground = random_colour(rng, saturation)
    backdrop = random_texture(rng, ground)
    count = int(rng.choice([1, 2, 2, 3, 4]))
    things = [_random_thing(rng, [ground], saturation)]
    while len(things) < count:
        fresh = _random_thing(rng, [ground, *(one.skin.base for one in things)], saturation)
        model = things[int(rng.integers(len(things)))]
        share = rng.random()
        if share < 0.3:
            fresh = replace(model, outline=fresh.outline)
        elif share < 0.6:
            fresh = replace(model, skin=fresh.skin)
        elif share < 0.75:
            factor = 2.2 if model.radius < 0.12 else 0.4
            fresh = replace(model, radius=min(model.radius * factor, 0.35))
        things.append(fresh)
    clutter = None
    if rng.random() < 0.4:
        clutter = replace(_random_thing(rng, [one.skin.base for one in things], saturation), radius=0.06)
    shadow = float(rng.uniform(0.4, 0.8)) if rng.random() < 0.5 else 1.0
    offset = rng.normal(0, 0.02, 2) * size
    upright = rng.random() < 0.3
    crowded = rng.random() < 0.4
    most = int(rng.integers(2, 9))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(backdrop.draw(rng, size))
        plan = [
            (label, thing)
            for label, thing in enumerate(things, 1)
            for _ in range(int(rng.integers(1, max(2, min(most, int(0.3 / thing.radius**2)) + 1))))
            if label in present
        ]
        plan += [(0, clutter)] * int(rng.integers(0, 5)) if clutter else []
        plan = [plan[index] for index in rng.permutation(len(plan))]
        skins = {label: thing.skin.skin(rng, size) for label, thing in dict(plan).items()}
        radii = [thing.radius * size * float(np.exp(rng.normal(0, 0.15))) for _, thing in plan]
        for (label, thing), radius, centre in zip(
            plan, radii, scatter(rng, size, radii, crowded), strict=True
        ):
            angle = rng.normal(0, 0.1) if upright else rng.uniform(0, 6.28)
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            points = thing.outline * (1 + rng.normal(0, 0.05, 2)) @ turn * radius + np.asarray(centre)
            if shadow < 1:
                cast = points + offset
                canvas.shade(draw_polygon(window(size, cast), cast), shadow, window(size, cast))
            box = window(size, points)
            alpha = draw_polygon(box, points)
            canvas.paint(alpha, skins[label], label, box)
            if thing.rim:
                inner = draw_polygon(box, (points - centre) * 0.85 + centre)
                canvas.shade(alpha * (1 - inner), thing.rim, box)
            if thing.gloss:
                light = draw_polygon(box, (points - centre) * 0.4 + centre - 0.25 * radius)
                canvas.image[box] += (alpha * light * np.float32(thing.gloss))[..., None]
        return canvas

    return Kind(count, paint)


def _random_thing(rng: np.random.Generator, colours: list[NDArray[np.float32]], saturation: float) -> _Thing:
    return _Thing(
        outline=_outline(rng, str(rng.choice(_SHAPES))),
        skin=random_texture(rng, colour_apart(rng, colours, 0.25, saturation)),
        radius=log_uniform(rng, 0.03, 0.35),
        gloss=float(rng.uniform(0.05, 0.3)) if rng.random() < 0.3 else 0.0,
        rim=float(rng.uniform(0.4, 0.8)) if rng.random() < 0.3 else 0.0,
    )
