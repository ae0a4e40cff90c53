"""Label files as shapes with the names of their classes, and those as the objects of an image.

A format reads its file into `Sheet`s of `Drawn` shapes; what all formats do with these is here: classes by name, boxes
below outlines, groups as one object, and what cannot be used passed over and noted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import Contour, fill_contour
from cuecast.core.notes import give_note
from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.core.values import ClassInfo
from cuecast.io.labels import Listed, PassedOver, Pictured, place_of
from cuecast.io.labels.outlines import Vertices64, contour_of, object_of_contours, union_of

Size = tuple[int, int]
Draw = Callable[[Size], ObjectMask]
"""The object of a shape, of whatever class, in an image of a size (H, W). Raises ValueError for what is none."""


@dataclass(frozen=True)
class Drawn:
    """One shape of a label file.

    where       what it is called in notes: 'shape 3'.
    label       name of its class; None where it has none.
    draw        see `Draw`.
    area        whether it is of a kind that covers anything; points and lines do not.
    box         whether it is a rectangle alone, and may be no outline.
    group       shapes of one label and group are one object; None: it is one by itself.
    crowd, confidence  see `ObjectMask`.
    """

    where: str
    label: str | None
    draw: Draw
    area: bool = True
    box: bool = False
    group: Hashable | None = None
    crowd: bool = False
    confidence: float | None = None


@dataclass(frozen=True)
class DrawnSheet:
    """What a label file says of one image: its name as written, (H, W) where stated, its shapes in order."""

    name: str
    size: Size | None
    shapes: tuple[Drawn, ...]


@dataclass(frozen=True)
class DrawnFile:
    """A label file as its shapes; see `LabelFile`.

    stated  the classes that it states, with colours; those of the shapes alone follow, sorted.
    alone   it speaks of one image, whatever that is called.
    """

    path: Path
    sheets: tuple[DrawnSheet, ...]
    stated: tuple[ClassInfo, ...] = ()
    alone: bool = False
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes, numbered from 1."""
        known = {c.name: c for c in self.stated}
        drawn = {s.label for sheet in self.sheets for s in sheet.shapes if s.area and s.label is not None}
        names = [*known, *sorted(drawn - known.keys())]
        return tuple(
            ClassInfo(i, n, known[n].colour if n in known else "") for i, n in enumerate(names, start=1)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """See `LabelFile`."""
        return tuple(c.name for c in self.classes)

    @property
    def listed(self) -> tuple[Listed, ...]:
        """See `LabelFile`."""
        return tuple(Listed(sheet.name, sheet.size) for sheet in self.sheets)

    def size(self, image: Pictured) -> Size | None:
        """See `LabelFile`. Raises MaskError where the file does not list the image."""
        return self._sheet_of(image).size

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """See `LabelFile`. Where no shape has a class, all are of the first."""
        sheet, passed = self._sheet_of(image), PassedOver(self.path)
        ids = {c.name: c.id for c in (self.classes if classes is None else classes)}
        first = classes[0].id if classes else 1
        areas = set(self.names)
        boxes: list[ObjectMask] = []
        groups: dict[Hashable, list[ObjectMask]] = {}
        for number, shape in enumerate(sheet.shapes):
            with passed.each(shape.where):
                if shape.label is None and areas and shape.area:
                    raise ValueError("a shape without class, where others have one")
                wanted = shape.label in ids if areas and shape.label in areas else True
                if not wanted:
                    continue
                one = replace(
                    shape.draw(image.size),
                    cls=first if shape.label is None else ids[shape.label],
                    crowd=shape.crowd,
                    confidence=shape.confidence,
                )
                if shape.box:
                    passed.box(shape.where)
                if shape.box and shape.group is None:
                    boxes.append(one)
                else:
                    key = ("alone", number) if shape.group is None else (shape.label, shape.group)
                    groups.setdefault(key, []).append(one)
        objects = (*boxes, *map(_joined, groups.values()))
        passed.settle(len(objects))
        for note in self.notes:
            give_note(note)
        return Annotations(sheet.name, image.size, tuple(o for o in objects if o.mask.size))

    def _sheet_of(self, image: Pictured) -> DrawnSheet:
        return self.sheets[0 if self.alone else place_of(self.path, self._image_names, image)]

    @cached_property
    def _image_names(self) -> list[str]:
        return [sheet.name for sheet in self.sheets]


def _joined(parts: Sequence[ObjectMask]) -> ObjectMask:
    """The parts of one object as one; a single one as it is."""
    if len(parts) == 1:
        return parts[0]
    return replace(union_of(parts), crowd=parts[0].crowd, confidence=parts[0].confidence)


def no_area(kind: str) -> Draw:
    """What draws a shape that covers nothing: it says so."""

    def draw(size: Size) -> ObjectMask:  # noqa: ARG001
        article = "an" if kind[:1] in "aeiou" else "a"
        raise ValueError(f"{article} {kind}, which has no area")

    return draw


def polygon(points: Any) -> Draw:
    """The inside of one ring, [x, y, x, y, ...] or [[x, y], ...], even-odd."""
    return lambda size: object_of_contours(size, [contour_of(points)], 0)


def ring(contour: Callable[[], Contour]) -> Draw:
    """The inside of a ring that is computed when it is drawn; ValueError and KeyError out of it say what is wrong."""
    return lambda size: object_of_contours(size, [contour()], 0)


def rings(polygons: Sequence[Sequence[Any]]) -> Draw:
    """Polygons, each as its outer ring and the holes in it; all are one object."""
    return partial(_of_rings, polygons)


def _of_rings(polygons: Sequence[Sequence[Any]], size: Size) -> ObjectMask:
    if not polygons:
        raise ValueError("a polygon without a ring")
    parts = []
    for outer, *holes in polygons:
        part = object_of_contours(size, [contour_of(outer)], 0)
        canvas = part.mask.copy()
        for hole in holes:
            _cut(canvas, (part.top, part.left), fill_contour(size, contour_of(hole)))
        parts.append(replace(part, mask=canvas))
    return tight(union_of(parts)) if any(p.mask.size for p in parts) else parts[0]


def _cut(mask: NDArray[np.bool_], corner: tuple[int, int], hole: tuple[int, int, NDArray[np.bool_]]) -> None:
    """Clear in `mask`, whose first pixel lies at `corner` (row, column), what a filled hole covers."""
    top, left, inside = hole
    (y, x), (h, w) = corner, mask.shape
    y1, y2 = max(y, top), min(y + h, top + inside.shape[0])
    x1, x2 = max(x, left), min(x + w, left + inside.shape[1])
    if y1 < y2 and x1 < x2:
        mask[y1 - y : y2 - y, x1 - x : x2 - x] &= ~inside[y1 - top : y2 - top, x1 - left : x2 - left]


def even_odd(contours: Sequence[Any]) -> Draw:
    """Rings of one shape, filled even-odd together, as paths of drawing programs are."""
    return partial(_even_odd, contours)


def _even_odd(contours: Sequence[Any], size: Size) -> ObjectMask:
    if not contours:
        raise ValueError("a path without a ring")
    canvas = np.zeros(size, bool)
    for contour in contours:
        top, left, inside = fill_contour(size, contour_of(contour))
        canvas[top : top + inside.shape[0], left : left + inside.shape[1]] ^= inside
    return tight(ObjectMask(0, 0, 0, canvas))


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.0) -> Vertices64:
    """The ring of an ellipse about (x, y), turned clockwise. Raises ValueError where it has no extent."""
    values = np.array([x, y, rx, ry, degrees], np.float64)
    if not np.isfinite(values).all() or min(rx, ry) <= 0:
        raise ValueError("an ellipse that is empty or not finite")
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    ring_ = np.stack([rx * np.cos(angles), ry * np.sin(angles)], axis=1)
    return turned(ring_ + np.array([x, y]), (x, y), degrees)


def turned(points: Vertices64, about: tuple[float, float], degrees: float) -> Vertices64:
    """Points (n, 2) turned clockwise, as a picture shows it, about one."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    out: Vertices64 = (points - about) @ np.array([[cos, sin], [-sin, cos]]) + about
    return out


def numbers(values: Iterable[Any]) -> tuple[float, ...]:
    """Values that are finite numbers, texts of them too. Raises ValueError."""
    try:
        found = tuple(float(v) for v in values)
    except TypeError:
        raise ValueError("a value that is no number") from None
    if not np.isfinite(found).all():
        raise ValueError("a value that is not finite")
    return found
