"""CVAT XML for images 1.1: one file for all images, objects as masks or polygons. Both ways, without loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from cuecast.core.errors import CueError, MaskError
from cuecast.core.objects import ObjectMask, tight
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.labels import stated_size
from cuecast.io.labels.outlines import box_contour, decode_rle, encode_rle, part_outlines
from cuecast.io.labels.shapes import (
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
from cuecast.io.labels.sheets import Shape, Sheet, xml_bytes

_KINDS = ("box", "polygon", "ellipse", "mask", "cuboid", "polyline", "points", "skeleton")
_NO_SIZE = "states no width and height; export it again as 'CVAT for images 1.1'"


def open_labels(path: Path, data: Element) -> DrawnFile:
    """See `LabelFile`. Raises MaskError."""
    images = data.findall("image")
    if not images and data.find("track") is not None:
        raise MaskError("is CVAT XML of a video", path, "export it as 'CVAT for images 1.1'")
    sheets = tuple(_sheet(path, image) for image in images)
    if len(images) > 0 and not any(sheet.name for sheet in sheets):
        raise MaskError("is not CVAT XML (no image has a name)", path, "export it as 'CVAT for images 1.1'")
    return DrawnFile(path, sheets, tuple(_classes(data)))


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:
    """See `cuecast.io.labels.sheets`. As polygons, the parts of an object share a group."""
    names = {c.id: c.name for c in classes}
    with replacing(place) as temporary, open(temporary, "wb") as out:
        out.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
        out.write(_meta(classes) + b"\n")
        for number, sheet in enumerate(sheets):
            H, W = sheet.found.size
            size = {"width": str(W), "height": str(H)}
            image = Element("image", {"id": str(number), "name": sheet.found.name, **size})
            for order, (group, obj) in enumerate(sheet.found.listed(names)):
                common = {"label": names[obj.cls], "source": "manual", "occluded": "0", "z_order": str(order)}
                for kind, fields in _mask(obj) if shape == "rle" else _polygons(obj, group):
                    SubElement(image, kind, common | fields)
            out.write(xml_bytes(image) + b"\n")
        out.write(b"</annotations>\n")
    return place


def _classes(root: Element) -> Iterable[ClassInfo]:
    """Those of the task, project or job that the file is of, each name once."""
    seen: set[str] = set()
    for label in root.iterfind("./meta/*/labels/label"):
        name = (label.findtext("name") or "").strip()
        if name and name not in seen:
            seen.add(name)
            try:
                yield ClassInfo(len(seen), name, label.findtext("color") or "")
            except CueError:  # a colour that is none
                yield ClassInfo(len(seen), name)


def _sheet(path: Path, image: Element) -> DrawnSheet:
    name = image.get("name", "").replace("\\", "/")
    size = stated_size(f"{path}: image {name}", image.get("height"), image.get("width"), _NO_SIZE)
    found = [e for e in image if e.tag in _KINDS]
    # The order in which they lie over each other; a value that is no number is said when the shape is drawn.
    found.sort(key=lambda e: int(z) if (z := e.get("z_order", "0")).lstrip("-").isdecimal() else 0)
    shapes = tuple(_drawn(number, each) for number, each in enumerate(found, start=1))
    return DrawnSheet(name, size, shapes)


def _drawn(number: int, shape: Element) -> Drawn:
    kind = shape.tag
    makers = {"box": _box, "polygon": _polygon, "ellipse": _ellipse, "cuboid": _cuboid, "mask": _stored}
    draw = makers[kind](shape) if kind in makers else no_area(kind)
    flat = kind == "box" and not float(shape.get("rotation", "0") or 0)
    group = shape.get("group_id")
    return Drawn(
        f"{kind} {number}",
        shape.get("label"),
        draw,
        area=kind in makers,
        box=flat,
        group=group if group not in (None, "", "0") else None,
    )


def _fields(shape: Element, *names: str) -> tuple[float, ...]:
    """Attributes as numbers. Raises KeyError and ValueError."""
    return numbers(shape.attrib[name] for name in names)


def _pairs(text: str) -> list[tuple[float, ...]]:
    """'x,y;x,y' as points. Raises ValueError."""
    return [numbers(pair.split(",")) for pair in text.strip().rstrip(";").split(";")]


def _polygon(shape: Element) -> Any:
    return lambda size: polygon(_pairs(shape.attrib["points"]))(size)


def _box(shape: Element) -> Any:
    def corners() -> Any:
        x1, y1, x2, y2 = _fields(shape, "xtl", "ytl", "xbr", "ybr")
        (degrees,) = numbers([shape.get("rotation", "0") or 0])
        return turned(box_contour(x1, y1, x2, y2), ((x1 + x2) / 2, (y1 + y2) / 2), degrees)

    return ring(corners)


def _ellipse(shape: Element) -> Any:
    def outline() -> Any:
        (degrees,) = numbers([shape.get("rotation", "0") or 0])
        x, y, rx, ry = _fields(shape, "cx", "cy", "rx", "ry")
        return ellipse(x, y, rx, ry, degrees)

    return ring(outline)


def _cuboid(shape: Element) -> Any:
    """All that the faces of a cuboid cover, by the outline round its eight corners."""

    def outline() -> Any:
        corners = np.array(
            [_fields(shape, f"x{c}{i}", f"y{c}{i}") for i in (1, 2) for c in ("tl", "bl", "tr", "br")]
        )
        from scipy.spatial import ConvexHull, QhullError

        try:
            return corners[ConvexHull(corners).vertices]
        except QhullError:
            raise ValueError("a cuboid without extent") from None

    return ring(outline)


def _stored(shape: Element) -> Any:
    """Run lengths along the rows of a crop, zeros first."""

    def draw(size: Size) -> ObjectMask:
        top, left, height, width = (int(v) for v in _fields(shape, "top", "left", "height", "width"))
        if min(height, width) < 1 or height * width > 4 * size[0] * size[1]:
            raise ValueError(f"a mask of {width} x {height} in an image of {size[1]} x {size[0]}")
        try:
            counts = [int(run) for run in shape.attrib["rle"].split(",")]
        except ValueError:
            raise ValueError("run lengths that are not whole numbers") from None
        turned_ = decode_rle(counts, (width, height), 0)
        inside = ObjectMask(0, top + turned_.left, left + turned_.top, turned_.mask.T)
        return _within(inside, size)

    return draw


def _within(obj: ObjectMask, size: Size) -> ObjectMask:
    """What of an object lies in an image."""
    x1, y1, _, _ = obj.xyxy
    crop = obj.mask[max(0, -y1) : max(0, size[0] - y1), max(0, -x1) : max(0, size[1] - x1)]
    return tight(ObjectMask(obj.cls, max(0, y1), max(0, x1), crop))


def _mask(obj: ObjectMask) -> Iterable[tuple[str, dict[str, str]]]:
    """An object as one mask: run lengths along the rows of its crop."""
    h, w = obj.mask.shape
    runs = encode_rle(ObjectMask(obj.cls, 0, 0, obj.mask.T), (w, h))
    yield (
        "mask",
        {
            "rle": ", ".join(map(str, runs)),
            "left": str(obj.left),
            "top": str(obj.top),
            "width": str(w),
            "height": str(h),
        },
    )


def _polygons(obj: ObjectMask, group: int) -> Iterable[tuple[str, dict[str, str]]]:
    """An object as a polygon a part."""
    contours = part_outlines(obj)
    for contour in contours:
        points = ";".join(f"{x}.00,{y}.00" for x, y in contour.tolist())
        yield "polygon", {"points": points} | ({"group_id": str(group)} if len(contours) > 1 else {})


def _meta(classes: Sequence[ClassInfo]) -> bytes:
    """What the file is of, with the names and colours of the classes."""
    meta = Element("meta")
    task = SubElement(meta, "task")
    SubElement(task, "name").text = "cuecast"
    SubElement(task, "mode").text = "annotation"
    labels = SubElement(task, "labels")
    for info in classes:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = info.name
        SubElement(label, "color").text = "#{:02x}{:02x}{:02x}".format(*info.rgb)
        SubElement(label, "attributes")
    return xml_bytes(meta)
