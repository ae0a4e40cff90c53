"""What was used last, up to a budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values used last whose sizes add up to `budget`, the one used last in any case. For one thread."""

    def __init__(self, budget: int, size: Callable[[Value], int]) -> None:
        self._budget = budget
        self._size = size
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What is kept under `key`, or what `make` gives."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        total = sum(self._size(v) for v in self._kept.values())
        while total > self._budget and len(self._kept) > 1:
            total -= self._size(self._kept.popitem(last=False)[1])
        return self._kept[key]
