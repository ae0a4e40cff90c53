"""How often `cues check` finds a bad cue that was planted among good ones, and how often it complains of good ones.

    python benchmarks/cue_check.py EPISODES [--root DIR] [--pack general] [--trials 300] [--sets NAME ...] \
        [--workers 1] [-o RESULT.json]

A trial takes the cues of an episode with five cues. In three trials of four, one of them gets a bad mask: shifted by
a quarter of the image, inverted, or that of another thing (of another task on the same picture, where the list has
one, else of the query's picture); the fourth is left clean. 'found': the planted cue is flagged; 'where predicted':
the same where the others reach an IoU of 0.5 on that cue's good mask, in the clean trial. 'false alarm': a cue of a
clean trial is flagged; 'beside': a good cue is flagged in a trial with a bad one. Episodes are taken in turn from all
sets, what is drawn is drawn by --seed. RESULT.json is kept after each trial: a run that was stopped goes on after the
last one. It is tabled by docs/generate_benchmarks.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from records import finished, keep, made_with

import cuecast
from cuecast.cue_quality.check import check_cues
from cuecast.evaluation.episodes import Episode, find_root, read_episodes, select
from cuecast.evaluation.processes import one_by_one
from cuecast.training.planting import FAULTS, read_single, spoil

KIND = "cue-check"
KINDS = ("clean", *FAULTS)
PREDICTED = 0.5
"""IoU that the other cues reach on a cue's good mask from which its fault can be expected to be seen."""


def main() -> int:
    """Run the trials and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("episodes", type=Path)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--sets", nargs="+", default=[])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    listed = read_episodes(options.episodes)
    chosen = in_turn(select(listed, options.sets, shots=[5]))
    root = options.root or find_root(options.episodes, chosen)
    predictor = cuecast.load(options.pack, threads=options.threads)
    how = made_with(KIND, predictor, chosen, seed=options.seed, sets=options.sets)
    records = finished(options.output, how, "trials")
    job = partial(trial, chosen=chosen, listed=listed, seed=options.seed)
    numbers = range(len(records), options.trials)
    how_many = {"workers": options.workers, "threads": options.threads}
    for record in one_by_one(predictor, numbers, root, job, **how_many):
        records.append(record)
        keep(options.output, how, "trials", records, summed(records))
    print(json.dumps(summed(records), indent=1))
    return 0


def in_turn(episodes: Sequence[Episode]) -> list[Episode]:
    """The first episode of each set, then the second, ..."""
    sets = defaultdict(list)
    for episode in episodes:
        sets[episode.set].append(episode)
    return [e for e in chain.from_iterable(zip_longest(*sets.values())) if e is not None]


def trial(
    predictor: cuecast.Predictor,
    number: int,
    root: Path,
    *,
    chosen: Sequence[Episode],
    listed: Sequence[Episode],
    seed: int,
) -> dict[str, Any]:
    """One check of five cues, one of them spoilt where the kind says so."""
    started = time.perf_counter()
    episode, kind = chosen[number // len(KINDS) % len(chosen)], KINDS[number % len(KINDS)]
    examples = [read_single(c, root) for c in episode.cues]
    planted = int(np.random.default_rng((seed, number)).integers(len(examples)))
    if kind != "clean":
        examples[planted] = spoil(examples[planted], episode.cues[planted], kind, episode, root, listed)
    found = check_cues(predictor, examples, [episode.task])
    flags = {f.number - 1: f.kind for f in found.flags}
    return {
        "set": episode.set,
        "kind": kind,
        "planted": None if kind == "clean" else planted,
        "flags": {str(k): v for k, v in flags.items()},
        "agreements": [
            [a.number - 1, *(v and round(v, 3) for v in (a.own, a.others, a.outline, a.doubt))]
            for a in found.agreements
        ],
        "ious": [None if s.iou is None else round(s.iou, 3) for s in found.scores],
        "seconds": round(time.perf_counter() - started, 2),
    }


def summed(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shares in [0, 1] over the trials."""
    count, found, beside, clean, predicted = Counter(), Counter(), Counter(), [], []
    for r in records:
        flagged = set(r["flags"])
        if r["kind"] == "clean":
            clean = r["ious"]  # the three that follow spoil one of the same cues
        elif clean and (clean[r["planted"]] or 0) >= PREDICTED:
            predicted.append(str(r["planted"]) in flagged)
        good = flagged - {str(r["planted"])}
        count[r["kind"]] += 1
        found[r["kind"]] += str(r["planted"]) in flagged
        beside[r["kind"]] += bool(good)
    bad = [k for k in KINDS[1:] if count[k]]
    total = sum(count[k] for k in bad)
    return {
        "found": sum(found[k] for k in bad) / total if total else None,
        "found_by_kind": {k: found[k] / count[k] for k in bad},
        "found_where_predicted": {
            "trials": len(predicted),
            "share": sum(predicted) / len(predicted) if predicted else None,
        },
        "false_alarms": beside["clean"] / count["clean"] if count["clean"] else None,
        "beside": sum(beside[k] for k in bad) / total if total else None,
        "counts": dict(count),
    }


if __name__ == "__main__":
    sys.exit(main())
