"""The matcher's columns, weights and thinning against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cuecast.engine import matcher
from cuecast.engine.matcher import (
    CueTile,
    FeatureMaps,
    MatcherWeights,
    evidence,
    hidden_units,
    join,
    known_pixels,
    learn,
    pool,
)
from cuecast.engine.ridge import fit_ridge

SIDE = 16
"""Two key positions in each direction: each is a quarter of 8 x 8 pixels."""


def quarters(*values: float) -> np.ndarray:
    """(SIDE, SIDE): a value for each quarter, in reading order."""
    return np.array(values, np.float32).reshape(2, 2).repeat(8, 0).repeat(8, 1)


def maps(rng: np.random.Generator, keys: list[list[float]], values: list[float]) -> FeatureMaps:
    """Features of SIDE x SIDE pixels; `keys` (channels, 4) and `values` (channels * 4,) of the quarters."""

    def draw(channels: int, stride: int) -> np.ndarray:
        return rng.normal(size=(channels, SIDE // stride, SIDE // stride)).astype(np.float32)

    key = np.array(keys, np.float32).reshape(-1, 2, 2)
    value = np.array(values, np.float32).reshape(-1, 2, 2)
    return FeatureMaps(draw(3, 2), draw(4, 4), key, value, draw(1, 8), draw(5, 8))


def tile(features: FeatureMaps, positive: np.ndarray, negative: np.ndarray, cue: int = 0) -> CueTile:
    return CueTile(features, positive, negative, np.empty((0, SIDE // 2, SIDE // 2), np.float32), cue)


@pytest.fixture
def weights() -> MatcherWeights:
    """Two heads: what is at right angles is worth a quarter in the first and a sixteenth in the second."""
    temperature = np.log(np.array([4, 16], np.float32))
    hidden = np.array([[1, 0, 0], [0, -2, 1]], np.float32)
    return MatcherWeights(temperature, 0.03, 0.05, 0.01, hidden, np.array([0.5, -0.25], np.float32))


RIGHT, UP = [1.0, 0.0], [0.0, 1.0]


def keys_of(first: list[list[float]], second: list[list[float]]) -> list[list[float]]:
    """(4, 4) channels of two heads from the quarters' vectors in each."""
    return [*map(list, zip(*first, strict=True)), *map(list, zip(*second, strict=True))]


def test_attention_columns_by_hand(weights: MatcherWeights) -> None:
    """The thing at the first quarter and half of the second, the rest at half of the second and the two others."""
    rng = np.random.default_rng(0)
    shown = keys_of([RIGHT, UP, UP, UP], [RIGHT, RIGHT, UP, UP])
    values = [3.0, 5.0, 7.0, 11.0]
    features = maps(rng, shown, [*values, *(10 * v for v in values)])
    cue = tile(features, quarters(1, 0.5, 0, 0), quarters(0, 0.5, 1, 1))
    query = maps(rng, keys_of([RIGHT, UP, UP, UP], [RIGHT, UP, UP, UP]), [0, 0, 0, 0])
    found = evidence(learn([cue], weights), query, weights).evidence8
    assert found.shape == (1, 3 + 3 + 1 + 4, 2, 2)
    # The first place of the query: alike are 1, 1/4, 1/4, 1/4 by the first head, 1, 1, 1/16, 1/16 by the second.
    expected, means = [], []
    for alike, t in (((1, 1 / 4, 1 / 4, 1 / 4), math.log(4)), ((1, 1, 1 / 16, 1 / 16), math.log(16))):
        thing, rest = alike[0] + alike[1] / 2, alike[1] / 2 + alike[2] + alike[3]
        expected += [thing / (thing + rest), math.log(thing / 1.5) / t + 1, math.log(rest / 2.5) / t + 1]
        carried = 3 * alike[0] + 5 * alike[1] / 2, 5 * alike[1] / 2 + 7 * alike[2] + 11 * alike[3]
        means.append([scale * c / (thing + rest) for c in carried for scale in (1, 10)])
    expected.append(math.log(1.5 / 4 + 1e-3) / 4 + 1)
    expected += [(one + two) / 2 for one, two in zip(*means, strict=True)]
    np.testing.assert_allclose(found[0, :, 0, 0], expected, atol=1e-4)


def test_the_share_of_the_thing_is_among_what_is_known(weights: MatcherWeights) -> None:
    features = maps(np.random.default_rng(0), keys_of([UP] * 4, [UP] * 4), [0] * 4)
    known = learn([tile(features, quarters(1, 0.5, 0, 0), quarters(0, 0.5, 0, 1))], weights)
    assert known.share.tolist() == pytest.approx([1.5 / 3])


