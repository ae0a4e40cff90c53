"""Where a thing went, on pictures whose moves are known."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.propagation.motion import Move, closeness, find_move, view


def scene(shift: tuple[int, int], size: tuple[int, int] = (80, 120)) -> tuple[np.ndarray, np.ndarray]:
    """A textured disc on a textured ground, the disc moved: (pixels, mask)."""
    random = np.random.default_rng(0)
    ground = random.integers(0, 90, (*size, 3), dtype=np.uint8)
    thing = random.integers(120, 255, (200, 200, 3), dtype=np.uint8)
    rows, columns = np.indices(size)
    mask = (rows - 40 - shift[0]) ** 2 + (columns - 50 - shift[1]) ** 2 <= 15**2
    moved = thing[np.clip(rows - shift[0], 0, 199), np.clip(columns - shift[1], 0, 199)]
    return np.where(mask[..., None], moved, ground).astype(np.uint8), mask


@pytest.mark.parametrize("shift", [(0, 0), (4, -7), (-12, 20), (1, 0)])
def test_the_move_of_a_thing_over_a_ground_that_stays(shift: tuple[int, int]) -> None:
    (before, mask), (after, _) = scene((0, 0)), scene(shift)
    assert find_move(view(before), view(after), mask) == pytest.approx(shift, abs=0.5)


def test_a_move_is_in_pixels_of_the_frame_whatever_the_size_of_the_view() -> None:
    (before, mask), (after, _) = scene((0, 0)), scene((4, -7))
    large = [np.kron(p, np.ones((5, 5, 1), np.uint8)) for p in (before, after)]
    assert view(large[0]).shape == (134, 200, 3)
    found = find_move(view(large[0]), view(large[1]), np.kron(mask, np.ones((5, 5), bool)))
    assert found == pytest.approx((20, -35), abs=2.5)


def test_a_flat_thing_goes_where_it_was_going() -> None:
    flat = np.full((40, 60, 3), 0.5, np.float32)
    mask = np.zeros((40, 60), bool)
    mask[15:25, 20:30] = True
    assert find_move(flat, flat, mask, Move(2.0, 3.0)) == pytest.approx((2, 3), abs=0.1)
    assert find_move(flat, flat, np.zeros((40, 60), bool), Move(2.0, 3.0)) == Move(2.0, 3.0)


def test_closeness_counts_pixels_from_the_border_in_units_of_the_spread() -> None:
    mask = np.zeros((20, 40), bool)
    mask[:, :20] = True
    near = closeness(mask, 2.0, (20, 40))
    assert near[10, [17, 19, 20, 22]].tolist() == [1.25, 0.25, -0.25, -1.25]
    half = closeness(np.kron(mask, np.ones((2, 2), bool)), 2.0, (20, 40))
    assert half[20, [10, 60]] == pytest.approx([15, -10], abs=5.5)


def test_a_thing_too_small_for_the_view_still_has_a_place() -> None:
    mask = np.zeros((40, 80), bool)
    mask[11, 21] = True
    near = closeness(mask, 2.0, (10, 20))
    assert near[11, 21] > 0 > near[30, 70]
    assert (closeness(np.zeros((40, 80), bool), 2.0, (10, 20)) == -np.inf).all()
