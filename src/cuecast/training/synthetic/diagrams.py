"""Diagrams: signs of several kinds on lines that join them, as circuits, plans and flow charts are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuecast.training.synthetic.drawing import (
    Array,
    Canvas,
    Kind,
    colour_apart,
    draw_paths,
    log_uniform,
    random_saturation,
    random_texture,
)
from cuecast.training.synthetic.made import LETTERS, font_glyph

Points = NDArray[np.float64]

_PARTS = ("zigzag", "coil", "ring", "box", "bars", "triangle", "steps", "strokes")
_LINED = ("zigzag", "coil", "ring", "box", "bars", "triangle")
"""Parts that a line goes through; the others hang on its end."""


@dataclass(frozen=True)
class _Sign:
    """A kind of sign, from (-0.5, 0), where a line comes in, to (0.5, 0): its strokes; whether the line ends there."""

    strokes: tuple[Points, ...]
    ends: bool


def _arc(start: float, end: float, radius: float, x: float = 0.0) -> Points:
    t = np.linspace(start, end, 17)
    return np.stack([x + radius * np.cos(t), radius * np.sin(t)], 1)


def _part(rng: np.random.Generator, name: str) -> list[Points]:
    """The strokes of a part, with what joins it to the ends of its line."""
    wide, half = rng.uniform(0.15, 0.4), rng.uniform(0.12, 0.38)
    if name == "zigzag":
        teeth = int(rng.integers(3, 8))
        x = np.linspace(-wide, wide, 2 * teeth + 1)
        y = half * np.array([0, *([1, 0, -1, 0] * teeth)[: 2 * teeth - 1], 0]) * 0.6
        body = [np.stack([x, y], 1)]
    elif name == "coil":
        turns = int(rng.integers(2, 6))
        body = [
            _arc(np.pi, 2 * np.pi, wide / turns, -wide + (2 * i + 1) * wide / turns) for i in range(turns)
        ]
    elif name == "ring":
        body = [_arc(0, 2 * np.pi, wide)]
    elif name == "box":
        body = [np.array([[-wide, -half], [wide, -half], [wide, half], [-wide, half], [-wide, -half]])]
    elif name == "bars":
        wide = rng.uniform(0.05, 0.12)
        body = [
            np.array([[x, -s * half], [x, s * half]]) for x, s in ((-wide, 1), (wide, rng.choice([0.5, 1])))
        ]
    elif name == "triangle":
        body = [np.array([[-wide, -half], [-wide, half], [wide, 0], [-wide, -half]])]
        if rng.random() < 0.5:
            body.append(np.array([[wide, -half], [wide, half]]))
    elif name == "steps":
        number = int(rng.integers(2, 5))
        body = [
            np.array([[x, -h], [x, h]])
            for x, h in zip(np.linspace(0, wide, number), np.linspace(half, 0.05, number), strict=True)
        ]
        wide = 0.0
    else:
        wide = 0.0
        corners = rng.uniform(-0.4, 0.4, (int(rng.integers(2, 5)), int(rng.integers(2, 4)), 2))
        body = [np.array([[0, 0], corners[0, 0]]), *corners]
    leads = [np.array([[-0.5, 0], [-wide, 0]])]
    if name in _LINED:
        leads.append(np.array([[wide, 0], [0.5, 0]]))
    return body + leads


def _added(rng: np.random.Generator) -> list[Points]:
    """What tells one kind of sign from one that is like it: an arrow, a plus, a dot, a third line that comes in."""
    x, y = rng.uniform(-0.3, 0.3, 2)
    how = int(rng.integers(4))
    if how == 0:
        tip, back = (
            np.array([x, y]),
            rng.uniform(0.15, 0.4) * np.array([np.cos(t := rng.uniform(0, 6.28)), np.sin(t)]),
        )
        side = back[::-1] * [-0.4, 0.4]
        return [np.stack([tip + back, tip]), np.stack([tip + back / 2 + side, tip, tip + back / 2 - side])]
    if how == 1:
        return [np.array([[x - 0.07, y], [x + 0.07, y]]), np.array([[x, y - 0.07], [x, y + 0.07]])]
    if how == 2:
        return [_arc(0, 2 * np.pi, 0.05, x) + np.array([0, y])]
    return [np.array([[x, 0.5], [x, y / 2], [x + rng.uniform(-0.2, 0.2), y / 2]])]


def _sign(rng: np.random.Generator) -> _Sign:
    name = str(rng.choice(_PARTS))
    strokes = _part(rng, name)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2]))):
        strokes += _added(rng)
    return _Sign(tuple(strokes), name not in _LINED)


def diagrams(rng: np.random.Generator, size: int) -> Kind:
    """One to three kinds of signs among others, some of them alike, on lines that join them, with letters beside."""
    saturation = random_saturation(rng) * 0.6
    dark = rng.random() < 0.1
    plain = rng.random() < 0.6
    paper = np.full(3, 1.0 - dark, np.float32)
    if not plain:
        paper = colour_apart(rng, [np.full(3, 0.9 if dark else 0.1, np.float32)], 0.8, saturation * 0.5)
    sheet = random_texture(rng, paper, 0.0 if plain else log_uniform(rng, 0.005, 0.04))
    inks = [np.full(3, float(dark), np.float32) if plain else colour_apart(rng, [paper], 0.5, saturation)]
    inks.append(colour_apart(rng, [paper], 0.4, 1.0) if rng.random() < 0.25 else inks[0])
    kinds = int(rng.integers(1, 4))
    signs = [_sign(rng) for _ in range(kinds + int(rng.integers(1, 5)))]
    if rng.random() < 0.5:  # another one that differs in little
        signs[-1] = _Sign((*signs[0].strokes, *_added(rng)), signs[0].ends)
    length = log_uniform(rng, 0.06, 0.22) * size
    pitch = rng.uniform(1.1, 2.0, 2)
    bold = log_uniform(rng, 0.02, 0.09)
    shaky = float(rng.uniform(0.01, 0.05)) if rng.random() < 0.5 else 0.0
    written = float(rng.uniform(0.0, 0.7))
    turned = rng.random() < 0.8

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(sheet.draw(rng, size))
        own = length * np.exp(rng.normal(0, 0.3))  # a page may hold little or much
        width = max(1.0, own * bold)
        step = pitch * own
        start = rng.uniform(0.1, 0.6, 2) * step
        columns, rows = (int(n) for n in np.maximum((size - start) // step, 1))
        wires: list[tuple[Points, Points]] = []
        drawn: dict[int, list[tuple[Points, Points]]] = {}
        for i in range(columns + 1):
            for j in range(rows + 1):
                for down in (0, 1):
                    if (i, j)[down] >= (columns, rows)[down] or rng.random() < 0.35:
                        continue
                    a = start + np.array([i, j]) * step
                    b = a + step * ([0, 1] if down else [1, 0])
                    which = int(rng.integers(len(signs)))
                    if rng.random() < 0.45 or (which < kinds and which + 1 not in present):
                        wires.append((np.stack([a, b]), np.full(2, width)))
                        continue
                    wires += _place(
                        rng, signs[which], a, b, own, width, shaky, turned, drawn.setdefault(which, [])
                    )
                    if rng.random() < written:
                        _letter(rng, canvas, (a + b) / 2 + own * rng.uniform(0.3, 0.6, 2), own, inks[0])
        canvas.paint(draw_paths(size, wires), inks[0], None)
        for which, paths in drawn.items():
            label = which + 1 if which < kinds else None
            canvas.paint(draw_paths(size, paths), inks[1], label, least=0.35)
        return canvas

    return Kind(kinds, paint)


def _place(
    rng: np.random.Generator,
    sign: _Sign,
    a: Points,
    b: Points,
    length: float,
    width: float,
    shaky: float,
    turned: bool,
    paths: list[tuple[Points, Points]],
) -> list[tuple[Points, Points]]:
    """Add the strokes of a sign between two points to `paths`; the lines that lead to it."""
    middle, along = (a + b) / 2, (b - a) / np.linalg.norm(b - a)
    if rng.random() < 0.3 and turned:
        along = -along
    across = along[::-1] * [-1, 1] * rng.choice([-1, 1])
    for stroke in sign.strokes:
        points = stroke * length + rng.normal(0, shaky * length, stroke.shape)
        paths.append((middle + points[:, :1] * along + points[:, 1:] * across, np.full(len(points), width)))
    ends = [middle - along * length / 2, middle + along * length / 2]
    if (b - a) @ along < 0:
        a, b = b, a
    leads = [np.stack([a, ends[0]])] + ([] if sign.ends else [np.stack([ends[1], b])])
    return [(lead, np.full(2, width)) for lead in leads]


def _letter(rng: np.random.Generator, canvas: Canvas, at: Points, length: float, ink: Array) -> None:
    """One to three letters beside a sign."""
    x, y = (int(v) for v in at)
    for letter in rng.choice(list(LETTERS), int(rng.integers(1, 4))):
        alpha = font_glyph(str(letter), int(max(7, length * 0.3)))
        alpha = alpha[: max(canvas.size - y, 0), : max(canvas.size - x, 0)]
        if alpha.size:
            canvas.paint(alpha, ink, None, (slice(y, y + alpha.shape[0]), slice(x, x + alpha.shape[1])))
        x += alpha.shape[1] + 1
