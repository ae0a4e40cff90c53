"""Answers as Labels layers, and cue sets as layers: what napari is asked to add, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import ClassInfo, Image
from cuecast.cues import CueEntry
from cuecast.cuesets.cueset import CueSet, read_examples
from cuecast.napari.jobs import Row
from cuecast.napari.layers import CLASS
from cuecast.napari.marks import NOT_THIS

MADE_BY = "cuecast"
"""The key of a layer's metadata under which stands what it is."""
UNKNOWN = "#808080"
"""The colour of numbers that are no class."""


@dataclass(frozen=True, eq=False)
class NewLayer:
    """A layer to be added: 'image', 'labels', 'points' or 'shapes', its data, and the arguments of its kind."""

    kind: str
    data: Any
    arguments: dict[str, Any]


def class_layer(
    labels: NDArray[Any], name: str, picture: str, classes: Sequence[ClassInfo], place: dict[str, Any]
) -> NewLayer:
    """Class ids, (H, W) or (N, H, W), in the classes' colours; the name of what is pointed at stands in the status."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, str] = {None: UNKNOWN, 0: "transparent", **{c.id: c.colour for c in classes}}
    features = {"index": [0, *(c.id for c in classes)], CLASS: ["background", *(c.name for c in classes)]}
    return NewLayer(
        "labels",
        labels,
        {
            "name": name,
            "colormap": DirectLabelColormap(color_dict=colours),
            "features": features,
            "metadata": {MADE_BY: {"picture": picture, "verdicts": []}},
            **place,
        },
    )


def object_layer(instances: NDArray[Any], name: str, picture: str, place: dict[str, Any]) -> NewLayer:
    """Ids of objects, (H, W) or (N, H, W), hidden at first."""
    return NewLayer(
        "labels",
        instances,
        {"name": name, "visible": False, "metadata": {MADE_BY: {"objects of": picture}}, **place},
    )


def verdict_text(rows: Sequence[Row]) -> str:
    """'found 0.83', or of several: '12 found, 3 doubtful, 5 absent'."""
    if len(rows) == 1:
        row = rows[0]
        return row.error or f"{row.verdict} {row.confidence:.2f}"
    words = [r.verdict or "failed" for r in rows]
    counts = ((words.count(word), word) for word in ("found", "doubtful", "absent", "failed"))
    return ", ".join(f"{n} {word}" for n, word in counts if n)


@dataclass(frozen=True, eq=False)
class SetLayers:
    """One cue of a cue set as layers: its picture, and what marks it; no marks: the thing is not there."""

    picture: NewLayer
    marks: tuple[NewLayer, ...]


def layers_of(cueset: CueSet) -> Iterator[SetLayers]:
    """The cues of a set as layers. Raises CueSetError, InputError."""
    named = {0: NOT_THIS, **{c.id: c.name for c in cueset.classes}}
    for entry, example in zip(cueset.entries, read_examples(cueset), strict=True):
        stem = f"{cueset.root.stem}/{example.image.name.removeprefix('images/')}"
        marks = []
        if example.marks.mask is not None:
            marks.append(class_layer(example.marks.mask.copy(), f"{stem} mask", stem, cueset.classes, {}))
        marks += _drawn(entry, stem, named)
        yield SetLayers(_picture(example.image, stem), tuple(marks))


def _picture(image: Image, name: str) -> NewLayer:
    return NewLayer("image", image.pixels, {"name": name, "rgb": True})


def _drawn(entry: CueEntry, stem: str, named: dict[int, str]) -> Iterator[NewLayer]:
    """Points, boxes and scribbles of a cue; its outlines are part of the mask."""
    if entry.points:
        where = np.array([p.xy[::-1] for p in entry.points], float) - 0.5
        said = {CLASS: [named.get(p.cls, "") for p in entry.points]}
        yield NewLayer("points", where, {"name": f"{stem} points", "features": said, "size": 5})
    shapes, kinds, said_of, widths = [], [], [], []
    for box in entry.boxes:
        x1, y1, x2, y2 = (v - 0.5 for v in box.xyxy)
        shapes.append(np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)]))
        kinds.append("rectangle")
        said_of.append(named.get(box.cls, ""))
        widths.append(1.0)
    for scribble in entry.scribbles:
        path = [(y - 0.5, x - 0.5) for x, y in scribble.path]
        shapes.append(np.array(path * 2 if len(path) == 1 else path))
        kinds.append("path")
        said_of.append(named.get(scribble.cls, ""))
        widths.append(float(scribble.width))
    if shapes:
        yield NewLayer(
            "shapes",
            shapes,
            {
                "name": f"{stem} shapes",
                "shape_type": kinds,
                "features": {CLASS: said_of},
                "edge_width": widths,
                "face_color": "transparent",
                "edge_color": "yellow",
            },
        )
