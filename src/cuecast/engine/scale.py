"""The working scale, chosen from the size of the marked thing: small things are looked at more closely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from cuecast.core.geometry import mark_labels
from cuecast.core.values import Example

STROKES = 2
"""How many times the base side the working side is at most where strokes alone show the thing: a line is drawn as wide
on a face as on a crack, and four times the pixels are dear."""


def working_side(examples: Sequence[Example], cls: int, preprocessing: Mapping[str, Any]) -> float:
    """Square root of the working frame's area, in working pixels.

    The base side is doubled in half steps until the thing is `thickness` working pixels thick (the median of its
    cues), or nothing is gained because the cue images have no more pixels, or `most` is reached.
    """
    base, most, wanted = (float(preprocessing[k]) for k in ("side", "most", "thickness"))
    found = [t for t in (_relative_thickness(e, cls) for e in examples) if t is not None]
    native = float(np.median([np.prod(e.image.size) ** 0.5 for e in examples]))
    half_steps = 0
    most = most if any(_shows_size(e, cls) for e in examples) else min(most, STROKES * base)
    limit = min(most, 1.2 * native) * 1.001
    while (
        found
        and _side(base, half_steps) * float(np.median(found)) < wanted
        and _side(base, half_steps + 1) <= limit
    ):
        half_steps += 1
    return _side(base, half_steps)


def _shows_size(example: Example, cls: int) -> bool:
    """Whether a cue says how thick the thing is; a stroke only hints at it."""
    marks = example.marks
    masked = marks.mask is not None and bool((marks.mask == cls).any())
    return masked or any(b.cls == cls for b in marks.boxes)


def _side(base: float, half_steps: int) -> float:
    return float(base * 2 ** (half_steps / 2))


def _relative_thickness(example: Example, cls: int) -> float | None:
    """Typical thickness of the marked thing over the square root of the image's area; None where unknown."""
    marks = example.marks
    root = math.sqrt(math.prod(example.image.size))
    labels = mark_labels(marks)
    if marks.mask is not None and (labels == cls).any():
        return thickness(labels == cls) / root
    sides = [min(b.xyxy[2] - b.xyxy[0], b.xyxy[3] - b.xyxy[1]) for b in marks.boxes if b.cls == cls]
    if sides:
        return float(np.median(sides)) / root
    widths = [s.width for s in marks.strokes if s.cls == cls and s.width is not None]
    return 2 * float(np.median(widths)) / root if widths else None


def thickness(mask: NDArray[np.bool_]) -> float:
    """Typical thickness in pixels of a mask (H, W): the mean over it of four times the distance to its border.

    A strip of width t has a mean distance of t / 4, a disc of diameter d one of d / 6.
    """
    # Nothing around it matters, and that may be most of the image.
    thing = mask[find_objects(mask.astype(np.uint8))[0]]
    distance = distance_transform_edt(np.pad(thing, 1))[1:-1, 1:-1]
    return float(4 * (distance[thing] - 0.5).clip(0.25).mean())
