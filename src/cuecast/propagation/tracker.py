"""Frame by frame: labels carried from past frames, scores of the engine, colours, a verdict.

    past frames --find_move, carry_labels--> place --+
    frame round the place --concept.score----> scores +--> posterior scores --> mask --> verdict for each object
    colours of the marked frame ----------------------+                           |
                     memory for the frames after <---------- labels, or the mask of what was found anew

The logits of the labels, of the scores and of the colours are added. The scores count half: those of neighbouring
frames come from one engine with one kind of error, so that each is less than a new witness. An object that was not
found is looked for round the place where it was last seen, in a wider and wider ring, by the scores more and more, and
after `FORGOTTEN` frames anywhere by the scores alone. Round an object that was seen, the engine is asked for the part
of the frame alone in which it can be.

A state can be kept on disk, so that a stopped run goes on in the middle of a sweep and gives the same bytes. Kept are
masks, labels and numbers; what the frames look like is computed again from the video.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Frame
from cuecast.engine.calibration import Taught
from cuecast.engine.decision import Decision
from cuecast.engine.refiner import Refiner, resize
from cuecast.io.files import replacing
from cuecast.io.video import Frames
from cuecast.predictor import Concept
from cuecast.propagation.labels import FAINT, Memory, Remembered, carry_labels, look_of
from cuecast.propagation.motion import (
    CERTAIN,
    STILL,
    Move,
    closeness,
    colour_logits,
    find_move,
    logit_of,
    palette_of,
    shifted,
    view,
)
from cuecast.propagation.result import TrackedFrame, TrackedObject, answer_of, judge_objects, trusted

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

SPREAD = (2.0, 0.03)
"""Uncertainty of the place: pixels, at least half a pixel of the view, and share of the object's diameter (square root
of its area)."""
SURROUNDINGS = 64
"""Pixels round the places that the engine sees as well: further away, what it sees does not change its answer."""
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

    scores  share of the logits of the scores that counts.
    inside  logits that a place without labels adds at most, well inside the object.
    far     logits that a place takes at most, far outside.
    colour  share of the logits of the colours that counts.
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
class LastSeen:
    """Where an object was last seen. Unknown: no mask.

    mask    (H, W) bool.
    move    per frame, in pixels, and `moved` since the sweep began, in cells of the lattice.
    area    the mean of the last frames, in pixels.
    unseen  frames since it was seen.
    labels  (h, w) carried to this frame from past ones; None where it is not followed by labels.
    """

    mask: Bools | None = None
    move: Move = STILL
    moved: Move = STILL
    area: float = 0.0
    unseen: int = 0
    labels: Floats | None = None


@dataclass(frozen=True, eq=False)
class State:
    """All that a tracker takes from one frame to the next.

    seen       the frame's view.
    places     of each class.
    palettes   of each class, from the frame it started beside; None where it is not there. They never change: where
               the light does, the new colours are unknown ones and say nothing.
    memory     past frames with their labels.
    """

    seen: Floats
    places: tuple[LastSeen, ...]
    palettes: tuple[Floats | None, ...]
    memory: Memory


@dataclass(frozen=True, eq=False)
class Tracker:
    """Carries a concept along frames. Immutable: what changes is the `State` that goes in and comes out.

    concept   what the sweep knows for good: its cues.
    identity  True: the very objects that are marked in the video; False: whatever is of the kind.
    taught    what answers are worth by the marks that they were carried on from; no place depends on it.
    """

    concept: Concept
    identity: bool = True
    taught: tuple[Taught, ...] = ()

    def start(self, frame: Frame, mask: NDArray[np.int32] | None = None) -> State:
        """The state beside a frame whose answer (H, W) int32 is known; None where nothing is known of its place."""
        seen = view(frame.image.pixels)
        shown = np.zeros(frame.image.size, np.int32) if mask is None else mask
        owns = [shown == c.id for c in self.concept.classes]
        places = tuple(LastSeen(own, area=float(own.sum())) if own.any() else LastSeen() for own in owns)
        palettes = tuple(palette_of(seen, own) for own in owns)
        return State(seen, places, palettes, Memory(_remembered(frame.index, look_of(seen), places, places)))

    def step(self, state: State, frame: Frame) -> tuple[State, TrackedFrame]:
        """The answer for the next frame, and the state after it."""
        started = time.perf_counter()
        seen = view(frame.image.pixels)
        look = look_of(seen)
        expected = tuple(self._followed(state, k, seen, look) for k in range(len(state.places)))
        evidence = self._evidence(frame, expected)
        refiner = Refiner(frame.image.pixels)
        said = zip(evidence, expected, state.palettes, self.concept.decision.usual, strict=True)
        scores = np.stack([self._posterior(*of_one, seen, refiner) for of_one in said])
        mask, objects = self._judged(scores, expected)
        places = tuple(_updated(p, mask == o.cls, o) for p, o in zip(expected, objects, strict=True))
        memory = state.memory.with_frame(_remembered(frame.index, look, expected, places))
        seconds = time.perf_counter() - started
        if self.taught:
            objects = trusted(objects, self.taught, mask, self.concept.decision.limits)
        answer = answer_of(frame, mask, scores, self.concept, objects, seconds=seconds)
        return State(seen, places, state.palettes, memory), answer

    def _followed(self, state: State, k: int, seen: Floats, look: Floats) -> LastSeen:
        """The place of object `k` carried to the next view; while it is unseen, it stays."""
        place = state.places[k]
        if place.mask is None or place.unseen:
            return place
        move = find_move(state.seen, seen, place.mask, place.move)
        cell = place.mask.shape[1] / look.shape[1]
        moved = Move(place.moved.down + move.down / cell, place.moved.right + move.right / cell)
        mask = shifted(place.mask, move)
        place = replace(place, mask=mask if mask.any() else place.mask, move=move, moved=moved)
        if not self.identity:
            return place
        labels = carry_labels(look, state.memory.sources(k, moved))
        # An object smaller than a cell has no labels that are sure: it is followed by its place as a whole.
        return replace(place, labels=labels if labels.max() >= 0.5 else None)

    def _evidence(self, frame: Frame, expected: Sequence[LastSeen]) -> Floats:
        """The engine's scores (K, H, W); 0 beyond the part of the frame in which the objects can be."""
        image = frame.image
        boxes = [_box(p) for p in expected]
        if self.concept.scale != "pixel" or not all(boxes):
            return self.concept.score(image).scores
        around = np.array(boxes)
        starts = np.maximum(around[:, :2].min(0) - SURROUNDINGS, 0)
        stops = around[:, 2:].max(0) + SURROUNDINGS
        part = tuple(slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True))
        scores = np.zeros((len(expected), *image.size), np.float32)
        seen = replace(image, pixels=np.ascontiguousarray(image.pixels[part]))
        scores[(slice(None), *part)] = self.concept.score(seen).scores
        return scores

    def _posterior(
        self,
        scores: Floats,
        place: LastSeen,
        palette: Floats | None,
        threshold: float,
        seen: Floats,
        refiner: Refiner,
    ) -> Floats:
        """Scores (H, W) of a class with place and colours in them; where these say nothing, the pixels that reach the
        threshold stay the same."""
        size = (scores.shape[0], scores.shape[1])
        if place.mask is None or place.unseen >= FORGOTTEN:
            return scores
        trust = (OBJECT if self.identity else KIND).faded(1 - place.unseen / FORGOTTEN)
        middle = logit_of(np.float32(threshold))
        logits = middle + trust.scores * (logit_of(scores) - middle)
        colours = colour_logits(palette, seen, size) if palette is not None else np.zeros(size, np.float32)
        if place.labels is not None:
            labels = refiner.refine(place.labels)
            logits += np.where(labels < CERTAIN, -trust.far, logit_of(labels)) + trust.colour * colours
        else:
            pixel = size[1] / seen.shape[1]
            spread = max(SPREAD[0], pixel / 2) + SPREAD[1] * float(np.sqrt(place.area))
            near = closeness(place.mask, spread * (1 + place.unseen), seen.shape)
            # Colours hold and take away, and add nothing outside: else the object would grow along its own.
            colours = np.where(near < 0, np.minimum(colours, 0), colours)
            logits += np.clip(near, -trust.far, trust.inside) + trust.colour * colours
        posterior: Floats = (1 / (1 + np.exp(-logits))).astype(np.float32)
        return posterior

    def _judged(
        self, scores: Floats, expected: Sequence[LastSeen]
    ) -> tuple[NDArray[np.int32], tuple[TrackedObject, ...]]:
        """Mask and verdicts of the scores (K, H, W); an object whose area jumps is doubted."""
        decision = self.concept.decision.plain
        mask = decision.mark(scores)
        objects = judge_objects(scores, mask, decision)
        if not self.identity:  # more things of the kind may come at any time
            return mask, objects
        objects = tuple(
            _judged_small(scores[k : k + 1], mask, objects[k].cls, p, decision)
            if 0 < p.area < SMALL * mask.size
            else objects[k]
            for k, p in enumerate(expected)
        )
        return mask, tuple(
            replace(o, verdict="doubtful") if o.verdict == "found" and _jumps(p, mask == o.cls) else o
            for o, p in zip(objects, expected, strict=True)
        )


