"""Bodies: the objects of labels in three dimensions, numbered and measured slice by slice, and objects.csv of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing, write_row
from cuecast.io.volumes.reading import scratch
from cuecast.io.volumes.volume import Volume

COLUMNS = (
    "volume", "object", "class", "class_id", "x1", "y1", "z1", "x2", "y2", "z2", "centroid_x", "centroid_y",
    "centroid_z", "voxels", "touches_border", "millilitres", "centroid_right_mm", "centroid_anterior_mm",
    "centroid_superior_mm",
)  # fmt: skip
"""Columns of a volume's objects.csv. The last four are empty where spacing or place are unknown."""


@dataclass(frozen=True)
class Body:
    """The figures of one object.

    box       (x1, y1, z1, x2, y2, z2) in voxels, half-open.
    centroid  (x, y, z), mean of the voxel indices.
    voxels    how many; `millilitres` their volume, None where the size of a voxel is unknown.
    place     the centroid as (right, anterior, superior) in mm, None where the file places the volume nowhere.
    touches_border  whether a voxel lies on a face of the volume, so that it may be cut off.
    """

    cls: int
    box: tuple[int, int, int, int, int, int]
    centroid: tuple[float, float, float]
    voxels: int
    touches_border: bool
    millilitres: float | None = None
    place: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Figures:
    """What is summed over the voxels of numbered bodies, at index 0 of none.

    low, high  (n + 1, 3): the box along (x, y, z), half-open; total (n + 1, 3): sums of x, y, z; voxels (n + 1,).
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    total: NDArray[np.float64]
    voxels: NDArray[np.int64]

    def box(self, number: int) -> tuple[slice, slice, slice]:
        """Where a body lies in an array (Z, Y, X)."""
        (x1, y1, z1), (x2, y2, z2) = self.low[number].tolist(), self.high[number].tolist()
        return slice(z1, z2), slice(y1, y2), slice(x1, x2)


def bodies(
    labels: NDArray[Any], volume: Volume, numbers: NDArray[np.int32] | None = None
) -> tuple[Body, ...]:
    """The bodies of labels (Z, Y, X), measured, in the order of their numbers (Z, Y, X).

    numbers  from 1 without gaps, each of one class; None: the components (26-neighbourhood) of each class.
    """
    numbers = in_order(labels, number_components(labels)) if numbers is None else numbers
    figures = figures_of(numbers)
    classes = classes_of(labels, numbers, len(figures.voxels) - 1)
    return tuple(
        _measured(figures, number, int(classes[number]), labels.shape, volume)
        for number in range(1, len(classes))
    )


def number_components(labels: NDArray[Any]) -> NDArray[np.int32]:
    """(Z, Y, X) int32: the number of the component (26-neighbourhood) of one class that each voxel of labels is of.

    From 1, 0 for none; on disk where it is large. Two slices are in memory at a time: components of a slice are joined
    with those of the slice before that they touch.
    """
    from scipy import ndimage
    from scipy.cluster.hierarchy import DisjointSet

    numbers: NDArray[np.int32] = scratch(labels.shape, np.int32)
    joined, classes = DisjointSet(), [0]
    for z, plane in enumerate(labels):
        here = numbers[z]
        for cls in (int(c) for c in np.unique(plane) if c > 0):
            found, count = ndimage.label(plane == cls, structure=NEIGHBOURS)
            for number in range(len(classes), len(classes) + count):
                joined.add(number)
            here[found > 0] = found[found > 0] + (len(classes) - 1)
            classes += [cls] * count
        for a, b in _touching(numbers[z - 1], here) if z else ():
            if classes[a] == classes[b]:
                joined.merge(a, b)
    roots: dict[int, int] = {}
    new = [0, *(roots.setdefault(joined[n], len(roots) + 1) for n in range(1, len(classes)))]
    renumber(numbers, np.array(new, np.int32))
    return numbers


def in_order(labels: NDArray[Any], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same numbers (Z, Y, X), changed in place: from 1 on without gaps in the order of the first slice, then of the
    class, then of the first voxel there. Read-only."""
    new = np.zeros(int(numbers.max(initial=0)) + 1, np.int32)
    known = 0
    for plane, classes in zip(numbers, labels, strict=True):
        found, first = np.unique(plane, return_index=True)
        unknown = (found > 0) & (new[found] == 0)
        found, first = found[unknown], first[unknown]
        ordered = found[np.lexsort((first, classes.ravel()[first]))]
        new[ordered] = np.arange(known + 1, known + len(ordered) + 1)
        known += len(ordered)
    renumber(numbers, new)
    numbers.flags.writeable = False
    return numbers


