"""The threshold is the one that marks the thing best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.predictor import Predictor
from cuecast.segmenters.packs import open_pack
from cuecast.training.calibrate import THRESHOLDS, best_threshold
from cuecast.types import Example, Image


class Unsure:
    """Scores 0.36 on what is red and 0.26 on the rest."""

    def learn(self, examples: Sequence[Example], class_ids: Sequence[int], scale: str) -> Any:  # noqa: ARG002
        return None

    def score(self, knowledge: Any, image: Image) -> np.ndarray:  # noqa: ARG002
        return np.where(image.pixels[None, ..., 0] > 128, 0.36, 0.26).astype(np.float32)


def write_set(folder: Path, colour: int = 200) -> None:
    """Seven pictures of a square on black that wanders, red or as dark as that."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(7):
        mask = np.zeros((40, 40), np.uint8)
        mask[i : i + 20, 10:30] = 1
        picture = np.zeros((40, 40, 3), np.uint8)
        picture[..., 0] = colour * mask
        PILImage.fromarray(picture).save(folder / "images" / f"{i:04}.png")
        PILImage.fromarray(mask).save(folder / "masks" / f"{i:04}.png")


def test_the_threshold_between_thing_and_rest_that_is_nearest_to_half_is_taken(tmp_path: Path) -> None:
    write_set(tmp_path / "squares")
    predictor = Predictor(Unsure(), open_pack("colours"))
    score, curve = best_threshold(predictor, tmp_path, excluded=(), progress=lambda _: None)
    assert score == 0.35
    assert tuple(curve) == THRESHOLDS
    assert curve[0.35] == 1
    assert curve[0.25] == pytest.approx(0.25)  # everything is marked, a quarter of it is the thing
    assert curve[0.4] == 0


def test_excluded_sets_do_not_count(tmp_path: Path) -> None:
    write_set(tmp_path / "squares")
    write_set(tmp_path / "dark", colour=100)
    predictor = Predictor(Unsure(), open_pack("colours"))
    _, both = best_threshold(predictor, tmp_path, excluded=(), progress=lambda _: None)
    _, one = best_threshold(predictor, tmp_path, excluded=("dark",), progress=lambda _: None)
    assert (both[0.35], one[0.35]) == (0.5, 1)  # in the dark set nothing scores so high
