"""Whether it pays to mark what `cuecast suggest` names: mean IoU against the number of marked images.

    python benchmarks/suggest.py EPISODES [--root DIR] [--pack general] [--sets NAME ...] [--pool 16] [--held 6]
                                 [--marks 1 2 4 8] [--seeds 5] [--workers 1] [-o RESULT.json]

For each set of an episode list that is large enough, the pictures of its first task are divided by seed into a pool and
held-out ones. One picture of the pool is marked at random. Up to each number of --marks, as many more are marked as are
missing: those that `suggest` names of the rest when it is asked for so many at once (where it names fewer, the first of
the rest), or random ones. After each, the concept of the marked ones is asked for all others. Two figures: 'rest', the
mean IoU on what is left of the pool (it gains where hard pictures are taken out of it), and 'held', that on the held-
out pictures, which are the same for both ways. RESULT.json is kept after each set and seed: a run that was stopped goes
on. It is tabled by docs/generate_benchmarks.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from records import finished, keep, made_with

import cuecast
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Example
from cuecast.cue_quality.suggest import choose
from cuecast.engine.descriptor import describe
from cuecast.engine.encoder import kept_maps
from cuecast.engine.matching import MatchingSegmenter
from cuecast.evaluation.episodes import Episode, EpisodeImage, find_root, read_episodes, select
from cuecast.evaluation.evaluate import cue_of
from cuecast.evaluation.processes import one_by_one

KIND = "suggest"
WAYS = ("suggested", "random")
CACHE = 4 * 2**30
"""Bytes of feature maps that a process keeps: each picture is asked many times."""


def main() -> int:
    """Run what is missing, and print the curves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("episodes", type=Path)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--sets", nargs="+", default=[])
    parser.add_argument("--pool", type=int, default=16)
    parser.add_argument("--held", type=int, default=6)
    parser.add_argument("--marks", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.marks != sorted({1, *options.marks}):
        parser.error("--marks must begin with 1 and ascend")
    episodes = select(read_episodes(options.episodes), options.sets)
    root = options.root or find_root(options.episodes, episodes)
    predictor = cuecast.load(options.pack, threads=options.threads)
    how = made_with(
        KIND,
        predictor,
        episodes,
        pool=options.pool,
        held=options.held,
        marks=options.marks,
        sets=options.sets,
    )
    runs = finished(options.output, how, "runs")
    pictures = {
        name: shown
        for name, shown in pictures_of(episodes).items()
        if min(options.pool, len(shown) * 2 // 3) > options.marks[-1]
    }
    done = {(r["set"], r["seed"]) for r in runs}
    # The first seed of every set, then the second, ...: a run that is stopped early has seen all sets.
    jobs = [(name, seed) for seed in range(options.seeds) for name in pictures if (name, seed) not in done]
    job = partial(compare, pictures=pictures, options=options)
    how_many = {"workers": options.workers, "threads": options.threads}
    for run in one_by_one(predictor, jobs, root, job, **how_many):
        runs.append(run)
        keep(options.output, how, "runs", runs, {"means": means(runs)})
    print(json.dumps(means(runs), indent=1))
    return 0


def pictures_of(episodes: Sequence[Episode]) -> dict[str, list[EpisodeImage]]:
    """Set -> the pictures of its first task that hold the thing, by name."""
    tasks: dict[str, str] = {}
    found: dict[str, dict[str, EpisodeImage]] = defaultdict(dict)
    for episode in episodes:
        if tasks.setdefault(episode.set, episode.task) == episode.task:
            found[episode.set] |= {s.image: s for s in (*episode.cues, episode.query) if s.mask}
    return {name: [shown[k] for k in sorted(shown)] for name, shown in found.items()}


def compare(
    predictor: cuecast.Predictor,
    job: tuple[str, int],
    root: Path,
    *,
    pictures: Mapping[str, Sequence[EpisodeImage]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Of a set and seed, {way: {'rest': [...], 'held': [...]}}: mean IoU at each number of marks."""
    started = time.perf_counter()
    name, seed = job
    predictor = remembering(predictor)
    random = np.random.default_rng(seed)
    order = random.permutation(len(pictures[name]))
    size = min(options.pool, len(order) * 2 // 3)
    taken = [cue_of(pictures[name][i], root).read() for i in order[: size + options.held]]
    pool, held = taken[:size], taken[size:]
    looks = np.stack([describe(e.image.pixels) for e in pool])
    picked = [0, *np.random.default_rng((seed, 1)).permutation(np.arange(1, size)).tolist()]
    curves: dict[str, Any] = {}
    for way in WAYS:
        marked: list[int] = [0]
        figures: dict[str, list[float]] = {"rest": [], "held": []}
        for count, following in zip(options.marks, [*options.marks[1:], options.marks[-1]], strict=True):
            concept = predictor.learn([pool[i] for i in marked])
            rest = [i for i in range(size) if i not in marked]
            answers = [answer(concept, pool[i]) for i in rest]
            figures["rest"].append(round(fmean(a[0] for a in answers), 4))
            if held:
                figures["held"].append(round(fmean(answer(concept, e)[0] for e in held), 4))
            if way == "random":
                marked = picked[:following]
            else:
                confidence = np.array([a[1] for a in answers], np.float32)
                named = choose(confidence, looks[rest], looks[marked], following - count)
                # Where the rest looks like what is marked, nothing more is named.
                chosen = [rest[k] for k in named]
                chosen += [i for i in rest if i not in chosen][: following - count - len(chosen)]
                marked = [*marked, *chosen]
        curves[way] = figures
    return {"set": name, "seed": seed, "seconds": round(time.perf_counter() - started, 1), **curves}


def remembering(predictor: cuecast.Predictor) -> cuecast.Predictor:
    """The predictor with room for all feature maps of a set: only speed depends on it."""
    segmenter = predictor.segmenter
    if not isinstance(segmenter, MatchingSegmenter):
        return predictor
    viewer = replace(segmenter.viewer, cache=kept_maps(CACHE))
    return replace(predictor, segmenter=replace(segmenter, viewer=viewer))


def answer(concept: cuecast.Concept, example: Example) -> tuple[float, float]:
    """(IoU, confidence) on a picture whose mask is known."""
    truth = example.marks.mask
    assert truth is not None
    prediction = concept.segment(example.image)
    return iou(prediction.mask > 0, truth > 0, truth == IGNORE), prediction.confidence


def means(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over the sets of the means over their seeds, by way and figure, at each number of marks."""
    out: dict[str, Any] = {"sets": len({r["set"] for r in runs}), "runs": len(runs)}
    for way in WAYS:
        out[way] = {}
        for figure in ("rest", "held"):
            sets = defaultdict(list)
            for r in runs:
                if r[way][figure]:
                    sets[r["set"]].append(r[way][figure])
            length = min((len(c) for curves in sets.values() for c in curves), default=0)
            by_set = [[fmean(c[k] for c in curves) for k in range(length)] for curves in sets.values()]
            out[way][figure] = [round(fmean(s[k] for s in by_set), 4) for k in range(length)]
    return out


if __name__ == "__main__":
    sys.exit(main())
