"""COCO JSON: one file for all images, objects as run lengths or as polygons. Both ways, without loss."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cuecast.core.errors import CueError, MaskError
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import ClassInfo
from cuecast.io.files import read_json, replacing
from cuecast.io.labels import Listed, PassedOver, Pictured, place_of, stated_size
from cuecast.io.labels.outlines import (
    Vertices64,
    box_contour,
    compress_counts,
    contour_of,
    decode_rle,
    encode_rle,
    expand_counts,
    object_of_contours,
    part_outlines,
)
from cuecast.io.labels.sheets import Shape, Sheet

_NO_SIZE = "states no height and width; add them"


def open_labels(path: Path, data: dict[str, Any]) -> CocoFile:
    """See `LabelFile`."""
    return open_coco(path, data)


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:
    """See `cuecast.io.labels.sheets`."""
    return write_coco(place, (sheet.found for sheet in sheets), classes, shape)


@dataclass(frozen=True)
class CocoFile:
    """A COCO file whose frame has been read; the objects of an image are decoded when asked for."""

    path: Path
    images: tuple[dict[str, Any], ...]
    classes: tuple[ClassInfo, ...]
    entries: dict[str, list[dict[str, Any]]]
    shift: int

    @property
    def names(self) -> tuple[str, ...]:
        """See `LabelFile`."""
        return tuple(c.name for c in sorted(self.classes, key=lambda c: c.id))

    @property
    def listed(self) -> tuple[Listed, ...]:
        """See `LabelFile`."""
        return tuple(Listed(image_name(e), self.entry_size(e)) for e in self.images)

    def size(self, image: Pictured) -> tuple[int, int] | None:
        """See `LabelFile`. Raises MaskError where the file does not list the image."""
        return self.entry_size(self._entry_of(image))

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """See `LabelFile`."""
        ids = None if classes is None else {c.name: c.id for c in classes}
        new = None if ids is None else {c.id: ids[c.name] for c in self.classes if c.name in ids}
        entry, passed = self._entry_of(image), PassedOver(self.path)
        objects = self.objects(entry, image.size, passed, new)
        passed.settle(len(objects))
        named = objects if new is None else tuple(replace(o, cls=new[o.cls]) for o in objects)
        return Annotations(image_name(entry), image.size, named)

    def objects(
        self,
        entry: dict[str, Any],
        size: tuple[int, int],
        passed: PassedOver,
        wanted: Container[int] | None = None,
    ) -> tuple[ObjectMask, ...]:
        """What can be used of the annotations of an image, boxes first; of the classes of these ids (None: all)."""
        known = {c.id for c in self.classes}
        boxes: list[ObjectMask] = []
        outlines: list[ObjectMask] = []
        for one in self.entries.get(_key(entry["id"]), ()):
            where = f"annotation {one.get('id', '?')}"
            with passed.each(where):
                cls = self._class_of(one)
                if cls not in known:
                    raise ValueError("a category that is not among the file's")
                if wanted is not None and cls not in wanted:
                    continue
                segmentation = one.get("segmentation")
                if _is_outline(segmentation):
                    shape = _shape(segmentation, size, cls, partial(passed.skip, where=where))
                    outlines.append(replace(shape, crowd=_is_crowd(one), confidence=_confidence(one)))
                else:
                    box = object_of_contours(size, [_box(one.get("bbox"))], cls)
                    boxes.append(replace(box, crowd=_is_crowd(one), confidence=_confidence(one)))
                    passed.box(where)
        return tuple(o for o in (*boxes, *outlines) if o.mask.size)

    def entry_size(self, entry: dict[str, Any]) -> tuple[int, int] | None:
        """(height, width) that one of `images` states; None where it states none. Raises MaskError."""
        where = f"{self.path}: image {image_name(entry)}"
        return stated_size(where, entry.get("height"), entry.get("width"), _NO_SIZE)

    def _class_of(self, entry: Mapping[str, Any]) -> int | None:
        try:
            return int(entry["category_id"]) + self.shift
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def _entry_of(self, image: Pictured) -> dict[str, Any]:
        """The entry of this image, see `place_of`."""
        return self.images[place_of(self.path, self._image_names, image)]

    @cached_property
    def _image_names(self) -> list[str]:
        return [image_name(e) for e in self.images]


def image_name(image: Mapping[str, Any]) -> str:
    """The file name of an entry of `images`, folders with '/'; where it has none, that of its address (LVIS); or ''."""
    if name := image.get("file_name"):
        return str(name).replace("\\", "/")
    address = image.get("coco_url") or image.get("flickr_url") or image.get("url") or ""
    return unquote(urlsplit(str(address)).path.rpartition("/")[2])


def open_coco(path: str | Path, data: dict[str, Any] | None = None) -> CocoFile:
    """Images, categories and the list of annotations of a COCO file; `data`: its content, where that has been read.

    Annotations that name no image are passed over; a note says so. So are images and categories without an id or with
    one that cannot be, where there are others. Raises MaskError.
    """
    path = Path(path)
    data = read_json(path, MaskError) if data is None else data
    try:
        for key in ("images", "categories", "annotations"):
            if not isinstance(data[key], list):
                raise ValueError(f"{key!r} is no list")
        images = tuple(i for i in data["images"] if isinstance(i, dict) and i.get("id") is not None)
        if data["images"] and not images:
            raise KeyError("id")
        if images and not any(map(image_name, images)):
            raise KeyError("file_name")
        classes, shift = _classes(data["categories"])
        entries, passed = _by_image(path, data["annotations"], {_key(image["id"]) for image in images})
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, CueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MaskError(f"is not a COCO file ({reason})", path, "export it again as COCO") from error
    passed.settle(len(entries))
    return CocoFile(path, images, classes, entries, shift)


def _classes(categories: list[Any]) -> tuple[tuple[ClassInfo, ...], int]:
    """The classes of the categories that can be one, and how much higher their ids are: 1 where one is 0."""
    shift = 1 if any(isinstance(c, dict) and str(c.get("id")) == "0" for c in categories) else 0
    found: list[ClassInfo] = []
    wrong: list[Exception] = []
    for category in categories:
        try:
            number = int(category["id"])
            name = category.get("name")
            name = str(number if name is None else name)
            found.append(ClassInfo(number + shift, name, _colour(category.get("color"))))
        except (KeyError, TypeError, ValueError, AttributeError, CueError) as error:
            wrong.append(error)
    if wrong and not found:
        raise wrong[0]
    return tuple(found), shift


def _by_image(
    path: Path, annotations: list[Any], images: Container[str]
) -> tuple[dict[str, list[dict[str, Any]]], PassedOver]:
    """The annotations of each image, and what was passed over as it belongs to none."""
    passed = PassedOver(path)
    entries: dict[str, list[dict[str, Any]]] = {}
    for number, entry in enumerate(annotations, start=1):
        if not isinstance(entry, dict):
            passed.skip("an entry that is no object", f"number {number} of the annotations")
        elif (key := _key(entry.get("image_id"))) not in images:
            passed.skip("an image that is not among the file's", f"annotation {entry.get('id', '?')}")
        else:
            entries.setdefault(key, []).append(entry)
    return entries, passed


def write_coco(
    path: str | Path,
    annotations: Iterable[Annotations],
    classes: Sequence[ClassInfo],
    shape: Shape = "rle",
) -> Path:
    """Write one COCO file, whole or not at all; returns its path. One object becomes one annotation, with its
    confidence as `score`, as COCO's results have it.

    annotations  any iterable; each is written as it comes: memory does not grow with their number.
    shape        'rle': compressed run lengths as pycocotools has them; 'polygon': one polygon along pixel
                 edges for each part of an object, holes joined by bridges of no width. Both are exact.

    Objects without pixels are left out. Raises OutputError, and ValueError for an object of no listed class.
    """
    known = {c.id for c in classes}
    head = {
        "info": {"description": "written by cuecast"},
        "licenses": [],
        "categories": [_category(c) for c in classes],
    }
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="ascii", newline="\n") as out,
        # COCO lists images and annotations apart: the shorter list waits in a file of its own.
        tempfile.TemporaryFile("w+", encoding="ascii", newline="\n", dir=temporary.parent) as images,
    ):
        out.write(json.dumps(head)[:-1] + ', "annotations": [')
        written = 0
        for image_id, one in enumerate(annotations, start=1):
            H, W = one.size
            entry = {"id": image_id, "file_name": one.name, "height": H, "width": W}
            images.write((",\n" if image_id > 1 else "\n") + json.dumps(entry))
            for _, obj in one.listed(known):
                written += 1
                line = {"id": written, "image_id": image_id, **_annotation(obj, one.size, shape)}
                out.write((",\n" if written > 1 else "\n") + json.dumps(line))
        out.write('\n], "images": [')
        images.seek(0)
        shutil.copyfileobj(images, out)
        out.write("\n]}\n")
    return Path(path)


def _key(image_id: Any) -> str:
    """The same for 7, 7.0 and '7': some programs write the ids of images one way, and what refers to them another."""
    return str(int(image_id)) if isinstance(image_id, float) and image_id.is_integer() else str(image_id)


def _annotation(obj: ObjectMask, size: tuple[int, int], shape: Shape) -> dict[str, Any]:
    x1, y1, x2, y2 = obj.xyxy
    segmentation: Any
    if shape == "rle":
        segmentation = {"size": list(size), "counts": compress_counts(encode_rle(obj, size))}
    else:
        segmentation = [contour.ravel().tolist() for contour in part_outlines(obj)]
    bbox = [x1, y1, x2 - x1, y2 - y1]
    return {
        "category_id": obj.cls,
        "iscrowd": int(obj.crowd),
        "area": obj.area,
        "bbox": bbox,
        "segmentation": segmentation,
        **({} if obj.confidence is None else {"score": round(obj.confidence, 6)}),
    }


def _category(info: ClassInfo) -> dict[str, Any]:
    return {"id": info.id, "name": info.name, "supercategory": "", "color": list(info.rgb)}


def _colour(rgb: Any) -> str:
    """'#rrggbb' of [r, g, b]; '' (the palette's) where the file states no colour, or another kind of it."""
    if isinstance(rgb, list) and len(rgb) == 3 and all(isinstance(v, int) and 0 <= v < 256 for v in rgb):
        return "#{:02x}{:02x}{:02x}".format(*rgb)
    return ""


def _is_crowd(annotation: Mapping[str, Any]) -> bool:
    return annotation.get("iscrowd") in (1, "1")


def _is_outline(segmentation: Any) -> bool:
    """Whether anything is drawn: nothing, what is empty, and lists of such are none."""
    if isinstance(segmentation, list):
        return any(map(_is_outline, segmentation))
    return segmentation is not None and segmentation not in ({}, "")


def _shape(segmentation: Any, size: tuple[int, int], cls: int, skip: Callable[[str], None]) -> ObjectMask:
    """The object of run lengths or polygons; a polygon that is none is skipped where another one can be used."""
    if isinstance(segmentation, dict):
        return run_lengths(segmentation, size, cls)
    if not isinstance(segmentation, list):
        raise ValueError("a segmentation that is neither polygons nor run lengths")
    if not isinstance(segmentation[0], list) or all(map(_is_pair, segmentation)):
        segmentation = [segmentation]  # a single polygon without the list round it
    contours, wrong = [], []
    for contour in segmentation:
        try:
            contours.append(contour_of(contour))
        except ValueError as error:
            wrong.append(str(error))
    if not contours:
        raise ValueError(wrong[0])
    for reason in wrong:
        skip(reason)
    return object_of_contours(size, contours, cls)


def _is_pair(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2


def run_lengths(segmentation: dict[str, Any], size: tuple[int, int], cls: int) -> ObjectMask:
    """The object of {"size": [h, w], "counts": ...}, in an image of `size` (H, W). Raises ValueError and KeyError."""
    if not isinstance(segmentation["size"], list):
        raise ValueError("run lengths that state no size")
    if segmentation["size"] != list(size):
        turned = " (turned by 90 degrees)" if segmentation["size"] == list(size)[::-1] else ""
        raise ValueError(
            f"run lengths for the size {segmentation['size']}, where the image has {list(size)}{turned}"
        )
    counts = segmentation["counts"]
    if not isinstance(counts, str | list):
        raise ValueError("run lengths that are neither a list nor a text")
    return decode_rle(expand_counts(counts) if isinstance(counts, str) else counts, size, cls)


def _confidence(one: Mapping[str, Any]) -> float | None:
    """The score of a result; None where it has none from 0 to 1."""
    score = one.get("score")
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
        return None
    return float(score)


def _box(bbox: Any) -> Vertices64:
    """The ring round [x, y, width, height]. Raises ValueError."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError("neither an outline nor a box")
    try:
        x, y, w, h = (float(v) for v in bbox)
    except (TypeError, ValueError):
        raise ValueError("a box whose values are not numbers") from None
    return box_contour(x, y, x + w, y + h)
