"""What comes back for a volume: labels in its own geometry, and a verdict for each slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.drawing import overlay
from cuecast.core.values import ClassInfo, Verdict
from cuecast.io.formats import format_of_suffix
from cuecast.io.volumes import Plane, Volume, output_suffix, write_labels
from cuecast.io.volumes.bodies import Body, bodies
from cuecast.propagation.volume_slices import Slices

if TYPE_CHECKING:
    from PIL import Image as PILImage


@dataclass(frozen=True)
class SliceAnswer:
    """What was found on one slice of the plane that was walked through.

    verdict, confidence  as in `Prediction`; of a slice with several classes, those of the weakest one that is there.
    voxels   class id -> marked voxels.
    marked   whether a person marked this slice.
    """

    index: int
    verdict: Verdict
    confidence: float
    voxels: Mapping[int, int] = field(default_factory=dict)
    marked: bool = False


@dataclass(frozen=True, eq=False)
class VolumePrediction:
    """The answer for a volume.

    labels  (Z, Y, X) uint8, or uint16 where a class id is above 255; 0 is background. Read-only, and in an unnamed file
            on disk where it is large.
    plane   the plane whose slices were visited, with one answer a slice in `slices`.
    window  the values that were shown as black and white.
    """

    volume: Volume
    labels: NDArray[Any]
    classes: tuple[ClassInfo, ...]
    plane: Plane
    window: tuple[float, float]
    slices: tuple[SliceAnswer, ...]
    seconds: float

    def bodies(self) -> tuple[Body, ...]:
        """The connected components (26-neighbourhood) of every class, measured; in the order of their first voxel."""
        return bodies(self.labels, self.volume)

    def millilitres(self) -> dict[str, float] | None:
        """Class name -> volume; None where the size of a voxel is unknown."""
        each = self.volume.voxel_ml
        if each is None:
            return None
        return {c.name: each * sum(s.voxels.get(c.id, 0) for s in self.slices) for c in self.classes}

    def save(self, path: str | Path, kind: str | None = None) -> Path:
        """Write the labels in the volume's geometry: `kind` of the formats that are written, None: as the
        suffix says, else as the input.

        Raises OutputError and MissingExtraError.
        """
        stated = format_of_suffix("volumes", Path(path).name)
        kind = kind or (stated.name if stated and stated.writes else None)
        return write_labels(
            Path(path), self.labels, self.volume, self.classes, output_suffix(self.volume, kind)[0]
        )

    def overlay(self, index: int, opacity: float = 0.45) -> PILImage.Image:
        """A slice of `plane` with its labels drawn over it, with square pixels, as a PIL image."""
        slices = Slices(self.volume, self.plane, self.window)
        labels = np.take(self.labels, index, axis=slices.axis).astype(np.int32)
        return overlay(slices.image(index), slices.stretched(labels), self.classes, opacity=opacity)


def most_doubtful(slices: Sequence[SliceAnswer], count: int) -> list[int]:
    """Indices of at most `count` slices worth a look, the most doubtful first.

    Slices that a person marked or that hold nothing are left out, and near neighbours of one that is taken, so that
    one bad stretch does not fill the list.
    """
    apart = max(1, len(slices) // (4 * max(count, 1)))
    chosen: list[int] = []
    there = [s for s in slices if s.verdict != "absent" and not s.marked]
    for answer in sorted(there, key=lambda s: (s.verdict == "found", s.confidence, s.index)):
        if len(chosen) < count and all(abs(answer.index - other) >= apart for other in chosen):
            chosen.append(answer.index)
    return chosen
