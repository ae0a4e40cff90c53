"""What was used last is kept, up to a budget, so that it is not computed again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The values used last whose sizes add up to `budget`. Only speed depends on it; safe to share between threads.

    size    of a value, in the budget's unit; None: each counts 1.
    always  whether a value larger than the whole budget is kept as well, by itself.
    """

    def __init__(
        self, budget: int, size: Callable[[Value], int] | None = None, *, always: bool = False
    ) -> None:
        self._lock = threading.Lock()
        self._given = (budget, size, always)
        self._size = size or (lambda _: 1)
        self._most = budget if always else None
        self._values: LRUCache[Hashable, Any] = LRUCache(budget, self._counted)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What is kept under `key`, or what `make` gives. Two threads may make it at once; both get the first one."""
        with self._lock:
            if key in self._values:
                kept: Value = self._values[key]
                return kept
        value = make()
        with self._lock:
            if key in self._values:
                first: Value = self._values[key]
                return first
            if self._counted(value) <= self._values.maxsize:
                self._values[key] = value
        return value

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._values.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        """What is kept stays here: in another process it begins with nothing."""
        return _empty, self._given

    def _counted(self, value: Value) -> int:
        size = self._size(value)
        return size if self._most is None else min(size, self._most)


def _empty(budget: int, size: Callable[[Any], int] | None, always: bool) -> Kept[Any]:
    return Kept(budget, size, always=always)
