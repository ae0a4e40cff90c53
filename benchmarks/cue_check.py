"""How often `cues check` finds a bad cue that was planted among good ones, and how often it complains of good ones.

    python benchmarks/cue_check.py EPISODES [--root DIR] [--pack general] [--trials 300] [--sets NAME ...] \
        [-o RESULT.json]

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
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from records import finished, keep

import cuecast
from cuecast.crossval.check import check_cues
from cuecast.evaluate import cue_of, truth_of
from cuecast.io.episodes import Episode, Shown, find_root, read_episodes, select
from cuecast.io.images import read_image
from cuecast.types import Example

KIND = "cue-check"
KINDS = ("clean", "shifted", "inverted", "other")
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
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    listed = read_episodes(options.episodes)
    chosen = in_turn(select(listed, options.sets, shots=[5]))
    root = options.root or find_root(options.episodes, chosen)
    predictor = cuecast.load(options.pack, threads=options.threads)
    how = {
        "kind": KIND,
        "pack": predictor.pack.name,
        "pack_digest": predictor.pack.digest,
        "seed": options.seed,
        "sets": options.sets,
    }
    records = finished(options.output, how, "trials")
    for number in range(len(records), options.trials):
        episode, kind = chosen[number // len(KINDS) % len(chosen)], KINDS[number % len(KINDS)]
        started = time.perf_counter()
        record = trial(predictor, episode, kind, root, listed, np.random.default_rng((options.seed, number)))
        records.append({**record, "seconds": round(time.perf_counter() - started, 2)})
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
    episode: Episode,
    kind: str,
    root: Path,
    listed: Sequence[Episode],
    random: np.random.Generator,
) -> dict[str, Any]:
    """One check of five cues, one of them spoilt where the kind says so."""
    examples = [single(cue_of(c, root).read()) for c in episode.cues]
    planted = int(random.integers(len(examples)))
    if kind != "clean":
        examples[planted] = spoilt(examples[planted], episode.cues[planted], kind, episode, root, listed)
    found = check_cues(predictor, examples, [episode.task])
    flags = {f.number - 1: f.kind for f in found.flags}
    return {
        "set": episode.set,
        "kind": kind,
        "planted": None if kind == "clean" else planted,
        "flags": {str(k): v for k, v in flags.items()},
        "agreements": [
            [a.number - 1, *(round(v, 3) for v in (a.own, a.others, a.gap))] for a in found.agreements
        ],
        "ious": [None if s.iou is None else round(s.iou, 3) for s in found.scores],
    }


def spoilt(
    example: Example, shown: Shown, kind: str, episode: Episode, root: Path, listed: Sequence[Episode]
) -> Example:
    """The cue with a bad mask."""
    mask, (H, W) = example.marks.mask, example.marks.size
    assert mask is not None
    if kind == "shifted":
        bad = np.roll(mask, (H // 4, W // 4), (0, 1))
    elif kind == "inverted":
        bad = np.where(mask < 0, mask, 1 - mask)
    else:
        bad = np.asarray(
            PILImage.fromarray(other_thing(example, shown, episode, root, listed)).resize((W, H), 0), np.int32
        )
    if not (bad > 0).any():
        bad = np.roll(mask, (H // 4, W // 4), (0, 1))
    return Example(example.image, replace(example.marks, mask=bad))


def other_thing(
    example: Example, shown: Shown, episode: Episode, root: Path, listed: Sequence[Episode]
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


def single(example: Example) -> Example:
    """The cue with all that it marks as class 1."""
    mask = example.marks.mask
    return Example(example.image, replace(example.marks, mask=None if mask is None else np.minimum(mask, 1)))


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
