"""LabelMe JSON: one file an image, objects as polygons. Both directions, without loss."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.errors import CueError, MaskError
from cuecast.geometry import Ring
from cuecast.io.files import read_json, write_text
from cuecast.io.outlines import object_of_rings, part_outlines
from cuecast.io.raster import pixel_limit, read_raster
from cuecast.objects import tight
from cuecast.types import Annotations, ClassInfo, ObjectMask

_VERSION = "5.4.1"
_WITHOUT_AREA = ("point", "line", "linestrip", "points")
_BY_CORNERS = ("polygon", "rotation", "oriented_rectangle")
"""Shapes that list all their corners; the last two are boxes that other programs turn."""


def read_labelme(
    path: str | Path, classes: Sequence[ClassInfo] | None = None, size: tuple[int, int] | None = None
) -> tuple[Annotations, tuple[ClassInfo, ...]]:
    """The objects of one LabelMe file, in its order, and the classes.

    classes  resolve labels to ids; shapes with other labels are left out. None: 1, 2, ... in the order of the
             sorted labels of this file.
    size     (H, W) of the image, for files that do not state theirs.

    Polygons, rectangles, circles and masks are read; shapes of one label and one group_id are one object;
    points and lines have no area and are left out. Raises MaskError.
    """
    path = Path(path)
    data = read_json(path, MaskError)
    shapes = _shapes(path, data)
    if size is None or (data.get("imageHeight") is not None and data.get("imageWidth") is not None):
        size = _size(path, data)
    if classes is None:
        classes = [ClassInfo(i, name) for i, name in enumerate(_labels(shapes), start=1)]
    ids = {c.name: c.id for c in classes}
    groups: dict[Any, list[ObjectMask]] = {}
    for index, shape in enumerate(shapes):
        if (label := str(shape["label"])) in ids:
            group = shape.get("group_id")
            key = ("alone", index) if group is None else (label, str(group))
            groups.setdefault(key, []).append(_object(path, index, shape, size, ids[label]))
    objects = (_union(parts) for parts in groups.values())
    name = str(data.get("imagePath") or path.stem).replace("\\", "/").rpartition("/")[2]
    return Annotations(name, size, tuple(o for o in objects if o.mask.size)), tuple(classes)


def labelme_names(path: Path) -> tuple[str, ...]:
    """The labels of the shapes of a file that have an area, sorted. Raises MaskError."""
    return tuple(_labels(_shapes(path, read_json(path, MaskError))))


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
    for group, obj in enumerate(map(tight, annotations.objects), start=1):
        if obj.mask.size and obj.cls not in names:
            raise ValueError(
                f"{annotations.name}: an object has class {obj.cls}, the classes are {sorted(names)}"
            )
        rings = part_outlines(obj)
        shapes += [_shape(names[obj.cls], ring.tolist(), group if len(rings) > 1 else None) for ring in rings]
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


def _shapes(path: Path, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The shapes that have an area. Raises MaskError where it is no LabelMe file."""
    shapes = data.get("shapes")
    if not isinstance(shapes, list) or not all(isinstance(s, dict) and "label" in s for s in shapes):
        raise MaskError(
            f"{path}: is not a LabelMe file (no list of labelled shapes); export it again from LabelMe"
        )
    return [s for s in shapes if _kind(s) not in _WITHOUT_AREA]


def _kind(shape: dict[str, Any]) -> Any:
    return shape.get("shape_type") or "polygon"


def _labels(shapes: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({str(s["label"]) for s in shapes})


def _size(path: Path, data: dict[str, Any]) -> tuple[int, int]:
    try:
        H, W = int(data["imageHeight"]), int(data["imageWidth"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MaskError(f"{path}: states no imageHeight and imageWidth; save it again in LabelMe") from error
    if H < 1 or W < 1 or pixel_limit(MaskError) < H * W:
        raise MaskError(
            f"{path}: says its image is {W} x {H}, outside the limits; correct it or raise CUECAST_MAX_PIXELS"
        )
    return H, W


def _object(path: Path, index: int, shape: dict[str, Any], size: tuple[int, int], cls: int) -> ObjectMask:
    try:
        kind = _kind(shape)
        points = np.asarray(shape["points"], np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ValueError("its points are not a list of finite [x, y]")
        if kind == "mask":
            return _pasted_mask(path, shape, points, size, cls)
        return object_of_rings(size, [_ring(kind, points)], cls)
    except (KeyError, TypeError, ValueError, IndexError, binascii.Error, CueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        label = f"shape {index + 1} ({shape['label']!r})"
        raise MaskError(f"{path}: {label} cannot be used: {reason}; correct it in LabelMe") from error


def _ring(kind: Any, points: Any) -> Ring:
    """Corners of a polygon, a rectangle (two opposite corners, or all four) or a circle [centre, point on it]."""
    if kind in _BY_CORNERS:
        return np.asarray(points)
    if kind not in ("rectangle", "circle"):
        raise ValueError(f"the shape type {kind!r} is not known")
    if len(points) < 2:
        raise ValueError(f"a {kind} needs two points")
    if kind == "rectangle":
        (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
        return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    (x1, y1), (x2, y2) = points[0], points[1]
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    radius = float(np.hypot(x2 - x1, y2 - y1))
    return [(x1 + radius * c, y1 + radius * s) for c, s in zip(np.cos(angles), np.sin(angles), strict=True)]


def _pasted_mask(
    path: Path, shape: dict[str, Any], points: Any, size: tuple[int, int], cls: int
) -> ObjectMask:
    """A shape of type 'mask': a PNG in base64 whose top left corner is the first point."""
    raster = read_raster(
        base64.b64decode(shape["mask"]), error=MaskError, label=f"{path}: the mask of a shape"
    )
    inside: NDArray[np.bool_] = raster.samples.reshape(*raster.size, -1).max(axis=2) > 0
    left, top = (int(v) for v in points[0])
    inside = inside[max(0, -top) :, max(0, -left) :]
    top, left = max(0, top), max(0, left)
    return tight(ObjectMask(cls, top, left, inside[: max(0, size[0] - top), : max(0, size[1] - left)]))


def _union(parts: list[ObjectMask]) -> ObjectMask:
    parts = [p for p in parts if p.mask.size] or parts[:1]
    left, top = min(p.left for p in parts), min(p.top for p in parts)
    right, bottom = max(p.xyxy[2] for p in parts), max(p.xyxy[3] for p in parts)
    union = np.zeros((bottom - top, right - left), bool)
    for p in parts:
        x1, y1, x2, y2 = p.xyxy
        union[y1 - top : y2 - top, x1 - left : x2 - left] |= p.mask
    return ObjectMask(parts[0].cls, top, left, union)