def test_pools_are_means_of_squares() -> None:
    pooled = pool(np.arange(32, dtype=np.float32).reshape(2, 4, 4), 2)
    assert pooled.tolist() == [[[2.5, 4.5], [10.5, 12.5]], [[18.5, 20.5], [26.5, 28.5]]]
    wide = pool(np.arange(8, dtype=np.float32).reshape(2, 4), 2)
    assert wide.tolist() == [[2.5, 4.5]]


def test_hidden_units_by_hand(weights: MatcherWeights) -> None:
    """Standardised by the known pixels of the cues, within -5 and 5, through the layer, and never below 0."""
    rng = np.random.default_rng(1)
    features = maps(rng, keys_of([UP] * 4, [UP] * 4), [0] * 4)
    known = learn([tile(features, quarters(1, 0, 0, 0), quarters(0, 1, 0, 0))], weights)
    seen = features.pixel[:, :4].reshape(3, -1)  # the upper half is known
    mean, deviation = seen.mean(1), np.sqrt(seen.var(1) + 1e-4)
    np.testing.assert_allclose(known.mean, mean, atol=1e-5)
    np.testing.assert_allclose(known.deviation, deviation, atol=1e-5)
    z = np.zeros((3, 8, 8), np.float32)
    z[:, 0, 0], z[:, 0, 1], z[:, 0, 2] = (1, 2, 6), (7, 0, -9), (-0.25, -1, 0.5)
    z[:, 0, 3] = 0, -9, 0
    query = replace(features, pixel=mean[:, None, None] + z * deviation[:, None, None])
    found = hidden_units(known, query, weights)
    assert found.shape == (64, 2)
    # 1 + 0.5, and -2 x 2 + 5 - 0.25; 5 + 0.5, and -5 - 0.25 -> 0; 0.25, and 2 + 0.5 - 0.25; 0.5, and 10 - 0.25.
    expected = [[1.5, 0.75], [5.5, 0], [0.25, 2.25], [0.5, 9.75]]
    np.testing.assert_allclose(found[:4], expected, atol=1e-4)


def heads_of(cues: list[CueTile], weights: MatcherWeights) -> list[tuple[object, np.ndarray, np.ndarray]]:
    """The ridges of the stride 8, 4 and 2 maps on all places of complete cues, each cue a fold (four at most)."""
    found = []
    x = np.concatenate([c.features.pixel.reshape(3, -1).T for c in cues])
    z = ((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-4)).clip(-5, 5) @ weights.hidden.T + weights.bias
    for stride, strength in ((8, weights.ridge8), (4, weights.ridge4), (2, weights.ridge2)):
        maps_at = {8: [c.features.semantic for c in cues], 4: [c.features.fine for c in cues]}.get(stride)
        rows = (
            z.clip(0, None) if maps_at is None else np.concatenate([m.reshape(len(m), -1).T for m in maps_at])
        )
        side = SIDE // stride
        p, n = (
            np.concatenate([w.reshape(side, stride, side, stride).mean((1, 3)).ravel() for w in ws])[None]
            for ws in ([c.positive for c in cues], [c.negative for c in cues])
        )
        fold = np.repeat([c.cue % 4 for c in cues], side * side)
        assert strength is not None
        found.append(fit_ridge(rows.astype(np.float32), p, n, fold, strength))
    return found


def six_cues(rng: np.random.Generator) -> list[CueTile]:
    cues = []
    for i in range(6):
        thing = quarters(*rng.permutation([1, 1, 0, 0.5]))
        cues.append(tile(maps(rng, keys_of([UP] * 4, [RIGHT] * 4), [0] * 4), thing, 1 - thing, i))
    return cues


def test_agreement_is_fit_and_loo_of_the_three_heads_and_the_number_of_cues(weights: MatcherWeights) -> None:
    cues = six_cues(np.random.default_rng(2))
    known = learn(cues, weights)
    heads = heads_of(cues, weights)
    assert known.agreement.shape == (1, 7)
    expected = [*(float(fit[0]) for _, fit, _ in heads), *(float(loo[0]) for _, _, loo in heads)]
    np.testing.assert_allclose(known.agreement[0, :6], expected, atol=1e-4)
    assert known.agreement[0, 6] == pytest.approx(math.log2(6) / 4)


def test_heads_are_read_at_their_strides(weights: MatcherWeights) -> None:
    rng = np.random.default_rng(3)
    cues = six_cues(rng)
    query = maps(rng, keys_of([UP] * 4, [RIGHT] * 4), [0] * 4)
    known = learn(cues, weights)
    found = evidence(known, query, weights)
    (at8, _, _), (at4, _, _), (at2, _, _) = heads_of(cues, weights)
    semantic, fine = (m.reshape(len(m), -1).T for m in (query.semantic, query.fine))
    np.testing.assert_allclose(found.ridge8[0, 0].ravel(), at8.read(semantic)[0], atol=1e-4)
    np.testing.assert_allclose(found.ridge8[0, 1].ravel(), at8.variance(semantic)[0], atol=1e-4)
    np.testing.assert_allclose(found.ridge4[0, 0].ravel(), at4.read(fine)[0], atol=1e-4)
    units = hidden_units(known, query, weights)
    np.testing.assert_allclose(found.ridge2[0, 0].ravel(), at2.read(units)[0], atol=1e-3)
    assert (found.ridge4.shape, found.ridge2.shape) == ((1, 1, 4, 4), (1, 1, 8, 8))


