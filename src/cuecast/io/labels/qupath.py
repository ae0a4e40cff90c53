"""GeoJSON as QuPath writes it: one file an image, objects as polygons in pixels. Both ways, without loss."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cuecast.core.errors import CueError, MaskError
from cuecast.core.objects import ObjectMask
from cuecast.core.values import ClassInfo
from cuecast.io.files import write_text
from cuecast.io.labels.naming import class_name, class_of_fields
from cuecast.io.labels.outlines import part_rings
from cuecast.io.labels.shapes import Drawn, DrawnFile, DrawnSheet, no_area, rings
from cuecast.io.labels.sheets import Shape, Sheet

_SURE = "Confidence"
"""Name of the measurement that holds an object's confidence."""
_AREAS = ("Polygon", "MultiPolygon")


def open_labels(path: Path, data: Any) -> DrawnFile:
    """See `LabelFile`: it speaks of one image, and says neither its name nor its size. Raises MaskError."""
    crs = data.get("crs") if isinstance(data, dict) else None
    if crs:
        raise MaskError(
            "is a map: it states a coordinate system, and on pictures coordinates are pixels",
            path,
            "give it to `cuecast map`, or export it from QuPath",
        )
    found = data.get("features", [data]) if isinstance(data, dict) else data
    if not isinstance(found, list):
        raise MaskError("is not GeoJSON (no list of features)", path, "export it again from QuPath")
    features = [f if isinstance(f, dict) else {} for f in found]
    shapes = [shape for number, f in enumerate(features, start=1) for shape in _drawn(number, f)]
    return DrawnFile(
        path, (DrawnSheet(path.stem, None, tuple(shapes)),), tuple(_classes(features)), alone=True
    )


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: one file an image."""
    for sheet in sheets:
        write_qupath(place / f"{sheet.stem}.geojson", sheet, classes)
    return place


def write_qupath(path: Path, sheet: Sheet, classes: Sequence[ClassInfo]) -> Path:
    """Write the objects of one image as annotations that QuPath takes in; returns the path."""
    infos = {c.id: c for c in classes}
    features = [_feature(obj, infos[obj.cls]) for _, obj in sheet.found.listed(infos)]
    return write_text(path, json.dumps({"type": "FeatureCollection", "features": features}) + "\n")


def _feature(obj: ObjectMask, info: ClassInfo) -> dict[str, Any]:
    parts = [[_closed(ring.tolist()) for ring in each] for each in part_rings(obj)]
    geometry = (
        {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts}
    )
    said = {"objectType": "annotation", "classification": {"name": info.name, "color": list(info.rgb)}}
    sure = {} if obj.confidence is None else {"measurements": {_SURE: round(obj.confidence, 6)}}
    return {"type": "Feature", "geometry": geometry, "properties": said | sure}


def _closed(ring: list[Any]) -> list[Any]:
    return [*ring, ring[0]]


def _properties(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    said = feature.get("properties")
    return said if isinstance(said, dict) else {}


def _classes(features: Sequence[Mapping[str, Any]]) -> Iterable[ClassInfo]:
    """The classes that name a colour, in the order of first mention."""
    seen: set[str] = set()
    for feature in features:
        stated = _properties(feature).get("classification")
        name = class_name(stated)
        if not isinstance(stated, dict) or name is None or name in seen:
            continue
        seen.add(name)
        try:
            yield ClassInfo(len(seen), name, _colour(stated.get("color", stated.get("colorRGB"))))
        except CueError:
            yield ClassInfo(len(seen), name)


def _colour(rgb: Any) -> str:
    """'#rrggbb' of [r, g, b], or of the whole number that older versions wrote; '' where it is none."""
    if isinstance(rgb, int) and not isinstance(rgb, bool):
        return f"#{rgb & 0xFFFFFF:06x}"
    if isinstance(rgb, list) and len(rgb) == 3 and all(isinstance(v, int) and 0 <= v < 256 for v in rgb):
        return "#{:02x}{:02x}{:02x}".format(*rgb)
    return ""


def _drawn(number: int, feature: Mapping[str, Any]) -> Iterable[Drawn]:
    """The shape of a feature; of a collection of shapes, all as one object."""
    said, geometry = _properties(feature), feature.get("geometry")
    label = class_of_fields({k: v for k, v in said.items() if k != "objectType"})
    geometry = geometry if isinstance(geometry, dict) else {}
    where = f"feature {number}"
    if geometry.get("type") == "GeometryCollection":
        for part in geometry.get("geometries") or ():
            yield _shape(where, label, part if isinstance(part, dict) else {}, ("collection", number), said)
    else:
        yield _shape(where, label, geometry, None, said)


def _shape(
    where: str, label: str | None, geometry: Mapping[str, Any], group: Any, said: Mapping[str, Any]
) -> Drawn:
    kind = str(geometry.get("type") or "feature without geometry")
    measured = said.get("measurements")
    sure = measured.get(_SURE) if isinstance(measured, dict) else None
    known = isinstance(sure, int | float) and not isinstance(sure, bool) and 0 <= sure <= 1
    return Drawn(
        where,
        label,
        _area(kind, geometry) if kind in _AREAS else no_area(kind),
        area=kind in _AREAS,
        group=group,
        confidence=float(sure) if known and sure is not None else None,
    )


def _area(kind: str, geometry: Mapping[str, Any]) -> Any:
    def draw(size: tuple[int, int]) -> ObjectMask:
        coordinates = geometry["coordinates"]
        polygons = [coordinates] if kind == "Polygon" else coordinates
        return rings([[[point[:2] for point in ring] for ring in each] for each in polygons])(size)

    return draw
