"""What speaks for or against an answer, beside its own scores: what a calibrated confidence is computed from.

Each part of the engine answers by itself. Where they agree, and where the marked places look like the cues' places, an
answer can be trusted; a query that looks like nothing in the cues cannot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PLANES = ("logit", "forest", "ridge2", "ridge4", "ridge8", "like", "unlike")
"""What `measure` reads, in this order: the answer's logits, those of the forest, the three ridge scores, and how much a
place looks like the cues' thing, and like the rest of the cues."""
RIDGE_SCALE = 2.0
"""Logits a unit of ridge score."""


USUAL = np.array([0.42, 0.2], np.float32)
"""Shift and stretch from one picture to the next where a single cue does not tell (see `unlike`)."""


def measure(planes: Array, cue_share: float, look: Array, looks: Array, there: float) -> dict[str, float]:
    """planes (P, h, w) as in `PLANES`; cue_share: the thing's share of what is known of the cues; looks of the
    query and of the cues as `unlike` takes them; there: the decoder's logit of the thing being anywhere. All by name.

    sure      mean score of the marked, each place weighted by its score
    peak      the highest score of a thousandth of the image
    forest    soft Dice between the answer and the forest's; likewise `ridge2`, `ridge4`, `ridge8`
    like      how much the marked places look like the cues' thing
    contrast  the same, less how much they look like the rest of the cues
    familiar  how much the whole image looks like anything in the cues; `strangest` is its tenth percentile
    shift, stretch  see `unlike`
    there     as given, within -8 and 8
    size      logarithm of the marked area over the area in the cues; `off_size` is its absolute value
    """
    plane = dict(zip(PLANES, planes, strict=True))
    score, forest = sigmoid(plane["logit"]), sigmoid(plane["forest"])
    like, other = plane["like"], plane["unlike"]
    total = float(score.sum()) + 1e-6
    known = np.maximum(like, other)
    highest = max(1, score.size // 1000)
    shift, stretch = unlike(look, looks)
    size = float(np.log((total / score.size + 1e-5) / (cue_share + 1e-5)))
    return {
        "sure": float((score**2).sum()) / total,
        "peak": float(np.partition(score, -highest, axis=None)[-highest]),
        "forest": _soft_dice(score, forest),
        **{n: _soft_dice(score, sigmoid(RIDGE_SCALE * plane[n])) for n in PLANES if n.startswith("ridge")},
        "like": float((score * like).sum()) / total,
        "contrast": float((score * (like - other)).sum()) / total,
        "familiar": float(known.mean()),
        "strangest": float(np.percentile(known, 10)),
        "shift": shift,
        "stretch": stretch,
        "there": float(np.clip(there, -8, 8)),
        "size": size,
        "off_size": abs(size),
    }


def unlike(look: Array, looks: Array) -> tuple[float, float]:
    """How much the query as a whole differs from the cues, more than these differ among themselves.

    look (2, C): mean and deviation of C pixel features over the query; looks (n, 2, C): those of each cue.
    Returns the logarithms of two ratios: of the means' distances in deviations, and of the deviations' own distances.
    """
    among = [_distances(own, np.delete(looks, i, 0)) for i, own in enumerate(looks)] if len(looks) > 1 else []
    usual = np.mean([USUAL, *among], 0)
    shift, stretch = np.log((_distances(look, looks) + 0.02) / usual)
    return float(shift), float(stretch)


def _distances(look: Array, looks: Array) -> Array:
    """(2,): mean over the features of |difference of means| and of |logarithm of the ratio of deviations|."""
    mean = looks[:, 0].mean(0)
    deviation = np.sqrt((looks[:, 1] ** 2 + (looks[:, 0] - mean) ** 2).mean(0)) + 1e-3
    shift = np.abs((look[0] - mean) / deviation).mean()
    return np.array([shift, np.abs(np.log((look[1] + 1e-3) / deviation)).mean()], np.float32)


def _soft_dice(a: Array, b: Array) -> float:
    return float(2 * (a * b).sum() / ((a * a).sum() + (b * b).sum() + 1e-6))


def sigmoid(logits: Array) -> Array:
    """Logits of any shape as scores in [0, 1], float32."""
    return (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
