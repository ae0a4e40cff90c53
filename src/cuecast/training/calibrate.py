"""The score from which a pixel is marked, measured on the pictures that weights may be trained on.

Where scores are unsure, half is not the best place to cut: the threshold that gives the highest Dice is half of that
Dice (Lipton, Elkan and Naryanaswamy 2014, 'Optimal thresholding of classifiers to maximize F1 measure'). Scores of a
thing seen once are unsure, so the best threshold lies below 0.5. One number for all concepts: choosing it for each
concept by leave-one-out on its cues was tried and is worse (docs/decisions/0005-threshold.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cuecast.evaluate import cue_of, truth_of
from cuecast.io.draw import draw_episodes
from cuecast.io.episodes import Episode
from cuecast.io.images import read_image
from cuecast.metrics import iou
from cuecast.predictor import Predictor
from cuecast.types import IGNORE

THRESHOLDS = tuple(np.round(np.arange(0.2, 0.625, 0.025), 3).tolist())
SHOTS = (1, 5)


def best_threshold(
    predictor: Predictor,
    root: Path,
    excluded: Sequence[str],
    progress: Callable[[str], None] = print,
    *,
    queries: int = 2,
    tasks: int = 2,
) -> tuple[float, dict[float, float]]:
    """(threshold, mean IoU at each of `THRESHOLDS`) over episodes drawn from the sets under `root`.

    Means are taken within a set, then over sets and numbers of cues. Of equal thresholds the one nearest 0.5 is taken.
    """
    episodes = [e for e in draw_episodes(root, SHOTS, queries=queries, tasks=tasks) if e.set not in excluded]
    groups: dict[tuple[str, int], list[NDArray[np.float64]]] = defaultdict(list)
    for done, episode in enumerate(episodes, start=1):
        groups[episode.set, episode.shots].append(_curve(predictor, episode, root))
        if done % 20 == 0:
            progress(f"threshold: {done} of {len(episodes)} episodes")
    means = np.mean([np.mean(curves, 0) for curves in groups.values()], 0)
    curve = dict(zip(THRESHOLDS, means.tolist(), strict=True))
    return max(curve, key=lambda t: (round(curve[t], 4), -abs(t - 0.5))), curve


def _curve(predictor: Predictor, episode: Episode, root: Path) -> NDArray[np.float64]:
    """IoU of one episode at each threshold."""
    concept = predictor.learn([cue_of(shown, root) for shown in episode.cues])
    image = read_image(root / episode.query.image)
    scores = concept.segment(image).scores[0]
    truth = truth_of(episode.query, root, image)
    return np.array([iou(scores >= t, truth > 0, truth == IGNORE) for t in THRESHOLDS])
