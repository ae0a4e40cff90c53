"""Where a thing went from one frame to the next, and what that says of the place where it is now. Pure functions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy import fft
from scipy.ndimage import (
    distance_transform_edt,
    gaussian_filter,
    map_coordinates,
    median_filter,
    uniform_filter,
)

from cuecast.refiner import resize

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

SIDE = 256
"""Frames are compared at a longer side of at most so many pixels: a move is found to about half of one of them."""
FARTHEST = 0.25
"""A thing is looked for at moves of up to this share of the longer side between two frames."""
STEADY = 3e-5
"""Squared difference in brightness (of 1) that a move may add per squared pixel it differs from the move before."""
SEEN = 0.3
"""Share of the thing that a move must leave inside the frame to be believed."""
BEND = 3
"""Pixels of a view that parts of a thing may move on their own between two frames."""
BLOCK = 9
"""Side of the blocks that are compared, in pixels of a view."""
OUTLIER = 0.1
"""Squared colour differences count up to this: a pixel that was hidden tells nothing more."""
STIFF = 4e-4
"""Mean squared difference that a part must gain for each squared pixel it moves on its own."""
SMOOTH = 2.0
"""Standard deviation, in pixels of a view, of the smoothing of these moves."""


class Move(NamedTuple):
    """A displacement in pixels of the frame: `down`, `right`."""

    down: float
    right: float


STILL = Move(0.0, 0.0)


def view(pixels: NDArray[np.uint8]) -> Floats:
    """pixels (H, W, 3) uint8 -> (h, w, 3) float32 in [0, 1], made smaller by a whole number; see `SIDE`."""
    factor = -(-max(pixels.shape[:2]) // SIDE)
    small = PILImage.fromarray(pixels).reduce(factor) if factor > 1 else pixels
    return np.asarray(small, np.float32) / np.float32(255)


def find_move(before: Floats, after: Floats, mask: Bools, guess: Move = STILL) -> Move:
    """The move of the thing `mask` (H, W) from one view to the next, as `view` gives them; `guess` without a thing.

    The mean squared difference of colours under the mask at all moves at once, by correlations through the Fourier
    transform, plus a small cost for each pixel away from `guess`, so that flat things do not wander.
    """
    scale = mask.shape[1] / before.shape[1]
    weight = resize(mask.astype(np.float32), before.shape[:2])
    if not weight.any():
        return guess
    reach = int(FARTHEST * max(weight.shape))
    cost, inside = _differences(before, after, weight, reach)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    away = (down - guess.down / scale) ** 2 + (right - guess.right / scale) ** 2
    total = np.where(inside >= SEEN * weight.sum(), cost + STEADY * away, np.inf)
    y, x = divmod(int(total.argmin()), total.shape[1])
    if not np.isfinite(total[y, x]):
        return guess
    return Move(scale * (y - reach + _valley(total[:, x], y)), scale * (x - reach + _valley(total[y], x)))


def carry(before: Floats, after: Floats, mask: Bools, move: Move) -> Bools:
    """The mask (H, W) of a thing in one view, as it lies in the next; `move` is the move of the thing as a whole.

    Its parts move on their own by up to `BEND` pixels of a view: for each pixel of the next view, the place in the
    one before is taken whose surroundings look most alike (block matching), and the places are smoothed.
    """
    shape = before.shape[:2]
    scale = mask.shape[1] / shape[1]
    soft = resize(mask.astype(np.float32), shape)
    down, right = round(move.down / scale), round(move.right / scale)
    holds = soft > 0
    rows, columns = _reach(holds.any(axis=1), down), _reach(holds.any(axis=0), right)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return np.zeros(mask.shape, bool)
    bend = _bends(before, after, rows, columns, (down, right))
    at = np.mgrid[rows, columns].astype(np.float32) - np.array([[[down]], [[right]]], np.float32) + bend
    carried = np.zeros(shape, np.float32)
    carried[rows, columns] = map_coordinates(soft, at, order=1)
    return resize(carried, mask.shape) >= 0.5


def shifted(mask: Bools, move: Move) -> Bools:
    """The mask (H, W) of a thing moved as a whole, to the pixel; what leaves the frame is gone."""
    (H, W), (down, right) = mask.shape, (round(move.down), round(move.right))
    rows, columns = np.nonzero(mask)
    rows, columns = rows + down, columns + right
    inside = (rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)
    out = np.zeros(mask.shape, bool)
    out[rows[inside], columns[inside]] = True
    return out


def closeness(mask: Bools, spread: float, shape: tuple[int, ...]) -> Floats:
    """How far each pixel lies inside the mask (positive) or outside it (negative), in units of `spread` pixels.

    (H, W) float32, computed at the size `shape` (h, w) of a view. Of an empty mask, -infinity everywhere.
    """
    soft = resize(mask.astype(np.float32), (shape[0], shape[1]))
    if not soft.any():
        return np.full(mask.shape, -np.inf, np.float32)
    # What vanishes in the smaller view is a few pixels large: it is kept where it is thickest.
    small = soft >= min(0.5, float(soft.max()))
    outside = distance_transform_edt(~small)
    inside = distance_transform_edt(small)
    signed = np.where(small, inside - 0.5, 0.5 - outside).astype(np.float32)
    return resize(signed, mask.shape) * np.float32(mask.shape[1] / shape[1] / spread)


def _reach(holds: Any, move: int) -> slice:
    """The rows (or columns) that a thing can be in after a move, from those (n,) bool that hold it now."""
    where = np.flatnonzero(holds)
    if not len(where):
        return slice(0, 0)
    margin = BEND + BLOCK
    return slice(max(0, int(where[0]) + move - margin), min(len(holds), int(where[-1]) + 1 + move + margin))


def _bends(before: Floats, after: Floats, rows: slice, columns: slice, move: tuple[int, int]) -> Floats:
    """(2, h, w): for a window of the next view, how far from `move` back each pixel comes from, down and right."""
    top, left = rows.start - move[0] - BEND, columns.start - move[1] - BEND
    here = after[rows, columns].transpose(2, 0, 1).copy()
    height, width = here.shape[1:]
    # The window may reach out of the view before: there the pixels of its edge stand in.
    down = np.clip(np.arange(top, top + height + 2 * BEND), 0, before.shape[0] - 1)
    right = np.clip(np.arange(left, left + width + 2 * BEND), 0, before.shape[1] - 1)
    around = before[down[:, None], right[None]].transpose(2, 0, 1).copy()
    best = np.full((height, width), np.inf, np.float32)
    bend = np.zeros((2, height, width), np.float32)
    for y in range(2 * BEND + 1):
        for x in range(2 * BEND + 1):
            apart = here - around[:, y : y + height, x : x + width]
            squared = np.einsum("cij,cij->ij", apart, apart)
            cost = uniform_filter(np.minimum(squared, OUTLIER), BLOCK)
            cost += STIFF * ((y - BEND) ** 2 + (x - BEND) ** 2)
            better = cost < best
            best[better] = cost[better]
            bend[0][better], bend[1][better] = y - BEND, x - BEND
    return np.stack([gaussian_filter(median_filter(b, 5), SMOOTH) for b in bend])


def _differences(before: Floats, after: Floats, weight: Floats, reach: int) -> tuple[Floats, Floats]:
    """Mean squared colour difference under the weight (h, w) at all moves up to `reach`, and the weight left inside.

    Both (2 reach + 1, 2 reach + 1). sum w (a - b)^2 is taken apart into sums of products: each is a correlation.
    """
    size = [fft.next_fast_len(n + reach, real=True) for n in weight.shape]

    def spectrum(values: Floats) -> NDArray[np.complex64]:
        out: NDArray[np.complex64] = fft.rfft2(values, size)
        return out

    here, there = spectrum(weight).conj(), spectrum(np.ones_like(weight))
    squares = spectrum(weight * (before**2).sum(2)).conj() * there + here * spectrum((after**2).sum(2))
    for channel in range(3):
        squares -= 2 * spectrum(weight * before[..., channel]).conj() * spectrum(after[..., channel])
    around = np.ix_(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    summed: Floats = fft.irfft2(squares, size)[around]
    inside: Floats = fft.irfft2(here * there, size)[around]
    return (summed / np.maximum(inside, 1e-3)).astype(np.float32), inside


def _valley(costs: NDArray[np.floating], at: int) -> float:
    """Where between its neighbours the lowest cost lies, in (-0.5, 0.5): the vertex of the parabola through three."""
    if not 0 < at < len(costs) - 1 or not np.isfinite(costs[at - 1 : at + 2]).all():
        return 0.0
    left, low, right = (float(c) for c in costs[at - 1 : at + 2])
    bend = left - 2 * low + right
    return (left - right) / (2 * bend) if bend > 0 else 0.0
