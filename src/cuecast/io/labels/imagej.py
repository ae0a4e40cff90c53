"""ImageJ regions of interest: a .zip as its ROI Manager saves it, or a single .roi; one file an image. Both ways."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.errors import MaskError
from cuecast.core.objects import ObjectMask
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.formats import library
from cuecast.io.labels.outlines import box_contour, part_rings
from cuecast.io.labels.shapes import (
    Draw,
    Drawn,
    DrawnFile,
    DrawnSheet,
    ellipse,
    even_odd,
    no_area,
    polygon,
    ring,
)
from cuecast.io.labels.sheets import Shape, Sheet

_MOST, _MOST_BYTES = 100_000, 64 << 20
"""Regions of a file, and bytes of one of them unpacked."""
_CLASS = "class"
"""Property of a region that names its class."""
_DAMAGED = (
    ValueError, TypeError, IndexError, ArithmeticError, AssertionError, struct.error, zipfile.BadZipFile, EOFError,
    RuntimeError,
)  # fmt: skip
"""What the library, and that of archives, raise for bytes that are none of theirs."""
_LINES = ("LINE", "FREELINE", "POLYLINE", "ANGLE", "POINT")


def open_labels(path: Path, data: Any) -> DrawnFile:  # noqa: ARG001
    """See `LabelFile`: it speaks of one image, and says neither its name nor its size. Raises MaskError.

    The class is the property `class` of a region, else its group ('group 2'). Of regions on several slices of a stack
    those of the first are read, and those that are on all.
    """
    try:
        regions = [_roifile().ImagejRoi.frombytes(raw) for raw in _bytes_of(path)]
    except _DAMAGED as error:
        raise MaskError(
            f"is no file of ImageJ regions ({error})", path, "save it again in the ROI Manager"
        ) from error
    except OSError as error:
        raise MaskError(f"cannot be read ({error.strerror or error})", path, "check its name") from error
    shown = sorted({place for region in regions if (place := _slice(region))})
    shapes = tuple(_drawn(number, region, shown[:1]) for number, region in enumerate(regions, start=1))
    return DrawnFile(path, (DrawnSheet(path.stem, None, shapes),), alone=True)


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: one file an image, with one region an object."""
    for sheet in sheets:
        write_regions(place / f"{sheet.stem}.zip", sheet, classes)
    return place


def write_regions(path: Path, sheet: Sheet, classes: Sequence[ClassInfo]) -> Path:
    """Write the objects of one image; returns the path. The number of a class among them is its regions' group."""
    infos = {c.id: (group, c) for group, c in enumerate(classes, start=1)}
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for number, obj in sheet.found.listed(infos):
            group, info = infos[obj.cls]
            # With a fixed date, and not packed: equal objects give equal bytes on any machine.
            entry = zipfile.ZipInfo(f"{number:05d}.roi", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, _region(obj, group, info, f"{number:05d}").tobytes())
    return path


def _region(obj: ObjectMask, group: int, info: ClassInfo, name: str) -> Any:
    """An object as a region: a polygon, or a path of several rings where it has parts or holes."""
    roi = _roifile()
    rings = [ring for part in part_rings(obj) for ring in part]
    region = roi.ImagejRoi.frompoints(rings[0], name=name)
    region.roitype = roi.ROI_TYPE.TRACED
    if len(rings) > 1:
        region = roi.ImagejRoi()
        region.roitype, region.name = roi.ROI_TYPE.RECT, name
        region.left, region.top, region.right, region.bottom = obj.xyxy
        path = [value for each in rings for value in _path(each.tolist())]
        region.multi_coordinates = np.array(path, np.float32)
        region.shape_roi_size = len(path)
    region.group = min(group, 255)
    region.stroke_color = bytes((255, *info.rgb))
    region.props = f"{_CLASS}: {' '.join(info.name.split())}\n"
    return region


def _path(points: list[list[int]]) -> Iterable[float]:
    """A ring as a path: move there, draw lines, close it."""
    for number, (x, y) in enumerate(points):
        yield from (1.0 if number else 0.0, float(x), float(y))
    yield 4.0


def _roifile() -> Any:
    return library("roifile", "imagej", "reading and writing ImageJ regions")


def _bytes_of(path: Path) -> list[bytes]:
    """The regions of a file, each as it is stored. Raises ValueError and what zipfile raises."""
    raw = path.read_bytes()
    if raw[:4] == b"Iout":
        return [raw]
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [m for m in archive.infolist() if m.filename.lower().endswith(".roi")]
        if archive.infolist() and not members:
            raise ValueError("no region is in it")
        if len(members) > _MOST or max((m.file_size for m in members), default=0) > _MOST_BYTES:
            raise ValueError("it is too large")
        return [archive.read(m) for m in members]


def _slice(region: Any) -> tuple[int, int, int, int] | None:
    """Where in a stack it lies; None where it is on all slices."""
    place = (region.position, region.c_position, region.z_position, region.t_position)
    return place if any(place) else None


def _drawn(number: int, region: Any, shown: Sequence[Any]) -> Drawn:
    where = f"region {number}" + (f" ({region.name})" if region.name else "")
    kind = region.roitype.name
    place = _slice(region)
    area = kind not in _LINES and kind != "NOROI" and region.subtype.name not in ("TEXT", "ARROW", "IMAGE")
    draw = _draw(region, kind) if area else no_area(kind.lower())
    if place is not None and place not in shown:
        draw = _elsewhere
    return Drawn(where, _label(region), draw, area=area)


def _label(region: Any) -> str | None:
    named: str | None = next(
        (value.strip() for key, _, value in (line.partition(":") for line in region.props.splitlines())
         if key.strip() == _CLASS and value.strip()),
        None,
    )  # fmt: skip
    return named or (f"group {region.group}" if region.group else None)


def _elsewhere(_: tuple[int, int]) -> ObjectMask:
    raise ValueError("a region on another slice of a stack")


def _draw(region: Any, kind: str) -> Draw:
    if region.multi_coordinates is not None:
        return lambda size: even_odd(_paths(region))(size)
    if kind in ("RECT", "OVAL"):
        return ring(lambda: _of_box(region, kind))
    return lambda size: polygon(region.coordinates())(size)


def _paths(region: Any) -> list[Any]:
    """The rings of a path of several. Raises ValueError where it is curved."""
    try:
        return [p for p in region.path2coords(region.multi_coordinates) if len(p) > 2]
    except RuntimeError as error:
        raise ValueError(f"a path that is no polygon ({error})") from error


def _of_box(region: Any, kind: str) -> Any:
    """The ring of a rectangle or an oval, which are stored as their box, in parts of pixels where that is said."""
    if region.subpixelrect:
        x1, y1 = region.xd, region.yd
        x2, y2 = x1 + region.widthd, y1 + region.heightd
    else:
        x1, y1, x2, y2 = region.left, region.top, region.right, region.bottom
    box = box_contour(x1, y1, x2, y2)
    if kind == "RECT":
        return box
    return ellipse((x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2)
