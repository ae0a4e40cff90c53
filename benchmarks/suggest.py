"""Whether it pays to mark what `cuecast suggest` names: mean IoU against the number of marked images.

    python benchmarks/suggest.py EPISODES -o OUT [--root DIR] [--pack general] [--sets NAME ...] [--pool 24] [--held 12]
                                 [--marks 8] [--seeds 5] [--threads N]

For each set of an episode list, the pictures of its first task are divided by seed into a pool and held-out ones. One
picture of the pool is marked at random. Then, one at a time up to --marks, the next is marked: that which the choice
of `suggest` names, or a random one. After each, the concept of the marked ones is asked for all others. Two figures:
'rest', the mean IoU on what is left of the pool (it gains where hard pictures are taken out of it), and 'held', that on
the held-out pictures, which are the same for both ways. OUT gets suggest.json and, with matplotlib, suggest.png. A run
that was stopped goes on after the last set and seed that was finished.

Cost: sets x seeds x 2 ways x --marks rounds, each of one learning and at most pool + held answers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import cuecast
from cuecast.descriptor import describe
from cuecast.evaluate import cue_of, source_commit
from cuecast.io.episodes import Episode, Shown, find_root, read_episodes, select
from cuecast.io.files import write_text
from cuecast.metrics import iou
from cuecast.suggest import choose
from cuecast.types import IGNORE, Example

WAYS = ("suggested", "random")


def main() -> int:
    """Run what is missing, and write curves and picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("episodes", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--sets", nargs="+", default=[])
    parser.add_argument("--pool", type=int, default=24)
    parser.add_argument("--held", type=int, default=12)
    parser.add_argument("--marks", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    episodes = select(read_episodes(options.episodes), options.sets)
    root = options.root or find_root(options.episodes, episodes)
    predictor = cuecast.load(options.pack, threads=options.threads)
    how = {
        "pack": predictor.pack.name,
        "pack_digest": predictor.pack.digest,
        "pool": options.pool,
        "held": options.held,
        "marks": options.marks,
    }
    target = options.output / "suggest.json"
    runs = finished(target, how)
    for name, pictures in pictures_of(episodes).items():
        for seed in range(options.seeds):
            if any((r["set"], r["seed"]) == (name, seed) for r in runs):
                continue
            started = time.perf_counter()
            curves = compare(predictor, pictures, root, options, seed)
            seconds = round(time.perf_counter() - started, 1)
            runs.append({"set": name, "seed": seed, "seconds": seconds, **curves})
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
            record = {**how, "commit": source_commit(), "means": means(runs), "runs": runs}
            write_text(target, json.dumps(record, indent=1) + "\n")
    print(json.dumps(means(runs), indent=1))
    draw(means(runs), options.output / "suggest.png", options.pack)
    return 0


def finished(target: Path, how: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that an earlier call has made in the same way."""
    if not target.exists():
        return []
    record = json.loads(target.read_text(encoding="utf-8"))
    if any(record[k] != v for k, v in how.items()):
        raise SystemExit(f"{target}: it was made in another way; choose another -o, or delete it")
    runs: list[dict[str, Any]] = record["runs"]
    return runs


def pictures_of(episodes: Sequence[Episode]) -> dict[str, list[Shown]]:
    """Set -> the pictures of its first task that hold the thing, by name."""
    tasks: dict[str, str] = {}
    found: dict[str, dict[str, Shown]] = defaultdict(dict)
    for episode in episodes:
        if tasks.setdefault(episode.set, episode.task) == episode.task:
            found[episode.set] |= {s.image: s for s in (*episode.cues, episode.query) if s.mask}
    return {name: [shown[k] for k in sorted(shown)] for name, shown in found.items()}


def compare(
    predictor: cuecast.Predictor,
    pictures: Sequence[Shown],
    root: Path,
    options: argparse.Namespace,
    seed: int,
) -> dict[str, Any]:
    """{way: {'rest': [...], 'held': [...]}}: mean IoU after 1, 2, ... marks."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(pictures))
    size = min(options.pool, len(pictures) * 2 // 3)
    taken = [cue_of(pictures[i], root).read() for i in order[: size + options.held]]
    pool, held = taken[:size], taken[size:]
    looks = np.stack([describe(e.image.pixels) for e in pool])
    curves: dict[str, Any] = {}
    for way in WAYS:
        marked, picked = [0], np.random.default_rng((seed, 1)).permutation(np.arange(1, size)).tolist()
        figures: dict[str, list[float]] = {"rest": [], "held": []}
        for count in range(1, min(options.marks, size - 1) + 1):
            concept = predictor.learn([pool[i] for i in marked])
            rest = [i for i in range(size) if i not in marked]
            answers = [answer(concept, pool[i]) for i in rest]
            figures["rest"].append(round(fmean(a[0] for a in answers), 4))
            if held:
                figures["held"].append(round(fmean(answer(concept, e)[0] for e in held), 4))
            if way == "random":
                marked = [*marked, picked[count - 1]]
            else:
                confidence = np.array([a[1] for a in answers], np.float32)
                named = choose(confidence, looks[rest], looks[marked], 1)
                marked = [*marked, rest[named[0]] if named else rest[0]]
        curves[way] = figures
    return curves


def answer(concept: cuecast.Concept, example: Example) -> tuple[float, float]:
    """(IoU, confidence) on a picture whose mask is known."""
    truth = example.marks.mask
    assert truth is not None
    prediction = concept.segment(example.image)
    return iou(prediction.mask > 0, truth > 0, truth == IGNORE), prediction.confidence


def means(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over the sets of the means over their seeds, by way and figure, after 1, 2, ... marks."""
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


def draw(found: Mapping[str, Any], picture: Path, pack: str) -> None:
    """The curves as PNG; without matplotlib there is none."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        print("no picture: matplotlib is missing (it is in the extra 'bench')", file=sys.stderr)
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    titles = {"rest": "the rest of the pool", "held": "held-out pictures"}
    for ax, (which, title) in zip(axes, titles.items(), strict=True):
        for way in WAYS:
            values = found[way][which]
            ax.plot(range(1, len(values) + 1), values, marker="o", label=way)
        ax.set(title=f"{title}, {found['sets']} sets, {found['runs']} runs", xlabel="marked images")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(f"mean IoU, pack {pack}")
    axes[0].legend()
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
