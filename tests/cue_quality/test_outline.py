"""A mask that was drawn on its picture lies on its edges; one that was moved does not, and the way back is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cue_pictures import SIZE, cue, moved, square

from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.cue_quality.agreement import Outline, outlines


def textured(mask: np.ndarray, size: tuple[int, int] = (300, 400)) -> Example:
    """A noisy disc of another grey on noise, with stripes beside it, and this mask."""
    noise = np.random.default_rng(0).normal(0, 12, size)
    pixels = 90 + noise + 60 * disc(size) + 40 * (np.arange(size[1]) // 16 % 2 * (np.arange(size[1]) > 250))
    grey = np.clip(pixels, 0, 255).astype(np.uint8)
    return Example(Image(np.repeat(grey[..., None], 3, 2)), Marks(size, mask.astype(np.int32)))


def disc(size: tuple[int, int]) -> np.ndarray:
    rows, columns = np.ogrid[: size[0], : size[1]]
    return np.hypot(rows - 130, columns - 140) < 60


def lies(example: Example) -> Outline:
    return outlines(example)[1]


def test_a_mask_at_its_place() -> None:
    found = lies(textured(disc((300, 400))))
    assert found.share > 0.99
    assert max(abs(found.dx), abs(found.dy)) <= 4


@pytest.mark.parametrize(("dx", "dy"), [(60, 0), (-40, 70), (100, 75)])
def test_a_moved_mask_and_the_way_back(dx: int, dy: int) -> None:
    found = lies(textured(np.roll(disc((300, 400)), (dy, dx), (0, 1))))
    assert found.share < 0.9
    assert abs(found.dx + dx) <= 4
    assert abs(found.dy + dy) <= 4


def test_a_way_back_longer_than_half_the_picture_stays_in_it() -> None:
    found = lies(textured(np.roll(disc((300, 400)), 190, 1)))
    assert found.dx == pytest.approx(-190, abs=4)
    far = lies(textured(np.roll(disc((300, 400)), 230, 1)))
    assert far.dx == pytest.approx(-230, abs=4)


def test_flat_colours() -> None:
    assert lies(cue(0)).share == 1
    assert lies(cue(0, moved(0, 30, 20))).share < 0.9


def test_the_frame_and_what_is_ignored_are_no_outline() -> None:
    everything = lies(cue(0, np.ones(SIZE, np.int32)))
    assert (everything.share, everything.frame) == (None, 1)
    assert lies(cue(0)).frame == 0
    assert lies(cue(0, 1 - square(0))).frame == 1
    assert list(outlines(cue(0))) == [1]
    assert lies(cue(0, np.where(square(0) > 0, 1, IGNORE))).share is None


def test_a_picture_without_edges_says_nothing() -> None:
    flat = Example(Image(np.full((*SIZE, 3), 90, np.uint8)), Marks(SIZE, square(0)))
    assert lies(flat).share is None


def test_light_and_size_do_not_matter() -> None:
    example = textured(disc((300, 400)))
    dark = replace(example, image=Image((example.image.pixels // 3).astype(np.uint8)))
    assert lies(dark).share > 0.98
    large = Example(
        Image(example.image.pixels.repeat(3, 0).repeat(3, 1)),
        Marks((900, 1200), disc((300, 400)).repeat(3, 0).repeat(3, 1).astype(np.int32)),
    )
    assert lies(large).share > 0.99
