"""What a picture looks like in numbers: equal pictures are 0 apart, others by how unlike they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import BLUE, RED

from cuecast.engine.descriptor import LENGTH, describe, distances


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
