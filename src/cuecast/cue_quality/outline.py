"""Whether the outline of a mask lies on edges of its picture: compared with every other place where it could lie.

No pack is asked, and no other cue. A mask that was drawn on this picture follows its edges better than nearly all of
its moved copies do; a shifted mask, or one of another picture, lies anywhere. All moves at once are one correlation (by
FFT, round the borders) of the outline with the ranks of the picture's gradient. (Matching outlines to edges: Barrow et
al. 1977, 'Parametric correspondence and chamfer matching'; ranks make a few strong edges count no more than they are.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter
from scipy.stats import rankdata

from cuecast.core.values import Example
from cuecast.cue_quality.trials import drawn

Floats = NDArray[np.float64]

SIDE = 256
"""Pictures are looked at with this longest side: outlines are not drawn to the pixel."""
BLUR = 1.0
"""Standard deviation of the gradient's smoothing, in pixels of that size."""
NEAR = 0.08
"""Moves shorter than this share of the sides are not other places."""
TIE = 1e-6
"""Fits that differ by less, in ranks times pixels, are equal."""
LEAST = 4.0
"""Length of an outline, in pixels of that size, below which it says nothing."""


@dataclass(frozen=True)
class Outline:
    """Where the outline of a class fits the picture's edges.

    share   of the places farther away at which it would lie on weaker edges than where it is drawn, in [0, 1]; None
            where it has hardly an outline, or the picture no edges;
    dx, dy  the move, in pixels of the image, to the place where it lies on the strongest edges; its middle stays in
            the image;
    frame   share of the image's frame that the class lies at, in [0, 1].
    """

    share: float | None
    dx: int
    dy: int
    frame: float


def outlines(example: Example) -> dict[int, Outline]:
    """Class id -> outline, for the classes that are drawn."""
    edges = _edges(example.image.pixels)
    return {cls: _fit(edges, *drawn(example, cls)) for cls in example.marks.class_ids}


def _fit(edges: Floats, truth: NDArray[np.bool_], ignore: NDArray[np.bool_]) -> Outline:
    frame = float(np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]]).mean())
    outline = _outline(truth, ignore, edges.shape)
    if outline.sum() < LEAST or edges.min() == edges.max():
        return Outline(None, 0, 0, frame)
    fits = np.fft.irfft2(np.fft.rfft2(edges) * np.conj(np.fft.rfft2(outline)), s=edges.shape)
    h, w = fits.shape
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) / n for n in (h, w))
    far = np.hypot(rows[:, None], columns[None]) > NEAR
    near = np.ix_((-1, 0, 1), (-1, 0, 1))
    far[near] = False
    if not far.any():
        return Outline(None, 0, 0, frame)
    weaker = fits[near].max() - fits[far]
    best = np.unravel_index(fits.argmax(), fits.shape)
    middle = (outline.sum(1) @ np.arange(h), outline.sum(0) @ np.arange(w)) / outline.sum()
    dy, dx = (
        round((int(at) - n * (at + m >= n)) * side / n)
        for at, m, n, side in zip(best, middle, (h, w), truth.shape, strict=True)
    )
    share = (weaker > TIE).mean() + (np.abs(weaker) <= TIE).mean() / 2
    return Outline(float(share), dx, dy, frame)


def _edges(pixels: NDArray[np.uint8]) -> Floats:
    """(h, w): rank of the strongest gradient of the three channels, in (0, 1]; equal ones rank the same."""
    small = np.asarray(PILImage.fromarray(pixels).resize(_size(pixels.shape), PILImage.Resampling.BOX), float)
    steps = np.max([gaussian_gradient_magnitude(small[..., c], BLUR) for c in range(3)], axis=0)
    ranks: Floats = rankdata(np.round(steps, 6)).reshape(steps.shape) / steps.size
    return ranks


def _outline(truth: NDArray[np.bool_], ignore: NDArray[np.bool_], shape: tuple[int, int]) -> Floats:
    """(h, w): how much of the mask's outline runs through each place; none along the frame or what is ignored."""
    covered, unknown = (
        np.asarray(
            PILImage.fromarray(m.astype(np.float32)).resize(shape[::-1], PILImage.Resampling.BOX), float
        )
        for m in (truth, ignore)
    )
    steps = np.hypot(*np.gradient(covered))
    steps[maximum_filter(unknown, 3) > 0] = 0
    outline: Floats = steps
    return outline


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(width, height) for the look at a picture."""
    times = min(1.0, SIDE / max(shape[:2]))
    return max(8, round(shape[1] * times)), max(8, round(shape[0] * times))
