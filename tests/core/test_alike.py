"""Pictures that are nearly the same, and those that only look so from afar."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cuecast.core import alike as module
from cuecast.core.alike import alike, look_at, picture_hash


def scene(seed: int, side: int = 96) -> NDArray[np.uint8]:
    """A picture of soft blots."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def as_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def pairs(*pictures: NDArray[np.uint8]) -> list[tuple[int, int]]:
    return list(alike([look_at(p) for p in pictures]))


def test_a_picture_saved_again_scaled_or_brighter_is_found() -> None:
    first = scene(1)
    brighter = np.clip(first.astype(np.int16) + 9, 0, 255).astype(np.uint8)
    half = np.asarray(Image.fromarray(first).resize((48, 48), Image.Resampling.BOX))
    found = pairs(scene(2), first, as_jpeg(first, 60), brighter, half, scene(3))
    assert found == [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]


def test_other_pictures_mirrored_and_negative_ones_are_not() -> None:
    first = scene(1)
    assert pairs(first, *(scene(i) for i in range(2, 40))) == []
    assert pairs(first, first[:, ::-1].copy(), 255 - first) == []


def test_flat_pictures_are_like_none() -> None:
    flat = np.full((40, 40, 3), 90, np.uint8)
    assert not picture_hash(flat).any()
    assert pairs(flat, flat, np.zeros((30, 30, 3), np.uint8)) == []
    assert pairs() == []


def test_pairs_are_found_across_the_blocks_that_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [scene(i % 5) for i in range(10)]
    whole = pairs(*pictures)
    assert whole == [(i, i + 5) for i in range(5)]
    monkeypatch.setattr(module, "ROWS", 3)
    assert pairs(*pictures) == whole
