"""Cues that lie in the raster itself: windows with a mask, or with polygons in map coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError
from cuecast.core.geometry import fill_contour
from cuecast.core.objects import of_one_class
from cuecast.core.tiling import Window
from cuecast.core.values import IGNORE, MAX_CLASS_ID, ClassInfo, Example, Image, Marks
from cuecast.io.labels import listed
from cuecast.io.labels.masks import read_labels
from cuecast.io.rasters import BlockRaster, open_raster
from cuecast.io.rasters.raster import Tones, tones_of
from cuecast.io.rasters.vectors import MapPolygon

Box = tuple[int, int, int, int]
"""(x1, y1, x2, y2) in pixels of the raster, half-open."""

LARGEST_WINDOW = 2048
"""Sides of windows up to which polygons are gathered into one cue."""
AROUND = 0.25
"""What is seen around polygons that no window frames, as a share of their size; at least `LEAST_AROUND` pixels."""
LEAST_AROUND = 32


def raster_cue(
    path: str | Path,
    box: Box,
    mask: Any,
    *,
    bands: tuple[int, ...] | None = None,
    level: int = 0,
    window: tuple[float, float] | None = None,
) -> Example:
    """A cue in a raster file: the window `box` (x1, y1, x2, y2) in pixels, and the mask of the thing on it.

    mask   path, PIL image or array of the window's size.
    bands, level, window  as in `MapOptions`; give both the same.

    Raises what `open_raster`, `tones_of` and `mask_cue` raise.
    """
    with open_raster(path, bands, level) as raster:
        return mask_cue(raster, tones_of(raster, window), box, mask)


def mask_cue(
    raster: BlockRaster,
    tones: Tones,
    box: Box,
    mask: Any,
    value: int | Sequence[int] | None = None,
    classes: Sequence[ClassInfo] | None = None,
) -> Example:
    """A window of the raster with the mask drawn on it (path, PIL image or array of the window's size).

    Pixels without data are unknown. Raises CueError where the window leaves the raster or marks nothing, MaskError.
    """
    image, valid = _window(raster, tones, box)
    labels, objects = read_labels(mask, image=image, value=value, classes=classes, needed=True)
    objects = None if objects is None else of_one_class(objects, labels)
    return _example(image, np.where(valid, labels, IGNORE), objects=objects)


def polygon_cues(
    raster: BlockRaster,
    tones: Tones,
    polygons: Sequence[MapPolygon],
    boxes: Sequence[Box] = (),
    classes: Sequence[ClassInfo] = (),
) -> list[Example]:
    """The windows with the polygons that meet them, each feature an object; what no polygon covers is background there.

    boxes    where everything is drawn; a window without a polygon says that the thing is not there. None: windows
             around the polygons, near ones together, with a quarter of their size around them.
    classes  those that are taken, by their names, or by their numbers where polygons are numbered; others are
             background. A polygon without class is of class 1; where none is taken, all are.

    Raises CueError where no polygon is of these classes, or none meets the raster or a window.
    """
    taken = [(p, cls) for p, cls in zip(polygons, _ids(polygons, classes), strict=True) if cls is not None]
    if polygons and not taken:
        raise CueError(
            f"no polygon is of the classes {listed(c.name for c in classes)}, they are of "
            f"{listed(dict.fromkeys(p.name for p in polygons if p.name))}",
            raster.path,
            "use these names for the classes",
        )
    inside = [(p, cls) for p, cls in taken if _meets(p.box, (0, 0, raster.size[1], raster.size[0]))]
    if not inside:
        raise CueError(
            f"none of the {len(taken)} polygons lies in the raster",
            raster.path,
            "check their coordinate system",
        )
    cues = []
    for box in boxes or _around([p for p, _ in inside], raster.size):
        image, valid = _window(raster, tones, box)
        labels, objects = np.zeros((2, *image.size), np.int32)
        for polygon, cls in inside:
            if _meets(polygon.box, box):
                covered = _covered(image.size, polygon, box)
                labels[covered], objects[covered] = cls, polygon.feature
        absent = not labels.any()
        cues.append(_example(image, np.where(valid, labels, IGNORE), absent, None if absent else objects))
    if all(c.marks.absent for c in cues):
        if not boxes:
            raise CueError(
                f"{raster.path}: the polygons are too small to mark a pixel of it; check their coordinate system"
                + ("" if raster.place.crs else ": the raster has none, so theirs must be its pixels")
            )
        raise CueError(f"no polygon lies in a cue window {list(boxes)}", raster.path, "move the window")
    return cues


def polygon_classes(polygons: Sequence[MapPolygon]) -> list[ClassInfo]:
    """The classes that polygons name; none where they name none.

    Where all names are whole numbers from 1 on, these are the ids; else they are counted in the order of first mention.
    """
    names = dict.fromkeys(p.name for p in polygons if p.name)
    if all(name.isdecimal() and name == str(int(name)) and 0 < int(name) <= MAX_CLASS_ID for name in names):
        return [ClassInfo(int(name), name) for name in sorted(names, key=int)]
    return [ClassInfo(i, name) for i, name in enumerate(names, start=1)]


def _ids(polygons: Sequence[MapPolygon], classes: Sequence[ClassInfo]) -> list[int | None]:
    """The class of each polygon; None where it is none of those that are taken."""
    if not classes:
        return [1] * len(polygons)
    names = {p.name for p in polygons}
    known = {c.name: c.id for c in classes}
    if not names & known.keys():
        known = {str(c.id): c.id for c in classes}
    return [1 if p.name is None else known.get(p.name) for p in polygons]


def _window(raster: BlockRaster, tones: Tones, box: Box) -> tuple[Image, NDArray[np.bool_]]:
    x1, y1, x2, y2 = box
    H, W = raster.size
    if not (0 <= x1 < x2 <= W and 0 <= y1 < y2 <= H):
        raise CueError(
            f"cue window {x1},{y1},{x2},{y2} is empty or reaches outside {raster.path}, which is {W} wide and {H} "
            "high: windows are x1,y1,x2,y2 in pixels"
        )
    block = raster.read(Window(y1, y2, x1, x2))
    name = f"{raster.path.name} {x1},{y1},{x2},{y2}"
    return Image(tones.pixels(block), name), block.valid


def _example(
    image: Image, labels: NDArray[np.int32], absent: bool = False, objects: NDArray[np.int32] | None = None
) -> Example:
    try:
        return Example(image, Marks(image.size, None if absent else labels, absent=absent, objects=objects))
    except CueError as error:
        raise CueError(str(error), image.name) from error


def _covered(size: tuple[int, int], polygon: MapPolygon, box: Box) -> NDArray[np.bool_]:
    """Which pixels of a window of this size (H, W) a polygon covers."""
    inside = np.zeros(size, bool)
    for contour in polygon.contours:
        if len(contour) >= 3:
            top, left, part = fill_contour(size, contour - box[:2])
            inside[top : top + part.shape[0], left : left + part.shape[1]] ^= part
    return inside


def _meets(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _around(polygons: Sequence[MapPolygon], size: tuple[int, int]) -> list[Box]:
    """Windows that frame all polygons: near ones together, none larger than `LARGEST_WINDOW` but for one polygon's."""
    groups: list[tuple[float, float, float, float]] = []
    for polygon in polygons:
        x1, y1, x2, y2 = polygon.box
        for index, (a, b, c, d) in enumerate(groups):
            both = (min(a, x1), min(b, y1), max(c, x2), max(d, y2))
            if max(both[2] - both[0], both[3] - both[1]) <= LARGEST_WINDOW:
                groups[index] = both
                break
        else:
            groups.append((x1, y1, x2, y2))
    return [_grown(group, size) for group in groups]


def _grown(box: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    """A box with room around it, in whole pixels, inside the raster."""
    x1, y1, x2, y2 = box
    room = max(LEAST_AROUND, AROUND * max(x2 - x1, y2 - y1))
    H, W = size
    return (
        max(0, int(np.floor(x1 - room))),
        max(0, int(np.floor(y1 - room))),
        min(W, int(np.ceil(x2 + room))),
        min(H, int(np.ceil(y2 + room))),
    )
