"""Pictures over images: tints, outlines and marks, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.core.drawing import draw_marks, line_width, overlay, thumbnail
from cuecast.core.objects import connected_objects
from cuecast.core.values import IGNORE, Box, ClassInfo, Image, Marks, Point, Scribble

RED = ClassInfo(1, "red", "#ff0000")
BLUE = ClassInfo(2, "blue", "#0000ff")


def grey(height: int, width: int, value: int = 100) -> Image:
    return Image(np.full((height, width, 3), value, np.uint8))


def test_tints_each_class_by_opacity_and_leaves_the_rest() -> None:
    mask = np.array([[0, 1, 2]], np.int32)
    picture = np.asarray(overlay(grey(1, 3), mask, [RED, BLUE], opacity=0.5, outline=False))
    # 100 halfway to 255 and to 0; numpy rounds 177.5 to the even 178
    assert picture.tolist() == [[[100, 100, 100], [178, 50, 50], [50, 50, 178]]]


def test_outlines_the_rim_of_an_object_in_the_full_colour() -> None:
    mask = np.zeros((7, 7), np.int32)
    mask[1:6, 1:6] = 1
    picture = np.asarray(overlay(grey(7, 7), mask, [RED], opacity=0.0))
    full = (picture == (255, 0, 0)).all(axis=2)
    rim = np.zeros((7, 7), bool)
    rim[1:6, 1:6] = True
    rim[2:5, 2:5] = False
    assert (full == rim).all()
    assert (picture[~rim] == 100).all()


def test_things_that_touch_have_an_outline_each() -> None:
    mask = np.zeros((12, 14), np.int32)
    mask[1:11, 1:13] = 1
    ids = mask.copy()
    ids[1:11, 7:13] = 2
    plain, told = (
        np.asarray(overlay(grey(12, 14), mask, [RED], opacity=0.0, objects=o)) for o in (None, ids)
    )
    changed = (plain != told).any(axis=2)
    between = np.zeros((12, 14), bool)
    between[2:10, 6:8] = True  # a pixel on each side
    assert (changed == between).all()
    assert (told[between] == (255, 0, 0)).all()


def test_outlines_of_things_apart_are_those_of_their_class() -> None:
    """At any width: what does not touch looks the same, whether it was told apart or not."""
    random = np.random.default_rng(3)
    mask = np.kron(random.integers(0, 3, (12, 12)), np.ones((60, 60))).astype(np.int32)
    mask[random.random(mask.shape) < 0.01] = 0
    ids = np.zeros(mask.shape, np.int32)
    for number, thing in enumerate(connected_objects(mask), start=1):
        x1, y1, x2, y2 = thing.xyxy
        ids[y1:y2, x1:x2][thing.mask] = number
    plain, told = (overlay(grey(720, 720), mask, [RED, BLUE], objects=o) for o in (None, ids))
    assert plain.tobytes() == told.tobytes()
    assert line_width((720, 720)) == 2


def test_pixels_to_ignore_are_tinted_grey_without_outline() -> None:
    mask = np.full((5, 5), IGNORE, np.int32)
    assert np.asarray(overlay(grey(5, 5, 0), mask, [RED], opacity=0.5)).tolist() == [[[64] * 3] * 5] * 5


def test_the_image_itself_is_not_changed() -> None:
    image = grey(3, 3)
    overlay(image, np.ones((3, 3), np.int32), [RED], opacity=1.0)
    assert (image.pixels == 100).all()


@pytest.mark.parametrize(("size", "width"), [((10, 5000), 1), ((960, 1280), 3)])
def test_lines_grow_with_the_shorter_side(size: tuple[int, int], width: int) -> None:
    assert line_width(size) == width


def test_draws_boxes_on_their_last_pixels_and_marks_of_class_0_in_white() -> None:
    marks = Marks(
        (20, 30),
        boxes=(Box((2, 3, 12, 9), 1),),
        points=(Point((25, 5), 2),),
        scribbles=(Scribble(((15, 15), (25, 15)), 1, 0),),
    )
    picture = np.asarray(draw_marks(grey(20, 30), marks, [RED, BLUE]))
    red = (picture == (255, 0, 0)).all(axis=2)
    expected = np.zeros((20, 30), bool)
    expected[3:9, 2:12] = True
    expected[4:8, 3:11] = False
    assert (red == expected).all()
    assert picture[5, 25].tolist() == [0, 0, 255]
    assert (picture[15, 15:26] == 255).all()


def test_draws_an_absent_cue_as_the_image() -> None:
    image = grey(4, 4)
    assert (np.asarray(draw_marks(image, Marks((4, 4), absent=True), [RED])) == image.pixels).all()


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [((800, 400), 100, (100, 50)), ((60, 30), 100, (60, 30)), ((5000, 1), 50, (50, 1))],
)
def test_thumbnails_keep_the_aspect_and_are_never_enlarged(
    size: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    picture = PILImage.new("RGB", size)
    small = thumbnail(picture, side)
    assert small.size == expected
    assert small is not picture


def test_a_line_parts_objects_that_touch() -> None:
    mask = np.ones((2, 4), np.int32)
    ids = np.array([[1, 1, 2, 2], [3, 3, 0, 0]], np.int32)
    image = grey(2, 4)
    plain, parted = (
        np.asarray(draw_marks(image, Marks((2, 4), mask, objects=objects), [RED])) for objects in (None, ids)
    )
    white = (parted == 255).all(axis=2)
    assert white.tolist() == [[True, True, False, False], [False] * 4]
    assert (parted[~white] == plain[~white]).all()
