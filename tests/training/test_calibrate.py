"""The threshold is the one that marks the thing best, and the confidence means the IoU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.core.values import Example, Image, Marks
from cuecast.engine.calibration import Calibration
from cuecast.engine.decision import CUTS, AreaPrior
from cuecast.engine.packs import open_pack
from cuecast.engine.segmenter import ScoreMaps
from cuecast.predictor import Predictor
from cuecast.training.calibrate import (
    FREEDOMS,
    SPREADS,
    Trial,
    answer_trials,
    fit_calibration,
    fit_threshold,
    lowest_absent,
    threshold_of,
)


class Unsure:
    """Scores 0.36 on what is red and 0.26 on the rest."""

    def learn(
        self,
        examples: Sequence[Example],  # noqa: ARG002
        class_ids: Sequence[int],  # noqa: ARG002
        scale: str,  # noqa: ARG002
        before: Any = None,  # noqa: ARG002
    ) -> Any:
        return None

    def score(self, knowledge: Any, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:  # noqa: ARG002
        red = image.pixels[None, ..., 0] > 128
        return ScoreMaps(np.where(red, 0.36, 0.26).astype(np.float32), ({"red": float(red.mean())},))


def write_set(folder: Path, colour: int = 200, empty: int = 0) -> None:
    """Seven pictures of a square on black that wanders, red or as dark as that, and `empty` black ones."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(7 + empty):
        mask = np.zeros((40, 40), np.uint8)
        if i < 7:
            mask[i : i + 20, 10:30] = 1
        picture = np.zeros((40, 40, 3), np.uint8)
        picture[..., 0] = colour * mask
        PILImage.fromarray(picture).save(folder / "images" / f"{i:04}.png")
        PILImage.fromarray(mask).save(folder / "masks" / f"{i:04}.png")


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(Unsure(), open_pack("colours"))


def quiet(_: str) -> None:
    pass


def test_the_threshold_between_thing_and_rest_that_is_nearest_to_half_is_taken(
    predictor: Predictor, tmp_path: Path
) -> None:
    write_set(tmp_path / "squares")
    trials = answer_trials(predictor, tmp_path, (), quiet)
    usual, prior, reached = fit_threshold(trials)
    assert (prior, reached) == (AreaPrior(SPREADS[-1], FREEDOMS[0]), 1)
    assert {CUTS[threshold_of(t, usual, prior)] for t in trials} == {0.35}
    low, high = CUTS.tolist().index(0.25), CUTS.tolist().index(0.4)
    assert trials[0].ious[low] == pytest.approx(0.25)  # everything is marked, a quarter of it is the thing
    assert trials[0].ious[high] == 0


def test_excluded_sets_do_not_count(predictor: Predictor, tmp_path: Path) -> None:
    write_set(tmp_path / "squares")
    write_set(tmp_path / "dark", colour=100)
    *_, both = fit_threshold(answer_trials(predictor, tmp_path, (), quiet))
    *_, one = fit_threshold(answer_trials(predictor, tmp_path, ("dark",), quiet))
    assert one == 1
    assert both < 0.7  # in the dark set nothing scores so high: all of it is marked, or nothing


def test_the_area_moves_the_cut_where_that_marks_the_thing_better() -> None:
    random = np.random.default_rng(0)
    best = random.integers(2, len(CUTS) - 2, 60)
    steps = np.abs(np.arange(len(CUTS)) - best[:, None])
    trials = [
        Trial(
            "s",
            1,
            True,
            1 - 0.1 * d,
            0 * d,
            0.1 * np.exp((b - np.arange(len(CUTS))) / 4),
            np.array([0.1]),
            {},
        )
        for d, b in zip(steps, best, strict=True)
    ]
    usual, prior, reached = fit_threshold(trials)
    assert prior.freedom > FREEDOMS[0]
    assert reached > 0.95 > 0.7 > np.mean([t.ious[CUTS.tolist().index(usual)] for t in trials])


def test_queries_without_the_thing_are_answered_too(predictor: Predictor, tmp_path: Path) -> None:
    write_set(tmp_path / "squares", empty=2)
    trials = answer_trials(predictor, tmp_path, (), quiet, queries=2)
    assert [(t.shots, t.there) for t in trials] == [
        *((shots, True) for _ in range(2) for shots in (1, 5)),
        (1, False),
        (5, False),
    ]
    assert [t.verdict_features["red"] for t in trials] == [0.25] * 4 + [0.0] * 2
    threshold = CUTS.tolist().index(0.35)
    assert [t.shares[threshold] for t in trials] == [0.25] * 4 + [0.0] * 2
    assert trials[0].expected[threshold] == pytest.approx(0.25 * 0.36 / (0.25 + 0.75 * 0.26))


def trial(signal: float, iou: float, there: bool = True) -> Trial:
    same = np.full(len(CUTS), 1.0)
    return Trial("s", 1, there, iou * same, 0.5 * same, 0.1 * same, np.array([0.1]), {"clear": signal})


def test_the_confidence_is_the_iou_of_such_answers() -> None:
    random = np.random.default_rng(0)
    clear = random.uniform(-2, 2, 3000)
    trials = [trial(c, 1 / (1 + np.exp(-1.5 * c))) for c in clear]
    trials += [trial(c, 0.0, there=False) for c in random.uniform(-2, -1, 1000)]
    entry = fit_calibration(trials, [10] * len(trials), 0.0)
    estimate = Calibration.from_card(entry).estimate

    def expected(signal: float) -> float:
        return estimate({"expected": 0.5, "clear": signal})[0]

    assert expected(1.5) == pytest.approx(0.9, abs=0.05)
    assert expected(0.5) == pytest.approx(0.68, abs=0.1)
    assert expected(-1.5) < 0.1
    absent = [t for t in trials if not t.there]
    there = [estimate({"expected": 0.5, "clear": t.verdict_features["clear"]})[1] for t in absent]
    assert np.mean(there) < 0.6 < estimate({"expected": 0.5, "clear": 1.5})[1]


def test_absent_is_said_from_where_it_costs_little() -> None:
    # Ten queries with the thing; those of probability 0.3 and 0.4 have bad masks, the others good ones.
    not_there = np.array([0.1] * 8 + [0.3, 0.4])
    reached = np.array([0.5] * 8 + [0.1, 0.0])
    # Calling both costs 0.1 of 4.1: too much. Calling the last one costs nothing.
    assert lowest_absent(not_there, np.zeros(10), reached) == 0.35
    assert lowest_absent(not_there, np.full(10, 0.9), reached) == 0.2
    assert lowest_absent(np.ones(4), np.zeros(4), np.ones(4)) == 1.0


def test_more_queries_without_the_thing_than_stated_do_not_lower_the_confidence() -> None:
    trials = [trial(0.0, 0.8)] * 30
    few, many = (
        fit_calibration([*trials, *[trial(0.0, 0.0, there=False)] * n], [10] * (30 + n), 0.0)
        for n in (10, 90)
    )
    for entry in (few, many):
        iou, there = Calibration.from_card(entry).estimate({"expected": 0.5, "clear": 0.0})
        assert iou == pytest.approx(0.75 * 0.8, abs=0.02)
        assert there == pytest.approx(0.75, abs=0.02)
