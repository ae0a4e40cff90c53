"""Objects of blocks are those of the whole, and their outlines enclose exactly their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import perimeter_crofton

from cuecast.core.geometry import fill_contour
from cuecast.core.objects import connected_objects, measure
from cuecast.core.values import ClassInfo
from cuecast.io.rasters.georeference import Georeference
from cuecast.mosaic.features import feature
from cuecast.mosaic.objects import Component, merged_objects, outer_edges, perimeter, polygons
from cuecast.mosaic.tiles import Grid

CLASSES = {1: ClassInfo(1, "one"), 2: ClassInfo(2, "two")}


def merged(labels: np.ndarray, side: int) -> list[Component]:
    grid = Grid(labels.shape, 16, 0)
    blocks = ((w, labels[w.slices]) for w in grid.blocks(side))
    return list(merged_objects(labels.shape, Georeference(), blocks))


Shape = list[list[np.ndarray]]


def shape_of(component: Component, width: int) -> Shape:
    return rings(polygons(outer_edges(np.concatenate(component.edges), width), width))


def rings(shape: Any) -> Shape:
    """Polygons as lists of rings (n, 2), not closed, the outer one first."""
    assert shape.is_valid
    parts = shapely.get_parts(shape)
    return [[shapely.get_coordinates(ring)[:-1] for ring in shapely.get_rings(part)] for part in parts]


def filled(shape: Shape, size: tuple[int, int]) -> np.ndarray:
    """How often each pixel is covered: outer rings add one, holes take one away."""
    count = np.zeros(size, int)
    for polygon in shape:
        for index, contour in enumerate(polygon):
            top, left, part = fill_contour(size, contour)
            count[top : top + part.shape[0], left : left + part.shape[1]] += np.where(
                part, -1 if index else 1, 0
            )
    return count


maps = arrays(
    np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 0, 1, 1, 2])
)


@settings(max_examples=50)
@given(maps, st.integers(1, 5))
def test_blocks_give_the_objects_of_the_whole(labels: np.ndarray, side: int) -> None:
    size = labels.shape
    whole = {(o.cls, o.xyxy, o.area): measure(o, size) for o in connected_objects(labels)}
    covered = np.zeros(size, int)
    found = merged(labels, side)
    assert len(found) == len(connected_objects(labels))
    for number, component in enumerate(found, start=1):
        one = feature(number, component, CLASSES[component.cls], size, Georeference())
        cells = dict(zip(("number", "name", "cls"), one.cells[:3], strict=True))
        expected = whole[component.cls, tuple(component.box), int(component.sums[0])]
        assert cells == {"number": number, "name": CLASSES[component.cls].name, "cls": component.cls}
        assert one.cells[7:9] == pytest.approx(expected.centroid)
        assert one.cells[9] == expected.area
        assert one.cells[11:13] == pytest.approx((expected.major_axis, expected.minor_axis), abs=1e-6)
        assert one.cells[13] == str(expected.touches_border).lower()
        covered += filled(rings(one.shape), size) * component.cls
    assert (covered == labels).all()


@settings(max_examples=25)
@given(maps, st.integers(1, 5))
def test_perimeters_are_those_of_scikit_image(labels: np.ndarray, side: int) -> None:
    for component in merged(labels, side):
        x1, y1, x2, y2 = component.box
        alone = np.zeros(labels.shape, np.uint8)
        mine = filled(shape_of(component, labels.shape[1]), labels.shape)
        alone[mine > 0] = 1
        got = feature(1, component, CLASSES[component.cls], labels.shape, Georeference()).cells[10]
        assert got == pytest.approx(perimeter_crofton(alone[y1:y2, x1:x2], directions=4))


@settings(max_examples=25)
@given(maps, st.integers(1, 5))
def test_no_ring_comes_back_to_a_corner(labels: np.ndarray, side: int) -> None:
    for component in merged(labels, side):
        for polygon in shape_of(component, labels.shape[1]):
            for contour in polygon:
                assert len({tuple(p) for p in contour.tolist()}) == len(contour) >= 4


def test_a_ring_with_a_hole_over_four_blocks() -> None:
    labels = np.zeros((6, 6), np.int32)
    labels[1:5, 1:5] = 1
    labels[2:4, 2:4] = 0
    (component,) = merged(labels, 3)
    assert (component.box, component.sums[0]) == ([1, 1, 5, 5], 12)
    ((outer, hole),) = shape_of(component, 6)
    assert {tuple(p) for p in outer.tolist()} == {(1, 1), (5, 1), (5, 5), (1, 5)}
    assert {tuple(p) for p in hole.tolist()} == {(2, 2), (4, 2), (4, 4), (2, 4)}


def test_parts_that_touch_at_a_corner_of_four_blocks_are_one_object_of_two_polygons() -> None:
    labels = np.zeros((4, 4), np.int32)
    labels[1, 1] = labels[2, 2] = 1
    (component,) = merged(labels, 2)
    assert [len(polygon) for polygon in shape_of(component, 4)] == [1, 1]
    labels[2, 2] = 2
    assert [p.cls for p in merged(labels, 2)] == [1, 2]


def test_a_hole_lies_in_the_part_around_it() -> None:
    """Two squares with a hole each, which meet at the corner (5, 5)."""
    labels = np.zeros((10, 10), np.int32)
    for start in (0, 5):
        labels[start : start + 5, start : start + 5] = 1
        labels[start + 2, start + 2] = 0
    (component,) = merged(labels, 4)
    first, second = shape_of(component, 10)
    assert first[1].min() == 2
    assert second[1].min() == 7


def test_the_outline_of_a_sponge_encloses_its_pixels() -> None:
    """Holes that touch each other and the border at their corners only, and parts inside of them."""
    labels = (np.random.default_rng(0).random((40, 50)) > 0.4).astype(np.int32)
    for component in merged(labels, 16):
        shape = polygons(outer_edges(np.concatenate(component.edges), 50), 50)
        assert shape.is_valid
        assert shape.area == component.sums[0]


def test_a_finished_object_is_let_go() -> None:
    """Ten stripes in rows of blocks of their own: each is given out before the next block is asked for."""
    asked: list[int] = []

    def blocks():
        for window in Grid((40, 8), 16, 0).blocks(4):
            asked.append(window.top)
            labels = np.zeros((4, window.right - window.left), np.int32)
            labels[1] = 1
            yield window, labels

    given = [
        (component.box[1], max(asked)) for component in merged_objects((40, 8), Georeference(), blocks())
    ]
    assert given == [(top + 1, top) for top in range(0, 40, 4)]


def test_objects_know_their_first_pixel_and_come_in_its_order() -> None:
    """Of two that end in the same row of blocks, the one whose first pixel is read first; a third ends later."""
    labels = np.zeros((6, 8), np.int32)
    labels[0:2, 5:7], labels[1, 1:3], labels[4, 2] = 1, 2, 1
    found = merged(labels, 3)
    assert [(c.cls, c.first, c.box) for c in found] == [
        (1, 5, [5, 0, 7, 2]), (2, 9, [1, 1, 3, 2]), (1, 34, [2, 4, 3, 5])
    ]  # fmt: skip
    # Beside each other in one row, though the second class is measured after the first.
    labels[:] = 0
    labels[0, 0], labels[0, 2], labels[0, 4] = 2, 1, 1
    assert [c.first for c in merged(labels, 8)] == [0, 2, 4]


def test_sums_by_hand() -> None:
    """Pixels (3, 1), (4, 1) and (4, 2): number, x, y, x x, y y, x y, and areas of 0.25."""
    labels = np.zeros((4, 6), np.int32)
    labels[1, 3:5] = labels[2, 4] = 1
    grid = Grid(labels.shape, 16, 0)
    place = Georeference(pixel_size=0.5, unit="µm")
    (found,) = merged_objects(labels.shape, place, ((w, labels[w.slices]) for w in grid.blocks(2)))
    assert found.sums.tolist() == [3, 11, 4, 41, 6, 15, 0.75]


@pytest.mark.parametrize("size", [(5, 1), (1, 5), (3, 3)])
def test_an_outline_has_a_point_at_each_of_its_turns_alone(size: tuple[int, int]) -> None:
    (component,) = merged(np.ones(size, np.int32), 2)
    shape = polygons(outer_edges(np.concatenate(component.edges), size[1]), size[1])
    assert shape.geom_type == "Polygon"
    ((outer,),) = rings(shape)
    assert {tuple(p) for p in outer.tolist()} == {(0, 0), (size[1], 0), (0, size[0]), (size[1], size[0])}
    assert len(outer) == 4


def test_the_length_of_an_outline_by_hand() -> None:
    """Of a rectangle of 3 x 2 pixels: 10 edges, and each diagonal of the lattice crosses them at 8 of 10 corners."""
    (component,) = merged(np.pad(np.ones((2, 3), np.int32), 1), 9)
    edges = outer_edges(np.concatenate(component.edges), 5)
    assert perimeter(edges, 5) == pytest.approx(np.pi / 8 * (10 + 2 * 8 / np.sqrt(2)))
