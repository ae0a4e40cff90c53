"""Slices of a volume as pictures with square pixels, and what the marks of all planes say of each.

Slices are visited in one plane: the one with the most cues. A cue in another plane crosses every one of those slices
in a line of voxels, whose labels it states: these voxels keep them, and some of those slices teach by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import CueError
from cuecast.core.values import IGNORE, Box, ClassInfo, Example, Image, Marks
from cuecast.cues import Cue
from cuecast.engine.refiner import resize
from cuecast.io.volumes import PLANES, Plane, Volume, grey, is_stack, is_volume, open_volume
from cuecast.io.volumes.volume import on_grid_of

Labels = NDArray[np.int32]

SQUARE = 1.05
"""Pixels whose sides differ by less than this factor count as square."""

MOST_CLASSES = 64
"""More values on a slice than that are no labels."""


@dataclass(frozen=True, eq=False, init=False)
class SliceCue:
    """What is shown on one slice of a volume. Pixels are voxels: rows and columns are the two other axes.

    plane   'z', 'y' or 'x': the axis of the array (Z, Y, X) that stands still.
    index   number of the slice along it, from 0.
    mask    as in `Cue`; or a volume of labels (.nii, .nii.gz, .nrrd, .tif of many pages) at the same place, of which
            this slice is taken; see `on_grid_of`.
    shown   what else is shown, as in `Cue`: boxes, points, absent, ...; `objects` may be a volume of ids, too.
    """

    plane: Plane
    index: int
    cue: Cue

    def __init__(self, plane: Plane, index: int, mask: Any = None, **shown: Any) -> None:
        for name, value in (("plane", plane), ("index", index), ("cue", Cue(None, mask, **shown))):
            object.__setattr__(self, name, value)

    @property
    def place(self) -> str:
        """'z:40'."""
        return f"{self.plane}:{self.index}"

    def read(self, volume: Volume, window: tuple[float, float], classes: Sequence[ClassInfo] = ()) -> Example:
        """The slice with its marks, a pixel a voxel. Raises CueError, MaskError, ImageError."""
        if self.plane not in PLANES:
            raise CueError(f"plane {self.plane!r} is unknown: the planes are z, y and x")
        slices = Slices(volume, self.plane, window)
        if not 0 <= self.index < slices.count:
            raise CueError(
                f"slice {self.place} is marked, {volume.name} has the slices {self.plane}:0 to "
                f"{self.plane}:{slices.count - 1}; mark one of those"
            )
        mask, objects = (
            _slice_of_labels(Path(given), volume, self, numbers)
            if isinstance(given, (str, Path)) and (is_volume(given) or is_stack(given))
            else given
            for given, numbers in ((self.cue.mask, len(classes) == 1), (self.cue.objects, True))
        )
        return replace(self.cue, mask=mask, objects=objects).on(
            slices.voxel_image(self.index), classes or None
        )


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices of a volume in one plane, through one value window.

    count  how many there are.
    size   (h, w) in voxels.
    shown  (h', w') with square pixels: the axis with the wider spacing is stretched. Where no spacing is known, `size`.
    pixel  edge of such a pixel, and `step` the distance of two slices, in mm (in voxels where no spacing is known).
    """

    volume: Volume
    plane: Plane
    window: tuple[float, float]

    @property
    def axis(self) -> int:
        """Axis of the array that stands still in a slice."""
        return PLANES.index(self.plane)

    @property
    def count(self) -> int:
        return self.volume.size[self.axis]

    @property
    def size(self) -> tuple[int, int]:
        h, w = (n for axis, n in enumerate(self.volume.size) if axis != self.axis)
        return h, w

    @property
    def shown(self) -> tuple[int, int]:
        (h, w), (row, column) = self.size, self._spacings
        if max(row, column) < SQUARE * min(row, column):
            return h, w
        return round(h * row / self.pixel), round(w * column / self.pixel)

    @property
    def pixel(self) -> float:
        return min(self._spacings)

    @property
    def step(self) -> float:
        return self.volume.spacing[self.axis] if self.volume.spacing else 1.0

    @property
    def _spacings(self) -> tuple[float, float]:
        """Distances of rows and of columns."""
        row, column = (
            s for axis, s in enumerate(self.volume.spacing or (1.0, 1.0, 1.0)) if axis != self.axis
        )
        return row, column

    def voxel_image(self, index: int) -> Image:
        """A slice, a pixel a voxel."""
        pixels = grey(self.volume.values(self.plane, index), self.window)
        return Image(pixels, f"{self.volume.name} {self.plane}:{index}")

    def image(self, index: int) -> Image:
        """A slice with square pixels."""
        image = self.voxel_image(index)
        if self.shown == self.size:
            return image
        stretched = PILImage.fromarray(image.pixels).resize(self.shown[::-1], PILImage.Resampling.BILINEAR)
        return replace(image, pixels=np.array(stretched))

    def example(self, index: int, marks: Marks) -> Example:
        """A slice with square pixels, and marks that were made on its voxels."""
        image = self.image(index)
        if self.shown == self.size:
            return Example(image, marks)
        return Example(image, marks.resized(self.shown, self.stretched))

    def stretched(self, labels: Labels) -> Labels:
        """Labels (h, w) of voxels -> (h', w') of square pixels, nearest."""
        return _nearest(labels, self.shown)

    def voxel_scores(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (K, h', w') of square pixels -> (K, h, w) of voxels."""
        return _resized(scores, self.size)

    def shown_scores(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (K, h, w) of voxels -> (K, h', w') of square pixels."""
        return _resized(scores, self.shown)


def _nearest(labels: Labels, size: tuple[int, int]) -> Labels:
    """Labels (h, w) int32 of another size: each pixel takes the label under its centre."""
    rows, columns = (
        ((np.arange(to) + 0.5) * have / to).astype(int) for to, have in zip(size, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def _resized(scores: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return scores if scores.shape[1:] == size else np.stack([resize(plane, size) for plane in scores])


def _slice_of_labels(path: Path, volume: Volume, cue: SliceCue, numbers: bool) -> NDArray[Any]:
    """The slice of a volume of labels that a cue means. Raises MaskError where it lies elsewhere than the volume.

    `numbers`: its values may number as many objects as there are.
    """
    labels = on_grid_of(open_volume(path), volume)
    found = labels.values(cue.plane, cue.index)
    if not np.any(found) and not cue.cue.absent:
        raise CueError(f"nothing is marked on its slice {cue.place}", path, "name a slice that was drawn on")
    values = np.unique(found)
    if cue.cue.value is None and not numbers and len(values) > MOST_CLASSES + 1:
        raise CueError(
            f"its slice {cue.place} has {len(values)} different values, like a picture and not like labels",
            path,
            "give a label volume, name its one class where they number objects (--class cell), or say "
            "which values are the thing (value=, --value)",
        )
    return found


TEACHING_LINES = 5
"""Slices that teach by the line that a cue in another plane left on them, spread over where it shows the thing."""


@dataclass(frozen=True, eq=False)
class SliceMarks:
    """What a cue says: its place, and the label map (h, w) int32 of its slice in voxels, IGNORE where it says nothing.

    Boxes say nothing of single voxels and are kept beside.
    """

    plane: Plane
    index: int
    labels: Labels
    boxes: tuple[Box, ...] = ()


def main_plane(cues: Sequence[SliceCue], finest: Plane) -> Plane:
    """The plane of the most cues that show the thing; of equals the finest one, then z before y before x."""
    showing = [c.plane for c in cues if not c.cue.absent]
    return max(PLANES, key=lambda p: (showing.count(p), p == finest))


def finest_plane(spacing: tuple[float, float, float] | None) -> Plane:
    """The plane that a scanner resolves best: the one whose slices lie farthest apart; z where all are alike."""
    return "z" if spacing is None else PLANES[int(np.argmax(np.round(spacing, 3)))]


def labels_on(cues: Sequence[SliceMarks], slices: Slices, index: int) -> Labels:
    """What all cues say of one slice: (h, w) int32 of voxels, IGNORE where none says anything.

    Its own marks win over the lines of cues in other planes.
    """
    labels = np.full(slices.size, IGNORE, np.int32)
    for cue in sorted(cues, key=lambda c: c.plane == slices.plane):
        if cue.plane != slices.plane:
            _draw_line(labels, cue, slices, index)
        elif cue.index == index:
            np.copyto(labels, cue.labels, where=cue.labels != IGNORE)
    return labels


def line_examples(cues: Sequence[SliceMarks], slices: Slices) -> list[tuple[int, Marks]]:
    """(index, marks) of slices that teach by the lines of cues in other planes, at most `TEACHING_LINES` a cue."""
    marked = {cue.index for cue in cues if cue.plane == slices.plane}
    chosen: set[int] = set()
    for cue in cues:
        if cue.plane != slices.plane:
            showing = np.flatnonzero((_along(cue, slices) > 0).any(axis=1))
            spread = np.linspace(0, len(showing) - 1, min(TEACHING_LINES, len(showing))).round().astype(int)
            chosen |= {int(index) for index in showing[spread]}
    return [(i, Marks(slices.size, mask=labels_on(cues, slices, i))) for i in sorted(chosen - marked)]


def _draw_line(labels: Labels, cue: SliceMarks, slices: Slices, index: int) -> None:
    """Put the line that a cue of another plane leaves on a slice into its label map, in place."""
    line = _along(cue, slices)[index]
    axes = [p for p in PLANES if p != slices.plane]
    target = labels[cue.index] if axes[0] == cue.plane else labels[:, cue.index]
    np.copyto(target, line, where=line != IGNORE)


def _along(cue: SliceMarks, slices: Slices) -> Labels:
    """The labels of a cue of another plane, a row for each slice of the main plane."""
    axes = [p for p in PLANES if p != cue.plane]
    return cue.labels if axes[0] == slices.plane else cue.labels.T
