"""A concept along a video: from the marked frames outwards, each frame once, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.errors import CueError
from cuecast.core.geometry import NEIGHBOURS, mark_labels
from cuecast.core.values import IGNORE, Example, Frame, Marks
from cuecast.engine.calibration import Taught
from cuecast.io.video import Frames, open_frames
from cuecast.predictor import Concept
from cuecast.propagation.plan import Sweep, plan
from cuecast.propagation.result import TrackedFrame, answer_of, judge_objects, worth
from cuecast.propagation.tracker import State, Tracker

Keep = Callable[[int, State], None]
"""Called with the number of a frame and the state after it."""


def track(
    concept: Concept, frames: Any, marked: Mapping[int, Example] | None = None
) -> Iterator[TrackedFrame]:
    """Carry a concept along a video; answers come as they are made, each frame once, with its number.

    frames  a video file, a folder of pictures, a sequence of pictures, or what `open_frames` gives.
    marked  number of a frame -> the example of the concept that lies on it. None finds the examples whose pixels are
            those of a frame. Examples on other pictures teach the look; without any on a frame, the video is
            followed from its first frame on, and the place from where the thing is first found.

    From each marked frame it goes forward and backward to the middle of the way to the next one. A frame depends on
    the examples on other pictures and on the marks at both ends of its gap alone, see `plan.Sweep`.
    Raises CueError where a mark does not lie on a frame, and what reading the frames raises.
    """
    job = TrackPlan.of(concept, frames, marked)
    for sweep in job.sweeps:
        yield from job.run(sweep)


@dataclass(frozen=True, eq=False)
class TrackPlan:
    """A concept, frames, and which of its examples lie on which frame. `elsewhere` are the others."""

    concept: Concept
    frames: Frames
    marked: Mapping[int, Example]
    elsewhere: tuple[Example, ...]
    sweeps: tuple[Sweep, ...]
    answered: dict[int, tuple[NDArray[np.int32], tuple[Taught, ...]]] = field(
        default_factory=dict, repr=False
    )

    @classmethod
    def of(cls, concept: Concept, frames: Any, marked: Mapping[int, Example] | None = None) -> TrackPlan:
        """Check that the marks fit the frames, and plan the visit. Raises CueError."""
        frames = frames if hasattr(frames, "read") and hasattr(frames, "seconds") else open_frames(frames)
        marked = dict(sorted((find_marked(concept, frames) if marked is None else marked).items()))
        for index, example in marked.items():
            check_mark(frames, index, example)
        on = {id(e) for e in marked.values()}
        elsewhere = tuple(e for e in concept.examples if id(e) not in on)
        shown = {index: e.marks.class_ids for index, e in marked.items()}
        return cls(concept, frames, marked, elsewhere, tuple(plan(len(frames.seconds), shown)))

    def run(
        self, sweep: Sweep, since: tuple[int, State] | None = None, keep: Keep | None = None
    ) -> Iterator[TrackedFrame]:
        """The answers for the frames of a sweep, in its order.

        since  number of a frame of the sweep that was done before, and the state after it: go on from there.
        keep   is given each frame's number and the state after it, once its answer has been taken.
        """
        if sweep.origin in sweep.frames:
            yield self._on_mark(self._frame(sweep.frames[0]))
            return
        tracker = self.tracker(sweep)
        visit = sweep.frames if since is None else sweep.after(since[0])
        state = self.beginning(sweep, tracker) if since is None else since[1]
        for frame in self.frames.read(visit):
            state, answer = tracker.step(state, frame)
            yield answer
            if keep is not None:
                keep(frame.index, state)

    def beginning(self, sweep: Sweep, tracker: Tracker) -> State:
        """The state before the first frame of a sweep."""
        if sweep.origin is None:
            return tracker.start(self._frame(sweep.frames[0]))
        return tracker.start(self._frame(sweep.origin), self._known_on(sweep.origin)[0])

    def _frame(self, index: int) -> Frame:
        return next(iter(self.frames.read(range(index, index + 1))))

    def tracker(self, sweep: Sweep) -> Tracker:
        """What follows the frames of a sweep."""
        concept = self._taught(sweep.marks)
        carried = sweep.origin is not None and any(t.kind != "masks" for t in concept.decision.taught)
        taught = (
            self._known_on(sweep.origin)[1]
            if carried and sweep.origin is not None
            else concept.decision.taught
        )
        return Tracker(concept, identity=sweep.origin is not None, taught=taught)

    def _taught(self, marks: tuple[int, ...]) -> Concept:
        """The concept of the examples elsewhere and of some marked frames, in this order: what is learnt may depend
        on it in the last digit, and a frame must not depend on marks that it does not know."""
        examples = (*self.elsewhere, *(self.marked[m] for m in marks))
        if [id(e) for e in examples] == [id(e) for e in self.concept.examples]:
            return self.concept
        return self.concept.predictor.learn(examples, self.concept.classes, self.concept.scale)

    def _known_on(self, mark: int) -> tuple[NDArray[np.int32], tuple[Taught, ...]]:
        """The mask of a marked frame, and what answers carried on from it are worth; of the last few they are kept."""
        if mark not in self.answered:
            self._on_mark(self._frame(mark))
        return self.answered[mark]

    def _on_mark(self, frame: Frame) -> TrackedFrame:
        """The answer for a marked frame, whose mask is kept for the sweeps beside it."""
        answer, taught = self._answer(frame)
        while len(self.answered) > 1:
            self.answered.pop(next(iter(self.answered)))
        self.answered[frame.index] = answer.prediction.mask, taught
        return answer

    def _answer(self, frame: Frame) -> tuple[TrackedFrame, tuple[Taught, ...]]:
        """The answer for a marked frame: its marks, and what they leave open as the engine sees it.

        And what answers carried on from it are worth: no more than it is itself.
        """
        example = self.marked[frame.index]
        labels = mark_labels(example.marks)
        taught, known = self.concept.decision.taught, None
        if (labels == IGNORE).any() or example.marks.boxes:
            sweep = next(s for s in self.sweeps if frame.index in s.frames)
            concept = self._taught(sweep.marks)
            prediction = concept.segment(example.image)
            scores, taught, known = prediction.scores, concept.decision.taught, prediction.confidence
        else:
            scores = np.stack([labels == c.id for c in self.concept.classes]).astype(np.float32)
        decision = self.concept.decision.plain
        mask = decision.mark(scores)
        drawn = None if example.marks.mask is None else labels
        kept = touched(mask, example.marks) if drawn is None else mask
        scores = np.where((mask > 0) & (kept == 0), 0, scores).astype(np.float32)
        mask, stated = kept, example.marks.class_ids
        objects = judge_objects(scores, mask, decision, stated, drawn)
        if known is not None and example.marks.is_sparse:
            taught = tuple(replace(t, known=known) for t in taught)
            objects = tuple(
                o if t.kind == "masks" else worth(o, known, decision.limits)
                for o, t in zip(objects, taught, strict=True)
            )
        return answer_of(frame, mask, scores, self.concept, objects, marked=True), taught


def touched(mask: NDArray[np.int32], marks: Marks) -> NDArray[np.int32]:
    """The components of a mask (H, W) int32 that strokes and boxes touch: they mean these and no look-alikes.

    A box also ends what it holds; what strokes mark stays even beside it. A class without such marks, or
    whose marks touch nothing, stays whole.
    """
    out = mask.copy()
    labels = mark_labels(replace(marks, mask=None, objects=None)) if marks.strokes else None
    for cls in sorted({m.cls for m in marks.sparse} - {0}):
        own = mask == cls
        inside = np.zeros(mask.shape, bool)
        for x1, y1, x2, y2 in (b.xyxy for b in marks.boxes if b.cls == cls):
            inside[int(y1) : ceil(y2), int(x1) : ceil(x2)] = True
        components, _ = ndimage.label(own & inside if inside.any() else own, structure=NEIGHBOURS)
        hit = inside if labels is None else inside | (labels == cls)
        kept = np.unique(components[hit & (components > 0)])
        if len(kept):
            out[own & ~np.isin(components, kept)] = 0
    return out if labels is None else np.where((labels == mask) & (labels > 0), labels, out)


def find_marked(concept: Concept, frames: Frames) -> dict[int, Example]:
    """Number of a frame -> the example whose pixels it has; of equal frames the first."""
    wanted = {e.image.digest: e for e in concept.examples if e.image.size == frames.size}
    found: dict[int, Example] = {}
    for frame in frames.read(range(len(frames.seconds))) if wanted else ():
        if (example := wanted.pop(frame.image.digest, None)) is not None:
            found[frame.index] = example
            if not wanted:
                break
    return found


def check_mark(frames: Frames, index: int, example: Example) -> None:
    """Raise CueError where a mark does not lie on a frame."""
    count = len(frames.seconds)
    if not 0 <= index < count:
        reason = f" ({frames.broken})" if frames.broken else ""
        raise CueError(
            f"frame {index} is marked, but {frames.label} has the frames 0 to {count - 1}{reason}; mark one of those"
        )
    if example.image.size != frames.size:
        raise CueError(
            f"frame {index}: the marks are for a picture of {example.image.size}, the frames of {frames.label} are "
            f"{frames.size} (height, width); mark the frame at its own size"
        )
