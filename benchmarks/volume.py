"""Dice, time and peak memory of `cuecast volume` on a phantom whose truth is exact, with a cue on one slice.

    python benchmarks/volume.py [--size 300 512 512] [--pack general] [--cue z:150] [--keep FOLDER]

The phantom is a NIfTI volume of 16-bit values: a body with organs and texture, in it a thing whose cross-section
moves, grows, turns and forks; Gaussian noise; and an intensity drift over the slices that is larger than the contrast
of the thing. The command runs in a process of its own, the labels are read back with nibabel. Exit code 1 says that
Dice is not above 0.9 or memory not under 2 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from cuecast.core.metrics import dice

SPACING = (1.5, 0.8, 0.8)
"""Distance of voxels along (z, y, x) in mm."""
BODY, ORGAN, THING, VESSEL = 60.0, 85.0, 120.0, 170.0
DRIFT = 70.0
"""By how much all values fall from the first slice to the last."""
NOISE = 18.0
"""Standard deviation."""


def truth_slice(share: float, height: int, width: int) -> np.ndarray:
    """The thing (height, width) bool on the slice at `share` of the way through: empty near both ends."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1) - 0.5
    if not 0.08 <= share <= 0.92:
        return np.zeros((height, width), bool)
    turn = 2 * np.pi * share
    radius = 0.05 + 0.09 * np.sin(np.pi * (share - 0.08) / 0.84) ** 0.7
    cy, cx = 0.08 * np.sin(turn), 0.05 + 0.12 * (share - 0.5)
    u = (y - cy) * np.cos(turn) + (x - cx) * np.sin(turn)
    v = (x - cx) * np.cos(turn) - (y - cy) * np.sin(turn)
    thing = (u / (1.5 * radius)) ** 2 + (v / radius) ** 2 <= 1
    if share > 0.55:  # the fork
        away = 0.45 * (share - 0.55)
        thing |= (y - cy + away) ** 2 + (x - cx - away) ** 2 <= (0.6 * radius) ** 2
    return thing


def phantom_slice(share: float, height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(values (height, width) int16, truth bool) of one slice."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1) - 0.5
    values = np.where((y / 0.46) ** 2 + (x / 0.42) ** 2 <= 1, BODY, -200.0)
    values += np.where(values > 0, 12 * np.sin(31 * x + 5 * share) * np.cos(27 * y), 0)
    values[((y + 0.1) / 0.12) ** 2 + ((x + 0.25) / 0.1) ** 2 <= 1] = ORGAN
    values[((y - 0.28) / 0.08) ** 2 + ((x - 0.02) / 0.2) ** 2 <= 1] = ORGAN
    for k in range(4):
        cy, cx = 0.3 * np.sin(1.7 * k + 2 * share), 0.32 * np.cos(2.1 * k + share)
        values[(y - cy) ** 2 + (x - cx) ** 2 <= 0.018**2] = VESSEL
    truth = truth_slice(share, height, width)
    values[truth] = THING
    # Scanners blur over about a pixel, so that borders hold values in between.
    values = gaussian_filter(values, 0.8) - DRIFT * (share - 0.5) * (values > -100)
    return np.rint(values + random.normal(0, NOISE, values.shape)).astype(np.int16), truth


def make(folder: Path, size: tuple[int, int, int]) -> np.ndarray:
    """phantom.nii.gz of (Z, Y, X) voxels in the folder; returns the truth, bool."""
    Z, Y, X = size
    voxels, truth = np.empty(size, np.int16), np.empty(size, bool)
    for z in range(Z):
        voxels[z], truth[z] = phantom_slice(z / max(Z - 1, 1), Y, X, seed=z)
    affine = np.diag([*(-s for s in SPACING[:0:-1]), SPACING[0], 1.0])
    nibabel.Nifti1Image(voxels.T, affine).to_filename(folder / "phantom.nii.gz")
    return truth


def main() -> int:
    """Measure and print; the exit code says whether the figures are reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=3, default=[300, 512, 512], metavar=("Z", "Y", "X"))
    parser.add_argument("--pack", default="general")
    parser.add_argument("--cue", action="append", help="PLANE:INDEX; default: the middle slice of plane z")
    parser.add_argument(
        "--keep", type=Path, help="folder for phantom and results; default: removed at the end"
    )
    options = parser.parse_args()
    Z, Y, X = options.size
    place = (
        tempfile.TemporaryDirectory(prefix="cuecast-volume-")
        if options.keep is None
        else nullcontext(options.keep)
    )
    with place as name:
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        truth = make(folder, (Z, Y, X))
        command = [sys.executable, "-m", "cuecast", "volume", "phantom.nii.gz", "-o", "out", "--overwrite"]
        command += ["--pack", options.pack, "--json"]
        for number, cue in enumerate(options.cue or [f"z:{Z // 2}"]):
            plane, index = cue.split(":")
            mask = np.take(truth, int(index), axis="zyx".index(plane))
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"cue{number}.png")
            command += ["--cue", f"{cue}=cue{number}.png"]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
        seconds = time.perf_counter() - started
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        written = nibabel.load(folder / json.loads(printed)["files"]["mask"])
        found = np.asarray(written.dataobj).T > 0
        each = [dice(found[z], truth[z]) for z in range(Z)]
        score = 2 * float((found & truth).sum()) / max(1, int(found.sum()) + int(truth.sum()))
    print(f"size {Z} x {Y} x {X}, cue on {', '.join(options.cue or [f'z:{Z // 2}'])}, pack {options.pack}")
    print(
        f"Dice {score:.4f}; of slices: mean {np.mean(each):.4f}, lowest {min(each):.4f} at z:{int(np.argmin(each))}"
    )
    print(f"{seconds:.1f} s, {seconds / Z:.2f} s a slice; peak {peak / 1e6:,.0f} MB")
    return 0 if score > 0.9 and peak < 2e9 else 1


if __name__ == "__main__":
    raise SystemExit(main())
