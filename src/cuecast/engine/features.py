"""Maps that were computed a moment ago, so that one more click on an image does not compute them again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields
from typing import Any, TypeVar

Maps = TypeVar("Maps")
"""A dataclass of arrays."""

BUDGET = 128 * 2**20
"""Bytes of feature maps that are kept: two dozen working frames of 256 x 256, or one of 1024 x 1024."""


class FeatureCache:
    """The maps used last, up to `budget` bytes. Only speed depends on it; safe to share between threads."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], Maps]) -> Maps:
        """What is kept under `key`, or what `compute` gives. Two threads may compute the same thing at once."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept: Maps = self._kept[key]
                return kept
        maps = compute()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = maps
                self._bytes += _bytes(maps)
            while self._bytes > self._budget:
                self._bytes -= _bytes(self._kept.popitem(last=False)[1])
        return maps

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0


def _bytes(maps: Any) -> int:
    return sum(getattr(maps, f.name).nbytes for f in fields(maps))
