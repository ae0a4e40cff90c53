"""What two views say of a thing: where it went from one to the next, how far inside its place a pixel is, and how its
colours differ from those around it. In logits, which independent witnesses add to. Pure functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy import fft
from scipy.ndimage import distance_transform_edt, gaussian_filter, uniform_filter

from cuecast.engine.refiner import resize

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


BINS = 12
"""Steps of each channel."""
BLUR = 0.7
"""Standard deviation, in steps, by which a colour speaks for its neighbours."""
RING = 0.6
"""Width of the ring as a share of the object's diameter (square root of its area); at least `NARROWEST` pixels."""
NARROWEST = 6
UNKNOWN = 1e-5
"""Share of the pixels below which a colour counts as not seen: it says nothing."""
CLIP = 2.0
"""Logits that a colour says at most."""


def palette_of(seen: Floats, mask: Bools) -> Floats | None:
    """Logits (BINS, BINS, BINS) of being the object by colour, from a view (h, w, 3) and a mask (H, W).

    Histograms of the object and of a ring round it, as in local colour models of video cutout (Bai, Wang, Simons and
    Sapiro, 'Video SnapCut', SIGGRAPH 2009). The engine compares with the whole frame; what tells an object from its
    surroundings may be a colour that is common elsewhere.

    None where the mask is empty, or too small or too large for the view to show both the object and a ring.
    """
    share = resize(mask.astype(np.float32), seen.shape[:2])
    contour = max(NARROWEST, RING * float(np.sqrt(share.sum())))
    inside = share > 0.9
    around = (share < 0.1) & (distance_transform_edt(share < 0.5) <= contour)
    if not inside.any() or not around.any():
        return None
    codes = _codes(seen)
    ratio = np.log((_histogram(codes[inside]) + UNKNOWN) / (_histogram(codes[around]) + UNKNOWN))
    return np.clip(ratio, -CLIP, CLIP).astype(np.float32)


def colour_logits(palette: Floats, seen: Floats, size: tuple[int, int]) -> Floats:
    """Logits (H, W) of being the object by the colours of a view, a little smoothed."""
    logits: Floats = uniform_filter(palette.ravel()[_codes(seen)], 3)
    return resize(logits, size)


def _codes(seen: Floats) -> NDArray[np.intp]:
    """Place of each pixel's colour in a flat table, (h, w)."""
    step = np.minimum((seen * BINS).astype(np.intp), BINS - 1)
    codes: NDArray[np.intp] = (step[..., 0] * BINS + step[..., 1]) * BINS + step[..., 2]
    return codes


def _histogram(codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of the pixels at each colour, blurred."""
    counts = np.bincount(codes, minlength=BINS**3).reshape(BINS, BINS, BINS)
    blurred: NDArray[np.float64] = gaussian_filter(counts.astype(np.float64), BLUR)
    blurred /= blurred.sum()
    return blurred


CERTAIN = 0.02
"""Scores count as at least this far from 0 and 1, logits of 3.9: no single look decides alone."""


def logit_of(scores: Any) -> Any:
    """Of scores in [0, 1], an array or one number; float32 stays float32."""
    p = np.clip(scores, CERTAIN, 1 - CERTAIN)
    return np.log(p / (1 - p))
