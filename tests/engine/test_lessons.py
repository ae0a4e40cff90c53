"""The working scale follows the size of the marked thing."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import Box, Example, Image, Marks, Scribble
from cuecast.engine.lessons import thickness, working_side

PREPROCESSING = {"side": 256, "most": 1024, "thickness": 6}


def example(mask: np.ndarray) -> Example:
    image = Image(np.zeros((*mask.shape, 3), np.uint8))
    return Example(image, Marks(mask.shape, mask=mask.astype(np.int32)))


@pytest.mark.parametrize("width", [4, 8, 20])
def test_thickness_of_a_strip_is_its_width(width: int) -> None:
    mask = np.zeros((100, 300), bool)
    mask[40 : 40 + width] = True
    assert thickness(mask) == pytest.approx(width, rel=0.15)


def test_thickness_does_not_depend_on_what_lies_around() -> None:
    mask = np.zeros((40, 50), bool)
    mask[:7, 10:30] = mask[20:40, 12:15] = True  # touches borders
    assert thickness(np.pad(mask, ((0, 300), (0, 400)))) == thickness(mask)


def test_large_things_take_the_base_scale() -> None:
    mask = np.zeros((1000, 1000), int)
    mask[200:700, 200:700] = 1
    assert working_side([example(mask)], 1, PREPROCESSING) == 256


def test_small_things_in_large_frames_are_looked_at_closely() -> None:
    mask = np.zeros((1000, 1000), int)
    mask[500:504] = 1
    assert working_side([example(mask)], 1, PREPROCESSING) == pytest.approx(1024)


def test_nothing_is_gained_beyond_the_images_own_pixels() -> None:
    mask = np.zeros((290, 290), int)
    mask[100:102] = 1
    assert working_side([example(mask)], 1, PREPROCESSING) == 256


def test_strokes_ask_for_twice_the_base_at_most() -> None:
    """They are as wide on a large thing as on a small one."""
    image = Image(np.zeros((3000, 3000, 3), np.uint8))
    stroke = Scribble(((100, 100), (2000, 2000)), 6.0, 1)
    drawn = Example(image, Marks((3000, 3000), scribbles=(stroke,)))
    assert working_side([drawn], 1, PREPROCESSING) == 512
    boxed = Example(image, Marks((3000, 3000), scribbles=(stroke,), boxes=(Box((10, 10, 20, 20)),)))
    assert working_side([boxed], 1, PREPROCESSING) == 1024


def test_boxes_give_a_scale_too() -> None:
    image = Image(np.zeros((1000, 1000, 3), np.uint8))
    cue = Example(image, Marks((1000, 1000), boxes=(Box((10, 10, 22, 90)),)))
    assert 256 < working_side([cue], 1, PREPROCESSING) <= 1024
