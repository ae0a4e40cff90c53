"""From a coarse score map to the image's own resolution, following its edges."""

from __future__ import annotations

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


def refine(scores: NDArray[np.float32], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """scores (h, w) in [0, 1] on the whole image; pixels (H, W, 3) uint8; returns (H, W) float32 in [0, 1].

    The slope of the scores over the brightness is fitted in every small window of the coarse map (guided filter: He,
    Sun and Tang 2013; He and Sun 2015, 'Fast Guided Filter'). It is applied to the detail alone that the coarse map
    could not see, so edges fall where the image steps, and thin things are not smoothed away. The map itself is
    enlarged as logits: an edge between a sure yes and a sure no then lies where it lies, wherever the grid begins.
    """
    size = pixels.shape[:2]
    grey = pixels.mean(2, dtype=np.float32) / 255
    guide = resize(grey, scores.shape)
    side = 2 * RADIUS + 1
    mean_guide, mean_scores = uniform_filter(guide, side), uniform_filter(scores, side)
    covariance = uniform_filter(guide * scores, side) - mean_guide * mean_scores
    slope = covariance / (uniform_filter(guide * guide, side) - mean_guide**2 + EPSILON)
    detail = resize(uniform_filter(slope, side), size) * (grey - resize(guide, size))
    refined: NDArray[np.float32] = np.clip(_enlarge(scores, size) + detail, 0, 1)
    return refined


def _enlarge(scores: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    enlarged: NDArray[np.float32] = expit(resize(logit(scores.clip(LEAST, 1 - LEAST)), size))
    return enlarged


def resize(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w) float32 -> `size`, bilinear; averaging where it shrinks."""
    if values.shape == size:
        return values
    how = Image.Resampling.BILINEAR if size[0] >= values.shape[0] else Image.Resampling.BOX
    return np.asarray(Image.fromarray(values).resize(size[::-1], how))
