"""Clips from single pictures: what moves in the pixels moves in the labels."""

from __future__ import annotations

import numpy as np

from cuecast.core.values import IGNORE
from cuecast.training.calibrate_followed import draw_clip

Frames = list[tuple[np.ndarray, np.ndarray]]


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A red square on blue, with a corner where nothing is known."""
    labels = np.zeros((80, 100), np.int32)
    labels[25:55, 40:70] = 1
    pixels = np.where(labels[..., None] == 1, np.uint8((200, 0, 0)), np.uint8((0, 0, 200)))
    labels[:10, :10] = IGNORE
    return pixels, labels


def clip(seed: int, count: int = 6) -> Frames:
    return list(draw_clip(np.random.default_rng(seed), *picture(), count))


def test_the_first_frame_is_the_picture() -> None:
    frame, labels = clip(0)[0]
    assert (frame == picture()[0]).all()
    assert (labels == picture()[1]).all()


def test_labels_move_with_the_pixels() -> None:
    moved, known = 0, 0
    for seed in range(8):
        for frame, labels in clip(seed)[1:]:
            assert (frame.shape, frame.dtype, labels.shape) == ((80, 100, 3), np.uint8, (80, 100))
            red = frame[..., 0] > frame[..., 2]
            # A bar that crosses may itself be red, and the edge is a mixture of both.
            differ = (red != (labels == 1)) & (labels != IGNORE)
            assert differ.mean() < 0.06
            moved += ((labels == 1) != (picture()[1] == 1)).any()
            known += int((labels == 1).any())
    assert moved > 30
    assert known > 35


def test_something_crosses_some_clips_and_the_light_changes() -> None:
    clips = [clip(seed) for seed in range(12)]
    brightest = {int(frame.max()) for frames in clips for frame, _ in frames}
    assert len(brightest) > 10
    hidden = [min((labels == 1).sum() for _, labels in frames) / 900 for frames in clips]
    assert min(hidden) < 0.8 < max(hidden)


def test_the_same_seed_gives_the_same_clip() -> None:
    for (frame, labels), (again, also) in zip(clip(3), clip(3), strict=True):
        assert (frame == again).all()
        assert (labels == also).all()
