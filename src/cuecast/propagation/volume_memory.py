"""The slices that a walk keeps beside the cues: the last few sure ones. Pure functions on a frozen value.

A slice enters when all that is on it is found, about as large as on the slice before, and `RENEWED` slices after the
last that entered; the oldest leaves when there are more than `HELD`. Unlike the past frames of a video, from which
labels are carried, slices teach the engine, and also that what is far from the thing is something else: where
brightness drifts, another organ comes to look as the thing did on the marked slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.propagation.result import TrackedObject

HELD = 4
"""Slices that are kept."""
RENEWED = 4
"""Slices between two that enter: neighbours show the same, and each costs time to learn from."""
UNSURE = (0.3, 0.6)
"""Scores between these are left open in what is kept, so that a border half a voxel off is not learnt."""
JUMP = 1.8
"""An area that changes by more than this factor from one slice to the next teaches nothing."""


@dataclass(frozen=True)
class SliceMemory:
    """What is kept, in the order of the walk. `last` is the slice that entered last, at first where the walk began."""

    last: int
    examples: tuple[Example, ...] = ()

    def due(self, index: int) -> bool:
        """Whether the slice is far enough from the one that entered last."""
        return abs(index - self.last) >= RENEWED

    def with_slice(self, index: int, example: Example) -> SliceMemory:
        """The memory with one slice more, and the oldest left out where it was full."""
        return replace(self, last=index, examples=(*self.examples, example)[-HELD:])


def sure_example(image: Image, mask: NDArray[np.int32], scores: NDArray[np.float32]) -> Example | None:
    """A slice with its mask (h', w') and scores (K, h', w'), unsure pixels IGNORE; None where no pixel is sure."""
    low, high = UNSURE
    best = scores.max(axis=0)
    labels = np.where(np.where(mask > 0, best < high, best > low), IGNORE, mask).astype(np.int32)
    return Example(image, Marks(image.size, mask=labels)) if (labels > 0).any() else None


def teaches(
    objects: Sequence[TrackedObject], mask: NDArray[np.int32], before: NDArray[np.int32] | None
) -> bool:
    """Whether a slice may be learnt from: all that is there is found, and about as large as on the slice before.

    mask, before (H, W): labels of the slice and of the one before, None where there is none.
    """
    verdicts = {o.verdict for o in objects}
    if before is None or "doubtful" in verdicts or "found" not in verdicts:
        return False
    areas = ((int((mask == o.cls).sum()), int((before == o.cls).sum())) for o in objects)
    return all(now <= JUMP * then and then <= JUMP * now for now, then in areas)


def without_doubtful_starts(
    mask: NDArray[np.int32], objects: Sequence[TrackedObject], before: NDArray[np.int32] | None
) -> NDArray[np.int32]:
    """The mask (h, w) without classes that the slice before does not have and that are no more than doubtful here.

    Past its end a thing is often seen in what resembles it; followed from slice to slice, such a guess would grow.
    """
    if before is None:
        return mask
    guessed = [o.cls for o in objects if o.verdict != "found" and not (before == o.cls).any()]
    return np.where(np.isin(mask, guessed), 0, mask).astype(np.int32)
