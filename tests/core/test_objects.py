"""Finding and measuring objects, against answers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cuecast.core.objects import (
    Annotations,
    ObjectMask,
    connected_instances,
    connected_objects,
    in_reading_order,
    measure,
    reading_order,
    tight,
)
from cuecast.core.values import IGNORE


def test_diagonal_neighbours_are_one_object_and_classes_are_apart() -> None:
    mask = np.array([[0, 1, 2], [1, 0, 2], [0, 0, IGNORE], [1, 0, 0]], np.int32)
    found = connected_objects(mask)
    assert [(o.cls, o.xyxy, o.area) for o in found] == [
        (1, (0, 0, 2, 2), 2),
        (2, (2, 0, 3, 2), 2),
        (1, (0, 3, 1, 4), 1),
    ]


def test_the_order_is_that_of_the_first_pixel_in_reading_order() -> None:
    mask = np.array([[0, 0, 5, 0, 3], [4, 0, 5, 0, 0]], np.int32)
    assert [o.cls for o in connected_objects(mask)] == [5, 3, 4]
    # the box of the first begins left of the second, its first pixel lies right of it
    mask = np.array([[0, 0, 2, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]], np.int32)
    assert [o.cls for o in connected_objects(mask)] == [2, 1]


@given(npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_those_of_one_class_are_found_in_that_order(mask: np.ndarray) -> None:
    found = connected_instances(np.where(mask, 7, 0).astype(np.int32))
    assert np.array_equal(in_reading_order(found), found)


def test_an_empty_mask_has_no_objects() -> None:
    assert connected_objects(np.zeros((4, 4), np.int32)) == ()
    assert connected_objects(np.full((4, 4), IGNORE, np.int32)) == ()


@given(
    npst.arrays(np.int32, npst.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(-1, 3))
)
def test_the_objects_make_up_the_mask(mask: np.ndarray) -> None:
    found = connected_objects(mask)
    assert np.array_equal(Annotations("a", mask.shape, found).label_map(), np.maximum(mask, 0))
    assert sum(o.area for o in found) == int((mask > 0).sum())


def test_measures_of_a_rectangle() -> None:
    m = measure(ObjectMask(2, 1, 3, np.ones((3, 4), bool)), (10, 10), 0.5, "um")
    assert (m.cls, m.box, m.centroid, m.area) == (2, (3, 1, 7, 4), (5.0, 2.5), 12)
    # the second moment of a bar of length 4 is 16 / 12; the ellipse's axis is four times its root
    assert m.major_axis == pytest.approx(4 * np.sqrt(16 / 12))
    assert m.minor_axis == pytest.approx(4 * np.sqrt(9 / 12))
    assert not m.touches_border
    assert (m.unit, m.box_units, m.centroid_units, m.area_units) == (
        "um",
        (1.5, 0.5, 3.5, 2.0),
        (2.5, 1.25),
        3.0,
    )
    assert m.perimeter_units == pytest.approx(m.perimeter / 2)
    assert m.major_axis_units == pytest.approx(m.major_axis / 2)


def test_measures_of_a_disc() -> None:
    y, x = np.mgrid[:81, :81]
    m = measure(ObjectMask(1, 0, 0, (x - 40) ** 2 + (y - 40) ** 2 <= 30**2), (81, 81))
    assert m.perimeter == pytest.approx(2 * np.pi * 30, rel=0.02)
    assert m.major_axis == pytest.approx(60, rel=0.02)
    assert m.minor_axis == pytest.approx(60, rel=0.02)
    assert m.centroid == (40.5, 40.5)
    assert not m.touches_border
    assert m.unit is None
    assert m.area_units is None


def test_the_border_is_touched_by_pixels_not_by_crops() -> None:
    crop = np.zeros((5, 5), bool)
    crop[2, 2] = True
    assert not measure(ObjectMask(1, 0, 0, crop), (5, 5)).touches_border
    for top, left in ((0, 2), (2, 0), (4, 2), (2, 4)):
        assert measure(ObjectMask(1, top, left, np.ones((1, 1), bool)), (5, 5)).touches_border


def test_one_pixel_has_an_extent() -> None:
    m = measure(ObjectMask(1, 2, 2, np.ones((1, 1), bool)), (5, 5))
    assert m.major_axis == m.minor_axis == pytest.approx(4 / np.sqrt(12))
    assert m.perimeter > 0


def test_parts_are_measured_together() -> None:
    m = measure(ObjectMask(1, 0, 0, np.array([[1, 0, 0, 0, 1]], bool)), (5, 5))
    assert (m.area, m.box, m.centroid) == (2, (0, 0, 5, 1), (2.5, 0.5))


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        measure(ObjectMask(1, 0, 0, np.zeros((2, 2), bool)), (5, 5))
    with pytest.raises(ValueError, match="not positive"):
        measure(ObjectMask(1, 0, 0, np.ones((2, 2), bool)), (5, 5), 0.0)


def test_tight_cuts_to_the_pixels() -> None:
    crop = np.zeros((4, 6), bool)
    crop[1:3, 2] = True
    threshold = tight(ObjectMask(3, 10, 20, crop))
    assert (threshold.cls, threshold.xyxy, threshold.area) == (3, (22, 11, 23, 13), 2)


def test_ids_of_any_order_are_numbered_as_they_are_read() -> None:
    random = np.random.default_rng(5)
    for values in ([0, 3, 9, 4], [0], [7], [-1, 0, 2, 11, 5]):
        ids = random.choice(values, (6, 7)).astype(np.int32)
        read = [v for v in dict.fromkeys(ids.ravel().tolist()) if v > 0]
        assert reading_order(ids).tolist() == read
        new = {v: n for n, v in enumerate(read, start=1)}
        assert in_reading_order(ids).tolist() == [[new.get(v, 0) for v in row] for row in ids.tolist()]
    assert reading_order(np.zeros((0, 4), np.int32)).tolist() == []
