"""YOLO segmentation labels: one .txt an image, one line an object. Both directions, without loss.

A line is the class index (from 0) and one polygon, x and y as shares of the image's width and height.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import MAX_CLASS_ID, ClassInfo
from cuecast.io.files import read_text, write_text
from cuecast.io.labels import Listed, PassedOver, Pictured
from cuecast.io.labels.outlines import Vertices64, box_contour, contour_of, object_of_contours, outline
from cuecast.io.labels.sheets import Shape, Sheet

_LARGEST = 2
"""Shares of width and height are from 0 to 1, and somewhat beyond where a thing leaves the picture."""
_DIGITS = 9
"""Digits of a coordinate: far finer than half a pixel in any image, so that the same pixels are read back."""


def read_yolo(
    path: str | Path,
    size: tuple[int, int],
    classes: Sequence[ClassInfo | None] | None = None,
    name: str | None = None,
) -> Annotations:
    """The objects of one label file for an image of `size` (H, W), boxes first, in its order.

    classes  index i of the file is classes[i], and left out where that is None; without classes it is class i + 1.
    name     of the image; None is the file's stem.

    What lies outside the image is cut off, an object without a pixel left out. A trailing confidence and the number of
    a track are dropped, and the key points of a pose. A box is read as a rectangle below the outlines, a line that
    cannot be used passed over; a note says so. Raises MaskError where no line can be used.
    """
    path = Path(path)
    passed = PassedOver(path)
    boxes: list[ObjectMask] = []
    outlines: list[ObjectMask] = []
    lines = [line.split() for line in read_text(path, MaskError).splitlines()]
    tracked = any(map(_ends_in_track, lines))
    for number, fields in enumerate(lines, start=1):
        if not fields:
            continue
        with passed.each(f"line {number}"):
            if (cls := _class(fields[0], classes)) is None:
                continue
            values = _coordinates(fields[1:], tracked)
            if len(values) == 4:
                boxes.append(object_of_contours(size, [_box(values, size)], cls))
                passed.box(f"line {number}")
            else:
                outlines.append(object_of_contours(size, [_contour(values, size)], cls))
    found = (*boxes, *outlines)
    passed.settle(len(found))
    return Annotations(name or path.stem, size, tuple(o for o in found if o.mask.size))


@dataclass(frozen=True)
class YoloFile:
    """The labels of one image; see `LabelFile`. `names` are those of classes.txt or data.yaml, if there are any."""

    path: Path
    names: tuple[str, ...]

    @property
    def listed(self) -> tuple[Listed, ...]:
        """See `LabelFile`: the image of its own name."""
        return (Listed(self.path.stem),)

    def size(self, image: Pictured) -> tuple[int, int] | None:  # noqa: ARG002
        """None: it states none."""
        return None

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """See `LabelFile`. Where the file has no names, index i is the class i + 1, or number i of `classes`."""
        own: Sequence[ClassInfo | None] | None = classes
        ids = {c.name: c.id for c in classes or ()}
        if self.names and classes is None:
            own = [ClassInfo(i, name) for i, name in enumerate(self.names, start=1)]
        elif self.names:
            own = [ClassInfo(ids[name], name) if name in ids else None for name in self.names]
        return read_yolo(self.path, image.size, own, image.name)


def open_labels(path: Path, data: Any) -> YoloFile:  # noqa: ARG001
    """See `LabelFile`. The names are in classes.txt beside it, or data.yaml beside it or up to two folders above."""
    folders = [path.parent, *path.absolute().parents[1:3]]
    for candidate in (path.parent / "classes.txt", *(f / "data.yaml" for f in folders)):
        if candidate.is_file():
            return YoloFile(path, read_yolo_names(candidate))
    return YoloFile(path, ())


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: one file an image, and data.yaml."""
    for sheet in sheets:
        write_yolo(place / f"{sheet.stem}.txt", sheet.found, classes)
    write_yolo_names(place / "data.yaml", classes)
    return place


def write_yolo(path: str | Path, annotations: Annotations, classes: Sequence[ClassInfo]) -> Path:
    """Write the objects of one image, whole or not at all; returns the path. No objects: an empty file.

    One object is one line: its parts and holes are joined by bridges of no width. The class index is the
    place in `classes`. Raises OutputError, and ValueError for an object of no listed class.
    """
    index = {c.id: i for i, c in enumerate(classes)}
    H, W = annotations.size
    lines = []
    for _, obj in annotations.listed(index):
        contour = (outline(obj) / (W, H)).ravel().tolist()
        lines.append(" ".join([str(index[obj.cls]), *(f"{v:.{_DIGITS}g}" for v in contour)]))
    return write_text(path, "".join(f"{line}\n" for line in lines))


