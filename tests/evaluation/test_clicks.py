"""Where the next click goes, by hand on small tables: '#' the thing, found; '-' missing; '+' too much; '?' ignored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cuecast.core.values import Point
from cuecast.evaluation.interactive import next_click


def click(table: str, made: tuple[Point, ...] = ()) -> tuple[float, float, int] | None:
    """(x, y, class) of the next click on a table."""
    signs = np.array([list(row) for row in table.split()])
    answer, truth = np.isin(signs, ["#", "+"]), np.isin(signs, ["#", "-"])
    point = next_click(answer, truth, signs == "?", made)
    return point and (*point.xy, point.cls)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("..... .---. .---. .---. .....", (2.5, 2.5, 1)),  # the middle of what is missing
        ("##### #+++# #+++# #+++# #####", (2.5, 2.5, 0)),  # the middle of what is too much
        ("----- ----- -----", (2.5, 1.5, 1)),  # the edge of the image is a border
        ("--#++ --#++ ..#++", (3.5, 1.5, 0)),  # six against four
        ("--.++ --.++", (0.5, 0.5, 1)),  # of equals, the missing one
        ("++.++ ++.++", (0.5, 0.5, 0)),  # then the first in reading order
        ("-.... .-... ..-.. ...++", (1.5, 1.5, 1)),  # corners connect
        ("----", (1.5, 0.5, 1)),  # four equally deep: nearest to the centroid, then the first
        ("----- -...- -----", (2.5, 0.5, 1)),  # never in the hole that holds the centroid
        ("---??", (1.5, 0.5, 1)),  # ignored pixels are no part of a region
        ("??.++ ??... ??...", (3.5, 0.5, 0)),
        ("?????", None),
        ("##... ##...", None),
    ],
)
def test_by_hand(table: str, expected: tuple[float, float, int] | None) -> None:
    assert click(table) == expected


def test_a_clicked_pixel_is_not_clicked_again() -> None:
    assert click("---") == (1.5, 0.5, 1)
    assert click("---", (Point((1.5, 0.5)),)) == (0.5, 0.5, 1)
    assert click("---", (Point((1.5, 0.5)), Point((0.5, 0.5)))) == (2.5, 0.5, 1)
    assert click("-", (Point((0.5, 0.5)),)) is None


@given(arrays(np.bool_, (3, 6, 7), elements=st.booleans()))
def test_a_click_is_on_a_wrong_pixel_and_says_what_is_right(planes: np.ndarray) -> None:
    answer, truth, ignore = planes
    before = planes.copy()
    point = next_click(answer, truth, ignore)
    wrong = (answer != truth) & ~ignore
    assert (point is None) == (not wrong.any())
    if point:
        row, column = int(point.xy[1]), int(point.xy[0])
        assert wrong[row, column]
        assert point.cls == int(truth[row, column])
    assert (planes == before).all()
