"""Peak memory of one batch run, and whether it grows with the number of images.

    python benchmarks/memory.py [--pack general] [--counts 50 500] [--workers 1]

Makes JPEG pictures of 1024 x 1024 pixels, runs `cuecast segment` on each number of them in a process of its
own with all default outputs, and asks the system for that process's peak resident memory. Exit code 1 says
that a run took more than --limit, or that the last took more than a tenth more than the first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

MB = 1e6


def picture(seed: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels (side, side, 3) uint8, mask (side, side) uint8): bright discs on a textured ground."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    ground = 90 + 25 * np.sin(x / 23 + seed) * np.cos(y / 31) + random.normal(0, 8, (side, side))
    mask = np.zeros((side, side), bool)
    for _ in range(random.integers(4, 20)):
        cx, cy = random.uniform(0, side, 2)
        mask |= (x - cx) ** 2 + (y - cy) ** 2 <= (side * random.choice([0.02, 0.04, 0.07])) ** 2
    level = np.where(mask, ground + 80, ground)
    pixels = np.stack([level, level * 0.9, level * 0.7], axis=-1).clip(0, 255).astype(np.uint8)
    return pixels, mask.astype(np.uint8)


def make(folder: Path, count: int, side: int) -> None:
    """A cue with its mask, and `count` pictures in images/."""
    pixels, mask = picture(0, side)
    Image.fromarray(pixels).save(folder / "cue.png")
    Image.fromarray(mask).save(folder / "cue_mask.png")
    (folder / "images").mkdir()
    for number in range(1, count + 1):
        Image.fromarray(picture(number, side)[0]).save(folder / f"images/{number:05d}.jpg", quality=90)


def peak(folder: Path, pack: str, workers: int) -> tuple[float, float]:
    """(peak resident bytes, wall seconds) of a run over images/."""
    command = [sys.executable, "-m", "cuecast", "segment", "images", "--cue", "cue.png=cue_mask.png"]
    command += ["-o", "out", "--pack", pack, "--workers", str(workers), "-q"]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit, time.perf_counter() - started


def main() -> int:
    """Measure and print; the exit code says whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", default="general")
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--limit", type=float, default=700, help="MB (10^6 bytes)")
    options = parser.parse_args()
    peaks = []
    print("images  peak MB  seconds  seconds/image")
    for count in options.counts:
        with tempfile.TemporaryDirectory(prefix="cuecast-memory-") as name:
            make(Path(name), count, options.side)
            bytes_, seconds = peak(Path(name), options.pack, options.workers)
        peaks.append(bytes_ / MB)
        print(f"{count:6}  {peaks[-1]:7.0f}  {seconds:7.1f}  {seconds / count:13.3f}", flush=True)
    grown = peaks[-1] / peaks[0]
    print(
        f"last to first {grown:.2f}, limit {options.limit:.0f} MB, pack {options.pack}, "
        f"{options.workers} at a time"
    )
    return int(max(peaks) > options.limit or grown > 1.1)


if __name__ == "__main__":
    sys.exit(main())
