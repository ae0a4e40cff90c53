"""What a picture looks like in numbers: equal pictures are 0 apart, others by how unlike they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import BLUE, RED

from cuecast.engine.descriptor import CLOSE, LENGTH, any_close, describe, distances


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (60, 90)) -> NDArray[np.uint8]:
    return np.full((*size, 3), colour, np.uint8)


def stripes(along: int, period: int = 8) -> NDArray[np.uint8]:
    """Grey stripes: along 0 they lie, along 1 they stand."""
    level = (np.indices((96, 96))[along] // period % 2 * 200).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(distances(describe(a)[None], describe(b)[None])[0, 0])


def test_form() -> None:
    found = describe(flat(RED))
    assert found.shape == (LENGTH,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_size_and_proportions_do_not_matter() -> None:
    assert apart(flat(RED), flat(RED, (7, 300))) == 0


def test_a_grey_picture_by_hand() -> None:
    found = describe(flat((255, 255, 255)))
    histograms = found[:24].reshape(3, 8) ** 2 * 3
    assert histograms[0] == pytest.approx([0] * 7 + [1])  # as bright as can be
    assert histograms[1] == pytest.approx([0, 0, 0, 0.5, 0.5, 0, 0, 0])  # no colour: between the middle bins
    assert (found[24:51].reshape(9, 3) * 3) == pytest.approx(np.tile([1, 0.5, 0.5], (9, 1)), abs=1e-6)
    assert not found[51:].any()  # no edges


def test_colour_and_direction_tell_pictures_apart() -> None:
    assert apart(flat(RED), flat(BLUE)) > 0.5
    assert apart(stripes(0), stripes(1)) > 0.3
    assert apart(flat(RED), flat((205, 32, 30))) < 0.1


def test_the_place_of_a_thing_matters_less_than_its_being_there() -> None:
    here, there, nowhere = flat(BLUE), flat(BLUE), flat(BLUE)
    here[:30, :30] = RED
    there[30:, 60:] = RED
    assert 0 < apart(here, there) < apart(here, flat(RED))
    assert apart(here, nowhere) > 0


def test_distances_by_hand() -> None:
    a, b = np.array([[0, 0], [3, 4]], np.float32), np.array([[0, 0]], np.float32)
    assert distances(a, b).tolist() == [[0], [5]]
    assert distances(a, b[:0]).shape == (2, 0)


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
