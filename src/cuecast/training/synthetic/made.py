"""Things in rows.

Tiles, panels, windows and rows of teeth, some of them unlike the others. Signs on paper: letters of a font or invented
ones, two inks or sizes, rules, figures, ageing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cuecast.training.synthetic.drawing import (
    Array,
    Canvas,
    Kind,
    colour_apart,
    draw_blob,
    draw_paths,
    draw_polygon,
    fractal_noise,
    log_uniform,
    opacity,
    random_colour,
    random_saturation,
    random_texture,
    window,
)

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


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&?!%"


def font_glyph(letter: str, height: int) -> Array:
    """Alpha (h, w) of a character of PIL's own font."""
    font = ImageFont.load_default(size=height)
    left, top, right, bottom = font.getbbox(letter)
    sheet = Image.new("L", (max(int(right - left), 1), max(int(bottom - top), 1)))
    ImageDraw.Draw(sheet).text((-left, -top), letter, fill=255, font=font)
    return np.asarray(sheet, np.float32) / np.float32(255)


def _invented_glyph(rng: np.random.Generator, height: int, width: float) -> Array:
    """Alpha (height, height) of two to five random strokes on a grid of nine points."""
    grid = np.linspace(0.12, 0.88, 3) * height
    paths = []
    for _ in range(int(rng.integers(2, 6))):
        corners = grid[rng.integers(0, 3, (int(rng.integers(2, 4)), 2))]
        if len(corners) == 3:  # a bent stroke: a quadratic curve through the middle one's pull
            t = np.linspace(0, 1, 7)[:, None]
            corners = (1 - t) ** 2 * corners[0] + 2 * t * (1 - t) * corners[1] + t**2 * corners[2]
        paths.append((corners, np.full(len(corners), width)))
    return draw_paths(height, paths)


@dataclass(frozen=True)
class _Script:
    """One class of signs: their alphas, ink, and the spacing of letters as a share of their height."""

    glyphs: tuple[Array, ...]
    ink: Array
    height: int
    gap: float


def _script(rng: np.random.Generator, height: int, ink: Array, invented: bool) -> _Script:
    number = int(rng.integers(4, 14))
    if invented:
        width = max(height * rng.uniform(0.07, 0.2), 1.0)
        glyphs = [_invented_glyph(rng, height, width) for _ in range(number)]
    else:
        glyphs = [font_glyph(letter, height) for letter in rng.choice(list(LETTERS), number)]
    return _Script(tuple(glyphs), ink, height, float(rng.uniform(0.08, 0.4)))


