"""COCO JSON: one file for all images, objects as run lengths or as polygons. Both ways, without loss."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cuecast.errors import CueError, MaskError
from cuecast.io.files import read_json, replacing
from cuecast.io.outlines import object_of_rings, part_outlines
from cuecast.io.raster import pixel_limit
from cuecast.io.rle import compress_counts, decode_rle, encode_rle, expand_counts
from cuecast.objects import tight
from cuecast.types import Annotations, ClassInfo, ObjectMask

Shape = Literal["rle", "polygon"]


def read_coco(path: str | Path) -> tuple[tuple[Annotations, ...], tuple[ClassInfo, ...]]:
    """The objects of every image in the order of the file's images, and the classes.

    Class ids are the category ids, all one higher where a category has the id 0. Run lengths, compressed or
    not, and polygons (the union of an object's polygons) are read; crowd regions are objects like others.
    What lies outside its image is cut off, an object without a pixel left out. Raises MaskError.
    """
    coco = open_coco(path)
    return tuple(coco.annotations(image) for image in coco.images), coco.classes


@dataclass(frozen=True)
class CocoFile:
    """A COCO file whose frame has been read; the objects of an image are decoded when asked for."""

    path: Path
    images: tuple[dict[str, Any], ...]
    classes: tuple[ClassInfo, ...]
    entries: dict[str, list[dict[str, Any]]]
    shift: int

    def annotations(self, image: dict[str, Any]) -> Annotations:
        """The objects of one of `images`. Raises MaskError."""
        size = self.size(image)
        found = [self._object(entry, size) for entry in self.entries.get(_key(image["id"]), ())]
        return Annotations(str(image["file_name"]), size, tuple(o for o in found if o.mask.size))

    def size(self, image: dict[str, Any]) -> tuple[int, int]:
        """(height, width) of one of `images`. Raises MaskError where it states none or too much."""
        try:
            H, W = int(image["height"]), int(image["width"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise MaskError(
                f"{self.path}: image {image['file_name']} states no height and width; add them"
            ) from error
        if H < 1 or W < 1 or pixel_limit(MaskError) < H * W:
            raise MaskError(
                f"{self.path}: image {image['file_name']} is said to be {W} x {H}, outside the limits; "
                "correct it, or raise CUECAST_MAX_PIXELS"
            )
        return H, W

    def _object(self, entry: dict[str, Any], size: tuple[int, int]) -> ObjectMask:
        try:
            cls = int(entry["category_id"]) + self.shift
            if cls not in {c.id for c in self.classes}:
                raise ValueError(f"its category {entry['category_id']} is not among the file's categories")
            return _shape(entry.get("segmentation"), size, cls)
        except (KeyError, TypeError, ValueError, OverflowError, CueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            where = f"annotation {entry.get('id', '?')}"
            raise MaskError(
                f"{self.path}: {where} cannot be used: {reason}; correct it or export again"
            ) from error


def open_coco(path: str | Path, data: dict[str, Any] | None = None) -> CocoFile:
    """Images, categories and the list of annotations of a COCO file; `data`: its content, where that has been read.

    Raises MaskError.
    """
    path = Path(path)
    data = read_json(path, MaskError) if data is None else data
    try:
        images = tuple(data["images"])
        for image in images:
            _ = image["id"], image["file_name"]
        categories = [(int(c["id"]), c) for c in data["categories"]]
        shift = 1 if any(i == 0 for i, _ in categories) else 0
        classes = tuple(ClassInfo(i + shift, str(c["name"]), _colour(c.get("color"))) for i, c in categories)
        entries: dict[str, list[dict[str, Any]]] = {}
        for entry in data["annotations"]:
            entries.setdefault(_key(entry["image_id"]), []).append(entry)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, CueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MaskError(f"{path}: is not a COCO file ({reason}); export it again as COCO") from error
    return CocoFile(path, images, classes, entries, shift)


def write_coco(
    path: str | Path,
    annotations: Iterable[Annotations],
    classes: Sequence[ClassInfo],
    shape: Shape = "rle",
) -> Path:
    """Write one COCO file, whole or not at all; returns its path. One object becomes one annotation.

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
            for obj in map(tight, one.objects):
                if not obj.mask.size:
                    continue
                if obj.cls not in known:
                    raise ValueError(
                        f"{one.name}: an object has class {obj.cls}, the classes are {sorted(known)}"
                    )
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
        segmentation = [ring.ravel().tolist() for ring in part_outlines(obj)]
    bbox = [x1, y1, x2 - x1, y2 - y1]
    return {
        "category_id": obj.cls,
        "iscrowd": 0,
        "area": obj.area,
        "bbox": bbox,
        "segmentation": segmentation,
    }


def _category(info: ClassInfo) -> dict[str, Any]:
    return {"id": info.id, "name": info.name, "supercategory": "", "color": list(info.rgb)}


def _colour(rgb: Any) -> str:
    """'#rrggbb' of [r, g, b]; '' (the palette's) where the file states no colour, or another kind of it."""
    if isinstance(rgb, list) and len(rgb) == 3 and all(isinstance(v, int) and 0 <= v < 256 for v in rgb):
        return "#{:02x}{:02x}{:02x}".format(*rgb)
    return ""


def _shape(segmentation: Any, size: tuple[int, int], cls: int) -> ObjectMask:
    if not segmentation:
        raise ValueError("it has no segmentation, only a box (pass boxes as boxes)")
    if isinstance(segmentation, dict):
        if list(segmentation["size"]) != list(size):
            raise ValueError(
                f"its run lengths are for the size {segmentation['size']}, its image has {list(size)}"
            )
        counts = segmentation["counts"]
        return decode_rle(expand_counts(counts) if isinstance(counts, str) else list(counts), size, cls)
    if not isinstance(segmentation[0], list):  # a single polygon without the list round it
        segmentation = [segmentation]
    if any(len(ring) % 2 for ring in segmentation):
        raise ValueError("a polygon has an odd number of coordinates")
    rings = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in segmentation]
    return object_of_rings(size, rings, cls)
