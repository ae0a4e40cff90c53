"""napari's layers as they are at one moment: values that a thread can read while the window goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import InputError

Kind = Literal["image", "labels", "points", "shapes"]
KINDS: dict[str, Kind] = {"Image": "image", "Labels": "labels", "Points": "points", "Shapes": "shapes"}
"""napari's class of a layer -> what it is here."""
CLASS = "class"
"""The column of a layer's features that names the class of each point or shape."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Taken:
    """A layer that was taken.

    data      image: an array, maybe a lazy one, as it is; labels: a copy; points: (N, D); shapes: N arrays (M, D).
    to_world  (D + 1, D + 1): where the middle of a pixel lies, by its row, column and so on; D without the colours.
    rgb       whether the last axis of an image is its colours.
    window    the values that an image shows as black and white.
    said      the class of each point or shape where the layer's features name one, else None.
    shapes    what each shape is: 'rectangle', 'ellipse', 'polygon', 'path' or 'line'.
    widths    of the edge of each shape, in pixels of the layer.
    place     arguments that lay another layer exactly over this one.
    """

    name: str
    kind: Kind
    data: Any
    to_world: Matrix
    rgb: bool = False
    window: tuple[float, float] | None = None
    said: tuple[str | None, ...] = ()
    shapes: tuple[str, ...] = ()
    widths: tuple[float, ...] = ()
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def axes(self) -> int:
        """How many axes it has, without the colours."""
        return len(self.to_world) - 1


def kind_of(layer: Any) -> Kind | None:
    """What a layer of napari is; None where it is nothing that we read."""
    names = (cls.__name__ for cls in type(layer).__mro__)
    return next((KINDS[name] for name in names if name in KINDS), None)


def take(layer: Any) -> Taken:
    """Take a layer of napari. Raises InputError where it is of another kind than `KINDS`."""
    kind, name = kind_of(layer), str(layer.name)
    if kind is None:
        raise InputError(
            f"a {type(layer).__name__} layer is neither a picture nor marks",
            name,
            "use Image, Labels, Points or Shapes",
        )
    to_world = _to_world(layer)
    if kind == "image":
        window = tuple(float(v) for v in layer.contrast_limits) if layer.contrast_limits is not None else None
        place = {
            key: getattr(layer, key) for key in ("scale", "translate", "rotate", "shear", "affine", "units")
        }
        data = layer.data[0] if layer.multiscale else layer.data
        return Taken(name, kind, data, to_world, bool(layer.rgb), window, place=place)  # type: ignore[arg-type]
    if kind == "labels":
        return Taken(name, kind, np.array(layer.data[0] if layer.multiscale else layer.data), to_world)
    said = _said(layer)
    if kind == "points":
        return Taken(name, kind, np.array(layer.data, float), to_world, said=said)
    outlines = [np.array(vertices, float) for vertices in layer.data]
    widths = tuple(float(w) for w in layer.edge_width)
    return Taken(name, kind, outlines, to_world, said=said, shapes=tuple(layer.shape_type), widths=widths)


def _to_world(layer: Any) -> Matrix:
    """The layer's way from data to world as one matrix; napari's own may have several, all of them affine."""
    D = int(layer.ndim)
    origin = np.asarray(layer.data_to_world(np.zeros(D)), float)
    matrix = np.eye(D + 1)
    matrix[:D, D] = origin
    for axis, unit in enumerate(np.eye(D)):
        matrix[:D, axis] = np.asarray(layer.data_to_world(unit), float) - origin
    return matrix


def _said(layer: Any) -> tuple[str | None, ...]:
    """The class of each mark by the layer's features; an empty cell says nothing."""
    features, count = layer.features, len(layer.data)
    if CLASS not in features:
        return (None,) * count
    return tuple(str(v) if isinstance(v, str) and v.strip() else None for v in features[CLASS])
