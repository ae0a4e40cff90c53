"""Polygons, scribbles and points on the pixel grid, against answers drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from cuecast.core.errors import CueError
from cuecast.core.geometry import (
    NEIGHBOURS,
    fill_contour,
    fill_polygons,
    mark_labels,
    number_polygons,
    upright,
)
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
    for away in ([(5, 5), (6, 5), (6, 6)], [(-6, 0), (-5, 0), (-5, 2)], [(0, -6), (3, -6), (3, -5)]):
        assert fill_contour((2, 3), away)[2].shape == (0, 0)


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


def test_what_touches_at_a_corner_is_one_and_what_is_a_pixel_apart_is_not() -> None:
    assert label(np.eye(3), NEIGHBOURS)[1] == 1
    assert label([[1, 0, 1]], NEIGHBOURS)[1] == 2


def test_a_slanted_edge_by_hand() -> None:
    """From (1, 1) to (8, 5): it crosses the middles of rows at 1.875, 3.625, 5.375 and 7.125."""
    labels = fill_polygons((6, 9), [Polygon(((1, 1), (8, 5), (1, 5)))])
    assert (
        labels.tolist()
        == drawing(".........\n.1.......\n.111.....\n.1111....\n.111111..\n.........").tolist()
    )


def test_the_crop_spans_the_ring_inside_the_image() -> None:
    top, left, inside = fill_contour((9, 9), [(3, 2), (7, 2), (7, 5), (3, 5)])
    assert (top, left, inside.tolist()) == (2, 3, [[True] * 4] * 3)
    top, left, inside = fill_contour((4, 5), [(-3, -2), (2, -2), (2, 1), (-3, 1)])
    assert (top, left, inside.tolist()) == (0, 0, [[True] * 2])


@pytest.mark.parametrize("turned", [False, True])
def test_a_ring_between_the_middles_of_columns_or_rows_holds_nothing(turned: bool) -> None:
    ring = [(2.6, 1), (3.4, 1), (3.4, 5), (2.6, 5)]
    top, left, inside = fill_contour((8, 8), [(y, x) for x, y in ring] if turned else ring)
    assert (top, left, inside.shape) == (0, 0, (0, 0))


def test_a_dot_is_round_and_takes_in_what_lies_at_its_very_radius() -> None:
    """Widths of 4 round a corner of pixels, and of 3 round the middle of a side, cut at the image's corner."""
    labels = mark_labels(Marks((6, 6), scribbles=(Scribble(((3, 3),), 4),)))
    assert labels.tolist() == drawing("??????\n??11??\n?1111?\n?1111?\n??11??\n??????").tolist()
    labels = mark_labels(Marks((5, 6), scribbles=(Scribble(((3, 2.5),), 3),)))
    assert labels.tolist() == drawing("??????\n??11??\n?1111?\n??11??\n??????").tolist()
    labels = mark_labels(Marks((3, 3), scribbles=(Scribble(((0.5, 0.5),), 2.5),)))
    assert labels.tolist() == drawing("11?\n1??\n???").tolist()


def test_the_ends_of_a_scribble_are_round() -> None:
    labels = mark_labels(Marks((6, 8), scribbles=(Scribble(((3, 3), (5, 3)), 4),)))
    expected = "????????\n??1111??\n?111111?\n?111111?\n??1111??\n????????"
    assert labels.tolist() == drawing(expected).tolist()


def test_a_slanted_scribble_by_hand() -> None:
    """From (2, 1) to (5, 5), 2 wide: distances are |4 (x - 2) - 3 (y - 1)| / 5 between its ends."""
    labels = mark_labels(Marks((7, 7), scribbles=(Scribble(((2, 1), (5, 5)), 2),)))
    expected = "?11????\n?111???\n??11???\n???11??\n???111?\n????11?\n???????"
    assert labels.tolist() == drawing(expected).tolist()


def test_a_scribble_is_at_least_a_pixel_wide() -> None:
    """At a height of 1.9 it is 0.4 from the middles of its own row and 0.6 from those of the next."""
    labels = mark_labels(Marks((4, 5), scribbles=(Scribble(((0.5, 1.9), (4.5, 1.9)), 0.1),)))
    assert labels.tolist() == drawing("?????\n11111\n?????\n?????").tolist()


@pytest.mark.parametrize("beyond", [(-9.0, 1.0), (9.0, 1.0), (1.0, -9.0), (1.0, 9.0)])
def test_what_a_scribble_does_outside_marks_nothing(beyond: tuple[float, float]) -> None:
    out, far = (
        mark_labels(Marks((3, 3), scribbles=(Scribble(((1.5, 1.5), beyond, *more), 1),)))
        for more in ((), (beyond, beyond))
    )
    assert np.array_equal(out, far)


@pytest.mark.parametrize(
    ("orientation", "upright_rows"),
    [
        (1, ["abc", "def"]), (2, ["cba", "fed"]), (3, ["fed", "cba"]), (4, ["def", "abc"]),
        (5, ["ad", "be", "cf"]), (6, ["da", "eb", "fc"]), (7, ["fc", "eb", "da"]), (8, ["cf", "be", "ad"]),
        (0, ["abc", "def"]), (9, ["abc", "def"]),
    ],
)  # fmt: skip
def test_orientations_by_hand(orientation: int, upright_rows: list[str]) -> None:
    """2: mirrored; 3: half a turn; 4: upside down; 6, 8: a quarter turn, right or left; 5, 7: mirrored as well."""
    stored = np.array([list("abc"), list("def")])
    assert upright(stored, orientation).tolist() == [list(row) for row in upright_rows]
    assert upright(stored[..., None], orientation)[..., 0].tolist() == [list(row) for row in upright_rows]


def test_each_polygon_is_an_object_and_those_of_class_0_are_none() -> None:
    """Numbers go on after those that are drawn over; a hole of class 0 has none, though it has its turn."""
    left, hole, right = (
        Polygon(((x, 0), (x + w, 0), (x + w, 1), (x, 1)), c) for x, w, c in ((0, 3, 7), (1, 1, 0), (3, 1, 7))
    )
    assert number_polygons((1, 5), [left, hole, right]).tolist() == [[1, 0, 1, 3, 0]]
    base = np.array([[0, 0, 0, 0, 4]], np.int32)
    assert number_polygons((1, 5), [left, hole, right], base).tolist() == [[5, 0, 5, 7, 4]]
