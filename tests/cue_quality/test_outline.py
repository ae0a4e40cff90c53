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


def halves(mask_from: int, turned: bool = False, known: int = 8, height: int = 8) -> Outline:
    """Of 25 columns those from 12 on are bright, and those from `mask_from` on drawn, in the first `known` rows."""
    columns = np.arange(25)
    pixels = np.repeat(np.where(columns < 12, 20, 220)[None], height, 0).astype(np.uint8)
    mask = np.repeat((columns >= mask_from)[None].astype(np.int32), height, 0)
    mask[known:] = IGNORE
    if turned:
        pixels, mask = pixels.T, mask.T
    return lies(Example(Image(pixels[..., None].repeat(3, 2)), Marks(mask.shape, mask=mask)))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("mask_from", "weaker", "ties"),
    [
        (12, 184, 5),  # on the edge: only along it does it lie as well, at five of eight heights
        (16, 137, 13),  # one to the left it would have half of the weakest step: five places are better
        (8, 137, 13),  # the same on the other side
        (
            20,
            0,
            117,
        ),  # out of its reach: nine places are better, at all other places it lies on nothing as well
    ],
)
def test_shares_by_hand(mask_from: int, weaker: int, ties: int, turned: bool) -> None:
    """The gradient reaches four columns to each side of the edge, and so the outline, two columns wide, nine places.

    Of the 25 x 8 moves, five are at most 0.08 of the side long, and six more of one row and at most one column: 189
    are left. The outline is compared at its best within one pixel.
    """
    found = halves(mask_from, turned)
    assert found.share == pytest.approx((weaker + ties / 2) / 189)
    if mask_from != 20:
        assert (found.dy if turned else found.dx) == 12 - mask_from


@pytest.mark.parametrize(("known", "told"), [(5, True), (4, False)])
def test_an_outline_of_four_pixels_says_something(known: int, told: bool) -> None:
    """Beside a row that is ignored there is none."""
    assert (halves(12, known=known).share is not None) == told


@pytest.mark.parametrize(
    ("part", "share"),
    [
        (np.s_[0], 22),
        (np.s_[-1], 22),
        (np.s_[:, 0], 12),
        (np.s_[:, -1], 12),
        (np.s_[1:-1, 1:-1], 0),
        (np.s_[:], 60),
    ],
)
def test_the_share_of_the_frame_by_hand(part: tuple[slice, ...], share: int) -> None:
    """Of 10 x 20 pixels, with each corner counted for both of its sides: 20 + 20 + 10 + 10."""
    mask = np.zeros((10, 20), np.int32)
    mask[part] = 1
    flat = Example(Image(np.full((10, 20, 3), 90, np.uint8)), Marks((10, 20), mask=mask))
    assert lies(flat) == Outline(None, 0, 0, pytest.approx(share / 60))


@pytest.mark.parametrize("size", [(200, 256), (256, 200)])
def test_pictures_are_looked_at_with_256_pixels(size: tuple[int, int]) -> None:
    """Each pixel of one of that size is four of one twice as large: that is looked at as the same picture."""
    small = textured(np.roll(disc(size), (9, 14), (0, 1)), size)
    large = Example(
        Image(small.image.pixels.repeat(2, 0).repeat(2, 1)),
        Marks((2 * size[0], 2 * size[1]), mask=small.marks.mask.repeat(2, 0).repeat(2, 1)),
    )
    one, two = lies(small), lies(large)
    assert one.share == two.share
    assert (2 * one.dx, 2 * one.dy) == (two.dx, two.dy)


def test_a_thing_that_lies_round_the_border_is_at_the_first_column_not_behind_the_last_one() -> None:
    """Bright are the last and the first two of 25 columns; three were drawn round the 13th, 12 to the right of it."""
    columns = np.arange(25)
    grey = np.repeat(np.where((columns < 2) | (columns == 24), 220, 20)[None, :, None], 8, 0).repeat(3, 2)
    mask = np.repeat(((columns > 10) & (columns < 14))[None].astype(np.int32), 8, 0)
    assert lies(Example(Image(grey.astype(np.uint8)), Marks((8, 25), mask=mask))).dx == -12
