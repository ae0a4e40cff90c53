"""Which drawn pictures are close to each other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cuecast.engine.descriptor import LENGTH, describe
from cuecast.engine.similarity import CLOSE, any_close


def scene(seed: int = 0, at: tuple[int, int] = (60, 80), light: float = 1) -> NDArray[np.uint8]:
    """A brown disc at row, column on a grey, noisy ground."""
    y, x = np.mgrid[:192, :256]
    disc = (y - at[0]) ** 2 + (x - at[1]) ** 2 < 40**2
    clean = np.where(disc[..., None], (130, 90, 60), (150, 150, 145))
    noise = np.random.default_rng(seed).normal(0, 8, clean.shape)
    return np.clip((clean + noise) * light, 0, 255).astype(np.uint8)


def striped() -> NDArray[np.uint8]:
    out = scene()
    out[::6] = 255
    return out


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (scene(), True),
        (scene(1), True),
        (scene(1, at=(120, 160)), True),
        (scene()[:, ::-1], True),
        (scene()[::2, ::2], True),
        (scene(light=0.95), True),
        (scene(light=0.5), False),
        (striped(), False),
        (scene()[..., ::-1] // 2, False),
    ],
    ids=["itself", "noise", "moved", "mirrored", "smaller", "dimmer", "dark", "striped", "other colours"],
)
def test_close_is_what_looks_alike(other: NDArray[np.uint8], expected: bool) -> None:
    assert any_close(describe(scene()), describe(other)[None]) is expected


def test_one_close_picture_of_many_is_enough_and_none_is_not() -> None:
    own, far = describe(scene()), describe(scene(light=0.5))
    assert any_close(own, np.stack([far, far, own]))
    assert not any_close(own, np.stack([far, far]))
    assert not any_close(own, np.zeros((0, LENGTH), np.float32))


def test_close_is_below_the_limit_and_not_at_it() -> None:
    own = np.zeros(LENGTH, np.float32)
    for step, expected in ((CLOSE - 1e-3, True), (CLOSE + 1e-3, False)):
        other = own.copy()
        other[0] = step
        assert any_close(own, other[None]) is expected
