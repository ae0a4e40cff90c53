"""Simulated corrections: cues that are an answer to their picture, clicked right where it was wrong, and accepted.

The answer is that of a forest (`cuecast.engine.forest`), which needs no network; clicks move it as at run time
(`cuecast.engine.correction`), by the look of the forest's filters. What is left wrong is taught as it stands, as it
would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.metrics import iou
from cuecast.core.values import Marks, Point
from cuecast.engine.correction import correct, marked_places, standardise
from cuecast.engine.forest import fit_forest, forest_logits
from cuecast.engine.matcher import CueTile, known_pixels, pool
from cuecast.evaluation.interactive import next_click
from cuecast.training.forests import PIXELS, TREES, pixels_of
from cuecast.training.tasks import IGNORE_LABEL

MOST_CLICKS = 5
ACCEPTED = 0.6
"""IoU below which nobody accepts an answer, and the mask is drawn by hand instead."""


def corrected_masks(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    filters: NDArray[np.float32],
    cues: Sequence[int],
    teacher: int,
) -> list[NDArray[np.uint8]]:
    """labels (N, S, S) of a group's images and their filter responses (N, C, S/2, S/2) -> labels of the cues.

    The forest has seen the true labels of the image `teacher`, which stays as it is where it is a cue itself.
    """
    shown = labels[teacher]
    thing, other = ((shown == value).astype(np.float32) for value in (1, 0))
    tile = CueTile(pixels_of(filters[teacher]), thing, other, np.empty((0, *filters.shape[2:]), np.float32))
    forest = fit_forest(*known_pixels([tile], PIXELS), trees=TREES)
    if forest is None:
        return [labels[c] for c in cues]
    return [shown if c == teacher else _corrected(rng, labels[c], filters[c], forest) for c in cues]


def _corrected(
    rng: np.random.Generator, labels: NDArray[np.uint8], filters: NDArray[np.float32], forest: Any
) -> NDArray[np.uint8]:
    truth, ignore = (pool(labels == value, 2) >= 0.5 for value in (1, IGNORE_LABEL))
    if not truth.any():
        return labels
    logits = forest_logits(forest, filters)[0]
    answer = logits > 0
    made: list[Point] = []
    features = standardise(filters)
    for _ in range(rng.integers(MOST_CLICKS + 1)):
        click = next_click(answer, truth, ignore, made)
        if click is None:
            break
        made.append(click)
        answer = correct(logits, features, marked_places(Marks(truth.shape, points=tuple(made)), 1)) > 0
    if iou(answer, truth, ignore) < ACCEPTED:
        return labels
    accepted: NDArray[np.uint8] = answer.repeat(2, 0).repeat(2, 1).astype(np.uint8)
    accepted[labels == IGNORE_LABEL] = IGNORE_LABEL
    return accepted
