"""Regions of a picture, ready to be clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.engine.regions import LARGE, SIDE, regions_of
from cuecast.engine.segmenter import MapShape


def checks(size: tuple[int, int] = (96, 128), side: int = 32) -> NDArray[np.uint8]:
    """Squares of four colours."""
    y, x = np.indices(size) // side
    colours = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [220, 220, 60]], np.uint8)
    return colours[(x % 2) + 2 * (y % 2)]


class Stripes:
    """An encoder that sees stripes which the colours do not show."""

    def __init__(self) -> None:
        self.maps = {"fine": MapShape(4, 1)}
        self.multiple = 8

    def encode(self, frame: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        h, w = frame.shape[0] // 4, frame.shape[1] // 4
        return {"fine": np.broadcast_to((np.arange(w) // 4 % 2).astype(np.float32), (1, h, w))}


def test_no_region_lies_on_two_colours() -> None:
    picture = checks()
    found = regions_of(picture, None)
    assert found.small.shape == found.large.shape == (96, 128)
    for ids in (found.small, found.large):
        for region in np.unique(ids):
            assert len(np.unique(picture[ids == region].reshape(-1, 3), axis=0)) == 1


def test_large_regions_are_made_of_small_ones_and_hang_together() -> None:
    noise = np.random.default_rng(0).integers(0, 60, (96, 128, 3))
    found = regions_of((checks() // 2 + noise).astype(np.uint8), None)
    pairs = np.unique(np.stack([found.small.ravel(), found.large.ravel()]), axis=1)
    assert len(pairs[0]) == found.small.max() + 1  # each small one is in one large one
    assert found.large.max() + 1 == LARGE
    assert np.unique(found.small).tolist() == list(range(found.small.max() + 1))
    for region in range(LARGE):
        assert ndimage.label(found.large == region, np.ones((3, 3)))[1] == 1


def test_the_features_tell_apart_what_colours_do_not() -> None:
    plain = np.full((96, 128, 3), 90, np.uint8)
    found = regions_of(plain, Stripes())
    # Stripes are 16 pixels wide; their borders are interpolated over 4.
    stripes = np.arange(128) // 16 % 2
    inside = np.abs(np.arange(128) % 16 - 7.5) < 5
    for region in np.unique(found.small):
        here = stripes[np.unique(np.nonzero((found.small == region) & inside)[1])]
        assert len(np.unique(here)) <= 1


def test_a_large_picture_is_looked_at_smaller_and_a_tiny_one_as_it_is() -> None:
    found = regions_of(checks((900, 1600), 100), None)
    assert found.small.size <= SIDE * SIDE * 1.01
    assert abs(found.small.shape[1] / found.small.shape[0] - 16 / 9) < 0.02
    assert regions_of(checks((5, 7)), None).small.shape == (5, 7)
    one = regions_of(np.full((1, 1, 3), 9, np.uint8), None)
    assert one.small.tolist() == one.large.tolist() == [[0]]