def test_only_cues_that_say_something_of_a_class_are_counted(weights: MatcherWeights) -> None:
    """Four tiles of three cues: of the second class the first cue says nothing, and two tiles are of one cue."""
    rng = np.random.default_rng(4)
    cues = []
    for cue, says in ((0, False), (1, True), (1, True), (2, True)):
        thing = quarters(1, 0, 0, 0)
        silent = np.zeros_like(thing)
        positive = np.stack([thing, quarters(0, 1, 0, 0) if says else silent])
        negative = np.stack([1 - thing, quarters(1, 0, 1, 1) if says else silent])
        cues.append(tile(maps(rng, keys_of([UP] * 4, [UP] * 4), [0] * 4), positive, negative, cue))
    known = learn(cues, weights)
    assert known.agreement[:, 6].tolist() == pytest.approx([math.log2(3) / 4, math.log2(2) / 4])


def test_cues_that_join_add_to_all_heads_and_positions(weights: MatcherWeights) -> None:
    first, second = six_cues(np.random.default_rng(5))[:2]
    alone, other = (learn([c], weights) for c in (first, second))
    joined = join(alone, [second], weights)
    np.testing.assert_allclose(joined.ridge8.seen, alone.ridge8.seen + other.ridge8.seen, rtol=1e-5)
    np.testing.assert_allclose(joined.ridge4.seen, alone.ridge4.seen + other.ridge4.seen, rtol=1e-5)
    units = hidden_units(alone, second.features, weights)
    things = pool(second.positive, 2).ravel()
    added = joined.ridge2.seen - alone.ridge2.seen
    np.testing.assert_allclose(added[0, 0, -1, :-1], things @ units, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(joined.keys, np.concatenate([alone.keys, other.keys], 2))
    np.testing.assert_array_equal(joined.carried, np.concatenate([alone.carried, other.carried]))


def places(kinds: list[int], classes: int) -> CueTile:
    """A row of places at stride 2: kind 0 the rest, 1 to `classes` a thing, above that unknown; pixel: its number."""
    labels = np.array(kinds)[None].repeat(2, 0).repeat(2, 1)
    things = np.stack([labels == k for k in range(1, classes + 1)]).astype(np.float32)
    known = (labels <= classes).astype(np.float32)
    none = np.empty((0, 0, 0), np.float32)
    numbers = np.arange(len(kinds), dtype=np.float32).reshape(1, 1, -1)
    return CueTile(FeatureMaps(numbers, none, none, none, none, none), things, known - things, none)


def test_few_places_are_all_kept_and_count_once() -> None:
    x, p, n = known_pixels([places([0, 1, 1, 3, 2, 0], 2)], 5)
    assert x[:, 0].tolist() == [0, 1, 2, 4, 5]
    assert p.tolist() == [[0, 1, 1, 0, 0], [0, 0, 0, 1, 0]]
    assert n.tolist() == [[1, 0, 0, 1, 1], [1, 1, 1, 0, 1]]


def test_places_are_thinned_on_a_fixed_stride() -> None:
    """Of 9 of the thing and 9 of the rest, 6 are kept: the first, middle and last of each, a third as many."""
    x, p, n = known_pixels([places([1] * 9 + [0] * 9, 1)], 6)
    assert x[:, 0].tolist() == [0, 4, 8, 9, 13, 17]
    assert p.tolist() == [[3, 3, 3, 0, 0, 0]]
    assert n.tolist() == [[0, 0, 0, 3, 3, 3]]


def test_room_that_the_rest_leaves_is_for_things() -> None:
    """Of 2 of the rest and 10 of the thing, 8 are kept: both of the rest, 6 of the thing."""
    _, p, n = known_pixels([places([0, 0] + [1] * 10, 1)], 8)
    assert (n > 0).sum() == 2
    assert (p > 0).sum() == 6
    assert p.sum() == pytest.approx(10)


def test_room_that_things_leave_is_for_the_rest() -> None:
    _, p, n = known_pixels([places([1, 1] + [0] * 10, 1)], 8)
    assert ((p > 0).sum(), (n > 0).sum()) == (2, 6)
    assert n.sum() == pytest.approx(10)


def test_three_things_share_alike_and_a_small_one_leaves_its_room() -> None:
    """Of 4, 20 and 20 of the things and 40 of the rest, 32 are kept: 4, 6 and 6, and 16."""
    _, p, n = known_pixels([places([1] * 4 + [2] * 20 + [3] * 20 + [0] * 40, 3)], 32)
    assert (p > 0).sum(1).tolist() == [4, 6, 6]
    assert p.sum(1).tolist() == pytest.approx([4, 20, 20])
    assert len(n[0]) == 32
    assert n[0].sum() == pytest.approx(80)


def test_attention_keeps_so_many_positions_with_the_weight_of_all(
    weights: MatcherWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 24 positions of six cues, half of them of the thing, 8 are kept; their weights are those of all."""
    cues = six_cues(np.random.default_rng(6))
    for cue in cues:  # no position of both
        cue.positive[:], cue.negative[:] = quarters(1, 0, 1, 0), quarters(0, 1, 0, 1)
    monkeypatch.setattr(matcher, "MOST_POSITIONS", 8)
    known = learn(cues, weights)
    assert known.keys.shape == (2, 2, 8)
    assert known.carried.shape == (8, 1, 2 * 1 + 2)
    assert known.carried[:, 0, -2:].sum(0).tolist() == pytest.approx([12, 12])


def test_what_joins_is_thinned_alike_for_all_kinds(
    weights: MatcherWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 pixels, 16 of them of the thing, join as 8, in their order; the thing is not given half of them."""
    first, second = six_cues(np.random.default_rng(7))[:2]
    second.positive[:], second.negative[:] = quarters(1, 0, 0, 0), quarters(0, 1, 1, 1)
    alone = learn([first], weights)
    monkeypatch.setattr(matcher, "MOST_JOINING", 8)
    added = join(alone, [second], weights).ridge2.seen - alone.ridge2.seen
    # The stride is 9 from pixel 0: rows 0 to 7 at columns 0, 1, ... 7; four of these lie in the first quarter.
    assert added[0, :, -1, -1].tolist() == pytest.approx([4 * 8, 4 * 8])


def test_one_cue_is_counted_as_one(weights: MatcherWeights) -> None:
    """The coded number of cues is 0 for one, and there is no other cue to foretell it."""
    known = learn(six_cues(np.random.default_rng(8))[:1], weights)
    assert known.agreement[0, 3:].tolist() == [0, 0, 0, 0]


def test_a_cue_without_the_thing_is_counted(weights: MatcherWeights) -> None:
    first, second = six_cues(np.random.default_rng(9))[:2]
    nothing = replace(second, positive=np.zeros_like(second.positive), negative=np.ones_like(second.negative))
    known = learn([first, nothing], weights)
    assert known.agreement[0, 6] == pytest.approx(1 / 4)


def test_what_is_hardly_known_counts_less(weights: MatcherWeights) -> None:
    """A thing of the weight of a millionth, of which nothing is the rest: it counts half of what it says.

    At stride 8 it is one place, alike by 1: its share is 1 / (1 + 1); at stride 4 four, whose share is 4 / (4 + 1).
    """
    features = maps(np.random.default_rng(10), keys_of([UP] * 4, [UP] * 4), [3, 0, 0, 0])
    none = quarters(0, 0, 0, 0)
    known = learn([tile(features, quarters(1e-6, 0, 0, 0), none)], weights)
    found = evidence(known, features, weights).evidence8[0, :, 0, 0]
    head = [[0.5, math.log(0.5) / t + 1, math.log(1e-6) / t + 1] for t in (math.log(4), math.log(16))]
    np.testing.assert_allclose(found, [*head[0], *head[1], math.log(0.801) / 4 + 1, 1.5, 0], atol=1e-4)


def test_a_tile_is_of_the_first_cue_where_nothing_else_is_said(weights: MatcherWeights) -> None:
    first, second = six_cues(np.random.default_rng(12))[:2]
    unsaid = CueTile(second.features, second.positive, second.negative, second.at)
    known = learn([first, unsaid], weights)
    assert known.agreement[0, 6] == 0


def test_at_most_so_many_places_are_kept(weights: MatcherWeights) -> None:
    """Of 80 x 78 positions at stride 8 and their pixels at stride 2, half of them of the thing."""
    rng = np.random.default_rng(13)
    features = FeatureMaps(
        *(
            rng.normal(size=(c, 640 // s, 624 // s)).astype(np.float32)
            for c, s in ((3, 2), (4, 4), (4, 8), (1, 8))
        ),
        np.empty((0, 80, 78), np.float32),
        rng.normal(size=(5, 80, 78)).astype(np.float32),
    )
    thing = np.zeros((640, 624), np.float32)
    thing[:320] = 1
    at = np.empty((0, 320, 312), np.float32)
    known = learn([CueTile(features, thing, 1 - thing, at)], weights)
    assert known.keys.shape[2] == 6144
    x, _, _ = known_pixels([CueTile(features, thing, 1 - thing, at)])
    assert len(x) == 12000
