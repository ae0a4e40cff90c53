"""LabelMe JSON: one file an image, objects as polygons. Both directions, without loss."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.geometry import Contour
from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.core.values import FARTHEST, ClassInfo
from cuecast.io.files import read_json, write_text
from cuecast.io.labels import Listed, PassedOver, Pictured, stated_size
from cuecast.io.labels.outlines import (
    box_contour,
    contour_of,
    object_of_contours,
    part_outlines,
    union_of,
)
from cuecast.io.labels.sheets import Shape, Sheet
from cuecast.io.pixels import read_raster

_VERSION = "5.4.1"
_NO_SIZE = "states no imageHeight and imageWidth; save it again in LabelMe"
_WITHOUT_AREA = ("point", "line", "linestrip", "points")
_BY_CORNERS = ("polygon", "rotation", "oriented_rectangle", "quadrilateral")
"""Shapes that list all their corners; the last three are what X-AnyLabeling and others draw."""
_CUBOID_FRONT = 4
"""Points of a cuboid that are its front face; those of the back face follow."""


def read_labelme(
    path: str | Path,
    classes: Sequence[ClassInfo] | None = None,
    size: tuple[int, int] | None = None,
    data: dict[str, Any] | None = None,
) -> tuple[Annotations, tuple[ClassInfo, ...]]:
    """The objects of one LabelMe file, boxes first, in its order, and the classes.

    classes  resolve labels to ids; shapes with other labels are left out. None: 1, 2, ... in the order of the
             sorted labels of this file.
    size     (H, W) of the image, for files that do not state theirs.
    data     what the file holds, where that has been read.

    Polygons, rectangles, circles, cuboids and masks are read; shapes of one label and one group_id are one object.
    A rectangle among them is a box without an outline: outlines lie over it, and a note says so. A shape that cannot
    be used, as points and lines, which have no area, is passed over; a note says so. Raises MaskError where none can be
    used.
    """
    path = Path(path)
    data = read_json(path, MaskError) if data is None else data
    shapes = _shapes(path, data)
    size = _size(path, data) or size
    if size is None:
        raise MaskError(f"{_NO_SIZE}", path)
    areas = _labels(shapes)
    if classes is None:
        classes = [ClassInfo(i, name) for i, name in enumerate(areas, start=1)]
    ids = {c.name: c.id for c in classes}
    passed = PassedOver(path)
    boxes: list[ObjectMask] = []
    groups: dict[Any, list[ObjectMask]] = {}
    for number, shape in enumerate(shapes, start=1):
        where = f"shape {number}"
        with passed.each(where):
            label = _label(shape)
            kind = _kind(shape)
            if kind in _WITHOUT_AREA and (label in ids or label not in areas):
                raise ValueError(f"a {kind}, which has no area")
            if label not in ids:
                continue
            one = _object(path, shape, size, ids[label])
            group = shape.get("group_id")
            if kind == "rectangle":
                passed.box(where)
            if kind == "rectangle" and group is None:
                boxes.append(one)
            else:
                groups.setdefault(("alone", number) if group is None else (label, str(group)), []).append(one)
    objects = (*boxes, *(union_of(parts) for parts in groups.values()))
    passed.settle(len(objects))
    return Annotations(_image_name(path, data), size, tuple(o for o in objects if o.mask.size)), tuple(
        classes
    )


@dataclass(frozen=True)
class LabelMeFile:
    """A LabelMe file that has been opened; see `LabelFile`. It speaks of one image."""

    path: Path
    data: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The labels of the shapes that have an area, sorted. Raises MaskError."""
        return tuple(_labels(_shapes(self.path, self.data)))

    @property
    def listed(self) -> tuple[Listed, ...]:
        """See `LabelFile`."""
        return (Listed(_image_name(self.path, self.data), _size(self.path, self.data)),)

    def size(self, image: Pictured) -> tuple[int, int] | None:  # noqa: ARG002
        """See `LabelFile`."""
        return _size(self.path, self.data)

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """See `LabelFile`."""
        return read_labelme(self.path, classes, image.size, self.data)[0]


