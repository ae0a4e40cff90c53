"""Bad cues that are planted among good ones, to measure and to fit what finds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.values import ClassInfo, Example
from cuecast.cue_quality.agreement import FIGURES, figures, outlines, separations
from cuecast.cue_quality.trials import Board, answers
from cuecast.evaluation.episodes import Episode, EpisodeImage
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.io.images import read_image
from cuecast.predictor import Predictor

FAULTS = ("shifted", "inverted", "other")
"""By a quarter of the image; inverted; the mask of another thing."""


def read_single(shown: EpisodeImage, root: Path) -> Example:
    """A cue with all that it marks as class 1."""
    example = cue_of(shown, root).read()
    mask = example.marks.mask
    return Example(
        example.image,
        replace(example.marks, mask=None if mask is None else np.minimum(mask, 1), objects=None),
    )


def spoil(
    example: Example, shown: EpisodeImage, fault: str, episode: Episode, root: Path, listed: Sequence[Episode]
) -> Example:
    """The cue with a bad mask. `listed`: all episodes, whose tasks are the other things.

    Where that mask is empty, it is shifted; a mask that fills its picture stays as it is.
    """
    mask, (H, W) = example.marks.mask, example.marks.size
    assert mask is not None
    if fault == "shifted":
        bad = np.roll(mask, (H // 4, W // 4), (0, 1))
    elif fault == "inverted":
        bad = np.where(mask < 0, mask, 1 - mask)
    else:
        other = PILImage.fromarray(_other_thing(example, shown, episode, root, listed))
        bad = np.asarray(other.resize((W, H), PILImage.Resampling.NEAREST), np.int32)
    if not (bad > 0).any():
        bad = np.roll(mask, (H // 4, W // 4), (0, 1))
    return Example(example.image, replace(example.marks, mask=bad, objects=None))


def planted_figures(
    predictor: Predictor, episode: Episode, root: Path, *, listed: Sequence[Episode]
) -> list[dict[str, Any]]:
    """The figures of an episode's cues, clean and with each fault planted, a row each."""
    good = [read_single(shown, root) for shown in episode.cues]
    infos = (ClassInfo(1, episode.task),)
    board = Board(predictor, tuple(good), infos, "frame")
    teachers = {trial: teacher for teacher, trial in board.pairs()}
    clean = {(teachers[trial], trial.query): p for trial, p in answers(board, teachers)}
    planted = int(np.random.default_rng(len(episode.id)).integers(len(good)))
    rows = []
    for fault in ("clean", *FAULTS):
        examples, predictions = list(good), dict(clean)
        if fault != "clean":
            examples[planted] = spoil(good[planted], episode.cues[planted], fault, episode, root, listed)
            taught = Board(predictor, tuple(examples), infos, "frame")
            by_planted = [trial for teacher, trial in taught.pairs() if teacher == planted]
            # What the good cues say of each other, and of the picture of the bad one, stays as it is.
            predictions |= {(planted, trial.query): p for trial, p in answers(taught, by_planted)}
        ranks = np.full((len(good), len(good)), np.nan)
        for (teacher, query), prediction in predictions.items():
            ranks[teacher, query] = separations(prediction, examples[query]).get(1, np.nan)
        found = np.round(figures(ranks, [outlines(e).get(1) for e in examples]), 4).tolist()
        rows.append(
            {"set": episode.set, "fault": fault, "planted": planted, "names": FIGURES, "figures": found}
        )
    return rows


def _other_thing(
    example: Example, shown: EpisodeImage, episode: Episode, root: Path, listed: Sequence[Episode]
) -> NDArray[np.uint8]:
    """(h, w): 1 on the thing of the first other task of the set that is on the picture; else the query's mask."""
    values = dict.fromkeys(e.cues[0].value for e in listed if e.set == episode.set and e.task != episode.task)
    for value in values:
        if value and value != shown.value:
            found = truth_of(replace(shown, value=value), root, example.image) > 0
            if found.any():
                return found.astype(np.uint8)
    query = truth_of(episode.query, root, read_image(root / episode.query.image))
    return (query > 0).astype(np.uint8)
