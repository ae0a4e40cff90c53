"""Pascal VOC: a folder with SegmentationClass/ and SegmentationObject/ (pictures), Annotations/ (XML). Both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import MaskError
from cuecast.core.objects import ObjectMask, connected_objects, tight
from cuecast.core.values import ClassInfo
from cuecast.io.files import read_text, replacing, write_bytes, write_text
from cuecast.io.labels import stated_size
from cuecast.io.labels.outlines import box_contour
from cuecast.io.labels.shapes import Draw, Drawn, DrawnFile, DrawnSheet, Size, numbers, polygon, ring
from cuecast.io.labels.sheets import Shape, Sheet, xml_bytes
from cuecast.io.pixels import read_raster

CLASSES, OBJECTS, BOXES = "SegmentationClass", "SegmentationObject", "Annotations"
_LABELMAP = "labelmap.txt"
_NO_SIZE = "states no size; add it"
_BORDER = 255
"""The number of borders between objects."""
_VOID = 0xE0E0C0
"""Their colour; they are neither the one nor the other."""
_TWENTY = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""What VOC numbers 1 to 20, where no labelmap.txt says otherwise."""


def label_files(folder: Path) -> list[Path] | None:
    """The files of the images in a folder of VOC: the XML of each, or its picture of classes; None where it is none."""
    if not (folder / CLASSES).is_dir() and not (folder / BOXES).is_dir():
        return None
    each = {p.stem: p for p in sorted((folder / CLASSES).glob("*.png"))}
    each |= {p.stem: p for p in sorted((folder / BOXES).glob("*.xml"))}
    return [each[stem] for stem in sorted(each)]


def open_labels(path: Path, data: Element | None) -> DrawnFile:
    """See `LabelFile`: the objects of the pictures beside it where there are such, else those of the XML."""
    root, stem = path.parent.parent, path.stem
    name = (data.findtext("filename") if data is not None else None) or stem
    pictures = [root / folder / f"{stem}.png" for folder in (CLASSES, OBJECTS)]
    if pictures[0].is_file():
        classes, objects = _codes(pictures[0]), _codes(pictures[1]) if pictures[1].is_file() else None
        named = _named(root)
        shapes = list(_of_pictures(pictures[0], classes, objects, named))
        infos = (
            tuple(ClassInfo(i, n, f"#{c:06x}") for i, (c, n) in enumerate(named.items(), 1)) if named else ()
        )
        void = f"{pictures[0]}: its borders between objects are read as background"
        notes = (void,) if (classes == _VOID).any() else ()
        return DrawnFile(path, (DrawnSheet(name, _size_of(classes), tuple(shapes)),), infos, True, notes)
    if data is None:
        raise MaskError(f"is no picture in a folder {CLASSES}", path, "give the folder of the data set")
    said = data.find("size")
    height, width = (None, None) if said is None else (said.findtext("height"), said.findtext("width"))
    size = stated_size(f"{path}: its image", height or None, width or None, _NO_SIZE)
    found = tuple(_drawn(number, each) for number, each in enumerate(data.findall("object"), start=1))
    return DrawnFile(path, (DrawnSheet(name, size, found),), alone=True)


def _codes(path: Path) -> NDArray[np.int64]:
    """The packed colours (H, W) of a picture; of greys, those of their numbers. Raises MaskError."""
    raster = read_raster(path, error=MaskError, lone=True, stored=True)
    samples = raster.samples
    if raster.palette is not None:
        samples = raster.palette[np.minimum(samples, len(raster.palette) - 1)]
    if samples.ndim == 2:
        samples = colours(256)[np.clip(samples, 0, 255).astype(np.uint8)]
    rgb = samples[..., :3].astype(np.int64)
    packed: NDArray[np.int64] = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    return packed


def _size_of(codes: NDArray[Any]) -> Size:
    return codes.shape[0], codes.shape[1]


