"""Whether cues agree: each complete cue alone teaches the others, and its scores are compared with what is drawn there.

Compared by rank: the probability that a place of the thing scores higher than a place beside it (AUC; Mann and Whitney
1947). A thing that is hard to cut out is still ranked right by a cue that shows it, and by a shifted mask, an inverted
one or that of another thing it is not. What two cues say of each other counts together, and medians are taken, so that
one bad cue does not turn the others. Beside that counts how the outline of the mask lies on the picture's own edges,
and whether it lies along the picture's frame. Another thing on the same picture is told by ranks alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter
from scipy.special import logit

from cuecast.core.geometry import mark_labels
from cuecast.core.values import IGNORE, Example
from cuecast.cue_quality.trials import Trial, drawn
from cuecast.prediction import Prediction

Floats = NDArray[np.float64]

SIDE = 256
"""Pictures are looked at with this longest side: outlines are not drawn to the pixel."""
BLUR = 1.0
"""Standard deviation of the gradient's smoothing, in pixels of that size."""
NEAR = 0.08
"""Moves shorter than this share of the sides are not other places."""
DIGITS = 6
"""Gradients, and fits in ranks times pixels, that are the same to so many decimals are equal."""
SHORTEST = 4.0
"""Length of an outline, in pixels of that size, below which it says nothing."""


@dataclass(frozen=True)
class Outline:
    """Where the outline of a class fits the picture's edges: compared with every other place where it could lie.

    No pack is asked, and no other cue. A mask that was drawn on this picture follows its edges better than nearly all
    of its moved copies do; a shifted mask, or one of another picture, lies anywhere. All moves at once are one
    correlation (by FFT, round the borders) of the outline with the ranks of the picture's gradient. (Matching outlines
    to edges: Barrow et al. 1977, 'Parametric correspondence and chamfer matching'; ranks make a few strong edges count
    no more than they are.)

    share   of the places farther away at which it would lie on weaker edges than where it is drawn, in [0, 1]; None
            where it has hardly an outline, or the picture no edges;
    dx, dy  the move, in pixels of the image, to the place where it lies on the strongest edges; its middle stays in
            the image;
    frame   share of the image's frame that the class lies at, in [0, 1].
    """

    share: float | None
    dx: int
    dy: int
    frame: float


def outlines(example: Example) -> dict[int, Outline]:
    """Class id -> outline, for the classes that are drawn."""
    edges = _edges(example.image.pixels)
    return {cls: _fit(edges, *drawn(example, cls)) for cls in example.marks.class_ids}


def _fit(edges: Floats, truth: NDArray[np.bool_], ignore: NDArray[np.bool_]) -> Outline:
    frame = float(np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]]).mean())
    outline = _outline(truth, ignore, edges.shape)
    if outline.sum() < SHORTEST or edges.min() == edges.max():
        return Outline(None, 0, 0, frame)
    fits = np.fft.irfft2(np.fft.rfft2(edges) * np.conj(np.fft.rfft2(outline)), s=edges.shape)
    h, w = fits.shape
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) / n for n in (h, w))
    far = np.hypot(rows[:, None], columns[None]) > NEAR
    near = np.ix_((-1, 0, 1), (-1, 0, 1))
    far[near] = False
    weaker = fits[near].max() - fits[far]
    best = np.unravel_index(fits.argmax(), fits.shape)
    middle = (outline.sum(1) @ np.arange(h), outline.sum(0) @ np.arange(w)) / outline.sum()
    dy, dx = (
        round((int(at) - n * (at + m >= n)) * side / n)
        for at, m, n, side in zip(best, middle, (h, w), truth.shape, strict=True)
    )
    share = np.heaviside(weaker.round(DIGITS), 0.5).mean()
    return Outline(float(share), dx, dy, frame)


