"""Loss curves of a run as a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def plot_log(log: Path, picture: Path, window: int = 25) -> Path:
    """Draw the losses of a run's log.jsonl, each point the mean of `window` steps; a step run twice counts once."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    lines = {entry["step"]: entry for entry in map(json.loads, log.read_text().splitlines())}
    entries = [lines[s] for s in sorted(lines)]
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    names = dict.fromkeys(k for e in entries for k in e if k not in ("step", "seconds", "rate"))
    for name in names:
        known = [e for e in entries if name in e]  # not every step has every loss
        count = max(1, len(known) // window)
        steps, values = (np.array_split([e[k] for e in known], count) for k in ("step", name))
        axes.plot([s.mean() for s in steps], [v.mean() for v in values], label=name)
    axes.set_xlabel("step")
    axes.set_ylabel(f"loss, mean of {window} steps")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
    return picture
