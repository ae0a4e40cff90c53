"""Pictures of objects told apart: of each set the best and the worst answer, beside the truth and the other methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.drawing import overlay
from cuecast.core.object_metrics import match_objects
from cuecast.core.values import PALETTE, ClassInfo, Image
from cuecast.evaluation.bench_pictures import best_and_worst, in_a_row, write_sheet
from cuecast.evaluation.episodes import Episode
from cuecast.evaluation.objects import METHODS, ObjectResult, answer_objects
from cuecast.predictor import Predictor

COLOURS = tuple(ClassInfo(n, str(n), colour) for n, colour in enumerate(PALETTE, start=1))


def write_object_pictures(
    predictor: Predictor,
    result: ObjectResult,
    episodes: Sequence[Episode],
    root: str | Path,
    folder: str | Path,
) -> list[Path]:
    """Answer the best and the worst episode of each set again, by the F1 of 'cuecast', and write a PNG of each.

    Returns the paths, SET-good.png and SET-bad.png. Raises OutputError.
    """
    named = {e.id: e for e in episodes}
    answers = [o for o in result.outcomes if o.method == METHODS[-1]]
    return [
        write_sheet(folder, stem, object_sheet(predictor, named[answer.id], Path(root), result.scale))
        for stem, answer in best_and_worst(answers, lambda o: o.f1).items()
    ]


def object_sheet(predictor: Predictor, episode: Episode, root: Path, scale: str = "frame") -> PILImage.Image:
    """One episode in a row: the truth, then the answer of each method with its F1."""
    answer = answer_objects(predictor, episode, root, scale)
    tiles = [
        (f"truth, {len(np.unique(answer.truth[answer.truth > 0]))}", draw_ids(answer.query, answer.truth))
    ]
    for method, ids in answer.found.items():
        m = match_objects(ids, answer.truth, answer.ignore)
        tiles.append((f"{method} {m.f1:.2f}, {m.found}", draw_ids(answer.query, ids)))
    return in_a_row(f"{episode.id}: {episode.task}", tiles)


def draw_ids(image: Image, ids: NDArray[np.int32]) -> PILImage.Image:
    """The image with each object of ids (H, W) in one of twenty colours, outlined."""
    coloured = np.where(ids > 0, (ids - 1) % len(COLOURS) + 1, 0).astype(np.int32)
    return overlay(image, coloured, COLOURS, objects=ids)
