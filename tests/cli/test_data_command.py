"""`cuecast data check` and `cuecast data card` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from commands import cuecast, one_line
from pictures import mask, picture

from cuecast.cli.data import Uses
from cuecast.datasets.licences import USES
from cuecast.datasets.pictures import Trouble


def a_set(root: Path, **card: str) -> Path:
    for i in range(2):
        picture(root / "images" / f"{i}.png", i + 2)
        mask(root / "masks" / f"{i}.png", [1] * (i + 2) + [0] * (6 - i))
    (root / "card.json").write_text(json.dumps({"name": "reds", "licence": "MIT", **card}))
    return root


def test_a_sound_folder_is_exit_code_0_and_what_is_wrong_1(tmp_path: Path) -> None:
    root = a_set(tmp_path / "set")
    done = cuecast("data", "check", "set", "--without", "duplicate", cwd=tmp_path)
    assert (done.code, done.err.startswith("pictures of set: 2/2")) == (0, True)
    assert done.out == "set: training set, 2 pictures, 2 with a mask, MIT\nnothing is wrong\n"
    (root / "masks" / "1.png").unlink()
    done = cuecast("data", "check", "set", "--without", "duplicate", "-q", cwd=tmp_path)
    assert done.code == 1
    assert "error: set: 1.png: it has no mask; add what is missing, or take it away" in done.out
    assert done.out.endswith("1 pair (error)\n")


def test_leaks_and_licences_in_json(tmp_path: Path) -> None:
    a_set(tmp_path / "a")
    a_set(tmp_path / "b", licence="CC BY-NC 4.0")
    done = cuecast("data", "check", "a", "b", "--use", "shipping", "--json", "-q", cwd=tmp_path)
    assert done.code == 1
    assert done.json["ok"] is False
    assert done.json["use"] == "shipping"
    assert [f["licence"] for f in done.json["folders"]] == ["MIT", "CC-BY-NC-4.0"]
    kinds = {(f["kind"], f["folder"]) for f in done.json["findings"]}
    assert {("leak", "b"), ("licence", "b")} <= kinds


def test_warnings_alone_are_exit_code_0(tmp_path: Path) -> None:
    a_set(tmp_path / "set", licence="CC BY-SA 4.0")
    done = cuecast("data", "check", "set", "--use", "shipping", "--without", "duplicate", "-q", cwd=tmp_path)
    assert done.code == 0
    assert "warning: set: card.json: CC-BY-SA-4.0: " in done.out


def test_papers_go_to_stdout_or_into_a_file(tmp_path: Path) -> None:
    a_set(tmp_path / "set")
    done = cuecast("data", "card", "set", "-q", cwd=tmp_path)
    assert done.code == 0
    assert done.json["name"] == "reds"
    note = "set: its card.json does not state url, creator, date, citation, which Croissant asks for"
    assert done.err == f"cuecast: note: {note}\n"
    again = cuecast("data", "card", "set", "-q", "-o", "set/croissant.json", cwd=tmp_path)
    assert again.out == "set/croissant.json\n"
    assert json.loads((tmp_path / "set" / "croissant.json").read_text()) == done.json
    assert cuecast("data", "card", "set", "-q", cwd=tmp_path).json == done.json


def test_what_is_no_folder_is_one_line(tmp_path: Path) -> None:
    for command in ("check", "card"):
        done = cuecast("data", command, "nowhere", "-q", cwd=tmp_path)
        assert done.code == 1
        assert one_line(done.err).startswith("nowhere: there is no such folder")
    done = cuecast("data", "check", "nowhere", "--without", "pairs", cwd=tmp_path)
    assert "'pairs' is no kind of finding; choose from pair, unreadable" in one_line(done.err)


def test_the_choices_are_those_of_the_library() -> None:
    assert tuple(Uses) == USES
    told = cuecast("data", "check", "--help").out
    assert all(kind in told for kind in get_args(Trouble))
