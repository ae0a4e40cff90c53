"""The decoder is given what it names, as many classes at once as its file takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cuecast.engine.encoder import MOST_AT_ONCE, Decoder


class Session:
    """Adds up its inputs, the first axis open or 1 as told."""

    def __init__(self, **shapes: Any) -> None:
        self.shapes, self.runs = shapes, []

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name, shape=[first, 1, "H", "W"]) for name, first in self.shapes.items()]

    def run(self, outputs: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert outputs == ["logits", "there"]
        self.runs.append({name: len(v) for name, v in given.items()})
        total = sum(given.values())
        return [total, total.mean((2, 3))]


def maps(classes: int) -> dict[str, np.ndarray]:
    return {
        "image": np.full((1, 1, 2, 2), 100, np.float32),
        "class": np.arange(classes, dtype=np.float32)[:, None, None, None]
        * np.ones((1, 1, 2, 2), np.float32),
        "other": np.ones((classes, 1, 2, 2), np.float32),
    }


@pytest.mark.parametrize("classes", [1, 3, MOST_AT_ONCE + 1])
def test_all_classes_in_few_runs_and_their_image_once(classes: int) -> None:
    session = Session(**{"image": 1, "class": "classes"})
    logits, there = Decoder(session).decode(maps(classes), classes)
    assert there.tolist() == [100.0 + k for k in range(classes)]
    assert logits.shape == (classes, 1, 2, 2)
    assert len(session.runs) == -(-classes // MOST_AT_ONCE)
    assert all(run["image"] == 1 for run in session.runs)
    assert sum(run["class"] for run in session.runs) == classes


def test_an_image_given_to_an_open_axis_is_given_for_each_class() -> None:
    session = Session(**{"image": "classes", "class": "classes"})
    _, there = Decoder(session).decode(maps(3), 3)
    assert there.tolist() == [100, 101, 102]
    assert session.runs == [{"image": 3, "class": 3}]


def test_a_file_for_one_class_is_run_for_each() -> None:
    session = Session(**{"image": 1, "class": 1})
    _, there = Decoder(session).decode(maps(3), 3)
    assert there.tolist() == [100, 101, 102]
    assert session.runs == [{"image": 1, "class": 1}] * 3
