"""Labels carried into a frame from past ones, and the past frames that are remembered for it.

Each place takes the labels of the places that look most like it: correspondence in space and time, as in label
propagation with learned features (Jabri, Owens and Efros, 'Space-Time Correspondence as a Contrastive Random Walk',
NeurIPS 2020); here what is compared are fixed filters at three sizes. A frame is a lattice of cells, `CELL` pixels of
its view each way.

The frame beside which a sweep began stays for good: its labels are marks, or made beside them. With it stay the
last `HELD` frames. An object that was not found on a frame leaves no labels on it. What is remembered of an object are
the labels that were carried to the frame, without what the scores and the colours say of it: their mistakes are not
handed on. Where it is found anew, its mask is what is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cuecast.engine.refiner import resize
from cuecast.propagation.motion import STILL, Move

Floats = NDArray[np.float32]

CELL = 2
"""Pixels of a view along a cell: at most 128 cells along a frame."""
SIGMAS = (0.7, 1.5, 3.0)
"""Sizes of the filters, in pixels of a view."""
REACH = 5
"""Cells that a place is looked for each way, beyond the move of the object as a whole."""
SHARPNESS = 0.03
"""Difference in cosine at which a place that looks less alike counts e times less."""
MARGIN = 10
"""Cells round the last labels in which there may be new ones."""
FAINT = 0.05
"""Labels below this are no part of the object."""


class LabelSource(NamedTuple):
    """A past frame: its look (h, w, C), labels (h, w), and how far down and right the object has moved since."""

    look: Floats
    labels: Floats
    moved: tuple[int, int]


def cells(size: tuple[int, ...]) -> tuple[int, int]:
    """The lattice (h, w) of a view (H, W, ...)."""
    return -(-size[0] // CELL), -(-size[1] // CELL)


def look_of(seen: Floats) -> Floats:
    """What the cells of a view (H, W, 3) look like: (h, w, C), vectors of length 1.

    Brightness and two colour differences, blurred; the slope of the brightness and its deviation; each against its
    mean and deviation over the frame.
    """
    grey = seen.mean(2)
    opposed = np.stack([grey, seen[..., 0] - seen[..., 1], seen[..., 2] - seen[..., :2].mean(2)], 2)
    planes = []
    for sigma in SIGMAS:
        smooth = gaussian_filter(opposed, (sigma, sigma, 0))
        down, right = (sigma * np.gradient(smooth[..., 0], axis=a) for a in (0, 1))
        spread = gaussian_filter(grey**2, sigma) - smooth[..., 0] ** 2
        planes += [
            *smooth.transpose(2, 0, 1),
            np.hypot(down, right),
            down,
            right,
            np.sqrt(np.maximum(spread, 0)),
        ]
    look = np.stack([resize(np.ascontiguousarray(p, np.float32), cells(seen.shape)) for p in planes], 2)
    look = (look - look.mean((0, 1))) / (look.std((0, 1)) + 1e-4)
    unit: Floats = look / (np.linalg.norm(look, axis=2, keepdims=True) + 1e-3)
    return unit


def carry_labels(look: Floats, sources: Sequence[LabelSource]) -> Floats:
    """Labels (h, w) in [0, 1] of the frame that looks like `look` (h, w, C); the last source is the newest.

    Mean labels of all places within `REACH` of where each place was, weighted by how much they look alike. Nothing is
    found further than `MARGIN` from where the newest labels have moved.
    """
    out = np.zeros(look.shape[:2], np.float32)
    rows, columns = _window(sources[-1])
    here = np.ascontiguousarray(look[rows, columns].transpose(2, 0, 1))
    if not here.size:
        return out
    height, width = here.shape[1:]
    found, total = (np.zeros((height, width), np.float32) for _ in range(2))
    side = 2 * REACH + 1
    for source in sources:
        there, labels, inside = _around(source, rows, columns)
        for y, x in product(range(side), range(side)):
            area = slice(y, y + height), slice(x, x + width)
            alike = np.einsum("cij,cij->ij", here, there[:, area[0], area[1]])
            weight = inside[area] * np.exp((alike - 1) / np.float32(SHARPNESS))
            found += weight * labels[area]
            total += weight
    out[rows, columns] = found / np.maximum(total, np.finfo(np.float32).tiny)
    return out


def _window(source: LabelSource) -> tuple[slice, slice]:
    """Rows and columns in which the object of a source can be now."""
    holds = source.labels > FAINT
    down, right = source.moved
    return _reach(np.any(holds, axis=1), down), _reach(np.any(holds, axis=0), right)


def _reach(holds: Any, move: int) -> slice:
    """The rows (or columns) that an object can be in after a move, from those (n,) bool that hold it now."""
    where = np.flatnonzero(holds)
    if not len(where):
        return slice(0, 0)
    start, stop = int(where[0]) + move - MARGIN, int(where[-1]) + 1 + move + MARGIN
    return slice(max(0, start), max(0, min(len(holds), stop)))


def _around(source: LabelSource, rows: slice, columns: slice) -> tuple[Floats, Floats, Floats]:
    """Look (C, m, n) and labels (m, n) of a source where the window was, `REACH` wider; and 1 inside the frame."""
    (h, w), (down, right) = source.labels.shape, source.moved
    y = np.arange(rows.start - down - REACH, rows.stop - down + REACH)
    x = np.arange(columns.start - right - REACH, columns.stop - right + REACH)
    inside = ((y >= 0) & (y < h))[:, None] & ((x >= 0) & (x < w))
    at = np.ix_(y.clip(0, h - 1), x.clip(0, w - 1))
    look = np.ascontiguousarray(source.look[at].transpose(2, 0, 1))
    return look, source.labels[at], inside.astype(np.float32)


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
