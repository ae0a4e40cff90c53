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
