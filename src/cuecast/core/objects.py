"""Objects: as values, found in a label map, and measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import IGNORE

ObjectMode = Literal["auto", "split", "connected"]
"""How the pixels of a class become objects: 'connected' takes its connected components, 'split' tells apart those that
touch by what the cues show of them, 'auto' does so where the cues show that things touch."""
MODES: tuple[ObjectMode, ...] = get_args(ObjectMode)


def check_least(min_area: int, min_confidence: float) -> None:
    """Raise OutputError where the limits below which objects are left out are none."""
    if not min_area >= 0:
        raise OutputError(f"min_area is {min_area}", remedy="give a number of pixels, 0 or more")
    if not 0 <= min_confidence <= 1:
        raise OutputError(f"min_confidence is {min_confidence}", remedy="give one from 0 to 1, such as 0.5")


@dataclass(frozen=True, eq=False)
class ObjectMask:
    """One object: its class and its pixels as a crop `mask` (h, w) bool placed at row `top`, column `left`.

    The parts of an object that occlusion has split stay together in one ObjectMask. A `crowd` is several objects that
    nobody has told apart. `confidence` in [0, 1] is the IoU to be expected of its mask, None where nobody has said;
    `touches_border`: it reaches the edge of its image, where it may be cut off.
    """

    cls: int
    top: int
    left: int
    mask: NDArray[np.bool_]
    crowd: bool = False
    confidence: float | None = None
    touches_border: bool = False

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """Bounding box of the crop, half-open pixels."""
        return self.left, self.top, self.left + self.mask.shape[1], self.top + self.mask.shape[0]


@dataclass(frozen=True, eq=False)
class ToldApart:
    """The objects of a label map: `ids` (H, W) int32 from 1 in reading order, 0 for none; for each (n,) the IoU to be
    `expected` of its mask, NaN where nothing but the scores says."""

    ids: NDArray[np.int32]
    expected: NDArray[np.float32]

    @classmethod
    def of(cls, ids: NDArray[np.int32]) -> ToldApart:
        """Of ids (H, W) alone, in any order."""
        ordered = in_reading_order(ids)
        return cls(ordered, np.full(int(ordered.max(initial=0)), np.nan, np.float32))

    def keeping(self, keep: Sequence[bool]) -> ToldApart:
        """Without those that are not to `keep`, one word for each; the others count on without gaps."""
        stays = np.array(keep, bool)
        numbers = np.concatenate([[0], np.where(stays, stays.cumsum(), 0)]).astype(np.int32)
        return ToldApart(numbers[self.ids], self.expected[stays])


@dataclass(frozen=True, eq=False)
class Annotations:
    """The objects of one image, with the size they refer to: what every label format reads and writes.

    left_out  (H, W) bool: what counts neither as a thing nor as background; None: nothing is.
    """

    name: str
    size: tuple[int, int]
    objects: tuple[ObjectMask, ...]
    left_out: NDArray[np.bool_] | None = None

    def label_map(self) -> NDArray[np.int32]:
        """(H, W) int32 class ids; where objects overlap, the later one wins, and over crowds each does.

        IGNORE where there is none and something is left out.
        """
        drawn = self._drawn(o.cls for o in self.objects)
        return drawn if self.left_out is None else np.where((drawn == 0) & self.left_out, IGNORE, drawn)

    def object_map(self) -> NDArray[np.int32]:
        """(H, W) int32 ids, the place of each object among them from 1, 0 for none and for crowds; as `label_map`."""
        return self._drawn(0 if o.crowd else number for number, o in enumerate(self.objects, start=1))

    def listed(self, class_ids: Collection[int]) -> Iterator[tuple[int, ObjectMask]]:
        """The objects that have pixels, tightly cropped, each with its place among all of them from 1.

        Raises ValueError at one whose class is none of `class_ids`.
        """
        for number, obj in enumerate(map(tight, self.objects), start=1):
            if not obj.mask.size:
                continue
            if obj.cls not in class_ids:
                raise ValueError(
                    f"{self.name}: an object has class {obj.cls}, the classes are {sorted(class_ids)}"
                )
            yield number, obj

    def counts(self) -> dict[int, int]:
        """Class id -> number of objects; classes without any are left out."""
        return dict(sorted(Counter(o.cls for o in self.objects).items()))

    def _drawn(self, numbers: Iterable[int]) -> NDArray[np.int32]:
        out = np.zeros(self.size, np.int32)
        numbered = zip(self.objects, numbers, strict=True)
        for o, number in sorted(numbered, key=lambda each: not each[0].crowd):
            x1, y1, x2, y2 = o.xyxy
            out[y1:y2, x1:x2][o.mask] = number
        return out


@dataclass(frozen=True)
class ObjectMeasures:
    """The figures of one object, in pixels and, where the edge of a pixel is known, in `unit`.

    box         (x1, y1, x2, y2), half-open, tight around the object's pixels.
    centroid    (x, y) mean of the pixel centres; the centre of the first pixel is (0.5, 0.5).
    area        number of pixels, or that in unit squared.
    perimeter   by the Crofton formula in four directions; right on average for smooth outlines.
    major_axis  lengths of the axes of the ellipse with the same second moments.
    minor_axis
    touches_border  whether a pixel lies on the edge of the image, so that the object may be cut off.
    """

    cls: int
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    area: int
    perimeter: float
    major_axis: float
    minor_axis: float
    touches_border: bool
    unit: str | None = None
    box_units: tuple[float, float, float, float] | None = None
    centroid_units: tuple[float, float] | None = None
    area_units: float | None = None
    perimeter_units: float | None = None
    major_axis_units: float | None = None
    minor_axis_units: float | None = None


def connected_objects(mask: NDArray[np.int32]) -> tuple[ObjectMask, ...]:
    """The connected components (8-neighbourhood) of each class in a map (H, W) int32; 0 and IGNORE have none.

    Tight crops, in reading order of each object's first pixel: the leftmost one of its top row.
    """
    return objects_of(connected_instances(mask), mask)


def connected_instances(mask: NDArray[np.int32]) -> NDArray[np.int32]:
    """(H, W) int32: the number of the object each pixel is of, as `connected_objects` counts them from 1, else 0."""
    from scipy import ndimage

    found, count = np.zeros(mask.shape, np.int32), 0
    positive = np.maximum(mask, 0)
    classes = [(n, where) for n, where in enumerate(ndimage.find_objects(positive)) if where is not None]
    for index, where in classes:
        thing = positive[where] == index + 1
        components, parts = ndimage.label(thing, structure=NEIGHBOURS)
        np.copyto(found[where], components + count, where=thing)
        count += parts
    return found if len(classes) == 1 else in_reading_order(found)  # those of one class are in it already


def reading_order(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """(n,): the ids in a map (H, W), 0 for none, as their first pixels are read."""
    flat = np.maximum(instances, 0).ravel()
    first = np.full(int(flat.max(initial=0)) + 1, flat.size)
    # Backwards, for of several the last one stays, which is the first pixel. Sorting them all takes twice as long.
    first[flat[::-1]] = np.arange(flat.size)[::-1]
    numbers = 1 + np.flatnonzero(first[1:] < flat.size)
    return numbers[first[numbers].argsort()].astype(np.int32)


def in_reading_order(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same ids (H, W) int32, 0 for none, numbered anew: from 1 on, without gaps, as their first pixels are read."""
    ordered = reading_order(instances)
    new = np.zeros(int(instances.max(initial=0)) + 1, np.int32)
    new[ordered] = np.arange(1, len(ordered) + 1)
    return new[np.maximum(instances, 0)]


