"""Polygons, scribbles and points on the pixel grid, against answers drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.errors import CueError
from cuecast.core.geometry import fill_contour, fill_polygons, mark_labels
from cuecast.core.values import IGNORE, Box, Marks, Point, Polygon, Scribble


def drawing(text: str) -> np.ndarray:
    """A label map from rows of characters: '.' is 0, '?' is IGNORE, digits are classes."""
    rows = [line.strip() for line in text.strip().splitlines()]
    return np.array([[{".": 0, "?": IGNORE}.get(c, ord(c) - 48) for c in row] for row in rows], np.int32)


def test_a_rectangle_on_pixel_edges_covers_exactly_its_pixels() -> None:
    labels = fill_polygons((4, 5), [Polygon(((1, 1), (4, 1), (4, 3), (1, 3)), 2)])
    assert labels.dtype == np.int32
    assert labels.tolist() == drawing(".....\n.222.\n.222.\n.....").tolist()


def test_a_pixel_counts_by_its_centre() -> None:
    labels = fill_polygons((3, 3), [Polygon(((0.4, 0.4), (1.6, 0.4), (1.6, 1.4), (0.4, 1.4)))])
    assert labels.tolist() == drawing("11.\n...\n...").tolist()


def test_a_ring_that_crosses_itself_is_filled_even_odd() -> None:
    twice = ((0, 0), (5, 0), (5, 5), (0, 5), (0, 0), (2, 1), (4, 1), (4, 3), (2, 3), (2, 1))
    labels = fill_polygons((5, 5), [Polygon(twice)])
    assert labels.tolist() == drawing("11111\n11..1\n11..1\n11111\n11111").tolist()


def test_a_slanted_bridge_leaves_no_trace() -> None:
    a = [(0, 0), (2, 0), (2, 2), (0, 2)]
    b = [(7, 5), (9, 5), (9, 6), (7, 6)]
    labels = fill_polygons((6, 9), [Polygon((*a, a[0], *b, b[0]))])
    assert labels.sum() == 4 + 2
    assert labels[:2, :2].all()
    assert labels[5, 7:9].all()


def test_later_polygons_win_and_the_base_is_not_changed() -> None:
    base = np.full((2, 4), 7, np.int32)
    labels = fill_polygons(
        (2, 4),
        [Polygon(((0, 0), (3, 0), (3, 2), (0, 2)), 1), Polygon(((2, 0), (4, 0), (4, 1), (2, 1)), 2)],
        base,
    )
    assert labels.tolist() == [[1, 1, 2, 2], [1, 1, 1, 7]]
    assert (base == 7).all()


def test_what_lies_outside_is_cut_off() -> None:
    assert fill_polygons((2, 3), [Polygon(((-9, -9), (2, -9), (2, 9), (-9, 9)))]).tolist() == [[1, 1, 0]] * 2
    assert fill_contour((2, 3), [(5, 5), (6, 5), (6, 6)])[2].shape == (0, 0)


@pytest.mark.parametrize("path", [((0, 0), (1, 1)), (), ((0, 0), (1, 0), (float("nan"), 1))])
def test_a_polygon_that_is_none_is_refused_with_a_remedy(path: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(CueError, match=r"polygon .*: (add|correct)"):
        fill_polygons((3, 3), [Polygon(path)])


def test_absent_makes_every_pixel_background() -> None:
    assert not mark_labels(Marks((2, 2), absent=True)).any()


def test_sparse_marks_leave_the_rest_unknown_and_boxes_are_not_drawn() -> None:
    marks = Marks((3, 4), boxes=(Box((0, 0, 2, 2)),), points=(Point((3.9, 2.1), 2), Point((0, 0), 0)))
    assert mark_labels(marks).tolist() == drawing(".???\n????\n???2").tolist()


def test_scribbles_and_points_lie_over_the_mask_and_the_mask_is_not_changed() -> None:
    mask = np.ones((3, 5), np.int32)
    marks = Marks(
        (3, 5), mask=mask, scribbles=(Scribble(((0.5, 1.5), (3.5, 1.5)), 1, 0),), points=(Point((2, 1), 3),)
    )
    assert mark_labels(marks).tolist() == drawing("11111\n..3.1\n11111").tolist()
    assert (mask == 1).all()


def test_a_scribble_is_as_wide_as_it_says() -> None:
    wide = mark_labels(Marks((7, 9), scribbles=(Scribble(((1.5, 3.5), (7.5, 3.5)), 3),)))
    assert (wide[2:5, 1:8] == 1).all()
    assert (wide[:2] == IGNORE).all()
    assert (wide[5:] == IGNORE).all()


def test_a_thin_slanted_scribble_has_no_gaps() -> None:
    labels = mark_labels(Marks((20, 20), scribbles=(Scribble(((0.2, 1.1), (18.7, 17.3)), 1),)))
    assert (labels == 1).any(axis=0)[:18].all()


def test_a_scribble_may_leave_the_image() -> None:
    labels = mark_labels(Marks((3, 3), scribbles=(Scribble(((1.5, 1.5), (90, 1.5)), 1),)))
    assert labels.tolist() == drawing("???\n?11\n???").tolist()
