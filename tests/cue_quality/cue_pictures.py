"""Cues in flat colours for the pack `colours`: a red square on blue, and cues that are wrong in a known way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pictures import BLUE, GREEN, RED

from cuecast.core.values import Example, Image, Marks

SIZE = (96, 128)


def square(number: int, side: int = 20) -> NDArray[np.int32]:
    """(96, 128) int32: 1 on a square whose place depends on `number`."""
    labels = np.zeros(SIZE, np.int32)
    top, left = 8 + 5 * (number % 4), 10 + 12 * (number % 5)
    labels[top : top + side, left : left + side] = 1
    return labels


def bar(number: int) -> NDArray[np.int32]:
    """(96, 128) int32: 1 on a low bar at the bottom."""
    labels = np.zeros(SIZE, np.int32)
    labels[80:86, 4 + number : 90 + number] = 1
    return labels


def cue(number: int, mask: NDArray[np.int32] | None = None, side: int = 20) -> Example:
    """A picture with a red square and a green bar; the square is marked, or what `mask` says."""
    red = square(number, side)
    pixels = np.full((*SIZE, 3), BLUE, np.uint8)
    pixels[bar(number) > 0] = GREEN
    pixels[red > 0] = RED
    return Example(Image(pixels, f"{number}.png"), Marks(SIZE, red if mask is None else mask))


def clean(count: int) -> list[Example]:
    """Cues without a fault."""
    return [cue(n) for n in range(count)]


def moved(number: int, dx: int, dy: int) -> NDArray[np.int32]:
    """The square's mask, moved."""
    return np.roll(square(number), (dy, dx), (0, 1))


def wider(number: int, by: int) -> NDArray[np.int32]:
    """The square's mask with a margin of `by` pixels."""
    rows, columns = np.nonzero(square(number))
    out = np.zeros(SIZE, np.int32)
    out[rows.min() - by : rows.max() + 1 + by, columns.min() - by : columns.max() + 1 + by] = 1
    return out
