"""Label files (COCO, LabelMe, YOLO-seg) as masks of one image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cuecast.core.errors import MaskError
from cuecast.core.values import Annotations, ClassInfo, Image
from cuecast.io.files import read_json
from cuecast.io.labels.coco import CocoFile, image_name, open_coco, plain_name
from cuecast.io.labels.labelme import labelme_names, labelme_size, read_labelme
from cuecast.io.labels.yolo import read_yolo, read_yolo_names


def read_label_file(path: Path, image: Image, classes: Sequence[ClassInfo] | None) -> Annotations:
    """The objects of one image from a .json (COCO or LabelMe) or .txt (YOLO-seg) file, boxes below outlines.

    With `classes`, labels are matched by name and others are left out, whatever is wrong with them; without, COCO
    keeps its category ids, LabelMe counts its sorted labels from 1, YOLO has index + 1. What cannot be used is passed
    over and noted. Raises MaskError where nothing of these classes can be used.
    """
    if path.suffix.lower() == ".txt":
        return _from_yolo(path, image, classes)
    if (coco := _coco_in(path)) is None:
        return _from_labelme(path, image, classes)
    entry = _entry_of(coco, image)
    _check_size(path, coco.size(entry) or image.size, image)
    ids = _matched(path, [c.name for c in coco.classes], classes)
    if ids is None:
        return coco.annotations(entry, image.size)
    new = {c.id: ids[c.name] for c in coco.classes if c.name in ids}
    found = coco.annotations(entry, image.size, new)
    return replace(found, objects=tuple(replace(o, cls=new[o.cls]) for o in found.objects))


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


def _from_labelme(path: Path, image: Image, classes: Sequence[ClassInfo] | None) -> Annotations:
    data = read_json(path, MaskError)
    _check_size(path, labelme_size(path, data) or image.size, image)
    _matched(path, labelme_names(path, data), classes)
    return read_labelme(path, classes, image.size, data)[0]


def _from_yolo(path: Path, image: Image, classes: Sequence[ClassInfo] | None) -> Annotations:
    names = _yolo_names(path)
    if not names:
        return read_yolo(path, image.size, classes, image.name)
    ids = _matched(path, names, classes)
    own = [
        ClassInfo(i, name) if ids is None else ClassInfo(ids[name], name) if name in ids else None
        for i, name in enumerate(names, start=1)
    ]
    return read_yolo(path, image.size, own, image.name)


def _matched(path: Path, names: Sequence[str], classes: Sequence[ClassInfo] | None) -> dict[str, int] | None:
    """Name -> id of the asked classes; None where all are. Raises MaskError where the file has none of them."""
    if classes is None:
        return None
    ids = {c.name: c.id for c in classes}
    if names and not ids.keys() & set(names):
        raise MaskError(
            f"{path}: none of the classes {listed(ids)} occurs in it, it has {listed(names)}; "
            "use these names for the classes"
        )
    return ids


def _check_size(path: Path, size: tuple[int, int], image: Image) -> None:
    """Raise MaskError where a file states another size than its image has."""
    if size == image.size:
        return
    (h, w), (H, W) = size, image.size
    turned = (
        " (turned by 90 degrees, or height and width are swapped in the file: correct them there)"
        if (h, w) == (W, H)
        else ""
    )
    raise MaskError(
        f"{path}: its outlines are for an image {w} wide and {h} high, {image.name} is {W} wide and {H} high{turned}: "
        "they must match; pass the image they were drawn on"
    )


def _yolo_names(path: Path) -> tuple[str, ...]:
    """Names from classes.txt beside the label file, or data.yaml beside it or up to two folders above."""
    folders = [path.parent, *path.absolute().parents[1:3]]
    for candidate in (path.parent / "classes.txt", *(f / "data.yaml" for f in folders)):
        if candidate.is_file():
            return read_yolo_names(candidate)
    return ()


def _entry_of(coco: CocoFile, image: Image) -> dict[str, Any]:
    """The entry of this image: by file name, with as much of its folders as is needed, then by stem alone.

    A name is tried as it is written, then with what an address encodes (%20) decoded, then in any case.
    """
    if image.path is None:
        if len(coco.images) == 1:
            return coco.images[0]
        raise MaskError(
            f"{coco.path}: lists {len(coco.images)} images; pass the image as a path, so that its name tells"
        )
    own = image.path.absolute().parts
    for written in (str, unquote, plain_name):
        names = [(e, Path(written(image_name(e))).parts or ("",)) for e in coco.images]
        mine = tuple(map(written, own))
        matches = [e for e, parts in names if parts[-1] == mine[-1]]
        if len(matches) > 1:
            matches = [e for e, parts in names if mine[-len(parts) :] == parts] or matches
        if matches:
            break
    else:
        matches = [e for e, parts in names if Path(parts[-1]).stem == Path(mine[-1]).stem]
    if len(matches) != 1:
        problem = "does not list" if not matches else f"lists {len(matches)} images called"
        known = listed(image_name(e) for e in coco.images)
        raise MaskError(
            f"{coco.path}: {problem} {image.path.name}; it has {known}: rename it, or export it again"
        )
    return matches[0]


def listed(names: Iterable[str], most: int = 8) -> str:
    """The first names, quoted, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
