"""Shapes between two marked frames, against answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.propagation.between import labels_between


def sheet(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (40, 60), cls: int = 1) -> np.ndarray:
    """Labels with rectangles x1, y1, x2, y2 (half-open)."""
    out = np.zeros(size, np.int32)
    for x1, y1, x2, y2 in boxes:
        out[y1:y2, x1:x2] = cls
    return out


def box_of(labels: np.ndarray, cls: int = 1) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(labels == cls)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_the_same_shape_stays_as_it_is() -> None:
    shape = sheet((10, 10, 30, 25))
    assert np.array_equal(labels_between(shape, shape, 0.5), shape)


def test_a_shape_that_grows_has_half_the_growth_half_way() -> None:
    found = labels_between(sheet((20, 15, 30, 25)), sheet((14, 9, 36, 31)), 0.5)
    assert box_of(found) == (17, 12, 33, 28)
    # Nearer to the first one, it is nearer to its size.
    assert box_of(labels_between(sheet((20, 15, 30, 25)), sheet((14, 9, 36, 31)), 1 / 3)) == (18, 13, 32, 27)


def test_a_thing_that_moves_further_than_it_is_wide_is_on_the_way() -> None:
    first, last = sheet((2, 4, 10, 12)), sheet((42, 24, 50, 32))
    for share, box in ((0.25, (12, 9, 20, 17)), (0.5, (22, 14, 30, 22)), (0.75, (32, 19, 40, 27))):
        assert box_of(labels_between(first, last, share)) == box


def test_two_things_are_paired_with_the_nearest_and_keep_their_sizes() -> None:
    first = sheet((2, 2, 12, 12), (40, 20, 46, 26))
    last = sheet((6, 2, 16, 12), (44, 20, 50, 26))
    assert np.array_equal(labels_between(first, last, 0.5), sheet((4, 2, 14, 12), (42, 20, 48, 26)))


def test_one_thing_that_becomes_two_is_a_shape_between() -> None:
    one, two = sheet((10, 10, 40, 20)), sheet((10, 10, 22, 20), (28, 10, 40, 20))
    early, late = labels_between(one, two, 0.1), labels_between(one, two, 0.9)
    assert (early == 1)[10:20, 10:40].mean() > 0.9
    assert not (late == 1)[10:20, 25].any()
    assert (early == 1).sum() > (late == 1).sum()


@pytest.mark.parametrize("gone_first", [True, False])
def test_what_is_on_one_side_alone_dwindles(gone_first: bool) -> None:
    shape, nothing = sheet((10, 10, 30, 30)), sheet()
    sides = (nothing, shape) if gone_first else (shape, nothing)
    areas = [(labels_between(*sides, share) == 1).sum() for share in (0.05, 0.5, 0.95)]
    if gone_first:
        areas.reverse()
    assert areas[0] > areas[1] > areas[2] > 0
    # Half of the depth of 10 pixels is left half way: a square of 10.
    assert areas[1] == pytest.approx(100, abs=21)


def test_classes_are_told_apart_and_ignored_pixels_are_none() -> None:
    first = sheet((2, 2, 12, 12)) + sheet((30, 2, 40, 12), cls=2)
    last = first.copy()
    last[30:, :] = -1
    assert np.array_equal(labels_between(first, last, 0.4), first)


def test_a_shape_at_the_edge_of_the_picture_stays_there() -> None:
    first, last = sheet((0, 0, 10, 40)), sheet((0, 0, 20, 40))
    assert np.array_equal(labels_between(first, last, 0.5), sheet((0, 0, 15, 40)))


def test_nothing_between_nothing() -> None:
    assert not labels_between(sheet(), sheet(), 0.5).any()