def write_yolo_names(path: str | Path, classes: Sequence[ClassInfo]) -> Path:
    """Write data.yaml, which names the class indices; returns its path. Raises OutputError.

    It states no `path`, so that `train` and `val` are its own folder, wherever training is started; a relative one
    would be looked for in the folder of all data sets.
    """
    # A JSON string is a YAML string: no name can break the file.
    names = "".join(f"  {i}: {json.dumps(c.name)}\n" for i, c in enumerate(classes))
    return write_text(path, f"train: .\nval: .\nnames:\n{names}")


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
            "names no classes", path, "list them under 'names:' (data.yaml) or one a line (classes.txt)"
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
            f"names no class {missing.args[0]}", path, "number them 0, 1, 2, ... below 'names:'"
        ) from missing
    except (yaml.YAMLError, RecursionError) as error:
        raise MaskError(
            f"its class names cannot be read ({' '.join(str(error).split())})",
            path,
            "number them 0, 1, 2, ... below 'names:'",
        ) from error
    return [str(name) for name in found] if isinstance(found, list) else []


def _class(text: str, classes: Sequence[ClassInfo | None] | None) -> int | None:
    """The id of a class index; None where the class is not wanted. Raises ValueError."""
    index = _number(text)
    if not index.is_integer() or not 0 <= index < MAX_CLASS_ID:
        raise ValueError("a class index that is no whole number from 0 on")
    if classes is None:
        return int(index) + 1
    if index >= len(classes):
        raise ValueError(f"class index {int(index)}, which is not among the {len(classes)} classes")
    info = classes[int(index)]
    return info.id if info else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a value that is no number") from None


def _ends_in_track(fields: Sequence[str]) -> bool:
    """Whether a whole number that is no share stands behind a line's shares: the number of a track."""
    try:
        *values, last = map(float, fields[1:])
    except ValueError:
        return False
    behind = len(values) > 3 and max(map(abs, values)) <= _LARGEST and not _is_pose([*values, last])
    return behind and last > 1 and fields[-1].isdecimal()


def _is_pose(values: list[float]) -> bool:
    """Whether key points follow a box: x, y, and 0, 1 or 2 for how well each is seen."""
    seen = values[6::3]
    return len(seen) > 1 and len(values) == 4 + 3 * len(seen) and 2 in seen and set(seen) <= {0, 1, 2}


def _coordinates(fields: Sequence[str], tracked: bool) -> list[float]:
    """Those of the box (4) or outline of a line, without what programs write behind it.

    That is a confidence, the number of a track (`tracked`: the file has such), or both; or the key points of a pose.
    """
    values = [_number(v) for v in fields]
    if _is_pose(values):
        return values[:4]
    # Of six, a triangle whose last corner lies on the lower border is rarer than a box, of which a note is given.
    box = len(values) == 6 and min(values[2:4]) > 0 and 0 < values[4] < 1
    if len(values) > 4 and (tracked or box) and fields[-1].isdecimal() and values[-1] >= 1:
        values = values[:-1]
    return values[: len(values) // 2 * 2] if len(values) > 4 else values


def _contour(values: list[float], size: tuple[int, int]) -> Vertices64:
    """The outline of one line in pixels."""
    if not values:
        raise ValueError("a class alone")
    if len(values) < 6:
        raise ValueError("a polygon of less than three points")
    shares = contour_of(values)
    _check_shares(shares)
    return shares * size[::-1]


def _box(values: list[float], size: tuple[int, int]) -> Vertices64:
    """The ring round a box (centre x, y, width, height) in pixels."""
    x, y, w, h = values
    _check_shares(np.array([x, y, w, h]))
    H, W = size
    return box_contour((x - w / 2) * W, (y - h / 2) * H, (x + w / 2) * W, (y + h / 2) * H)


def _check_shares(values: NDArray[np.float64]) -> None:
    if (np.abs(values) > _LARGEST).any():
        raise ValueError("coordinates that look like pixels, not shares of width and height from 0 to 1")
