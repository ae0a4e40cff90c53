"""Every baseline over every episode: the same pictures, the same machine, one run. See docs/benchmarks.md.

The figures do not depend on the number of workers, only the seconds do: answers are kept in the order of the list.
Each picture is read once for all baselines; reading is in nobody's seconds. Every baseline answers one drawn picture
before anything is timed, so that loading its libraries is in nobody's seconds either.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CuecastError, EpisodeError
from cuecast.core.metrics import dice, iou
from cuecast.core.objects import connected_objects
from cuecast.core.ordered import Progress, silent, threads_each
from cuecast.core.values import IGNORE, Box, Example, Image, Marks
from cuecast.evaluation.baselines import BASELINES, Baseline, CueKind
from cuecast.evaluation.bench_result import BenchResult, Measured, Method
from cuecast.evaluation.episodes import Episode, EpisodeImage, list_digest
from cuecast.evaluation.evaluate import cue_of, source_commit, truth_of
from cuecast.evaluation.processes import run_each
from cuecast.io.images import read_image
from cuecast.predictor import Predictor

SMALLEST_BOXED = 0.001
"""Components below this share of the picture get no box of their own, unless all are."""


def boxes_of(truth: NDArray[np.bool_]) -> tuple[Box, ...]:
    """A tight box round each component of (H, W) bool, in reading order; none where it is empty.

    Components of less than 0.1 % of the picture are left out; where all are as small, the largest gets the only box.
    """
    components = connected_objects(truth.astype(np.int32))
    if not components:
        return ()
    seen = [c for c in components if c.area >= SMALLEST_BOXED * truth.size] or [
        max(components, key=lambda c: c.area)
    ]
    return tuple(
        Box((float(x1), float(y1), float(x2), float(y2))) for x1, y1, x2, y2 in (p.xyxy for p in seen)
    )


LIBRARIES = ("numpy", "onnxruntime", "scikit-image", "scikit-learn", "opencv-python-headless")


def machine() -> dict[str, Any]:
    """CPU model, logical cores, system, Python and library versions (None: not installed), as JSON takes it."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the system states it; 'unknown' where it does not."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, named), "") or platform.processor() or "unknown"


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def run_bench(
    predictor: Predictor,
    names: Sequence[str],
    episodes: Sequence[Episode],
    root: str | Path,
    progress: Progress = silent,
    *,
    workers: int = 1,
    threads: int | None = None,
    list_name: str = "episodes",
) -> BenchResult:
    """Measure the baselines of these names on the episodes, whose paths start from `root`; see
    `cuecast.evaluation.baselines.BASELINES`.

    workers    processes, as in `run_each`. With more than one, seconds are not comparable with those of one.
    threads    CPU threads of an answer in each process; the predictor should be loaded with the same.
    list_name  what the result calls the list.

    A query that several episodes ask is answered from boxes once, and not where nothing is there to draw a box round.
    Raises EpisodeError, which names episode and baseline, where one cannot be run; and what loading a baseline raises.
    """
    started = time.perf_counter()
    threads = threads_each(threads, workers)
    baselines = load_baselines(tuple(names), predictor, threads)
    run = partial(run_episode, names=tuple(names), threads=threads, boxed=_first_asked(episodes))
    answers = run_each(predictor, episodes, root, run, progress, workers=workers, threads=threads)
    return BenchResult(
        answers=tuple(chain.from_iterable(answers)),
        methods=tuple(Method(name, p.title, p.cues, p.settings) for name, p in baselines.items()),
        episodes={"list": list_name, "digest": list_digest(episodes), "count": len(episodes)},
        machine=machine(),
        pack=predictor.pack.name,
        pack_digest=predictor.pack.digest,
        commit=source_commit(),
        workers=workers,
        threads=threads,
        wall_seconds=time.perf_counter() - started,
    )


