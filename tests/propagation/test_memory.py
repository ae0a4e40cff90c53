"""Which past frames are kept, and where labels are taken from."""

from __future__ import annotations

import numpy as np

from cuecast.propagation.labels import HELD, Memory, Remembered
from cuecast.propagation.motion import STILL, Move

LOOK = np.zeros((4, 6, 3), np.float32)
LABELS = np.ones((4, 6), np.float32)


def held(index: int, moved: Move = STILL, seen: bool = True) -> Remembered:
    return Remembered(index, LOOK, (LABELS if seen else None, LABELS), (moved, STILL))


def test_the_first_stays_and_of_the_others_the_last() -> None:
    memory = Memory(held(10))
    for index in range(11, 40):
        memory = memory.with_frame(held(index))
    assert memory.first.index == 10
    assert [r.index for r in memory.recent] == list(range(40 - HELD, 40))


def test_an_object_has_no_source_on_frames_where_it_was_not_seen() -> None:
    memory = Memory(held(0)).with_frame(held(1)).with_frame(held(2, seen=False)).with_frame(held(3))
    assert [len(memory.sources(k, STILL)) for k in (0, 1)] == [3, 4]


def test_sources_know_how_far_the_object_has_moved_since() -> None:
    memory = Memory(held(0))
    assert [s.moved for s in memory.sources(0, Move(1.2, -2.7))] == [(1, -3)]
    memory = memory.with_frame(held(1, Move(1.2, -2.7))).with_frame(held(2, Move(2, -5)))
    # the first is looked at where the object lay on it
    assert [s.moved for s in memory.sources(0, Move(4, -6))] == [(0, 0), (3, -3), (2, -1)]
