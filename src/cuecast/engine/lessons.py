"""What the engine keeps of cues: a lesson for all classes that are looked at alike, and each class's part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cuecast.engine.forest import Forest
from cuecast.engine.location_prior import LocationPrior
from cuecast.engine.matcher import Knowledge

Array = NDArray[np.float32]


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
class Standard:
    """Features of one image that a mark's reach is measured by, (C, h, w), each channel standardised."""

    features: Array


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
