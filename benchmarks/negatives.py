"""Whether showing where the thing is not lowers false finds: 'absent' cues, and class-0 points on a false find.

    python benchmarks/negatives.py ABSENT.jsonl PRESENT.jsonl [--root DIR] [--pack general] [--queries 60] [--seed 0]
                                   [-o RESULT.json]

ABSENT.jsonl lists cues of a thing and queries without it, as `cuecast episodes --absent` makes them; PRESENT.jsonl
has queries that hold it. From the first, --queries episodes are taken whose query is of the cues' set, and as many of
foreign sets, in turn from all sets. Each is answered

    alone     by its cues alone,
    absent 1  with one other image of ABSENT.jsonl that does not hold the thing shown as 'absent',
    absent 2  with two of them,
    points    with up to 5 class-0 points, put one after the other into the middle of what `alone` marks on the first
              of these two where it marks anything; where it marks nothing on either there is nothing to correct.

The other images are never the query. For the same set, they are other queries of the same task; for a foreign set,
other queries of that foreign set, and of the task where the list has too few. Episodes without two of them are left
out. As a control each concept also answers a query of PRESENT.jsonl of the same task that holds the thing. RESULT.json
is kept after each episode, so that a run that was stopped goes on; it is tabled by docs/generate_benchmarks.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from records import finished, keep, made_with

import cuecast
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Point
from cuecast.engine.decision import best_class
from cuecast.evaluation.episodes import Episode, EpisodeImage, find_root, read_episodes
from cuecast.evaluation.evaluate import cue_of, truth_of
from cuecast.evaluation.interactive import next_click
from cuecast.io.images import read_image

KIND = "negatives"
WHERE = ("same set", "foreign set")
WAYS = ("alone", "absent 1", "absent 2", "points")
POINTS = 5


class Case(NamedTuple):
    """An episode without the thing, images without it to learn from, and a query that holds it."""

    where: str
    episode: Episode
    others: tuple[str, ...]
    present: EpisodeImage


def main() -> int:
    """Run what is missing, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("absent", type=Path)
    parser.add_argument("present", type=Path)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    listed = read_episodes(options.absent)
    root = options.root or find_root(options.absent, listed)
    predictor = cuecast.load(options.pack, threads=options.threads)
    how = made_with(KIND, predictor, listed, seed=options.seed)
    records = finished(options.output, how, "episodes")
    done = {r["id"] for r in records}
    for case in cases(listed, read_episodes(options.present), options.queries, options.seed):
        if case.episode.id in done:
            continue
        started = time.perf_counter()
        records.append(
            {**run_case(predictor, case, root), "seconds": round(time.perf_counter() - started, 2)}
        )
        keep(options.output, how, "episodes", records, summarise(records))
    print(json.dumps(summarise(records), indent=1))
    return 0


def cases(absent: Sequence[Episode], present: Sequence[Episode], queries: int, seed: int) -> list[Case]:
    """At most `queries` cases of the same set and as many of foreign sets, by turns, evenly over the sets."""
    chosen: dict[str, list[Case]] = {where: [] for where in WHERE}
    random = np.random.default_rng(seed)
    for where, found in chosen.items():
        for episode in _in_turn([e for e in absent if _where(e) == where], random):
            others = _others(episode, absent, random)
            holding = _holding(episode, present, random)
            if len(others) == 2 and holding and len(found) < queries:
                found.append(Case(where, episode, others, holding))
    return [c for c in chain.from_iterable(zip_longest(*chosen.values())) if c is not None]


def _where(episode: Episode) -> str:
    return WHERE["foreign" in episode.id.split("/")]


def _in_turn(episodes: Sequence[Episode], random: np.random.Generator) -> Iterator[Episode]:
    """One episode of each set, drawn at random, then another of each, ..."""
    sets = defaultdict(list)
    for i in random.permutation(len(episodes)):
        sets[episodes[i].set].append(episodes[i])
    return (e for e in chain.from_iterable(zip_longest(*(sets[s] for s in sorted(sets)))) if e is not None)


def _others(episode: Episode, absent: Sequence[Episode], random: np.random.Generator) -> tuple[str, ...]:
    """Two images, or fewer where there are no more, that do not hold the thing and are not the query."""
    own, shown = episode.query.image, _set_of(episode.query)
    alike = [e for e in absent if _where(e) == _where(episode) and e.query.image != own]
    task = {e.query.image for e in alike if (e.set, e.task) == (episode.set, episode.task)}
    near = {e.query.image for e in alike if _set_of(e.query) == shown and e.set != shown}
    first = near if _where(episode) == WHERE[1] else task
    pools = (sorted(first), sorted(task - first))
    return tuple(pool[i] for pool in pools for i in random.permutation(len(pool)))[:2]


