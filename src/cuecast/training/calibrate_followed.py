"""What a confidence means on frames that an answer to boxes, points and strokes was carried on to.

The scores of a followed frame hold the place, too, and are surer than they are right: how good the answer is, is mostly
how good that on the marked frame was. Measured on short clips that are drawn from pictures with labels,
of those that weights may be trained on; each is marked on its first frame by a hand of each kind and followed. The
picture is bent, not cut: the camera drifts, turns and comes nearer, the thing moves against what is around it and
changes its shape, the light changes, and something else may cross. Every frame is taken from the picture itself, so
that nothing blurs more and more.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Example
from cuecast.engine.calibration import followed_figures
from cuecast.engine.decision import expected_iou
from cuecast.engine.mark_weights import Kind
from cuecast.evaluation.processes import one_by_one
from cuecast.io.images import read_image
from cuecast.predictor import Predictor
from cuecast.propagation.track import track
from cuecast.training.calibrate import Floats, logistic
from cuecast.training.calibrate_sparse import KINDS, hand_marks
from cuecast.training.sets import IGNORE_VALUE, PictureSet, read_set

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


FRAMES = 4
"""Frames of a clip, the marked one among them: how good answers are hardly changes from the second to the fifth."""
SIZES = (0.01, 0.4)
"""Shares of a picture that a thing covers which is followed."""
TRIES = 30
STRENGTH = 30.0
"""Ridge penalty, where the frames of a clip count as one answer together: they are far from independent."""


class Clip(NamedTuple):
    """A picture, what moves on it (labels as `hand_marks` takes them), and the seed of all that is drawn."""

    set: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int32]
    seed: int


class Carried(NamedTuple):
    """A followed frame: the kind of the marks, `followed_figures`, and the IoU that was reached."""

    kind: Kind
    figures: Floats
    iou: float


def followed_calibration(
    predictor: Predictor,
    folders: Sequence[Path],
    progress: Callable[[str], None] = print,
    *,
    clips: int = 20,
    workers: int = 1,
) -> dict[Kind, list[float]]:
    """The weights 'followed' (see `Calibration`) of each kind, from clips of the sets in `folders`.

    The predictor's card must state what the answers on the marked frames are worth. Sets that show no thing of a size
    to be followed give no clips; the same whatever the number of `workers`.
    """
    drawn = [c for folder in folders for c in draw_clips(read_set(folder), clips)]
    carried: list[Carried] = []
    for done, found in enumerate(one_by_one(predictor, drawn, ".", follow, workers=workers), start=1):
        carried += found
        if done % 10 == 0:
            progress(f"calibration of followed frames: {done} of {len(drawn)} clips")
    return fit_followed(carried)


def fit_followed(carried: Sequence[Carried]) -> dict[Kind, list[float]]:
    """For each kind the weights of the figures, the same for all of them, and a bias of its own, the last one."""
    figures = np.array([c.figures for c in carried])
    kinds = np.array([[c.kind == kind for kind in KINDS] for c in carried], float)
    x = np.concatenate([figures, kinds], axis=1)
    mean, deviation = x.mean(0), x.std(0).clip(1e-3)
    reached = np.array([c.iou for c in carried])
    beta = logistic((x - mean) / deviation, reached, np.full(len(x), 1 / (FRAMES - 1)), STRENGTH)
    weights = beta[:-1] / deviation
    shared, own = weights[: figures.shape[1]], weights[figures.shape[1] :]
    biases = beta[-1] - weights @ mean + own
    return {kind: [round(float(v), 5) for v in (*shared, b)] for kind, b in zip(KINDS, biases, strict=True)}


def draw_clips(pictures: PictureSet, count: int) -> Iterator[Clip]:
    """What up to `count` clips of a set start from."""
    for number in range(count):
        seed = zlib.crc32(f"{pictures.name}/{number}".encode())
        rng = np.random.default_rng(seed)
        for _ in range(TRIES):
            picture = int(rng.integers(len(pictures.images)))
            labels = _thing(rng, pictures, picture)
            if labels is not None:
                yield Clip(pictures.name, pictures.images[picture], labels, seed)
                break


def _thing(rng: np.random.Generator, pictures: PictureSet, picture: int) -> NDArray[np.int32] | None:
    """Labels (H, W) of one thing on a picture, large ones rather than small ones: an object where these are known,
    else a component of a class; None where there is none of the size."""
    mask = pictures.masks[picture]
    unknown = mask == IGNORE_VALUE
    components: NDArray[Any]
    if pictures.objects is not None:
        components = pictures.objects[picture]
    else:
        classes = np.setdiff1d(mask[~unknown], [0])
        components = ndimage.label(mask == rng.choice(classes), NEIGHBOURS)[0] if len(classes) else 0 * mask
    areas = np.bincount(np.where(unknown, 0, components).ravel())
    areas[0] = 0
    areas = np.where((areas >= SIZES[0] * mask.size) & (areas <= SIZES[1] * mask.size), areas, 0)
    if not areas.any():
        return None
    thing = components == rng.choice(len(areas), p=areas / areas.sum())
    return np.where(unknown, IGNORE, thing).astype(np.int32)


def follow(predictor: Predictor, clip: Clip, _root: Path) -> list[Carried]:
    """The frames of a clip, followed from marks of each kind on its first one."""
    rng = np.random.default_rng(clip.seed)
    shown = list(draw_clip(rng, clip.pixels, clip.labels, FRAMES))
    frames = [read_image(pixels) for pixels, _ in shown]
    carried = []
    for kind, forms in KINDS.items():
        example = Example(frames[0], hand_marks(rng, clip.labels, str(rng.choice(forms))))
        concept = predictor.learn([example], scale="pixel")
        known = 0.0
        for answer in track(concept, frames, {0: example}):
            mask, truth = answer.prediction.mask > 0, shown[answer.index][1]
            if answer.marked:
                known = answer.prediction.confidence
            elif mask.any():  # else it is called absent, and no mask is trusted
                by_scores = expected_iou(answer.prediction.scores[0], mask)
                figures = followed_figures(by_scores, known, float(mask.mean()))
                carried.append(Carried(kind, figures, iou(mask, truth > 0, truth == IGNORE)))
    return carried
