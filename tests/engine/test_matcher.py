"""What is kept of cues can be added to."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from cuecast.engine.matcher import CueTile, FeatureMaps, MatcherWeights, evidence, join, known_pixels, learn

SIDE = 32


def maps(rng: np.random.Generator) -> FeatureMaps:
    """Features of an image of SIDE x SIDE pixels."""

    def draw(channels: int, stride: int) -> np.ndarray:
        return rng.normal(size=(channels, SIDE // stride, SIDE // stride)).astype(np.float32)

    key = draw(12, 8).reshape(2, 6, SIDE // 8, SIDE // 8)
    key /= np.linalg.norm(key, axis=1, keepdims=True)
    parts = draw(5, 2), draw(7, 4), key.reshape(12, SIDE // 8, SIDE // 8), draw(3, 8), draw(1, 8), draw(6, 8)
    return FeatureMaps(*parts)


def shown(rng: np.random.Generator) -> CueTile:
    """A cue tile whose pixels speak for thing and rest with any strength."""
    thing = rng.uniform(size=(SIDE, SIDE)).astype(np.float32)
    return CueTile(maps(rng), thing, 1 - thing, np.empty((0, SIDE // 2, SIDE // 2), np.float32))


@pytest.fixture
def weights() -> MatcherWeights:
    rng = np.random.default_rng(5)
    hidden, bias = rng.normal(size=(9, 5)), rng.normal(size=9)
    return MatcherWeights(
        np.array([8.0, 12.0], np.float32),
        0.03,
        0.05,
        0.01,
        hidden.astype(np.float32),
        bias.astype(np.float32),
    )


def test_cues_that_join_count_like_those_that_were_learned(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(0)
    first, second, query = shown(rng), shown(rng), maps(rng)
    both, joined = learn([first, second], weights), join(learn([first], weights), [second], weights)
    assert joined.share == pytest.approx(both.share)
    expected, found = (evidence(k, query, weights) for k in (both, joined))
    np.testing.assert_allclose(found.evidence8, expected.evidence8, atol=1e-4)
    np.testing.assert_allclose(found.ridge4, expected.ridge4, atol=1e-4)
    # The pixel head keeps the standardisation of the first cue, which the ridge nearly makes up for.
    np.testing.assert_allclose(found.ridge2, expected.ridge2, atol=0.3)
    alone = evidence(learn([first], weights), query, weights)
    off, off_alone = (np.abs(e.ridge4 - expected.ridge4).max() for e in (found, alone))
    assert off < 0.01 * off_alone


def test_a_cue_without_the_thing_says_what_is_not_meant(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(1)
    first, second = shown(rng), shown(rng)
    nothing = CueTile(
        second.features, np.zeros_like(second.positive), np.ones_like(second.negative), second.at
    )
    known = learn([first], weights)
    joined = join(known, [nothing], weights)
    assert joined.share == pytest.approx(known.share / 2, rel=0.05)
    before, after = (evidence(k, second.features, weights).ridge4.mean() for k in (known, joined))
    assert after < before


def labelled(rng: np.random.Generator, classes: int, cue: int = 0) -> CueTile:
    """A cue tile whose squares of 8 pixels each are one of the classes or the rest."""
    labels = rng.integers(0, classes + 1, (SIDE // 8, SIDE // 8)).repeat(8, 0).repeat(8, 1)
    things = np.stack([labels == k for k in range(1, classes + 1)]).astype(np.float32)
    return CueTile(maps(rng), things, 1 - things, np.empty((0, SIDE // 2, SIDE // 2), np.float32), cue)


def test_classes_learned_together_are_known_as_each_alone(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(2)
    tiles, query = [labelled(rng, 3, cue) for cue in range(5)], maps(rng)
    together = evidence(learn(tiles, weights), query, weights)
    again = evidence(join(learn(tiles, weights), tiles[:1], weights), query, weights)
    for k in range(3):
        own = [replace(t, positive=t.positive[k], negative=t.negative[k]) for t in tiles]
        alone = learn(own, weights)
        for found, expected in (
            (together, evidence(alone, query, weights)),
            (again, evidence(join(alone, own[:1], weights), query, weights)),
        ):
            for field in fields(expected):
                one, of_all = getattr(expected, field.name), getattr(found, field.name)
                np.testing.assert_allclose(of_all[k], one[0], atol=2e-4, err_msg=field.name)


def test_a_class_by_itself_is_what_is_known_of_it_among_others(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(3)
    tiles, query = [labelled(rng, 3)], maps(rng)
    known = learn(tiles, weights)
    both, one = evidence(known, query, weights), evidence(known.only([1]), query, weights)
    np.testing.assert_allclose(one.evidence8[0], both.evidence8[1], atol=1e-5)
    np.testing.assert_allclose(one.ridge2[0], both.ridge2[1], atol=1e-5)
    assert known.only([1]).share == known.share[1:2]


def test_thinned_pixels_are_shared_out_and_count_for_those_left_out() -> None:
    """Of 100 places 60 are of no thing, 30 of the first, 4 of the second, 6 unknown; 20 are kept: half for things."""
    labels = np.zeros((20, 20), int)
    kinds = np.repeat([0, 1, 2, 3], [60, 30, 4, 6]).reshape(10, 10)
    labels = kinds.repeat(2, 0).repeat(2, 1)
    things = np.stack([labels == 1, labels == 2]).astype(np.float32)
    known = (labels < 3).astype(np.float32)
    numbers = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    none = np.empty((0, 0, 0), np.float32)
    tile = CueTile(FeatureMaps(numbers, none, none, none, none, none), things, known - things, none)
    x, p, n = known_pixels([tile], 20)
    assert np.all(np.diff(x[:, 0]) > 0)
    assert (p > 0).sum(1).tolist() == [6, 4]  # the second has no more, and leaves its room to the first
    assert p.sum(1).tolist() == pytest.approx([30, 4])
    assert n.sum(1).tolist() == pytest.approx([64, 90])


def test_half_the_places_are_of_the_one_thing() -> None:
    positive = np.zeros((40, 40), np.float32)
    positive[:20] = 1
    none = np.empty((0, 0, 0), np.float32)
    tile = CueTile(
        FeatureMaps(np.zeros((1, 20, 20), np.float32), none, none, none, none, none),
        positive,
        1 - positive,
        none,
    )
    _, p, n = known_pixels([tile], 50)
    assert (p > 0).sum() == (n > 0).sum() == 25
    assert p.sum() == n.sum() == 200
