"""Objects of a class: what the cues show of them, and how a mask is told apart into them. Pure functions.

    cues --shown_objects--> sizes, and whether things touch
    mask, scores, depth --ObjectRule.tell_apart--> ids (H, W), each object of one class, every marked pixel in one

The mask itself is never changed. Where the cues do not show that things touch, an object is a connected component.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.objects import connected_instances, in_reading_order
from cuecast.core.values import Example, Marks
from cuecast.engine.sparse_objects import box_radii, boxes_meet, with_stated

Bools = NDArray[np.bool_]
Labels = NDArray[np.int32]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class ShownObjects:
    """What the cues show of the objects of one class.

    count   how many; 0: nothing is known of them.
    radius  the median of the greatest distance to an object's own border, in pixels.
    touch   whether some lie against each other.
    """

    count: int = 0
    radius: float = 0.0
    touch: bool = False


@dataclass(frozen=True)
class ObjectRule:
    """How a label map becomes objects: `shown` of each of the classes `class_ids`."""

    class_ids: tuple[int, ...] = ()
    shown: tuple[ShownObjects, ...] = ()

    @property
    def touch(self) -> bool:
        """Whether the cues show of any class that its things touch."""
        return any(s.touch for s in self.shown)

    def tell_apart(
        self,
        mask: Labels,
        scores: Scores,  # noqa: ARG002
        depth: Scores | None = None,  # noqa: ARG002
        own: Sequence[Marks] = (),
    ) -> Labels:
        """(H, W) int32: the object that each marked pixel of a label map (H, W) is of, from 1 in reading order.

        scores  (K, H, W) of the classes; depth (K, H, W) in [0, 1], how deep in its object each pixel lies, or None.
        own     marks on this very image: the objects that they tell apart stay as they are; a box or point is one.
        """
        found = connected_instances(mask)
        for cls, shown in zip(self.class_ids, self.shown, strict=True):
            if shown.count:
                thing = mask == cls
                parts = split_by_distance(thing, shown.radius)
                found[thing] = parts[thing] + found.max(initial=0)
        for marks in own:
            found = with_stated(found, mask, marks)
            if marks.objects is not None:
                stated = (marks.objects > 0) & (mask > 0)
                found[stated] = marks.objects[stated] + found.max(initial=0)
        return in_reading_order(found)


def object_rule(examples: Sequence[Example], class_ids: Sequence[int]) -> ObjectRule:
    """What the cues show of the objects of each class."""
    return ObjectRule(tuple(class_ids), tuple(shown_objects(examples, cls) for cls in class_ids))


def shown_objects(examples: Sequence[Example], cls: int) -> ShownObjects:
    """What cues show of the objects of a class: as told apart, else the connected components of masks, and boxes."""
    radii: list[float] = []
    touch = False
    for marks in (e.marks for e in examples):
        if marks.mask is None:
            radii += box_radii(marks, cls)
            touch |= boxes_meet(marks, cls)
        if marks.mask is None or not (marks.mask == cls).any():
            continue
        told = marks.objects is not None
        ids = marks.objects if marks.objects is not None else connected_instances(marks.mask)
        ids = np.where(marks.mask == cls, ids, 0)
        touch |= told and _touch(ids)
        radii += [_radius(ids[where] == i) for i, where in enumerate(ndimage.find_objects(ids), 1) if where]
    return ShownObjects(len(radii), float(np.median(radii)) if radii else 0.0, touch)


def object_confidences(
    instances: Labels, mask: Labels, scores: Scores, class_ids: Sequence[int]
) -> tuple[float, ...]:
    """The IoU to be expected of each object of an id map (H, W): what its own scores (K, H, W) say of it."""
    count = int(instances.max(initial=0))
    own = np.zeros(mask.shape, np.float32)
    for cls, plane in zip(class_ids, scores, strict=True):
        own = np.where(mask == cls, plane, own)
    flat = instances.ravel()
    total = np.bincount(flat, own.ravel(), count + 1)[1:]
    means = total / np.maximum(np.bincount(flat, minlength=count + 1)[1:], 1)
    return tuple(float(v) for v in means.clip(0, 1))


def split_by_distance(thing: Bools, radius: float) -> Labels:
    """The parts (H, W) int32, from 1, of a mask (H, W): watershed of the distance to its border from one seed for each
    hill of it, hills being at least `radius` apart."""
    from skimage import feature, segmentation

    peak_local_max: Any = feature.peak_local_max
    watershed: Any = segmentation.watershed
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(thing), max(radius / 4, 0.5))
    components, _ = ndimage.label(thing, NEIGHBOURS)
    peaks = peak_local_max(
        distance, min_distance=max(1, round(radius)), labels=components, exclude_border=False
    )
    seeds = np.zeros(thing.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts: Labels = watershed(-distance, seeds, mask=thing, connectivity=2)
    return parts


def _touch(ids: Labels) -> bool:
    """Whether two objects of an id map (H, W) lie against each other."""
    across = [
        (ids[1:], ids[:-1]),
        (ids[:, 1:], ids[:, :-1]),
        (ids[1:, 1:], ids[:-1, :-1]),
        (ids[1:, :-1], ids[:-1, 1:]),
    ]
    return any(bool(((a != b) & (a > 0) & (b > 0)).any()) for a, b in across)


def _radius(thing: Bools) -> float:
    """The greatest distance (pixels) from a place in an object (h, w) to its border."""
    return float(ndimage.distance_transform_edt(np.pad(thing, 1)).max())
