"""Insulators shown by their boxes, found on others: how well the boxes of what is found fit the true ones.

    python benchmarks/insulators.py ../shared/data/insulators --pack general [--cues 5] [--queries 40]

The folder has images/ and boxes.json ({image: [{"name": ..., "xyxy": [...]}]}). Five times other pictures show all
their insulators by boxes; each query is asked once. Printed: the IoU of the box around all that is found with the
box around all true ones, mean over the queries, and the share of queries of which nothing is found.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import cuecast

Box = tuple[float, float, float, float]
NAME = "insulator"
ROWS = 5
"""Rows of cues, which share the queries."""


def around(boxes: list[list[float]]) -> Box:
    """The box around boxes."""
    left, top, right, bottom = np.array(boxes).T
    return float(left.min()), float(top.min()), float(right.max()), float(bottom.max())


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0) * max(high, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return both / (sum(areas) - both)


def main() -> None:
    """Measure a pack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--cues", type=int, default=5)
    parser.add_argument("--queries", type=int, default=40)
    options = parser.parse_args()
    stated = json.loads((options.folder / "boxes.json").read_text(encoding="utf-8"))
    boxes = {n: [b["xyxy"] for b in found if b["name"] == NAME] for n, found in sorted(stated.items())}
    names = [name for name, own in boxes.items() if own]
    order = [names[i] for i in np.random.default_rng(0).permutation(len(names))]
    shown, asked = order[: ROWS * options.cues], order[ROWS * options.cues :][: options.queries]
    predictor = cuecast.load(options.pack)
    fits = []
    for row in range(ROWS):
        cues = [cuecast.Cue(options.folder / n, boxes=[tuple(b) for b in boxes[n]]) for n in shown[row::ROWS]]
        concept = predictor.learn(cues)
        for name in asked[row::ROWS]:
            mask = concept.segment(options.folder / name).mask > 0
            if not mask.any():
                fits.append(0.0)
                continue
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            found = (float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0)
            fits.append(box_iou(found, around(boxes[name])))
    print(
        f"{options.pack}: {len(fits)} queries, {options.cues} cues: box IoU {np.mean(fits):.3f}, nothing found "
        f"in {np.mean([f == 0 for f in fits]):.2f}"
    )


if __name__ == "__main__":
    main()
