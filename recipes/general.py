"""The pack `general`, trained from scratch.

    cuecast train recipes/general.py --data DATA --out src/cuecast/packs/general

DATA is a folder of picture sets (images/, masks/, card.json each). Stopped and started again, it goes on where its
last checkpoint was. Machine, time, steps and scores of each run: LOG.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuecast.training.batches import BatchShape

EXCLUDED = ("crack_sut",)
"""Sets whose card states no licence."""

PREPROCESSING = {
    "side": 256,
    "most": 1024,
    "thickness": 6,
    "tile": 448,
    "overlap": 64,
    "texture": 16,
    "forest": 0.5,
}
"""Working frame (square root of its area), its largest, the wanted thickness of things, tiles: working pixels."""

LIMITS = (
    "Trained from scratch for under an hour on two CPU cores: looks and textures carry further than meaning.",
    "Natural scenes with many classes, and things told apart by their meaning only, are hard.",
    "Things thinner than about two pixels of the image are found in part.",
    "The confidence is computed from the scores and not calibrated yet.",
)


def main(argv: Sequence[str]) -> None:
    """Train (or go on training) in --run, then write the pack to --out."""
    parser = argparse.ArgumentParser(prog="cuecast train recipes/general.py", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of picture sets, one folder a set")
    parser.add_argument(
        "--run", type=Path, default=Path("runs/general"), help="checkpoint, log and loss picture"
    )
    parser.add_argument("--steps", type=int, default=3000, help="steps of the whole run")
    parser.add_argument(
        "--start", type=Path, help="pack folder whose weights to begin with; default: drawn ones"
    )
    parser.add_argument("--out", type=Path, help="pack folder to write when the run is done")
    parser.add_argument("--scores", type=Path, help="JSON of `cuecast eval` to state in the card")
    options = parser.parse_args(argv)

    from cuecast.training.export import load_pack
    from cuecast.training.loop import Phase, Plan, Run
    from cuecast.training.plot import plot_log
    from cuecast.training.sets import read_sets

    started = time.time()
    sets = read_sets(options.data, EXCLUDED)
    print(
        f"{len(sets)} sets, {sum(len(s.images) for s in sets)} pictures, read in {time.time() - started:.0f} s"
    )
    phases = (
        Phase(round(options.steps * 0.75), shapes(size=96)),
        Phase(options.steps, shapes(size=128)),
    )
    start = load_pack(options.start) if options.start else None
    run = Run(Plan(phases, rate=1.5e-3), sets, options.run, start)
    run.train()
    plot_log(options.run / "log.jsonl", options.run / "loss.png")
    if options.out:
        write_pack(options.run, options.data, options.out, options.scores)


def shapes(size: int) -> tuple[BatchShape, ...]:
    """Two steps with many groups of few images, then one with few groups of many: both diversity and several cues."""
    from cuecast.training.batches import BatchShape

    wide, deep = BatchShape(8, 3, decoded=1, size=size), BatchShape(4, 6, decoded=2, size=size)
    return wide, wide, deep


def write_pack(run: Path, data: Path, out: Path, scores: Path | None) -> None:
    """Export the run's averaged weights with a card that says where they come from."""
    import torch

    import cuecast
    from cuecast.training.calibrate import best_threshold
    from cuecast.training.export import export_pack, load_network, write_card
    from cuecast.training.sets import licences

    state = torch.load(run / "last.pt", weights_only=True)
    card: dict[str, Any] = {
        "version": 1,
        "name": "general",
        "segmenter": "matching",
        "summary": "The built-in generalist: cells to cracks, from one marked picture, on a CPU.",
        "licence": "Apache-2.0",
        "preprocessing": PREPROCESSING,
        "thresholds": {"score": 0.5, "found": 0.6, "min_fraction": 2e-5},
        "data": licences(data, EXCLUDED),
        "training": {
            "recipe": "recipes/general.py",
            "steps": state["step"],
            "hours": round(state["seconds"] / 3600, 2),
            "machine": "2 CPU cores (AVX2), float32, no GPU",
            "tasks": "half from the sets, three tenths drawn (training.synthetic), a fifth regions of a picture",
            "excluded": dict.fromkeys(EXCLUDED, "its card states no licence"),
        },
        "scores": json.loads(scores.read_text()) if scores else {},
        "limits": list(LIMITS),
    }
    export_pack(load_network(run / "last.pt"), out, card)
    score, curve = best_threshold(cuecast.load(out), data, EXCLUDED)
    print("mean IoU on training sets by threshold:", {t: round(v, 3) for t, v in curve.items()})
    card["thresholds"]["score"] = score
    write_card(out, card)
    print(f"wrote {out}: {sum(f.stat().st_size for f in out.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