def objects_of(
    instances: NDArray[np.int32], mask: NDArray[np.int32], confidences: Sequence[float] | None = None
) -> tuple[ObjectMask, ...]:
    """The objects of an id map (H, W) int32 (ids from 1 without gaps, 0: none) in the order of their ids.

    mask         (H, W) int32 class ids: an object is of the class of its first pixel.
    confidences  one for each object; None: not known.
    """
    from scipy import ndimage

    found = []
    for index, where in enumerate(ndimage.find_objects(instances)):
        if where is None:
            continue
        rows, columns = where
        crop = instances[where] == index + 1
        cls = int(mask[rows.start, columns.start + int(crop[0].argmax())])
        at_edge = not (
            rows.start and columns.start and rows.stop < mask.shape[0] and columns.stop < mask.shape[1]
        )
        sure = None if confidences is None else float(confidences[index])
        found.append(
            ObjectMask(cls, rows.start, columns.start, crop, confidence=sure, touches_border=at_edge)
        )
    return tuple(found)


def of_one_class(ids: NDArray[np.int32], mask: NDArray[np.int32]) -> NDArray[np.int32]:
    """Ids (H, W) of objects of one class each: where one lies on several of `mask` (H, W), they are counted anew.

    So it is where things are numbered from 1 in each class.
    """
    inside = (ids > 0) & (mask > 0)
    classes = mask[inside]
    if not classes.size or (classes == classes[0]).all():
        return ids
    pairs, numbers = np.unique(ids[inside].astype(np.int64) << 32 | classes, return_inverse=True)
    if len(np.unique(pairs >> 32)) == len(pairs):
        return ids
    counted = np.zeros_like(ids)
    counted[inside] = numbers + 1
    return counted


