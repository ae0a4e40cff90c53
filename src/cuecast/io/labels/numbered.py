"""Label maps whose values number things: one thing of one class a value, as cellpose, StarDist and napari write them.

Nothing in such a file says so. What its values look like does: a class comes in several pieces, has gaps in its
numbers, lies inside another class or leaves no background; a thing is of one piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import IGNORE

MANY = 8
"""Values from which on a map may be told to be of things by its pieces alone."""
_MAIN_PIECE = 0.9
"""Share of a value's pixels from which on its largest piece counts as all of it."""


@dataclass(frozen=True, eq=False)
class Values:
    """What the n values above 0 of a label map look like.

    numbers     the values, in order.
    shares      of the picture that each covers, in [0, 1].
    whole       whether each is of one piece.
    nested      whether each lies inside one other value.
    background  share of the picture that is 0.
    """

    numbers: NDArray[np.int64]
    shares: NDArray[np.float64]
    whole: NDArray[np.bool_]
    nested: NDArray[np.bool_]
    background: float

    @property
    def many_things(self) -> bool:
        """Whether they number many things. Measured: no map of 407 of classes, 9 of 10 maps of things."""
        if len(self.numbers) < MANY or self.shares.max() > 0.3 or self.background < 0.1:
            return False
        counted = self.whole.mean() >= 0.75 and self._without_gaps >= 0.9 and self._median <= 0.05
        # A slice or a part of a picture shows some of the numbers.
        alike = (
            self.whole.mean() >= 0.95
            and self._median <= 0.02
            and self._spread <= 4
            and self.background >= 0.3
        )
        return bool(counted or alike)

    @property
    def few_things(self) -> bool:
        """Whether they may number a few things. Measured: 1 of 1,200 maps of classes, half of those of things."""
        return bool(
            3 <= len(self.numbers) < MANY
            and self.whole.all()
            and self._without_gaps == 1
            and self._median <= 0.05
            and self._spread <= 3
            and self.background >= 0.3
        )

    @property
    def no_things(self) -> bool:
        """Whether they cannot well be things of one class."""
        return (
            self.whole.mean() < 0.5
            or self.nested.mean() > 0.2
            or self.background < 0.02
            or (len(self.numbers) > 1 and self.shares.max() > 0.5)
        )

    @property
    def scattered(self) -> bool:
        """Whether they are those of a picture rather than labels."""
        return len(self.numbers) > 64 and self.whole.mean() < 0.5

    @property
    def _median(self) -> float:
        return float(np.median(self.shares))

    @property
    def _spread(self) -> float:
        """How many times larger the larger ones are than the smaller ones, by quartiles."""
        low, high = np.percentile(self.shares, (25, 75))
        return float(high / low)

    @property
    def _without_gaps(self) -> float:
        return len(self.numbers) / float(self.numbers[-1] - self.numbers[0] + 1)


def look_at(labels: NDArray[np.int32]) -> Values:
    """What the values of a label map (H, W) look like."""
    from skimage.measure import label

    numbers, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    thing = numbers > 0
    if not thing.any():
        none = np.zeros(0, bool)
        return Values(np.zeros(0, np.int64), np.zeros(0), none, none, float((labels == 0).mean()))
    marked = np.where(labels > 0, labels, 0)
    components: NDArray[Any] = label(marked, background=0, connectivity=2)  # type: ignore[no-untyped-call]
    sizes = np.bincount(components.ravel())
    value_of = np.zeros(len(sizes), np.int64)
    value_of[components.ravel()] = index.ravel()
    largest = np.zeros(len(numbers), np.int64)
    np.maximum.at(largest, value_of[1:], sizes[1:])
    areas = np.bincount(index.ravel(), minlength=len(numbers))
    whole = largest[thing] >= _MAIN_PIECE * areas[thing]
    # Of a picture's many values nobody asks.
    nested = _nested(index, numbers)[thing] if whole.mean() >= 0.5 else np.zeros(len(whole), bool)
    return Values(
        numbers[thing].astype(np.int64),
        areas[thing] / labels.size,
        whole,
        nested,
        float((labels == 0).mean()),
    )


def _nested(index: NDArray[Any], numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,): whether what surrounds a value is one other value above 0 alone. At the border it is not."""
    count = len(numbers)
    framed = np.pad(index, 1, constant_values=count)
    beside = [(framed[:-1], framed[1:]), (framed[:, :-1], framed[:, 1:])]
    pairs = np.concatenate([np.unique(a[a != b] * (count + 1) + b[a != b]) for a, b in beside])
    pairs = np.unique(np.concatenate([pairs, pairs % (count + 1) * (count + 1) + pairs // (count + 1)]))
    one, other = pairs // (count + 1), pairs % (count + 1)
    neighbours = np.bincount(one, minlength=count + 1)[:count]
    above = np.append(numbers > 0, False)
    inside = np.bincount(one[above[other]], minlength=count + 1)[:count]
    return np.asarray((neighbours == 1) & (inside == 1))


def likeliest_first(labels: NDArray[Any]) -> list[tuple[int, float]]:
    """(value, share of the picture that it covers) of the values above 0, the smallest share first."""
    numbers, areas = np.unique(labels[labels > 0], return_counts=True)
    order = np.lexsort((numbers, areas))
    return [(int(numbers[i]), float(areas[i]) / labels.size) for i in order]


def values_hint(labels: NDArray[np.int32] | None, cls: int) -> str:
    """How to say which values of a mask (H, W) are the thing, where it marks a class `cls` that nobody has named."""
    found = [] if labels is None else likeliest_first(labels)
    if cls not in dict(found):
        return f"or say which values of the mask are the thing (value={cls}, --value {cls})"
    held = ", ".join(f"{value} ({share:.0%})" for value, share in found[:4]) + (", ..." if found[4:] else "")
    return (
        f"or say which values of the mask are the thing (value={found[0][0]}, --value {found[0][0]}; of the picture it "
        f"holds {held})"
    )


def colours_hint(packed: NDArray[np.int64]) -> str:
    """How to say which colours (H, W, packed, 0 for none) are the thing."""
    found = likeliest_first(packed)
    held = ", ".join(f"#{colour:06x} ({share:.0%})" for colour, share in found[:4]) + (
        ", ..." if found[4:] else ""
    )
    return (
        f"name each, or say which colours are the thing (value={found[0][0]}, --value {found[0][0]} for "
        f"#{found[0][0]:06x}; of the picture it holds {held})"
    )


def as_things(labels: NDArray[np.int32], cls: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(label map in which each value above 0 is class `cls`, ids (H, W): the values as they were)."""
    return np.where(labels > 0, cls, labels).astype(np.int32), np.where(labels == IGNORE, 0, labels)