def _remembered(
    index: int, look: Floats, expected: Sequence[LastSeen], places: Sequence[LastSeen]
) -> Remembered:
    """What is kept of a frame: the labels that led to each object, or its mask; nothing of those that were not seen."""
    labels: list[Floats | None] = []
    for led, place in zip(expected, places, strict=True):
        if place.mask is None or place.unseen:
            labels.append(None)
        elif led.labels is not None:
            labels.append(led.labels)
        else:
            labels.append(resize(place.mask.astype(np.float32), look.shape[:2]))
    return Remembered(index, look, tuple(labels), tuple(p.moved for p in places))


def _box(place: LastSeen) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right) in pixels of where an object is expected; None where it can be anywhere."""
    if place.mask is None or place.unseen:
        return None
    holds, pixel = place.mask, 1.0
    if place.labels is not None:
        holds, pixel = place.labels > FAINT, place.mask.shape[1] / place.labels.shape[1]
    rows, columns = (np.flatnonzero(holds.any(axis=a)) for a in (1, 0))
    top, left = (int(pixel * w[0]) for w in (rows, columns))
    bottom, right = (ceil(pixel * (w[-1] + 1)) for w in (rows, columns))
    return top, left, bottom, right


def _judged_small(
    scores: Floats, mask: NDArray[np.int32], cls: int, place: LastSeen, decision: Decision
) -> TrackedObject:
    """The verdict on a small object by its scores (1, H, W) in a window three times as wide as its place and mask."""
    own = mask == cls
    where = [np.flatnonzero((own if place.mask is None else own | place.mask).any(axis=a)) for a in (1, 0)]
    start, stop = (np.array([int(w[end]) for w in where]) for end in (0, -1))
    margin = int((stop - start).max()) + 1
    rows, columns = (slice(max(0, a - margin), b + 1 + margin) for a, b in zip(start, stop, strict=True))
    least = min(decision.limits.min_fraction * mask.size, TINY * place.area)
    near = mask[rows, columns]
    limits = replace(decision.limits, min_fraction=least / near.size)
    return judge_objects(scores[:, rows, columns], near, Decision((cls,), limits))[0]


def _jumps(place: LastSeen, own: Bools) -> bool:
    """Whether an object's area is another than it was: a part is hidden, or something else has been joined to it."""
    known = place.area > 0 and not place.unseen
    return known and not 1 / JUMP <= float(own.sum()) / place.area <= JUMP


