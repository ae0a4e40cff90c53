"""A map larger than memory: peak memory, the same bytes with 1 and 2 workers, and a kill at half.

    python benchmarks/huge.py [--pack general] [--sides 10000 30000] [--data 0.05]

Makes a GeoTIFF of side x side pixels that is sparse on disk: squares of textured ground with bright discs lie on a
lattice and take the share --data of it, the rest is nodata. Runs `cuecast map` on it in a process of its own with one
worker and with two, and asks the system for the processes' peak resident memory; then once more, kills it when half of
the tiles are done, and starts it again. Exit code 1 says that a run took more than --limit, that results differ, or
that a finished tile was done again. With several --sides memory is compared between them, and 1 also says that the last
took more than a tenth more than the first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from memory import MB, picture
from PIL import Image
from rasterio import Affine
from rasterio.windows import Window

PATCH = 1000
"""Side of a square of data."""
SAME = ("mask.tif", "scores.tif", "objects.csv", "polygons.geojson")
"""Files whose bytes must not depend on how a run went."""


@dataclass(frozen=True)
class Run:
    """What a finished command came to: peak resident bytes, wall seconds, and its JSON."""

    peak: float
    seconds: float
    summary: dict[str, object]


def make(folder: Path, side: int, share: float, flat: bool) -> int:
    """ortho.tif, and cue.png with the mask of its first square; the number of squares."""
    squares = []
    for seed in range(4):
        pixels, mask = picture(seed, PATCH)
        if flat:
            pixels = np.where(mask[..., None] > 0, np.uint8((200, 30, 30)), np.uint8((30, 30, 200)))
        squares.append(np.maximum(pixels, 1))
        if seed == 0:
            Image.fromarray(mask[:512, :512] * 255).save(folder / "cue.png")
    lattice = max(PATCH, int(PATCH / share**0.5))
    profile = {
        "driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "nodata": 0, "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "SPARSE_OK": True, "BIGTIFF": "YES",
        "crs": "EPSG:32632", "transform": Affine(0.1, 0, 500000, 0, -0.1, 5300000), "photometric": "RGB",
    }  # fmt: skip
    places = [(y, x) for y in range(0, side, lattice) for x in range(0, side, lattice)]
    with rasterio.open(folder / "ortho.tif", "w", **profile) as out:
        for number, (y, x) in enumerate(places):
            h, w = min(PATCH, side - y), min(PATCH, side - x)
            part = np.moveaxis(squares[number % 4][:h, :w], -1, 0)
            out.write(part, window=Window(x, y, w, h))
    return len(places)


def start(folder: Path, out: str, pack: str, workers: int) -> subprocess.Popen[bytes]:
    """`cuecast map` with one window of the map as its cue."""
    command = [sys.executable, "-m", "cuecast", "map", "ortho.tif", "--cue-window", "0,0,512,512=cue.png"]
    command += ["-o", out, "--pack", pack, "--workers", str(workers), "--json", "-q"]
    with open(folder / f"{out}.json", "wb") as stream:
        return subprocess.Popen(command, cwd=folder, stdout=stream)


def finish(process: subprocess.Popen[bytes], folder: Path, out: str, started: float) -> Run:
    """Wait for a command. Its peak is the system's figure for that process alone."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    summary = json.loads((folder / f"{out}.json").read_text())
    return Run(usage.ru_maxrss * unit, time.perf_counter() - started, summary)


def measured(folder: Path, out: str, pack: str, workers: int) -> Run:
    started = time.perf_counter()
    return finish(start(folder, out, pack, workers), folder, out, started)


def killed(folder: Path, out: str, pack: str, tiles: int) -> tuple[int, Run]:
    """(finished tiles when it was killed, the run that went on from there)."""
    process = start(folder, out, pack, 1)
    manifest = folder / out / "manifest.jsonl"
    while process.poll() is None and lines(manifest) < tiles // 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = lines(manifest)
    return finished, measured(folder, out, pack, 1)


def lines(path: Path) -> int:
    """Whole lines of a file; 0 where it is not there."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in SAME}


def check(side: int, options: argparse.Namespace) -> tuple[float, bool]:
    """Make one map and measure it: (largest peak in MB, whether all is well)."""
    with tempfile.TemporaryDirectory(prefix="cuecast-huge-") as name:
        folder = Path(name)
        squares = make(folder, side, options.data, options.pack == "colours")
        size = (folder / "ortho.tif").stat().st_size
        print(
            f"{side} x {side}, {squares} squares of {PATCH}, {size / MB:.0f} MB on disk, pack {options.pack}"
        )
        peaks, well = [], True
        for workers in (1, 2):
            run = measured(folder, f"out{workers}", options.pack, workers)
            peaks.append(run.peak / MB)
            tiles = run.summary["tiles"]
            print(
                f"  {workers} at a time: peak {peaks[-1]:.0f} MB, {run.seconds:.0f} s, {run.summary['objects']} "
                f"objects, tiles {tiles}",
                flush=True,
            )
        same = digests(folder / "out1") == digests(folder / "out2")
        total = sum(tiles.values())  # type: ignore[attr-defined]
        finished, again = killed(folder, "out3", options.pack, total)
        kept = int(str(again.summary["resumed"]))
        resumed_same = digests(folder / "out3") == digests(folder / "out1")
        print(f"  1 and 2 at a time: {'the same' if same else 'DIFFERENT'} bytes")
        print(
            f"  killed after {finished} of {total} tiles, {kept} kept and none of them redone, "
            f"{'the same' if resumed_same else 'DIFFERENT'} bytes, peak {again.peak / MB:.0f} MB",
            flush=True,
        )
        well = same and resumed_same and kept >= finished and max(peaks) <= options.limit
        return max(peaks), well


def main() -> int:
    """Measure and print; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", default="general")
    parser.add_argument("--sides", type=int, nargs="+", default=[10000, 30000])
    parser.add_argument("--data", type=float, default=0.05, help="share of the map that holds data")
    parser.add_argument("--limit", type=float, default=1500, help="MB (10^6 bytes)")
    options = parser.parse_args()
    results = [check(side, options) for side in options.sides]
    grown = results[-1][0] / results[0][0]
    print(f"last to first {grown:.2f}, limit {options.limit:.0f} MB")
    return int(not all(well for _, well in results) or grown > 1.1)


if __name__ == "__main__":
    sys.exit(main())
