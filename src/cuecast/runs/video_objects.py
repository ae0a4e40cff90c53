"""The things of a video told apart within their classes: ids that stay from frame to frame, from the masks there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.objects import Annotations, connected_objects, in_reading_order, objects_of, reading_order
from cuecast.core.values import MAX_CLASS_ID
from cuecast.io.labels.masks import write_objects
from cuecast.propagation.identities import Identities
from cuecast.propagation.track import TrackPlan
from cuecast.results.gather import read_result
from cuecast.results.manifest import FrameEntry

FOLDER = "objects"


@dataclass(frozen=True, eq=False)
class VideoObjects:
    """Of the masks of a job, which lie in OUT/masks, the ids of things in OUT/objects where the concept splits."""

    job: TrackPlan
    out: Path

    def write(self, entries: Mapping[int, FrameEntry]) -> dict[int, FrameEntry]:
        """Write the ids of all frames, in their order; the lines with the numbers of things.

        Where objects are components, there is no file of ids. Raises OutputError, also for too many things.
        """
        if not self.job.concept.splits:
            return {index: self._joined(entry) for index, entry in entries.items()}
        known, told = Identities(), dict(entries)
        for frame in self.job.frames.read(range(len(self.job.frames.seconds))):
            mask, example = self._mask(frame.index), self.job.marked.get(frame.index)
            own = [] if example is None else [example.marks]
            apart = self.job.concept.tell_apart(frame.image, mask, own=own)
            assert apart is not None
            known, ids = known.step(apart.ids, mask)
            if known.count > MAX_CLASS_ID:
                raise OutputError(
                    f"more than {MAX_CLASS_ID} things are in it, and files of ids hold no more",
                    self.out / FOLDER,
                    "take connected objects (--objects connected), or cut the video into parts",
                )
            write_objects(self._file(frame.index), ids)
            numbers, first = np.unique(ids, return_index=True)
            counts = Counter(mask.ravel()[first[numbers > 0]].tolist())
            told[frame.index] = replace(
                entries[frame.index],
                objects=counts.total(),
                counts=dict(sorted(counts.items())),
                split=True,
            )
        return told

    def ids(self, index: int) -> NDArray[np.int32] | None:
        """The ids (H, W) of a frame; None where objects are components."""
        return read_result(self._file(index)) if self.job.concept.splits else None

    def frames(self) -> Iterator[tuple[Annotations, Sequence[int]]]:
        """The things of each frame in order, and their numbers."""
        for index in range(len(self.job.frames.seconds)):
            mask, ids = self._mask(index), read_result(self._file(index))
            size = (mask.shape[0], mask.shape[1])
            objects = objects_of(in_reading_order(ids), mask)
            yield (
                Annotations(f"{self.job.frames.name(index)}.png", size, objects),
                reading_order(ids).tolist(),
            )

    def counts(self) -> dict[str, int]:
        """Class name -> number of things in the whole video; empty where objects are components."""
        if not self.job.concept.splits:
            return {}
        kinds = {
            n: o.cls for frame, numbers in self.frames() for n, o in zip(numbers, frame.objects, strict=True)
        }
        found = Counter(kinds.values())
        return {c.name: found[c.id] for c in self.job.concept.classes}

    def _joined(self, entry: FrameEntry) -> FrameEntry:
        """The line of a frame whose things were told apart before, and are not now."""
        self._file(entry.frame).unlink(missing_ok=True)
        if not entry.split:
            return entry
        return replace(entry, objects=len(connected_objects(self._mask(entry.frame))), counts={}, split=False)

    def _mask(self, index: int) -> NDArray[np.int32]:
        return read_result(self.out / "masks" / f"{self.job.frames.name(index)}.png")

    def _file(self, index: int) -> Path:
        return self.out / FOLDER / f"{self.job.frames.name(index)}.png"
