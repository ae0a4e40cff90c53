"""`cuecast eval`: streams, formats, selection and errors."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from commands import cuecast, one_line
from pictures import episode_folder, object_folder

from cuecast.cli import run


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return episode_folder(tmp_path_factory.mktemp("episodes"))


def test_table_on_stdout_progress_on_stderr(listed: Path) -> None:
    done = cuecast("eval", listed, "--pack", "colours", "--workers", 2)
    assert done.code == 0
    assert done.out.splitlines()[3].split()[:3] == ["mean", "0.917", "0.250"]
    assert done.err.splitlines()[-1].startswith("episodes: 4/4, ")


def test_json_and_quiet(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(listed), "--pack", "colours", "--json", "-q"]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    assert json.loads(streams.out)["means"][0]["iou"] == pytest.approx(11 / 12)


def test_csv_and_selection(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(listed), "-p", "colours", "--csv", "-q", "--set", "s2", "--shots", "2"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(r["set"], r["shots"], r["iou"], r["pack"]) for r in rows] == [
        ("s2", "2", "0.250000", "colours"),
        ("mean", "2", "0.250000", "colours"),
    ]


def test_keeps_three_files(listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "scores"
    assert run(["eval", str(listed), "--pack", "colours", "-q", "-o", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["episodes.csv", "scores.csv", "scores.json"]
    assert len(json.loads((out / "scores.json").read_text())["episodes"]) == 4
    assert len((out / "episodes.csv").read_text().splitlines()) == 5
    assert capsys.readouterr().out.startswith("set")


def test_interactive_prints_a_table_and_keeps_three_files(
    listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [
        "eval",
        str(listed),
        "--pack",
        "colours",
        "--interactive",
        "--clicks",
        "3",
        "-o",
        str(tmp_path / "o"),
    ]
    assert run(args) == 0
    streams = capsys.readouterr()
    assert streams.out.splitlines()[3].split()[:3] == ["mean", "0", "2.50"]
    assert streams.err.startswith("corrections: 8/8, ")
    names = sorted(p.name for p in (tmp_path / "o").iterdir())
    assert names == ["click_episodes.csv", "clicks.csv", "clicks.json"]
    assert len((tmp_path / "o/click_episodes.csv").read_text().splitlines()) == 1 + 6


def test_interactive_as_json_with_selection(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = [
        "eval",
        str(listed),
        "-p",
        "colours",
        "--interactive",
        "--json",
        "-q",
        "--set",
        "s1",
        "--limit",
        "1",
    ]
    assert run(args) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["clicks"] == 10
    assert [(e["id"], e["shots"]) for e in record["episodes"]] == [("e1", 0), ("e1", 1)]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["LIST", "--clicks", "5"], 2, "--clicks goes with --interactive: add it"),
        (
            ["LIST", "--interactive", "--clicks", "0"],
            2,
            "invalid value for '--clicks': Input should be greater than or equal to 1",
        ),
        (["LIST", "--json", "--csv"], 2, "--json and --csv exclude each other"),
        (["LIST", "--pack", "nonsense"], 1, "no pack 'nonsense'"),
        (["none.jsonl"], 1, "none.jsonl: the episode list cannot be read"),
        (["LIST", "--set", "s9"], 1, "no episode is left"),
        (["LIST", "--root", "nowhere"], 1, "episode e1: "),
    ],
)
def test_errors(
    listed: Path, args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [str(listed) if a == "LIST" else a for a in args]
    if "--pack" not in args:
        args += ["--pack", "colours"]
    assert run(["eval", *args, "-q"]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert one_line(streams.err).startswith(says)


def test_objects_prints_a_table_and_keeps_files_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = object_folder(tmp_path)
    out, pictures = tmp_path / "out", tmp_path / "pictures"
    args = [
        "eval",
        str(listed),
        "--pack",
        "colours",
        "--objects",
        "-q",
        "-o",
        str(out),
        "--pictures",
        str(pictures),
    ]
    assert run(args) == 0
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:4]] == [
        ["s1", "1", "connected"],
        ["s1", "1", "watershed"],
        ["s1", "1", "cuecast"],
    ]
    assert sorted(p.name for p in out.iterdir()) == [
        "object_episodes.csv",
        "object_scores.csv",
        "object_scores.json",
    ]
    assert [e["true"] for e in json.loads((out / "object_scores.json").read_text())["episodes"]] == [2] * 3
    assert [p.name for p in pictures.iterdir()] == ["s1-good.png"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--objects", "--interactive"], "exclude each other"),
        (["--pictures", "there"], "--pictures goes with --objects"),
    ],
)
def test_objects_refuses_what_does_not_go_together(
    listed: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", str(listed), "--pack", "colours", *flags]) == 2
    assert said in one_line(capsys.readouterr().err)


def test_objects_of_a_list_without_them_say_what_is_missing(
    listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", str(listed), "--pack", "colours", "-q", "--objects"]) == 1
    assert 'episode e1: images/b.png: nothing says which pixels are whose: add "instances"' in one_line(
        capsys.readouterr().err
    )
