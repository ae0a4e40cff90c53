"""The past frames from which labels are carried: a bounded number, by one policy. Frozen values.

The frame beside which a sweep began stays for good: its labels are marks, or made beside them. With it stay the
last `HELD` frames. An object that was not found on a frame leaves no labels on it. What is remembered of an object are
the labels that were carried to the frame, without what the scores and the colours say of it: their mistakes are not
handed on. Where it is found anew, its mask is what is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cuecast.propagation.labels import LabelSource
from cuecast.propagation.motion import STILL, Move

Floats = NDArray[np.float32]

HELD = 5
"""Frames that are kept beside the first."""


@dataclass(frozen=True, eq=False)
class Remembered:
    """A past frame: its number, its look (h, w, C), and of each object its labels (h, w), or None where it was not
    seen, and how far it had moved since the sweep began, in cells."""

    index: int
    look: Floats
    labels: tuple[Floats | None, ...]
    moved: tuple[Move, ...]


@dataclass(frozen=True, eq=False)
class Memory:
    """What is kept: the frame where the sweep began, and the last ones in the order of the visit."""

    first: Remembered
    recent: tuple[Remembered, ...] = ()

    def with_frame(self, new: Remembered) -> Memory:
        """The memory with one frame more, and the oldest gone where it was full."""
        return replace(self, recent=(*self.recent, new)[-HELD:])

    def sources(self, k: int, moved: Move) -> list[LabelSource]:
        """Where labels of object `k` can be taken from, the newest last, for a frame to which it has moved so far.

        The first frame is looked at where the object lay on it: what else was there is known from it alone.
        """
        out = []
        for frame in (self.first, *self.recent):
            if (labels := frame.labels[k]) is not None:
                since = Move(*np.subtract(moved, frame.moved[k]))
                down, right = STILL if frame is self.first and self.recent else since
                out.append(LabelSource(frame.look, labels, (round(down), round(right))))
        return out
