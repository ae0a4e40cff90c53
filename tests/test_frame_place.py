"""Where in the frame a thing was shown."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.place import GRID, NOWHERE, read_place, shown_place
from cuecast.tiling import Window


def weights(*boxes: tuple[int, int, int, int], size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """The thing inside of boxes top, bottom, left, right of a square picture, the rest elsewhere."""
    thing = np.zeros((size, size), np.float32)
    for top, bottom, left, right in boxes:
        thing[top:bottom, left:right] = 1
    return thing, 1 - thing


LEFT, RIGHT = (20, 80, 5, 35), (20, 80, 60, 90)
WHOLE = Window(0, 96, 0, 96)


def test_it_is_likely_where_it_was_shown() -> None:
    odds, trust = read_place(shown_place([weights(LEFT)]), WHOLE, (96, 96), (12, 12))
    assert odds[6, 2] > 0.3
    assert odds[6, 9] < -0.3
    assert odds.min() >= -1
    assert odds.max() <= 1
    assert not trust.any()


def test_trust_tells_whether_cues_agree() -> None:
    agree = shown_place([weights(LEFT), weights(LEFT), weights((25, 85, 8, 38))])
    disagree = shown_place([weights(LEFT), weights(RIGHT)])
    assert agree.trust > 0.4
    assert disagree.trust < 0
    assert shown_place([weights(LEFT)]).trust == 0


def test_a_tile_reads_its_part_of_the_frame() -> None:
    place = shown_place([weights(LEFT)])
    whole = read_place(place, Window(0, 128, 0, 192), (128, 192), (16, 24))
    tile = read_place(place, Window(64, 128, 96, 192), (128, 192), (8, 12))
    np.testing.assert_allclose(tile, whole[:, 8:, 12:], atol=1e-6)


def test_frames_of_another_size_read_the_same_places() -> None:
    place = shown_place([weights(LEFT)])
    small = read_place(place, Window(0, 64, 0, 64), (64, 64), (8, 8))
    large = read_place(place, Window(0, 192, 0, 192), (192, 192), (24, 24))
    np.testing.assert_allclose(small, large[:, 1::3, 1::3], atol=1e-5)


@pytest.mark.parametrize("seen", [0.0, 0.3])
def test_cues_that_leave_most_of_their_picture_open_do_not_count(seen: float) -> None:
    thing, rest = weights(LEFT)
    rest[int(96 * seen) :] = 0
    thing[int(96 * seen) :] = 0
    assert shown_place([(thing, rest)]) is NOWHERE


def test_pictures_without_the_thing_do_not_count() -> None:
    alone = shown_place([weights(LEFT)])
    both = shown_place([weights(LEFT), weights()])
    np.testing.assert_array_equal(alone.odds, both.odds)
    assert alone.odds.shape == (GRID, GRID)


def test_a_thing_that_fills_the_picture_has_no_place() -> None:
    odds, _ = read_place(shown_place([weights((0, 96, 0, 96))]), WHOLE, (96, 96), (12, 12))
    np.testing.assert_allclose(odds, 0, atol=1e-3)
