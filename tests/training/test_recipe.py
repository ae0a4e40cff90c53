"""What the recipe of the pack `general` writes into its card."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.engine.calibration import Calibration
from cuecast.engine.packs import WHEEL_PACKS

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
        (["--frozen", "1.5"], "--frozen 1.5: a share from 0 to 1"),
        (["--lessons", "5"], "name its folder with --out"),
    ],
)
def test_shares_are_checked_before_the_work(
    options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(RECIPE))["main"]
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--run", str(tmp_path / "run"), *options])
    assert named in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def write_squares(folder: Path) -> None:
    """A set of four pictures: a red square moves on blue, and is not in the last."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(4):
        mask = np.zeros((40, 40), np.uint8)
        mask[4 + i : 24 + i, 10 : 10 + 20 * (i < 3)] = 1
        picture = np.where(mask[..., None] > 0, np.uint8((200, 0, 0)), np.uint8((0, 0, 200)))
        PILImage.fromarray(picture).save(folder / "images" / f"{i}.png")
        PILImage.fromarray(mask).save(folder / "masks" / f"{i}.png")
    (folder / "card.json").write_text("{}")


def test_the_decoder_of_a_pack_is_fitted_on_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quick_refine import quicken, raw_pack

    quicken(monkeypatch)
    pack = raw_pack(tmp_path / "packs").folder
    card = json.loads((pack / "card.json").read_text())
    (pack / "card.json").write_text(
        json.dumps({**card, "training": {"steps": 7}, "scores": {"mean": {"1": 0.5}}})
    )
    before = {f.name: f.read_bytes() for f in pack.iterdir()}
    write_squares(tmp_path / "data" / "train" / "squares")
    (tmp_path / "data" / "objects" / "train").mkdir(parents=True)
    shutil.copytree(
        tmp_path / "data" / "train" / "squares" / "images", tmp_path / "data" / "photos" / "images"
    )
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    main = runpy.run_path(str(RECIPE))["main"]
    calibrated: list[bytes] = []

    def calibrate(new: Path, _data: Path, *, cut: bool) -> None:
        assert not cut
        calibrated.append((new / "decode.onnx").read_bytes())

    monkeypatch.setitem(main.__globals__, "calibrate", calibrate)
    run = tmp_path / "run"
    where = ["--data", str(tmp_path / "data"), "--out", str(pack), "--run", str(run)]
    main([*where, "--lessons", "3", "--minutes", "0"])
    after = {f.name: f.read_bytes() for f in pack.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"decode.onnx", "card.json"}
    assert calibrated == [after["decode.onnx"]]
    said = json.loads(after["card.json"])
    assert (said["scores"], said["training"]["steps"]) == ({}, 7)
    assert said["training"]["decoder"].keys() == {"lessons", "samples", "hours"}
    assert said["training"]["decoder"]["lessons"] == 3
    assert len([*run.glob("lessons-*/*.npz")]) == 3
    assert [f.name for f in pack.parent.iterdir()] == ["raw"]


def test_one_command_states_what_sparse_cues_are_worth_on_pictures_and_along_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, squares = tmp_path / "pack", tmp_path / "train" / "squares"
    pack.mkdir()
    card = json.loads((WHEEL_PACKS / "colours" / "card.json").read_text())
    (pack / "card.json").write_text(json.dumps(card))
    for name in ("encode.onnx", "decode.onnx", "matcher.npz"):
        (pack / name).write_bytes(b"")
    write_squares(squares)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr("cuecast.training.calibrate_followed.FRAMES", 2)
    main = runpy.run_path(str(RECIPE))["main"]
    monkeypatch.setitem(main.__globals__, "FILMED", ("train/squares",))
    main(["--data", str(tmp_path), "--out", str(pack), "--sparse"])
    stated = json.loads((pack / "card.json").read_text())["sparse_calibration"]
    assert sorted(stated) == ["boxes", "one-sided", "two-sided"]
    for entry in stated.values():
        calibration = Calibration.from_card(entry)
        assert len(calibration.own) == len(calibration.iou) == len(calibration.names) + 1
        assert len(calibration.followed) == 4
