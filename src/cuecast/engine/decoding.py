"""The decoder's file as a function of named maps: it is given what it names, and answers several classes in one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.engine.views import open_session

Array = NDArray[np.float32]
MOST_AT_ONCE = 8
"""Classes that are decoded in one run, at most: more gain no time, and each takes memory."""


class Decoder:
    """decode.onnx of a pack. Safe to share between threads."""

    def __init__(self, session: Any) -> None:
        """session: one of ONNX Runtime, whose inputs have their first axis open where they say something of a class,
        and 1 where they say something of the image alone; a file that has 1 everywhere answers a class at a time."""
        self._session = session
        self._one = {i.name: i.shape[0] == 1 for i in session.get_inputs()}
        self._most = 1 if all(self._one.values()) else MOST_AT_ONCE

    @classmethod
    def from_file(cls, path: Path, threads: int | None) -> Decoder:
        """Load it on the CPU."""
        return cls(open_session(path, threads))

    @property
    def inputs(self) -> frozenset[str]:
        """The names of the maps that it reads."""
        return frozenset(self._one)

    def decode(self, maps: Mapping[str, Array], classes: int) -> tuple[Array, Array]:
        """What it reads of `maps` -> logits (K, 1, H/2, W/2), and logits of the thing being anywhere (K,).

        maps: each (K, ...) of the K classes, or (1, ...) of what they have in common.
        """
        logits, there = [], []
        for start in range(0, classes, self._most):
            part = slice(start, min(start + self._most, classes))
            given = {name: self._of(name, maps[name], part) for name in self._one}
            found = self._session.run(["logits", "there"], given)
            logits.append(found[0])
            there.append(found[1].ravel())
        return np.concatenate(logits), np.concatenate(there)

    def _of(self, name: str, values: Array, part: slice) -> Array:
        """What the classes in `part` give to an input: themselves, or what they have in common, once or for each."""
        count = part.stop - part.start
        if len(values) > 1:
            values = values[part]
        elif not self._one[name]:
            values = np.broadcast_to(values, (count, *values.shape[1:]))
        return np.ascontiguousarray(values, np.float32)
