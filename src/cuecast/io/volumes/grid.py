"""Two volumes on one grid: what is stored in another order of the axes, or in another direction, is brought together.

Voxels are moved and never resampled: two programs that write the same voxels in their own ways agree.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.io.volumes.volume import Volume

NEAR = 0.2
"""Share of a voxel by which the places of two headers may differ: they are rounded decimals."""


def on_grid_of(labels: Volume, volume: Volume) -> Volume:
    """The labels with their axes in the order and the direction of those of `volume`.

    Where one of the two states no place, the axes are taken as they are stored. Raises MaskError, with what is
    different, where the voxels of the two do not lie at the same places in mm: they would have to be resampled.
    """
    if labels.affine is None or volume.affine is None:
        if labels.size != volume.size:
            raise MaskError(
                f"{labels.path}: the labels have {labels.size} voxels (Z, Y, X), {volume.name} has {volume.size}: "
                "they must match"
            )
        return labels
    there = np.linalg.inv(volume.affine) @ labels.affine
    turn = np.rint(there[:3, :3])
    if not _is_turn(turn):
        raise MaskError(_elsewhere(labels, volume, _difference(labels, volume)))
    order = np.abs(turn).argmax(axis=1)  # axis of the labels for each of the volume, (x, y, z)
    size = [labels.size[::-1][axis] for axis in order]
    back = [a for a in range(3) if turn[a, order[a]] < 0]
    exact = np.column_stack([turn, [size[a] - 1.0 if a in back else 0.0 for a in range(3)]])
    corners = np.array(
        [[*c, 1] for c in itertools.product(*((0, n - 1) for n in labels.size[::-1]))], float
    ).T
    off = np.abs(there[:3] @ corners - exact @ corners)
    if off.max() > NEAR or tuple(size[::-1]) != volume.size:
        raise MaskError(_elsewhere(labels, volume, _difference(labels, volume)))
    moved = np.flip(labels.voxels.T.transpose(order), tuple(back)).T
    return replace(labels, voxels=moved, affine=volume.affine, spacing=volume.spacing)


def _is_turn(turn: NDArray[np.float64]) -> bool:
    """Whether a (3, 3) matrix does nothing but exchange and reverse axes."""
    size = np.abs(turn)
    return bool((size <= 1).all() and (size.sum(axis=0) == 1).all() and (size.sum(axis=1) == 1).all())


def _elsewhere(labels: Volume, volume: Volume, difference: str) -> str:
    return (
        f"{labels.path}: the labels lie elsewhere than {volume.name}: {difference}; draw them on that volume, or "
        "resample them to it"
    )


def _difference(labels: Volume, volume: Volume) -> str:
    """What differs between two grids, the plainest first: size of the voxels, their number, place, angle."""
    assert labels.affine is not None
    assert volume.affine is not None
    ours, theirs = (
        np.sort(np.linalg.norm(v.affine[:3, :3], axis=0)) for v in (labels, volume) if v.affine is not None
    )
    if not np.allclose(ours, theirs, rtol=1e-2):
        return f"their voxels are {_listed(ours)} mm and its {_listed(theirs)} mm"
    if sorted(labels.size) != sorted(volume.size):
        return f"they have {labels.size} voxels (Z, Y, X) and it has {volume.size}"
    middles = (
        v.affine[:3] @ [*((n - 1) / 2 for n in v.size[::-1]), 1]
        for v in (labels, volume)
        if v.affine is not None
    )
    shift = np.subtract(*middles)
    if np.linalg.norm(shift) > NEAR * min(ours):
        return f"they are shifted by {_listed(shift)} mm (right, front, up)"
    return "their axes are turned against each other by less than a quarter"


def _listed(values: NDArray[np.float64]) -> str:
    return " x ".join(f"{v:.4g}" for v in values)
