"""Regular structures: tiles, panels, windows and rows of teeth, some of them unlike the others."""

import numpy as np

from .canvas import Canvas, Kind, draw_polygon, log_uniform, window
from .textures import colour_apart, random_colour, random_saturation, random_texture

_ODD = ("colour", "missing", "spot", "cracked", "dark")


def panels(rng: np.random.Generator, size: int) -> Kind:
    """A turned, slightly skewed grid; classes: plain tiles, and up to two odd sorts of tile or spots."""
    saturation = random_saturation(rng)
    ground = random_colour(rng, saturation)
    backdrop = random_texture(rng, ground)
    skin = random_texture(rng, colour_apart(rng, [ground], 0.2, saturation), log_uniform(rng, 0.005, 0.08))
    pitch = np.array([log_uniform(rng, 0.09, 0.5), log_uniform(rng, 0.09, 0.5)])
    pitch[1] = np.clip(pitch[1], pitch[0] / 2.5, pitch[0] * 2.5)
    gap = log_uniform(rng, 0.05, 0.4)
    odd = [str(name) for name in rng.permutation(_ODD)[: int(rng.choice([0, 1, 1, 2]))]]
    rate = log_uniform(rng, 0.08, 0.35)
    odd_skin = random_texture(rng, colour_apart(rng, [ground, skin.base], 0.25, saturation), 0.05)
    lines = int(rng.integers(0, 5))
    angle = float(rng.choice([0.0, rng.normal(0, 0.1), rng.uniform(0, 3.14)]))
    shear = float(rng.normal(0, 0.1))
    arch = float(rng.uniform(-1.2, 1.2)) if rng.random() < 0.3 else 0.0
    round_ = rng.random() < 0.35
    partly = rng.random() < 0.4

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(backdrop.draw(rng, size))
        face, odd_face = skin.skin(rng, size), odd_skin.skin(rng, size)
        zoom = np.exp(rng.normal(0, 0.1))
        step = pitch * size * zoom
        turn = angle + rng.normal(0, 0.04)
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        matrix = np.array([[1, shear + rng.normal(0, 0.02)], [0, 1]]) @ matrix
        reach = np.minimum(np.ceil(size * 0.8 / step), 9).astype(int)
        if partly or arch:
            reach = np.maximum((reach * rng.uniform(0.3, 0.7, 2)).astype(int), 1)
        corners = _tile(gap, round_)
        middle = size / 2 + rng.normal(0, 0.08 * size, 2)
        places = [(i, j) for j in range(-reach[1], reach[1] + 1) for i in range(-reach[0], reach[0] + 1)]
        centres = (np.array(places) * step) @ matrix + middle
        near = np.abs(centres - size / 2).max(1) < size / 2 + (size if arch else step.max())
        places = [place for place, kept in zip(places, near.tolist(), strict=True) if kept] or [(0, 0)]
        forced = {index: which for which, index in enumerate(rng.permutation(len(places))[: len(odd)])}
        for index, (i, j) in enumerate(places):
            which = forced.get(index, int(rng.integers(len(odd))) if odd and rng.random() < rate else -1)
            if which >= 0 and which + 2 not in present:
                which = -1
            where = (corners * rng.normal(1, 0.02, 2) + [i, j]) * step
            where[:, 1] += arch * where[:, 0] ** 2 / size
            points = where @ matrix + middle
            if (points.max(0) < 0).any() or (points.min(0) > size).any():
                continue
            box = window(size, points)
            alpha = draw_polygon(box, points)
            plain = 1 if 1 in present else None
            name = odd[which] if which >= 0 else ""
            label = which + 2 if which >= 0 else plain
            if name == "missing":
                canvas.shade(alpha, 0.75, box)
                canvas.labels[box][alpha >= 0.5] = which + 2
                continue
            if plain is None and name in ("", "spot"):  # no tile here: at most the spot is left
                if name:
                    _mark(rng, canvas, points, odd_face, name, label)
                continue
            canvas.paint(
                alpha, odd_face if name == "colour" else face, plain if name == "spot" else label, box
            )
            for line in range(1, lines):
                _rule(canvas, points, len(corners), line / lines, box, alpha)
            if name == "dark":
                canvas.shade(alpha, 0.5, box)
            elif name in ("spot", "cracked"):
                _mark(rng, canvas, points, odd_face, name, label)
        return canvas

    return Kind(1 + len(odd), paint)


def _tile(gap: float, round_: bool) -> np.ndarray:
    """Corners (N, 2) of a tile in a cell of one by one, with `gap` of it left free."""
    half = (1 - gap) / 2
    if not round_:
        return np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    t = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return half * np.stack(
        [np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.5, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.5], 1
    )


def _rule(
    canvas: Canvas, points: np.ndarray, number: int, at: float, box: tuple[slice, slice], alpha: np.ndarray
) -> None:
    """A thin darker line across a tile (cells of a solar panel, courses of a wall)."""
    if number != 4:
        return
    left, right = points[0] * (1 - at) + points[3] * at, points[1] * (1 - at) + points[2] * at
    across = (points[3] - points[0]) / max(np.linalg.norm(points[3] - points[0]), 1e-6) * 0.6
    strip = draw_polygon(box, np.stack([left - across, right - across, right + across, left + across]))
    canvas.shade(strip * alpha, 0.7, box)


def _mark(
    rng: np.random.Generator,
    canvas: Canvas,
    points: np.ndarray,
    skin: np.ndarray,
    name: str,
    label: int | None,
) -> None:
    """A spot on a tile (a class of its own), or lines of breakage all over it (the tile is the class)."""
    centre = points.mean(0)
    if name == "spot":
        t = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        reach = np.abs(points - centre).max() * rng.uniform(0.25, 0.5)
        ring = np.stack([np.cos(t), np.sin(t)], 1) * reach * rng.uniform(0.8, 1.2, (14, 1)) + centre
        box = window(canvas.size, ring)
        canvas.paint(draw_polygon(box, ring), skin, label, box)
        return
    for _ in range(4):
        ends = centre + (points[rng.integers(len(points), size=2)] - centre) * rng.uniform(0.3, 0.95, (2, 1))
        side = rng.normal(0, 1, 2)
        side = side / np.linalg.norm(side) * 0.8
        strip = np.stack([ends[0] - side, ends[1] - side, ends[1] + side, ends[0] + side])
        box = window(canvas.size, strip)
        canvas.paint(draw_polygon(box, strip), skin, None, box)