def renumber(numbers: NDArray[np.int32], new: NDArray[np.int32]) -> None:
    """Put `new` (n,) numbers in the place of those in an array (Z, Y, X), slice by slice."""
    for plane in numbers:
        plane[...] = new[plane]


def figures_of(numbers: NDArray[np.int32]) -> Figures:
    """The figures of bodies by their numbers (Z, Y, X)."""
    count = int(numbers.max(initial=0))
    low = np.full((count + 1, 3), np.iinfo(np.int64).max)
    high, total = np.zeros((count + 1, 3), np.int64), np.zeros((count + 1, 3))
    voxels = np.zeros(count + 1, np.int64)
    for z, plane in enumerate(numbers):
        ys, xs = np.nonzero(plane)
        found, of, many = np.unique(plane[ys, xs], return_inverse=True, return_counts=True)
        for axis, places in enumerate((xs, ys)):
            np.minimum.at(low[:, axis], found[of], places)
            np.maximum.at(high[:, axis], found[of], places + 1)
            total[found, axis] += np.bincount(of, places, len(found))
        low[found, 2] = np.minimum(low[found, 2], z)
        high[found, 2], total[found, 2] = z + 1, total[found, 2] + z * many
        voxels[found] += many
    return Figures(low, high, total, voxels)


def classes_of(labels: NDArray[Any], numbers: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """(count + 1,): the class of each body by its number (Z, Y, X)."""
    classes = np.zeros(count + 1, np.int64)
    for plane, of in zip(labels, numbers, strict=True):
        found, first = np.unique(of, return_index=True)
        classes[found] = plane.ravel()[first]
    return classes


def write_bodies_csv(path: Path, name: str, found: Sequence[Body], classes: Sequence[ClassInfo]) -> Path:
    """objects.csv of a volume, whole or not at all; `object` counts from 1. Raises OutputError."""
    names = {c.id: c.name for c in classes}
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.write(write_row(COLUMNS))
        for number, body in enumerate(found, start=1):
            found_at = (*body.box, *body.centroid, body.voxels, str(body.touches_border).lower())
            measured = (body.millilitres, *(body.place or ("", "", "")))
            out.write(write_row([name, number, names[body.cls], body.cls, *found_at, *measured]))
    return path


def _touching(before: NDArray[np.int32], here: NDArray[np.int32]) -> set[tuple[int, int]]:
    """Pairs of numbers that touch across two slices, corners included."""
    if not before.any() or not here.any():
        return set()
    H, W = here.shape
    around = np.pad(before, 1)
    pairs: set[tuple[int, int]] = set()
    for dy in range(3):
        for dx in range(3):
            other = around[dy : dy + H, dx : dx + W]
            both = (other > 0) & (here > 0)
            pairs |= {(int(a), int(b)) for a, b in np.unique(np.stack([other[both], here[both]], 1), axis=0)}
    return pairs


def _measured(figures: Figures, number: int, cls: int, shape: tuple[int, ...], volume: Volume) -> Body:
    low, high, voxels = figures.low[number], figures.high[number], int(figures.voxels[number])
    x, y, z = (float(v) for v in figures.total[number] / voxels)
    border = bool((low <= 0).any() or (high >= shape[::-1]).any())
    x1, y1, z1 = low.tolist()
    x2, y2, z2 = high.tolist()
    ml = volume.voxel_ml
    place = None
    if volume.affine is not None:
        right, anterior, superior = (float(v) for v in volume.affine[:3] @ (x, y, z, 1.0))
        place = (right, anterior, superior)
    return Body(
        cls, (x1, y1, z1, x2, y2, z2), (x, y, z), voxels, border,
        millilitres=None if ml is None else ml * voxels, place=place,
    )  # fmt: skip