def _edges(pixels: NDArray[np.uint8]) -> Floats:
    """(h, w): rank of the strongest gradient of the three channels, in (0, 1); equal ones rank the same."""
    small = np.asarray(PILImage.fromarray(pixels).resize(_size(pixels.shape), PILImage.Resampling.BOX), float)
    steps = np.max([gaussian_gradient_magnitude(small[..., c], BLUR) for c in range(3)], axis=0)
    # Nearly as scipy.stats.rankdata, whose import takes longer than all that is done here.
    _, which, counts = np.unique(steps.round(DIGITS), return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - counts / 2)[which].reshape(steps.shape) / steps.size
    return ranks


def _outline(truth: NDArray[np.bool_], ignore: NDArray[np.bool_], shape: tuple[int, int]) -> Floats:
    """(h, w): how much of the mask's outline runs through each place; none along the frame or what is ignored."""
    covered, unknown = (
        np.asarray(
            PILImage.fromarray(m.astype(np.float32)).resize(shape[::-1], PILImage.Resampling.BOX), float
        )
        for m in (truth, ignore)
    )
    steps = np.hypot(*np.gradient(covered))
    steps[maximum_filter(unknown, 3) > 0] = 0
    outline: Floats = steps
    return outline


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(width, height) for the look at a picture."""
    height, width, *_ = shape
    times = min(1.0, SIDE / max(height, width))
    return max(8, round(width * times)), max(8, round(height * times))


FIGURES = ("lower", "spread", "misfit", "worse", "framed")
"""What `figures` gives of a cue: how much lower its ranks are than the others' (logits), how much the others differ
among themselves (logits), how badly its outline fits (logits), how much worse than the others', and how much more of
the image's frame it lies at than they do (an inverted mask does)."""
WEIGHTS = (1.87, -2.09, 0.46, 0.24, 2.49)
LIMIT = 2.58
"""Weights of `FIGURES`, and their sum from which a cue does not agree: fitted by recipes/cue_check.py on bad cues that
were planted in the training sets, docs/decisions/0017-planted-cues.md."""
LEAST = 0.02
"""Probabilities are kept this far from 0 and 1: beyond, differences say nothing."""
BINS = 1600
"""Scores are told apart by their logit, to a hundredth."""
FARTHEST = 8.0


@dataclass(frozen=True)
class Agreement:
    """How a complete cue and the others rank each other's pixels, for the class `cls` with the largest `doubt`.

    own      median over the others of the probability that thing scores above ground, both ways, in [0, 1];
    others   the same among the others, the cue left out;
    outline  share of the other places of the picture at which the mask's outline would lie on weaker edges, in [0, 1];
             None where there is no outline of some length, or the picture has no edges;
    doubt    the weighted figures less their limit: from 0 on the cue does not agree.
    """

    number: int
    image: str
    cls: int
    own: float
    others: float
    outline: float | None
    doubt: float

    @property
    def is_outlier(self) -> bool:
        """Whether the cue does not agree with the others."""
        return self.doubt >= 0


def separations(prediction: Prediction | None, example: Example) -> dict[int, float]:
    """Class id -> probability that a pixel of it scores above one beside it, for the classes drawn and taught."""
    if prediction is None:
        return {}
    labels = mark_labels(example.marks)
    ignore = labels == IGNORE
    found = {}
    for info, scores in zip(prediction.classes, prediction.scores, strict=True):
        if (value := separation(scores, labels == info.id, ignore)) is not None:
            found[info.id] = value
    return found


def separation(
    scores: NDArray[np.float32], truth: NDArray[np.bool_], ignore: NDArray[np.bool_]
) -> float | None:
    """The probability that a pixel of the truth scores above one beside it, ties half; None where either is empty.

    scores (H, W) in [0, 1]; truth, ignore (H, W) bool.
    """
    logits = np.clip(logit(scores.astype(np.float64)), -FARTHEST, FARTHEST)
    bins = np.minimum((logits + FARTHEST) / (2 * FARTHEST) * BINS, BINS - 1).astype(np.intp)
    thing, rest = (np.bincount(bins[m], minlength=BINS) for m in (truth & ~ignore, ~truth & ~ignore))
    if not thing.any() or not rest.any():
        return None
    below = rest.cumsum() - rest / 2
    return float((thing * below).sum() / (thing.sum() * rest.sum()))


