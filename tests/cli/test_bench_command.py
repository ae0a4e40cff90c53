"""`cuecast bench` and `cuecast episodes`: streams, files and errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import cuecast, one_line
from pictures import episode_folder
from PIL import Image

from cuecast.cli import run

BASELINES = ["--baselines", "cuecast,filter-forest", "--pack", "colours"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return episode_folder(tmp_path_factory.mktemp("episodes"))


def test_table_on_stdout_progress_on_stderr(listed: Path) -> None:
    done = cuecast("bench", listed, "--baselines", "cuecast", "--pack", "colours", "--threads", 1)
    assert done.code == 0
    assert done.out.splitlines()[2].split()[:4] == ["cuecast", "1", "0.917", "0.950"]
    assert done.err.startswith("episodes: 4/4, ")


def test_json_file_and_pictures(listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, pictures = tmp_path / "new" / "result.json", tmp_path / "pictures"
    args = ["bench", str(listed), *BASELINES, "--limit", "1", "--json", "-q", "-o", str(out)]
    assert run([*args, "--pictures", str(pictures)]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    record = json.loads(streams.out)
    assert json.loads(out.read_text()) == record
    assert [p["baseline"] for p in record["baselines"]] == ["cuecast", "filter-forest"]
    assert record["episodes"]["list"] == "list.jsonl"
    assert sorted(p.name for p in pictures.iterdir()) == ["s1-good.png", "s2-good.png"]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (
            ["LIST", "--baselines", "cuecast,unet"],
            2,
            "baseline 'unet' is unknown; known are cuecast, filter-forest",
        ),
        (["LIST", "--baselines", ","], 2, "--baselines names none"),
        (["LIST", "--pack", "nonsense"], 1, "no pack 'nonsense'"),
        (["LIST", "--baselines", "prototype"], 1, "pack colours: it has no encoder"),
        (["none.jsonl"], 1, "none.jsonl: the episode list cannot be read"),
        (["LIST", "--set", "s9"], 1, "no episode is left"),
        (["LIST", "--root", "nowhere", "--baselines", "cuecast"], 1, "episode e1: "),
    ],
)
def test_errors(
    listed: Path, args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [str(listed) if a == "LIST" else a for a in args]
    if "--pack" not in args:
        args += ["--pack", "colours"]
    assert run(["bench", *args, "-q"]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert one_line(streams.err).startswith(says)


def test_a_drawn_list_can_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "sets" / "red"
    for part in ("images", "masks"):
        (place / part).mkdir(parents=True)
    for number in range(4):
        pixels = np.full((8, 8, 3), (30, 30, 200), np.uint8)
        pixels[: number + 1] = (200, 30, 30)
        Image.fromarray(pixels).save(place / "images" / f"{number}.png")
        Image.fromarray((pixels[..., 0] > 100).astype(np.uint8)).save(place / "masks" / f"{number}.png")
    listed = tmp_path / "list.jsonl"
    draw = ["episodes", str(tmp_path / "sets"), "-o", str(listed), "--shots", "1", "--shots", "3"]
    assert run([*draw, "--queries", "2"]) == 0
    assert capsys.readouterr().err == f"{listed}: 4 episodes, 1 tasks, 1 sets\n"
    args = ["bench", str(listed), "--root", str(tmp_path / "sets"), "--baselines", "cuecast", "-p", "colours"]
    assert run([*args, "-q", "--json"]) == 0
    means = json.loads(capsys.readouterr().out)["baselines"][0]["means"]
    assert [(m["shots"], m["episodes"], m["iou"]) for m in means] == [(1, 2, 1.0), (3, 2, 1.0)]


def test_drawing_from_nowhere_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["episodes", str(tmp_path / "none"), "-o", str(tmp_path / "list.jsonl")]) == 1
    assert "there is no such folder" in one_line(capsys.readouterr().err)
    assert not (tmp_path / "list.jsonl").exists()
