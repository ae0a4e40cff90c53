"""Progress: a line now and then with rate and time left, nothing when quiet, a bar on a terminal."""

from __future__ import annotations

import pytest

from cuecast.cli import output as module
from cuecast.cli.output import duration, line, progress
from cuecast.core.ordered import Step


@pytest.mark.parametrize(
    ("done", "seconds", "says"),
    [
        (0, 0.0, "images: 0/12, -/s, unknown time left"),
        (3, 2.0, "images: 3/12, 1.5/s, 6 s left"),
        (1, 30.0, "images: 1/12, 30.0 s each, 5 min 30 s left"),
        (12, 6.0, "images: 12/12, 2.0/s, took 6 s"),
    ],
)
def test_a_line_has_rate_and_time_left(done: int, seconds: float, says: str) -> None:
    assert line("images", done, 12, seconds) == says


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 59, 60, 185, 7620)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 07 min",
    ]


def test_lines_come_now_and_then_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 4.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress() as report:
        for done in range(1, 5):
            report(Step("images", done, 4))
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.splitlines() == [
        "images: 2/4, 5.5 s each, 11 s left",
        "images: 4/4, 3.2 s each, took 13 s",
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as report:
        report(Step("images", 1, 1))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    with progress() as report:
        report(Step("images", 1, 2))
        report(Step("images", 2, 2))
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "images" in streams.err
    assert "2/2" in streams.err


def test_several_classes_are_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = ["cell"]
    with progress(classes=classes) as report:
        report(Step("slices", 1, 1))
        classes.extend(["nucleus", "vessel"])
        report(Step("slices", 1, 1))
    assert [text.split(":")[0] for text in capsys.readouterr().err.splitlines()] == [
        "slices",
        "slices (3 classes)",
    ]
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    with progress(classes=classes) as report:
        report(Step("slices", 1, 1))
    assert "slices (3 classes)" in capsys.readouterr().err


def test_what_comes_after_the_work_is_told_of_where_it_takes_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 0.5, 1.0, 1.9, 2.0, 3.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with progress() as report:
        for what in ("images", "tables", "report"):  # begun and ended at 0 and 0.5, 1 and 1.9, 2 and 3
            report(Step(what, 1, 1))
    assert [text.split(":")[0] for text in capsys.readouterr().err.splitlines()] == ["images", "report"]
