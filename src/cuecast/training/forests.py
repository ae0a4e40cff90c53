"""The forest's answer to training tasks: the decoder learns to correct what it will read at run time.

The forest looks at fixed filters only, so its answer does not depend on the network's weights and is part of a step's
material (`batches`), made in the loader's process. It sees the pictures as they are: how they are changed for the
network (`augment`) would make it less reliable than the decoder will find it at run time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cuecast.core.tiling import Window
from cuecast.engine.forest import fit_forest, forest_logits
from cuecast.engine.location_prior import positions
from cuecast.engine.matcher import CueTile, FeatureMaps, known_pixels
from cuecast.training.network import FilterBank
from cuecast.training.tasks import Task

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
    """Feature maps that hold nothing but what the forest reads of one image."""
    none = np.empty((0, 0, 0), np.float32)
    return FeatureMaps(read, none, none, none, none)
