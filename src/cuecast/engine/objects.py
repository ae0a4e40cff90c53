"""Objects of a class: what the cues show of them, and how a mask is told apart into them.

    cues --object_rule--> sizes, and whether things touch
    picture, mask --ObjectRule.tell_apart--> ids (H, W), each object of one class, every marked pixel in one

The mask itself is never changed. How a class's objects are told apart is learned from the cues when it is first asked
(`cuecast.engine.splitting`). Where the cues do not show that things touch, an object is a connected component.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.kept import Kept
from cuecast.core.objects import ToldApart, connected_instances, in_reading_order, reading_order
from cuecast.core.values import Example, Image, Marks
from cuecast.engine.sparse_objects import box_radii, boxes_meet, with_stated
from cuecast.engine.splitting import PlainSplitter, Splitter, learn_splitter

Bools = NDArray[np.bool_]
Labels = NDArray[np.int32]
Scores = NDArray[np.float32]

NEAR = 1.0
"""Radii between two things up to which they touch: the mask of an answer is too coarse to keep them apart."""
ALIKE = 3.0
"""Times that the upper quartile of areas is the lower one, up to which connected pieces look alike."""
UNLIKE = (
    "the connected pieces that the masks show differ much in size, so some may be several things that touch: they are "
    "told apart by their outlines alone; show the objects (--cue-objects IMAGE=IDS.png, objects=)"
)
CORE = 0.95
"""Share of a mask's pixels that lie nearer to its border than the core of its things."""
CLOSE = 1.25
"""Times by which two sizes of pictures may differ and still be the same: cues and queries are seen alike."""


@dataclass(frozen=True)
class ShownObjects:
    """What the cues show of the objects of one class.

    count   how many; 0: nothing is known of them.
    radius  the median of the greatest distance to an object's own border, in pixels.
    core    how far from the border of a cue's mask its innermost pixels lie (`CORE`), in pixels; 0: unknown.
    frame   the median of the square root of the area of the cues' pictures, in pixels.
    touch   whether some lie against each other, or so near that an answer's mask joins them.
    alike   whether what is taken for an object surely is one: it was told, or pieces are alike in size.
    doubt   what a person should know of it; empty: nothing.
    """

    count: int = 0
    radius: float = 0.0
    core: float = 0.0
    frame: float = 0.0
    touch: bool = False
    alike: bool = True
    doubt: str = ""

    def scale(self, thing: Bools) -> float:
        """How many times as large things are in a picture with this mask (H, W) as in the cues, where things keep their
        share of the frame: they do, or they are as large in pixels (of cut-outs), whichever the mask says."""
        times = float(np.sqrt(thing.size)) / self.frame
        if 1 / CLOSE < times < CLOSE:
            return 1.0
        if not self.core:
            return times
        measured = _core(thing) / self.core
        return min((1.0, times), key=lambda scale: abs(np.log(scale / measured)))


