"""Frame by frame: scores of the engine, the place expected from the frame before, a memory, a verdict.

    frame --segmenter.score--> scores --+
    last mask --find_move--> place -----+--> posterior scores --> mask --> verdict for each object
    colours of the marked frame --------+                           |
                     sure? --> memory --segmenter.learn--> knowledge for the frames after

The log-odds of the scores, of the place and of the colours are added. How much each says is a `Trust`. For an object
that is marked in the video the scores count half: those of neighbouring frames come from one engine with one kind of
error, so that each is less than a new witness. Inside the expected place a pixel gains less than the surest 'no' of
the engine takes, so that a hidden object is let go; far away from it a pixel loses more than the surest 'yes' gives, so
that a perfect look-alike is not taken for the object. An object that was not found is looked for in a wider and wider
place, by the scores more and more, and after `FORGOTTEN` frames anywhere by the scores alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuecast.io.video import Frame
from cuecast.predictor import Concept
from cuecast.propagation.memory import Memory, remember
from cuecast.propagation.motion import STILL, Move, carry, closeness, find_move, shifted, view
from cuecast.propagation.odds import log_odds
from cuecast.propagation.palette import colour_odds, palette_of
from cuecast.propagation.result import TrackedFrame, TrackedObject, answer_of, judge_objects
from cuecast.types import ClassInfo
from cuecast.verdict import Thresholds, decide

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

SPREAD = (2.0, 0.03)
"""Uncertainty of the place: pixels, at least half a pixel of the view, and share of the object's diameter (square root
of its area)."""
FORGOTTEN = 10
"""Frames without an object after which it is looked for anywhere."""
LOST = 0.3
"""Confidence below which an object's place is not followed."""
JUMP = 1.8
"""An area that changes by more than this factor against the last frames' is doubted."""
SMALL = 0.002
"""Objects below this share of the frame are judged by what is around them: the least scores of all the rest, summed,
would outweigh them."""
TINY = 0.25
"""Share of its usual area below which a small object counts as nothing, where the pack's own least area is more."""
SLOW = 0.2
"""Share of a new frame in the running mean of an object's area."""


class Trust(NamedTuple):
    """How much scores and place say of a pixel.

    scores  share of the log-odds of the scores that counts.
    inside  log-odds that the place adds at most, well inside the object.
    far     log-odds that it takes at most, far outside.
    colour  share of the log-odds of the colours that counts.
    """

    scores: float
    inside: float
    far: float
    colour: float

    def faded(self, share: float) -> Trust:
        """Towards the scores alone, of which `share` 0 is the end."""
        return Trust(
            1 - share * (1 - self.scores), share * self.inside, share * self.far, share * self.colour
        )


OBJECT = Trust(scores=0.5, inside=1.5, far=5.0, colour=0.5)
"""For the very objects that are marked in the video."""
KIND = Trust(scores=1.0, inside=0.5, far=0.5, colour=0.0)
"""Where nothing is marked in the video: all things of the kind are meant, and new ones may come anywhere."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where an object was last seen: mask (H, W) bool, move per frame, mean area, frames since. Unknown: no mask."""

    mask: Bools | None = None
    move: Move = STILL
    area: float = 0.0
    unseen: int = 0


@dataclass(frozen=True, eq=False)
class State:
    """All that a tracker takes from one frame to the next.

    seen       the frame's view.
    places     of each class.
    palettes   of each class, from the frame it started beside; None where it is not there. They never change: where
               the light does, the new colours are unknown ones and say nothing.
    memory     past frames, and `knowledge` what was learnt from them and the cues.
    """

    seen: Floats
    places: tuple[Place, ...]
    palettes: tuple[Floats | None, ...]
    memory: Memory
    knowledge: Any


