"""YOLO segmentation labels: one .txt an image, one line an object. Both directions, without loss.

A line is the class index (from 0) and one polygon, x and y as shares of the image's width and height.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from cuecast.errors import CueError, MaskError
from cuecast.io.files import read_text, write_text
from cuecast.io.outlines import object_of_rings, outline
from cuecast.objects import tight
from cuecast.types import Annotations, ClassInfo, ObjectMask

_DIGITS = 9
"""Digits of a coordinate: far finer than half a pixel in any image, so that the same pixels are read back."""


def read_yolo(
    path: str | Path,
    size: tuple[int, int],
    classes: Sequence[ClassInfo] | None = None,
    name: str | None = None,
) -> Annotations:
    """The objects of one label file for an image of `size` (H, W), in its order.

    classes  index i of the file is classes[i]; None makes it class i + 1.
    name     of the image; None is the file's stem.

    What lies outside the image is cut off, an object without a pixel left out. Raises MaskError.
    """
    path = Path(path)
    objects = []
    for number, line in enumerate(read_text(path, MaskError).splitlines(), start=1):
        if line.strip():
            try:
                objects.append(_object(line.split(), size, classes))
            except (ValueError, OverflowError, CueError) as error:
                raise MaskError(
                    f"{path}: line {number} cannot be used: {error}; correct it or export again"
                ) from error
    return Annotations(name or path.stem, size, tuple(o for o in objects if o.mask.size))


def write_yolo(path: str | Path, annotations: Annotations, classes: Sequence[ClassInfo]) -> Path:
    """Write the objects of one image, whole or not at all; returns the path. No objects: an empty file.

    One object is one line: its parts and holes are joined by bridges of no width. The class index is the
    place in `classes`. Raises OutputError, and ValueError for an object of no listed class.
    """
    index = {c.id: i for i, c in enumerate(classes)}
    H, W = annotations.size
    lines = []
    for obj in map(tight, annotations.objects):
        if not obj.mask.size:
            continue
        if obj.cls not in index:
            raise ValueError(
                f"{annotations.name}: an object has class {obj.cls}, the classes are {sorted(index)}"
            )
        ring = (outline(obj) / (W, H)).ravel().tolist()
        lines.append(" ".join([str(index[obj.cls]), *(f"{v:.{_DIGITS}g}" for v in ring)]))
    return write_text(path, "".join(f"{line}\n" for line in lines))


def write_yolo_names(path: str | Path, classes: Sequence[ClassInfo]) -> Path:
    """Write data.yaml, which names the class indices; returns its path. Raises OutputError."""
    # A JSON string is a YAML string: no name can break the file.
    names = "".join(f"  {i}: {json.dumps(c.name)}\n" for i, c in enumerate(classes))
    return write_text(path, f"path: .\ntrain: images\nval: images\nnames:\n{names}")


def read_yolo_names(path: str | Path) -> tuple[str, ...]:
    """Class names by index, of a data.yaml (`names:` as a list or as numbered entries) or a classes.txt.

    Raises MaskError where there are none, or an index is left out.
    """
    text = read_text(path, MaskError)
    if Path(path).suffix.lower() == ".txt":
        names = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        names = _names_in_yaml(path, text)
    if not names:
        raise MaskError(
            f"{path}: names no classes; list them under 'names:' (data.yaml) or one a line (classes.txt)"
        )
    return tuple(names)


def _names_in_yaml(path: str | Path, text: str) -> list[str]:
    try:
        # The loader that leaves scalars as they are written: a class may be called 'no'.
        data = yaml.load(text, Loader=yaml.BaseLoader)
        found = data.get("names") if isinstance(data, dict) else None
        if isinstance(found, dict):
            found = [found[str(i)] for i in range(len(found))]
    except KeyError as missing:
        raise MaskError(
            f"{path}: names no class {missing.args[0]}; number them 0, 1, 2, ... below 'names:'"
        ) from missing
    except (yaml.YAMLError, RecursionError) as error:
        raise MaskError(
            f"{path}: its class names cannot be read ({' '.join(str(error).split())}); number them 0, 1, 2, ... "
            "below 'names:'"
        ) from error
    return [str(name) for name in found] if isinstance(found, list) else []


def _object(fields: list[str], size: tuple[int, int], classes: Sequence[ClassInfo] | None) -> ObjectMask:
    index, values = float(fields[0]), [float(v) for v in fields[1:]]
    if not index.is_integer():
        raise ValueError(f"class index {fields[0]} is no whole number")
    index = int(index)
    if len(values) == 4:
        raise ValueError("it holds a box, not an outline (this is a detection file, not YOLO-seg)")
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f"an outline has at least three x y pairs, this has {len(values)} numbers")
    if index < 0 or (classes is not None and index >= len(classes)):
        raise ValueError(f"class index {index} is not among the {len(classes or ())} classes")
    if any(abs(v) > 2 for v in values):
        raise ValueError("coordinates are shares of width and height, 0 to 1, these look like pixels")
    H, W = size
    ring = [(x * W, y * H) for x, y in zip(values[::2], values[1::2], strict=True)]
    return object_of_rings(size, [ring], classes[index].id if classes is not None else index + 1)
