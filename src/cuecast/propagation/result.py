"""What comes back for a frame, and for a volume: labels in its own geometry, and a verdict for each slice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.drawing import overlay
from cuecast.core.errors import OutputError
from cuecast.core.values import MAX_CLASS_ID, ClassInfo, Frame, Verdict
from cuecast.engine.calibration import Taught, Thresholds
from cuecast.engine.decision import Decision
from cuecast.io.formats import format_of_suffix
from cuecast.io.volumes import Plane, Volume, output_suffix, write_labels
from cuecast.io.volumes.bodies import Body, bodies
from cuecast.io.volumes.reading import scratch
from cuecast.prediction import Prediction
from cuecast.predictor import Concept
from cuecast.propagation.volume_objects import volume_instances
from cuecast.propagation.volume_slices import Slices

if TYPE_CHECKING:
    from PIL import Image as PILImage


@dataclass(frozen=True)
class TrackedObject:
    """The verdict on one object in one frame. `cls` is its class; `confidence` as in `Prediction`."""

    cls: int
    verdict: Verdict
    confidence: float


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """The answer for one frame.

    index       number of the frame, from 0.
    seconds     when it is shown, from the first frame on; None where the source states no times.
    prediction  mask, scores and verdict; the scores have the position in them, see `tracker`.
    objects     one verdict an object, in the order of the classes.
    marked      whether a person marked this frame.
    """

    index: int
    seconds: float | None
    prediction: Prediction
    objects: tuple[TrackedObject, ...]
    marked: bool = False


def judge_objects(
    scores: NDArray[np.float32],
    mask: NDArray[np.int32],
    decision: Decision,
    stated: Collection[int] = (),
    drawn: NDArray[np.int32] | None = None,
) -> tuple[TrackedObject, ...]:
    """The verdict on each class from its own plane of the scores (K, H, W) and its own pixels in the mask (H, W).

    By the scores alone: a pack's calibration is made for pictures of which nothing else is known, and here the frames
    before have a say in the scores.

    stated  classes that are known to be here, by marks on this very picture: however small, none is 'absent'.
    drawn   label map (H, W) that a person drew; an object all of whose pixels are from it is 'found'.
    """
    objects = []
    for k, cls in enumerate(decision.class_ids):
        own = np.where(mask == cls, mask, 0)
        judged = Decision((cls,), decision.limits).judge(scores[k : k + 1], own, stated=stated)
        by_hand = drawn is not None and own.any() and bool((drawn[own > 0] == cls).all())
        objects.append(TrackedObject(cls, "found" if by_hand else judged.verdict, judged.confidence))
    return tuple(objects)


def trusted(
    objects: Sequence[TrackedObject],
    taught: Sequence[Taught],
    mask: NDArray[np.int32],
    limits: Thresholds,
) -> tuple[TrackedObject, ...]:
    """The verdicts on the objects of a mask (H, W), worth what marks of their kind are worth; masks change nothing.

    An object that is doubted for another reason than its confidence stays so.
    """
    return tuple(
        o
        if t.kind == "masks"
        else worth(o, t.trusted(o.confidence, float((mask == o.cls).mean()), limits), limits)
        for o, t in zip(objects, taught, strict=True)
    )


def worth(found: TrackedObject, confidence: float, limits: Thresholds) -> TrackedObject:
    """The verdict on an object whose mask, if there is one, is worth that confidence."""
    if found.verdict == "absent":
        return found
    doubted = found.verdict == "doubtful" and found.confidence >= limits.found
    clear = confidence >= limits.found and not doubted
    return replace(found, verdict="found" if clear else "doubtful", confidence=confidence)


def joint_verdict(objects: Sequence[TrackedObject]) -> tuple[Verdict, float]:
    """(verdict, confidence) of a frame: its weakest object's, of those that are there.

    'doubtful' where one of them is, 'absent' where none is there.
    """
    there = [o for o in objects if o.verdict != "absent"]
    weakest = min(there or objects, key=lambda o: (o.verdict == "found", o.confidence))
    return weakest.verdict, weakest.confidence


def answer_of(
    frame: Frame,
    mask: NDArray[np.int32],
    scores: NDArray[np.float32],
    concept: Concept,
    objects: tuple[TrackedObject, ...],
    marked: bool = False,
    seconds: float = 0.0,
) -> TrackedFrame:
    """The answer for a frame: mask (H, W) and scores (C, H, W) read-only, without the pixels of 'absent' objects."""
    gone = [o.cls for o in objects if o.verdict == "absent"]
    mask = np.where(np.isin(mask, gone), 0, mask).astype(np.int32)
    mask.flags.writeable = scores.flags.writeable = False
    verdict, confidence = joint_verdict(objects)
    thresholds = concept.decision.usual
    prediction = Prediction(
        frame.image, mask, mask, scores, concept.classes, verdict, confidence, seconds, thresholds
    )
    return TrackedFrame(frame.index, frame.seconds, prediction, objects, marked)


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
    radii   class id -> radius of a usual thing, in mm (in voxels where no spacing is known), of classes whose things
            are told apart where they touch.
    """

    volume: Volume
    labels: NDArray[Any]
    classes: tuple[ClassInfo, ...]
    plane: Plane
    window: tuple[float, float]
    slices: tuple[SliceAnswer, ...]
    seconds: float
    radii: Mapping[int, float] = field(default_factory=dict)

    @cached_property
    def instances(self) -> NDArray[np.int32]:
        """(Z, Y, X) int32: the id of the object that each marked voxel is of, from 1, 0 elsewhere. Read-only, and on
        disk where it is large.

        Those that touch are told apart where the cues show that things do, else an object is a connected component
        (26-neighbourhood) of a class.
        """
        return volume_instances(self.labels, self.volume.spacing or (1.0, 1.0, 1.0), self.radii)

    def bodies(self) -> tuple[Body, ...]:
        """The objects of every class, measured, in the order of their ids in `instances`."""
        return bodies(self.labels, self.volume, self.instances)

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

    def save_objects(self, path: str | Path, kind: str | None = None) -> Path:
        """Write the ids of the objects as a label volume in the volume's geometry; `kind` as in `save`.

        Raises OutputError where there are more than 65,534, and as `save` does.
        """
        count = int(self.instances.max(initial=0))
        if count > MAX_CLASS_ID:
            raise OutputError(
                f"there are {count} objects, and a file of their ids holds {MAX_CLASS_ID}",
                path,
                "leave the ids out, or cut the volume into parts",
            )
        ids = scratch(self.instances.shape, np.uint16)
        ids[...] = self.instances
        return write_labels(Path(path), ids, self.volume, (), kind or "nifti")

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
