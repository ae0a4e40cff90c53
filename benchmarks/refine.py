"""What refining gives on one's own pictures: 20 of a set refined, against the same 20 shown as cues.

    python benchmarks/refine.py ../shared/data/dev --set wbc1 --set flood --pack general --minutes 20 -o refine.json
    python benchmarks/refine.py ../shared/data/dev --set wbc1 --shuffled 10 --minutes 2

For each set: 20 pictures drawn by name are refined (`cuecast refine`); then the ready concepts of the new pack, and the
base shown all 20, answer up to --queries of the other pictures. IoU is the mean over pictures that show a class, over
classes alike. With --shuffled N the masks of the 20 are exchanged among them, N times: each must be refused.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, ClassInfo
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.predictor import Concept, Predictor, load
from cuecast.training.refine import NotBetterError, RefineOptions, refine
from cuecast.training.refine_data import SMALLEST_SHARE, Shown, card_classes, only_classes, read_source

PICTURES = 20


def copy(root: Path, names: list[str], folder: Path, masks: list[str]) -> Path:
    """Links to pictures, and to the masks of as many, as images/ and masks/."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for name, mask in zip(names, masks, strict=True):
        (folder / "images" / name).symlink_to((root / "images" / name).resolve())
        (folder / "masks" / f"{Path(name).stem}.png").symlink_to(
            (root / "masks" / f"{Path(mask).stem}.png").resolve()
        )
    return folder


def mean_iou(concepts: dict[int, Concept], pictures: list[Shown]) -> tuple[float, float, int]:
    """(mean IoU over classes alike, seconds an answer, answers)."""
    found: dict[int, list[float]] = {}
    start = time.perf_counter()
    for cls, concept in concepts.items():
        for p in pictures:
            truth = p.example.marks.mask
            if truth is not None and p.share(cls) >= SMALLEST_SHARE:
                answer = concept.segment(p.example.image)
                found.setdefault(cls, []).append(iou(answer.marked > 0, truth == cls, truth == IGNORE))
    count = sum(map(len, found.values()))
    return float(np.mean([np.mean(v) for v in found.values()])), (time.perf_counter() - start) / count, count


def shown(predictor: Predictor, pictures: list[Shown], classes: list[ClassInfo]) -> dict[int, Concept]:
    """A concept of each class, taught by all pictures that show it or lack it."""
    return {c.id: predictor.learn([only_classes(p, [c.id]) for p in pictures], [c]) for c in classes}


def run(root: Path, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The figures of one set."""
    names = sorted(p.name for p in (root / "images").iterdir())
    order = [names[i] for i in np.random.default_rng(0).permutation(len(names))]
    own, rest = order[:PICTURES], order[PICTURES : PICTURES + options.queries]
    classes = card_classes(root)
    source = copy(root, own, folder / "own", own)
    others = copy(root, rest, folder / "rest", rest)
    pictures, _ = read_source(others, tuple(classes))
    twenty, _ = read_source(source, tuple(classes))
    usable = [
        c for c in classes if sum(p.shows(c.id) for p in twenty) >= 6 and any(p.shows(c.id) for p in pictures)
    ]
    start = time.perf_counter()
    result: dict[str, Any] = {"set": root.name, "classes": [c.name for c in usable]}
    base = load(options.pack)
    try:
        made = refine(
            source,
            folder / root.name,
            RefineOptions(options.pack, classes, minutes=options.minutes, anyway=True),
        )
    finally:
        result["seconds"] = round(time.perf_counter() - start)
    result |= {"gain_held_out": made.comparison.gain, "faults": made.comparison.faults}
    result["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    refined = load(made.pack.folder)
    ready = {}
    for c in usable:
        if c.name in made.pack.concepts:
            ready[c.id] = refined.learn(read_examples(read_cueset(made.pack.concepts[c.name])), [c])
    same = {c: k for c, k in shown(base, twenty, usable).items() if c in ready}
    for name, concepts in (
        ("base_20_cues", same),
        ("ready", ready),
        ("refined_20_cues", shown(refined, twenty, usable)),
    ):
        value, seconds, count = mean_iou({c: k for c, k in concepts.items() if c in ready}, pictures)
        result[name] = round(value, 4)
        result[f"{name}_seconds"] = round(seconds, 3)
        result["answers"] = count
    one = {
        c.id: base.learn([only_classes(next(p for p in twenty if p.shows(c.id)), [c.id])], [c])
        for c in usable
    }
    result["base_1_cue"], result["base_1_cue_seconds"], _ = (round(v, 4) for v in mean_iou(one, pictures))
    return result


def shuffled(root: Path, options: argparse.Namespace, folder: Path, trial: int) -> bool:
    """Whether 20 pictures with each other's masks are refused."""
    names = sorted(p.name for p in (root / "images").iterdir())
    rng = np.random.default_rng(trial)
    own = [names[i] for i in rng.permutation(len(names))[:PICTURES]]
    moved = own[7:] + own[:7]
    source = copy(root, own, folder / f"shuffled{trial}", moved)
    for name, mask in zip(own, moved, strict=True):  # a mask must have its picture's size
        size = PILImage.open(root / "images" / name).size
        file = source / "masks" / f"{Path(name).stem}.png"
        resized = PILImage.open(root / "masks" / f"{Path(mask).stem}.png").resize(
            size, PILImage.Resampling.NEAREST
        )
        file.unlink()
        resized.save(file)
    try:
        refine(
            source,
            folder / f"bad{trial}",
            RefineOptions(options.pack, card_classes(root), minutes=options.minutes),
        )
    except NotBetterError as error:
        print(error, flush=True)
        return True
    return False


def main() -> None:
    """Measure all sets that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of sets with images/, masks/, card.json")
    parser.add_argument("--set", action="append", required=True, help="a set; may be repeated")
    parser.add_argument("--pack", default="general", help="the base")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--queries", type=int, default=30, help="other pictures that are asked, at most")
    parser.add_argument(
        "--shuffled", type=int, default=0, help="trials with exchanged masks, in place of the figures"
    )
    parser.add_argument("-o", "--output", type=Path, help="keep the figures as JSON")
    options = parser.parse_args()
    results = []
    for name in options.set:
        with tempfile.TemporaryDirectory() as folder:
            if options.shuffled:
                refused = [
                    shuffled(options.data / name, options, Path(folder), t) for t in range(options.shuffled)
                ]
                results.append({"set": name, "refused": sum(refused), "trials": len(refused)})
            else:
                results.append(run(options.data / name, options, Path(folder)))
        print(json.dumps(results[-1]), flush=True)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
