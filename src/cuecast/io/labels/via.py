"""VIA (VGG Image Annotator 2) JSON: a project, or exported annotations; one file for all images. Both ways."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cuecast.core.errors import MaskError
from cuecast.core.values import ClassInfo
from cuecast.io.files import write_text
from cuecast.io.labels.naming import class_of_fields
from cuecast.io.labels.outlines import box_contour, part_outlines
from cuecast.io.labels.shapes import (
    Draw,
    Drawn,
    DrawnFile,
    DrawnSheet,
    ellipse,
    no_area,
    numbers,
    polygon,
    ring,
)
from cuecast.io.labels.sheets import Shape, Sheet

_GROUP = "group_id"
"""Field of a region by which parts are one object, called as in LabelMe."""
_CORE = {"buffer_size": 18, "filepath": {}, "default_filepath": ""}


def open_labels(path: Path, data: Any) -> DrawnFile:
    """See `LabelFile`. Raises MaskError."""
    entries = data.get("_via_img_metadata", data) if isinstance(data, dict) else data
    each = entries.values() if isinstance(entries, dict) else entries
    if not isinstance(each, Iterable) or not all(isinstance(e, dict) and "filename" in e for e in each):
        raise MaskError("is not a VIA file (images without a filename)", path, "export it again from VIA")
    sheets = (DrawnSheet(str(e["filename"]).replace("\\", "/"), None, _shapes(e)) for e in each)
    return DrawnFile(path, tuple(sheets))


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: a project that VIA opens; the parts of an object share a group_id."""
    names = {c.id: c.name for c in classes}
    images: dict[str, Any] = {}
    for sheet in sheets:
        regions = []
        for group, obj in sheet.found.listed(names):
            contours = part_outlines(obj)
            said = {"class": names[obj.cls]} | ({_GROUP: str(group)} if len(contours) > 1 else {})
            for contour in contours:
                xs, ys = contour.T.tolist()
                outline = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
                regions.append({"shape_attributes": outline, "region_attributes": said})
        # The number of bytes is a part of the key; -1 where it is not known.
        size = sheet.image.stat().st_size if sheet.image is not None and sheet.image.is_file() else -1
        name = sheet.found.name
        images[f"{name}{size}"] = {
            "filename": name,
            "size": size,
            "regions": regions,
            "file_attributes": {},
        }
    chosen = {
        "type": "dropdown",
        "description": "",
        "options": {c.name: "" for c in classes},
        "default_options": {},
    }
    project = {
        "_via_settings": {"core": _CORE, "project": {"name": "cuecast"}},
        "_via_img_metadata": images,
        "_via_attributes": {"region": {"class": chosen}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(images),
    }
    return write_text(place, json.dumps(project) + "\n")


def _shapes(entry: Mapping[str, Any]) -> tuple[Drawn, ...]:
    """The regions of an image: a list, or an object as VIA 1 wrote them."""
    regions = entry.get("regions") or []
    regions = list(regions.values()) if isinstance(regions, dict) else regions
    return tuple(_drawn(number, region) for number, region in enumerate(regions, start=1))


def _drawn(number: int, region: Any) -> Drawn:
    region = region if isinstance(region, dict) else {}
    drawn, said = region.get("shape_attributes"), region.get("region_attributes")
    drawn, said = drawn if isinstance(drawn, dict) else {}, dict(said) if isinstance(said, dict) else {}
    group = said.pop(_GROUP, None) or None
    label = class_of_fields({name: _ticked(value) for name, value in said.items()}, lone=True)
    kind = str(drawn.get("name", "region without shape"))
    area = kind not in ("point", "polyline")
    return Drawn(
        f"region {number}",
        label,
        _DRAW[kind](drawn) if kind in _DRAW else no_area(kind) if not area else _unknown(kind),
        area=area,
        box=kind == "rect",
        group=group,
    )


def _ticked(value: Any) -> Any:
    """Of a checkbox, {"cell": true}, the names that are ticked."""
    if isinstance(value, dict) and value and all(isinstance(v, bool) for v in value.values()):
        return [name for name, ticked in value.items() if ticked] or None
    return value


def _unknown(kind: str) -> Draw:
    def contour() -> Any:
        raise ValueError(f"the shape {kind!r}, which is not known")

    return ring(contour)


def _polygon(shape: Mapping[str, Any]) -> Draw:
    def draw(size: tuple[int, int]) -> Any:
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        if len(xs) != len(ys):
            raise ValueError("a polygon with more x than y, or fewer")
        return polygon([[x, y] for x, y in zip(xs, ys, strict=True)])(size)

    return draw


def _rect(shape: Mapping[str, Any]) -> Draw:
    def corners() -> Any:
        x, y, w, h = numbers(shape[k] for k in ("x", "y", "width", "height"))
        return box_contour(x, y, x + w, y + h)

    return ring(corners)


def _circle(shape: Mapping[str, Any]) -> Draw:
    def outline() -> Any:
        x, y, r = numbers(shape[k] for k in ("cx", "cy", "r"))
        return ellipse(x, y, r, r)

    return ring(outline)


def _ellipse(shape: Mapping[str, Any]) -> Draw:
    def outline() -> Any:
        x, y, rx, ry = numbers(shape[k] for k in ("cx", "cy", "rx", "ry"))
        (theta,) = numbers([shape.get("theta", 0)])
        return ellipse(x, y, rx, ry, math.degrees(theta))

    return ring(outline)


_DRAW = {"polygon": _polygon, "rect": _rect, "circle": _circle, "ellipse": _ellipse}