def tight(obj: ObjectMask) -> ObjectMask:
    """The same object with its crop cut to its pixels; without pixels, a (0, 0) crop at (0, 0)."""
    rows, cols = np.flatnonzero(obj.mask.any(axis=1)), np.flatnonzero(obj.mask.any(axis=0))
    if not len(rows):
        return ObjectMask(obj.cls, 0, 0, np.zeros((0, 0), bool))
    crop = obj.mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return replace(obj, top=obj.top + int(rows[0]), left=obj.left + int(cols[0]), mask=crop)


def measure(
    obj: ObjectMask, size: tuple[int, int], pixel_size: float | None = None, unit: str | None = None
) -> ObjectMeasures:
    """The figures of one object in an image of `size` (H, W).

    pixel_size  edge of a pixel in `unit`; None leaves the figures in units None.

    Raises ValueError for an object without pixels or a pixel size that is not positive.
    """
    from skimage.measure import perimeter_crofton

    o = tight(obj)
    if not o.mask.size:
        raise ValueError("the object has no pixels: there is nothing to measure")
    if pixel_size is not None and not pixel_size > 0:
        raise ValueError(f"pixel size {pixel_size} is not positive: give the edge of one pixel, e.g. 0.25")
    x1, y1, x2, y2 = o.xyxy
    ys, xs = np.nonzero(o.mask)
    centroid = (float(xs.mean()) + x1 + 0.5, float(ys.mean()) + y1 + 0.5)
    major, minor = _axes(xs, ys)
    crofton: Any = perimeter_crofton
    perimeter = float(crofton(o.mask.astype(np.uint8), directions=4))
    border = x1 <= 0 or y1 <= 0 or x2 >= size[1] or y2 >= size[0]
    area = len(xs)
    if pixel_size is None:
        return ObjectMeasures(o.cls, o.xyxy, centroid, area, perimeter, major, minor, border)
    p = float(pixel_size)
    return ObjectMeasures(
        o.cls, o.xyxy, centroid, area, perimeter, major, minor, border,
        unit=unit or "unit", box_units=(x1 * p, y1 * p, x2 * p, y2 * p),
        centroid_units=(centroid[0] * p, centroid[1] * p), area_units=area * p * p,
        perimeter_units=perimeter * p, major_axis_units=major * p, minor_axis_units=minor * p,
    )  # fmt: skip


def _axes(xs: NDArray[np.intp], ys: NDArray[np.intp]) -> tuple[float, float]:
    """Full lengths (major, minor) of the ellipse with the same second moments as these pixels."""
    x, y = xs - xs.mean(), ys - ys.mean()
    # A pixel is a square, not a dot: it adds 1/12 to the variance, so that one pixel has an extent.
    return ellipse_axes(float((x * x).mean()), float((y * y).mean()), float((x * y).mean()))


def ellipse_axes(xx: float, yy: float, xy: float) -> tuple[float, float]:
    """Full lengths (major, minor) of the ellipse with these second moments of pixel centres about their mean."""
    xx, yy = xx + 1 / 12, yy + 1 / 12  # a pixel is a square, not a dot
    mean, spread = (xx + yy) / 2, float(np.hypot((xx - yy) / 2, xy))
    return 4 * float(np.sqrt(mean + spread)), 4 * float(np.sqrt(max(mean - spread, 0.0)))
