"""What a confidence means on frames that an answer to boxes, points and strokes was carried on to.

The scores of a followed frame hold the place, too, and are surer than they are right: how good the answer is, is mostly
how good that on the marked frame was. Measured on clips bent from pictures that weights may be trained on
(`cuecast.training.clips`), each marked on its first frame by a hand of each kind and followed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Example
from cuecast.engine.decision import expected_iou, followed_figures
from cuecast.engine.mark_weights import Kind
from cuecast.evaluation.processes import one_by_one
from cuecast.io.images import read_image
from cuecast.predictor import Predictor
from cuecast.propagation.track import track
from cuecast.training.calibrate import Floats, logistic
from cuecast.training.calibrate_sparse import KINDS
from cuecast.training.clips import draw_clip
from cuecast.training.hand_marks import hand_marks
from cuecast.training.sets import IGNORE_VALUE, PictureSet, read_set

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
    """The weights 'followed' (`cuecast.engine.decision.Calibration`) of each kind, from clips of the sets in `folders`.

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
