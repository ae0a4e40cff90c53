"""Layers as they are taken, made by hand: nothing here needs napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cuecast.napari.layers import Taken


def grid(*scale: float, at: Sequence[float] | None = None) -> Any:
    """The matrix of a layer with that scale along each axis, moved to `at`."""
    matrix = np.diag([*scale, 1.0])
    matrix[:-1, -1] = 0.0 if at is None else at
    return matrix


def image(data: Any, name: str = "a", to_world: Any = None, **given: Any) -> Taken:
    """An Image layer; of three axes with three or four values in the last one it is in colours where `rgb` says so."""
    data = np.asarray(data)
    axes = data.ndim - bool(given.get("rgb"))
    return Taken(name, "image", data, grid(*[1] * axes) if to_world is None else to_world, **given)


def labels(data: Any, to_world: Any = None, name: str = "marks") -> Taken:
    """A Labels layer."""
    data = np.asarray(data)
    return Taken(name, "labels", data, grid(*[1] * data.ndim) if to_world is None else to_world)


def points(data: Any, said: Sequence[str | None] | None = None, to_world: Any = None) -> Taken:
    """A Points layer."""
    data = np.asarray(data, float)
    way = grid(*[1] * data.shape[1]) if to_world is None else to_world
    return Taken("marks", "points", data, way, said=tuple(said or (None,) * len(data)))


def shape(kind: str, vertices: Any, width: float = 1.0, to_world: Any = None) -> Taken:
    """A Shapes layer with one shape."""
    data = np.asarray(vertices, float)
    way = grid(*[1] * data.shape[1]) if to_world is None else to_world
    return Taken("marks", "shapes", [data], way, said=(None,), shapes=(kind,), widths=(width,))
