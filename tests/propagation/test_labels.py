"""Labels carried between frames by what their places look like."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.propagation.labels import CELL, MARGIN, REACH, LabelSource, carry_labels, cells, look_of

SIZE = (60, 80)


def scene(top: int, left: int, post: bool = False) -> np.ndarray:
    """A view of a speckled square of 16 pixels on a ground that stays, perhaps behind a post."""
    ground, thing = (np.random.default_rng(i).random((*SIZE, 3), np.float32) for i in (1, 2))
    seen = 0.5 + 0.1 * ground
    seen[top : top + 16, left : left + 16] = (0.7, 0.2, 0.1) + 0.2 * thing[:16, :16]
    if post:
        seen[:, 26:34] = (0.1, 0.1, 0.9)
    return seen.astype(np.float32)


def labels(top: int, left: int) -> np.ndarray:
    mask = np.zeros(cells(SIZE), np.float32)
    mask[top // CELL : (top + 16) // CELL, left // CELL : (left + 16) // CELL] = 1
    return mask


def source(top: int, left: int, moved: tuple[int, int] = (0, 0)) -> LabelSource:
    return LabelSource(look_of(scene(top, left)), labels(top, left), moved)


def test_a_look_is_a_unit_vector_a_cell_and_knows_no_brightness_of_the_frame() -> None:
    look = look_of(scene(20, 20))
    assert look.shape[:2] == (30, 40)
    assert np.linalg.norm(look, axis=2) == pytest.approx(1, abs=0.01)
    assert look_of(0.5 * scene(20, 20)) == pytest.approx(look, abs=0.05)


def test_odd_views_have_a_cell_for_the_last_row_and_column() -> None:
    assert look_of(scene(20, 20)[:59, :79]).shape[:2] == (30, 40)


@pytest.mark.parametrize("step", [(0, 0), (4, 8), (-6, 2)])
def test_labels_go_with_what_they_lie_on(step: tuple[int, int]) -> None:
    there = 20 + step[0], 20 + step[1]
    carried = carry_labels(look_of(scene(*there)), [source(20, 20)])
    assert ((carried >= 0.5) == labels(*there)).mean() > 0.99


def test_a_known_move_reaches_further() -> None:
    far = 2 * REACH * CELL
    new = look_of(scene(20, 20 + far))
    assert not carry_labels(new, [source(20, 20)])[:, 25:].any()
    carried = carry_labels(new, [source(20, 20, (0, 2 * REACH))])
    assert ((carried >= 0.5) == labels(20, 20 + far)).mean() > 0.99


def test_a_post_in_front_of_an_object_stays_without_labels() -> None:
    shown = labels(20, 20)
    shown[:, 13:17] = 0
    carried = carry_labels(
        look_of(scene(20, 24, post=True)), [LabelSource(look_of(scene(20, 20, post=True)), shown, (0, 2))]
    )
    assert (carried[:, 13:17] < 0.5).all()
    assert (carried[10:18, 17:20] > 0.5).all()


def test_several_frames_vote_and_the_newest_says_where() -> None:
    old = source(20, 20)._replace(labels=np.zeros(cells(SIZE), np.float32))
    once = carry_labels(look_of(scene(20, 20)), [old, source(20, 20)])
    assert once.max() == pytest.approx(0.5, abs=0.02)
    twice = carry_labels(look_of(scene(20, 20)), [old, source(20, 20), source(20, 20)])
    assert twice.max() == pytest.approx(2 / 3, abs=0.02)


def test_an_object_that_has_left_or_that_is_nowhere_has_no_labels() -> None:
    look = look_of(scene(20, 20))
    assert not carry_labels(look, [source(20, 20, (0, 40 + MARGIN))]).any()
    empty = source(20, 20)._replace(labels=np.zeros(cells(SIZE), np.float32))
    assert not carry_labels(look, [empty]).any()
