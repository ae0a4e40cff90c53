"""What several packs in use have in common is in memory once: networks that are the same, and what they gave.

A pack that stands on another mostly has its encoder; both then look at an image once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

Value = TypeVar("Value")

_lock = threading.RLock()
_values: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()


def shared(key: Hashable, make: Callable[[], Value]) -> Value:
    """What is in use under `key`, which says all that `make` depends on; else what that gives. Nothing is kept that
    nobody uses. Safe to call from several threads: a thing is made once."""
    with _lock:
        found: Value | None = _values.get(key)
        if found is None:
            found = make()
            _values[key] = found
        return found
