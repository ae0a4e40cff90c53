"""Where in the frame a thing was shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cuecast.core.tiling import Window
from cuecast.engine.location_prior import GRID, NOWHERE, LocationPrior, positions, read_place, shown_place


def weights(*boxes: tuple[int, int, int, int], size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """The thing inside of boxes top, bottom, left, right of a square picture, the rest elsewhere."""
    thing = np.zeros((size, size), np.float32)
    for top, bottom, left, right in boxes:
        thing[top:bottom, left:right] = 1
    return thing, 1 - thing


LEFT, RIGHT = (20, 80, 5, 35), (20, 80, 60, 90)
WHOLE = Window(0, 96, 0, 96)


def test_it_is_likely_where_it_was_shown() -> None:
    logits, trust = read_place(shown_place([weights(LEFT)]), WHOLE, (96, 96), (12, 12))
    assert logits[6, 2] > 0.3
    assert logits[6, 9] < -0.3
    assert logits.min() >= -1
    assert logits.max() <= 1
    assert not trust.any()


def test_trust_tells_whether_cues_agree() -> None:
    agree = shown_place([weights(LEFT), weights(LEFT), weights((25, 85, 8, 38))])
    disagree = shown_place([weights(LEFT), weights(RIGHT)])
    assert agree.trust > 0.4
    assert disagree.trust < 0
    assert shown_place([weights(LEFT)]).trust == 0


def test_a_tile_reads_its_part_of_the_frame() -> None:
    place = shown_place([weights(LEFT)])
    whole = read_place(place, Window(0, 128, 0, 192), (128, 192), (16, 24))
    tile = read_place(place, Window(64, 128, 96, 192), (128, 192), (8, 12))
    np.testing.assert_allclose(tile, whole[:, 8:, 12:], atol=1e-6)


def test_frames_of_another_size_read_the_same_places() -> None:
    place = shown_place([weights(LEFT)])
    small = read_place(place, Window(0, 64, 0, 64), (64, 64), (8, 8))
    large = read_place(place, Window(0, 192, 0, 192), (192, 192), (24, 24))
    np.testing.assert_allclose(small, large[:, 1::3, 1::3], atol=1e-5)


@pytest.mark.parametrize("seen", [0.0, 0.3])
def test_cues_that_leave_most_of_their_picture_open_do_not_count(seen: float) -> None:
    thing, rest = weights(LEFT)
    rest[int(96 * seen) :] = 0
    thing[int(96 * seen) :] = 0
    assert shown_place([(thing, rest)]) is NOWHERE


def test_pictures_without_the_thing_do_not_count() -> None:
    alone = shown_place([weights(LEFT)])
    both = shown_place([weights(LEFT), weights()])
    np.testing.assert_array_equal(alone.logits, both.logits)
    assert alone.logits.shape == (GRID, GRID)


def test_a_thing_that_fills_the_picture_has_no_place() -> None:
    logits, _ = read_place(shown_place([weights((0, 96, 0, 96))]), WHOLE, (96, 96), (12, 12))
    np.testing.assert_allclose(logits, 0, atol=1e-3)


def even(thing: float, rest: float) -> tuple[np.ndarray, np.ndarray]:
    """Everywhere in the picture the same weight of the thing and of the rest: smoothing changes nothing."""
    return np.full((64, 64), thing, np.float32), np.full((64, 64), rest, np.float32)


def information(own: float, said: float, mean: float) -> float:
    """What `said` tells of a share of `own` beyond what the mean share tells."""
    return own * math.log(said / mean) + (1 - own) * math.log((1 - said) / (1 - mean))


def test_trust_by_hand() -> None:
    """Shares 0.8 and 0.4, mean 0.6: each is foretold by nine tenths of the other and a tenth of the mean."""
    found = shown_place([even(0.8, 0.2), even(0.4, 0.6)])
    gains = information(0.8, 0.9 * 0.4 + 0.1 * 0.6, 0.6), information(0.4, 0.9 * 0.8 + 0.1 * 0.6, 0.6)
    entropy = -0.6 * math.log(0.6) - 0.4 * math.log(0.4)
    assert found.trust == pytest.approx(sum(gains) / 2 / entropy, abs=1e-5)
    assert found.trust == pytest.approx(-0.3453, abs=1e-3)
    np.testing.assert_allclose(found.logits, 0, atol=1e-5)


def test_trust_of_cues_that_know_little_counts_what_they_know() -> None:
    """Of the first cue half the weight is unknown: 0.4 of 0.5 and 0.2 and 0.3 of 1, so 0.9 of 2.5 in the mean."""
    found = shown_place([even(0.4, 0.1), even(0.2, 0.8), even(0.3, 0.7)])
    mean = 0.36
    others = 0.5 / 2, 0.7 / 1.5, 0.6 / 1.5
    said = [0.9 * o + 0.1 * mean for o in others]
    gains = [information(own, s, mean) for own, s in zip((0.8, 0.2, 0.3), said, strict=True)]
    entropy = -mean * math.log(mean) - (1 - mean) * math.log(1 - mean)
    assert found.trust == pytest.approx(sum(gains) / 3 / entropy, abs=1e-5)


def test_trust_is_never_below_minus_one() -> None:
    assert shown_place([even(0.99, 0.01), even(0.01, 0.99)]).trust == -1


def test_odds_by_hand_away_from_the_border_of_two_halves() -> None:
    """0.8 on the left, 0.2 on the right, half in the mean: likely is 0.9 x 0.8 + 0.1 x 0.5 = 0.77, its logit 1.208."""
    thing = np.full((64, 64), 0.8, np.float32)
    thing[:, 32:] = 0.2
    logits = shown_place([(thing, 1 - thing)]).logits
    np.testing.assert_allclose(logits[:, :7], math.log(0.77 / 0.23), atol=1e-4)
    np.testing.assert_allclose(logits[:, 25:], -math.log(0.77 / 0.23), atol=1e-4)
    # One cell from the border the smoothed share is 0.5 + 0.3 erf(0.5 / (2.56 sqrt 2)), by the middles of cells.
    beside = 0.9 * (0.5 + 0.3 * math.erf(0.5 / (0.08 * 32 * math.sqrt(2)))) + 0.05
    assert logits[9, 15] == pytest.approx(math.log(beside / (1 - beside)), abs=0.01)


def test_nothing_is_said_of_places_that_no_cue_knows() -> None:
    """The left half is unknown; the right is 0.9 above and 0.5 below, 0.7 in the mean."""
    thing, rest = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    thing[:32, 32:], thing[32:, 32:] = 0.9, 0.5
    rest[:, 32:] = 1 - thing[:, 32:]
    logits = shown_place([(thing, rest)]).logits
    mean = math.log(0.7 / 0.3)
    np.testing.assert_allclose(logits[:, :7], 0, atol=1e-5)
    np.testing.assert_allclose(logits[:7, 25:], math.log(0.88 / 0.12) - mean, atol=1e-4)
    np.testing.assert_allclose(logits[25:, 25:], math.log(0.52 / 0.48) - mean, atol=1e-4)


def test_a_third_of_the_odds_is_read_between_the_middles_of_cells() -> None:
    """The odds grow by 0.05 a column and 0.02 a row; each cell is 8 pixels, as is a step of what is read."""
    rows, columns = np.mgrid[:GRID, :GRID]
    place = LocationPrior((0.05 * columns + 0.02 * rows).astype(np.float32), 0.25)
    found = read_place(place, Window(16, 48, 4, 44), (256, 256), (4, 5))
    assert found.shape == (2, 4, 5)
    at_rows, at_columns = 2 + np.arange(4), 0.5 + np.arange(5)
    np.testing.assert_allclose(found[0], (0.05 * at_columns + 0.02 * at_rows[:, None]) / 3, atol=1e-6)
    np.testing.assert_allclose(found[1], 0.25)
    # At the far end, and where a frame is half as large, so that a step is two cells and the first is between two.
    last = read_place(place, Window(248, 256, 248, 256), (256, 256), (1, 1))
    assert last[0, 0, 0] == pytest.approx(0.07 * 31 / 3)
    half = read_place(place, Window(0, 16, 0, 16), (128, 128), (2, 2))
    np.testing.assert_allclose(half[0, 0], [0.5 * 0.07 / 3, (2.5 * 0.05 + 0.5 * 0.02) / 3], atol=1e-6)


def test_beyond_the_middles_of_the_outer_cells_their_odds_are_read() -> None:
    """Where a cell is 16 pixels, the first and last steps of 8 end beyond a middle."""
    place = LocationPrior(np.arange(GRID, dtype=np.float32)[None].repeat(GRID, 0) / 16, 0)
    found = read_place(place, Window(0, 512, 0, 512), (512, 512), (64, 64))[0, 0]
    np.testing.assert_allclose(found[[0, 1, -2, -1]], np.array([0, 0.25, 30.75, 31]) / 16 / 3, atol=1e-6)


@pytest.mark.parametrize("logits", [4, -4])
def test_what_is_read_is_within_one(logits: float) -> None:
    place = LocationPrior(np.full((GRID, GRID), logits, np.float32), 0)
    assert abs(read_place(place, WHOLE, (96, 96), (12, 12))[0]).max() == 1


def test_positions_by_hand() -> None:
    found = positions(Window(4, 8, 10, 16), (16, 40), (2, 3))
    assert found.tolist() == [
        [[pytest.approx(r / 16)] * 3 for r in (5, 7)],
        [[pytest.approx(c / 40) for c in (11, 13, 15)]] * 2,
    ]


def test_where_nothing_counts_nothing_is_known() -> None:
    assert shown_place([]) is NOWHERE
    assert NOWHERE.trust == 0
    assert not NOWHERE.logits.any()


def test_trust_is_never_above_one() -> None:
    """Two faint cues agree on the left half; the third makes the thing rare: they would count fivefold."""
    left = np.zeros((64, 64), np.float32)
    left[:, :32] = 1
    faint, rest = (0.05 * left, 0.05 * left * 0), (0.001 * left[:, ::-1], left[:, ::-1])
    assert shown_place([faint, faint, rest]).trust == 1
