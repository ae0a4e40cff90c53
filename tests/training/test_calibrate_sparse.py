"""Sparse cues get a calibration of their own, for each kind of marks, from marks on the training sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import cuecast
from cuecast.engine.verdict import Calibration, Taught, Thresholds
from cuecast.training.calibrate import Trial
from cuecast.training.calibrate_sparse import KINDS, fit_sparse, sparse_calibration, sparse_trials


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
    trials = list(sparse_trials(cuecast.load("colours"), sets, ()))
    assert [kind for kind, _ in trials] == [kind for kind in KINDS for _ in range(3)]
    assert [(t.verdict_features["own"], t.there) for _, t in trials] == [(1, True), (0, True), (0, False)] * 3
    assert [t.ious[0] for k, t in trials if k != "boxes"] == [1.0] * 6  # the pack `colours` is exact
    assert all(
        t.verdict_features["share"] == t.shares[0] == t.expected[0] * 0.25 for _, t in trials if t.there
    )


def test_all_kinds_are_stated(sets: Path) -> None:
    entry = sparse_calibration(cuecast.load("colours"), sets, (), lambda _: None)
    assert sorted(entry) == sorted(KINDS)
    assert {"share", "own"} <= set(Calibration.from_card(entry["boxes"]).names)


def test_scores_that_are_too_sure_are_worth_what_was_reached() -> None:
    random = np.random.default_rng(0)
    said = random.uniform(0.5, 0.99, 300)
    one = np.array([1.0])
    trials = [
        Trial(f"s{i % 5}", 1, True, one * s / 2, one * s, one * 0.1, np.array([]), {"clear": 0.0})
        for i, s in enumerate(said)
    ]
    trials += [Trial("s0", 1, False, 0 * one, 0 * one, 0 * one, np.array([]), {"clear": 0.0})] * 30
    taught = Taught.by("one-sided", Calibration.from_card(fit_sparse(trials, 0.0)))
    for s in (0.6, 0.8, 0.95):
        assert taught.trusted(s, 0.1, Thresholds()) == pytest.approx(s / 2, abs=0.05)
