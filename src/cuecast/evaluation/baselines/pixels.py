"""Pictures and marks at a baseline's working size, and its scores back at the picture's own. Pure functions."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import CueError
from cuecast.core.geometry import mark_labels
from cuecast.core.values import IGNORE, Example, Image

Floats = NDArray[np.float32]
SMALLEST = 16
"""Sides of a working frame are at least this, in pixels."""


def frame(image: Image, side: float, multiple: int = 1) -> NDArray[np.uint8]:
    """The picture (h, w, 3) uint8 of area side x side, aspect kept; h and w rounded to the multiple, at least 16."""
    H, W = image.size
    factor = side / (H * W) ** 0.5
    h, w = (max(-(-SMALLEST // multiple) * multiple, multiple * round(n * factor / multiple)) for n in (H, W))
    return np.asarray(PILImage.fromarray(image.pixels).resize((w, h), PILImage.Resampling.BILINEAR))


def shares(example: Example, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """(thing, rest): shares (h, w) float32 in [0, 1] of each working pixel that are marked so, at `size` (h, w)."""
    labels = mark_labels(example.marks)
    return _resized(labels > 0, size), _resized((labels == 0) & (labels != IGNORE), size)


def enlarged(scores: Floats, size: tuple[int, int]) -> Floats:
    """Scores (h, w) float32 brought to `size` (H, W), bilinear."""
    return np.asarray(PILImage.fromarray(scores).resize(size[::-1], PILImage.Resampling.BILINEAR), np.float32)


def must_show(examples: Sequence[Example]) -> None:
    """Raise CueError where no cue shows the thing."""
    if not any(e.marks.class_ids for e in examples):
        raise CueError("no cue shows the thing: at least one must mark it")


def usable_threads(threads: int | None) -> int:
    """Threads as asked, else one for each core that this process may use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _resized(where: NDArray[np.bool_], size: tuple[int, int]) -> Floats:
    whole = PILImage.fromarray(where.astype(np.float32))
    return np.asarray(whole.resize(size[::-1], PILImage.Resampling.BOX), np.float32)