def open_labels(path: Path, data: dict[str, Any]) -> LabelMeFile:
    """See `LabelFile`."""
    return LabelMeFile(path, data)


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: one file an image, which names its image by the way from its own folder."""
    for sheet in sheets:
        write_labelme(place / f"{sheet.stem}.json", sheet.found, classes, sheet.image_from(place))
    return place


def write_labelme(
    path: str | Path, annotations: Annotations, classes: Sequence[ClassInfo], image_path: str | None = None
) -> Path:
    """Write the objects of one image, whole or not at all; returns the path.

    Each connected part becomes a polygon along pixel edges, its holes joined by bridges of no width; the
    parts of one object share a group_id. `image_path` is what the file names as its image;
    None is the annotations' name. Raises OutputError, and ValueError for an object of no listed class.
    """
    names = {c.id: c.name for c in classes}
    shapes = []
    for group, obj in annotations.listed(names):
        contours = part_outlines(obj)
        shapes += [
            _shape(names[obj.cls], contour.tolist(), group if len(contours) > 1 else None)
            for contour in contours
        ]
    data: dict[str, Any] = {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path or annotations.name,
        "imageData": None,
        "imageHeight": annotations.size[0],
        "imageWidth": annotations.size[1],
    }
    return write_text(path, json.dumps(data, indent=1) + "\n")


def _shape(label: str, points: list[list[int]], group: int | None) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "shape_type": "polygon", "flags": {}}


def _shapes(path: Path, data: dict[str, Any]) -> list[Any]:
    """The shapes as they are written. Raises MaskError where it is no LabelMe file."""
    shapes = data.get("shapes")
    if not isinstance(shapes, list):
        raise MaskError("is not a LabelMe file (no list of shapes)", path, "export it again from LabelMe")
    return shapes


def _image_name(path: Path, data: dict[str, Any]) -> str:
    """The file name of its image, without folders; where it names none, its own stem."""
    return str(data.get("imagePath") or path.stem).replace("\\", "/").rpartition("/")[2]


def _kind(shape: dict[str, Any]) -> Any:
    return shape.get("shape_type") or "polygon"


def _label(shape: Any) -> str:
    if not isinstance(shape, dict) or shape.get("label") is None:
        raise ValueError("a shape without label")
    return str(shape["label"])


def _labels(shapes: Sequence[Any]) -> list[str]:
    """The labels, sorted, that are on shapes with an area."""
    labelled = [s for s in shapes if isinstance(s, dict) and s.get("label") is not None]
    return sorted({_label(s) for s in labelled if _kind(s) not in _WITHOUT_AREA})


def _size(path: Path, data: dict[str, Any]) -> tuple[int, int] | None:
    """(H, W) that a file states; None where it states none. Raises MaskError."""
    return stated_size(f"{path}: its image", data.get("imageHeight"), data.get("imageWidth"), _NO_SIZE)


def _object(path: Path, shape: dict[str, Any], size: tuple[int, int], cls: int) -> ObjectMask:
    """The object of one shape with an area. Raises ValueError and what broken fields raise."""
    kind = _kind(shape)
    try:
        points = np.asarray(shape["points"], np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1] != 2 or not (np.abs(points) <= FARTHEST).all():
        raise ValueError("points that are not a list of finite [x, y]")
    if kind == "mask":
        return _pasted_mask(path, shape, points, size, cls)
    return object_of_contours(size, _contours(kind, points), cls)


def _contours(kind: Any, points: NDArray[np.float64]) -> list[Contour]:
    """The outline of a shape: corners, two opposite corners (or all four), [centre, point on it], or two faces."""
    if kind in _BY_CORNERS:
        return [contour_of(points)]
    if kind == "cuboid":
        front, back = contour_of(points[:_CUBOID_FRONT]), points[_CUBOID_FRONT:]
        return [front, *_sides(front, contour_of(back))] if len(back) else [front]
    if kind not in ("rectangle", "circle"):
        raise ValueError(f"the shape type {kind!r}, which is not known")
    if len(points) < 2:
        raise ValueError(f"a {kind} of less than two points")
    if kind == "rectangle":
        return [box_contour(*points.min(axis=0), *points.max(axis=0))]
    (x1, y1), (x2, y2) = points[0], points[1]
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    return [
        points[0] + float(np.hypot(x2 - x1, y2 - y1)) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ]


def _sides(front: NDArray[np.float64], back: NDArray[np.float64]) -> list[Contour]:
    """The back face and the faces between two faces whose corners are listed in the same order."""
    if len(back) != len(front):
        raise ValueError("a cuboid whose faces have not the same number of points")
    after = np.roll(np.arange(len(front)), -1)
    return [back, *(np.stack([front[i], front[j], back[j], back[i]]) for i, j in enumerate(after))]


def _pasted_mask(
    path: Path, shape: dict[str, Any], points: Any, size: tuple[int, int], cls: int
) -> ObjectMask:
    """A shape of type 'mask': a PNG in base64 whose top left corner is the first point."""
    if not isinstance(encoded := shape["mask"], str):
        raise ValueError("a mask that is not a picture in base64")
    raster = read_raster(base64.b64decode(encoded), error=MaskError, label=f"{path}: the mask of a shape")
    inside: NDArray[np.bool_] = raster.samples.reshape(*raster.size, -1).max(axis=2) > 0
    left, top = (int(v) for v in points[0])
    inside = inside[max(0, -top) :, max(0, -left) :]
    top, left = max(0, top), max(0, left)
    return tight(ObjectMask(cls, top, left, inside[: max(0, size[0] - top), : max(0, size[1] - left)]))