def _updated(place: LastSeen, own: Bools, found: TrackedObject) -> LastSeen:
    """The place after a frame. What comes back after it was lost has to be found, not just doubtful."""
    followed = found.verdict != "absent" and found.confidence >= LOST
    if not followed or (place.unseen and found.verdict != "found"):
        return replace(place, unseen=place.unseen + 1, labels=None)
    area = float(own.sum())
    mean = area if place.unseen or not place.area else place.area + SLOW * (area - place.area)
    return LastSeen(own, place.move, place.moved, mean)


def save_state(path: Path, digest: str, index: int, state: State) -> None:
    """Write the state after a frame of the sweep `digest`, whole or not at all. Raises OutputError."""
    recent = state.memory.recent
    arrays = {
        "digest": np.array(digest),
        "index": np.array(index),
        "recent": np.array([r.index for r in recent], np.int64),
        "moved": np.array([r.moved for r in recent], np.float64),
        "numbers": np.array([[*p.move, *p.moved, p.area, p.unseen] for p in state.places], np.float64),
    }
    for k, place in enumerate(state.places):
        if place.mask is not None:
            arrays[f"place{k}"] = place.mask
        for i, remembered in enumerate(recent):
            if (labels := remembered.labels[k]) is not None:
                arrays[f"labels{i}of{k}"] = labels
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def load_state(path: Path, digest: str, frames: Frames, beginning: State) -> tuple[int, State] | None:
    """(number of the last frame that was done, the state after it); None where none of this sweep was kept.

    `beginning` is the state with which the sweep starts.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            kept = {name: stored[name] for name in stored.files}
        if str(kept["digest"]) != digest:
            return None
        index = int(kept["index"])
        places = tuple(
            LastSeen(
                kept.get(f"place{k}"), Move(*numbers[:2]), Move(*numbers[2:4]), numbers[4], int(numbers[5])
            )
            for k, numbers in enumerate(kept["numbers"].tolist())
        )
        memory = beginning.memory
        for i, (number, moved) in enumerate(zip(kept["recent"], kept["moved"].tolist(), strict=True)):
            labels = tuple(kept.get(f"labels{i}of{k}") for k in range(len(places)))
            look = look_of(_seen(frames, int(number)))
            memory = memory.with_frame(Remembered(int(number), look, labels, tuple(Move(*m) for m in moved)))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    return index, replace(beginning, seen=_seen(frames, index), places=places, memory=memory)


def _seen(frames: Frames, index: int) -> NDArray[np.float32]:
    return view(next(iter(frames.read(range(index, index + 1)))).image.pixels)
