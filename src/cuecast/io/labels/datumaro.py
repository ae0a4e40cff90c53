"""Datumaro's own JSON: one file for all images, objects as run lengths or polygons. Both ways, without loss."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cuecast.core.errors import CueError, MaskError
from cuecast.core.objects import ObjectMask
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.labels import stated_size
from cuecast.io.labels.coco import run_lengths
from cuecast.io.labels.outlines import box_contour, compress_counts, encode_rle, part_outlines
from cuecast.io.labels.shapes import (
    Draw,
    Drawn,
    DrawnFile,
    DrawnSheet,
    Size,
    ellipse,
    no_area,
    numbers,
    polygon,
    ring,
)
from cuecast.io.labels.sheets import Shape, Sheet

_IMAGE = 2
"""Number of images among the media."""
_NO_SIZE = "states a size that is none; correct it"
_TAGS = ("label", "caption")
"""What says something of the whole image."""


def open_labels(path: Path, data: Mapping[str, Any]) -> DrawnFile:
    """See `LabelFile`. Raises MaskError."""
    try:
        stated = data["categories"].get("label", {"labels": []})["labels"]
        names = [str(each["name"]) for each in stated]
        colours = _colours(data["categories"])
        sheets = tuple(_sheet(path, item, names) for item in data["items"])
        infos = {name: ClassInfo(i, name, colours.get(i - 1, "")) for i, name in enumerate(names, start=1)}
    except (KeyError, TypeError, AttributeError, CueError) as error:
        raise MaskError(f"is not Datumaro JSON ({error!r})", path, "export it again from Datumaro") from error
    return DrawnFile(path, sheets, tuple(infos.values()))


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:
    """See `cuecast.io.labels.sheets`. Datumaro reads it as annotations/NAME.json beside a folder images/."""
    index = {c.id: i for i, c in enumerate(classes)}
    labels = [{"name": c.name, "parent": "", "attributes": []} for c in classes]
    colours = [dict(zip("rgb", c.rgb, strict=True), label_id=i) for i, c in enumerate(classes)]
    head = {
        "dm_format_version": "1.0",
        "media_type": _IMAGE,
        "infos": {},
        "categories": {
            "label": {"labels": labels, "label_groups": [], "attributes": []},
            "mask": {"colormap": colours},
        },
    }
    with replacing(place) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as out:
        out.write(json.dumps(head)[:-1] + ', "items": [')
        for number, sheet in enumerate(sheets):
            out.write((",\n" if number else "\n") + json.dumps(_item(sheet, index, shape)))
        out.write("\n]}\n")
    return place


def _item(sheet: Sheet, index: Mapping[int, int], shape: Shape) -> dict[str, Any]:
    found = sheet.found
    annotations: list[dict[str, Any]] = []
    for order, (group, obj) in enumerate(found.listed(index)):
        score = {} if obj.confidence is None else {"score": round(obj.confidence, 6)}
        crowd = {"is_crowd": True} if obj.crowd else {}
        for kind, fields in _drawn_as(obj, found.size, shape):
            annotations.append(
                {"id": len(annotations), "type": kind, "attributes": score | crowd, "group": group}
                | {"label_id": index[obj.cls], "z_order": order}
                | fields
            )
    name = PurePosixPath(found.name)
    image = {"path": found.name, "size": list(found.size)}
    return {
        "id": str(name.with_suffix("")) if name.name else sheet.stem,
        "annotations": annotations,
        "image": image,
    }


def _drawn_as(obj: ObjectMask, size: Size, shape: Shape) -> Iterable[tuple[str, dict[str, Any]]]:
    if shape == "rle":
        yield "mask", {"rle": {"counts": compress_counts(encode_rle(obj, size)), "size": list(size)}}
        return
    for contour in part_outlines(obj):
        yield "polygon", {"points": contour.ravel().astype(float).tolist()}


def _colours(categories: Mapping[str, Any]) -> dict[int, str]:
    """Index of a label -> its colour; those that are none are left out."""
    found = {}
    for each in categories.get("mask", {}).get("colormap", ()):
        rgb = [each.get(k) for k in "rgb"]
        if all(isinstance(v, int) and 0 <= v < 256 for v in rgb):
            found[each.get("label_id")] = "#{:02x}{:02x}{:02x}".format(*rgb)
    return found


def _sheet(path: Path, item: Mapping[str, Any], names: Sequence[str]) -> DrawnSheet:
    image = item.get("image") or item.get("video_frame") or {}
    name = str(image.get("path") or item["id"]).replace("\\", "/")
    size = image.get("size")
    height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
    shapes = [
        _drawn(number, each, names)
        for number, each in enumerate(item.get("annotations") or (), start=1)
        if isinstance(each, dict) and each.get("type") not in _TAGS
    ]
    order = sorted(range(len(shapes)), key=lambda i: shapes[i][0])
    where = f"{path}: image {name}"
    return DrawnSheet(name, stated_size(where, height, width, _NO_SIZE), tuple(shapes[i][1] for i in order))


def _drawn(number: int, each: Mapping[str, Any], names: Sequence[str]) -> tuple[float, Drawn]:
    """(how high it lies, the shape)."""
    kind, said = str(each.get("type")), each.get("attributes")
    said = said if isinstance(said, dict) else {}
    index, order = each.get("label_id"), each.get("z_order")
    label = names[index] if isinstance(index, int) and 0 <= index < len(names) else None
    score = said.get("score")
    sure = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
    drawn = Drawn(
        f"annotation {each.get('id', number)}",
        label,
        _DRAW[kind](each) if kind in _DRAW else no_area(kind),
        area=kind in _DRAW,
        box=kind == "bbox",
        group=each.get("group") or None,
        crowd=bool(said.get("is_crowd")),
        confidence=float(score) if sure and score is not None else None,
    )
    return (float(order) if isinstance(order, int | float) else 0.0), drawn


def _mask(each: Mapping[str, Any]) -> Draw:
    return lambda size: run_lengths(each["rle"], size, 0)


def _polygon(each: Mapping[str, Any]) -> Draw:
    return lambda size: polygon(each["points"])(size)


def _bbox(each: Mapping[str, Any]) -> Draw:
    def corners() -> Any:
        x, y, w, h = numbers(each["bbox"])
        return box_contour(x, y, x + w, y + h)

    return ring(corners)


def _ellipse(each: Mapping[str, Any]) -> Draw:
    def outline() -> Any:
        x1, y1, x2, y2 = numbers(each["points"])
        return ellipse((x1 + x2) / 2, (y1 + y2) / 2, abs(x2 - x1) / 2, abs(y2 - y1) / 2)

    return ring(outline)


_DRAW = {"mask": _mask, "polygon": _polygon, "bbox": _bbox, "ellipse": _ellipse}
