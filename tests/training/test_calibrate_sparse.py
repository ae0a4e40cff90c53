"""Sparse cues get a calibration of their own, for each kind of marks, from marks on the training sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import cuecast
from cuecast.engine.calibration import Calibration, Taught, Thresholds
from cuecast.training.calibrate import Trial
from cuecast.training.calibrate_sparse import KINDS, Asked, fit_sparse, sparse_calibration, sparse_trials


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A set of red squares on blue, some of them empty."""
    folder = tmp_path / "squares"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(4):
        mask = np.zeros((40, 40), np.uint8)
        if i < 3:
            mask[4 + i : 24 + i, 10:30] = 1
        picture = np.where(mask[..., None] > 0, (200, 0, 0), (0, 0, 200)).astype(np.uint8)
        PILImage.fromarray(picture).save(folder / "images" / f"{i}.png")
        PILImage.fromarray(mask).save(folder / "masks" / f"{i}.png")
    return tmp_path


def test_each_kind_is_asked_for_its_own_picture_another_and_an_empty_one(sets: Path) -> None:
    asked = list(sparse_trials(cuecast.load("colours"), sets, (), queries=1))
    assert [a.kind for a in asked] == [kind for kind in KINDS for _ in range(3)]
    assert [(a.own, a.trial.there) for a in asked] == [(True, True), (False, True), (False, False)] * 3
    assert [a.trial.ious[0] for a in asked if a.kind != "boxes"] == [1.0] * 6  # the pack `colours` is exact
    there = [a.trial for a in asked if a.trial.there]
    assert all(t.verdict_features["share"] == t.shares[0] == t.expected[0] * 0.25 for t in there)


def test_sets_that_tell_many_classes_apart_do_not_count(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colours = cuecast.load("colours")
    assert {a.trial.set for a in sparse_trials(colours, sets, ())} == {"squares"}
    assert list(sparse_trials(colours, sets, ("squares",))) == []
    monkeypatch.setattr("cuecast.training.calibrate_sparse.MOST_CLASSES", 0)
    assert list(sparse_trials(colours, sets, ())) == []


def test_all_kinds_are_stated(sets: Path) -> None:
    entry = sparse_calibration(cuecast.load("colours"), sets, (), lambda _: None)
    assert sorted(entry) == sorted(KINDS)
    boxes = Calibration.from_card(entry["boxes"])
    assert boxes.names == ("expected", "share")
    assert len(boxes.own) == 3


def trial(number: int, there: bool, said: float, reached: float, clear: float) -> Trial:
    one = np.array([1.0])
    return Trial(
        f"s{number % 5}", 1, there, one * reached, one * said, one * 0.1, np.array([]), {"clear": clear}
    )


def asked(own: bool, there: bool, reached: float) -> list[Asked]:
    """Answers of which half are clear, and are worth more."""
    return [
        Asked("boxes", own, trial(i, there, 0.5, reached + 0.2 * c if there else 0.0, 1.0 - there + c))
        for i, c in enumerate([-0.5, 0.5] * 60)
    ]


def test_the_marked_picture_and_others_are_told_apart_and_absent_things_do_not_count() -> None:
    entry = fit_sparse([*asked(True, True, 0.7), *asked(False, True, 0.3), *asked(False, False, 0.0)], 0.0)
    calibration = Calibration.from_card(entry)
    for clear in (-0.5, 0.5):
        figures = {"expected": 0.5, "clear": clear}
        assert calibration.estimate(figures)[0] == pytest.approx(0.3 + 0.2 * clear, abs=0.02)
        assert calibration.estimate(figures, own=True)[0] == pytest.approx(0.7 + 0.2 * clear, abs=0.02)


def test_scores_that_are_too_sure_are_worth_what_was_reached() -> None:
    random = np.random.default_rng(0)
    said = random.uniform(0.5, 0.99, 300)
    answers = [Asked("boxes", i % 2 > 0, trial(i // 2, True, s, s / 2, 0.0)) for i, s in enumerate(said)]
    answers += [Asked("boxes", False, trial(0, False, 0.0, 0.0, 0.0))] * 30
    taught = Taught("one-sided", Calibration.from_card(fit_sparse(answers, 0.0)))
    for s in (0.6, 0.8, 0.95):
        assert taught.trusted(s, 0.1, Thresholds()) == pytest.approx(s / 2, abs=0.05)
