"""Label files (COCO, LabelMe, YOLO-seg) as masks of one image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.errors import MaskError
from cuecast.io.coco import CocoFile, open_coco
from cuecast.io.files import read_json
from cuecast.io.labelme import labelme_names, read_labelme
from cuecast.io.yolo import read_yolo, read_yolo_names
from cuecast.types import Annotations, ClassInfo, Image


def read_label_file(path: Path, image: Image, classes: Sequence[ClassInfo] | None) -> NDArray[np.int32]:
    """(H, W) int32 class ids of one image from a .json (COCO or LabelMe) or .txt (YOLO-seg) file.

    With `classes`, labels are matched by name and others are background; without, COCO keeps its category
    ids, LabelMe counts its sorted labels from 1, YOLO has index + 1. Raises MaskError.
    """
    if path.suffix.lower() == ".txt":
        found = _from_yolo(path, image, classes)
    elif (coco := _coco_in(path)) is None:
        found, own = read_labelme(path, size=image.size)
        found = _chosen(path, found, own, classes)
    else:
        found = coco.annotations(_entry_of(coco, image))
        found = _chosen(path, found, coco.classes, classes)
    if found.size != image.size:
        (h, w), (H, W) = found.size, image.size
        raise MaskError(
            f"{path}: its outlines are for an image {w} wide and {h} high, {image.name} is {W} wide and "
            f"{H} high: they must match; pass the image they were drawn on"
        )
    return found.label_map()


def label_names(path: str | Path) -> tuple[str, ...]:
    """The names of the classes in a label file, in the order of their ids; () for YOLO without names."""
    path = Path(path)
    if path.suffix.lower() == ".txt":
        return _yolo_names(path)
    if (coco := _coco_in(path)) is None:
        return labelme_names(path)
    return tuple(c.name for c in sorted(coco.classes, key=lambda c: c.id))


def _coco_in(path: Path) -> CocoFile | None:
    """The COCO file at a path, None where it is a LabelMe file. Raises MaskError where it is neither."""
    try:
        return _opened(path, os.path.abspath(path), path.stat().st_mtime_ns)
    except OSError:
        return _opened(path, "", 0)  # says why it cannot be read


@lru_cache(maxsize=1)
def _opened(path: Path, place: str, mtime_ns: int) -> CocoFile | None:  # noqa: ARG001
    """As `_coco_in`. Cues often share one large file, which is parsed once."""
    data = read_json(path, MaskError)
    if "shapes" in data:
        return None
    if "images" not in data or "annotations" not in data:
        raise MaskError(
            f"{path}: is neither COCO nor LabelMe JSON; export it as one of these, or give a mask image"
        )
    return open_coco(path, data)


def _chosen(
    path: Path, found: Annotations, own: Sequence[ClassInfo], classes: Sequence[ClassInfo] | None
) -> Annotations:
    """The objects renumbered to `classes` by name, others dropped; unchanged where `classes` is None."""
    if classes is None:
        return found
    ids = {c.name: c.id for c in classes}
    if own and not ids.keys() & {c.name for c in own}:
        raise MaskError(
            f"{path}: none of the classes {_listed(ids)} occurs in it, it has "
            f"{_listed(c.name for c in own)}; use these names for the classes"
        )
    new = {c.id: ids[c.name] for c in own if c.name in ids}
    kept = tuple(type(o)(new[o.cls], o.top, o.left, o.mask) for o in found.objects if o.cls in new)
    return Annotations(found.name, found.size, kept)


def _from_yolo(path: Path, image: Image, classes: Sequence[ClassInfo] | None) -> Annotations:
    names = _yolo_names(path)
    if not names or classes is None:
        return read_yolo(path, image.size, None if names else classes, image.name)
    own = [ClassInfo(i, name) for i, name in enumerate(names, start=1)]
    return _chosen(path, read_yolo(path, image.size, own, image.name), own, classes)


def _yolo_names(path: Path) -> tuple[str, ...]:
    """Names from classes.txt beside the label file, or data.yaml beside it or up to two folders above."""
    folders = [path.parent, *path.absolute().parents[1:3]]
    for candidate in (path.parent / "classes.txt", *(f / "data.yaml" for f in folders)):
        if candidate.is_file():
            return read_yolo_names(candidate)
    return ()


def _entry_of(coco: CocoFile, image: Image) -> dict[str, Any]:
    """The entry of this image: by file name, with as much of its folders as is needed, then by stem alone."""
    if image.path is None:
        if len(coco.images) == 1:
            return coco.images[0]
        raise MaskError(
            f"{coco.path}: lists {len(coco.images)} images; pass the image as a path, so that its name tells"
        )
    parts = [_parts(e) for e in coco.images]
    own = image.path.absolute().parts
    matches = [e for e, p in zip(coco.images, parts, strict=True) if p[-1:] == own[-1:]]
    if len(matches) > 1:
        matches = [e for e in matches if own[-len(_parts(e)) :] == _parts(e)] or matches
    if not matches:
        matches = [e for e, p in zip(coco.images, parts, strict=True) if Path(p[-1]).stem == image.path.stem]
    if len(matches) != 1:
        problem = "does not list" if not matches else f"lists {len(matches)} images called"
        listed = _listed(str(e["file_name"]) for e in coco.images)
        raise MaskError(
            f"{coco.path}: {problem} {image.path.name}; it has {listed}: rename it, or export it again"
        )
    return matches[0]


def _parts(entry: dict[str, Any]) -> tuple[str, ...]:
    return Path(str(entry["file_name"]).replace("\\", "/")).parts or ("",)


def _listed(names: Any, most: int = 8) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
