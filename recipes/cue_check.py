"""The weights of `cuecast.cue_quality.agreement`, fitted on bad cues that are planted in the training sets.

    cuecast train recipes/cue_check.py --data DATA [--pack general] [--workers 2] [--rows ROWS.json]

From each set, sets of five cues are drawn. Each is taken clean, and with one of its cues shifted by a quarter of the
image, inverted, or with the mask of another thing. A logistic regression of the planted cues against all that are good
gives the weights; the limit is the least one at which the clean sets that are complained of are few enough, counted
with weights that were fitted on other picture sets. DATA is as in general.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

EXCLUDED = ("crack_sut",)
"""Sets whose card states no licence."""
CUES = 5
FALSE_ALARMS = 0.1
"""Share of clean cue sets that may get a flag."""
WEAKNESS = 10.0
"""Inverse of the ridge penalty."""


def main(argv: Sequence[str]) -> None:
    """Draw, answer, fit; prints weights, limit, and what they find."""
    from cuecast.io.files import write_text

    parser = argparse.ArgumentParser(prog="cuecast train recipes/cue_check.py", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of picture sets, one folder a set")
    parser.add_argument("--pack", default="general")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queries", type=int, default=2, help="cue sets of each task")
    parser.add_argument("--tasks", type=int, default=3, help="tasks of each set, at most")
    parser.add_argument(
        "--rows", type=Path, help="JSON to keep the figures of the cues in; if there, it is read instead"
    )
    options = parser.parse_args(argv)
    rows = (
        json.loads(options.rows.read_text()) if options.rows and options.rows.exists() else answered(options)
    )
    if options.rows:
        write_text(options.rows, json.dumps(rows))
    report(rows)


def answered(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row a cue set and fault."""
    import cuecast
    from cuecast.evaluation.episodes import draw_episodes
    from cuecast.evaluation.processes import run_each
    from cuecast.training.planting import planted_figures

    drawn = draw_episodes(options.data, (CUES,), queries=options.queries, tasks=options.tasks)
    episodes = [e for e in drawn if e.set not in EXCLUDED]
    predictor = cuecast.load(options.pack, threads=1)
    run = partial(planted_figures, listed=episodes)
    told = run_each(predictor, episodes, options.data, run, tell, workers=options.workers, threads=1)
    return [row for rows in told for row in rows]


def tell(done: int, total: int) -> None:
    """Progress on a line of its own."""
    print(f"cue set {done} of {total}", flush=True)


def report(rows: Sequence[dict[str, Any]]) -> None:
    """Fit, and say what is found at which limit, on picture sets that the weights were not fitted on."""
    sets = np.array([r["set"] for r in rows])
    doubts: list[Any] = [None] * len(rows)
    for name in np.unique(sets):
        weights = fit([r for r in rows if r["set"] != name])
        for i in np.flatnonzero(sets == name):
            doubts[i] = np.nan_to_num(np.array(rows[i]["figures"]) @ weights, nan=-np.inf)
    clean = np.array([d.max() for d, r in zip(doubts, rows, strict=True) if r["fault"] == "clean"])
    limit = float(np.sort(clean)[::-1][int(FALSE_ALARMS * len(clean))]) + 1e-6
    weights = fit(rows)
    print(
        f"weights {dict(zip(rows[0]['names'], np.round(weights, 3).tolist(), strict=True))}, limit {limit:.3f}"
    )
    print(f"false alarms {(clean >= limit).mean():.3f} of {len(clean)} clean cue sets")
    for fault in dict.fromkeys(r["fault"] for r in rows if r["fault"] != "clean"):
        hits = [d[r["planted"]] >= limit for d, r in zip(doubts, rows, strict=True) if r["fault"] == fault]
        print(f"{fault}: found {np.mean(hits):.3f} of {len(hits)}")


def fit(rows: Sequence[dict[str, Any]]) -> Any:
    """Weights of the figures: planted cues against the good ones of the same and of clean sets."""
    from sklearn.linear_model import LogisticRegression

    x = np.concatenate([r["figures"] for r in rows])
    y = np.concatenate([[k == r["planted"] and r["fault"] != "clean" for k in range(CUES)] for r in rows])
    known = ~np.isnan(x).any(1)
    fitted = LogisticRegression(C=WEAKNESS, class_weight="balanced", max_iter=1000).fit(x[known], y[known])
    return fitted.coef_[0]


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
