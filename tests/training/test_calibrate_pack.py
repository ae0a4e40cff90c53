"""A pack calibrated on pictures that its maker names: what is asked, what is fitted, what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.core.errors import InputError
from cuecast.core.ordered import Step
from cuecast.core.values import Image, Marks
from cuecast.engine.calibration import Calibration
from cuecast.engine.packs import open_pack
from cuecast.engine.segmenter import ScoreMaps
from cuecast.predictor import Predictor
from cuecast.training.calibrate_pack import FOLDS, QUERIES, calibrate, read_material


class Unsure:
    """Scores 0.36 on what is red and 0.26 on the rest; where nothing is red, as much less as `low` says."""

    def __init__(self, high: float = 0.36, low: float = 0.26) -> None:
        self.high, self.low = high, low
        self.shown: list[int] = []

    def learn(self, examples: Sequence[Any], class_ids: Sequence[int], scale: str, before: Any = None) -> Any:  # noqa: ARG002
        self.shown.append(len(examples))

    def score(self, knowledge: Any, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:  # noqa: ARG002
        red = image.pixels[None, ..., 0] > 128
        return ScoreMaps(np.where(red, self.high, self.low).astype(np.float32), ({"red": float(red.any())},))


def write_pictures(folder: Path, showing: int, empty: int = 0) -> Path:
    """Pictures of a red square that wanders on noise, and such without one."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(showing + empty):
        mask = np.zeros((40, 40), np.uint8)
        if i < showing:
            mask[i : i + 20, 10:30] = 1
        picture = rng.integers(0, 100, (40, 40, 3)).astype(np.uint8)
        picture[mask == 1] = (200, 0, 0)
        PILImage.fromarray(picture).save(folder / "images" / f"{i:02}.png")
        PILImage.fromarray(mask).save(folder / "masks" / f"{i:02}.png")
    return folder


def fitted(segmenter: Unsure, folder: Path) -> dict[str, Any]:
    return calibrate(Predictor(segmenter, open_pack("colours")), read_material([folder]))


def test_each_picture_is_asked_for_with_cues_of_others(tmp_path: Path) -> None:
    material = read_material([write_pictures(tmp_path / "it", 14, 5)])
    assert [(len(a.cues), a.there) for a in material.asked] == [
        (n, True) for _ in range(QUERIES) for n in (1, 5)
    ] + [(1, False)] * 5
    for a in material.asked:
        assert a.query.group not in {c.group for c in a.cues}
        assert all(c.shows(1) for c in a.cues)
        assert a.query.shows(1) == a.there
    assert {a.fold for a in material.asked} == {str(n) for n in range(FOLDS)}
    assert (material.pictures, material.groups, material.classes) == (19, 19, 1)
    again = read_material([tmp_path / "it"])
    assert [[c.name for c in a.cues] for a in again.asked] == [
        [c.name for c in a.cues] for a in material.asked
    ]


def test_the_threshold_lies_between_thing_and_rest_and_absence_is_told(tmp_path: Path) -> None:
    told = fitted(Unsure(), write_pictures(tmp_path / "it", 12, 6))
    assert 0.26 < told["thresholds"]["score"] < 0.5  # from where the area moves it on, to 0.35 at most
    calibration = Calibration.from_card(told["calibration"])
    assert calibration.names == ("expected", "red")
    assert calibration.estimate({"expected": 0.36, "red": 1.0})[1] > 0.9
    assert calibration.estimate({"expected": 0.0, "red": 0.0})[1] < 0.2
    scores = told["scores"]
    assert scores["mean"] == {"1": 1.0, "5": 1.0}
    assert scores["absent things recognised"] == 1.0
    assert scores["things called absent"] == 0.0
    assert scores["confidence is off by"] < 0.15
    assert "30 answers on pictures of one's own" in scores["measured"]
    (limit,) = told["limits"]
    assert "30 answers on 18 pictures of 18 groups and 1 class" in limit


def test_too_few_without_the_thing_leave_absence_open(tmp_path: Path) -> None:
    told = fitted(Unsure(), write_pictures(tmp_path / "it", 9, 3))
    assert "absent things recognised" not in told["scores"]
    assert "When the thing is absent is not calibrated: 3 of the pictures are without it" in told["limits"][1]
    calibration = Calibration.from_card(told["calibration"])
    iou, there = calibration.estimate({"expected": 0.36, "red": 1.0})
    assert (there, calibration.absent) == (0.5, 1.0)
    assert iou > 0.8


def test_progress_counts_answers(tmp_path: Path) -> None:
    steps: list[Step] = []
    material = read_material([write_pictures(tmp_path / "it", 8)])
    segmenter = Unsure()
    calibrate(Predictor(segmenter, open_pack("colours")), material, steps.append)
    assert [(s.what, s.done, s.total) for s in steps] == [("answers", n, 16) for n in range(1, 17)]
    assert segmenter.shown == [1, 5] * 8


def test_what_is_too_little_is_said(tmp_path: Path) -> None:
    few = write_pictures(tmp_path / "few", 7, 4)
    with pytest.raises(
        InputError, match=r"few: too few pictures to calibrate on \(class 'thing': 7 in 7 groups\); give"
    ):
        read_material([few])
    lines = "".join(f"{i:02}.png,{'ab'[i % 2]}\n" for i in range(9))
    (tmp_path / "groups.csv").write_text(lines)
    many = write_pictures(tmp_path / "many", 9)
    with pytest.raises(InputError, match=r"'thing': 9 in 2 groups\); give at least 8 .* from 4 groups"):
        read_material([many], group=tmp_path / "groups.csv")
    with pytest.raises(InputError, match="marks hardly anything in 18 answers, at any threshold"):
        fitted(Unsure(0.1, 0.1), many)
