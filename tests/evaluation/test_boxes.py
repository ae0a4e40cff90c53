"""Boxes drawn round a known mask."""

from __future__ import annotations

import numpy as np

from cuecast.evaluation.bench import boxes_of


def test_a_tight_box_round_each_piece_in_reading_order() -> None:
    truth = np.zeros((20, 30), bool)
    truth[10:14, 2:7] = True
    truth[1:3, 20:29] = True
    assert [b.xyxy for b in boxes_of(truth)] == [(20, 1, 29, 3), (2, 10, 7, 14)]


def test_pieces_too_small_to_see_get_none() -> None:
    truth = np.zeros((100, 100), bool)
    truth[0, :9] = True
    truth[50, :10] = True
    assert [b.xyxy for b in boxes_of(truth)] == [(0, 50, 10, 51)]


def test_where_all_are_small_the_largest_gets_one() -> None:
    truth = np.zeros((100, 100), bool)
    truth[3, 4] = truth[70, 70:72] = True
    assert [b.xyxy for b in boxes_of(truth)] == [(70, 70, 72, 71)]


def test_nothing_gets_none() -> None:
    assert boxes_of(np.zeros((5, 5), bool)) == ()
