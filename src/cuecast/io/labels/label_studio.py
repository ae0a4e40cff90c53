"""Label Studio JSON: one file of tasks for all images; brush strokes, polygons, boxes, ellipses. Both ways.

Coordinates are percent of the image. Masks are written as brush strokes, which keep every pixel, or as polygons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.objects import ObjectMask, tight
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.labels import stated_size
from cuecast.io.labels.label_studio_brush import decode_brush, encode_brush
from cuecast.io.labels.outlines import part_outlines
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
    turned,
)
from cuecast.io.labels.sheets import Shape, Sheet

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that is uploaded."""
_POINTS = ("keypoint", "vector")
_NO_SIZE = "states no original_width and original_height; export it again as JSON"


def open_labels(path: Path, data: Any) -> DrawnFile:
    """See `LabelFile`. Of several annotations of a task the first that is not cancelled is read, of predictions where
    there is none; a note says so. Raises MaskError."""
    tasks = data if isinstance(data, list) else [data]
    if not all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks):
        raise MaskError("is not a list of Label Studio's tasks", path, "export it as JSON (not JSON-MIN)")
    sheets, several, predicted = [], [], []
    for number, task in enumerate(tasks, start=1):
        name = task_image(task)
        drawn = [a for a in _lists(task, "annotations", "completions") if not a.get("was_cancelled")]
        drawn.sort(key=lambda a: not a.get("ground_truth"))
        if len(drawn) > 1:
            several.append(name)
        if not drawn and (drawn := _lists(task, "predictions")):
            predicted.append(name)
        results = _lists(drawn[0], "result") if drawn else []
        sheets.append(DrawnSheet(name, _size(path, name, results), tuple(_shapes(number, results))))
    return DrawnFile(path, tuple(sheets), notes=tuple(_notes(path, several, predicted)))


def _notes(path: Path, several: Sequence[str], predicted: Sequence[str]) -> Iterable[str]:
    if several:
        yield f"{path}: of the annotations of {several[0]} the first is read{_more(several)}"
    if predicted:
        yield f"{path}: nobody has annotated {predicted[0]}, its prediction is read{_more(predicted)}"


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:
    """See `cuecast.io.labels.sheets`: tasks to import, with annotations; with predictions where confidences are known.

    `data.image` is the image's name: put before it what the storage of the project wants.
    """
    names = {c.id: c.name for c in classes}
    empty: list[tuple[int, Sheet]] = []
    predicted, written = False, 0
    with replacing(place) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as out:

        def write(task: Mapping[str, Any]) -> None:
            nonlocal written
            out.write((",\n" if written else "[\n") + json.dumps(task))
            written += 1

        for number, sheet in enumerate(sheets, start=1):
            if not sheet.found.objects:  # what it is, annotated or predicted, say the others
                empty.append((number, sheet))
                continue
            task = task_of(number, sheet, names, shape)
            predicted = predicted or "predictions" in task
            write(task)
        for number, sheet in empty:
            write(task_of(number, sheet, names, shape, predicted))
        out.write("\n]\n" if written else "[]\n")
    return place


def task_of(
    number: int, sheet: Sheet, names: Mapping[int, str], shape: Shape, predicted: bool | None = None
) -> dict[str, Any]:
    """One task with the objects of its image; its results say 'label' and 'image' for the tags of the labelling.

    predicted  whether they are predictions; None: where confidences are known.
    """
    found = sheet.found
    results = [
        result
        for group, obj in found.listed(names)
        for result in _results(group, obj, found.size, names[obj.cls], shape)
    ]
    sure = [o.confidence for o in found.objects if o.confidence is not None]
    task: dict[str, Any] = {"id": number, "data": {"image": found.name}}
    if sure if predicted is None else predicted:
        score = {"score": round(sum(sure) / len(sure), 6)} if sure else {}
        return task | {"predictions": [{"model_version": "cuecast", **score, "result": results}]}
    return task | {"annotations": [{"result": results}]}