def glyphs(rng: np.random.Generator, size: int) -> Kind:
    """Text of one or two scripts that differ in ink, size or letters, or one sign apart; rules, figures."""
    saturation = random_saturation(rng) * 0.6
    dark = rng.random() < 0.2
    paper = colour_apart(rng, [np.full(3, 0.9 if dark else 0.1, np.float32)], 0.9, saturation * 0.5)
    sheet = random_texture(rng, paper, log_uniform(rng, 0.005, 0.06))
    ink = colour_apart(rng, [paper], 0.5, saturation)
    height = int(np.clip(log_uniform(rng, 0.05, 0.3) * size, 9, size // 3))
    invented = rng.random() < 0.5
    scripts = [_script(rng, height, ink, invented)]
    differ = str(rng.choice(["none", "ink", "size", "letters", "sign"]))
    if differ == "ink":
        second = colour_apart(rng, [paper, ink], 0.4, max(saturation, 0.6))
        scripts.append(_Script(scripts[0].glyphs, second, height, scripts[0].gap))
    elif differ == "size":
        other = int(np.clip(height * 2.2 if height < size / 9 else height / 2.2, 7, size // 3))
        scripts.append(_script(rng, other, ink, invented))
    elif differ == "letters":
        scripts.append(_script(rng, height, ink, not invented))
    elif differ == "sign":
        scripts.append(_Script(scripts[0].glyphs[:1], ink, height, scripts[0].gap))
        scripts[0] = _Script(scripts[0].glyphs[1:], ink, height, scripts[0].gap)
    extras = [str(name) for name in rng.permutation(["rule", "figure"])[: int(rng.integers(0, 3))]]
    by_word = differ in ("ink", "letters") and rng.random() < 0.5
    figure_skin = random_texture(rng, colour_apart(rng, [paper], 0.2, saturation), 0.15)
    leading = float(rng.uniform(1.15, 2.2))
    rule_width = log_uniform(rng, 1.0, 4.0)
    stained = rng.random() < 0.4
    fade = float(rng.uniform(0.1, 0.5)) if rng.random() < 0.4 else 0.0
    slant = float(rng.normal(0, 0.02))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(sheet.draw(rng, size))
        if stained:
            for _ in range(int(rng.integers(1, 4))):
                blot = draw_blob(
                    rng, size, tuple(rng.uniform(0, size, 2)), size * rng.uniform(0.08, 0.3), 1.3, 0.15
                )
                if blot:
                    canvas.shade(opacity(blot.depth, 5), 0.85, blot.box)
        taken = np.zeros((size, size), bool)
        for label, name in enumerate(extras, len(scripts) + 1):
            if label in present and name == "figure":
                _paint_figure(rng, canvas, figure_skin.skin(rng, size), label, taken)
            elif label in present:
                _paint_rules(rng, canvas, ink, rule_width, slant, label)
        worn = 1 - np.float32(fade) * np.clip(fractal_noise(rng, size, size / 4), 0, 1.5) if fade else None
        y, pick = float(rng.uniform(-0.5, 0.5) * height), int(rng.integers(len(scripts)))
        while y < size - 3:
            pick = (pick + int(rng.random() < 0.6)) % len(scripts)
            _paint_row(rng, canvas, scripts, pick, by_word, differ == "sign", y, slant, present, taken, worn)
            y += leading * scripts[pick].height
        return canvas

    return Kind(len(scripts) + len(extras), paint)


def _paint_row(
    rng: np.random.Generator,
    canvas: Canvas,
    scripts: list[_Script],
    pick: int,
    by_word: bool,
    by_letter: bool,
    y: float,
    slant: float,
    present: frozenset[int],
    taken: np.ndarray,
    worn: Array | None,
) -> None:
    """One row of words; the script may change with each word or (`by_letter`) with each sign."""
    x = float(rng.uniform(0, 1.5) * scripts[pick].height)
    end = canvas.size * (1 if rng.random() < 0.7 else rng.uniform(0.3, 1))
    while x < end:
        for _ in range(int(rng.integers(2, 9))):
            which = int(rng.random() < 0.25) if by_letter else pick
            script = scripts[which]
            alpha = script.glyphs[int(rng.integers(len(script.glyphs)))]
            base = y + script.height - alpha.shape[0] + slant * x
            x0, y0 = max(int(x), 0), int(base)
            x += alpha.shape[1] + script.gap * script.height * 0.5
            skip = max(-y0, 0)
            alpha = alpha[skip : max(canvas.size - y0, 0), : max(canvas.size - x0, 0)]
            box = slice(y0 + skip, y0 + skip + alpha.shape[0]), slice(x0, x0 + alpha.shape[1])
            if alpha.size and which + 1 in present and not taken[box].any():
                canvas.paint(alpha if worn is None else alpha * worn[box], script.ink, None, box)
                canvas.labels[box][alpha >= 0.4] = which + 1
        x += scripts[pick].height * 0.6
        if by_word:
            pick = int(rng.integers(len(scripts)))


def _paint_figure(
    rng: np.random.Generator, canvas: Canvas, skin: Array, label: int, taken: np.ndarray
) -> None:
    """A framed picture; text leaves its place free."""
    size = canvas.size
    height, width = (int(value) for value in rng.uniform(0.2, 0.5, 2) * size)
    y, x = int(rng.integers(0, size - height)), int(rng.integers(0, size - width))
    box = slice(y, y + height), slice(x, x + width)
    canvas.paint(np.ones((height, width), np.float32), skin, label, box)
    taken[box] = True


def _paint_rules(
    rng: np.random.Generator, canvas: Canvas, ink: Array, width: float, slant: float, label: int
) -> None:
    """Straight lines across or down the page."""
    size, paths = canvas.size, []
    for _ in range(int(rng.integers(1, 4))):
        start, end = np.sort(rng.uniform(-0.2, 1.2, 2)) * size
        at = rng.uniform(0.05, 0.95) * size
        line = np.array([[start, at], [max(end, start + 0.3 * size), at + slant * size]])
        paths.append((line[:, ::-1] if rng.random() < 0.3 else line, np.full(2, width)))
    canvas.paint(draw_paths(size, paths), ink, label, least=0.4)
