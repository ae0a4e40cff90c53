"""From a coarse score map to the image's own resolution, following its edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.special import expit, logit

RADIUS = 2
"""Half side of the fitting window, in pixels of the coarse map."""
EPSILON = 4e-3
"""Squared brightness step (of 1) below which an edge is taken for noise."""
LEAST = np.float32(1e-4)
"""Scores are kept this far from 0 and 1 where they are enlarged."""


class Refiner:
    """Brings coarse score maps of one image to its own resolution, following its edges.

    The slope of the scores over the brightness is fitted in every small window of the coarse map (guided filter: He,
    Sun and Tang 2013; He and Sun 2015, 'Fast Guided Filter'). It is applied to the detail alone that the coarse map
    could not see, so edges fall where the image steps, and thin things are not smoothed away. The map itself is
    enlarged as logits: an edge between a sure yes and a sure no then lies where it lies, wherever the grid begins.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        """pixels (H, W, 3) uint8."""
        self._pixels = pixels
        self._guides: dict[tuple[int, int], _Guide] = {}

    @cached_property
    def _grey(self) -> NDArray[np.float32]:
        """The brightness in [0, 1], (H, W)."""
        # As `mean(2)` adds them, six times faster.
        grey: NDArray[np.float32] = np.add(self._pixels[..., 0], self._pixels[..., 1], dtype=np.float32)
        grey += self._pixels[..., 2]
        grey /= 3
        grey /= 255
        return grey

    def refine(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """scores (h, w) in [0, 1] on the whole image; returns (H, W) float32 in [0, 1]."""
        (h, w), (H, W) = scores.shape, self._grey.shape
        guide, side, size = self._guide((h, w)), 2 * RADIUS + 1, (H, W)
        mean_scores = uniform_filter(scores, side)
        covariance = uniform_filter(guide.brightness * scores, side) - guide.mean * mean_scores
        slope = covariance / (guide.variance + EPSILON)
        refined = resize(uniform_filter(slope, side), size) * guide.unseen
        refined += _enlarge(scores, size)
        np.clip(refined, 0, 1, out=refined)
        return refined

    def _guide(self, shape: tuple[int, int]) -> _Guide:
        """The same for all classes that are answered at one scale."""
        if shape not in self._guides:
            brightness, side = resize(self._grey, shape), 2 * RADIUS + 1
            mean = uniform_filter(brightness, side)
            variance = uniform_filter(brightness * brightness, side) - mean**2
            H, W = self._grey.shape
            unseen = self._grey - resize(brightness, (H, W))
            self._guides[shape] = _Guide(brightness, mean, variance, unseen)
        return self._guides[shape]


@dataclass(frozen=True, eq=False)
class _Guide:
    """Of the brightness at the size of a map, (h, w): itself, its mean and variance in each window; and what is
    `unseen` of it there, (H, W)."""

    brightness: NDArray[np.float32]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    unseen: NDArray[np.float32]


def _enlarge(scores: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    enlarged: NDArray[np.float32] = expit(resize(logit(scores.clip(LEAST, 1 - LEAST)), size))
    return enlarged


def resize(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w) float32 -> `size`, bilinear; averaging where it shrinks."""
    if values.shape == size:
        return values
    how = Image.Resampling.BILINEAR if size[0] >= values.shape[0] else Image.Resampling.BOX
    return np.asarray(Image.fromarray(values).resize(size[::-1], how))
