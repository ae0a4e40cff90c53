"""Cues that were corrected are better than the answer they began with, and not perfect."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training import forests as corrections  # noqa: E402
from cuecast.training.forests import corrected_masks, filter_responses  # noqa: E402
from cuecast.training.tasks import IGNORE_LABEL  # noqa: E402

Group = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def group() -> Group:
    """Labels and filter responses of three images with a bright square, and a bright spot that is not meant."""
    labels = np.zeros((3, 64, 64), np.uint8)
    images = torch.full((3, 3, 64, 64), 0.2)
    for i in range(3):
        labels[i, 8 : 30 + i, 8:40] = 1
        images[i, :, 8 : 30 + i, 8:40] = 0.8
    images[1:, :, 40:60, 30:60] = 0.8
    labels[:, :2] = IGNORE_LABEL
    return labels, filter_responses(
        images + 0.02 * torch.randn(images.shape, generator=torch.manual_seed(0))
    ).numpy()


def test_clicks_take_away_what_is_wrong(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, filters = group
    monkeypatch.setattr(corrections, "ACCEPTED", 0.0)
    wrong = []
    for clicks in (0, 5):
        monkeypatch.setattr(corrections, "MOST_CLICKS", clicks)
        masks = [corrected_masks(np.random.default_rng(s), labels, filters, [1, 2], 0) for s in range(6)]
        wrong.append(np.mean([(m[0] == 1) != (labels[1] == 1) for m in masks]))
    assert 0 < wrong[1] < 0.7 * wrong[0]


def test_what_nobody_would_accept_is_drawn_by_hand(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, filters = group
    monkeypatch.setattr(corrections, "ACCEPTED", 1.1)
    (mask,) = corrected_masks(np.random.default_rng(0), labels, filters, [1], 0)
    assert np.array_equal(mask, labels[1])


def test_the_mask_that_was_drawn_first_and_what_is_unknown_stay(group: Group) -> None:
    labels, filters = group
    first, other = corrected_masks(np.random.default_rng(0), labels, filters, [0, 1], 0)
    assert np.array_equal(first, labels[0])
    assert np.array_equal(other == IGNORE_LABEL, labels[1] == IGNORE_LABEL)
