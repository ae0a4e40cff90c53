"""What happens to the images of a group before the network sees them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training.batches import apply_changes, draw_changes  # noqa: E402


def test_changes_keep_the_range_and_are_the_same_for_the_same_seed() -> None:
    images = torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.manual_seed(0))
    for seed in range(30):
        changes = [draw_changes(np.random.default_rng(seed), 3) for _ in range(2)]
        a, b = (apply_changes(images, c) for c in changes)
        assert a.shape == images.shape
        assert a.dtype == torch.float32
        assert float(a.min()) >= 0
        assert float(a.max()) <= 1
        assert changes[0].noise or torch.equal(a, b)


def test_images_of_a_group_change_together_and_a_little_each() -> None:
    images = torch.randint(60, 190, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.manual_seed(0)).expand(
        2, -1, -1, -1
    )
    within, between = [], []
    before = None
    for seed in range(40):
        a, b = apply_changes(images, draw_changes(np.random.default_rng(seed), 2))
        within.append(float((a - b).abs().mean()))
        if before is not None:
            between.append(float((a - before).abs().mean()))
        before = a
    assert 0.01 < np.mean(within) < 0.7 * np.mean(between)
