"""The confidence of followed frames is fitted on clips bent from pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cuecast
from cuecast.core.values import IGNORE
from cuecast.training.calibrate_followed import FRAMES, Carried, draw_clips, fit_followed, follow
from cuecast.training.calibrate_sparse import KINDS
from cuecast.training.sets import PictureSet


def picture_set(objects: bool = False) -> PictureSet:
    """A picture of two red squares on blue, a speck, and a place where nothing is known."""
    mask = np.zeros((60, 80), np.uint8)
    mask[10:30, 10:30] = mask[10:30, 45:65] = mask[50, 50] = 1
    mask[40:50, :20] = 255
    pixels = np.where(mask[..., None] == 1, np.uint8((200, 0, 0)), np.uint8((0, 0, 200)))
    ids = np.where(mask == 1, 7, 0).astype(np.int32)
    return PictureSet(
        "squares", (pixels,), (mask,), {1: (0,)}, {1: ()}, {1: 0.2}, (ids,) if objects else None
    )


def test_clips_follow_one_piece_or_one_object_of_a_size_that_is_followed() -> None:
    for clip in draw_clips(picture_set(), 4):
        assert (clip.labels == 1).sum() == 400
        assert ((clip.labels == IGNORE) == (picture_set().masks[0] == 255)).all()
    for clip in draw_clips(picture_set(objects=True), 4):
        assert (clip.labels == 1).sum() == 801


def test_a_set_without_such_a_thing_gives_no_clips() -> None:
    few = picture_set()
    few.masks[0][:40] = 0
    assert list(draw_clips(few, 4)) == []


def test_frames_are_followed_from_marks_of_each_kind() -> None:
    clip = next(iter(draw_clips(picture_set(), 1)))
    carried = follow(cuecast.load("colours"), clip, Path())
    assert {c.kind for c in carried} == set(KINDS)
    assert len(carried) <= len(KINDS) * (FRAMES - 1)
    # The pack `colours` is exact but for what light, bars and mixed edges do.
    assert np.mean([c.iou for c in carried]) > 0.8
    assert all(len(c.figures) == 3 and np.isfinite(c.figures).all() for c in carried)


def test_the_weights_give_back_what_was_reached_and_kinds_differ_by_their_bias(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cuecast.training.calibrate_followed.STRENGTH", 0.1)
    random = np.random.default_rng(0)
    figures = random.normal(0, 1.5, (3000, 3))
    true, biases = np.array([0.5, 0.8, -0.3]), {"boxes": 1.0, "two-sided": 0.4, "one-sided": -0.6}
    carried = [
        Carried(kind, f, float(1 / (1 + np.exp(-(f @ true + biases[kind])))))
        for f, kind in zip(figures, [*KINDS] * 1000, strict=True)
    ]
    for kind, weights in fit_followed(carried).items():
        assert weights == pytest.approx([*true, biases[kind]], abs=0.03)
