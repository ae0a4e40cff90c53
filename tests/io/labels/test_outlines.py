"""Outlines along pixel edges, against answers drawn by hand, and back to the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from annotated import CASES, annotations, random_annotations
from hypothesis import given

from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.io.labels.outlines import object_of_contours, outline, part_outlines


def check(found: Annotations) -> None:
    for one in map(tight, found.objects):
        for contours in ([outline(one)], part_outlines(one)):
            back = object_of_contours(found.size, contours, one.cls)
            assert (back.cls, back.xyxy) == (one.cls, one.xyxy)
            assert np.array_equal(back.mask, one.mask)


@pytest.mark.parametrize("case", CASES)
def test_an_outline_gives_back_its_pixels(case: str) -> None:
    check(annotations(CASES[case]))


@given(random_annotations())
def test_any_outline_gives_back_its_pixels(found: Annotations) -> None:
    check(found)


def test_only_corners_are_kept() -> None:
    assert outline(CASES["one pixel"][0]).tolist() == [[4, 3], [5, 3], [5, 4], [4, 4]]
    assert outline(CASES["whole image"][0]).tolist() == [[0, 0], [15, 0], [15, 12], [0, 12]]


def test_parts_come_one_ring_each() -> None:
    assert [r.tolist()[0] for r in part_outlines(CASES["occluded, in three parts"][0])] == [
        [0, 1],
        [5, 1],
        [2, 4],
    ]
    assert len(part_outlines(CASES["diagonal"][0])) == 1


def test_a_hole_is_entered_from_the_nearest_corner() -> None:
    contour = outline(
        ObjectMask(1, 0, 0, np.pad(np.zeros((1, 1), bool), ((1, 5), (5, 1)), constant_values=True))
    )
    assert contour.tolist() == [
        [0, 0], [7, 0], [6, 1], [6, 2], [5, 2], [5, 1], [6, 1], [7, 0], [7, 7], [0, 7],
    ]  # fmt: skip


def test_rings_make_a_union_and_are_cut_at_the_image() -> None:
    square = [(-2, -2), (2, -2), (2, 2), (-2, 2)]
    back = object_of_contours((5, 5), [square, [(1, 0), (4, 0), (4, 1), (1, 1)]], 3)
    assert (back.cls, back.top, back.left) == (3, 0, 0)
    assert back.mask.astype(int).tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


def test_an_outline_thinner_than_a_pixel_still_marks_one() -> None:
    back = object_of_contours((5, 5), [[(2.1, 3.1), (2.3, 3.1), (2.2, 3.3)]], 1)
    assert (back.top, back.left, back.area) == (3, 2, 1)


def test_an_outline_outside_the_image_has_no_pixels() -> None:
    assert not object_of_contours((5, 5), [[(7, 7), (9, 7), (9, 9)]], 1).mask.size


def test_a_large_ragged_object_is_traced_in_time() -> None:
    mask = np.random.default_rng(0).random((300, 300)) < 0.6
    check(Annotations("a", mask.shape, (tight(ObjectMask(1, 0, 0, mask)),)))
