"""Layered objects with shapes, skins, shadows and occlusion: fruit, parts, signs, toys."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Kind, draw_polygon, log_uniform, scatter, window
from .textures import Texture, colour_apart, random_colour, random_saturation, random_texture

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
