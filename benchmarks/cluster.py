"""`cuecast segment --cluster` on a real Ray cluster of this machine: a killed node, speed, overhead, memory.

    python benchmarks/cluster.py [--parts kill speed overhead memory] [--scale 1.0] [-o RESULT.json]

The cluster is a head without cores and two nodes of one core each, all on this machine (extra `cluster`). Each part is
small pictures of discs, made here:

kill      2,000 with the pack `colours`; when half are in the manifest, SIGKILL to a node and all of its processes. Are
          all done, with the bytes of a run without the cluster, and was none of those in the manifest done again?
speed     1 against 2 workers, in turn, of items that only wait a fifth of a second: what the pool itself loses, also
          where other programs have the cores.
overhead  240 with the pack `general`, plain one and two at a time (`--workers`) and on one and two workers of the
          cluster, in turn: seconds of the processor of driver and workers for each picture more, and by the clock,
          which says something on a machine alone that does nothing else. What a start costs is in neither.
memory    2,000 and 20,000 with the pack `colours`: how large the driver gets.

--scale makes all numbers smaller, to try it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cluster_work import nap
from ray_nodes import Nodes, nodes, raylet

from cuecast.cluster.pool import connected, on_cluster
from cuecast.core.cluster import Cluster
from cuecast.evaluation.bench import machine
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.files import write_text
from cuecast.results.manifest import index_manifest, read_manifest

KIND = "cluster"
TURNS = 2
PARTS = ("kill", "speed", "overhead", "memory")


def main() -> int:
    """Measure, print, and write the result after each part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("-o", "--output", type=Path)
    chosen = parser.parse_args()
    measure: dict[str, Callable[[Nodes, Path, float], dict[str, Any]]] = {
        "kill": kill, "speed": speed, "overhead": overhead, "memory": memory
    }  # fmt: skip
    result: dict[str, Any] = {"kind": KIND, "machine": machine(), "commit": source_commit()}
    if chosen.output and chosen.output.exists():
        result = json.loads(chosen.output.read_text(encoding="utf-8")) | result
    with nodes(2) as cluster:
        for part in sorted(chosen.parts, key=lambda part: part == "kill"):  # after that a node is missing
            with tempfile.TemporaryDirectory() as folder:
                result[part] = measure[part](cluster, Path(folder), chosen.scale) | {"scale": chosen.scale}
            print(part, json.dumps(result[part]), flush=True)
            if chosen.output:
                write_text(chosen.output, json.dumps(result, indent=1) + "\n")
    return 0


def make(folder: Path, count: int, side: int) -> None:
    """in/ with `count` pictures of red discs on blue, a cue and its mask."""
    (folder / "in").mkdir()
    y, x = np.mgrid[0:side, 0:side]
    for number in range(count + 1):
        random = np.random.default_rng(number)
        cx, cy, radius = random.uniform(0.2, 0.8) * side, random.uniform(0.2, 0.8) * side, 0.15 * side
        disc = (x - cx) ** 2 + (y - cy) ** 2 <= radius**2
        pixels = np.where(disc[..., None], (200, 30, 30), (30, 30, 200)) + random.integers(
            0, 9, (side, side, 3)
        )
        name = "cue.png" if number == 0 else f"in/p{number:05d}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
        if number == 0:
            Image.fromarray(disc.astype(np.uint8)).save(folder / "mask.png")


def start(folder: Path, out: str, pack: str, *more: str, images: str = "in") -> subprocess.Popen[bytes]:
    """`cuecast segment` over in/ with only masks and manifest, of the pictures in in/ or a list."""
    command = [
        sys.executable,
        "-m",
        "cuecast",
        "segment",
        images,
        "-c",
        "cue.png=mask.png",
        "-q",
        "-f",
        "none",
    ]
    command += ["--pack", pack, "-o", out, *more]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)


def finish(process: subprocess.Popen[bytes]) -> Any:
    """What the process used, when it has ended well."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with exit code {process.returncode}")
    return usage


def on(cluster: Nodes, workers: int) -> tuple[str, ...]:
    return "--cluster", cluster.address, "--workers", str(workers)


def contents(out: Path) -> dict[str, bytes]:
    """Every file; the manifest without the seconds, which are each run's own."""
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    lines = [replace(e, seconds=None).line() for e in read_manifest(out / "manifest.jsonl")]
    return files | {"manifest.jsonl": "\n".join(lines).encode()}


def kill(cluster: Nodes, folder: Path, scale: float) -> dict[str, Any]:
    """A node killed in the middle."""
    count = int(2000 * scale)
    make(folder, count, 32)
    finish(start(folder, "whole", "colours"))
    process = start(folder, "out", "colours", *on(cluster, 2))
    manifest = folder / "out" / "manifest.jsonl"
    while len(noted := index_manifest(manifest)) < count // 2:
        if process.poll() is not None:
            raise SystemExit("it ended too early")
        time.sleep(0.05)
    masks = {name: folder / "out" / "masks" / f"{name}.png" for name in noted}
    before = {name: path.stat().st_mtime_ns for name, path in masks.items()}
    cluster.kill(cluster.nodes[1])
    finish(process)
    again = sum(masks[name].stat().st_mtime_ns != written for name, written in before.items())
    done = sum(e.error is None for e in read_manifest(manifest))
    same = contents(folder / "out") == contents(folder / "whole")
    return {
        "pictures": count,
        "in_manifest": len(noted),
        "done": done,
        "same_bytes": same,
        "done_again": again,
    }