def _holding(
    episode: Episode, present: Sequence[Episode], random: np.random.Generator
) -> EpisodeImage | None:
    """A query of the same task that holds the thing and is not among the cues."""
    cues = {c.image for c in episode.cues}
    same = [e.query for e in present if (e.set, e.task) == (episode.set, episode.task)]
    found = {q.image: q for q in same if q.mask and q.image not in cues}
    return found[sorted(found)[random.integers(len(found))]] if found else None


def _set_of(shown: EpisodeImage) -> str:
    return Path(shown.image).parts[0]


def run_case(predictor: cuecast.Predictor, case: Case, root: Path) -> dict[str, Any]:
    """What each way answers to the query without the thing and to the one with it."""
    cues = [cue_of(shown, root).read() for shown in case.episode.cues]
    others = [read_image(root / name) for name in case.others]
    empty = [cuecast.Cue(image, absent=True) for image in others]
    alone = predictor.learn(cues, classes=[case.episode.task])
    clicked = corrections(alone, others)
    added: dict[str, list[cuecast.Cue]] = {
        "alone": [],
        "absent 1": empty[:1],
        "absent 2": empty,
        "points": clicked,
    }
    answers = {}
    for way, more in added.items():
        concept = predictor.learn([*cues, *more], classes=[case.episode.task]) if more else alone
        answers[way] = answer(concept, case, root)
    return {
        "id": case.episode.id,
        "where": case.where,
        "set": case.episode.set,
        "cues": len(cues),
        "others": list(case.others),
        "points": sum(len(c.points) for c in clicked),
        "present": case.present.image,
        "answers": answers,
    }


def corrections(concept: cuecast.Concept, others: Sequence[cuecast.Image]) -> list[cuecast.Cue]:
    """Class-0 points on the first image where the concept marks anything; none where it marks nothing."""
    for image in others:
        marked = concept.segment(image).mask > 0
        nothing, points = np.zeros_like(marked), list[Point]()
        while len(points) < POINTS and (point := next_click(marked, nothing, made=points)):
            points.append(point)
        if points:
            return [cuecast.Cue(image, points=[(*p.xy, 0) for p in points])]
    return []


def answer(concept: cuecast.Concept, case: Case, root: Path) -> dict[str, Any]:
    """The verdict on the query without the thing, the shares of it that are marked, and the IoU where the thing is.

    `area` is what the answer marks, `scored` what its scores mark before the verdict empties the mask.
    """
    query = concept.segment(root / case.episode.query.image)
    # What is 255 in the query's own mask is neither the thing nor its absence.
    counts = truth_of(case.episode.query, root, query.image) != IGNORE
    scored = best_class(query.scores, [c.id for c in query.classes], query.thresholds) > 0
    image = read_image(root / case.present.image)
    holding = concept.segment(image)
    truth = truth_of(case.present, root, image)
    return {
        "verdict": query.verdict,
        "area": round(float((query.mask > 0)[counts].mean()), 5),
        "scored": round(float(scored[counts].mean()), 5),
        "iou": round(iou(holding.mask > 0, truth > 0, truth == IGNORE), 4),
        "lost": holding.verdict == "absent",
    }


def summarise(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each list and way: share called absent, marked area, and the IoU on queries with the thing.

    `newly` and `no_longer` count queries that are called absent where `alone` did not, and the other way round.
    """
    out: dict[str, Any] = {"sets": {}, "figures": {}}
    for where in WHERE:
        group = [r for r in records if r["where"] == where]
        if not group:
            continue
        out["sets"][where] = len({r["set"] for r in group})
        out["figures"][where] = {way: _figures(group, way) for way in WAYS}
    return out


def _figures(group: Sequence[Mapping[str, Any]], way: str) -> dict[str, Any]:
    answers = [r["answers"][way] for r in group]
    pairs = [
        (r["answers"]["alone"]["verdict"] == "absent", r["answers"][way]["verdict"] == "absent")
        for r in group
    ]
    return {
        "queries": len(group),
        "absent": round(fmean(now for _, now in pairs), 4),
        "newly": sum(now and not before for before, now in pairs),
        "no_longer": sum(before and not now for before, now in pairs),
        "area": round(fmean(a["area"] for a in answers), 5),
        "scored": round(fmean(a["scored"] for a in answers), 5),
        "iou": round(fmean(a["iou"] for a in answers), 4),
        "lost": round(fmean(a["lost"] for a in answers), 4),
        "corrected": sum(r["points"] > 0 for r in group),
    }


if __name__ == "__main__":
    sys.exit(main())
