from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.engine.components import OF_FOUND, OF_SHOWN, drop_specks, smallest_component


def example(mask: np.ndarray) -> Example:
    return Example(Image(np.zeros((*mask.shape, 3), np.uint8)), Marks(mask.shape, mask=mask.astype(np.int32)))


def squares(*sides: int) -> np.ndarray:
    """(40, 100) bool with squares of these sides side by side, a column apart."""
    mask, left = np.zeros((40, 100), bool), 0
    for side in sides:
        mask[:side, left : left + side] = True
        left += side + 1
    return mask


def test_the_smallest_piece_is_the_median_over_the_cues() -> None:
    cues = [example(squares(10, 4)), example(squares(6)), example(squares(20, 8, 30))]
    assert smallest_component(cues, 1) == 36 / 4000


def test_nothing_is_known_of_sparse_cues_or_of_masks_that_know_little() -> None:
    little = np.full((40, 100), IGNORE)
    little[:5, :5] = 1
    points = Example(Image(np.zeros((9, 9, 3), np.uint8)), Marks((9, 9), absent=True))
    assert smallest_component([example(little), points], 1) == 0


def test_specks_go_and_things_stay() -> None:
    found = squares(10, 2, 8)
    assert np.array_equal(drop_specks(found, 64 / 4000), found ^ (squares(10, 2) ^ squares(10)))


@pytest.mark.parametrize("side", [1, 4])
def test_a_lone_piece_stays_however_small(side: int) -> None:
    found = squares(side)
    assert np.array_equal(drop_specks(found, 0.5), found)


def test_things_that_are_small_together_stay() -> None:
    found = squares(4, 3, 4)
    assert OF_FOUND * 16 <= 9 < 16 < OF_SHOWN * 900
    assert np.array_equal(drop_specks(found, 900 / 4000), found)


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    found = squares(10)
    found[10, 10] = True
    assert np.array_equal(drop_specks(found, 0.02), found)


def test_what_a_person_marked_stays() -> None:
    found, kept = squares(20, 2, 1), np.zeros((40, 100), bool)
    kept[0, 21] = True
    assert np.array_equal(drop_specks(found, 0.1, kept), squares(20, 2))


def test_all_stays_where_no_size_was_shown() -> None:
    found = squares(20, 1)
    assert np.array_equal(drop_specks(found, 0.0), found)


def test_a_piece_of_half_the_smallest_one_shown_is_no_speck() -> None:
    """128 pixels were shown: 64 stay and 49 go, however large the largest piece is."""
    found = squares(20, 8, 7)
    assert np.array_equal(drop_specks(found, 128 / 4000), squares(20, 8))


def test_a_piece_of_three_tenths_of_the_largest_one_found_is_no_speck() -> None:
    """Of 100 pixels, 30 would be enough: 36 stay and 25 go, however large the thing was shown."""
    found = squares(10, 6, 5)
    assert np.array_equal(drop_specks(found, 400 / 4000), squares(10, 6))


def test_of_two_pieces_the_small_one_is_a_speck() -> None:
    assert np.array_equal(drop_specks(squares(10, 2), 100 / 4000), squares(10))
