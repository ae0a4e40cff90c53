"""The bars of the report's histogram, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import ClassInfo
from cuecast.results.sizes import BOTTOM, HEIGHT, LEFT, MOST, TOP, Sizes

CELL = ClassInfo(1, "cell", "#123456")


def test_bars_are_the_square_root_of_the_number_and_hold_all() -> None:
    found = Sizes.of(CELL, np.array([10, 10, 11, 14, 15, 19, 22, 25, 40]))
    assert found.edges == (10.0, 20.0, 30.0, 40.0)
    assert found.counts == (6, 2, 1)
    assert (found.total, found.median, found.measure) == (9, 15.0, "pixels")


def test_areas_of_very_different_size_are_spread_by_their_logarithm() -> None:
    areas = np.array([1, 2, 5, 20, 30, 100, 500, 900, 1000])
    found = Sizes.of(CELL, areas, "um")
    assert found.edges == pytest.approx((1, 10, 100, 1000))
    assert found.counts == (3, 2, 4)
    assert found.measure == "um²"


@pytest.mark.parametrize("area", [7, 0.25])
def test_equal_objects_are_one_bar(area: float) -> None:
    found = Sizes.of(CELL, np.full(50, area))
    assert (found.counts, found.edges) == ((50,), (area, area))
    drawn = found.plotted()
    (bar,) = drawn["bars"]
    assert bar["height"] == HEIGHT - TOP - BOTTOM
    assert [t["area"] for t in drawn["ticks"]] == [f"{area:.3g}"]


def test_many_objects_have_so_many_bars_at_most_and_none_is_lost() -> None:
    areas = np.random.default_rng(1).lognormal(3, 2, 20_000)
    found = Sizes.of(CELL, areas)
    assert len(found.counts) == MOST
    assert found.total == 20_000


def test_the_highest_bar_fills_the_picture_and_empty_ones_are_left_out() -> None:
    drawn = Sizes.of(CELL, np.array([1, 1, 1, 1, 9, 9, 5.5, 9, 1])).plotted()
    assert [b["said"] for b in drawn["bars"]] == [
        "5 of 1 to 3.67 pixels",
        "1 of 3.67 to 6.33 pixels",
        "3 of 6.33 to 9 pixels",
    ]
    assert drawn["bars"][0]["y"] == TOP
    assert drawn["bars"][0]["x"] == LEFT + 0.5
    assert [v for v, _ in drawn["lines"]] == [0, 5]
    assert [(t["area"], t["anchor"]) for t in drawn["ticks"]] == [
        ("1", "start"),
        ("3.67", "middle"),
        ("9", "end"),
    ]
    alone = Sizes.of(CELL, np.array([1, 1, 1, 1, 2, 2, 30, 30, 1, 1])).plotted()
    assert len(alone["bars"]) < 4