def speed(cluster: Nodes, _: Path, scale: float) -> dict[str, Any]:
    """One against two workers, of items that wait."""
    items = range(max(64, int(320 * scale)))

    def rate(workers: int) -> float:
        """Items a second, after the block that came when all workers had given something."""
        begun: set[int] = set()
        times: list[float] = []
        for _, process in on_cluster(nap, items, Cluster(cluster.address, workers)):
            begun.add(process)
            if len(begun) == workers:
                times.append(time.perf_counter())
        return sum(t - times[0] > 0.05 for t in times) / (times[-1] - times[0])

    with connected(Cluster(cluster.address)):
        rates = [(rate(1), rate(2)) for _ in range(2)]
    return {"items": len(items), "a_second": rates, "speed_up": [share(two, one) for one, two in rates]}


def pace(cluster: Nodes, folder: Path, count: int, out: str, more: tuple[str, ...]) -> dict[str, float]:
    """What a picture more costs, in seconds, of a run with these options.

    clock  from when a quarter are in the manifest until the last that is seen there. Pictures come in blocks, so
           both are moments at which some have just come: none is half done and counted, or done and not counted.
    driver, workers  of the processor.
    """
    import psutil

    process = start(folder, out, "general", *more)
    driver, manifest = psutil.Process(process.pid), folder / out / "manifest.jsonl"
    theirs: dict[int, float] = {}  # one that has nothing left to do ends before the others

    def used() -> tuple[float, float, float]:
        """Clock, seconds of the driver, and of the workers."""
        for worker in (p for node in cluster.nodes for p in raylet(node).children()):
            if worker.name().startswith("ray::"):
                theirs[worker.pid] = seconds(worker)
        return time.perf_counter(), seconds(driver), sum(theirs.values())

    def seconds(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    came: dict[int, tuple[float, float, float]] = {}
    while process.poll() is None:
        noted = len(index_manifest(manifest))
        if noted >= count // 4 and noted not in came:
            with suppress(psutil.NoSuchProcess):  # it ended meanwhile
                came[noted] = used()
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with exit code {process.returncode}")
    if len(came) < 2:
        raise SystemExit("it was too fast to be measured: give more pictures")
    first, last = min(came), max(came)
    names = ("clock", "driver", "workers")
    return {
        name: round((b - a) / (last - first), 4)
        for name, a, b in zip(names, came[first], came[last], strict=True)
    }


def overhead(cluster: Nodes, folder: Path, scale: float) -> dict[str, Any]:
    """Plain runs, one picture and two at a time, against one and two workers of the cluster, in turn."""
    count, turns = max(32, int(240 * scale)), []
    make(folder, count, 256)
    kinds = {
        "plain": ("--threads", "1"),
        "plain_two": ("--threads", "1", "--workers", "2"),
        "one": on(cluster, 1),
        "two": on(cluster, 2),
    }
    for turn in range(TURNS):
        turns.append(
            {name: pace(cluster, folder, count, f"{name}-{turn}", more) for name, more in kinds.items()}
        )
        print(json.dumps(turns[-1]), file=sys.stderr, flush=True)
    extra = [
        {
            "driver": share(t["one"]["driver"], t["plain"]["driver"]),
            "driver_and_worker": share(t["one"]["driver"] + t["one"]["workers"], t["plain"]["driver"]),
            "clock_of_one": share(t["one"]["clock"], t["plain"]["clock"]),
            "clock_of_two": share(t["two"]["clock"], t["plain_two"]["clock"]),
            "speed_up": share(t["one"]["clock"], t["two"]["clock"]),
        }
        for t in turns
    ]
    return {"pictures": count, "turns": turns, "of_a_plain_run": extra}


def share(part: float, whole: float) -> float:
    return round(part / whole, 3)


def memory(cluster: Nodes, folder: Path, scale: float) -> dict[str, Any]:
    """How large the driver is at most, over a tenth of the pictures and over all."""
    count = int(20000 * scale)
    make(folder, count, 32)
    names = [f"in/p{number:05d}.png" for number in range(1, count + 1)]
    peaks = {}
    for taken in (count // 10, count):
        (folder / "list.txt").write_text("\n".join(names[:taken]) + "\n")
        begun = time.perf_counter()
        process = start(folder, f"out-{taken}", "colours", *on(cluster, 2), images="@list.txt")
        peak = 0
        import psutil

        driver = psutil.Process(process.pid)
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                peak = max(peak, driver.memory_info().rss)
            time.sleep(0.1)
        if process.returncode:
            raise SystemExit(f"it ended with exit code {process.returncode}")
        peaks[str(taken)] = {"MB": round(peak / 1e6), "seconds": round(time.perf_counter() - begun)}
    return {"driver": peaks}


if __name__ == "__main__":
    sys.exit(main())
