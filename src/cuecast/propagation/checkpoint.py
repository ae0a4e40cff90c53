"""A tracker's state on disk, so that a stopped run goes on in the middle of a sweep and gives the same bytes.

Kept are masks and numbers. Pictures are read from the video again, and what was learnt is learnt again: both give what
they gave before.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cuecast.io.files import replacing
from cuecast.io.video import Frames
from cuecast.propagation.memory import Memory, Remembered
from cuecast.propagation.motion import Move, view
from cuecast.propagation.tracker import Place, State, Tracker
from cuecast.types import Example, Image, Marks


def save_state(path: Path, digest: str, index: int, state: State) -> None:
    """Write the state after a frame of the sweep `digest`, whole or not at all. Raises OutputError."""
    held = state.memory.held
    arrays = {
        "digest": np.array(digest),
        "index": np.array(index),
        "origin": np.array(state.memory.origin),
        "held": np.array([r.index for r in held], np.int64),
        "numbers": np.array(
            [[*p.move, p.area, p.unseen, p.mask is not None] for p in state.places], np.float64
        ),
    }
    for k, place in enumerate(state.places):
        if place.mask is not None:
            arrays[f"place{k}"] = place.mask
    for k, remembered in enumerate(held):
        assert remembered.example.marks.mask is not None
        arrays[f"held{k}"] = remembered.example.marks.mask
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def load_state(
    path: Path, digest: str, frames: Frames, tracker: Tracker, beginning: State
) -> tuple[int, State] | None:
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
            Place(kept[f"place{k}"] if there else None, Move(down, right), area, int(unseen))
            for k, (down, right, area, unseen, there) in enumerate(kept["numbers"].tolist())
        )
        held = tuple(
            Remembered(int(i), _example(_picture(frames, int(i)), kept[f"held{k}"]))
            for k, i in enumerate(kept["held"])
        )
        memory = Memory(int(kept["origin"]), held)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    knowledge = tracker.taught(memory) if held else tracker.concept.knowledge
    seen = view(_picture(frames, index).pixels)
    return index, replace(beginning, seen=seen, places=places, memory=memory, knowledge=knowledge)


def _picture(frames: Frames, index: int) -> Image:
    return next(iter(frames.read(range(index, index + 1)))).image


def _example(image: Image, labels: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Example:
    return Example(image, Marks(image.size, mask=labels))
