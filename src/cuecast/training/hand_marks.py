"""Simulated sparse cues as values: the boxes, points and strokes that a person might put on a thing.

`cuecast.training.marking` gives the weights of such marks in a batch; these go through the front door, as marks of a
picture, and so are what sparse cues are measured and calibrated with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import route_through_array

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import Box, Marks, Point, Scribble

Region = NDArray[np.bool_]

POSITIVE = ("point", "three points", "stroke")
"""Marks of the thing alone. With ' against' behind it, one or two 'not this' of the same form are added."""
FORMS = (*POSITIVE, *(f"{form} against" for form in POSITIVE), "boxes")
MOST_BOXES = 6
CARELESS = 0.025
"""Deviation of a box's sides, as a share of its size."""
DEEP = 0.5
"""Hands mark what is at least this share of the deepest place's distance from the border."""
STEP = 6
"""Pixels of a stroke's route between two of its vertices."""


def hand_marks(rng: np.random.Generator, labels: NDArray[np.int32], form: str) -> Marks:
    """labels (H, W): above 0 the thing, at least one pixel of it, IGNORE unknown -> marks of one of `FORMS`."""
    thing = labels > 0
    if form == "boxes":
        return Marks(labels.shape, boxes=_boxes(rng, thing))
    own, against = form.removesuffix(" against"), form.endswith(" against")
    points, scribbles = _drawn(rng, thing, own, 1, {"point": 1, "three points": 3, "stroke": 1}[own])
    rest = (labels == 0) & ~ndimage.binary_dilation(thing, iterations=max(2, int(0.01 * thing.size**0.5)))
    if against and rest.any():
        more = _drawn(rng, rest, own, 0, int(rng.integers(1, 3)))
        points, scribbles = points + more[0], scribbles + more[1]
    return Marks(labels.shape, points=points, scribbles=scribbles)


def _drawn(
    rng: np.random.Generator, region: Region, own: str, cls: int, count: int
) -> tuple[tuple[Point, ...], tuple[Scribble, ...]]:
    """`count` points, or one stroke after another, well inside a region."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    if own != "stroke":
        places = _deep_places(rng, depth, count)
        return tuple(Point((x + 0.5, y + 0.5), cls) for y, x in places), ()
    return (), tuple(_stroke(rng, depth, cls) for _ in range(count))


def _stroke(rng: np.random.Generator, depth: NDArray[np.float64], cls: int) -> Scribble:
    """From one deep place to another of the same component, along the middle of the thing between them."""
    components, _ = ndimage.label(depth > 0, NEIGHBOURS)
    ((y, x),) = _deep_places(rng, depth, 1)
    own = np.where(components == components[y, x], depth, 0)
    end = max(_deep_places(rng, own, 3), key=lambda p: (p[0] - y) ** 2 + (p[1] - x) ** 2)
    cost = np.where(own > 0, 1 / np.maximum(own, 0.5), 1e6)
    route, _ = route_through_array(cost, (y, x), end)  # type: ignore[no-untyped-call]
    kept = [*route[::STEP], route[-1]]
    return Scribble(tuple((column + 0.5, row + 0.5) for row, column in kept), 3.0, cls)


def _deep_places(rng: np.random.Generator, depth: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """Random (row, column) among the places that are far from their component's border."""
    components, number = ndimage.label(depth > 0, NEIGHBOURS)
    deepest = np.append(0, ndimage.maximum(depth, components, np.arange(1, number + 1)))
    rows, columns = np.nonzero((components > 0) & (depth >= DEEP * deepest[components]))
    # A large component is marked before a small one.
    weight = depth[rows, columns] ** 2
    chosen = rng.choice(len(rows), count, p=weight / weight.sum())
    return [(int(rows[i]), int(columns[i])) for i in chosen]


def _boxes(rng: np.random.Generator, thing: Region) -> tuple[Box, ...]:
    """Boxes round the connected components, at most six of the largest, a little off as a hand draws them."""
    components, _ = ndimage.label(thing, NEIGHBOURS)
    sizes = np.bincount(components.ravel())[1:]
    found = ndimage.find_objects(components)
    boxes = []
    for i in np.argsort(-sizes, kind="stable")[:MOST_BOXES]:
        sides = []
        for along, end in zip(found[i][::-1], thing.shape[::-1], strict=True):
            off = rng.normal(0, CARELESS, 2) * (along.stop - along.start)
            start = float(np.clip(along.start + off[0], 0, end - 1))
            sides.append((start, float(np.clip(along.stop + off[1], start + 1, end))))
        (x0, x1), (y0, y1) = sides
        boxes.append(Box((x0, y0, x1, y1)))
    return tuple(boxes)
