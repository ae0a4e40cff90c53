"""What the recipe of the pack `general` writes into its card."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is needed to train, not to run")

RECIPE = Path(__file__).parents[2] / "recipes" / "general.py"


def test_scores_are_stated_in_the_card_and_nothing_else_changes(tmp_path: Path) -> None:
    for name in ("encode.onnx", "decode.onnx", "matcher.npz"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "card.json").write_text(json.dumps({"name": "mine", "scores": {}, "limits": ["few"]}))
    line = {"shots": 1, "episodes": 3, "iou": 0.41234}
    measured = {
        "means": [{**line, "set": "mean"}],
        "sets": [{**line, "set": "cells", "iou": 0.5}, {**line, "set": "cracks", "shots": 5}],
    }
    (tmp_path / "scores.json").write_text(json.dumps(measured))
    main = runpy.run_path(str(RECIPE))["main"]
    main(["--data", str(tmp_path), "--out", str(tmp_path), "--scores", str(tmp_path / "scores.json")])
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["scores"] == {
        "measured": "mean IoU by number of cues, 3 episodes of 2 sets that weights never saw",
        "mean": {"1": 0.412},
        "cells": {"1": 0.5},
        "cracks": {"5": 0.412},
    }
    assert (card["name"], card["limits"], len(card["files"])) == ("mine", ["few"], 3)


def test_the_card_names_every_machine_that_trained() -> None:
    machines = runpy.run_path(str(RECIPE))["machines"]
    state = {"step": 1500, "machine": "an accelerator, bfloat16"}
    assert machines({"steps": 0, "hours": 0.0}, state) == "1,500 steps: an accelerator, bfloat16"
    before = {"steps": 900, "machine": "900 steps: 2 CPU cores"}
    assert machines(before, state) == "900 steps: 2 CPU cores; the last 1,500 steps: an accelerator, bfloat16"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--keep", "0.4"], "name the pack with --start"),
        (["--keep", "1", "--start", "pack"], "from 0 to below 1"),
    ],
)
def test_a_share_to_keep_must_be_one_of_a_pack(
    options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(RECIPE))["main"]
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--run", str(tmp_path / "run"), *options])
    assert named in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
