"""The forest's answer to training tasks: the decoder learns to correct what it will read at run time.

The forest looks at fixed filters only, so its answer does not depend on the network's weights and is part of a step's
material (`batches`), made in the loader's process. It sees the pictures as they are: how they are changed for the
network would make it less reliable than the decoder will find it at run time.

Corrections are simulated with it, too: cues that are an answer to their picture, clicked right where it was wrong (as
at run time, `cuecast.engine.correction`), and accepted. What is left wrong is taught as it stands, as it would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cuecast.core.metrics import iou
from cuecast.core.tiling import Window
from cuecast.core.values import Marks, Point
from cuecast.engine.correction import correct, marked_places, standardise
from cuecast.engine.forest import fit_forest, forest_logits
from cuecast.engine.location_prior import positions
from cuecast.engine.matcher import CueTile, FeatureMaps, known_pixels, pool
from cuecast.evaluation.interactive import next_click
from cuecast.training.network import FilterBank
from cuecast.training.tasks import IGNORE_LABEL, Task

TREES = 16
PIXELS = 2500
"""Fewer than at run time: a training task is small, and its forest must not cost more than its gradient."""
WITHOUT = 0.08
"""Share of tasks that are answered without a forest, as clicks are."""


@torch.no_grad()
def filter_responses(images: Tensor) -> Tensor:
    """images (B, 3, S, S) -> fixed filter responses (B, FILTER_DIM, S/2, S/2)."""
    return FilterBank()(images)  # type: ignore[no-any-return]


def answer_of_forest(rng: np.random.Generator, task: Task, filters: Tensor, paired: bool = False) -> Task:
    """The task with the logits of a forest fitted on its cues' marks; with zeros where these are too few or sparse, and
    in a share of the tasks.

    `paired`: the images are views of one picture, whose forest would know the very pixels it is asked about.
    """
    at = _at(task, filters.shape[-1])
    read = {i: np.concatenate([filters[i].numpy(), at]) for i in (*task.cues, *task.queries)}
    shown = [
        CueTile(pixels_of(read[c]), p[0].numpy(), n[0].numpy(), at)
        for c, p, n in zip(task.cues, task.positive, task.negative, strict=True)
    ]
    without = task.sparse or paired or rng.random() < WITHOUT
    forest = None if without else fit_forest(*known_pixels(shown, PIXELS), trees=TREES)
    answers = [forest_logits(forest, read[q]) for q in task.queries]
    return replace(task, forest=torch.from_numpy(np.stack(answers)))


def _at(task: Task, side: int) -> NDArray[np.float32]:
    """Places as the run time gives them, (2, S/2, S/2): those of whole frames, or 0."""
    if not task.placed:
        return np.zeros((2, side, side), np.float32)
    return positions(Window(0, 2 * side, 0, 2 * side), (2 * side, 2 * side), (side, side))


def pixels_of(read: NDArray[np.float32]) -> FeatureMaps:
    """Feature maps that hold nothing but what the forest reads of one image, (C, h, w)."""
    none = np.empty((0, 0, 0), np.float32)
    return FeatureMaps(read, none, none, none, none, none)


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
