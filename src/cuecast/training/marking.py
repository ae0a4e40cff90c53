"""Simulated cues: what a person might mark of a task, as weights of 'the thing' and 'not the thing' per pixel.

The weights are those that `cuecast.segmenters.matching` gives to the same marks at run time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from cuecast.marks import WEAK, box_weights
from cuecast.training.tasks import IGNORE_LABEL

Weights = NDArray[np.float32]


def simulate_marks(rng: np.random.Generator, labels: NDArray[np.uint8], kind: str) -> tuple[Weights, Weights]:
    """labels (S, S) of one cue -> (positive, negative), each (S, S) float32 weights in [0, 1]."""
    thing, other = labels == 1, labels == 0
    if kind == "mask":
        return thing.astype(np.float32), other.astype(np.float32)
    if kind == "sloppy":
        return _sloppy(rng, thing, labels != IGNORE_LABEL)
    if kind == "boxes":
        return _boxes(thing)
    positive = _strokes(rng, thing, points=kind == "points")
    negative = _strokes(rng, other, points=kind == "points") if rng.random() < 0.7 else np.zeros_like(other)
    if not negative.any():
        return positive.astype(np.float32), np.where(positive, 0, WEAK).astype(np.float32)
    return positive.astype(np.float32), negative.astype(np.float32)


def pick_kind(rng: np.random.Generator) -> str:
    """The kind of a task's cues: mostly careful masks."""
    return str(
        rng.choice(["mask", "sloppy", "points", "scribbles", "boxes"], p=[0.66, 0.1, 0.09, 0.09, 0.06])
    )


def _sloppy(
    rng: np.random.Generator, thing: NDArray[np.bool_], known: NDArray[np.bool_]
) -> tuple[Weights, Weights]:
    """Outlines a little too wide or too tight, as drawn in a hurry."""
    steps = int(rng.integers(1, 4))
    grow = rng.random() < 0.6
    changed = (
        ndimage.binary_dilation(thing, iterations=steps)
        if grow
        else ndimage.binary_erosion(thing, iterations=steps)
    )
    if not changed.any():
        changed = thing
    return (changed & known).astype(np.float32), (~changed & known).astype(np.float32)


def _boxes(thing: NDArray[np.bool_]) -> tuple[Weights, Weights]:
    """Boxes round the connected pieces, at most six of the largest."""
    pieces, _ = ndimage.label(thing, np.ones((3, 3), int))
    found = ndimage.find_objects(pieces)
    order = sorted(range(len(found)), key=lambda i: -int((pieces[found[i]] == i + 1).sum()))[:6]
    boxes = [(found[i][1].start, found[i][0].start, found[i][1].stop, found[i][0].stop) for i in order]
    return box_weights(thing.shape, boxes)


def _strokes(rng: np.random.Generator, region: NDArray[np.bool_], points: bool) -> NDArray[np.bool_]:
    """A few discs or lines that stay inside the region."""
    rows, columns = np.nonzero(region)
    out = Image.new("1", region.shape[::-1])
    if not len(rows):
        return np.zeros_like(region)
    pen = ImageDraw.Draw(out)
    for _ in range(int(rng.integers(1, 6))):
        i, j = rng.integers(len(rows), size=2)
        x, y = int(columns[i]), int(rows[i])
        if points:
            r = int(rng.integers(1, 4))
            pen.ellipse((x - r, y - r, x + r, y + r), fill=1)
        else:
            pen.line((x, y, int(columns[j]), int(rows[j])), fill=1, width=int(rng.integers(2, 5)))
    return np.asarray(out) & region
