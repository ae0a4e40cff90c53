"""The pack `general`, trained from scratch: `cuecast train recipes/general.py --data ../shared/data/train`.

Machine: 2 CPU cores (AVX2, float32), no GPU. Time, steps and scores of each run: LOG.md beside this file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

EXCLUDED = ("crack_sut",)
"""Sets whose card states no licence."""


def main(argv: Sequence[str]) -> None:
    """Train (or go on training) in --run, then write the pack to --out."""
    parser = argparse.ArgumentParser(prog="cuecast train recipes/general.py", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of picture sets, one folder a set")
    parser.add_argument("--run", type=Path, default=Path("runs/general"), help="checkpoint, log and loss picture")
    parser.add_argument("--steps", type=int, default=1330, help="steps of the whole run")
    options = parser.parse_args(argv)

    from cuecast.training.batches import BatchShape
    from cuecast.training.loop import Phase, Plan, Run
    from cuecast.training.sets import read_sets

    started = time.time()
    sets = read_sets(options.data, EXCLUDED)
    print(f"{len(sets)} sets, {sum(len(s.images) for s in sets)} pictures, read in {time.time() - started:.0f} s")
    early = int(options.steps * 0.78)
    phases = (Phase(early, BatchShape(size=128)), Phase(options.steps, BatchShape(size=160)))
    Run(Plan(phases, rate=1.5e-3), sets, options.run).train()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
