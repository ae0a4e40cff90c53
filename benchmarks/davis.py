"""How well and how fast a video is followed from its first frame: J and F of DAVIS-2016, frames a second, memory.

    python benchmarks/davis.py DATA [-o OUT.json] [--sequences NAME ...] [--limit FRAMES] [--every N] [--pack general]
                               [--threads N] [--pictures DIR] [--still] [--alone] [--length N]

DATA holds a folder a sequence with images/NNNNN.jpg and masks/NNNNN.png, 0 and 1. The first mask is given. J is the IoU
of a frame; F the F-measure of its border within 0.8 % of the diagonal (Perazzi et al., 'A benchmark dataset and
evaluation methodology for video object segmentation', CVPR 2016). As there, the first and the last frame do not count,
a sequence counts with the mean of its frames, and the mean over the sequences is what is compared.

--every N takes each N-th frame, so that things move N times as fast; --limit the first frames of what is left. --still
keeps the first mask, and --alone asks for each frame as a picture of its own: what tracking is compared with. --length
goes to and fro in a sequence until there are N frames; the memory in use is printed now and then and should not grow.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

import cuecast
from cuecast.core.metrics import iou
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.files import write_text
from cuecast.io.images import read_image
from cuecast.io.labels.masks import read_mask
from cuecast.predictor import Predictor
from cuecast.propagation.track import track

Bools = NDArray[np.bool_]

TOLERANCE = 0.008
"""Distance at which borders still match, as a share of the frame's diagonal."""


def main() -> int:
    """Run the sequences and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--sequences", nargs="+", default=[])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--length", type=int)
    parser.add_argument("--still", action="store_true")
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    predictor = cuecast.load(options.pack, threads=options.threads)
    folders = sorted(p for p in options.data.iterdir() if (p / "masks").is_dir())
    lines = []
    print(f"{'sequence':<20} frames      J      F    J&F  found  per s")
    for folder in folders:
        if options.sequences and folder.name not in options.sequences:
            continue
        lines.append(measure(predictor, folder, options))
        print(row(lines[-1]), flush=True)
    if not lines:
        print(f"{options.data}: no such sequences; give the folder that holds them", file=sys.stderr)
        return 1
    mean = {k: fmean(line[k] for line in lines) for k in ("J", "F", "J&F", "found", "per_second")}
    mean |= {"sequence": "mean", "frames": sum(line["frames"] for line in lines)}
    print(row(mean))
    record = {
        "pack": predictor.pack.name,
        "pack_digest": predictor.pack.digest,
        "commit": source_commit(),
        "way": "still" if options.still else "alone" if options.alone else "track",
        "limit": options.limit,
        "every": options.every,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "mean": mean,
        "sequences": lines,
    }
    if options.output:
        write_text(options.output, json.dumps(record, indent=1) + "\n")
    return 0


def measure(predictor: Predictor, folder: Path, options: Any) -> dict[str, Any]:
    """The figures of one sequence."""
    pictures = sorted((folder / "images").iterdir())[:: options.every][: options.limit]
    pictures = to_and_fro(pictures, options.length) if options.length else pictures
    masks = {
        p: read_mask(folder / "masks" / f"{p.stem}.png", image=read_image(p), value=1) == 1 for p in pictures
    }
    truth = [masks[p] for p in pictures]
    started = time.perf_counter()
    js, fs, found = [0.0] * len(pictures), [0.0] * len(pictures), 0
    for index, mask, verdict, overlay in answers(predictor, pictures, folder, options):
        js[index], fs[index] = iou(mask, truth[index]), border_f(mask, truth[index])
        found += verdict == "found"
        if options.length and index % max(1, options.length // 10) == 0:
            print(f"frame {index}: {memory_mb()} MB in use", file=sys.stderr, flush=True)
        if options.pictures:
            place = options.pictures / folder.name
            place.mkdir(parents=True, exist_ok=True)
            overlay().save(place / f"{pictures[index].stem}.jpg")
    seconds = time.perf_counter() - started
    j, f = fmean(js[1:-1]), fmean(fs[1:-1])
    return {
        "sequence": folder.name, "frames": len(pictures), "J": j, "F": f, "J&F": (j + f) / 2,
        "found": found / len(pictures), "per_second": len(pictures) / seconds, "J by frame": [round(v, 3) for v in js],
    }  # fmt: skip


def answers(
    predictor: Predictor, pictures: list[Path], folder: Path, options: Any
) -> Iterator[tuple[int, Bools, str, Any]]:
    """(frame, mask, verdict, how to draw it) of each frame, learning included."""
    cue = cuecast.Cue(pictures[0], mask=folder / "masks" / f"{pictures[0].stem}.png", value=1)
    concept = predictor.learn([cue], scale="pixel")
    if options.still or options.alone:
        first = concept.segment(pictures[0])
        for index, picture in enumerate(pictures):
            prediction = first if options.still else concept.segment(picture)
            yield index, prediction.mask > 0, prediction.verdict, prediction.overlay
        return
    for frame in track(concept, pictures, {0: concept.examples[0]}):
        prediction = frame.prediction
        yield frame.index, prediction.mask > 0, prediction.verdict, prediction.overlay


def to_and_fro(pictures: list[Path], length: int) -> list[Path]:
    """The pictures forward, backward, forward ... until there are `length`."""
    once = [*pictures, *pictures[-2:0:-1]]
    return [once[i % len(once)] for i in range(length)]


def memory_mb() -> int:
    """Memory that this process holds now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


def border_f(answer: Bools, truth: Bools) -> float:
    """F-measure of borders (H, W) bool in [0, 1]: pixels of one that lie near a pixel of the other, both ways.

    Both empty count 1, one of them 0.
    """
    tolerance = np.ceil(TOLERANCE * np.hypot(*truth.shape))
    ours, theirs = border(answer), border(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = float((distance_transform_edt(~theirs)[ours] <= tolerance).mean())
    recall = float((distance_transform_edt(~ours)[theirs] <= tolerance).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def border(mask: Bools) -> Bools:
    """(H, W) bool: pixels that differ from the one to the right, below, or below to the right."""
    edge = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return (mask != edge[:-1, 1:]) | (mask != edge[1:, :-1]) | (mask != edge[1:, 1:])


def row(line: dict[str, Any]) -> str:
    """One line of the table."""
    figures = "".join(f"{line[k]:7.3f}" for k in ("J", "F", "J&F", "found"))
    return f"{line['sequence']:<20} {line['frames']:6d}{figures}{line['per_second']:7.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
