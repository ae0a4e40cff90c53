"""`cuecast cues log` and `undo`, and corrections by `cues add`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from commands import one_line
from pictures import mask, picture

from cuecast.cli import run
from cuecast.cuesets.cueset import read_cueset


@pytest.fixture(autouse=True, params=["set", "set.zip"])
def name(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a set with the cue a.png, in the current folder; b.png, fixed.png and fixed=2.png are there."""
    picture(tmp_path / "a.png", 4)
    picture(tmp_path / "b.png", 2)
    mask(tmp_path / "a_mask.png", [1, 1, 1, 1, 0, 0, 0, 0])
    mask(tmp_path / "fixed.png", [1, 1, 0, 0, 0, 0, 0, 0])
    mask(tmp_path / "fixed=2.png", [1, 0, 0, 0, 0, 0, 0, 0])
    monkeypatch.chdir(tmp_path)
    assert run(["cues", "new", request.param]) == 0
    assert run(["cues", "add", request.param, "--cue", "a.png"]) == 0
    return str(request.param)


def changes(name: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert run(["cues", "log", name, "--json"]) == 0
    return [v["what"] for v in json.loads(capsys.readouterr().out)["versions"]]


def test_a_correction_takes_the_place_of_the_mask_and_can_be_taken_back(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = read_cueset(name).digest()
    assert run(["cues", "add", name, "--image", "a.png", "--mask", "fixed=2.png"]) == 0
    assert len(read_cueset(name).entries) == 1
    assert read_cueset(name).digest() != digest
    capsys.readouterr()
    assert run(["cues", "undo", name]) == 0
    said = capsys.readouterr().out
    assert said == f"{name}: version 4, back to version 2 (images/a.png: mask), digest {digest[:12]}\n"
    assert read_cueset(name).digest() == digest
    assert run(["cues", "undo", name, "--to", "3", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["version"], record["change"], record["restores"]) == (5, "undo", 3)
    assert changes(name, capsys) == [
        "empty, with class thing",
        "images/a.png: mask",
        "images/a.png: mask in place of mask",
        "back to version 2 (images/a.png: mask)",
        "back to version 3 (images/a.png: mask in place of mask)",
    ]


def test_the_log_is_one_line_a_version(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["cues", "log", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"1  {time}  [0-9a-f]{{12}}  new: empty, with class thing", lines[0])
    assert lines[1].endswith(f"{read_cueset(name).digest()[:12]}  add: images/a.png: mask")
    assert len(lines) == 2


def test_one_command_is_one_change(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    marks = ["--point", "b.png=1,1", "--image", "a.png", "--mask", "fixed.png", "--point", "a.png=7,0,0"]
    assert run(["cues", "add", name, *marks]) == 0
    assert changes(name, capsys)[-1] == "images/a.png: mask and points in place of mask; images/b.png: points"
    assert run(["cues", "undo", name]) == 0
    assert [e.kinds for e in read_cueset(name).entries] == [("mask",)]


def test_all_that_was_said_of_an_image_can_be_replaced(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "add", name, "--absent", "a.png"]) == 1
    assert "says the opposite" in one_line(capsys.readouterr().err.splitlines()[-1] + "\n")
    assert run(["cues", "add", name, "--absent", "a.png", "--replace"]) == 0
    assert [e.kinds for e in read_cueset(name).entries] == [("absent",)]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["undo", "--to", "9"], 1, "there is no version 9; 'cuecast cues log' lists 1 to 2"),
        (["undo", "--to", "0"], 2, "invalid value for '--to'"),
        (["add", "--image", "a.png"], 2, "--image and --mask belong together"),
        (["add", "--mask", "fixed.png"], 2, "--image and --mask belong together"),
        (
            ["add", "--image", "no.png", "--mask", "fixed.png"],
            1,
            "no.png: there is no such image (from --image)",
        ),
        (
            ["add", "--image", "a.png", "--mask", "no.png"],
            1,
            "no.png: there is no such mask file (from --mask)",
        ),
        (["add", "--cue", "a.png", "--image", "a.png", "--mask", "fixed.png"], 2, "a.png has a mask already"),
    ],
)
def test_errors_are_one_line(
    name: str, args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["cues", args[0], name, *args[1:]]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert says in one_line(streams.err)


def test_what_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "undo", "nowhere/set"]) == 1
    assert "nowhere/set" in one_line(capsys.readouterr().err)


def test_there_is_an_end_to_taking_back(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "undo", name]) == 0
    capsys.readouterr()
    assert run(["cues", "undo", name]) == 1
    assert "nothing to take back" in one_line(capsys.readouterr().err)
