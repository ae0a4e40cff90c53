"""What the engine keeps of cues, and at which working scale it looks at them.

A lesson is for all classes that are looked at alike. The working scale is chosen from the size of the marked thing:
small things are looked at more closely.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from cuecast.core.geometry import mark_labels
from cuecast.core.values import Example
from cuecast.engine.forest import Forest
from cuecast.engine.location_prior import LocationPrior
from cuecast.engine.matcher import Knowledge

Array = NDArray[np.float32]

STROKES = 2
"""How many times the base side the working side is at most where strokes alone show the thing: a line is drawn as wide
on a face as on a crack, and four times the pixels are dear."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is known of K classes at their common working scale.

    classes their ids;
    side    the square root of the working frame's area, in working pixels, for scale 'frame';
    zoom    working pixels per image pixel for scale 'pixel' (None for 'frame');
    known   what the matcher knows;
    forest  the per-pixel classifier, None where the cues show nothing but one thing;
    looks   for each class (n, 2, C) mean and deviation of the pixel features over each cue;
    places  where in the frame each was shown, for scale 'frame';
    again   whether a query may be looked at twice.
    """

    classes: tuple[int, ...]
    side: float
    zoom: float | None
    known: Knowledge = field(repr=False)
    forest: Forest | None = field(repr=False)
    looks: tuple[Array, ...] = field(repr=False)
    places: tuple[LocationPrior, ...] = field(repr=False)
    again: bool
    key: object = field(default_factory=object, repr=False)
    """Stands for this lesson in caches, which must not keep it alive."""

    def only(self, rows: Sequence[int]) -> Lesson:
        """The same lesson for some of its classes, counted from 0."""
        return replace(
            self,
            classes=tuple(self.classes[k] for k in rows),
            known=self.known.only(rows),
            forest=self.forest and self.forest.only(rows),
            looks=tuple(self.looks[k] for k in rows),
            places=tuple(self.places[k] for k in rows),
            key=object(),
        )


@dataclass(frozen=True, eq=False)
class Scene:
    """What a lesson says of one image before anything is refined.

    planes (K, P, h, w): `verdict_features.PLANES` of each class; the image's look (2, C); there (K,): logit of each
    thing being anywhere in it.
    """

    planes: Array
    look: Array
    there: Array


@dataclass(frozen=True, eq=False)
class MatchingKnowledge:
    """class_ids in the order given to `learn`; each belongs to one lesson."""

    class_ids: tuple[int, ...]
    lessons: tuple[Lesson, ...]


def groups(scales: Sequence[tuple[float, float | None]], most: int) -> list[list[int]]:
    """Which classes to learn together: those of one scale, in their order, at most `most` of them."""
    found: dict[tuple[float, float | None], list[int]] = {}
    for k, scale in enumerate(scales):
        found.setdefault(scale, []).append(k)
    return [rows[i : i + most] for rows in found.values() for i in range(0, len(rows), most)]


def working_side(examples: Sequence[Example], cls: int, preprocessing: Mapping[str, Any]) -> float:
    """Square root of the working frame's area, in working pixels.

    The base side is doubled in half steps until the thing is `thickness` working pixels thick (the median of its
    cues), or nothing is gained because the cue images have no more pixels, or `most` is reached.
    """
    base, most, wanted = (float(preprocessing[k]) for k in ("side", "most", "thickness"))
    found = [t for t in (_relative_thickness(e, cls) for e in examples) if t is not None]
    native = float(np.median([np.prod(e.image.size) ** 0.5 for e in examples]))
    half_steps = 0
    most = most if any(_shows_size(e, cls) for e in examples) else min(most, STROKES * base)
    limit = min(most, 1.2 * native) * 1.001
    while (
        found
        and _side(base, half_steps) * float(np.median(found)) < wanted
        and _side(base, half_steps + 1) <= limit
    ):
        half_steps += 1
    return _side(base, half_steps)


def _shows_size(example: Example, cls: int) -> bool:
    """Whether a cue says how thick the thing is; a stroke only hints at it."""
    marks = example.marks
    masked = marks.mask is not None and bool((marks.mask == cls).any())
    return masked or any(b.cls == cls for b in marks.boxes)


def _side(base: float, half_steps: int) -> float:
    return float(base * 2 ** (half_steps / 2))


def _relative_thickness(example: Example, cls: int) -> float | None:
    """Typical thickness of the marked thing over the square root of the image's area; None where unknown."""
    marks = example.marks
    root = math.sqrt(math.prod(example.image.size))
    labels = mark_labels(marks)
    if marks.mask is not None and (labels == cls).any():
        return thickness(labels == cls) / root
    sides = [min(b.xyxy[2] - b.xyxy[0], b.xyxy[3] - b.xyxy[1]) for b in marks.boxes if b.cls == cls]
    if sides:
        return float(np.median(sides)) / root
    widths = [s.width for s in marks.strokes if s.cls == cls and s.width is not None]
    return 2 * float(np.median(widths)) / root if widths else None


def thickness(mask: NDArray[np.bool_]) -> float:
    """Typical thickness in pixels of a mask (H, W): the mean over it of four times the distance to its border.

    A strip of width t has a mean distance of t / 4, a disc of diameter d one of d / 6.
    """
    # Nothing around it matters, and that may be most of the image.
    thing = mask[find_objects(mask.astype(np.uint8))[0]]
    distance = distance_transform_edt(np.pad(thing, 1))[1:-1, 1:-1]
    return float(4 * (distance[thing] - 0.5).clip(0.25).mean())


def working_scale(
    examples: Sequence[Example], cls: int, scale: str, preprocessing: Mapping[str, Any]
) -> tuple[float, float | None]:
    """`working_side` of a class, and for scale 'pixel' its `common_zoom`; None for 'frame'."""
    side = working_side(examples, cls, preprocessing)
    return side, common_zoom(examples, cls, side) if scale == "pixel" else None


def least_zoom(zooms: Iterable[float | None]) -> float:
    """What `Segmenter.zoom` gives of the zooms of lessons."""
    return min((zoom for zoom in zooms if zoom), default=1.0)


def working_factor(size: tuple[int, int], side: float, zoom: float | None) -> float:
    """Working pixels per pixel of an image of size (H, W): the zoom, or as makes its area side x side."""
    return zoom if zoom is not None else side / math.prod(size) ** 0.5


def common_zoom(examples: Sequence[Example], cls: int, side: float) -> float:
    """Working pixels per image pixel: those of the largest frame that shows the class."""
    areas = [float(np.prod(e.image.size)) for e in examples if cls in e.marks.class_ids]
    zoom: float = side / max(areas) ** 0.5
    return min(1.0, zoom)