@dataclass(frozen=True, eq=False)
class Tracker:
    """Carries a concept along frames. Immutable: what changes is the `State` that goes in and comes out.

    concept   what the sweep knows for good: its cues.
    identity  True: the very objects that are marked in the video; False: whatever is of the kind.
    """

    concept: Concept
    identity: bool = True

    def start(self, frame: Frame, mask: NDArray[np.int32] | None = None) -> State:
        """The state beside a frame whose answer (H, W) int32 is known; None where nothing is known of its place."""
        seen = view(frame.image.pixels)
        shown = np.zeros(frame.image.size, np.int32) if mask is None else mask
        return State(
            seen,
            tuple(_place_in(shown, c.id) for c in self.concept.classes),
            tuple(palette_of(seen, shown == c.id) for c in self.concept.classes),
            Memory(frame.index),
            self.concept.knowledge,
        )

    def step(self, state: State, frame: Frame) -> tuple[State, TrackedFrame]:
        """The answer for the next frame, and the state after it."""
        started = time.perf_counter()
        evidence = self.concept.predictor.segmenter.score(state.knowledge, frame.image).scores
        seen = view(frame.image.pixels)
        expected = [_follow(place, state.seen, seen) for place in state.places]
        said = zip(evidence, expected, state.palettes, strict=True)
        scores = np.stack([self._posterior(e, place, palette, seen) for e, place, palette in said])
        mask, objects = self._judged(scores, expected)
        places = tuple(_updated(p, mask == o.cls, o) for p, o in zip(expected, objects, strict=True))
        memory, knowledge = self._learn(state, frame, mask, (evidence, scores), objects)
        seconds = time.perf_counter() - started
        answer = answer_of(frame, mask, scores, self.concept.classes, objects, seconds=seconds)
        return State(seen, places, state.palettes, memory, knowledge), answer

    def _posterior(self, scores: Floats, place: Place, palette: Floats | None, seen: Floats) -> Floats:
        """Scores (H, W) with place and colours in them; where these say nothing, the same pixels are marked."""
        if place.mask is None or place.unseen >= FORGOTTEN:
            return scores
        trust = (OBJECT if self.identity else KIND).faded(1 - place.unseen / FORGOTTEN)
        pixel = scores.shape[1] / seen.shape[1]
        spread = max(SPREAD[0], pixel / 2) + SPREAD[1] * float(np.sqrt(place.area))
        spread *= 1 + place.unseen
        near = closeness(place.mask, spread, seen.shape)
        cut = log_odds(np.float32(self.concept.predictor.pack.thresholds.score))
        odds = cut + trust.scores * (log_odds(scores) - cut) + np.clip(near, -trust.far, trust.inside)
        if palette is not None and trust.colour:
            colours = colour_odds(palette, seen, (scores.shape[0], scores.shape[1]))
            # They hold and take away, and add nothing outside: else the object would grow along its own colours.
            odds += trust.colour * np.where(near < 0, np.minimum(colours, 0), colours)
        posterior: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return posterior

    def _judged(
        self, scores: Floats, expected: Sequence[Place]
    ) -> tuple[NDArray[np.int32], tuple[TrackedObject, ...]]:
        """Mask and verdicts of the scores (K, H, W); an object whose area jumps is doubted."""
        classes, thresholds = self.concept.classes, self.concept.predictor.pack.thresholds
        mask = decide(scores, tuple(c.id for c in classes), thresholds.score)
        objects = judge_objects(scores, mask, classes, thresholds)
        if not self.identity:  # more things of the kind may come at any time
            return mask, objects
        objects = tuple(
            _judged_small(scores[k : k + 1], mask, classes[k], p, thresholds)
            if 0 < p.area < SMALL * mask.size
            else objects[k]
            for k, p in enumerate(expected)
        )
        return mask, tuple(
            replace(o, verdict="doubtful") if o.verdict == "found" and _jumps(p, mask == o.cls) else o
            for o, p in zip(objects, expected, strict=True)
        )

    def _learn(
        self,
        state: State,
        frame: Frame,
        mask: NDArray[np.int32],
        scores: tuple[Floats, Floats],
        objects: Sequence[TrackedObject],
    ) -> tuple[Memory, Any]:
        """Memory and knowledge after the frame: unchanged unless all that is there is found and the frame is due."""
        verdicts = {o.verdict for o in objects}
        if "doubtful" in verdicts or "found" not in verdicts or not state.memory.due(frame.index):
            return state.memory, state.knowledge
        new = remember(frame, mask, *scores)
        if new is None:
            return state.memory, state.knowledge
        memory = state.memory.with_frame(new)
        return memory, self.taught(memory)

    def taught(self, memory: Memory) -> Any:
        """The knowledge of the cues and of the frames in a memory."""
        return self.concept.add(memory.examples, quick=True).knowledge


def _place_in(mask: NDArray[np.int32], cls: int) -> Place:
    """Where a class is in a mask (H, W) int32."""
    own = mask == cls
    return Place(own, area=float(own.sum())) if own.any() else Place()


def _follow(place: Place, before: Floats, after: Floats) -> Place:
    """The place carried from one view to the next by the object's own move; while it is unseen, it stays."""
    if place.mask is None or place.unseen:
        return place
    move = find_move(before, after, place.mask, place.move)
    carried = carry(before, after, place.mask, move)
    if not carried.any():  # smaller than a pixel of the view
        carried = shifted(place.mask, move)
    return replace(place, mask=carried if carried.any() else place.mask, move=move)


def _judged_small(
    scores: Floats, mask: NDArray[np.int32], info: ClassInfo, place: Place, thresholds: Thresholds
) -> TrackedObject:
    """The verdict on a small object by its scores (1, H, W) in a window three times as wide as its place and mask."""
    own = mask == info.id
    where = [np.flatnonzero((own if place.mask is None else own | place.mask).any(axis=a)) for a in (1, 0)]
    start, stop = (np.array([int(w[end]) for w in where]) for end in (0, -1))
    margin = int((stop - start).max()) + 1
    rows, columns = (slice(max(0, a - margin), b + 1 + margin) for a, b in zip(start, stop, strict=True))
    least = min(thresholds.min_fraction * mask.size, TINY * place.area)
    near = mask[rows, columns]
    thresholds = replace(thresholds, min_fraction=least / near.size)
    return judge_objects(scores[:, rows, columns], near, (info,), thresholds)[0]


def _jumps(place: Place, own: Bools) -> bool:
    """Whether an object's area is another than it was: a part is hidden, or something else has been joined to it."""
    known = place.area > 0 and not place.unseen
    return known and not 1 / JUMP <= float(own.sum()) / place.area <= JUMP


def _updated(place: Place, own: Bools, found: TrackedObject) -> Place:
    """The place after a frame. What comes back after it was lost has to be found, not just doubtful."""
    followed = found.verdict != "absent" and found.confidence >= LOST
    if not followed or (place.unseen and found.verdict != "found"):
        return replace(place, unseen=place.unseen + 1)
    area = float(own.sum())
    mean = area if place.unseen or not place.area else place.area + SLOW * (area - place.area)
    return Place(own, place.move, mean)
