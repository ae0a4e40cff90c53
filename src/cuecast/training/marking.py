"""Simulated cues: what a person might mark of a task, as weights of 'the thing' and 'not the thing' per pixel.

The weights of sparse marks (`SPARSE`) are those that the engine's first look gives them, before there is a forest or a
place; what it then fills in is a mask of the kind 'sloppy'.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.morphology import skeletonize

from cuecast.core.geometry import NEIGHBOURS
from cuecast.engine.mark_weights import WEAK, box_weights
from cuecast.training.tasks import IGNORE_LABEL

Weights = NDArray[np.float32]
Region = NDArray[np.bool_]

KINDS = {
    "mask": 0.6,
    "sloppy": 0.2,
    "corrected": 0.06,
    "points": 0.03,
    "scribbles": 0.02,
    "centre-line": 0.02,
    "contour": 0.01,
    "boxes": 0.06,
}
"""Chances of the kinds of a task's cues: mostly careful masks."""
JITTERED = 0.3
"""Share of points and strokes that are drawn a little off."""
SPARSE = frozenset(KINDS) - {"mask", "sloppy", "corrected"}


def simulate_marks(rng: np.random.Generator, labels: NDArray[np.uint8], kind: str) -> tuple[Weights, Weights]:
    """labels (S, S) of one cue -> (positive, negative), each (S, S) float32 weights in [0, 1].

    Labels of the kind 'corrected' are those of `cuecast.training.forests`.
    """
    thing, other = labels == 1, labels == 0
    if kind in ("mask", "corrected"):
        return thing.astype(np.float32), other.astype(np.float32)
    if kind == "sloppy":
        return _sloppy(rng, thing, labels != IGNORE_LABEL)
    if kind == "boxes":
        return _boxes(rng, thing)
    positive = STROKES[kind](rng, thing)
    if not positive.any():
        positive = _points(rng, thing)
    if rng.random() < JITTERED:
        positive = _jittered_strokes(rng, positive, thing)
    strokes = _points if kind == "points" else _scribbles
    negative = strokes(rng, other) & ~positive if rng.random() < 0.7 else np.zeros_like(other)
    if not negative.any():
        return positive.astype(np.float32), np.where(positive, 0, WEAK).astype(np.float32)
    return positive.astype(np.float32), negative.astype(np.float32)


def pick_kind(rng: np.random.Generator) -> str:
    """The kind of a task's cues."""
    return str(rng.choice(list(KINDS), p=list(KINDS.values())))


def _sloppy(
    rng: np.random.Generator, thing: NDArray[np.bool_], known: NDArray[np.bool_]
) -> tuple[Weights, Weights]:
    """Outlines that waver by up to a third of the thing's thickness, as drawn in a hurry or filled in by guess."""
    distance = ndimage.distance_transform_edt(np.pad(thing, 1))[1:-1, 1:-1]
    inside = distance - ndimage.distance_transform_edt(~thing) if not thing.all() else distance
    noise = ndimage.gaussian_filter(rng.normal(size=thing.shape), rng.uniform(0.02, 0.1) * len(thing))
    reach = rng.uniform(0.1, 0.35) * 4 * float(distance[thing].mean()) if thing.any() else 0.0
    changed = inside + reach * (noise / (noise.std() + 1e-6) + rng.normal(0, 0.5)) / 2 > 0
    if not changed.any():
        changed = thing
    return (changed & known).astype(np.float32), (~changed & known).astype(np.float32)


def _boxes(rng: np.random.Generator, thing: NDArray[np.bool_]) -> tuple[Weights, Weights]:
    """Boxes round the connected components, at most six of the largest, a little off as a hand draws them."""
    components, _ = ndimage.label(thing, NEIGHBOURS)
    found = ndimage.find_objects(components)
    order = sorted(range(len(found)), key=lambda i: -int((components[found[i]] == i + 1).sum()))[:6]
    boxes = [_jittered(rng, found[i], thing.shape) for i in order]
    return box_weights(thing.shape, boxes)


def _jittered_strokes(rng: np.random.Generator, strokes: Region, thing: Region) -> Region:
    """Strokes a pixel or two off, so that some of them stray, unless most would miss the thing."""
    moved: Region = ndimage.shift(strokes, rng.integers(-2, 3, 2), order=0)
    return moved if (moved & thing).sum() > 0.5 * moved.sum() else strokes


def _jittered(
    rng: np.random.Generator, box: tuple[slice, slice], shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of a box whose sides are off by up to a twentieth of its size."""
    sides = []
    for along, end in zip(box[::-1], shape[::-1], strict=True):
        start, stop = np.round(
            [along.start, along.stop] + rng.normal(0, 0.025, 2) * (along.stop - along.start)
        )
        start = min(max(int(start), 0), end - 1)
        sides.append((start, min(max(int(stop), start + 1), end)))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1


def _points(rng: np.random.Generator, region: Region) -> Region:
    """A few discs that stay inside the region."""
    out = Image.new("1", region.shape[::-1])
    pen = ImageDraw.Draw(out)
    for x, y in _places(rng, region, int(rng.integers(1, 6))):
        r = int(rng.integers(1, 4))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=1)
    return np.asarray(out) & region


def _scribbles(rng: np.random.Generator, region: Region) -> Region:
    """A few straight strokes from place to place, as far as they stay inside the region."""
    out = Image.new("1", region.shape[::-1])
    pen = ImageDraw.Draw(out)
    count = int(rng.integers(1, 6))
    starts, ends = (_places(rng, region, count) for _ in range(2))
    for start, end in zip(starts, ends, strict=True):
        pen.line((*start, *end), fill=1, width=int(rng.integers(2, 5)))
    return np.asarray(out) & region


def _centre_line(rng: np.random.Generator, region: Region) -> Region:
    """A stretch of the centre line: how a crack, a vessel or a wire is marked."""
    return _stretch(rng, skeletonize(region)) & region  # type: ignore[no-untyped-call]


def _contour(rng: np.random.Generator, region: Region) -> Region:
    """A stretch along the outline, just inside of it."""
    inner = ndimage.binary_erosion(region, iterations=int(rng.integers(1, 4)))
    return _stretch(rng, inner & ~ndimage.binary_erosion(inner)) & region


def _stretch(rng: np.random.Generator, line: Region) -> Region:
    """What of a line lies within some distance of one of its places, as broad as a pen."""
    places = _places(rng, line, 1)
    if not places:
        return np.zeros_like(line)
    rows, columns = np.ogrid[: line.shape[0], : line.shape[1]]
    (x, y), reach = places[0], rng.uniform(0.15, 0.6) * max(line.shape)
    near = (rows - y) ** 2 + (columns - x) ** 2 < reach**2
    drawn: Region = line & near
    return ndimage.binary_dilation(drawn) if rng.random() < 0.5 else drawn


def _places(rng: np.random.Generator, region: Region, count: int) -> list[tuple[int, int]]:
    """`count` random places (x, y) of a region; none of an empty one."""
    rows, columns = np.nonzero(region)
    if not len(rows):
        return []
    return [(int(columns[i]), int(rows[i])) for i in rng.integers(len(rows), size=count)]


STROKES: dict[str, Callable[[np.random.Generator, Region], Region]] = {
    "points": _points,
    "scribbles": _scribbles,
    "centre-line": _centre_line,
    "contour": _contour,
}
