"""A volume as a value: stored voxels, how they lie in space, and how a slice of them becomes a picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError, MaskError

Plane = Literal["z", "y", "x"]
PLANES: tuple[Plane, ...] = ("z", "y", "x")
"""The planes by the axis that stands still in them, in the order of the axes of the array."""

PERCENTILES = (0.5, 99.5)
"""The value window of volumes that state none, as for single images."""
BINS = 65536
"""Bins of the histogram that percentiles are read from."""
FEW = 256
"""Bins at least between the two percentiles: where there are fewer, the histogram is taken anew, of that part alone."""

WINDOWS = {
    "brain": (0.0, 80.0),
    "soft-tissue": (-160.0, 240.0),
    "liver": (-25.0, 230.0),
    "lung": (-1350.0, 150.0),
    "bone": (-500.0, 1300.0),
}
"""Usual windows of computed tomography by name, in Hounsfield units."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume at the door. Nothing has been turned: the axes are those of the file.

    voxels     (Z, Y, X), any real type, as stored; read-only, and on disk where it is large (`numpy.memmap`).
    name       appears in messages and gives outputs their stem.
    format     a key of `FORMATS`, or 'array'.
    spacing    distance of neighbouring voxels along (z, y, x) in mm; None where nothing states it.
    affine     (4, 4) float64: voxel (x, y, z, 1) -> position in mm, x to the right, y to the front, z up (RAS, as
               NIfTI has it); None where nothing states it.
    slope, intercept  value = stored * slope + intercept, e.g. Hounsfield units.
    path       file or folder it was read from.
    header     what the writer of the same format keeps of the input.
    notes      what a person should know of how it was read.
    """

    voxels: NDArray[Any]
    name: str = "volume"
    format: str = "array"
    spacing: tuple[float, float, float] | None = None
    affine: NDArray[np.float64] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    path: Path | None = None
    header: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        v = self.voxels
        if v.ndim != 3 or v.dtype.kind not in "buif" or 0 in v.shape:
            raise ImageError(
                f"expected voxels (Z, Y, X) of a real type, got {v.shape} {v.dtype}",
                self.name,
                "choose one channel or one time of it",
            )
        if self.spacing is not None and not all(0 < s < float("inf") for s in self.spacing):
            raise ImageError(
                f"the spacing {self.spacing} is not above 0", self.name, "state it as z,y,x in mm"
            )
        if self.affine is not None and not abs(np.linalg.det(self.affine[:3, :3])) > 0:
            raise ImageError(
                "its affine squeezes the volume flat", self.name, "correct the header of the file"
            )
        if v.flags.writeable:
            view = v.view()
            view.flags.writeable = False
            object.__setattr__(self, "voxels", view)

    @property
    def size(self) -> tuple[int, int, int]:
        """(Z, Y, X): the number of voxels along each axis."""
        Z, Y, X = self.voxels.shape
        return Z, Y, X

    @property
    def voxel_ml(self) -> float | None:
        """Millilitres of one voxel; None where its size is unknown."""
        if self.affine is not None:
            return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000
        return None if self.spacing is None else float(np.prod(self.spacing)) / 1000

    def values(self, plane: Plane, index: int) -> NDArray[Any]:
        """The slice `index` of a plane, (h, w): the rows and columns are the two other axes in the order z, y, x.

        float32 where slope or intercept are stated, else as stored.
        """
        raw: NDArray[Any] = np.take(self.voxels, index, axis=PLANES.index(plane))
        if (self.slope, self.intercept) == (1.0, 0.0):
            return np.asarray(raw)
        return (raw * self.slope + self.intercept).astype(np.float32)


def grey(values: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
    """Values (h, w) -> (h, w, 3) uint8: window (low, high) becomes 0 to 255; what is no number becomes 0."""
    low, high = window
    scaled = (values.astype(np.float64) - low) * (255 / ((high - low) or 1.0))
    level = np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255)).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def value_window(volume: Volume) -> tuple[float, float]:
    """(low, high): one window for the whole volume, so that a value looks the same in every slice.

    8-bit voxels keep their values; of others the 0.5 and 99.5 percentiles of all finite voxels, exact for integers of
    up to 16 bits, else to a 256th of what lies between them: a few huge values do not count. Slices are read one at a
    time. Raises ImageError where no voxel is finite.
    """
    voxels = volume.voxels
    if voxels.dtype == bool:
        return 0.0, 1.0
    if voxels.dtype == np.uint8 and (volume.slope, volume.intercept) == (1.0, 0.0):
        return 0.0, 255.0
    extremes = _extremes(volume)
    if extremes is None:
        raise ImageError("holds no finite voxel", volume.name, "export it again")
    exact = voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2
    ends = extremes
    while True:
        width = 1.0 if exact else (ends[1] - ends[0]) / (BINS - 1) or 1.0
        found = _percentiles(volume, ends, width)
        if exact or found[1] - found[0] >= FEW * width:
            break
        narrower = _extremes(volume, (found[0] - width, found[1] + width))
        if narrower is None or narrower == ends:
            break
        ends = narrower
    if found[1] <= found[0]:  # nearly all voxels are equal: show what differs
        found = extremes
    low, high = sorted(v * volume.slope + volume.intercept for v in found)
    return low, high


def _percentiles(volume: Volume, ends: tuple[float, float], width: float) -> tuple[float, float]:
    """`PERCENTILES` of all finite voxels, by a histogram with bins of `width` between two values."""
    counts = np.zeros(BINS, np.int64)
    for finite in _finite(volume):
        bins = np.rint((np.clip(finite.astype(np.float64), *ends) - ends[0]) / width)
        counts += np.bincount(bins.astype(np.int64), minlength=BINS)
    reached = np.cumsum(counts)
    low, high = (ends[0] + width * int(np.searchsorted(reached, reached[-1] * p / 100)) for p in PERCENTILES)
    return low, high


def _extremes(volume: Volume, between: tuple[float, float] | None = None) -> tuple[float, float] | None:
    """The least and the greatest of the finite voxels, or of those between two values; None where there are none."""
    found = []
    for finite in _finite(volume):
        inside = finite if between is None else finite[(finite >= between[0]) & (finite <= between[1])]
        if inside.size:
            found.append((float(inside.min()), float(inside.max())))
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _finite(volume: Volume) -> Iterator[NDArray[Any]]:
    """The finite stored values, a slice at a time; slices without any are left out."""
    for plane in volume.voxels:
        flat = np.asarray(plane).ravel()
        if flat.dtype.kind == "f":
            flat = flat[np.isfinite(flat)]
        if flat.size:
            yield flat


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
                f"the labels have {labels.size} voxels (Z, Y, X), {volume.name} has {volume.size}: they must "
                "match",
                labels.path,
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
