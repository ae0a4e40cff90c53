"""Pages: registers with ruled columns, and typed or written text in lines and blocks, with stamps and notes beside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cuecast.training.synthetic.drawing import (
    Array,
    Canvas,
    Kind,
    Texture,
    colour_apart,
    log_uniform,
    random_texture,
)
from cuecast.training.synthetic.made import LETTERS

Rectangle = tuple[int, int, int, int]
"""Top, bottom, left, right in pixels, half-open."""

_STRIPS = 4
"""Lines of each hand that a kind of page is written with; what stands on a page is parts of them."""


@dataclass(frozen=True)
class _Hand:
    """How something is written: lines (height, length) of alpha; their distance in heights; how many are left out, how
    long they are, shares of the room that there is."""

    strips: tuple[Array, ...]
    pitch: float
    empty: float
    shortest: float
    ragged: float

    @property
    def height(self) -> int:
        return int(self.strips[0].shape[0])


@dataclass(frozen=True)
class _Look:
    """What a page is made of: what lies around it, its paper, ink of text, of rules and of stamps."""

    around: Texture
    paper: Texture
    ink: Array
    rule: Array
    stamp: Array


def _typed(rng: np.random.Generator, height: int, length: int) -> Array:
    """Alpha (height, length) of words of letters in no order."""
    font = ImageFont.load_default(size=max(height, 5))
    words = [
        "".join(rng.choice(list(LETTERS), int(rng.integers(1, 10)))) for _ in range(2 + length // height)
    ]
    sheet = Image.new("L", (length, height))
    ImageDraw.Draw(sheet).text((0, -0.15 * height), " ".join(words), fill=255, font=font)
    return np.asarray(sheet, np.float32) / np.float32(255)


def _written(rng: np.random.Generator, height: int, length: int) -> Array:
    """Alpha (height, length) of a running hand: waves with loops above and below, broken into words."""
    sheet = Image.new("L", (2 * length, 2 * height))
    pen = ImageDraw.Draw(sheet)
    slant, wide, bold = rng.uniform(-0.1, 0.7), rng.uniform(0.25, 0.6), max(1, round(height * 0.16))
    x = 0.0
    while x < length:
        strokes = int(rng.integers(3, 22))
        t = np.arange(strokes)
        reach = np.where(rng.random(strokes) < 0.25, rng.uniform(0.35, 0.5, strokes), 0.18)
        y = height * (0.52 + reach * np.where(t % 2, 1, -1))
        along = x + height * wide * np.cumsum(rng.uniform(0.3, 0.7, strokes)) - slant * (y - height / 2)
        pen.line([(2 * a, 2 * b) for a, b in zip(along, y, strict=True)], fill=255, width=bold, joint="curve")
        x = float(along.max()) + height * rng.uniform(0.3, 0.9)
    return np.asarray(sheet.resize((length, height), Image.Resampling.BOX), np.float32) / np.float32(255)


def _hand(rng: np.random.Generator, size: int, typed: bool, height: float) -> _Hand:
    rows = max(4, round(height * size))
    draw = _typed if typed else _written
    return _Hand(
        tuple(draw(rng, rows, size) for _ in range(_STRIPS)),
        float(rng.uniform(1.15, 2.6)),
        float(rng.choice([0.0, 0.1, 0.4, 0.75], p=[0.4, 0.3, 0.2, 0.1])),
        float(rng.uniform(0.15, 0.9)),
        float(rng.choice([0.0, 0.15, 0.5])),
    )


def _look(rng: np.random.Generator) -> _Look:
    """Mostly light paper, dark around it; now and then a negative, as films of registers are."""
    dark = rng.random() < 0.2
    light = rng.uniform(0.7, 1.0) * (1 - np.array([0, 0.04, 0.18]) * rng.random()) * np.ones(3)
    paper = (1 - light if dark else light).astype(np.float32)
    shade = float(rng.uniform(0.0, 0.35))
    ink = np.full(3, 1 - shade if dark else shade, np.float32)
    if rng.random() < 0.35:
        ink = colour_apart(rng, [paper], 0.6, 0.8)
    around = paper if rng.random() < 0.35 else colour_apart(rng, [paper], 0.2, 0.5)
    if rng.random() < 0.35:
        around = np.full(3, rng.uniform(0.0, 0.12), np.float32)
    rule = ink if rng.random() < 0.5 else colour_apart(rng, [paper], 0.25, 0.8)
    stamp = ink if rng.random() < 0.25 else colour_apart(rng, [paper, ink], 0.35, 1.2)
    strength = log_uniform(rng, 0.003, 0.03)
    return _Look(
        random_texture(rng, around, strength), random_texture(rng, paper, strength), ink, rule, stamp
    )


def _write(
    rng: np.random.Generator,
    canvas: Canvas,
    hand: _Hand,
    ink: Array,
    room: Rectangle,
    label: int | None = None,
) -> None:
    """Lines of a hand in a room; those are of class `label`, each as the band that it fills."""
    top, bottom, left, right = room
    wide = right - left
    if wide < 4:
        return
    begin = top + float(rng.uniform(0, hand.height))
    for y in np.arange(begin, bottom - hand.height, hand.pitch * hand.height).astype(int).tolist():
        if rng.random() < hand.empty:
            continue
        length = int(wide * (1 - rng.uniform(0, hand.ragged)) * rng.uniform(hand.shortest, 1))
        indent = int(rng.uniform(0, max(wide - length, 0) * 0.5)) if rng.random() < 0.3 else 0
        strip = hand.strips[int(rng.integers(len(hand.strips)))]
        start = int(rng.integers(max(strip.shape[1] - length, 1)))
        alpha = strip[:, start : start + length]
        x = left + indent
        _print(canvas, alpha, ink, y, x, label)


def _rule(canvas: Canvas, ink: Array, room: Rectangle, strength: float) -> None:
    box = slice(room[0], room[1]), slice(room[2], room[3])
    canvas.paint(np.full(canvas.image[box].shape[:2], strength, np.float32), ink, None, box)


def _print(canvas: Canvas, alpha: Array, ink: Array, y: int, x: int, label: int | None) -> None:
    """Put something on a page, as far as it lies on it, its rectangle of class `label`."""
    alpha = alpha[: canvas.size - y, : canvas.size - x]
    if alpha.size:
        canvas.paint(alpha, ink, None, (slice(y, y + alpha.shape[0]), slice(x, x + alpha.shape[1])))
        if label is not None:
            _mark_room(canvas, (y, y + alpha.shape[0], x, x + alpha.shape[1]), label)


def _mark_room(canvas: Canvas, room: Rectangle, label: int) -> None:
    box = slice(room[0], room[1]), slice(room[2], room[3])
    canvas.mark(np.ones(canvas.labels[box].shape, bool), label, box)


def _stamp(rng: np.random.Generator, canvas: Canvas, seal: Array, ink: Array, label: int | None) -> None:
    """The print of a stamp somewhere, its rectangle of class `label`."""
    height, width = seal.shape
    if height >= canvas.size or width >= canvas.size:
        return
    y, x = int(rng.integers(canvas.size - height)), int(rng.integers(canvas.size - width))
    _print(canvas, seal * np.float32(rng.uniform(0.6, 1.0)), ink, y, x, label)


def _seal(rng: np.random.Generator, size: int) -> Array:
    """Alpha of a stamp: one or two rings or frames, letters within."""
    height = max(10, round(size * rng.uniform(0.08, 0.22)))
    width = round(height * rng.choice([1.0, rng.uniform(1.2, 2.6)]))
    sheet = Image.new("L", (2 * width, 2 * height))
    pen = ImageDraw.Draw(sheet)
    shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
    bold = max(1, round(height * rng.uniform(0.03, 0.1)))
    for inset in (0, 4 * bold)[: int(rng.integers(1, 3))]:
        shape((inset, inset, 2 * width - 1 - inset, 2 * height - 1 - inset), outline=255, width=2 * bold)
    font = ImageFont.load_default(size=max(6, int(height * rng.uniform(0.3, 0.8))))
    text = "".join(rng.choice(list(LETTERS.upper()), int(rng.integers(2, 9))))
    pen.text((width, height), text, fill=255, font=font, anchor="mm")
    return np.asarray(sheet.resize((width, height), Image.Resampling.BOX), np.float32) / np.float32(255)


def pages(rng: np.random.Generator, size: int) -> Kind:
    """Registers or prose. Half of the kinds are on the same paper in all their pictures, the others on any."""
    return _register(rng, size) if rng.random() < 0.55 else _prose(rng, size)


def _looks(rng: np.random.Generator) -> _Look | None:
    return _look(rng) if rng.random() < 0.5 else None


def _sheet(rng: np.random.Generator, size: int, look: _Look) -> tuple[Canvas, Rectangle]:
    """A page on what lies around it, and where the page is."""
    canvas = Canvas(look.around.draw(rng, size))
    edges = (rng.uniform(0, 0.07, 4) * rng.integers(0, 2, 4) * size).astype(int)
    room = int(edges[0]), size - int(edges[1]), int(edges[2]), size - int(edges[3])
    box = slice(room[0], room[1]), slice(room[2], room[3])
    canvas.image[box] = look.paper.draw(rng, size)[box]
    return canvas, room


def _register(rng: np.random.Generator, size: int) -> Kind:
    """A table: a header over columns, each written in its own way; up to three of them, and the header, are classes."""
    number = int(rng.integers(3, 9))
    widths = rng.dirichlet(np.full(number, 2.0)) * 0.8 + 0.2 / number
    hands = [_hand(rng, size, rng.random() < 0.2, log_uniform(rng, 0.012, 0.035)) for _ in range(3)]
    of_column = [int(i) for i in rng.integers(len(hands), size=number)]
    blank = rng.random(number) < 0.15
    named = [int(i) for i in rng.permutation(number)[: int(rng.integers(1, 4))]]
    header = len(named) + 1 if rng.random() < 0.6 else None
    head, foot = float(rng.uniform(0.05, 0.18)), float(rng.uniform(0.0, 0.06))
    title, small = (
        _hand(rng, size, bool(rng.random() < 0.6), log_uniform(rng, 0.012, h)) for h in (0.035, 0.02)
    )
    rows = log_uniform(rng, 0.02, 0.08) if rng.random() < 0.4 else 0.0
    strength, heavy = float(rng.uniform(0.25, 1.0)), max(1, round(size * rng.uniform(0.002, 0.006)))
    look = _looks(rng)

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        here = look or _look(rng)
        canvas, (top, bottom, left, right) = _sheet(rng, size, here)
        inset = (rng.uniform(0.01, 0.05, 4) * size).astype(int)
        top, bottom, left, right = top + inset[0], bottom - inset[1], left + inset[2], right - inset[3]
        tall, wide = bottom - top, right - left
        _write(rng, canvas, title, here.ink, (top, top + int(0.06 * tall), left, right))
        top += int(0.05 * tall)
        shown = [i for i in range(number) if i not in named or named.index(i) + 1 in present]
        shares = np.array([widths[i] for i in shown]) * np.exp(rng.normal(0, 0.05, len(shown)))
        ends = left + np.round(np.append(0, np.cumsum(shares / shares.sum())) * wide).astype(int)
        under = top + (int(head * tall) if header is None or header in present else 0)
        end = bottom - int(foot * tall)
        if header is not None and header in present:
            _mark_room(canvas, (top, under, left, right), header)
        if rows:
            for y in np.arange(under, end, max(3, rows * size)).astype(int).tolist():
                _rule(canvas, here.rule, (y, y + 1, left, right), strength * 0.5)
        filled = rng.uniform(0.4, 1.0) if rng.random() < 0.3 else 1.0
        for place, i in enumerate(shown):
            a, b = int(ends[place]), int(ends[place + 1])
            _write(rng, canvas, small, here.ink, (top + 1, under, a + 2, b - 2))
            if not blank[i]:
                until = under + int((end - under) * filled)
                _write(rng, canvas, hands[of_column[i]], here.ink, (under + 1, until, a + 2, b - 2))
            if i in named:
                _mark_room(canvas, (under, end, a, b), named.index(i) + 1)
        for x in ends.tolist():
            _rule(canvas, here.rule, (top, end, x, x + heavy), strength)
        for y in (top, under, end):
            _rule(canvas, here.rule, (y, y + heavy, left, right), strength)
        return canvas

    return Kind(len(named) + (header is not None), paint)


def _prose(rng: np.random.Generator, size: int) -> Kind:
    """Text in one or two blocks: its lines are a class, or the blocks are; stamps, another hand, notes beside."""
    typed = bool(rng.random() < 0.65)
    height = log_uniform(rng, 0.014, 0.05)
    main = _hand(rng, size, typed, height)
    other = _hand(rng, size, not typed, height * rng.uniform(0.8, 1.6))
    blocks = rng.random() < 0.35
    names = ["main"]
    for name, chance in (("other", 0.4), ("stamp", 0.4), ("number", 0.25)):
        if rng.random() < chance:
            names.append(name)
    two = rng.random() < 0.2
    seal = _seal(rng, size)
    plain_stamp = rng.random() < 0.2
    look = _looks(rng)

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        here = look or _look(rng)
        label = {n: i for i, n in enumerate(names, start=1) if i in present}
        canvas, (top, bottom, left, right) = _sheet(rng, size, here)
        edge = (rng.uniform(0.05, 0.16, 4) * size).astype(int)
        top, bottom, left, right = top + edge[0], bottom - edge[1], left + edge[2], right - edge[3]
        bottom = top + int((bottom - top) * rng.uniform(0.5, 1.0))
        middle = (left + right) // 2
        gap = int(0.03 * size)
        columns = [(left, middle - gap), (middle + gap, right)] if two else [(left, right)]
        if "main" in label:
            for a, b in columns:
                start = top
                while start < bottom - 2 * main.height:
                    stop = min(bottom, start + int((bottom - top) * rng.uniform(0.25, 1.0)))
                    room = start, stop, a, b
                    _write(rng, canvas, main, here.ink, room, None if blocks else label["main"])
                    if blocks:
                        _mark_room(canvas, room, label["main"])
                    start = stop + int(main.height * rng.uniform(1.5, 4))
        if "other" in label:
            y = int(rng.integers(0, max(size // 2, 1)))
            x = int(rng.choice([2, right + 2, left]))
            room = (
                y,
                min(size, y + int(rng.integers(2, 8) * 2 * other.height)),
                x,
                min(size - 2, x + size // 3),
            )
            _write(rng, canvas, other, here.stamp if rng.random() < 0.3 else here.ink, room, label["other"])
        if "number" in label:
            y, x = max(0, int(edge[0]) - main.height - 2), int(rng.choice([left, middle, right - 12]))
            _print(canvas, main.strips[0][:, : int(main.height * 1.6)], here.ink, y, x, label["number"])
        if "stamp" in label or (plain_stamp and "stamp" not in names):
            _stamp(rng, canvas, seal, here.stamp, label.get("stamp"))
        return canvas

    return Kind(len(names), paint)
