"""Bodies: the connected components of labels in three dimensions, found slice by slice, and objects.csv of them."""

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
from cuecast.io.volumes.volume import Volume

COLUMNS = (
    "volume", "object", "class", "class_id", "x1", "y1", "z1", "x2", "y2", "z2", "centroid_x", "centroid_y",
    "centroid_z", "voxels", "touches_border", "millilitres", "centroid_right_mm", "centroid_anterior_mm",
    "centroid_superior_mm",
)  # fmt: skip
"""Columns of a volume's objects.csv. The last four are empty where spacing or place are unknown."""


@dataclass(frozen=True)
class Body:
    """The figures of one connected component.

    box       (x1, y1, z1, x2, y2, z2) in voxels, half-open.
    centroid  (x, y, z), mean of the voxel indices.
    voxels    how many; `millilitres` their volume, None where the size of a voxel is unknown.
    place     the centroid as (right, anterior, superior) in mm, None where the file places the volume nowhere.
    touches_border  whether a voxel lies on a face of the volume, so that the component may be cut off.
    """

    cls: int
    box: tuple[int, int, int, int, int, int]
    centroid: tuple[float, float, float]
    voxels: int
    touches_border: bool
    millilitres: float | None = None
    place: tuple[float, float, float] | None = None


@dataclass
class _Sums:
    """What is summed over the voxels of a component while the slices go by."""

    cls: int
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    total: NDArray[np.float64]
    voxels: int

    def joined(self, other: _Sums) -> _Sums:
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return _Sums(self.cls, low, high, self.total + other.total, self.voxels + other.voxels)


def bodies(labels: NDArray[Any], volume: Volume) -> tuple[Body, ...]:
    """The components (26-neighbourhood) of each class in labels (Z, Y, X), in the order of their first voxel.

    Two slices are in memory at a time: components of a slice are joined with those of the slice before that they touch.
    """
    from scipy.cluster.hierarchy import DisjointSet

    components: list[_Sums] = []
    joined = DisjointSet()
    before = np.zeros(labels.shape[1:], np.int64)
    for z, plane in enumerate(labels):
        known = len(components)
        here = _number_components(np.asarray(plane), z, components)
        for number in range(known, len(components)):
            joined.add(number)
        for a, b in _touching(before, here, components):
            joined.merge(a, b)
        before = here
    merged: dict[int, _Sums] = {}
    for number, component in enumerate(components):
        root = joined[number]
        merged[root] = merged[root].joined(component) if root in merged else component
    return tuple(_measured(m, labels.shape, volume) for m in merged.values())


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


def _number_components(plane: NDArray[Any], z: int, components: list[_Sums]) -> NDArray[np.int64]:
    """The components of a slice, numbered from 1 on after those that are known; they join `components`."""
    from scipy import ndimage

    numbers = np.zeros(plane.shape, np.int64)
    for cls in np.unique(plane[plane > 0]):
        found, count = ndimage.label(plane == cls, structure=NEIGHBOURS)
        for number, (rows, columns) in enumerate(ndimage.find_objects(found), start=1):
            ys, xs = np.nonzero(found[rows, columns] == number)
            ys, xs = ys + rows.start, xs + columns.start
            low, high = np.array((columns.start, rows.start, z)), np.array((columns.stop, rows.stop, z + 1))
            total = np.array([xs.sum(), ys.sum(), z * len(xs)], np.float64)
            components.append(_Sums(int(cls), low, high, total, len(xs)))
        numbers[found > 0] = found[found > 0] + len(components) - count
    return numbers


def _touching(
    before: NDArray[np.int64], here: NDArray[np.int64], components: Sequence[_Sums]
) -> set[tuple[int, int]]:
    """Pairs of components (from 0) of the same class that touch across two slices, corners included."""
    if not before.any() or not here.any():
        return set()
    H, W = here.shape
    around = np.pad(before, 1)
    pairs: set[tuple[int, int]] = set()
    for dy in range(3):
        for dx in range(3):
            other = around[dy : dy + H, dx : dx + W]
            both = (other > 0) & (here > 0)
            pairs |= {
                (int(a) - 1, int(b) - 1) for a, b in np.unique(np.stack([other[both], here[both]], 1), axis=0)
            }
    return {(a, b) for a, b in pairs if components[a].cls == components[b].cls}


def _measured(sums: _Sums, shape: tuple[int, ...], volume: Volume) -> Body:
    x, y, z = (float(v) for v in sums.total / sums.voxels)
    border = bool((sums.low <= 0).any() or (sums.high >= shape[::-1]).any())
    x1, y1, z1 = (int(v) for v in sums.low)
    x2, y2, z2 = (int(v) for v in sums.high)
    ml = volume.voxel_ml
    place = None
    if volume.affine is not None:
        right, anterior, superior = (float(v) for v in volume.affine[:3] @ (x, y, z, 1.0))
        place = (right, anterior, superior)
    return Body(
        sums.cls, (x1, y1, z1, x2, y2, z2), (x, y, z), sums.voxels, border,
        millilitres=None if ml is None else ml * sums.voxels, place=place,
    )  # fmt: skip
