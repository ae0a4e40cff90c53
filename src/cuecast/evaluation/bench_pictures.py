"""Pictures of episodes, a good and a bad one of each set: the cue, the truth, and all baselines' answers in a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont, ImageOps

from cuecast.core.drawing import overlay
from cuecast.core.geometry import mark_labels
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, ClassInfo, Image
from cuecast.evaluation.baselines import Baseline
from cuecast.evaluation.bench import read_cues
from cuecast.evaluation.bench_result import BenchResult, Measured
from cuecast.evaluation.episodes import Episode
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.io.files import replacing
from cuecast.io.images import read_image

SIDE, GAP, CAPTION = 240, 6, 18
"""Longest side of a tile, space between tiles and height of a line of text, in pixels."""
COLOUR = "#00e5ff"
"""Of every mask: rare in pictures of things."""


class Ranked(Protocol):
    """An answer to an episode of a set."""

    @property
    def set(self) -> str:
        """Name of the set."""

    @property
    def shots(self) -> int:
        """Number of cues."""


Answer = TypeVar("Answer", bound=Ranked)


def choose(result: BenchResult) -> dict[str, Measured]:
    """File stem -> answer: of each set, 'SET-good' and 'SET-bad', the best and the worst of the first baseline.

    Taken at the largest number of cues of the set; a set with one episode has a good one only. Empty where there is
    no baseline on masks.
    """
    first = next((m.baseline for m in result.methods if m.cues == "masks"), None)
    return best_and_worst([a for a in result.answers if a.baseline == first], lambda a: a.iou)


def best_and_worst(answers: Iterable[Answer], figure: Callable[[Answer], float]) -> dict[str, Answer]:
    """'SET-good' and 'SET-bad' -> the answers with the largest and the least figure, as `choose`."""
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer.set].append(answer)
    chosen: dict[str, Answer] = {}
    for name, group in groups.items():
        most = max(a.shots for a in group)
        ranked = sorted((a for a in group if a.shots == most), key=figure)
        chosen[f"{name}-good"] = ranked[-1]
        if len(ranked) > 1:
            chosen[f"{name}-bad"] = ranked[0]
    return chosen


def write_pictures(
    result: BenchResult,
    baselines: Mapping[str, Baseline],
    episodes: Sequence[Episode],
    root: str | Path,
    folder: str | Path,
) -> list[Path]:
    """Answer the chosen episodes again and write a PNG of each into `folder`; returns their paths.

    Raises OutputError.
    """
    named = {e.id: e for e in episodes}
    return [
        write_sheet(folder, stem, sheet(baselines, named[answer.id], Path(root)))
        for stem, answer in choose(result).items()
    ]


def write_sheet(folder: str | Path, stem: str, picture: PILImage.Image) -> Path:
    """Write a picture as PNG, whole or not at all; returns its path. Raises OutputError."""
    path = Path(folder) / f"{stem.replace('/', '_')}.png"
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")
    return path


def sheet(baselines: Mapping[str, Baseline], episode: Episode, root: Path) -> PILImage.Image:
    """One episode in a row: first cue, truth, then each baseline's answer with its IoU."""
    classes = [ClassInfo(1, episode.task, COLOUR)]
    query = read_image(root / episode.query.image)
    truth = truth_of(episode.query, root, query)
    tiles = _shown(episode, root, query, truth, classes)
    for name, baseline in baselines.items():
        examples = read_cues(baseline.cues, episode, root, query, truth)
        if examples:
            mask = baseline.segment(baseline.learn(examples), query)
            caption = f"{name} {iou(mask, truth > 0, truth == IGNORE):.2f}"
            tiles.append((caption, overlay(query, mask.astype(np.int32), classes)))
    return in_a_row(f"{episode.id}: {episode.task}", tiles)


def _shown(
    episode: Episode, root: Path, query: Image, truth: NDArray[np.int32], classes: Sequence[ClassInfo]
) -> list[tuple[str, PILImage.Image]]:
    """The first cue that shows the thing, where there is one, and the truth."""
    tiles = [("truth", overlay(query, np.minimum(truth, 1), classes))]
    shown = next((c for c in episode.cues if c.mask is not None), None)
    if shown is not None:
        cue = cue_of(shown, root).read()
        mask = np.minimum(mark_labels(cue.marks), 1)
        several = f"cue, 1 of {episode.shots}" if episode.shots > 1 else "cue"
        tiles.insert(0, (several, overlay(cue.image, mask, classes)))
    return tiles


def in_a_row(title: str, tiles: Sequence[tuple[str, PILImage.Image]]) -> PILImage.Image:
    """Tiles in a row on white, a caption above each, a title above all."""
    small = [(caption, ImageOps.contain(picture, (SIDE, SIDE))) for caption, picture in tiles]
    width = len(small) * (SIDE + GAP) + GAP
    height = 2 * CAPTION + max(p.height for _, p in small) + GAP
    out = PILImage.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(size=13)
    draw.text((GAP, 2), title, fill="black", font=font)
    for i, (caption, picture) in enumerate(small):
        left = GAP + i * (SIDE + GAP)
        draw.text((left, CAPTION), caption, fill="black", font=font)
        out.paste(picture, (left, 2 * CAPTION))
    return out
