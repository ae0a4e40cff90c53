"""What is kept of cues can be added to."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.matcher import FeatureMaps, MatcherWeights, Shown, evidence, join, learn

SIDE = 32


def maps(rng: np.random.Generator) -> FeatureMaps:
    """Features of an image of SIDE x SIDE pixels."""

    def draw(channels: int, stride: int) -> np.ndarray:
        return rng.normal(size=(channels, SIDE // stride, SIDE // stride)).astype(np.float32)

    key = draw(12, 8).reshape(2, 6, SIDE // 8, SIDE // 8)
    key /= np.linalg.norm(key, axis=1, keepdims=True)
    return FeatureMaps(draw(5, 2), draw(7, 4), key.reshape(12, SIDE // 8, SIDE // 8), draw(3, 8), draw(1, 8))


def shown(rng: np.random.Generator) -> Shown:
    """A cue tile whose pixels speak for thing and rest with any strength."""
    thing = rng.uniform(size=(SIDE, SIDE)).astype(np.float32)
    return Shown(maps(rng), thing, 1 - thing, np.empty((0, SIDE // 2, SIDE // 2), np.float32))


@pytest.fixture
def weights() -> MatcherWeights:
    rng = np.random.default_rng(5)
    hidden, bias = rng.normal(size=(9, 5)), rng.normal(size=9)
    return MatcherWeights(
        np.array([8.0, 12.0], np.float32), 0.05, 0.01, hidden.astype(np.float32), bias.astype(np.float32)
    )


def test_cues_that_join_count_like_those_that_were_learned(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(0)
    first, second, query = shown(rng), shown(rng), maps(rng)
    both, joined = learn([first, second], weights), join(learn([first], weights), [second], weights)
    assert joined.share == pytest.approx(both.share)
    expected, found = (evidence(k, query, weights) for k in (both, joined))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-4)
    # The pixel head keeps the standardisation of the first cue, which the ridge nearly makes up for.
    np.testing.assert_allclose(found[2], expected[2], atol=0.3)
    alone = evidence(learn([first], weights), query, weights)
    assert np.abs(found[1] - expected[1]).max() < 0.01 * np.abs(alone[1] - expected[1]).max()


def test_a_cue_without_the_thing_says_what_is_not_meant(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(1)
    first, second = shown(rng), shown(rng)
    nothing = Shown(second.features, np.zeros_like(second.positive), np.ones_like(second.negative), second.at)
    known = learn([first], weights)
    joined = join(known, [nothing], weights)
    assert joined.share == pytest.approx(known.share / 2, rel=0.05)
    before, after = (evidence(k, second.features, weights)[1].mean() for k in (known, joined))
    assert after < before
