"""benchmarks/verdicts.py: figures over several results together."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/verdicts.py")


def result(*episodes: tuple[str, float, float, str, bool]) -> dict[str, Any]:
    """A result of `cuecast eval`: id, IoU, confidence, verdict, whether the truth is empty."""
    return {
        "pack": "general",
        "pack_digest": "0",
        "commit": None,
        "episodes": [
            {
                "id": name,
                "set": "s",
                "task": "t",
                "shots": 1,
                "iou": iou,
                "dice": iou,
                "verdict": verdict,
                "confidence": confidence,
                "truth_empty": empty,
                "learn_seconds": 0.0,
                "seconds": 0.0,
            }
            for name, iou, confidence, verdict, empty in episodes
        ],
    }


def test_lists_are_taken_together_and_foreign_queries_told_apart(script: ModuleType) -> None:
    record = script.summarise(
        [
            result(("a/0", 0.9, 0.8, "found", False), ("a/1", 0.2, 0.3, "doubtful", False)),
            result(
                ("a/0/absent", 1.0, 0.9, "absent", True),
                ("a/0/foreign", 1.0, 0.7, "absent", True),
                ("a/foreign/3", 0.0, 0.4, "doubtful", True),
            ),
        ]
    )
    assert record["with_thing"] == 2
    assert record["absent_same_set"] == {"queries": 1, "share": 1.0}
    assert record["absent_foreign"] == {"queries": 2, "share": 0.5}
    assert record["together"]["auroc"] == 1
    assert record["verdicts"]["doubtful"] == {"answers": 2, "iou": pytest.approx(0.1)}
    # Of five answers the 70 % most confident are four (3.5 rounds to even): 2.9 / 4 + 0.2 / 4 against 3.1 / 5.
    assert record["gain"] == pytest.approx((1.0 + 0.9 + 1.0 + 0.0) / 4 - 3.1 / 5)


def test_what_does_not_occur_is_a_dash(script: ModuleType) -> None:
    record = script.summarise([result(("a/0", 0.9, 0.8, "found", False))])
    assert "called absent, of   0 of foreign sets     -" in script.as_text(record)
    json.loads(json.dumps(record, allow_nan=False))


def test_results_of_different_packs_are_refused(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for digest, path in zip("01", paths, strict=True):
        path.write_text(json.dumps({**result(("a", 1.0, 1.0, "found", False)), "pack_digest": digest}))
    monkeypatch.setattr("sys.argv", ["verdicts.py", *map(str, paths)])
    assert script.main() == 2
    assert "different packs" in capsys.readouterr().err
