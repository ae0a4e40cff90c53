"""What is kept of feature maps, and what is thrown away."""

from __future__ import annotations

import numpy as np

from cuecast.engine.features import FeatureCache
from cuecast.engine.matcher import FeatureMaps

ONE = 5 * 4 * 100
"""Bytes of what `maps` makes."""


def maps(value: float) -> FeatureMaps:
    return FeatureMaps(*(np.full((1, 10, 10), value, np.float32) for _ in range(5)))


def never() -> FeatureMaps:
    raise AssertionError("this was kept and must not be computed again")


def test_what_was_computed_is_kept() -> None:
    cache = FeatureCache(budget=2 * ONE)
    first = cache.get("a", lambda: maps(1))
    assert cache.get("a", never) is first


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = FeatureCache(budget=2 * ONE)
    cache.get("a", lambda: maps(1))
    cache.get("b", lambda: maps(2))
    cache.get("a", never)
    cache.get("c", lambda: maps(3))
    cache.get("a", never)
    cache.get("c", never)
    assert cache.get("b", lambda: maps(4)).key[0, 0, 0] == 4


def test_what_is_larger_than_the_budget_is_given_and_not_kept() -> None:
    cache = FeatureCache(budget=ONE - 1)
    assert cache.get("a", lambda: maps(1)).key[0, 0, 0] == 1
    assert cache.get("a", lambda: maps(2)).key[0, 0, 0] == 2


def test_a_cleared_cache_computes_again_and_has_all_its_room() -> None:
    cache = FeatureCache(budget=2 * ONE)
    cache.get("a", lambda: maps(1))
    cache.get("b", lambda: maps(2))
    cache.clear()
    assert cache.get("a", lambda: maps(3)).key[0, 0, 0] == 3
    cache.get("b", lambda: maps(4))
    cache.get("a", never)
