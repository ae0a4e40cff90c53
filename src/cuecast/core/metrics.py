"""How well an answer fits the truth. Pure functions on boolean arrays of one shape.

All measures count only the pixels outside `ignore`. Where answer and truth are both empty they are 1:
saying nothing about a picture that holds nothing is a perfect answer. Where one of them is empty they are 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError

Bools = NDArray[np.bool_]


def iou(answer: Bools, truth: Bools, ignore: Bools | None = None) -> float:
    """Intersection over union in [0, 1] of two (H, W) bool arrays. Raises MaskError where shapes differ."""
    both, either, _ = _counts(answer, truth, ignore)
    return both / either if either else 1.0


def dice(answer: Bools, truth: Bools, ignore: Bools | None = None) -> float:
    """Twice the intersection over the sum of areas, in [0, 1]. Raises MaskError where shapes differ."""
    both, _, areas = _counts(answer, truth, ignore)
    return 2 * both / areas if areas else 1.0


def cldice(answer: Bools, truth: Bools, ignore: Bools | None = None) -> float:
    """Centre-line Dice in [0, 1] of two (H, W) bool arrays: whether a thin thing is followed, however wide.

    The harmonic mean of two shares: how much of the answer's centre line lies in the truth, and how much of the
    truth's centre line lies in the answer. Centre lines are skeletons one pixel wide (Zhang and Suen). What
    `ignore` covers is cut away before they are drawn, so that nothing said there changes the figure.
    Shit et al., 'clDice - a novel topology-preserving loss function for tubular structure segmentation',
    CVPR 2021. Raises MaskError where shapes differ.
    """
    answer, truth = _counted(answer, truth, ignore)
    if not answer.any() or not truth.any():
        return float(answer.any() == truth.any())
    precision, sensitivity = _followed(answer, truth), _followed(truth, answer)
    both = precision + sensitivity
    return 2 * precision * sensitivity / both if both else 0.0


def _followed(line: Bools, area: Bools) -> float:
    """The share in [0, 1] of the centre line of `line`, which is not empty, that lies in `area`."""
    from skimage.morphology import skeletonize

    centre: Bools = skeletonize(line)  # type: ignore[no-untyped-call]
    return int(np.count_nonzero(centre & area)) / int(np.count_nonzero(centre))


def _counts(answer: Bools, truth: Bools, ignore: Bools | None) -> tuple[int, int, int]:
    """(pixels in both, pixels in either, sum of the two areas), outside `ignore`."""
    answer, truth = _counted(answer, truth, ignore)
    both = int(np.count_nonzero(answer & truth))
    areas = int(np.count_nonzero(answer)) + int(np.count_nonzero(truth))
    return both, areas - both, areas


def _counted(answer: Bools, truth: Bools, ignore: Bools | None) -> tuple[Bools, Bools]:
    """Answer and truth without the ignored pixels, new arrays where there are any. Raises MaskError."""
    if answer.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        shapes = [answer.shape, truth.shape, *([] if ignore is None else [ignore.shape])]
        raise MaskError(
            f"masks of different shapes cannot be compared: {shapes}",
            remedy="resize with nearest neighbour first",
        )
    return (answer, truth) if ignore is None else (answer & ~ignore, truth & ~ignore)
