"""From a score map to a mask, a confidence and a verdict. Pure functions on absolute scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuecast.types import Verdict


@dataclass(frozen=True)
class Thresholds:
    """A pack states these in its card; they are absolute, the same for every image.

    score        pixels at or above it are marked.
    found        confidence at or above it gives the verdict 'found', below it 'doubtful'.
    min_fraction marked areas below this share of the image count as nothing ('absent').
    """

    score: float = 0.5
    found: float = 0.5
    min_fraction: float = 0.0


def decide(scores: NDArray[np.float32], class_ids: tuple[int, ...], score: float) -> NDArray[np.int32]:
    """scores (K, H, W) in [0, 1] -> label map (H, W) int32: the best class where it reaches `score`, else 0."""
    best = scores.argmax(axis=0)
    ids = np.asarray(class_ids, np.int32)
    return np.where(scores.max(axis=0) >= score, ids[best], 0).astype(np.int32)


def judge(
    scores: NDArray[np.float32], mask: NDArray[np.int32], thresholds: Thresholds
) -> tuple[Verdict, float]:
    """(verdict, confidence in [0, 1]) of a mask.

    The confidence is the IoU that the scores, read as probabilities, expect of the mask: expected intersection
    over expected union, sum(p in mask) / (area + sum(p outside)). An empty mask is 'absent'; its confidence
    is that of the emptiness: one minus the highest score.
    """
    p = scores.max(axis=0)
    marked = mask > 0
    area = float(marked.sum())
    if area <= thresholds.min_fraction * mask.size:
        return "absent", float(1 - p.max())
    inside = float(p[marked].sum(dtype=np.float64))
    outside = float(p[~marked].sum(dtype=np.float64))
    confidence = inside / (area + outside)
    return ("found" if confidence >= thresholds.found else "doubtful"), confidence
