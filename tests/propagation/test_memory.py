"""Which past frames are kept, and what of them."""

from __future__ import annotations

import numpy as np
from films import still

from cuecast.io.video import Frame
from cuecast.propagation.memory import HELD, RENEWED, Memory, Remembered, remember
from cuecast.types import IGNORE, Example, Image, Marks

FRAME = Frame(7, None, Image(still(), "f"))


def held(index: int) -> Remembered:
    return Remembered(index, Example(FRAME.image, Marks(FRAME.image.size, absent=True)))


def indices(memory: Memory) -> list[int]:
    return [r.index for r in memory.held]


def test_the_frame_leaves_whose_neighbours_stand_closest() -> None:
    memory = Memory(0)
    for index in (10, 20, 30, 40):
        memory = memory.with_frame(held(index))
    assert indices(memory) == [10, 20, 30, 40]
    memory = memory.with_frame(held(50))  # all gaps are 20: the first leaves
    assert indices(memory) == [20, 30, 40, 50]
    memory = memory.with_frame(held(60))  # 0 to 30 round 20 is 30 wide, the others are 20
    assert indices(memory) == [20, 40, 50, 60]


def test_the_memory_is_bounded_spread_out_and_keeps_the_newest() -> None:
    memory = Memory(1000)
    for index in range(999, 0, -RENEWED):
        memory = memory.with_frame(held(index))
        assert len(memory.held) <= HELD
        assert memory.held[-1].index == index
    steps = -np.diff([1000, *indices(memory)])
    assert steps.min() >= 50


def test_frames_enter_at_a_distance_from_the_start_and_from_each_other() -> None:
    memory = Memory(20)
    assert not memory.due(20 - RENEWED + 1)
    assert memory.due(20 - RENEWED)
    memory = memory.with_frame(held(15))
    assert not memory.due(15 - RENEWED + 1)
    assert memory.due(15 - RENEWED)


def test_unsure_pixels_and_look_alikes_are_left_open() -> None:
    size = FRAME.image.size
    mask = np.zeros(size, np.int32)
    scores, evidence = np.zeros((1, *size), np.float32), np.zeros((1, *size), np.float32)
    columns = {0: (1, 0.9, 0.9), 1: (1, 0.5, 0.9), 2: (0, 0.3, 0.3), 3: (0, 0.01, 0.95), 4: (0, 0.01, 0.01)}
    for x, (label, score, seen) in columns.items():
        mask[:, x], scores[0, :, x], evidence[0, :, x] = label, score, seen
    found = remember(FRAME, mask, evidence, scores)
    assert found is not None
    assert found.index == 7
    assert found.example.marks.mask is not None
    assert found.example.marks.mask[0, :5].tolist() == [1, IGNORE, IGNORE, IGNORE, 0]


def test_a_frame_without_a_sure_pixel_is_not_remembered() -> None:
    mask = np.ones(FRAME.image.size, np.int32)
    weak = np.full((1, *FRAME.image.size), 0.5, np.float32)
    assert remember(FRAME, mask, weak, weak) is None