@dataclass(frozen=True, eq=False)
class ObjectRule:
    """How a label map becomes objects, by what is `shown` of each of the classes `class_ids` in some examples.

    framed  whether things keep their share of the frame from picture to picture.
    """

    class_ids: tuple[int, ...]
    shown: tuple[ShownObjects, ...]
    examples: tuple[Example, ...] = field(repr=False)
    framed: bool = True
    _splitters: Kept[Splitter | PlainSplitter | None] = field(default_factory=lambda: Kept(64), repr=False)

    @property
    def touch(self) -> bool:
        """Whether the cues show of any class that its things touch."""
        return any(s.touch for s in self.shown)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a person should know who asks for things to be told apart."""
        if not any(s.count for s in self.shown):
            return (
                "objects='split' is asked, but no cue shows an object, so they are connected pieces: mark some with a "
                "mask and ids, or with boxes",
            )
        return tuple(s.doubt for s in self.shown if s.doubt)

    def radii(self, size: tuple[int, int]) -> dict[int, float]:
        """Class id -> radius (pixels) of a usual thing in a picture of `size` (H, W), of classes of which objects are
        shown."""
        return {
            cls: shown.radius * (float(np.sqrt(size[0] * size[1])) / shown.frame if self.framed else 1.0)
            for cls, shown in zip(self.class_ids, self.shown, strict=True)
            if shown.count
        }

    def parts(self, cls: int) -> bool:
        """Whether the things of a class are told apart otherwise than as connected pieces."""
        return self._splitter(cls, self.shown[self.class_ids.index(cls)]) is not None

    def learn(self) -> None:
        """Learn now what else is learned when it is first asked."""
        for cls, shown in zip(self.class_ids, self.shown, strict=True):
            self._splitter(cls, shown)

    def tell_apart(
        self,
        image: Image,
        mask: Labels,
        depth: Scores | None = None,
        own: Sequence[Marks] = (),
    ) -> ToldApart:
        """The objects of the label map (H, W) of an image, in reading order.

        depth  (K, H, W) in [0, 1], how deep in its object each pixel lies, where the segmenter says it.
        own    marks on this very image: the objects that they tell apart stay as they are; a box or point is one.
        """
        found = connected_instances(mask)
        expected = np.full(int(found.max(initial=0)) + 1, np.nan, np.float32)
        for k, (cls, shown) in enumerate(zip(self.class_ids, self.shown, strict=True)):
            thing = mask == cls
            splitter = self._splitter(cls, shown) if thing.any() else None
            if splitter is not None:
                scale = shown.scale(thing) if self.framed else 1.0
                plane = None if depth is None else depth[k]
                parts, said = splitter.split(image.pixels, thing, scale, plane)
                found[thing] = parts[thing] + (len(expected) - 1)
                expected = np.concatenate([expected, said])
        for marks in own:
            found = with_stated(found, mask, marks)
            expected = np.pad(
                expected, (0, int(found.max(initial=0)) + 1 - len(expected)), constant_values=np.nan
            )
            if marks.objects is not None:
                stated = in_reading_order(np.where(mask > 0, marks.objects, 0))
                found = np.where(stated > 0, stated + np.int32(len(expected) - 1), found)
                expected = np.concatenate([expected, np.ones(int(stated.max(initial=0)), np.float32)])
        ordered = reading_order(found)
        new = np.zeros(len(expected), np.int32)
        new[ordered] = np.arange(1, len(ordered) + 1)
        return ToldApart(new[found], expected[ordered])

    def _splitter(self, cls: int, shown: ShownObjects) -> Splitter | PlainSplitter | None:
        def make() -> Splitter | PlainSplitter | None:
            if not shown.count:
                return None
            told = [(e, _shown_ids(e.marks, cls)) for e in self.examples]
            pictures = [(e.image.pixels, ids) for e, ids in told if ids is not None and ids.any()]
            if not shown.alike or not pictures:
                return PlainSplitter(shown.radius)
            scales = [shown.scale(ids > 0) if self.framed else 1.0 for _, ids in pictures]
            return learn_splitter(pictures, [shown.radius * scale for scale in scales])

        return self._splitters.get(cls, make)


def object_rule(examples: Sequence[Example], class_ids: Sequence[int], framed: bool = True) -> ObjectRule:
    """What the cues show of the objects of each class; `framed` as `ObjectRule` has it."""
    shown = tuple(shown_objects(examples, cls) for cls in class_ids)
    return ObjectRule(tuple(class_ids), shown, tuple(examples), framed)


def shown_objects(examples: Sequence[Example], cls: int) -> ShownObjects:
    """What cues show of the objects of a class: as told apart, else the connected components of masks, and boxes."""
    seen = [(e, ids) for e in examples if (ids := _shown_ids(e.marks, cls)) is not None and ids.any()]
    sparse = [e.marks for e in examples if e.marks.mask is None and box_radii(e.marks, cls)]
    if not seen and not sparse:
        return ShownObjects()
    sizes = [*(ids.shape for _, ids in seen), *(marks.size for marks in sparse)]
    frame = float(np.median([np.sqrt(h * w) for h, w in sizes]))
    radii: list[float] = []
    areas: list[int] = []
    for _, ids in seen:
        crops = [ids[where] == n for n, where in enumerate(ndimage.find_objects(ids), 1) if where]
        radii += [_radius(crop) for crop in crops]
        areas += [int(crop.sum()) for crop in crops]
    for marks in sparse:
        radii += box_radii(marks, cls)
    radius = float(np.median(radii))
    told = [(e, ids) for e, ids in seen if e.marks.objects is not None]
    touch = any(_touch(ids, NEAR * radius) for _, ids in told) or any(boxes_meet(m, cls) for m in sparse)
    low, high = np.quantile(areas or [1], (0.25, 0.75))
    alike = len(told) == len(seen) or bool(high <= ALIKE * low)
    core = float(np.median([_core(ids > 0) for _, ids in seen])) if seen else radius
    return ShownObjects(len(radii), radius, core, frame, touch, alike, "" if alike else UNLIKE)


def object_confidences(
    instances: Labels,
    mask: Labels,
    scores: Scores,
    class_ids: Sequence[int],
    expected: NDArray[np.float32] | None = None,
) -> tuple[float, ...]:
    """The IoU to be expected of each object of an id map (H, W): the mean of its own scores (K, H, W); where something
    is `expected` (n,) of how it was told apart, the geometric mean of both."""
    count = int(instances.max(initial=0))
    own = np.zeros(mask.shape, np.float32)
    for cls, plane in zip(class_ids, scores, strict=True):
        own = np.where(mask == cls, plane, own)
    flat = instances.ravel()
    total = np.bincount(flat, own.ravel(), count + 1)[1:]
    means = (total / np.maximum(np.bincount(flat, minlength=count + 1)[1:], 1)).clip(0, 1)
    if expected is not None:
        means = np.where(np.isnan(expected), means, np.sqrt(means * np.nan_to_num(expected).clip(0, 1)))
    return tuple(float(v) for v in means)


def _shown_ids(marks: Marks, cls: int) -> Labels | None:
    """The ids (H, W) of the objects of a class in a complete cue: as told, else its connected pieces."""
    if marks.mask is None:
        return None
    thing = marks.mask == cls
    if marks.objects is None:
        pieces, _ = ndimage.label(thing, NEIGHBOURS)
        return np.asarray(pieces, np.int32)
    # What nobody has told apart (a crowd) is no object.
    return in_reading_order(np.where(thing, marks.objects, 0).astype(np.int32))


def _core(thing: Bools) -> float:
    """How far from the border of a mask (H, W) its innermost pixels lie."""
    return float(np.quantile(ndimage.distance_transform_edt(np.pad(thing, 1))[1:-1, 1:-1][thing], CORE))


def _touch(ids: Labels, near: float) -> bool:
    """Whether two objects of an id map (H, W) lie against each other, or less than `near` pixels apart."""
    away, nearest = ndimage.distance_transform_edt(ids == 0, return_indices=True)
    grown = ids[tuple(nearest)]
    return any(
        bool((differ & (away[one] + away[other] <= near)).any())
        for one, other in _BESIDE
        if (differ := grown[one] != grown[other]).any()
    )


_ALL, _FIRST, _LAST = slice(None), slice(1, None), slice(None, -1)
_BESIDE = (
    ((_ALL, _FIRST), (_ALL, _LAST)), ((_FIRST, _ALL), (_LAST, _ALL)),
    ((_FIRST, _FIRST), (_LAST, _LAST)), ((_FIRST, _LAST), (_LAST, _FIRST)),
)  # fmt: skip


def _radius(thing: Bools) -> float:
    """The greatest distance (pixels) from a place in an object (h, w) to its border."""
    return float(ndimage.distance_transform_edt(np.pad(thing, 1)).max())
