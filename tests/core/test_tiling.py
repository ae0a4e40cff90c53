"""Windows on a fixed grid and their blending, against answers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.tiling import Window, blend, windows


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (5, [(0, 5)]),
        (10, [(0, 10)]),
        (12, [(0, 12)]),
        (13, [(0, 10), (8, 13)]),
        (20, [(0, 10), (8, 20)]),
        (21, [(0, 10), (8, 18), (16, 21)]),
    ],
)
def test_windows_of_a_row(length: int, expected: list[tuple[int, int]]) -> None:
    assert [(w.left, w.right) for w in windows((4, length), tile=10, overlap=2)] == expected


def test_windows_do_not_move_when_the_image_grows() -> None:
    small = list(windows((10, 30), 10, 2))[:-1]
    large = list(windows((10, 60), 10, 2))
    assert small == large[: len(small)]


@pytest.mark.parametrize("size", [(7, 9), (31, 17), (64, 65)])
def test_blending_gives_back_what_the_windows_agree_on(size: tuple[int, int]) -> None:
    truth = np.random.default_rng(0).random((2, *size)).astype(np.float32)

    def compute(w: Window) -> np.ndarray:
        return truth[(slice(None), *w.slices)]

    np.testing.assert_allclose(blend(size, 2, 16, 4, compute), truth, atol=1e-6)


def test_blending_passes_over_from_one_window_to_the_next_without_a_step() -> None:
    calls = iter((0.0, 1.0))
    found = blend((1, 16), 1, 10, 4, lambda w: np.full((1, 1, w.right - w.left), next(calls), np.float32))[
        0, 0
    ]
    np.testing.assert_allclose(found[:6], 0)
    np.testing.assert_allclose(found[6:10], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(found[10:], 1)
