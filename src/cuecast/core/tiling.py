"""A fixed grid of overlapping windows, and the blending of what was computed in them. Knows no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Window(NamedTuple):
    """Rows top:bottom, columns left:right."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index into an (H, W) array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def windows(size: tuple[int, int], tile: int, overlap: int) -> Iterator[Window]:
    """Windows of `tile` pixels a side that cover `size`, each sharing `overlap` with the next.

    The grid starts at the origin with a constant step, so a window's place does not depend on the image's size;
    the last ones are cut at the border. A remainder of at most `overlap` widens the window before it.
    """
    for top, bottom in _spans(size[0], tile, overlap):
        for left, right in _spans(size[1], tile, overlap):
            yield Window(top, bottom, left, right)


def _spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    spans = [(0, length if length - tile <= overlap else tile)]
    while spans[-1][1] < length:
        start = spans[-1][0] + tile - overlap
        stop = start + tile
        spans.append((start, length if length - stop <= overlap else stop))
    return spans


def blend(
    size: tuple[int, int],
    planes: int,
    tile: int,
    overlap: int,
    compute: Callable[[Window], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Compute (planes, h, w) in every window and join them to (planes, H, W).

    Where windows overlap, weights fall linearly towards a window's inner borders, so no seam shows.
    """
    total = np.zeros((planes, *size), np.float32)
    weight = np.zeros(size, np.float32)
    for window in windows(size, tile, overlap):
        ramp = np.outer(
            _ramp(window.top, window.bottom, size[0], overlap),
            _ramp(window.left, window.right, size[1], overlap),
        )
        total[(slice(None), *window.slices)] += compute(window) * ramp
        weight[window.slices] += ramp
    return total / weight


def _ramp(start: int, stop: int, length: int, overlap: int) -> NDArray[np.float32]:
    """1 inside, falling over `overlap` pixels towards the sides where another window takes over."""
    i = np.arange(start, stop, dtype=np.float32)
    ramp = np.ones(stop - start, np.float32)
    if overlap and start > 0:
        ramp = np.minimum(ramp, (i - start + 0.5) / overlap)
    if overlap and stop < length:
        ramp = np.minimum(ramp, (stop - i - 0.5) / overlap)
    return ramp
