from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import Marks, Point, Scribble
from cuecast.engine.correction import (
    MOST_CLICKS,
    MOST_OF_STROKES,
    TARGET,
    UNMARKED,
    correct,
    guess,
    marked_places,
    standardise,
)


def halves() -> np.ndarray:
    """Features (2, 20, 20) of an image whose left half looks unlike its right half."""
    features = np.zeros((2, 20, 20), np.float32)
    features[0, :, 10:] = 1
    features[1, :, :10] = 1
    return standardise(features)


def place(y: float, x: float, sign: int) -> np.ndarray:
    return np.array([[y, x, sign]], np.float32)


def test_a_click_brings_its_place_near_the_target() -> None:
    moved = correct(np.full((40, 40), -1.0, np.float32), halves(), place(0.5, 0.25, 1))
    assert TARGET - 0.6 < moved[20, 10] <= TARGET
    down = correct(np.full((40, 40), 1.0, np.float32), halves(), place(0.5, 0.25, -1))
    assert -TARGET <= down[20, 10] < -TARGET + 0.6


def test_what_looks_alike_and_lies_near_follows_most() -> None:
    before = np.full((40, 40), -1.0, np.float32)
    gain = correct(before, halves(), place(0.5, 0.4, 1)) - before
    near_alike, far_alike, near_other = gain[20, 14], gain[1, 1], gain[20, 24]
    assert near_alike > 2 * far_alike > 0
    assert near_alike > 4 * near_other


def test_a_place_that_agrees_already_moves_nothing() -> None:
    before = np.full((40, 40), TARGET + 1, np.float32)
    assert np.array_equal(correct(before, halves(), place(0.5, 0.5, 1)), before)


def test_two_clicks_that_disagree_are_both_heard() -> None:
    places = np.concatenate([place(0.5, 0.2, 1), place(0.5, 0.8, -1)])
    moved = correct(np.zeros((40, 40), np.float32), halves(), places)
    assert moved[20, 8] > 1.5
    assert moved[20, 32] < -1.5


def test_places_of_points_and_strokes() -> None:
    marks = Marks(
        (50, 100),
        points=(Point((10.0, 20.0)), Point((30.0, 40.0), 2), Point((5.0, 5.0), 0)),
        scribbles=(Scribble(((0.0, 25.0), (99.0, 25.0))),),
    )
    places = marked_places(marks, 1)
    assert np.allclose(places[:3], [[0.4, 0.1, 1], [0.8, 0.3, -1], [0.1, 0.05, -1]])
    # 0.02 of the root of 5000 pixels is 1.41 pixels: 71 steps along 99 pixels.
    assert len(places) == 3 + 72
    assert (places[3:, 2] == 1).all()
    assert np.diff(places[3:, 1]).max() == pytest.approx(0.99 / 71, rel=1e-3)


def test_a_stroke_that_leaves_the_image_counts_inside_it() -> None:
    places = marked_places(Marks((50, 100), scribbles=(Scribble(((90.0, 25.0), (150.0, 25.0))),)), 1)
    assert places[:, 1].min() >= 0.9
    assert places[:, 1].max() < 1


def test_a_stroke_that_leads_far_away_costs_no_more_than_its_part_inside() -> None:
    far = marked_places(Marks((50, 100), scribbles=(Scribble(((1.0, 25.0), (9e8, 25.0))),)), 1)
    near = marked_places(Marks((50, 100), scribbles=(Scribble(((1.0, 25.0), (100.0, 25.0))),)), 1)
    assert np.allclose(far[:, 0], 0.5)
    assert len(near) - len(far) in (0, 1)  # the end itself is outside


def test_masks_and_boxes_name_no_place() -> None:
    assert marked_places(Marks((8, 8), mask=np.eye(8, dtype=np.int32)), 1).shape == (0, 3)


def test_long_strokes_are_thinned_and_drown_no_click() -> None:
    path = tuple((float(99 * (i % 2)), i / 3) for i in range(150))
    marks = Marks((50, 100), points=(Point((40.0, 9.0)), Point((70.0, 30.0), 0)), scribbles=(Scribble(path),))
    places = marked_places(marks, 1)
    assert len(places) <= 2 + MOST_OF_STROKES
    assert np.allclose(places[:2], [[0.18, 0.4, 1], [0.6, 0.7, -1]])
    moved = correct(np.zeros((40, 40), np.float32), halves(), places)
    assert np.isfinite(moved).all()


def test_thousands_of_clicks_cost_no_more_than_hundreds() -> None:
    clicks = tuple(Point((i % 100 + 0.5, i // 100 + 0.5), 1 + i % 2) for i in range(4000))
    assert len(marked_places(Marks((50, 100), points=clicks), 1)) <= 2 * MOST_CLICKS


def thing_in_the_middle(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (3, 40, 40) of a thing in the middle of noisy ground, and where it is (40, 40) bool."""
    rng = np.random.default_rng(seed)
    thing = np.zeros((40, 40), bool)
    thing[12:28, 10:30] = True
    features = rng.normal(0, 0.4, (3, 40, 40)).astype(np.float32)
    features[0] += thing
    return standardise(features), thing


def test_marks_of_the_thing_alone_find_it_and_not_the_frame() -> None:
    features, thing = thing_in_the_middle()
    found = guess((40, 40), features, np.concatenate([place(0.5, x, 1) for x in (0.4, 0.6)])) >= 0
    assert (found & thing).sum() / (found | thing).sum() > 0.6
    assert not found[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_a_thing_that_leaves_the_frame_is_marked_up_to_its_border() -> None:
    features = np.zeros((2, 40, 40), np.float32)
    features[0, :, :10] = 1
    found = guess((40, 40), standardise(features), place(0.5, 0.1, 1)) >= 0
    assert found[10:30, 0].all()
    assert not found[:, 12:].any()


def test_marks_against_it_alone_say_nothing_of_where_it_is() -> None:
    features, _ = thing_in_the_middle()
    for places in (place(0.5, 0.5, -1), np.empty((0, 3), np.float32)):
        assert (guess((40, 40), features, places) == UNMARKED).all()
