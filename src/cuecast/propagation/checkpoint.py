"""A tracker's state on disk, so that a stopped run goes on in the middle of a sweep and gives the same bytes.

Kept are masks, labels and numbers. What the frames look like is computed again from the video.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuecast.io.files import replacing
from cuecast.io.video import Frames
from cuecast.propagation.labels import Remembered, look_of
from cuecast.propagation.motion import Move, view
from cuecast.propagation.tracker import LastSeen, State


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
