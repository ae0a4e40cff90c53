"""A concept through a volume: from the marked slices both ways, then every slice between its two neighbours.

    slice --concept.segment--> evidence --+--> scores --> mask --> verdict
    mask of the slice before --> place ---+                 |
                               sure? --> memory --concept.add--> the concept for the slices after

First pass: the slices in the order of `plan`, from the nearest marked slice on, so that several meet in the middle.
Second pass: the evidence of each slice again, with the places that the masks of both its neighbours say; a slice that
alone is different is set right, and where two walks met they agree. What a person marked is never changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError
from cuecast.core.geometry import mark_labels
from cuecast.core.objects import ObjectMode
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import IGNORE, ClassInfo, Example
from cuecast.engine.decision import best_class
from cuecast.io.volumes import Volume, open_volume, value_window
from cuecast.io.volumes.reading import scratch
from cuecast.predictor import Concept, Predictor, class_infos
from cuecast.propagation.plan import plan
from cuecast.propagation.result import (
    SliceAnswer,
    TrackedObject,
    VolumePrediction,
    joint_verdict,
    judge_objects,
    trusted,
)
from cuecast.propagation.volume_memory import (
    SliceMemory,
    place,
    posterior,
    sure_example,
    teaches,
    without_doubtful_starts,
)
from cuecast.propagation.volume_slices import (
    Labels,
    SliceCue,
    SliceMarks,
    Slices,
    finest_plane,
    labels_on,
    line_examples,
    main_plane,
)

Floats = NDArray[np.float32]
PROBES = 9
"""Slices that are looked at to find where to start in a volume without marks, evenly spread."""
SURE = (0.25, 0.75)
"""Scores between these say nothing where a sparsely marked slice of another plane is filled in."""


def segment_volume(
    teacher: Predictor | Concept,
    volume: Volume | str | Path,
    cues: Sequence[SliceCue] = (),
    classes: Sequence[ClassInfo | str] | None = None,
    window: tuple[float, float] | None = None,
    progress: Progress = silent,
    objects: ObjectMode | None = None,
) -> VolumePrediction:
    """Find in a volume what the marks on some of its slices show, or what a concept knows from other pictures.

    teacher  a predictor, taught by the cues alone; or a concept (learnt with scale='pixel'), which they add to.
    cues     marks on slices, in any of the three planes; the slices of the plane with the most of them are visited.
    progress  told of each slice of the first pass.
    window   values that are shown as black and white; None takes `cuecast.io.volumes.value_window`. Give it where
             the concept comes from pictures that were made with it.
    objects  what is one object, as in `Predictor.learn`; None: as the concept has it, 'auto' of a predictor.

    A few slices are in memory at a time. Raises CueError where nothing shows the thing or a mark lies outside, and
    what reading the volume and the masks raises.
    """
    return prepare(teacher, volume, cues, classes, window, objects).predict(progress)


def prepare(
    teacher: Predictor | Concept,
    volume: Volume | str | Path,
    cues: Sequence[SliceCue] = (),
    classes: Sequence[ClassInfo | str] | None = None,
    window: tuple[float, float] | None = None,
    objects: ObjectMode | None = None,
) -> VolumeWalk:
    """All that is known before the first slice is visited: arguments and errors as of `segment_volume`."""
    if isinstance(teacher, Predictor) and not cues:
        raise CueError("no slice is marked: mark the thing on at least one, or give a concept that knows it")
    volume = volume if isinstance(volume, Volume) else open_volume(volume)
    window = window or value_window(volume)
    infos = tuple(teacher.classes) if isinstance(teacher, Concept) else class_infos(classes)
    examples = [cue.read(volume, window, infos) for cue in cues]
    slices = Slices(volume, main_plane(cues, finest_plane(volume.spacing)), window)
    squares = [
        Slices(volume, cue.plane, window).example(cue.index, example.marks)
        for cue, example in zip(cues, examples, strict=True)
    ]
    concept = _taught(teacher, squares, infos)
    concept = concept if objects is None else concept.with_objects(objects)
    shown = [
        SliceMarks(cue.plane, cue.index, _labels(concept, cue, example, square, slices), example.marks.boxes)
        for cue, example, square in zip(cues, examples, squares, strict=True)
    ]
    lines = [slices.example(index, marks) for index, marks in line_examples(shown, slices)]
    return VolumeWalk(concept.add(lines) if lines else concept, slices, tuple(shown))


def _taught(teacher: Predictor | Concept, examples: Sequence[Example], infos: Sequence[ClassInfo]) -> Concept:
    if isinstance(teacher, Predictor):
        return teacher.learn(examples, infos or None, scale="pixel")
    return teacher.add(examples) if examples else teacher


def _labels(concept: Concept, cue: SliceCue, example: Example, square: Example, slices: Slices) -> Labels:
    """What a cue says of each voxel of its slice. Sparse marks of another plane are first filled in by the concept."""
    labels = mark_labels(example.marks)
    if cue.plane == slices.plane or not example.marks.is_sparse:
        return labels
    prediction = concept.segment(square.image)
    scores = Slices(slices.volume, cue.plane, slices.window).voxel_scores(prediction.scores)
    answer = best_class(scores, concept.decision.class_ids, SURE[1])
    answer[(answer == 0) & (scores.max(axis=0) > SURE[0])] = IGNORE
    return np.where(labels == IGNORE, answer, labels)


@dataclass(frozen=True, eq=False)
class VolumeWalk:
    """A concept on its way through the slices of one plane; `shown` is what the cues say of voxels."""

    concept: Concept
    slices: Slices
    shown: tuple[SliceMarks, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the classes that are followed."""
        return self.concept.decision.class_ids

    @property
    def radii(self) -> dict[int, float]:
        """The radii of things that are told apart where they touch, as `VolumePrediction` has them."""
        if not self.concept.splits:
            return {}
        of = self.concept.rule.radii(self.slices.shown)
        return {cls: radius * self.slices.pixel for cls, radius in of.items()}

    def predict(self, progress: Progress = silent) -> VolumePrediction:
        """Visit every slice twice."""
        started = time.perf_counter()
        N, size = self.slices.count, self.slices.size
        dtype = np.uint8 if max(self.ids) < 256 else np.uint16
        evidence, masks = scratch((N, len(self.ids), *size), np.uint8), scratch((N, *size), dtype)
        labels = scratch(self.slices.volume.size, dtype)
        for done, (index, scores, mask) in enumerate(self._first_pass(masks), start=1):
            evidence[index], masks[index] = np.rint(scores * 255), mask
            progress(Step("slices", done, N))
        along = np.moveaxis(labels, self.slices.axis, 0)
        answers = []
        for mask, answer in self._second_pass(evidence, masks):
            along[answer.index] = mask
            answers.append(answer)
        labels.flags.writeable = False
        seconds = time.perf_counter() - started
        volume, plane, window = self.slices.volume, self.slices.plane, self.slices.window
        return VolumePrediction(
            volume, labels, self.concept.classes, plane, window, tuple(answers), seconds, self.radii
        )

    def _first_pass(self, masks: NDArray[Any]) -> Iterator[tuple[int, Floats, Labels]]:
        """(index, evidence (K, h, w), mask (h, w)) of each slice once; `masks` has what was yielded before."""
        for sweep in plan(self.slices.count, self._starts()):
            concept, memory, before = self.concept, SliceMemory(sweep.origin or 0), None
            if sweep.origin is not None and sweep.frames[0] != sweep.origin:
                before = masks[sweep.origin].astype(np.int32)
            for index in sweep.frames:
                image, said = self.slices.image(index), labels_on(self.shown, self.slices, index)
                evidence = self._known(self.slices.voxel_scores(concept.segment(image).scores), said)
                scores = self._known(posterior(evidence, self._places(before)), said)
                mask, objects = self._judged(scores, said, index)
                mask = np.where(said > 0, said, without_doubtful_starts(mask, objects, before))
                yield index, evidence, mask
                if memory.due(index) and teaches(objects, mask, before):
                    example = sure_example(
                        image, self.slices.stretched(mask), self.slices.shown_scores(scores)
                    )
                    if example is not None:
                        memory = memory.with_slice(index, example)
                        concept = self.concept.add(memory.examples)
                # Until something is found in a volume without marks, an empty slice says nothing of the next.
                before = mask if before is not None or mask.any() else None

    def _second_pass(
        self, evidence: NDArray[np.uint8], masks: NDArray[Any]
    ) -> Iterator[tuple[Labels, SliceAnswer]]:
        """Mask (h, w) and answer of each slice in turn, from its evidence and its neighbours' masks."""
        last = len(masks) - 1
        marked = {c.index for c in self.shown if c.plane == self.slices.plane}
        before: Floats | None = None
        here: Floats | None = self._places(masks[0].astype(np.int32))
        for index in range(len(masks)):
            after = self._places(masks[index + 1].astype(np.int32)) if index < last else None
            around = [places for places in (before, after) if places is not None]
            expected: Floats | None = np.mean(around, axis=0, dtype=np.float32) if around else None
            scores = posterior(evidence[index].astype(np.float32) / np.float32(255), expected)
            said = labels_on(self.shown, self.slices, index)
            mask, objects = self._judged(self._known(scores, said), said, index)
            decision = self.concept.decision
            verdict, confidence = joint_verdict(trusted(objects, decision.taught, mask, decision.limits))
            voxels = {c: int((mask == c).sum()) for c in self.ids}
            yield mask, SliceAnswer(index, verdict, confidence, voxels, index in marked)
            before, here = here, after

    def _starts(self) -> dict[int, tuple[int, ...]]:
        """Where the walk starts, with the classes there: the marked slices, else the surest of some."""
        starts = {
            c.index: tuple(sorted({int(v) for v in np.unique(c.labels) if v > 0} | {b.cls for b in c.boxes}))
            for c in self.shown
            if c.plane == self.slices.plane and (c.boxes or (c.labels > 0).any())
        }
        return starts or self._probed()

    def _probed(self) -> dict[int, tuple[int, ...]]:
        """The slice on which the concept is surest of what it found, of `PROBES`; none where it found nothing."""
        indices = np.linspace(0, self.slices.count - 1, min(PROBES, self.slices.count)).round().astype(int)
        best, start = 0.0, {}
        for index in indices.tolist():
            found = self.concept.segment(self.slices.image(index))
            if found.verdict == "found" and found.confidence > best:
                best, start = found.confidence, {index: self.ids}
        return start

    def _places(self, mask: Labels | None) -> Floats | None:
        """What a neighbour's mask (h, w) says of where each class is: logits (K, h, w)."""
        if mask is None:
            return None
        identity = any((c.labels > 0).any() or c.boxes for c in self.shown)
        return np.stack([place(mask == c, self.slices, identity) for c in self.ids])

    def _known(self, scores: Floats, labels: Labels) -> Floats:
        """Scores (K, h, w) of a slice with all that the cues state of its voxels, `labels_on` it, put in."""
        known = labels != IGNORE
        if not known.any():
            return scores
        said = np.stack([labels == c for c in self.ids]).astype(np.float32)
        return np.where(known, said, scores)

    def _judged(self, scores: Floats, labels: Labels, index: int) -> tuple[Labels, tuple[TrackedObject, ...]]:
        """Mask (h, w) of the scores, without the classes that are absent, and the verdict on each class.

        What the cues show on the slice, by `labels` or by a box, is there however small it is.
        """
        decision = self.concept.decision.plain
        mask = decision.mark(scores)
        here = (self.slices.plane, index)
        boxed = {b.cls for c in self.shown if (c.plane, c.index) == here for b in c.boxes}
        stated = boxed.union(np.unique(labels[labels > 0]).tolist())
        objects = judge_objects(scores, mask, decision, stated)
        mask[np.isin(mask, [o.cls for o in objects if o.verdict == "absent"])] = 0
        return mask, objects
