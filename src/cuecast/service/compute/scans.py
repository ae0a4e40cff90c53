"""A run of a volume project: the marks on its slices are carried through the volume, as `cuecast volume` does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.marks import Document
from cuecast.core.objects import connected_objects
from cuecast.core.values import ClassInfo, Example
from cuecast.cues import marks_of
from cuecast.io.files import MANIFEST
from cuecast.io.volumes import Volume
from cuecast.predictor import Predictor
from cuecast.propagation.volume_slices import SliceCue, Slices
from cuecast.runs.volume import VolumeOptions, VolumeSummary, run_volume
from cuecast.service.compute.cues import MarkedImage
from cuecast.service.compute.sources import PLANE, SlicesSource, SourceAt
from cuecast.service.compute.tracks import Progress, drop_foreign


@dataclass(frozen=True, eq=False)
class _DocumentCue(SliceCue):
    """A slice with marks that come as a document."""

    document: Document | None = None

    def read(
        self,
        volume: Volume,
        window: tuple[float, float],
        classes: Sequence[ClassInfo] = (),  # noqa: ARG002
    ) -> Example:
        """The slice with its marks, a pixel a voxel. Raises CueError, MaskError."""
        image = Slices(volume, self.plane, window).voxel_image(self.index)
        return Example(image, marks_of(self.document or {}, image.size))


def scan_project(
    predictor: Predictor,
    source: SourceAt,
    out: Path,
    classes: Sequence[ClassInfo],
    cues: Sequence[MarkedImage],
    overwrite: bool,
    progress: Progress,
) -> VolumeSummary:
    """Segment a volume by the marks on its slices, with the results in `out`; those of other marks are replaced.

    It is whole or not at all: a run that was stopped begins anew. Raises what `run_volume` raises.
    """
    shown = [
        _DocumentCue(PLANE, cue.frame.index, absent=bool(cue.document.get("absent")), document=cue.document)
        for cue in cues
        if cue.frame is not None
    ]
    begun = False

    def note(done: int, total: int) -> None:
        nonlocal begun
        begun = True
        progress(done, total)

    def run(anew: bool) -> VolumeSummary:
        options = VolumeOptions(source.reading, overwrite=anew)
        return run_volume(predictor, source.path, out, shown, classes, options, note)

    drop_foreign(out, predictor)
    try:
        return run(overwrite)
    except OutputError:
        # Results of other marks are only known when the marks have been read.
        if begun or overwrite or not (out / MANIFEST).is_file():
            raise
        return run(True)


def labels_file(out: Path) -> Path | None:
    """The file of labels in the results of a volume; None where there is none."""
    found = [p for p in (out / "masks").glob("*") if not p.name.startswith(".")]
    return found[0] if found else None


def slice_labels(labels: Path, index: int) -> NDArray[np.int32]:
    """The labels (h, w) of a slice. Raises ImageError."""
    source = SourceAt("volume", labels).open()
    assert isinstance(source, SlicesSource)
    return source.volume.values(PLANE, index).astype(np.int32)


def count_components(labels: Path, index: int) -> dict[str, int]:
    """Class id -> number of connected pieces on a slice; classes without any are left out."""
    counts: dict[str, int] = {}
    for found in connected_objects(slice_labels(labels, index)):
        counts[str(found.cls)] = counts.get(str(found.cls), 0) + 1
    return counts
