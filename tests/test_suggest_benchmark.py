"""benchmarks/suggest.py: the curves of a set, and their means."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pictures import BLUE, RED
from PIL import Image as PILImage
from scripts import load_script

import cuecast
from cuecast.evaluation.episodes import EpisodeImage

OPTIONS = SimpleNamespace(pool=6, held=2, marks=[1, 2, 4])


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/suggest.py")


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, list[EpisodeImage]]:
    """Nine red squares on blue."""
    shown = []
    for n in range(9):
        mask = np.zeros((48, 64), np.uint8)
        mask[4 + 2 * n : 20 + 2 * n, 3 * n : 3 * n + 20] = 1
        PILImage.fromarray(np.where(mask[..., None] > 0, RED, BLUE).astype(np.uint8)).save(
            tmp_path / f"{n}.png"
        )
        PILImage.fromarray(mask).save(tmp_path / f"{n}_mask.png")
        shown.append(EpisodeImage(f"{n}.png", f"{n}_mask.png"))
    return {"squares": shown}


def test_curves_of_a_set(script: ModuleType, pictures: dict[str, list[EpisodeImage]], tmp_path: Path) -> None:
    predictor = cuecast.load("colours")
    found = script.compare(predictor, ("squares", 1), tmp_path, pictures=pictures, options=OPTIONS)
    assert (found["set"], found["seed"]) == ("squares", 1)
    for way in ("suggested", "random"):
        assert found[way] == {"rest": [1.0] * 3, "held": [1.0] * 3}


def test_means_are_over_sets_of_means_over_seeds(script: ModuleType) -> None:
    def run(name: str, seed: int, *values: float) -> dict[str, Any]:
        return {
            "set": name,
            "seed": seed,
            "suggested": {"rest": list(values), "held": list(values)},
            "random": {"rest": [0.0, 0.0], "held": []},
        }

    found = script.means([run("a", 0, 0.2, 0.4), run("a", 1, 0.4, 0.6), run("b", 0, 0.9, 0.9)])
    assert (found["sets"], found["runs"]) == (2, 3)
    assert found["suggested"]["rest"] == [0.6, 0.7]
    assert found["random"] == {"rest": [0.0, 0.0], "held": []}
