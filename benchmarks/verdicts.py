"""How far verdicts and confidence can be trusted: figures over several results of `cuecast eval` taken together.

    cuecast eval dev.jsonl -o scores/dev
    cuecast eval dev_absent.jsonl -o scores/absent
    python benchmarks/verdicts.py scores/dev/scores.json scores/absent/scores.json [-o RESULT.json]

Queries without the thing are told apart by their episode's id: 'foreign' is a part of it for pictures of another set,
as `cuecast episodes --absent` names them. The results must be of the same pack. RESULT.json is drawn and tabled by
docs/generate_benchmarks.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from cuecast.evaluation.evaluate import Outcome
from cuecast.evaluation.reliability import Reliability, reliability
from cuecast.io.files import write_text

KIND = "verdicts"
KEPT = 0.7


def main() -> int:
    """Print the figures, and keep them where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scores", nargs="+", type=Path, help="scores.json of `cuecast eval -o`")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    results = [json.loads(path.read_text(encoding="utf-8")) for path in options.scores]
    if len({r["pack_digest"] for r in results}) != 1:
        print("the results are of different packs: measure all lists with the same one", file=sys.stderr)
        return 2
    record = summarise(results)
    print(as_text(record))
    if options.output:
        write_text(options.output, json.dumps(record, indent=1) + "\n")
        print(f"wrote {options.output}")
    return 0


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """All figures as JSON takes them, from results as `EvaluationResult.as_dict` gives them."""
    outcomes = [Outcome(**o) for r in results for o in r["episodes"]]
    whole = reliability(outcomes)
    empty = [o for o in outcomes if o.truth_empty]
    return {
        "kind": KIND,
        "pack": results[0]["pack"],
        "pack_digest": results[0]["pack_digest"],
        "commit": results[0]["commit"],
        "with_thing": len(outcomes) - len(empty),
        "together": asdict(whole),
        "gain": gain(whole),
        "absent_same_set": _called_absent([o for o in empty if "foreign" not in o.id.split("/")]),
        "absent_foreign": _called_absent([o for o in empty if "foreign" in o.id.split("/")]),
        "verdicts": {
            v: {"answers": len(ious), "iou": fmean(ious) if ious else None}
            for v in ("found", "doubtful", "absent")
            for ious in [[o.iou for o in outcomes if o.verdict == v]]
        },
    }


def gain(figures: Reliability) -> float:
    """What keeping the most confident 70 % adds to the mean IoU."""
    return dict(figures.kept)[KEPT] - dict(figures.kept)[1.0]


def as_text(record: dict[str, Any]) -> str:
    """The figures, a line each."""
    together = record["together"]
    same, foreign = record["absent_same_set"], record["absent_foreign"]
    return "\n".join(
        [
            f"{together['answers']} answers, {record['with_thing']} of them to queries with the thing",
            f"AUROC of the confidence for an IoU of 0.5     {_figure(together['auroc'])}",
            f"expected calibration error                    {_figure(together['error'])}",
            f"called absent, of {same['queries']:3} without it, same set  {_figure(same['share'])}",
            f"called absent, of {foreign['queries']:3} of foreign sets     {_figure(foreign['share'])}",
            f"good masks that were called absent            {_figure(together['lost'])}",
            f"mean IoU gained by keeping the surest 70 %    {record['gain']:+.3f}",
        ]
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _called_absent(outcomes: list[Outcome]) -> dict[str, Any]:
    share = fmean(o.verdict == "absent" for o in outcomes) if outcomes else None
    return {"queries": len(outcomes), "share": share}


if __name__ == "__main__":
    sys.exit(main())
