"""Layers as cues: what each says, in the pixels of its picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from taken import grid, image, labels, points, shape

import cuecast
from cuecast.core.errors import CueError, MaskError
from cuecast.core.values import Box, ClassInfo, Point
from cuecast.napari.layers import Taken
from cuecast.napari.marks import NOT_THIS, LayerCue, Shown, shown
from cuecast.napari.pictures import Picture, picture_of

CELL, ROOT = ClassInfo(1, "cell"), ClassInfo(2, "root")


def blank(*size: int, to_world: Any = None) -> Picture:
    """A grey picture or stack, all 7."""
    return picture_of(image(np.full(size, 7, np.uint8), to_world=to_world), "pictures")


def read(picture: Picture, *marks: Taken | tuple[Taken, str], classes: Any = (CELL,)) -> list[Shown]:
    """What these layers show on the picture."""
    given = [m if isinstance(m, tuple) else (m, "") for m in marks]
    return shown([LayerCue(picture, layer, says) for layer, says in given], classes)


def mask_of(found: Shown) -> Any:
    mask = found.example.marks.mask
    assert mask is not None
    return mask.tolist()


def test_numbers_are_classes_where_several_are_named() -> None:
    (found,) = read(blank(2, 3), labels([[0, 1, 1], [2, 2, 0]]), classes=(CELL, ROOT))
    assert mask_of(found) == [[0, 1, 1], [2, 2, 0]]


def test_numbers_are_objects_of_the_one_class_that_is_meant() -> None:
    painted = np.zeros((20, 20), int)
    painted[2:6, 2:6], painted[2:6, 10:14], painted[12:16, 3:7] = 1, 2, 3
    for classes, says in (((CELL,), ""), ((CELL, ROOT), "root")):
        (found,) = read(blank(20, 20), (labels(painted), says), classes=classes)
        cls = 2 if says else 1
        assert np.array_equal(found.example.marks.mask, np.where(painted > 0, cls, 0))
        assert np.array_equal(found.example.marks.objects, painted)


def test_a_class_that_is_said_is_all_that_is_painted_in_however_many_pieces() -> None:
    """Three pieces of the number 1 in the layer of roots: no cell, and not one object."""
    (found,) = read(blank(1, 6), (labels([[1, 0, 1, 0, 1, 0]]), "root"), classes=(CELL, ROOT))
    assert mask_of(found) == [[2, 0, 2, 0, 2, 0]]
    assert found.example.marks.objects is None
    (alone,) = read(blank(1, 6), labels([[5, 0, 5, 0, -1, 0]]))
    assert mask_of(alone) == [[1, 0, 1, 0, -1, 0]]


def test_numbers_that_are_no_things_are_classes_and_must_be_named() -> None:
    (found,) = read(blank(1, 8), labels([[1, 0, 1, 0, 2, 0, 2, 0]]))
    with pytest.raises(CueError, match="marks class 2, but the classes are"):
        cuecast.load("colours").learn([found.example], (CELL,))


def test_layers_on_one_picture_are_one_mask_the_later_on_top() -> None:
    cells, roots = labels([[5, 5, 5, 0]]), labels([[0, 0, 9, 9]])
    (found,) = read(blank(1, 4), (cells, "cell"), (roots, "root"), classes=(CELL, ROOT))
    assert mask_of(found) == [[1, 1, 2, 2]]


def test_objects_of_two_layers_keep_apart() -> None:
    first, second = np.zeros((20, 20), int), np.zeros((20, 20), int)
    first[1:5, 1:5], first[1:5, 8:12] = 1, 2
    second[10:14, 1:5], second[10:14, 8:12] = 1, 2
    (found,) = read(blank(20, 20), labels(first), labels(second))
    objects = found.example.marks.objects
    assert objects is not None
    assert sorted(np.unique(objects).tolist()) == [0, 1, 2, 3, 4]


def test_the_middle_of_a_pixel_lies_half_a_pixel_further() -> None:
    (found,) = read(blank(4, 8), points([(1, 6), (3, 0)]))
    assert found.example.marks.points == (Point((6.5, 1.5)), Point((0.5, 3.5)))


def test_a_column_says_the_class_of_each_point() -> None:
    layer = points([(0, 0), (1, 1), (2, 2)], ["root", NOT_THIS, None])
    (found,) = read(blank(4, 4), (layer, "cell"), classes=(CELL, ROOT))
    assert [p.cls for p in found.example.marks.points] == [2, 0, 1]


def test_points_of_one_of_several_classes_must_say_which() -> None:
    with pytest.raises(CueError, match="which class its marks are of; choose the class"):
        read(blank(4, 4), points([(1, 1)]), classes=(CELL, ROOT))
    with pytest.raises(CueError, match="marks: class 'leaf' is unknown; the classes are cell, root"):
        read(blank(4, 4), (points([(1, 1)]), "leaf"), classes=(CELL, ROOT))


def test_a_rectangle_is_a_box_that_is_cut_at_the_border() -> None:
    corners = [(-3.5, 0.5), (-3.5, 4.5), (2.5, 4.5), (2.5, 0.5)]
    (found,) = read(blank(6, 8), shape("rectangle", corners))
    assert found.example.marks.boxes == (Box((1.0, 0.0, 5.0, 3.0)),)


def test_a_path_is_a_scribble_as_wide_as_its_edge_on_the_picture() -> None:
    finer = shape("path", [(2, 2), (2, 12)], width=6, to_world=grid(0.5, 0.5))
    (found,) = read(blank(6, 8), finer)
    (scribble,) = found.example.marks.scribbles
    assert scribble.path == ((1.5, 1.5), (6.5, 1.5))
    assert scribble.width == 3


def test_outlines_are_masks() -> None:
    """A polygon along the edges of pixels 1 to 2; an ellipse covers its middle, and no corner of its rectangle."""
    square = [(0.5, 0.5), (0.5, 2.5), (2.5, 2.5), (2.5, 0.5)]
    (found,) = read(blank(4, 4), shape("polygon", square))
    assert mask_of(found) == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    (round_one,) = read(blank(9, 9), shape("ellipse", [(0, 0), (0, 8), (8, 8), (8, 0)]))
    mask = round_one.example.marks.mask
    assert mask is not None
    assert [mask[4, 4], mask[4, 1], mask[0, 0], mask[8, 8]] == [1, 1, 0, 0]
    assert int(mask.sum()) == pytest.approx(np.pi * 16, rel=0.1)


@pytest.mark.parametrize(
    ("layer", "says", "message"),
    [
        (
            shape("rectangle", [(0, 2), (2, 4), (4, 2), (2, 0)]),
            "",
            "a turned rectangle is no mark; draw a rect",
        ),
        (shape("rectangle", [(0, 0), (0, 2), (2, 2), (2, 0)]), NOT_THIS, "cannot say 'not this'; use points"),
        (labels(np.ones((6, 8), int)), NOT_THIS, "says of all pixels what they are; mark what is not meant"),
        (labels(np.ones((2, 6, 8), int)), "", "it has 3 axes, and the picture 'a' has 2; paint on"),
        (labels(np.ones((3, 8), int)), "", "it leaves a part of the picture 'a' uncovered; paint on"),
        (points(np.zeros((0, 2))), "", "marks: it marks nothing; draw in it"),
        (points([(9, 1)]), "", "is outside the image, which is 8 wide and 6 high"),
    ],
)
def test_what_is_no_mark_is_named_with_its_layer(layer: Taken, says: str, message: str) -> None:
    with pytest.raises((CueError, MaskError), match=message):
        read(blank(6, 8), (layer, says))


def test_an_empty_labels_layer_marks_nothing() -> None:
    with pytest.raises(CueError, match="marks nothing"):
        read(blank(2, 2), labels([[0, 0], [0, 0]]))


def test_layers_that_are_scaled_and_moved_lie_where_they_are_seen() -> None:
    """The picture has pixels of 2 and begins at (10, 20); the labels are twice as fine, and begin there, too."""
    picture = blank(2, 3, to_world=grid(2, 2, at=(10, 20)))
    fine = np.zeros((4, 6), int)
    fine[2:, 4:] = 1
    laid = labels(fine, grid(1, 1, at=(9.5, 19.5)))
    (found,) = read(picture, laid)
    assert mask_of(found) == [[0, 0, 0], [0, 0, 1]]
    (dot,) = read(picture, points([(12, 24)]))
    assert dot.example.marks.points == (Point((2.5, 1.5)),)


def test_marks_of_a_stack_lie_on_their_slices() -> None:
    painted = np.zeros((4, 2, 2), int)
    painted[1, 0, 0] = painted[3, 1, 1] = 1
    stack = blank(4, 2, 2)
    found = read(stack, labels(painted), points([(2, 0, 1)]))
    assert [(s.index, s.example.image.name) for s in found] == [(1, "a 1"), (3, "a 3"), (2, "a 2")]
    assert mask_of(found[1]) == [[0, 0], [0, 1]]
    assert found[2].example.marks.points == (Point((1.5, 0.5)),)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (points([(1, 1)]), "its marks lie on no slice of 'a'; draw them on a layer"),
        (points([(4, 1, 1)]), "a mark lies on slice 4, and 'a' has 0 to 3; move it"),
        (shape("path", [(0, 1, 1), (2, 1, 1)]), "a shape reaches over several slices; draw it on one"),
        (labels(np.zeros((4, 2, 2), int)), "no slice is marked; paint the thing on at least one"),
    ],
)
def test_marks_beside_the_slices_of_a_stack_are_refused(layer: Taken, message: str) -> None:
    with pytest.raises(CueError, match=message):
        read(blank(4, 2, 2), layer)


def test_absent_says_so_of_a_picture_or_of_a_slice_and_contradicts_marks() -> None:
    (found,) = shown([LayerCue(blank(4, 2, 2), None, index=2)], (CELL,))
    assert found.index == 2
    assert found.example.marks.absent
    picture = blank(2, 2)
    with pytest.raises(CueError, match="absent and mark the thing at once"):
        shown([LayerCue(picture, None), LayerCue(picture, points([(0, 0)]))], (CELL,))
