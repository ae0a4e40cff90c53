"""Short clips from single pictures with labels: what is known of followed frames where no video may be trained on.

The picture is bent, not cut: the camera drifts, turns and comes nearer, the thing moves against what is around it and
changes its shape, the light changes, and something else may cross. Every frame is taken from the picture itself, so
that nothing blurs more and more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.values import IGNORE

Floats = NDArray[np.float64]

DRIFT, TURN, NEARER = 0.012, 0.015, 0.015
"""Deviation of the camera's move (share of the side), turn (radians) and zoom (logarithm) from frame to frame."""
STRIDE = 0.015
"""Deviation of the thing's own move from frame to frame, as a share of the side."""
BEND = 0.003
"""Deviation of what bends a frame more than the one before, as a share of the side."""
LIGHT = 0.03
"""Deviation of gain and gamma (logarithms) from frame to frame."""
CROSSED = 0.3
"""Share of the clips in which something crosses the thing."""
STEADY = 0.7
"""Share of a move that goes on in the next frame."""


@dataclass
class _Course:
    """Where camera, thing and light are in a frame, and how they are moving: each drawn number drifts on its own."""

    at: Floats
    speed: Floats

    def moved(self, rng: np.random.Generator, size: Floats) -> _Course:
        """A frame later, with changes of deviation `size`."""
        speed = STEADY * self.speed + (1 - STEADY**2) ** 0.5 * rng.normal(0, 1, len(size)) * size
        return _Course(self.at + speed, speed)


def draw_clip(
    rng: np.random.Generator, pixels: NDArray[np.uint8], labels: NDArray[np.int32], count: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
    """`count` frames (H, W, 3) uint8 with their labels (H, W) int32 from one picture; the first is the picture itself.

    labels  above 0 the thing that moves, 0 the rest, IGNORE unknown.
    """
    yield pixels, labels
    side = float(np.sqrt(labels.size))
    briskness = float(np.exp(rng.normal(-0.5, 0.6)))  # clips differ more than their frames do
    sizes = briskness * np.array([DRIFT, DRIFT, TURN, NEARER, STRIDE, STRIDE, LIGHT, LIGHT])
    course = _Course(np.zeros(8), rng.normal(0, 1, 8) * sizes)
    bend = np.zeros((2, *labels.shape))
    near = _near(labels > 0, side)
    crossing = _Crossing.drawn(rng, labels > 0) if rng.random() < CROSSED else None
    for number in range(1, count):
        course = course.moved(rng, sizes)
        bend = bend + briskness * BEND * side * _waves(rng, labels.shape)
        places = _places(course.at, near, side) + bend
        frame = _lit(_taken(pixels, places), course.at[6:])
        truth = ndimage.map_coordinates(labels, places, order=0, mode="mirror")
        if crossing is not None:
            frame, truth = crossing.over(frame, truth, pixels, number / count)
        yield frame, truth


def _near(thing: NDArray[np.bool_], side: float) -> Floats:
    """1 on the thing, falling to 0 around it: how far a place moves with it."""
    around = ndimage.binary_dilation(thing, iterations=max(1, round(0.02 * side)))
    smooth: Floats = ndimage.gaussian_filter(around.astype(np.float64), 0.04 * side)
    return smooth


def _places(at: Floats, near: Floats, side: float) -> Floats:
    """(2, H, W): for each pixel of a frame the (row, column) of the picture that is seen there."""
    H, W = near.shape
    middle = np.array([H - 1, W - 1])[:, None, None] / 2
    grid = np.mgrid[:H, :W] - middle
    cos, sin = np.cos(at[2]), np.sin(at[2])
    zoom = np.exp(-at[3])
    turned = zoom * np.stack([cos * grid[0] - sin * grid[1], sin * grid[0] + cos * grid[1]])
    seen = turned + middle - at[:2, None, None] * side
    own = at[4:6, None, None] * side
    share = ndimage.map_coordinates(near, seen - own, order=1, mode="mirror")
    moved: Floats = seen - own * share
    return moved


def _waves(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """(2, H, W): smooth noise of deviation 1."""
    coarse = rng.normal(0, 1, (2, 5, 5))
    return np.stack(
        [ndimage.zoom(c, [s / 5 for s in shape], order=3, mode="mirror", grid_mode=True) for c in coarse]
    )


def _taken(pixels: NDArray[np.uint8], places: Floats) -> Floats:
    """The colours (H, W, 3) at places (2, H, W) of a picture."""
    planes = [
        ndimage.map_coordinates(pixels[..., c].astype(np.float32), places, order=1, mode="mirror")
        for c in range(3)
    ]
    return np.stack(planes, axis=-1)


def _lit(frame: Floats, light: Floats) -> NDArray[np.uint8]:
    """A frame (H, W, 3) in another light: logarithms of gain and gamma."""
    lit = np.exp(light[0]) * 255 * (frame / 255).clip(0, 1) ** np.exp(light[1])
    levels: NDArray[np.uint8] = lit.round().clip(0, 255).astype(np.uint8)
    return levels


@dataclass(frozen=True)
class _Crossing:
    """A bar that crosses the thing in the course of a clip, in the colours of another place of the picture."""

    start: Floats
    stop: Floats
    half: Floats
    shift: tuple[int, int]

    @classmethod
    def drawn(cls, rng: np.random.Generator, thing: NDArray[np.bool_]) -> _Crossing:
        rows, columns = np.nonzero(thing)
        middle = np.array([rows.mean(), columns.mean()])
        extent = np.array([np.ptp(rows), np.ptp(columns)]) + 1.0
        way = rng.normal(0, 1, 2)
        way *= 1.2 * extent.max() / max(float(np.hypot(*way)), 1e-9)
        half = extent * rng.uniform(0.1, 0.4, 2)
        H, W = thing.shape
        return cls(middle - way, middle + way, half, (int(rng.integers(H)), int(rng.integers(W))))

    def over(
        self, frame: NDArray[np.uint8], truth: NDArray[np.int32], pixels: NDArray[np.uint8], when: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Frame and labels with the bar where it is at `when` in [0, 1]."""
        middle = self.start + when * (self.stop - self.start)
        first = np.maximum(middle - self.half, 0).astype(int)
        last = np.maximum(middle + self.half, 0).astype(int)
        part = slice(first[0], last[0]), slice(first[1], last[1])
        frame, truth = frame.copy(), truth.copy()
        frame[part] = np.roll(pixels, self.shift, (0, 1))[part]
        truth[part] = np.where(truth[part] == IGNORE, IGNORE, 0)
        return frame, truth
