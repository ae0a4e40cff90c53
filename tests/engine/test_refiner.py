"""The refiner brings coarse scores to full size and follows the image's edges."""

from __future__ import annotations

import numpy as np

from cuecast.engine.refiner import Refiner, resize


def test_refined_edge_lies_on_the_image_edge() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 29:] = 200
    truth = np.zeros((64, 64), bool)
    truth[:, 29:] = True
    coarse = resize(truth.astype(np.float32), (16, 16))
    plain, refined = resize(coarse, (64, 64)), Refiner(pixels).refine(coarse)
    assert (np.abs(refined - truth)).mean() < 0.5 * np.abs(plain - truth).mean()
    np.testing.assert_array_equal(refined >= 0.5, truth)


def test_scores_keep_their_scale() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 56, 3)).astype(np.uint8)
    for value in (0.0, 0.3, 1.0):
        refined = Refiner(pixels).refine(np.full((10, 14), value, np.float32))
        assert refined.dtype == np.float32
        np.testing.assert_allclose(refined, value, atol=1e-4)


def test_resize_averages_where_it_shrinks() -> None:
    values = np.array([[0, 1, 0, 1], [1, 0, 1, 0]], np.float32)
    np.testing.assert_allclose(resize(values, (1, 2)), [[0.5, 0.5]])


def test_details_are_followed_by_the_slope_in_each_window() -> None:
    """A ramp of 8 grey levels a place, 10 more and 10 less on its four pixels, and scores that rise by 0.05 a place.

    In a window of five places, steps have a variance of 2: the slope is 2 x 0.05 x 8 / (2 x 8 x 8 + noise), with grey
    levels as shares of 255. Red is once, blue twice what makes the mean.
    """
    levels = (10 + 8 * np.arange(13)).repeat(2) + 10 * np.array([[1, -1], [-1, 1]]).repeat(13, 0).reshape(
        2, 26
    )
    fine = np.tile([[1, -1], [-1, 1]], (5, 13))
    levels = (10 + 8 * np.arange(13)).repeat(2)[None] + 10 * fine
    pixels = np.stack([levels, 0 * levels, 2 * levels], 2).astype(np.uint8)
    scores = np.tile(0.2 + 0.05 * np.arange(13, dtype=np.float32), (5, 1))
    found = Refiner(pixels).refine(scores)
    step = 8 / 255
    slope = 2 * 0.05 * step / (2 * step * step + 4e-3)
    # Pixels 12 and 13 lie a quarter of a place before and behind the middle of place 6, where the score is 0.5.
    logit = np.log(0.55 / 0.45) / 4
    unseen = (
        np.array([10 + 2, -10 - 2]) / 255
    )  # beside the ramp itself, which is a quarter step off each pixel
    expected = 1 / (1 + np.exp([logit, -logit])) + slope * unseen
    np.testing.assert_allclose(found[4, 12:14], expected, atol=1e-5)
    np.testing.assert_allclose(
        found[5, 12:14], 1 / (1 + np.exp([logit, -logit])) + slope * np.array([-8, 8]) / 255, atol=1e-5
    )


def test_refined_scores_stay_scores() -> None:
    """Where a detail is as strong as half of the edge, the slope would lead beyond 0 and 1."""
    levels = np.where(np.arange(16) < 8, 60, 180) + 50 * np.tile([[1, -1], [-1, 1]], (8, 8))
    pixels = levels[..., None].repeat(3, 2).astype(np.uint8)
    scores = np.zeros((8, 8), np.float32)
    scores[:, 4:] = 1
    found = Refiner(pixels).refine(scores)
    assert (found.min(), found.max()) == (0, 1)


def test_an_edge_between_a_sure_no_and_a_sure_yes_lies_half_way() -> None:
    """Logits of 0.0001 and 0.9999, a quarter and three quarters of the way from one to the other."""
    found = Refiner(np.full((1, 4, 3), 90, np.uint8)).refine(np.array([[0, 1]], np.float32))
    sure = np.log(1e-4 / (1 - 1e-4))
    np.testing.assert_allclose(found[0], 1 / (1 + np.exp([-sure, -sure / 2, sure / 2, sure])), atol=1e-5)


def test_resize_is_linear_where_it_grows_and_takes_whole_means_where_it_shrinks() -> None:
    np.testing.assert_allclose(resize(np.array([[0, 1]], np.float32), (1, 4)), [[0, 0.25, 0.75, 1]])
    np.testing.assert_allclose(resize(np.array([[0, 1, 1]] * 2, np.float32), (2, 6))[0, :3], [0, 0.25, 0.75])
    np.testing.assert_allclose(resize(np.array([[0, 0, 0, 1]] * 2, np.float32), (1, 2)), [[0, 0.5]])
