"""`cuecast cues`: make, fill, check, show and mail a cue set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import one_line
from pictures import mask, picture
from PIL import Image

from cuecast.cli import run
from cuecast.cuesets.cueset import read_cueset


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a.png with a_mask.png, b.png, and a=c.png."""
    picture(tmp_path / "a.png", 4)
    picture(tmp_path / "b.png", 2)
    picture(tmp_path / "a=c.png", 3)
    mask(tmp_path / "a_mask.png", [1, 1, 1, 1, 0, 0, 0, 0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["set", "set.zip"])
def test_a_set_is_made_filled_checked_and_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "new", name, "--class", "red", "--class", "blue"]) == 0
    marks = ["--cue", "a.png=a_mask.png", "--point", "a.png=7,1,blue", "--box", "b.png=0,0,2,4,red"]
    assert run(["cues", "add", name, *marks, "--scribble", "b.png=4,0;5,1,0"]) == 0
    assert run(["cues", "check", name]) == 0
    assert f"{name}: all well" in capsys.readouterr().out.splitlines()
    assert run(["cues", "show", name, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [(c["id"], c["name"]) for c in record["classes"]] == [(1, "red"), (2, "blue")]
    assert [c["kinds"] for c in record["cues"]] == [["mask", "points"], ["boxes", "scribbles"]]
    assert record["digest"] == read_cueset(name).digest()


def test_a_set_without_named_classes_has_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "new", "set", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [(c["id"], c["name"]) for c in record["classes"]] == [(1, "thing")]
    assert record["cues"] == []


def test_a_class_can_be_added_with_a_cue() -> None:
    assert run(["cues", "new", "set", "--class", "red"]) == 0
    assert run(["cues", "add", "set", "--class", "blue", "--point", "a.png=7,0,blue"]) == 0
    assert [(c.id, c.name) for c in read_cueset("set").classes] == [(1, "red"), (2, "blue")]
    assert read_cueset("set").entries[0].points[0].cls == 2


def test_images_with_equals_signs_and_absent_ones() -> None:
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--box", "a=c.png=0,0,3,4", "--absent", "b.png"]) == 0
    assert [e.kinds for e in read_cueset("set").entries] == [("boxes",), ("absent",)]


def test_a_sheet_shows_every_cue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--cue", "a.png"]) == 0
    capsys.readouterr()
    assert run(["cues", "show", "set", "-o", "sheet.png"]) == 0
    assert "a.png  mask" in capsys.readouterr().out
    with Image.open("sheet.png") as sheet:
        assert sheet.width >= 320
    assert run(["cues", "show", "set", "-o", "sheet.gif"]) == 2
    assert "give a name that ends in .png" in one_line(capsys.readouterr().err)


def test_a_folder_becomes_an_archive_with_the_same_digest() -> None:
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--cue", "a.png"]) == 0
    assert run(["cues", "zip", "set", "-o", "mail.zip"]) == 0
    assert read_cueset("mail.zip").digest() == read_cueset("set").digest()


def test_a_broken_set_is_reported_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--cue", "a.png", "--absent", "b.png"]) == 0
    Path("set/images/a.png").write_bytes(b"")
    Path("set/images/b.png").unlink()
    capsys.readouterr()
    assert run(["cues", "check", "set"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("error: ", "warning: ")) for line in lines)
    assert any("images/a.png" in line for line in lines)
    assert any("images/b.png" in line for line in lines)
    assert run(["cues", "check", "set", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["ok"] is False
    assert all(f["reason"] and f["remedy"] for f in record["findings"])


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["add", "set"], 2, "nothing to add: give --cue IMAGE=MASK"),
        (["add", "none", "--cue", "a.png"], 1, "none"),
        (["add", "set", "--box", "a.png=0,0,1,1,cat"], 2, "class 'cat' is unknown; known are thing"),
        (["add", "set", "--cue", "b.png"], 2, "no mask lies beside it"),
        (["new", "set"], 1, "there is something already; add to it with 'cuecast cues add set'"),
        (["new", "other", "--class", "x", "--class", "x"], 2, "'x' is given twice"),
        (["check", "a.png"], 1, "a.png"),
        (["show", "none"], 1, "none"),
    ],
)
def test_errors_are_one_line(
    args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cues", "new", "set"]) == 0
    capsys.readouterr()
    assert run(["cues", *args]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert says in one_line(streams.err)


def test_nothing_is_added_where_one_of_the_cues_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--cue", "a.png", "--box", "b.png=0,0,99,4"]) == 1
    assert "reaches outside the image" in one_line(capsys.readouterr().err)
    assert read_cueset("set").entries == ()
    assert list(Path("set/images").iterdir()) == []
