"""Answers of the pack `general` to small real pictures: what is asked, and what of an answer is kept.

The pictures lie beside the checkout; only answers are in it. A case is a function of one line or a few in `CASES`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from map_pictures import read_band, write_map
from numpy.typing import NDArray
from PIL import Image

import cuecast

STEP = 4
"""Every fourth pixel's score is kept, in both directions."""
CELLS, FRUIT, FLOWERS = "wbc1", "mandarin", "flowers"


@dataclass(frozen=True, eq=False)
class Golden:
    """What is kept of a case.

    masks (..., H, W) integer; scores float32, thinned by `STEP`; words: verdicts, figures: confidences and thresholds,
    in the order of images, frames, slices or tiles.
    """

    masks: NDArray[Any]
    words: tuple[str, ...]
    figures: NDArray[np.float64]
    scores: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))


@dataclass(frozen=True)
class Pictures:
    """A set of real pictures with masks."""

    folder: Path

    def image(self, number: int) -> NDArray[np.uint8]:
        """(H, W, 3)."""
        with Image.open(self.folder / "images" / f"{number:04d}.jpg") as picture:
            return np.asarray(picture.convert("RGB"))

    def mask(self, number: int, *values: int) -> NDArray[np.uint8]:
        """(H, W): the label values, all others 0; without values, all."""
        with Image.open(self.folder / "masks" / f"{number:04d}.png") as labels:
            found = np.asarray(labels)
        return np.where(np.isin(found, values), 1, 0).astype(np.uint8) if values else found

    def cue(self, number: int, *values: int) -> cuecast.Cue:
        """A picture with its mask."""
        return cuecast.Cue(self.image(number), mask=self.mask(number, *values))


Case = Callable[[cuecast.Predictor, Path], Golden]


def answer_case(name: str, predictor: cuecast.Predictor, data: Path) -> Golden:
    """Ask what the case of this name asks; `data` is the folder of real pictures."""
    return CASES[name](predictor, data / "dev")


def _of(predictions: Sequence[Any]) -> Golden:
    return Golden(
        np.stack([p.mask for p in predictions]),
        tuple(p.verdict for p in predictions),
        np.array([v for p in predictions for v in (p.confidence, *p.thresholds)]),
        np.stack([p.scores[:, ::STEP, ::STEP] for p in predictions]),
    )


def _ask(
    what: str, query: tuple[str, int], show: Callable[[Pictures], list[cuecast.Cue]], *names: str
) -> Case:
    """The cues that `show` makes of the set `what`, and a query of the same or another set."""

    def case(predictor: cuecast.Predictor, sets: Path) -> Golden:
        concept = predictor.learn(show(Pictures(sets / what)), names or None)
        return _of([concept.segment(Pictures(sets / query[0]).image(query[1]))])

    return case


def _masks(*numbers: int, value: int = 1) -> Callable[[Pictures], list[cuecast.Cue]]:
    return lambda pictures: [pictures.cue(n, value) for n in numbers]


def _marks(number: int, **marks: Any) -> Callable[[Pictures], list[cuecast.Cue]]:
    return lambda pictures: [cuecast.Cue(pictures.image(number), **marks)]


def _with_absent(pictures: Pictures) -> list[cuecast.Cue]:
    return [pictures.cue(1, 2), cuecast.Cue(Pictures(pictures.folder.parent / FLOWERS).image(3), absent=True)]


def _video(predictor: cuecast.Predictor, sets: Path) -> Golden:
    """Ten views that wander over a picture; the first is marked."""
    fruit = Pictures(sets / FRUIT)
    image, mask = fruit.image(2), fruit.mask(2, 1)
    views = [(slice(20 + 2 * i, 116 + 2 * i), slice(40 + 3 * i, 168 + 3 * i)) for i in range(10)]
    frames = [image[view] for view in views]
    concept = predictor.learn([cuecast.Cue(frames[0], mask=mask[views[0]])], scale="pixel")
    return _of([a.prediction for a in sorted(cuecast.track(concept, frames), key=lambda a: int(a.index))])


