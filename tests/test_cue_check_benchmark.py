"""benchmarks/cue_check.py: shares over trials, and going on after a stop."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/cue_check.py")


def trial(kind: str, planted: int | None, *flagged: int) -> dict[str, Any]:
    """Cues 0 and 1 are predicted well, 4 is not."""
    flags = {str(n): "harmful" for n in flagged}
    return {"set": "s", "kind": kind, "planted": planted, "flags": flags, "ious": [0.9, 0.5, None, 0.4, 0.1]}


def test_shares(script: ModuleType) -> None:
    found = script.summed(
        [
            trial("clean", None),
            trial("clean", None, 2),
            trial("shifted", 0, 0),
            trial("shifted", 0, 1),
            trial("inverted", 4, 4, 1),
            trial("other", 4),
        ]
    )
    assert (found["found"], found["false_alarms"], found["beside"]) == (0.5, 0.5, 0.5)
    assert found["found_by_kind"] == {"shifted": 0.5, "inverted": 1, "other": 0}
    # Of the four bad cues only 0 can be expected to be found, in both of its trials.
    assert found["found_where_predicted"] == {"trials": 2, "share": 0.5}
    assert found["counts"] == {"clean": 2, "shifted": 2, "inverted": 1, "other": 1}


def test_what_was_made_in_another_way_is_not_added_to(script: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    assert script.finished(target, {"seed": 0}, "trials") == []
    target.write_text(json.dumps({"seed": 0, "trials": [trial("clean", None)]}))
    assert script.finished(target, {"seed": 0}, "trials") == [trial("clean", None)]
    with pytest.raises(SystemExit, match="another way"):
        script.finished(target, {"seed": 1}, "trials")
