"""Things of one class that keep their numbers from frame to frame, also where they touch.

    masks and parts of a frame --Identities.step--> the same parts by numbers that stay, and what is known for the next

Each thing is expected where it was last seen, moved on as it moved then. Parts go to the thing that they overlap most
(IoU), and where nothing overlaps to the nearest of about its size. A part that holds several things, each for the most
part, is cut between them: two things that were apart and now touch stay two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.objects import ObjectMask, objects_of

Labels = NDArray[np.int32]

ALIKE = 0.1
"""IoU from which a part may be a thing that is expected there."""
FORGOTTEN = 10
"""Frames without a thing after which it is not looked for any more."""
NEAR = 1.5
"""Square roots of its area that a thing may be away from where it is expected, without overlap; its area may then be
`SIZES` times as large or as small."""
SIZES = 2.0
SLOW = 0.2
"""Share of a new frame in the usual area of a thing."""
WHOLE = 0.75
"""Share of the usual areas of several things that a part must have to hold them all: else one hides the others."""


@dataclass(frozen=True, eq=False)
class Identity:
    """A thing as it was last seen: its number, its pixels, its usual area, how far (down, right) it moves a frame, and
    for how many frames it was not seen."""

    number: int
    seen: ObjectMask
    area: float
    move: tuple[float, float] = (0.0, 0.0)
    unseen: int = 0

    def expected(self, size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of its pixels where it is expected in the next frame of `size` (H, W)."""
        down, right = (round(m * (self.unseen + 1)) for m in self.move)
        rows, columns = np.nonzero(self.seen.mask)
        rows, columns = rows + self.seen.top + down, columns + self.seen.left + right
        inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
        return rows[inside], columns[inside]

    def seen_again(self, obj: ObjectMask) -> Identity:
        """The same thing, seen in the next frame."""
        down, right = np.subtract(_middle(obj), _middle(self.seen)) / (self.unseen + 1)
        area = (1 - SLOW) * self.area + SLOW * obj.area
        return Identity(self.number, obj, area, (float(down), float(right)))


@dataclass(frozen=True)
class Identities:
    """What is known after a frame: the things that may be seen again, and how many numbers were given."""

    known: tuple[Identity, ...] = ()
    count: int = 0

    def step(self, parts: Labels, mask: Labels) -> tuple[Identities, Labels]:
        """The things after the next frame, and its ids (H, W) int32: their numbers, from 1, 0 for none.

        parts  (H, W) int32, the objects of the frame from 1 without gaps, as `Concept.tell_apart` gives them.
        mask   (H, W) int32 class ids; a thing stays of its class.
        """
        parts = _cut(parts, mask, self.known)
        objects = objects_of(parts, mask)
        of = _matched(self.known, objects, parts)
        count, known = self.count, []
        numbers = np.zeros(len(objects) + 1, np.int32)
        for index, obj in enumerate(objects):
            former = of.get(index)
            if former is None:
                count += 1
                new = Identity(count, obj, obj.area)
            else:
                new = former.seen_again(obj)
            numbers[index + 1] = new.number
            known.append(new)
        found = {i.number for i in known}
        gone = [replace(i, unseen=i.unseen + 1) for i in self.known if i.number not in found]
        known += [i for i in gone if i.unseen <= FORGOTTEN]
        return Identities(tuple(sorted(known, key=lambda i: i.number)), count), numbers[parts]


def _cut(parts: Labels, mask: Labels, known: Sequence[Identity]) -> Labels:
    """The parts (H, W), those that hold several of the things that were seen just before cut between them."""
    held: dict[int, list[Identity]] = {}
    for identity in known:
        rows, columns = identity.expected(parts.shape)
        if identity.unseen or not len(rows):
            continue
        own = np.where(mask[rows, columns] == identity.seen.cls, parts[rows, columns], 0)
        most = int(np.bincount(own)[1:].argmax()) + 1 if own.any() else 0
        if most and 2 * (own == most).sum() > len(rows):
            held.setdefault(most, []).append(identity)
    count, out = int(parts.max(initial=0)), parts
    boxes = ndimage.find_objects(parts)
    for part, things in held.items():
        box = boxes[part - 1]
        thing = parts[box] == part
        if len(things) < 2 or thing.sum() < WHOLE * sum(i.area for i in things):
            continue
        seeds = np.zeros(parts.shape, np.int32)
        for order, identity in enumerate(things, start=1):
            rows, columns = identity.expected(parts.shape)
            # Where two are expected at the same place, nothing is said of it.
            seeds[rows, columns] = np.where(seeds[rows, columns] > 0, -1, order)
        crop = np.where(thing, seeds[box].clip(0), 0)
        nearest = ndimage.distance_transform_edt(crop == 0, return_distances=False, return_indices=True)
        cut = crop[tuple(nearest)]
        out = out.copy() if out is parts else out
        out[box] = np.where(thing & (cut > 1), cut + (count - 1), out[box])
        count += len(things) - 1
    return _without_gaps(out) if out is not parts else parts


def _without_gaps(parts: Labels) -> Labels:
    return np.unique(parts, return_inverse=True)[1].reshape(parts.shape).astype(np.int32)


def _matched(known: Sequence[Identity], objects: Sequence[ObjectMask], parts: Labels) -> dict[int, Identity]:
    """Index of an object (its part less 1) -> the thing that it is; each thing is one object at most."""
    areas = [o.area for o in objects]
    overlaps: list[tuple[float, int, int]] = []
    for place, identity in enumerate(known):
        rows, columns = identity.expected(parts.shape)
        shared = np.bincount(parts[rows, columns], minlength=len(objects) + 1)[1:]
        for index in np.flatnonzero(shared).tolist():
            if objects[index].cls == identity.seen.cls:
                iou = shared[index] / (len(rows) + areas[index] - shared[index])
                overlaps.append((-float(iou), place, index))
    found = _greedy([o for o in overlaps if -o[0] >= ALIKE], {})
    near: list[tuple[float, int, int]] = []
    for place, identity in enumerate(known):
        down, right = np.add(_middle(identity.seen), np.multiply(identity.move, identity.unseen + 1))
        for index, obj in enumerate(objects):
            y, x = _middle(obj)
            away, area = float(np.hypot(y - down, x - right)), identity.seen.area
            alike = obj.cls == identity.seen.cls and 1 / SIZES <= areas[index] / area <= SIZES
            if alike and away <= NEAR * area**0.5:
                near.append((away, place, index))
    return {index: known[place] for index, place in _greedy(near, found).items()}


def _greedy(pairs: Sequence[tuple[float, int, int]], found: dict[int, int]) -> dict[int, int]:
    """Index -> place of (cost, place, index), the cheapest first, each once, beside what was `found` before."""
    out, taken = dict(found), set(found.values())
    for _, place, index in sorted(pairs):
        if index not in out and place not in taken:
            out[index] = place
            taken.add(place)
    return out


def _middle(obj: ObjectMask) -> tuple[float, float]:
    """(row, column) of the middle of its pixels."""
    rows, columns = np.nonzero(obj.mask)
    return obj.top + float(rows.mean()), obj.left + float(columns.mean())
