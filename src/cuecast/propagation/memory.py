"""The past frames that a tracker keeps: a bounded number, by one policy. Pure functions on a frozen value.

A frame enters when its answer is sure and `RENEWED` frames have passed since the last one that entered. When there
are more than `HELD`, one leaves: the one whose neighbours in time stand closest together, so that those that stay
are spread over all that was seen. The newest stays. Cues are no part of the memory: they are never forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cuecast.io.video import Frame
from cuecast.types import IGNORE, Example, Marks

HELD = 4
"""Past frames that are kept beside the cues."""
RENEWED = 5
"""Frames between two that enter: neighbours show the same, and each costs time to learn from."""
UNSURE = (0.04, 0.6)
"""Scores between these are left open in what is remembered, so that a border half a pixel off is not learnt."""


@dataclass(frozen=True, eq=False)
class Remembered:
    """A past frame with its answer as an example whose unsure pixels are IGNORE."""

    index: int
    example: Example


@dataclass(frozen=True)
class Memory:
    """What is kept, in the order of the visit. `origin` is the frame that the sweep started beside."""

    origin: int
    held: tuple[Remembered, ...] = ()

    @property
    def examples(self) -> tuple[Example, ...]:
        """What the kept frames teach."""
        return tuple(r.example for r in self.held)

    def due(self, index: int) -> bool:
        """Whether the frame is far enough from the newest one that is kept."""
        return abs(index - (self.held[-1].index if self.held else self.origin)) >= RENEWED

    def with_frame(self, new: Remembered) -> Memory:
        """The memory with one frame more, and one less where it was full."""
        held = (*self.held, new)
        if len(held) > HELD:
            at = [self.origin, *(r.index for r in held)]
            gaps = [abs(at[i + 2] - at[i]) for i in range(len(held) - 1)]
            leaving = gaps.index(min(gaps))
            held = held[:leaving] + held[leaving + 1 :]
        return replace(self, held=held)


def remember(
    frame: Frame, mask: NDArray[np.int32], evidence: NDArray[np.float32], scores: NDArray[np.float32]
) -> Remembered | None:
    """A frame with its mask (H, W) int32, from the engine's scores (K, H, W) and those with the place in them.

    Nothing is said of pixels that are unsure, and of those that the engine takes for the thing and the place does
    not: a look-alike elsewhere is not the object, but to teach that its looks are wrong would unlearn the object.
    None where no pixel of the thing is sure.
    """
    low, high = UNSURE
    best, seen = scores.max(axis=0), evidence.max(axis=0)
    unsure = np.where(mask > 0, best < high, (best > low) | (seen >= high))
    labels = np.where(unsure, IGNORE, mask).astype(np.int32)
    if not (labels > 0).any():
        return None
    return Remembered(frame.index, Example(frame.image, Marks(frame.image.size, mask=labels)))
