"""Image layers as pictures, volumes, time series and channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from taken import grid, image

from cuecast.core.errors import ImageError
from cuecast.napari.pictures import picture_of


def test_grey_colours_and_alpha_are_read_as_files_are() -> None:
    assert picture_of(image([[0, 9]], name="x"), "volume").image(None).name == "x"
    grey = picture_of(image(np.array([[0, 9]], np.uint8)), "volume").image(None)
    assert grey.pixels.tolist() == [[[0, 0, 0], [9, 9, 9]]]
    colours = np.array([[[1, 2, 3, 255]]], np.uint8)
    assert picture_of(image(colours, rgb=True), "volume").image(None).pixels.tolist() == [[[1, 2, 3]]]


def test_deep_pictures_follow_the_contrast_limits_where_these_are_asked_for() -> None:
    deep = np.arange(1000, dtype=np.uint16).reshape(10, 100)
    layer = image(deep, window=(0.0, 510.0))
    assert picture_of(layer, "volume", as_shown=True).image(None).pixels[4, 80, 0] == 240
    assert picture_of(layer, "volume").image(None).pixels[4, 80, 0] == round((480 - 4.995) * 255 / 989.01)


def test_a_volume_has_one_window_and_the_spacing_of_its_layer() -> None:
    voxels = np.zeros((3, 2, 2), np.uint16)
    voxels[2] = 1000
    seen = picture_of(image(voxels, to_world=grid(4, 0.5, 0.5), window=(0.0, 2000.0)), "volume")
    assert seen.volume.spacing == (4.0, 0.5, 0.5)
    assert seen.image(2).pixels.max() == 255
    assert seen.shape == (3, 2, 2)
    shown = picture_of(image(voxels, window=(0.0, 2000.0)), "volume", as_shown=True)
    assert shown.volume.spacing is None
    assert shown.image(2).pixels.max() == 128


def test_the_frames_of_a_time_series_are_read_one_by_one() -> None:
    frames = picture_of(image(np.arange(12, dtype=np.uint8).reshape(3, 2, 2)), "time series").frames
    assert [f.pixels[0, 0, 0] for f in frames] == [0, 4, 8]
    assert frames[-1].name == "a 2"
    assert len(frames[1:]) == 2
    with pytest.raises(IndexError):
        frames[3]


def test_channels_become_red_green_and_blue_each_by_its_own_light() -> None:
    two = np.zeros((2, 1, 2), np.uint16)
    two[0, 0, 1], two[1, 0, 0] = 100, 60000
    seen = picture_of(image(two), "channels")
    assert seen.shape == (1, 2)
    assert seen.image(None).pixels.tolist() == [[[0, 255, 0], [255, 0, 0]]]
    one = picture_of(image(two[:1]), "channels").image(None)
    assert one.pixels.tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(
    ("data", "rgb", "stack", "message"),
    [
        (
            np.zeros((2, 2, 4, 4)),
            False,
            "volume",
            "a: has 4 axes, .* two or three; take one time .*'Split Stack'",
        ),
        (
            np.zeros((5, 4, 4)),
            False,
            "channels",
            "a: has 5 channels, and three are seen at most; 'Split Stack'",
        ),
        (
            np.zeros((2, 4, 4, 3), np.uint8),
            True,
            "volume",
            "is in colours, and volumes are grey; say that stacks",
        ),
        (np.zeros((2, 4, 4, 3), np.uint8), True, "channels", "is in colours, and these are its channels"),
    ],
)
def test_what_is_no_picture_is_refused(data: Any, rgb: bool, stack: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        picture_of(image(data, rgb=rgb), stack)


def test_what_is_no_number_is_named_with_its_layer() -> None:
    with pytest.raises(ImageError, match="b 1: 1 samples are NaN or infinite; replace them"):
        picture_of(image([[[0.0]], [[np.nan]]], name="b"), "pictures").image(1)
