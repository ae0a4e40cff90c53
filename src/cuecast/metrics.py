"""How well an answer fits the truth. Pure functions on boolean arrays of one shape.

Both measures count only the pixels outside `ignore`. Where answer and truth are both empty they are 1:
saying nothing about a picture that holds nothing is a perfect answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.errors import MaskError

Bools = NDArray[np.bool_]


def iou(answer: Bools, truth: Bools, ignore: Bools | None = None) -> float:
    """Intersection over union in [0, 1] of two (H, W) bool arrays. Raises MaskError where shapes differ."""
    both, either, _ = _counts(answer, truth, ignore)
    return both / either if either else 1.0


def dice(answer: Bools, truth: Bools, ignore: Bools | None = None) -> float:
    """Twice the intersection over the sum of areas, in [0, 1]. Raises MaskError where shapes differ."""
    both, _, areas = _counts(answer, truth, ignore)
    return 2 * both / areas if areas else 1.0


def _counts(answer: Bools, truth: Bools, ignore: Bools | None) -> tuple[int, int, int]:
    """(pixels in both, pixels in either, sum of the two areas), outside `ignore`."""
    if answer.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        shapes = [answer.shape, truth.shape, *([] if ignore is None else [ignore.shape])]
        raise MaskError(
            f"masks of different shapes cannot be compared: {shapes}; resize with nearest neighbour first"
        )
    if ignore is not None:
        answer, truth = answer & ~ignore, truth & ~ignore
    both = int(np.count_nonzero(answer & truth))
    areas = int(np.count_nonzero(answer)) + int(np.count_nonzero(truth))
    return both, areas - both, areas
