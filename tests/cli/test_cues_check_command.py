"""`cuecast cues check` beyond the files: leave-one-out, flags and the curve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pictures import mask, picture

from cuecast.cli import run

SIZE = (4, 40)
CHECK = ["cues", "check", "set", "--pack", "colours"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*cues: tuple[int, int]) -> None:
    """A cue set of pictures with (red columns, marked columns)."""
    assert run(["cues", "new", "set"]) == 0
    for number, (red, marked) in enumerate(cues):
        picture(Path(f"{number}.png"), red, SIZE)
        mask(Path(f"{number}_mask.png"), [1] * marked + [0] * (40 - marked))
        assert run(["cues", "add", "set", "--cue", f"{number}.png"]) == 0


def test_good_cues(capsys: pytest.CaptureFixture[str]) -> None:
    make((10, 10), (12, 12), (14, 14))
    capsys.readouterr()
    assert run(CHECK) == 0
    streams = capsys.readouterr()
    lines = streams.out.splitlines()
    assert lines[0] == "set: all well"
    assert lines[3].split() == ["1", "images/0.png", "1.000"]
    assert "no cue is suspected to hurt" in lines
    assert lines[-1].startswith("more cues are not needed")
    assert "answers: " in streams.err


def test_a_flag_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    make((10, 10), (12, 12), (11, 11), (14, 20))
    capsys.readouterr()
    assert run([*CHECK, "-q", "--json"]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    record = json.loads(streams.out)
    assert (record["ok"], record["findings"], record["note"]) == (True, [], None)
    (flag,) = record["leave_one_out"]["flags"]
    assert (flag["number"], flag["image"], flag["kind"]) == (4, "images/3.png", "border")
    assert flag["facts"]["pixels"] == 6


def test_one_cue_says_so_and_needs_no_pack(capsys: pytest.CaptureFixture[str]) -> None:
    make((10, 10))
    capsys.readouterr()
    assert run(["cues", "check", "set", "--pack", "none"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "set: all well",
        "leave-one-out needs two images with a mask or polygons, here is 1: add a cue with a mask",
    ]
    assert run(["cues", "check", "set", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["leave_one_out"] is None
    assert "here is 1" in record["note"]


def test_files_only_asks_no_pack(capsys: pytest.CaptureFixture[str]) -> None:
    make((10, 10), (12, 12))
    capsys.readouterr()
    assert run(["cues", "check", "set", "--files-only", "--pack", "none"]) == 0
    assert capsys.readouterr().out == "set: all well\n"
    assert run(["cues", "check", "set", "--pack", "none"]) == 1
    assert "none" in capsys.readouterr().err


def test_broken_files_are_all_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    make((10, 10), (12, 12), (14, 14))
    Path("set/images/1.png").write_bytes(b"")
    capsys.readouterr()
    assert run(CHECK) == 1
    out = capsys.readouterr().out
    assert out.startswith("error: images/1.png")
    assert "IoU" not in out
