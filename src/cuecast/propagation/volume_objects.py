"""Objects in three dimensions: the connected components of labels, and touching things told apart by their necks.

    labels --components (26-neighbourhood)--> bodies --distance to the border, in mm--> hills --watershed--> objects

A hill is an object of its own where the pass to a higher one is less than `NECK` of its height: so balls that overlap
by a quarter are two, and a rod, whose ridge is level, is one. Hills much lower than the things of the cues are none.
Slices go by one at a time; a body is told apart in its own box, on a grid that suits the things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.io.volumes.bodies import classes_of, figures_of, in_order, number_components

Bools = NDArray[np.bool_]
Labels = NDArray[np.int32]

NECK = 0.85
"""Of the height of a hill (its greatest distance to the border): two hills with a higher pass are one thing."""
LEAST = 0.5
"""Of the radius of a usual thing: lower hills are unevenness of the border."""
FINE = 6.0
"""Voxels from the core of a usual thing to its border, where it is told apart."""
MOST = 4_000_000
"""Voxels of a body's box that are looked at, at most."""
AROUND = np.ones((3, 3, 3), bool)


def volume_instances(
    labels: NDArray[Any], spacing: tuple[float, float, float], radii: Mapping[int, float]
) -> Labels:
    """(Z, Y, X) int32: the number of the object that each voxel of labels (Z, Y, X) is of, 0: none.

    spacing  of voxels along (z, y, x).
    radii    class id -> radius of a usual thing, in the unit of the spacing; things of these classes are told apart
             where they touch, those of others are connected components (26-neighbourhood).

    From 1 without gaps, in the order of `in_order`. Read-only, and on disk where it is large.
    """
    numbers = number_components(labels)
    figures = figures_of(numbers)
    count = len(figures.voxels) - 1
    for number, cls in enumerate(classes_of(labels, numbers, count).tolist()):
        if not number or cls not in radii:
            continue
        crop = numbers[figures.box(number)]
        parts = _parts_within(crop == number, spacing, radii[cls])
        if (more := int(parts.max()) - 1) > 0:
            crop[parts > 1] = parts[parts > 1] + (count - 1)
            count += more
    return in_order(labels, numbers)


def parts_of(thing: Bools, spacing: tuple[float, float, float], radius: float) -> Labels:
    """The parts (z, y, x) int32, from 1, of one connected body (z, y, x), 0 outside."""
    from skimage import measure, morphology, segmentation

    reconstruction: Any = morphology.reconstruction
    local_maxima: Any = morphology.local_maxima
    watershed: Any = segmentation.watershed
    label: Any = measure.label
    inside = (slice(1, -1),) * 3
    height = ndimage.distance_transform_edt(np.pad(thing, 1), sampling=spacing)[inside]
    # Raised again from below, hills that hang together over a high pass become one level.
    level = reconstruction(NECK * height, height, footprint=AROUND)
    tops = local_maxima(level, connectivity=3) & (height >= LEAST * radius)
    seeds, count = label(tops, connectivity=3, return_num=True)
    if count < 2:
        return thing.astype(np.int32)
    parts: Labels = watershed(-height, seeds, mask=thing, connectivity=AROUND).astype(np.int32)
    return parts


def _parts_within(thing: Bools, spacing: tuple[float, float, float], radius: float) -> Labels:
    """As `parts_of`, on a grid on which usual things are `FINE` voxels thick from core to border.

    Between voxels the border lies where the distances to both sides are equal: thin things and far slices have no
    steps. Of a large body every n-th voxel is looked at.
    """
    step = 1
    while thing.size / step**3 > MOST:
        step += 1
    seen = thing[::step, ::step, ::step]
    apart = [s * step for s in spacing]
    extent = [n * s for n, s in zip(seen.shape, apart, strict=True)]
    edge = max(radius / FINE, float(np.prod(extent) / MOST) ** (1 / 3))
    size = [max(3, round(length / edge)) for length in extent]
    padded = np.pad(seen, 1)
    signed = _distance(padded, apart) - _distance(~padded, apart)
    zoom = [to / have for to, have in zip(size, seen.shape, strict=True)]
    fine = ndimage.zoom(signed[1:-1, 1:-1, 1:-1], zoom, order=1, mode="nearest", grid_mode=True) > 0
    edges = [length / to for length, to in zip(extent, size, strict=True)]
    parts = parts_of(fine, (edges[0], edges[1], edges[2]), radius)
    if parts.max(initial=0) < 2:
        return thing.astype(np.int32)
    nearest = ndimage.distance_transform_edt(parts == 0, return_distances=False, return_indices=True)
    near = parts[tuple(nearest)]
    rows = [((np.arange(n) + 0.5) * to / n).astype(int) for n, to in zip(thing.shape, size, strict=True)]
    found = np.where(thing, near[np.ix_(*rows)], 0)
    return np.unique(np.append(found, 0), return_inverse=True)[1][:-1].reshape(thing.shape).astype(np.int32)


def _distance(thing: Bools, spacing: Sequence[float]) -> NDArray[np.float32]:
    distance: NDArray[np.float32] = ndimage.distance_transform_edt(thing, sampling=spacing).astype(np.float32)
    return distance
