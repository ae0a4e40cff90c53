"""Simulated marks lie where a person would put them."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.geometry import mark_labels
from cuecast.core.values import IGNORE
from cuecast.engine.mark_weights import kind_of
from cuecast.training.calibrate_sparse import FORMS, KINDS, MOST_BOXES, hand_marks


def two_squares() -> np.ndarray:
    """A large and a small thing, and a strip that is not known."""
    labels = np.zeros((80, 100), np.int32)
    labels[20:60, 10:50] = 1
    labels[5:12, 80:90] = 1
    labels[70:, :] = IGNORE
    return labels


@pytest.mark.parametrize("form", [f for f in FORMS if f != "boxes"])
def test_points_and_strokes_lie_on_what_they_mean(form: str) -> None:
    labels = two_squares()
    for seed in range(10):
        marks = hand_marks(np.random.default_rng(seed), labels, form)
        drawn = mark_labels(marks)
        for point in marks.points:
            drawn[int(point.xy[1]), int(point.xy[0])] = point.cls
        assert (drawn == 1).any()
        assert (labels[drawn == 1] == 1).all()
        assert (labels[drawn == 0] == 0).all()
        assert (drawn == 0).any() == form.endswith(" against")


def test_the_numbers_of_marks_are_those_of_the_form() -> None:
    labels = two_squares()
    for form, points, strokes in (("point", 1, 0), ("three points", 3, 0), ("stroke", 0, 1)):
        marks = hand_marks(np.random.default_rng(0), labels, form)
        assert (len(marks.points), len(marks.scribbles)) == (points, strokes)


def test_boxes_hold_the_pieces_a_little_off() -> None:
    labels = two_squares()
    marks = hand_marks(np.random.default_rng(0), labels, "boxes")
    assert np.allclose([b.xyxy for b in marks.boxes], [(10, 20, 50, 60), (80, 5, 90, 12)], atol=4)
    many = np.zeros((40, 40), np.int32)
    many[::4, ::4] = 1
    assert len(hand_marks(np.random.default_rng(0), many, "boxes").boxes) == MOST_BOXES


def test_a_thing_of_one_pixel_and_one_that_fills_the_frame_can_be_marked() -> None:
    single = np.zeros((9, 9), np.int32)
    single[4, 4] = 1
    for form in FORMS:
        assert hand_marks(np.random.default_rng(0), single, form).class_ids == (1,)
        assert hand_marks(np.random.default_rng(0), np.ones((9, 9), np.int32), form).class_ids == (1,)


def test_forms_are_of_the_kind_that_they_calibrate() -> None:
    assert sorted(f for forms in KINDS.values() for f in forms) == sorted(FORMS)
    for kind, forms in KINDS.items():
        for form in forms:
            assert kind_of([hand_marks(np.random.default_rng(1), two_squares(), form)], 1) == kind