def _volume(predictor: cuecast.Predictor, sets: Path) -> Golden:
    """Eight grey slices, each a view a little further on; the third is marked."""
    cells = Pictures(sets / CELLS)
    grey, mask = cells.image(3).mean(2).astype(np.uint8), cells.mask(3, 2)
    views = [(slice(i, 96 + i), slice(10, 106)) for i in range(8)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.tif"
        tifffile.imwrite(path, np.stack([grey[view] for view in views]), photometric="minisblack")
        found = cuecast.segment_volume(predictor, path, [cuecast.SliceCue("z", 2, mask=mask[views[2]])])
        labels = np.array(found.labels)
    words, figures = zip(*((s.verdict, s.confidence) for s in found.slices), strict=True)
    return Golden(labels, tuple(words), np.array(figures))


def _raster(predictor: cuecast.Predictor, sets: Path) -> Golden:
    """A picture as a GeoTIFF in four tiles; a corner of it is marked."""
    fruit = Pictures(sets / FRUIT)
    pixels, mask = fruit.image(1)[:224, :224], fruit.mask(1, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = write_map(Path(folder) / "map.tif", pixels)
        cue = cuecast.raster_cue(path, (64, 64, 192, 192), mask[64:192, 64:192])
        concept = predictor.learn([cue], scale="pixel")
        options = cuecast.MapOptions(tile=160, overlap=64, formats=())
        summary = cuecast.segment_raster(concept, path, Path(folder) / "out", options)
        found, scores = (read_band(summary.files[name]) for name in ("mask", "scores"))
    counts = tuple(f"{n} {word}" for word, n in summary.counts.items())
    thinned = scores[::STEP, ::STEP].astype(np.float32) / 254
    return Golden(found, (summary.verdict, *counts), np.array([summary.confidence]), thinned)


_ask_cells = partial(_ask, CELLS, (CELLS, 10))
STROKES = [
    cuecast.Scribble(((60, 52), (66, 60), (62, 68)), 3, 1),
    cuecast.Scribble(((5, 5), (5, 110)), 3, 0),
]

CASES: Mapping[str, Case] = {
    "cells-one-mask": _ask_cells(_masks(1, value=2)),
    "cells-five-masks": _ask_cells(_masks(1, 2, 3, 4, 5, value=2)),
    "cells-box": _ask_cells(_marks(1, boxes=[(30, 30, 90, 90)])),
    "cells-points": _ask_cells(_marks(1, points=[(60, 60, 1), (64, 66, 1), (6, 6, 0), (112, 20, 0)])),
    "cells-scribbles": _ask_cells(_marks(1, scribbles=STROKES)),
    "cells-two-classes": _ask_cells(lambda p: [p.cue(1)], "cytoplasm", "nucleus"),
    "cells-absent-cue": _ask_cells(_with_absent),
    "cells-absent-query": _ask(CELLS, (FLOWERS, 7), _masks(1, 2, value=2)),
    "fruit-one-mask": _ask(FRUIT, (FRUIT, 10), _masks(1)),
    "flower-one-mask": _ask(FLOWERS, (FLOWERS, 7), _masks(3, value=5)),
    "flower-absent-query": _ask(FLOWERS, (CELLS, 10), _masks(3, value=5)),
    "raster": _raster,
    "video": _video,
    "volume": _volume,
}


def write_answers(answers: Mapping[str, Golden], digest: str, path: Path) -> None:
    """Keep the answers of the pack of this digest as one .npz."""
    parts: dict[str, Any] = {"digest": np.array(digest)}
    for name, golden in answers.items():
        parts |= {f"{name}/masks": golden.masks.astype(np.uint8), f"{name}/words": np.array(golden.words)}
        parts |= {f"{name}/figures": golden.figures, f"{name}/scores": golden.scores}
    np.savez_compressed(path, **parts)


def read_answers(path: Path) -> tuple[str, dict[str, Golden]]:
    """The digest of the pack, and what it answered to each case."""
    with np.load(path) as kept:
        names = sorted({key.partition("/")[0] for key in kept.files} - {"digest"})
        answers = {
            n: Golden(
                kept[f"{n}/masks"],
                tuple(kept[f"{n}/words"].tolist()),
                kept[f"{n}/figures"],
                kept[f"{n}/scores"],
            )
            for n in names
        }
        return str(kept["digest"]), answers
