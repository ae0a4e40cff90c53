"""Signs in rows on paper: letters of a font or invented ones, two inks or sizes, rules, figures, ageing."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .canvas import Canvas, Kind, draw_blob, draw_paths, log_uniform, opacity
from .textures import Array, colour_apart, fractal_noise, random_saturation, random_texture

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&?!%"


def _font_glyph(letter: str, height: int) -> Array:
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
        glyphs = [_font_glyph(letter, height) for letter in rng.choice(list(_LETTERS), number)]
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
