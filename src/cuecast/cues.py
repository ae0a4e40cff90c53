"""`Cue`: what a person shows on one image, as they give it; and how it is read into an `Example`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.errors import CueError, MaskError
from cuecast.core.geometry import fill_polygons
from cuecast.core.values import IGNORE, Box, ClassInfo, Example, Marks, Point, Polygon, Scribble
from cuecast.io.images import read_image
from cuecast.io.labels.masks import is_label_file, mask_colours, read_labels, read_objects
from cuecast.io.labels.values import ids_of_colours


@dataclass(frozen=True, eq=False)
class Cue:
    """What is shown on one image: a mask, boxes, points, scribbles, polygons, or `absent=True`.

    image      path, bytes, PIL image or array ((H, W), (H, W, 3) or (H, W, 4)).
    mask       path of a mask or label file, PIL image or array (H, W); 0 is background. Complete: what it does
               not mark is background.
    value      label values of the mask that count as the thing; None takes each value as a class of its own
               (and 255 in a 0/255 mask as the thing).
    boxes      (x1, y1, x2, y2) or `Box`, half-open pixels. Boxes, points and scribbles are sparse: what they do
               not touch is unknown.
    points     (x, y), (x, y, class) or `Point`; class 0 means 'not this'.
    scribbles  [(x, y), ...] or `Scribble`.
    polygons   [(x, y), ...] or `Polygon`. Complete, like a mask.
    absent     the thing is not in this image.
    objects    path, PIL image or array (H, W) of ids that tell the things of `mask` apart: 1, 2, ..., 0 for none. A
               mask whose values number the things of one named class says it itself.
    page       page of a multi-page TIFF, from 0.
    """

    image: Any
    mask: Any = None
    value: int | Sequence[int] | None = None
    boxes: Sequence[Any] = ()
    points: Sequence[Any] = ()
    scribbles: Sequence[Any] = ()
    polygons: Sequence[Any] = ()
    absent: bool = False
    page: int | None = None
    objects: Any = None

    def read(self, classes: Sequence[ClassInfo] | None = None) -> Example:
        """Read image and mask, and check that the marks fit. Raises ImageError, MaskError or CueError.

        `classes` resolves class names in label files (COCO, LabelMe, YOLO) to ids.
        """
        image = read_image(self.image, page=self.page)
        mask = objects = None
        if self.mask is not None:
            mask, objects = read_labels(
                self.mask, image=image, value=self.value, classes=classes, page=self.page, needed=True
            )
        if self.objects is not None:
            objects = read_objects(self.objects, image=image, page=self.page)
        polygons = tuple(_polygon(p) for p in self.polygons)
        if polygons:
            mask = fill_polygons(image.size, polygons, base=mask)
        try:
            marks = Marks(
                size=image.size,
                mask=mask,
                boxes=tuple(_box(b) for b in self.boxes),
                points=tuple(_point(p) for p in self.points),
                scribbles=tuple(_scribble(s) for s in self.scribbles),
                absent=self.absent,
                objects=objects,
            )
        except (CueError, MaskError) as error:
            raise type(error)(f"{image.name}: {error}") from error
        return Example(image, marks)


def named_classes(cues: Iterable[Cue]) -> list[str]:
    """The class names in the cues' label files, in the order of first mention; none where no file names any.

    So that a name means the same class in all of them. Raises MaskError where a file cannot be read.
    """
    from cuecast.io.labels import label_names

    labels = [c.mask for c in cues if c.value is None and is_label_file(c.mask) and Path(c.mask).is_file()]
    return list(dict.fromkeys(name for file in labels for name in label_names(file)))


def coloured_classes(cues: Sequence[Cue]) -> tuple[ClassInfo, ...]:
    """A class for each colour in the cues' colour-coded masks, numbered as `ids_of_colours` does.

    So that a colour means the same class in all of them, whatever else each shows; none where one mask, or one colour,
    is all there is, or where a mask is not of this kind.
    """
    coded = [c for c in cues if c.value is None and c.mask is not None and not is_label_file(c.mask)]
    if len(coded) < 2:
        return ()
    colours: set[int] = set()
    for cue in coded:
        found = mask_colours(cue.mask, cue.page)
        if found is None:  # mostly so with the first mask, and the others need not be read for this
            return ()
        colours |= found
    ids = sorted((i, c) for c, i in ids_of_colours(colours).items() if i != IGNORE)
    infos = tuple(ClassInfo(i, f"class {i}", f"#{c:06x}") for i, c in ids)
    return infos if len(infos) > 1 else ()


def _box(b: Any) -> Box:
    if isinstance(b, Box):
        return b
    _check_listed("boxes", b)
    if len(b) not in (4, 5):
        raise CueError(f"box {tuple(b)}: expected x1,y1,x2,y2 and optionally a class")
    x1, y1, x2, y2 = (float(v) for v in b[:4])
    return Box((x1, y1, x2, y2), int(b[4]) if len(b) == 5 else 1)


def _point(p: Any) -> Point:
    if isinstance(p, Point):
        return p
    _check_listed("points", p)
    if len(p) not in (2, 3):
        raise CueError(f"point {tuple(p)}: expected x,y and optionally a class")
    return Point((float(p[0]), float(p[1])), int(p[2]) if len(p) == 3 else 1)


def _check_listed(name: str, mark: Any) -> None:
    """Raise CueError where one mark was given without the list around it."""
    if isinstance(mark, int | float):
        raise CueError(f"{name} are a list of them, this holds the number {mark:g}; write {name}=[(...)]")


def _scribble(s: Any) -> Scribble:
    return s if isinstance(s, Scribble) else Scribble(tuple((float(x), float(y)) for x, y in s))


def _polygon(p: Any) -> Polygon:
    return p if isinstance(p, Polygon) else Polygon(tuple((float(x), float(y)) for x, y in p))
