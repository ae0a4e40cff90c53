"""Simulated cues stay on what they mark."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training import marking  # noqa: E402
from cuecast.training.marking import KINDS, STROKES, simulate_marks  # noqa: E402


@pytest.fixture
def labels() -> np.ndarray:
    """A thick disc and a line three pixels wide."""
    rows, columns = np.ogrid[:96, :96]
    drawn = ((rows - 30) ** 2 + (columns - 30) ** 2 < 400).astype(np.uint8)
    drawn[70:73, 10:90] = 1
    return drawn


def test_chances_add_up() -> None:
    assert sum(KINDS.values()) == pytest.approx(1)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stroke is drawn a little off."""
    monkeypatch.setattr(marking, "JITTERED", 0.0)


@pytest.mark.parametrize("kind", STROKES)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("steady")
def test_strokes_stay_on_the_thing_and_off_it(labels: np.ndarray, kind: str, seed: int) -> None:
    positive, negative = simulate_marks(np.random.default_rng(seed), labels, kind)
    assert positive.any()
    assert not positive[labels == 0].any()
    assert not (negative >= 0.5)[labels == 1].any()
    assert (positive > 0).mean() < (labels == 1).mean()


@pytest.mark.parametrize("kind", STROKES)
def test_some_strokes_stray_a_little(labels: np.ndarray, kind: str) -> None:
    drawn = [simulate_marks(np.random.default_rng(seed), labels, kind) for seed in range(40)]
    stray = [float(positive[labels == 0].sum() / positive.sum()) for positive, _ in drawn]
    assert 0 < np.mean([s > 0 for s in stray]) < 0.5
    assert np.mean(stray) < 0.2
    assert not any((positive * (negative > 0.5)).any() for positive, negative in drawn)


@pytest.mark.usefixtures("steady")
def test_centre_lines_run_inside_of_thin_things() -> None:
    line = np.zeros((64, 64), np.uint8)
    line[30:35, 4:60] = 1
    positive, _ = simulate_marks(np.random.default_rng(0), line, "centre-line")
    assert positive[31:34].sum() > 0.9 * positive.sum()
    assert positive.any(0).sum() > 8


@pytest.mark.parametrize("seed", range(8))
def test_sloppy_masks_waver_about_the_outline(labels: np.ndarray, seed: int) -> None:
    positive, negative = simulate_marks(np.random.default_rng(seed), labels, "sloppy")
    assert np.array_equal(positive, 1 - negative)
    shared, either = (positive * (labels == 1)).sum(), ((positive > 0) | (labels == 1)).sum()
    assert 0.4 < shared / either < 1


@pytest.mark.parametrize("seed", range(6))
def test_boxes_are_a_little_off(labels: np.ndarray, seed: int) -> None:
    positive, negative = simulate_marks(np.random.default_rng(seed), labels, "boxes")
    assert positive.any()
    assert not (positive * negative).any()
    # The band of what is not the thing goes round the disc, which lies from 11 to 49.
    assert negative[30, 54] == 1
    assert negative[30, 30] == 0


def test_a_thing_of_one_pixel_can_be_marked() -> None:
    labels = np.zeros((32, 32), np.uint8)
    labels[9, 9] = 1
    for kind in KINDS:
        positive, _ = simulate_marks(np.random.default_rng(3), labels, kind)
        assert positive[9, 9] > 0, kind
