"""Unlimited drawn tasks: episodes of one kind of scene with exact labels, to train a general network.

An episode picks a family (FAMILIES), the family draws a kind (palette, textures, the classes and how they
differ), and the kind is painted several times: other positions, numbers and shapes, the same look.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .camera import photograph, random_camera
from .canvas import Kind
from .cells import cells
from .cracks import cracks
from .defects import defects
from .glyphs import glyphs
from .grains import grains
from .leaves import leaves
from .objects import objects
from .organs import organs
from .panels import panels
from .regions import regions
from .roads import roads
from .vessels import vessels
from .wires import wires

FAMILIES: dict[str, Callable[[np.random.Generator, int], Kind]] = {
    "cells": cells,
    "cracks": cracks,
    "defects": defects,
    "glyphs": glyphs,
    "grains": grains,
    "leaves": leaves,
    "objects": objects,
    "organs": organs,
    "panels": panels,
    "regions": regions,
    "roads": roads,
    "vessels": vessels,
    "wires": wires,
}

COUNTED = ("cells", "objects", "leaves")
"""Families whose things are painted one by one, so that each has an id."""

_MISSING_CLASS = 0.25  # share of the episodes in which one class is missing in some images
_MISSING_HERE = 0.4  # and in how many of their images


def draw_episode(
    rng: np.random.Generator, count: int, size: int, family: str | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32] | None]:
    """`count` images (count, size, size, 3) uint8 of one kind of scene, labels (count, size, size) uint8, and ids of
    its things (count, size, size) int32, None of a family that does not count them.

    Labels: 0 background, 1 to at most 4 for classes of things, the same in all images of the episode; a class
    may be missing in some of them. `family` is a key of FAMILIES, by default drawn as well. The same state of
    `rng` gives the same episode.
    """
    name = family or str(rng.choice(list(FAMILIES)))
    kind = FAMILIES[name](rng, size)
    camera = random_camera(rng)
    present = [frozenset(range(1, kind.classes + 1))] * count
    if rng.random() < _MISSING_CLASS:
        gone = int(rng.integers(1, kind.classes + 1))
        without = rng.random(count) < _MISSING_HERE
        without[rng.integers(count)] = False
        present = [all_ - {gone} if lacks else all_ for all_, lacks in zip(present, without, strict=True)]
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty((count, size, size), np.uint8)
    objects = np.empty((count, size, size), np.int32)
    for index in range(count):
        canvas = kind.paint(rng, present[index])
        images[index] = photograph(rng, canvas.image, camera)
        labels[index], objects[index] = canvas.labels, canvas.objects
    return images, labels, objects if name in COUNTED else None
