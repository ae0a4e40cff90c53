"""`cuecast suggest`: the list, its JSON, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import one_line
from pictures import mask, picture

from cuecast.cli import run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The current folder: pool/ with four pictures, and a cue set `set` that marks the first."""
    for columns in (4, 2, 6, 0):
        picture(tmp_path / f"pool/{columns}.png", columns)
    mask(tmp_path / "mask.png", [1, 1, 1, 1, 0, 0, 0, 0])
    monkeypatch.chdir(tmp_path)
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--cue", "pool/4.png=mask.png"]) == 0
    capsys.readouterr()
    return tmp_path


COMMAND = ["suggest", "pool", "--cues", "set", "--pack", "colours"]


def test_images_are_listed_without_the_marked_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMAND, "-n", "2"]) == 0
    streams = capsys.readouterr()
    lines = streams.out.splitlines()
    assert lines[0].split() == ["rank", "image", "verdict", "confidence", "why"]
    assert len(lines) == 3
    assert "pool/4.png" not in streams.out
    assert "images: 4/4" in streams.err
    assert run([*COMMAND, "-n", "2", "-q", "-j", "3"]) == 0
    again = capsys.readouterr()
    assert (again.out, again.err) == (streams.out, "")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMAND, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["images"], record["marked"], record["failures"]) == (4, ["pool/4.png"], [])
    assert {s["image"] for s in record["suggestions"]} == {"pool/2.png", "pool/6.png", "pool/0.png"}
    assert all(s["why"] for s in record["suggestions"])


def test_a_bad_file_is_named_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pool/bad.png").write_bytes(b"no picture")
    assert run([*COMMAND, "-q"]) == 3
    streams = capsys.readouterr()
    assert len(streams.out.splitlines()) == 4
    assert streams.err.startswith("cuecast: failed: pool/bad.png: ")
    assert run(["suggest", "pool/bad.png", "--cues", "set", "--pack", "colours", "-q"]) == 1


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["suggest", "pool"], 2, "give --cues CUESET, or --concept NAME"),
        (["suggest", "pool", "--cues", "none"], 1, "none"),
        (["suggest", "nowhere", "--cues", "set"], 1, "'nowhere': there is no such file or folder"),
        (["suggest", "pool", "--cues", "set", "-n", "0"], 2, "invalid value for '--count' / '-n'"),
    ],
)
def test_errors_are_one_line(
    args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*args, *(["--pack", "colours"] if code == 1 else [])]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert says in one_line(streams.err)
