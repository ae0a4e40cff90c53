"""How long a job takes on a cluster whose machines differ and fail: a simulation, from measured seconds.

    python benchmarks/cluster_plan.py [--pictures 1000000] [--machines 50] [--workers 4] [--seed 0]
    python benchmarks/cluster_plan.py --tiles 67817
    python benchmarks/cluster_plan.py --measure 200 -o benchmarks/results/shards.json

Prints a table: for each number of shards how long all take, the hours of cores, how much longer that is than with equal
machines that never fail and shares of one size, and how often a shard was started again. Seconds are those of
benchmarks/results: a picture as the mean over the development sets with five cues, a tile by its pixels from the parts
of an answer.

What is simulated: names fall into shards by their hash, as in `cuecast.core.shards`; pictures take a lognormal time; a
machine works on one shard after the other; some machines are slower all the time; any may fail at any moment, and is
back after a while; its shard is then put at the end of the queue, and goes on where it was. What is lost are the
pictures under way and the time of a start.

--measure draws so many pictures, segments them with the exact pack in four shards, gathers them, and says what
gathering costs a picture, in seconds of the processor, and what lies on the disk.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.shards import shard_of

RESULTS = Path(__file__).parent / "results"
PART_PIXELS = 384 * 288
"""Pixels of the picture that `parts` are measured on."""
TILE = 512
HOUR = 3600.0


@dataclass(frozen=True)
class Cluster:
    """Machines that are not all alike.

    machines  how many; each does `workers` pictures at a time.
    start     seconds until a process has loaded the pack and learnt the cues.
    slow      the share of machines that take `slower` times as long.
    failures  how often a machine fails, in hours; 0: never.
    back      seconds until it can be used again.
    """

    machines: int
    workers: int = 4
    start: float = 30.0
    slow: float = 0.05
    slower: float = 3.0
    failures: float = 200.0
    back: float = 600.0

    @property
    def perfect(self) -> Cluster:
        """As many machines, all alike, that never fail."""
        return Cluster(self.machines, self.workers, self.start, slow=0, failures=0)


@dataclass(frozen=True)
class Simulated:
    """Seconds until all is done, seconds of cores that were used, and how often a shard was started again."""

    wall: float
    cores: float
    restarts: int


def shares(items: int, shards: int, seconds: float, spread: float, seed: int) -> list[float]:
    """Seconds of one core for each shard: `items` take `seconds` each on average, lognormal with this `spread`."""
    chance = random.Random(seed)
    found = [0.0] * shards
    for item in range(items):
        took = chance.lognormvariate(math.log(seconds) - spread**2 / 2, spread) if spread else seconds
        found[shard_of(f"{item:07d}", shards) - 1] += took
    return found


def simulate(work: Sequence[float], seconds: float, cluster: Cluster, seed: int) -> Simulated:
    """Shards of this much work, of items of `seconds`, on a cluster; equal seeds give equal results."""
    chance = random.Random(seed)
    slow = [chance.random() < cluster.slow for _ in range(cluster.machines)]
    waiting = [(w, False) for w in reversed(work)]
    free = [(0.0, machine) for machine in range(cluster.machines)]
    heapq.heapify(free)
    wall = used = 0.0
    restarts = 0
    while waiting:
        now, machine = heapq.heappop(free)
        left, again = waiting.pop()
        restarts += again
        speed = cluster.workers / (cluster.slower if slow[machine] else 1.0)
        needed = cluster.start + left / speed
        until = chance.expovariate(1 / (cluster.failures * HOUR)) if cluster.failures else math.inf
        end = now + min(needed, until)
        used += (end - now) * cluster.workers
        if until < needed:
            done = max(0.0, (until - cluster.start) * speed - cluster.workers * seconds / 2)
            waiting.insert(0, (left - done, True))
            end += cluster.back
        else:
            wall = max(wall, end)
        heapq.heappush(free, (end, machine))
    return Simulated(wall, used, restarts)


def picture_seconds() -> float:
    """Seconds of a core for a picture: the newest measurement of all development sets, five cues."""
    newest = max(RESULTS.glob("general-*.json"), key=lambda p: int(p.stem.rpartition("-")[2]))
    means = json.loads(newest.read_text(encoding="utf-8"))["means"]
    return float(next(m["seconds"] for m in means if m["set"] == "mean" and m["shots"] == 5))


def tile_seconds() -> float:
    """Seconds of a core for a tile of one class, in proportion to its pixels."""
    newest = max(RESULTS.glob("parts-*.json"), key=lambda p: int(p.stem.rpartition("-")[2]))
    segment = json.loads(newest.read_text(encoding="utf-8"))["one"]["segment"]
    return float(segment) * TILE**2 / PART_PIXELS


def measure(pictures: int, folder: Path) -> dict[str, Any]:
    """What gathering costs a picture of 384 x 288 with a few objects, and what its results weigh, by the exact pack."""
    import numpy as np
    from PIL import Image

    import cuecast
    from cuecast.evaluation.bench import machine
    from cuecast.runs.images import BatchOptions, run

    chance = np.random.default_rng(0)
    paths = []
    for number in range(pictures):
        pixels = chance.integers(0, 60, (288, 384, 3), dtype=np.uint8) + np.uint8(100)
        for x, y in chance.integers(0, 240, (5, 2)).tolist():
            pixels[y : y + 40, x : x + 40] = (200, 30, 30)
        paths.append(folder / f"{number:06d}.png")
        Image.fromarray(pixels).save(paths[-1])
    mask = (np.asarray(Image.open(paths[0]))[..., 1] == 30).astype(np.int32)
    concept = cuecast.load("colours").learn([cuecast.Cue(paths[0], mask=mask)], ["square"])
    out = folder / "out"
    for number in range(1, 5):
        run(concept, paths, out, BatchOptions(shard=cuecast.Shard(number, 4)))
    began = time.process_time()
    cuecast.gather(out)
    each = (time.process_time() - began) / pictures

    def weight(*names: str) -> int:
        files = [
            p for name in names for p in ((out / name).rglob("*") if (out / name).is_dir() else [out / name])
        ]
        return round(sum(p.stat().st_size for p in files) / pictures)

    return {
        "kind": "shards",
        "pictures": pictures,
        "machine": machine(),
        "gather_seconds": round(each, 5),
        "bytes": {
            "mask": weight("masks"),
            "overlay": weight("overlays"),
            "manifest": weight("manifest.jsonl"),
            "tables": weight("objects.csv", "annotations.coco.json"),
        },
    }


def table(items: int, seconds: float, cluster: Cluster, seed: int) -> str:
    """What becomes of the job with one shard a machine, and with more."""
    lines = [
        f"{items:,} things of {seconds:.2f} s: {items * seconds / HOUR:,.0f} hours of one core; "
        f"{cluster.machines} machines, {cluster.workers} at a time",
        "| shards | hours | hours of cores | longer than evenly shared | started again |",
        "| --- | --- | --- | --- | --- |",
    ]
    even = items * seconds / (cluster.machines * cluster.workers)
    for each in (1, 2, 4, 10, 20):
        count = each * cluster.machines
        work = shares(items, count, seconds, 0.5, seed)
        for kind in (cluster.perfect, cluster):
            found = simulate(work, seconds, kind, seed)
            name = f"{count}, all machines alike" if kind is not cluster else f"{count}"
            lines.append(
                f"| {name} | {found.wall / HOUR:.1f} | {found.cores / HOUR:,.0f} | {found.wall / even - 1:.0%} | "
                f"{found.restarts} |"
            )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, or measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--tiles", type=int, help="tiles of a map in place of pictures")
    parser.add_argument("--machines", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", type=int, metavar="N", help="measure gathering on N drawn pictures")
    parser.add_argument("-o", type=Path, metavar="RESULT.json")
    args = parser.parse_args(argv)
    if args.measure:
        with tempfile.TemporaryDirectory() as folder:
            text = json.dumps(measure(args.measure, Path(folder)), indent=1) + "\n"
        if args.o:
            args.o.write_text(text, encoding="utf-8")
        print(text, end="")
        return 0
    items, seconds = (args.tiles, tile_seconds()) if args.tiles else (args.pictures, picture_seconds())
    print(table(items, seconds, Cluster(args.machines, args.workers), args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
