"""What a slice takes from those before it: where the thing is expected, and the last few sure slices, which teach.

A slice enters the memory when all that is on it is found, about as large as on the slice before, and `RENEWED` slices
after the last that entered; the oldest leaves when there are more than `HELD`. Unlike the past frames of a video, from
which labels are carried, slices teach the engine, and also that what is far from the thing is something else: where
brightness drifts, another organ comes to look as the thing did on the marked slice. Pure functions on frozen values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.engine.refiner import resize
from cuecast.propagation.motion import SIDE, closeness, logit_of
from cuecast.propagation.result import TrackedObject
from cuecast.propagation.volume_slices import Slices

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


Floats = NDArray[np.float32]

INSIDE = 1.0
"""Logits that the place adds well inside the mask beside it."""
FAR = 3.5
"""Logits that it takes far outside. Less than the surest score has (3.9): a branch that comes back from slices away
is found where it is clear to see."""
NOTHING = 2.0
"""Logits taken everywhere beside a slice without the thing."""
OF_A_KIND = 1.0
"""Both where nothing is marked in the volume: all things of the kind are meant, and new ones may begin anywhere."""
LEAST_SPREAD = 2.0
"""The uncertainty of a border is at least so many pixels, and at least the distance of two slices (a slope of 45
degrees)."""


def place(mask: NDArray[np.bool_], slices: Slices, identity: bool) -> Floats:
    """Logits (h, w) float32 of the thing on a slice next to one with this mask (h, w) bool, both in voxels.

    identity  True: the very thing that is marked in the volume; False: whatever is of the kind.
    """
    if not mask.any():
        return np.full(mask.shape, -(NOTHING if identity else OF_A_KIND), np.float32)
    shown = slices.stretched(mask.astype(np.int32)) > 0
    spread = max(LEAST_SPREAD, slices.step / slices.pixel)
    factor = min(1.0, SIDE / max(shown.shape))
    view = (max(1, round(shown.shape[0] * factor)), max(1, round(shown.shape[1] * factor)))
    expected: Floats = np.clip(closeness(shown, spread, view), -(FAR if identity else OF_A_KIND), INSIDE)
    return resize(expected, mask.shape)


def posterior(scores: Floats, expected: Floats | None) -> Floats:
    """Scores (K, h, w) in [0, 1] with the logits (K, h, w) of the place added, as of an independent witness."""
    if expected is None:
        return scores
    joint: Floats = (1 / (1 + np.exp(-(logit_of(scores) + expected)))).astype(np.float32)
    return joint
