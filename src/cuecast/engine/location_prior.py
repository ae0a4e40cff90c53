"""Where in the frame a thing was shown: on whole pictures, things often keep their place.

A coarse map of the cues' masks says how much more often than on average the thing covers each place, and, where there
are several cues, how well each one's mask was foretold by the others: the decoder has learned when to heed it. Things
that were shown in parts of a picture (tiles, slices, video: scale 'pixel') have no place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.special import logit

from cuecast.core.tiling import Window

Array = NDArray[np.float32]

GRID = 32
"""Side of the map, whatever the frame's shape."""
SIGMA = 0.08 * GRID
"""Standard deviation of the smoothing, in cells: neighbours of a place where the thing was are likely places, too."""
FLOOR = 0.1
"""Share of the mean that every place keeps, so that none is impossible."""
LEAST = 1e-4
"""Shares are kept this far from 0 and 1."""
STRIDE = 8
"""Pixels of a working frame from one value that is read to the next."""


@dataclass(frozen=True, eq=False)
class LocationPrior:
    """odds (GRID, GRID) float32: log of the odds of the thing over its mean odds, 0 where nothing is known.

    trust: information that the map of the other cues gave about each cue's mask, as a share of all there was; 0 for a
    single cue, below 0 where they mislead, at least -1.
    """

    logits: Array
    trust: float


NOWHERE = LocationPrior(np.zeros((GRID, GRID), np.float32), 0.0)
"""The place of a thing that may be anywhere."""


def shown_place(weights: Sequence[tuple[Array, Array]]) -> LocationPrior:
    """The place shown by the cues' weights (H, W) of the thing and of the rest.

    Cues that leave more than half of their picture open, and those without the thing, do not count.
    """
    counted = [(p, n) for p, n in weights if p.any() and (p + n > 0).mean() >= 0.5]
    if not counted:
        return NOWHERE
    thing, known = (
        np.stack([_coarse(w) for w in ws]) for ws in zip(*((p, p + n) for p, n in counted), strict=True)
    )
    share = float(np.clip(thing.sum() / known.sum(), LEAST, 1 - LEAST))
    spread = np.stack([_smooth(t) for t in thing])
    seen = np.stack([_smooth(k) for k in known])
    logits = logit(_likely(spread.sum(0), seen.sum(0), share)) - logit(share)
    return LocationPrior(logits.astype(np.float32), _trust(thing, known, spread, seen, share))


def read_place(place: LocationPrior, window: Window, frame: tuple[int, int], shape: tuple[int, int]) -> Array:
    """(2, h, w) for a window of a frame (height, width) in working pixels: a third of the odds at each `STRIDE` pixels,
    between -1 and 1, and the trust."""
    rows, columns = (
        _weights(start, count, side)
        for start, count, side in zip((window.top, window.left), shape, frame, strict=True)
    )
    logits = np.clip(rows @ place.logits @ columns.T / 3, -1, 1)
    return np.stack([logits, np.full_like(logits, place.trust)]).astype(np.float32)


def positions(window: Window, frame: tuple[int, int], shape: tuple[int, int]) -> Array:
    """(2, h, w): row and column of every second pixel of a window, as shares of the frame's height and width."""
    rows, columns = (
        (start + 2 * (np.arange(count) + 0.5)) / side
        for start, count, side in zip((window.top, window.left), shape, frame, strict=True)
    )
    return np.stack(np.broadcast_arrays(rows[:, None], columns[None])).astype(np.float32)


def _trust(thing: Array, known: Array, spread: Array, seen: Array, share: float) -> float:
    """Mean information of each cue's mask in the map of the others, in units of that in their mean share."""
    if len(thing) < 2:
        return 0.0
    gains = []
    for i, (t, k) in enumerate(zip(thing, known, strict=True)):
        p = _likely(spread.sum(0) - spread[i], seen.sum(0) - seen[i], share)
        gains.append((t * np.log(p / share) + (k - t) * np.log((1 - p) / (1 - share))).sum() / k.sum())
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    return float(np.clip(np.mean(gains) / entropy, -1, 1))


def _likely(spread: Array, seen: Array, share: float) -> Array:
    """The share of the thing at each place, between its smoothed share there and, a little, its mean share."""
    there = np.where(seen > 1e-3, spread / np.maximum(seen, 1e-3), share)
    mixed: Array = ((1 - FLOOR) * there + FLOOR * share).clip(LEAST, 1 - LEAST)
    return mixed


def _coarse(weights: Array) -> Array:
    image = Image.fromarray(np.ascontiguousarray(weights, np.float32))
    return np.asarray(image.resize((GRID, GRID), Image.Resampling.BOX))


def _smooth(cells: Array) -> Array:
    smoothed: Array = gaussian_filter(cells, SIGMA, mode="nearest", truncate=3)
    return smoothed


def _weights(start: int, count: int, side: int) -> Array:
    """(count, GRID): linear interpolation from the cells to the middles of `count` squares from `start` on."""
    at = (start + STRIDE * (np.arange(count) + 0.5)) / side * GRID - 0.5
    at = at.clip(0, GRID - 1)
    weights: Array = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(GRID))).astype(np.float32)
    return weights