def task_image(task: Mapping[str, Any]) -> str:
    """The file name of the image of a task, without what storages put round it; folders with '/'."""
    data = task["data"]
    texts = [v for v in data.values() if isinstance(v, str)]
    named = [name for name in map(_file_name, texts) if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    found = named[0] if named else _file_name(texts[0]) if texts else ""
    return found or _file_name(str(task.get("file_upload") or ""))


def _file_name(address: str) -> str:
    parts = urlsplit(address.replace("\\", "/"))
    if local := parse_qs(parts.query).get("d"):  # /data/local-files/?d=folder/name.jpg
        return local[0].lstrip("/")
    # A name alone may hold '#' and '?', which are no marks of an address there.
    path = unquote(parts.path) if parts.scheme or address.startswith("/") else address.replace("\\", "/")
    if "/data/upload/" in path or not path.count("/"):
        path = _UPLOADED.sub("", path.rpartition("/")[2])
    return path.lstrip("/") if not parts.scheme else path.rpartition("/")[2]


def _lists(of: Mapping[str, Any], *keys: str) -> list[dict[str, Any]]:
    """The objects in the first of the lists that there is."""
    found: list[Any] = next((of[key] for key in keys if isinstance(of.get(key), list)), [])
    return [one for one in found if isinstance(one, dict)]


def _more(names: Sequence[str]) -> str:
    return f" (and so of {len(names) - 1} more)" if len(names) > 1 else ""


def _size(path: Path, name: str, results: Sequence[Mapping[str, Any]]) -> Size | None:
    """(H, W) that the results state; None where there are none. Raises MaskError."""
    for result in results:
        height, width = result.get("original_height"), result.get("original_width")
        if size := stated_size(f"{path}: image {name}", height, width, _NO_SIZE):
            return size
    return None


def _shapes(task: int, results: Sequence[Mapping[str, Any]]) -> Iterable[Drawn]:
    """The regions of a task: results of one id are one, of which one may have the outline and another the class."""
    regions: dict[str, list[Mapping[str, Any]]] = {}
    for number, result in enumerate(results, start=1):
        if isinstance(result.get("value"), dict):
            regions.setdefault(str(result.get("id") or f"number {number}"), []).append(result)
    for number, parts in enumerate(regions.values(), start=1):
        values = [part["value"] for part in parts]
        if not any(map(_kind, values)):
            continue  # a choice or a text
        main = max(parts, key=lambda part: bool(_kind(part["value"])))
        yield _drawn(f"task {task}, region {number}", main, _label(values))


def _kind(value: Mapping[str, Any]) -> str:
    """What is drawn, by the fields of it; '' for nothing."""
    if "keypointlabels" in value:
        return "keypoint"
    if "vertices" in value:
        return "vector"
    if "rle" in value:
        return "brush"
    if "points" in value:
        return "polygon"
    if "radiusX" in value:
        return "ellipse"
    if "width" in value:
        return "rectangle" if "height" in value else "keypoint"
    return ""


def _label(values: Sequence[Mapping[str, Any]]) -> str | None:
    """The first label of a region: 'brushlabels', 'polygonlabels', 'labels', ..."""
    lists = [
        v for value in values for key, v in value.items() if key.endswith("labels") and isinstance(v, list)
    ]
    return next((str(names[0]) for names in lists if names), None)


def _drawn(where: str, result: Mapping[str, Any], label: str | None) -> Drawn:
    kind, value = _kind(result["value"]), result["value"]
    score = result.get("score")
    sure = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
    makers = {"brush": _brush, "polygon": _polygon, "rectangle": _rectangle, "ellipse": _ellipse}
    draw = makers[kind](value) if kind in makers else no_area(kind)
    meta = result.get("meta")
    return Drawn(
        where,
        label,
        draw if result.get("image_rotation") in (None, 0) else _rotated,
        area=kind not in _POINTS,
        box=kind == "rectangle" and not value.get("rotation"),
        group=meta.get("object") if isinstance(meta, dict) else None,
        confidence=float(score) if sure and score is not None else None,
    )


def _rotated(_: Size) -> ObjectMask:
    raise ValueError("drawn on the image while that was turned; turn the file itself")


def _brush(value: Mapping[str, Any]) -> Draw:
    def draw(size: Size) -> ObjectMask:
        return tight(ObjectMask(0, 0, 0, decode_brush(value["rle"], size)))

    return draw


def _pixels(size: Size) -> NDArray[np.float64]:
    """Pixels (x, y) of a percent."""
    return np.array([size[1], size[0]], np.float64) / 100


def _polygon(value: Mapping[str, Any]) -> Draw:
    def draw(size: Size) -> ObjectMask:
        points = np.array([numbers(point) for point in value["points"]], np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError("a polygon whose points are not pairs x, y")
        return polygon(points * _pixels(size))(size)

    return draw


def _rectangle(value: Mapping[str, Any]) -> Draw:
    def draw(size: Size) -> ObjectMask:
        x, y, w, h = numbers(value[k] for k in ("x", "y", "width", "height"))
        if w <= 0 or h <= 0:
            raise ValueError("a box that is empty")
        # The corner that is stated is the one about which it is turned.
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) * _pixels(size)
        (degrees,) = numbers([value.get("rotation") or 0])
        return ring(lambda: turned(corners, tuple(corners[0]), degrees))(size)

    return draw


def _ellipse(value: Mapping[str, Any]) -> Draw:
    def draw(size: Size) -> ObjectMask:
        x, y, rx, ry = numbers(value[k] for k in ("x", "y", "radiusX", "radiusY"))
        (degrees,) = numbers([value.get("rotation") or 0])
        px, py = _pixels(size)
        return ring(lambda: ellipse(x * px, y * py, rx * px, ry * py, degrees))(size)

    return draw


def _results(group: int, obj: ObjectMask, size: Size, label: str, shape: Shape) -> Iterable[dict[str, Any]]:
    """An object as one brush stroke, or as a polygon a part; parts share the number `object` in their meta."""
    H, W = size
    common = {
        "from_name": "label",
        "to_name": "image",
        "original_width": W,
        "original_height": H,
        "image_rotation": 0,
    }
    if obj.confidence is not None:
        common["score"] = round(obj.confidence, 6)
    if shape == "rle":
        stroke = {"format": "rle", "rle": encode_brush(obj, size), "brushlabels": [label]}
        yield {"id": f"object{group}", "type": "brushlabels", "value": stroke} | common
        return
    contours = part_outlines(obj)
    for part, contour in enumerate(contours, start=1):
        points = (contour / _pixels(size)).tolist()
        outline = {"points": points, "closed": True, "polygonlabels": [label]}
        meta = {"meta": {"object": group}} if len(contours) > 1 else {}
        yield {"id": f"object{group}part{part}", "type": "polygonlabels", "value": outline} | common | meta