def colours(count: int) -> NDArray[np.uint8]:
    """(count, 3) uint8: the colours of VOC, each bit of a number in turn one of red, green and blue, from the top."""
    index = np.arange(count)
    found = np.zeros((count, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            found[:, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return found.astype(np.uint8)


def _number(code: int) -> int:
    """The number whose colour in `colours` is this packed one."""
    return sum(
        (code >> (8 * (2 - channel) + 7 - bit) & 1) << (3 * bit + channel)
        for bit in range(8)
        for channel in range(3)
    )


def _packed(rgb: Sequence[int]) -> int:
    return int(rgb[0]) << 16 | int(rgb[1]) << 8 | int(rgb[2])


def _named(root: Path) -> dict[int, str]:
    """Packed colour -> class, as labelmap.txt says, in its order and without background; {} without one.

    Raises MaskError.
    """
    path = root / _LABELMAP
    if not path.is_file():
        return {}
    found: dict[int, str] = {}
    for number, line in enumerate(read_text(path, MaskError).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            r, g, b = (int(v) for v in rest.partition(":")[0].split(","))
        except ValueError as error:
            raise MaskError(f"line {number} is not 'name:r,g,b::'", path, "correct it") from error
        if (r, g, b) != (0, 0, 0):
            found[_packed((r, g, b))] = name.strip()
    return found


def _of_pictures(
    path: Path, classes: NDArray[np.int64], objects: NDArray[np.int64] | None, named: Mapping[int, str]
) -> Iterable[Drawn]:
    """Each object, of the class that most of its pixels have; where no picture tells objects, each connected piece."""
    plain = {_packed(rgb): (_TWENTY[i - 1] if i <= len(_TWENTY) else f"class {i}")
             for i, rgb in enumerate(colours(255).tolist()) if i}  # fmt: skip
    names = named or plain
    if objects is not None and objects.shape != classes.shape:
        raise MaskError("its picture of objects has another size", path, "export both again")
    inside = (classes != 0) & (classes != _VOID)
    values, index = np.unique(classes[inside], return_inverse=True)
    for code in values.tolist():
        if code not in names:
            raise MaskError(
                f"holds the colour #{code:06x}, which no class has", path, f"add it to {_LABELMAP}"
            )
    labels = np.zeros(classes.shape, np.int32)
    labels[inside] = index + 1
    if objects is None:
        found = list(connected_objects(labels))
    else:
        kept = inside & (objects != 0) & (objects != _VOID)
        codes = sorted(np.unique(objects[kept]).tolist(), key=_number)
        found = [_object(labels, objects == code) for code in codes]
    for number, obj in enumerate(found, start=1):
        yield Drawn(f"object {number}", names[int(values[obj.cls - 1])], partial(_placed, obj))


def _object(labels: NDArray[np.int32], where: NDArray[np.bool_]) -> ObjectMask:
    """The pixels of one object that have a class, with the index of the class that most of them have."""
    where = where & (labels > 0)
    return tight(ObjectMask(int(np.bincount(labels[where]).argmax()), 0, 0, where))


def _placed(obj: ObjectMask, size: Size) -> ObjectMask:  # noqa: ARG001
    return obj


def _drawn(number: int, each: Element) -> Drawn:
    """An object of the XML: its polygon where it has one, else its box."""
    outline, box = each.find("polygon"), each.find("bndbox")
    return Drawn(
        f"object {number}",
        (each.findtext("name") or "").strip() or None,
        _outline(outline) if outline is not None else _box(box),
        box=outline is None,
    )


def _outline(outline: Element) -> Draw:
    """<pt><x/><y/></pt> as LabelMe's site has them, or <x1/><y1/><x2/>... as Roboflow has."""

    def draw(size: Size) -> ObjectMask:
        points = [numbers([p.findtext("x"), p.findtext("y")]) for p in outline.findall("pt")]
        if not points:
            texts = {e.tag: e.text for e in outline}
            count = sum(1 for tag in texts if tag.startswith("x"))
            points = [numbers([texts[f"x{i}"], texts[f"y{i}"]]) for i in range(1, count + 1)]
        return polygon(points)(size)

    return draw


def _box(box: Element | None) -> Draw:
    def corners() -> Any:
        if box is None:
            raise ValueError("neither an outline nor a box")
        return box_contour(*numbers(box.findtext(k) for k in ("xmin", "ymin", "xmax", "ymax")))

    return ring(corners)


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: a folder with all that VOC has but the images themselves."""
    index = {c.id: i for i, c in enumerate(classes, start=1)}
    stems = []
    for sheet in sheets:
        found = sheet.found
        objects = [obj for _, obj in found.listed(index)]
        labels, ids = found.label_map(), found.object_map()
        numbered = np.vectorize(lambda cls: index.get(cls, 0), otypes=[np.int64])(labels)
        _write_picture(place / CLASSES / f"{sheet.stem}.png", numbered)
        _write_picture(place / OBJECTS / f"{sheet.stem}.png", ids.astype(np.int64))
        write_bytes(
            place / BOXES / f"{sheet.stem}.xml", _xml(sheet, objects, {c.id: c.name for c in classes})
        )
        stems.append(sheet.stem)
    palette = colours(len(classes) + 2)[_spared(np.arange(len(classes) + 1))].tolist()
    lines = [f"{name}:{','.join(map(str, rgb))}::" for name, rgb in
             zip(["background", *(c.name.replace(":", ";") for c in classes)], palette, strict=True)]  # fmt: skip
    write_text(place / _LABELMAP, "# label:color_rgb:parts:actions\n" + "\n".join(lines) + "\n")
    write_text(place / "ImageSets" / "Segmentation" / "default.txt", "".join(f"{stem}\n" for stem in stems))
    return place


def _write_picture(path: Path, index: NDArray[np.int64]) -> None:
    """Write numbers (H, W) as PNG in the colours of VOC: with a palette, or in full colour where they are many."""
    if index.max(initial=0) < _BORDER:
        image = PILImage.fromarray(index.astype(np.uint8))
        image.putpalette(colours(256).ravel().tolist())
    else:
        image = PILImage.fromarray(colours(int(index.max()) + 2)[_spared(index)])
    with replacing(path) as temporary:
        image.save(temporary, format="PNG")


def _spared(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers without the one whose colour is that of borders."""
    return np.where(index >= _BORDER, index + 1, index)


def _xml(sheet: Sheet, objects: Sequence[ObjectMask], names: Mapping[int, str]) -> bytes:
    root = Element("annotation")
    SubElement(root, "folder").text = "JPEGImages"
    SubElement(root, "filename").text = sheet.found.name
    size = SubElement(root, "size")
    H, W = sheet.found.size
    for tag, value in (("width", W), ("height", H), ("depth", 3)):
        SubElement(size, tag).text = str(value)
    SubElement(root, "segmented").text = "1"
    for obj in objects:
        each = SubElement(root, "object")
        SubElement(each, "name").text = names[obj.cls]
        box = SubElement(each, "bndbox")
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), obj.xyxy, strict=True):
            SubElement(box, tag).text = str(value)
    indent(root)
    return xml_bytes(root) + b"\n"