@lru_cache(maxsize=1)
def load_baselines(
    names: tuple[str, ...], predictor: Predictor, threads: int | None = None
) -> Mapping[str, Baseline]:
    """The baselines by name, in the order given, each having answered a drawn picture once.

    Raises as `Baseline.from_predictor`. The last ones are kept, so that a worker process loads them once.
    """
    baselines = {name: BASELINES[name].from_predictor(predictor, threads) for name in names}
    for baseline in baselines.values():
        example = _warming(baseline.cues)
        baseline.segment(baseline.learn([example]), example.image)
    return baselines


def run_episode(
    predictor: Predictor,
    episode: Episode,
    root: Path,
    *,
    names: tuple[str, ...],
    threads: int | None,
    boxed: frozenset[str],
) -> list[Measured]:
    """The answers of all baselines; of those that take boxes only where the episode's id is in `boxed`.

    Raises EpisodeError and names the episode.
    """
    baselines = load_baselines(names, predictor, threads)
    cues: dict[CueKind, tuple[Example, ...]] = {}
    try:
        query = read_image(root / episode.query.image)
        truth = truth_of(episode.query, root, query)
        for kind in {p.cues for p in baselines.values()}:
            wanted = kind == "masks" or episode.id in boxed
            cues[kind] = read_cues(kind, episode, root, query, truth) if wanted else ()
    except CuecastError as error:
        raise EpisodeError(f"episode {episode.id}: {error}") from error
    return [
        _answer(name, baseline, episode, cues[baseline.cues], query, truth)
        for name, baseline in baselines.items()
        if cues[baseline.cues]
    ]


def read_cues(
    kind: CueKind, episode: Episode, root: Path, query: Image, truth: NDArray[np.int32]
) -> tuple[Example, ...]:
    """The cues of an episode: its masks, or the query with a box round each component of the truth (H, W).

    Empty where there is nothing to draw a box round.
    """
    if kind == "masks":
        return tuple(cue_of(shown, root).read() for shown in episode.cues)
    boxes = boxes_of(truth > 0)
    return (Example(query, Marks(query.size, boxes=boxes)),) if boxes else ()


def _answer(
    name: str,
    baseline: Baseline,
    episode: Episode,
    cues: Sequence[Example],
    query: Image,
    truth: NDArray[np.int32],
) -> Measured:
    try:
        mask, learned, answered = _timed(baseline, cues, query)
    except CuecastError as error:
        raise EpisodeError(f"episode {episode.id}, baseline {name}: {error}") from error
    return Measured(
        baseline=name,
        id=episode.id,
        set=episode.set,
        task=episode.task,
        shots=len(cues),
        iou=iou(mask, truth > 0, truth == IGNORE),
        dice=dice(mask, truth > 0, truth == IGNORE),
        learn_seconds=learned,
        seconds=answered,
    )


def _timed(
    baseline: Baseline, examples: Sequence[Example], query: Image
) -> tuple[NDArray[np.bool_], float, float]:
    """(mask, seconds to learn, seconds to answer)."""
    started = time.perf_counter()
    knowledge = baseline.learn(examples)
    learned = time.perf_counter()
    mask = baseline.segment(knowledge, query)
    return mask, learned - started, time.perf_counter() - learned


def _warming(cues: CueKind) -> Example:
    """A red square on blue, with a cue of that kind."""
    pixels = np.full((64, 64, 3), (30, 30, 200), np.uint8)
    pixels[16:48, 16:48] = (200, 30, 30)
    truth = pixels[..., 0] > 100
    image = Image(pixels)
    if cues == "masks":
        return Example(image, Marks(image.size, mask=truth.astype(np.int32)))
    return Example(image, Marks(image.size, boxes=boxes_of(truth)))


def _first_asked(episodes: Sequence[Episode]) -> frozenset[str]:
    """The ids of the episodes that are the first to ask their query."""
    first: dict[tuple[str, str, EpisodeImage], str] = {}
    for e in episodes:
        first.setdefault((e.set, e.task, e.query), e.id)
    return frozenset(first.values())