def agreements(
    pairs: Sequence[tuple[int, Trial]],
    found: Mapping[Trial, Mapping[int, float]],
    outlines: Mapping[int, Mapping[int, Outline]],
    examples: Sequence[Example],
) -> list[Agreement]:
    """Of each complete cue, in their order; none of fewer than three.

    pairs     a teacher and a trial it teaches; found: their `separations`.
    outlines  position of a cue -> class id -> outline.
    """
    cues = sorted({teacher for teacher, _ in pairs} | {trial.query for _, trial in pairs})
    if len(cues) < 3:
        return []
    worst: dict[int, Agreement] = {}
    for cls in sorted({c for values in found.values() for c in values}):
        ranks = np.full((len(cues), len(cues)), np.nan)
        for teacher, trial in pairs:
            ranks[cues.index(teacher), cues.index(trial.query)] = found[trial].get(cls, np.nan)
        lies = [outlines[cue].get(cls) for cue in cues]
        own, others, _ = typical(ranks)
        doubts = figures(ranks, lies) @ np.array(WEIGHTS) - LIMIT
        for i, (cue, outline) in enumerate(zip(cues, lies, strict=True)):
            if not np.isnan(doubts[i]) and (cue not in worst or doubts[i] > worst[cue].doubt):
                name, share = examples[cue].image.name, outline.share if outline else None
                both = float(own[i]), float(others[i])
                worst[cue] = Agreement(cue + 1, name, cls, *both, share, float(doubts[i]))
    return [worst[c] for c in cues if c in worst]


def figures(ranks: Floats, outlines: Sequence[Outline | None]) -> Floats:
    """(n, 5) `FIGURES` of n cues; the first is nan where a cue or all others have no ranks.

    ranks     (n, n): `separation` of what the cue of a row teaches, on the cue of a column; nan where unknown.
    outlines  n; one that is not known counts like the others', and where none is, none counts.
    """
    own, others, spread = typical(ranks)
    misfit, usual = _beside([None if o is None else o.share for o in outlines])
    frame, usual_frame = _beside([None if o is None else o.frame for o in outlines])
    lower = _logit(others) - _logit(own)
    return np.stack([lower, spread, -_logit(misfit), _logit(usual) - _logit(misfit), frame - usual_frame], 1)


def _beside(values: Sequence[float | None]) -> tuple[Floats, Floats]:
    """(n,) values, and of each the median of the others, which stands for a missing one; 0.5 where none is known."""
    known = np.array([np.nan if v is None else v for v in values], np.float64)
    others = np.array([_median(np.delete(known, i)) for i in range(len(known))])
    others = np.where(np.isnan(others), 0.5, others)
    return np.where(np.isnan(known), others, known), others


def typical(ranks: Floats) -> tuple[Floats, Floats, Floats]:
    """(own, others, spread), each (n,): a cue's median over the others, both ways; the median of the others' own
    medians without the cue; their standard deviation in logits."""
    back = ranks.T
    both = np.where(np.isnan(ranks), back, np.where(np.isnan(back), ranks, (ranks + back) / 2))
    out = []
    for i in range(len(ranks)):
        rest = np.delete(np.delete(both, i, 0), i, 1)
        each = np.array([_median(np.delete(row, k)) for k, row in enumerate(rest)])
        each = each[~np.isnan(each)]
        spread = float(_logit(each).std()) if len(each) else float("nan")
        out.append((_median(np.delete(both[i], i)), _median(each), spread))
    own, others, spreads = np.array(out).T
    return own, others, spreads


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _logit(p: Floats) -> Floats:
    kept: Floats = logit(np.clip(p, LEAST, 1 - LEAST))
    return kept
