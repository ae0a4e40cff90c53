"""A small picture set."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.training.sets import PictureSet


@pytest.fixture
def halves() -> PictureSet:
    """Pictures, each grey in its own way, whose left half is darker and of class 1; the right half is of class 2."""
    mask = np.full((96, 96), 1, np.uint8)
    mask[:, 48:] = 2
    pictures = []
    for i in range(8):
        picture = np.where(mask == 1, 40, 160)[..., None] + np.random.default_rng(i).integers(
            0, 40, (96, 96, 3)
        )
        pictures.append((picture + i).astype(np.uint8))
    both = {1: tuple(range(8)), 2: tuple(range(8))}
    return PictureSet("halves", tuple(pictures), (mask,) * 8, both, {1: (), 2: ()}, {1: 0.5, 2: 0.5})
