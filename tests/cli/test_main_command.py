"""The command as a whole: help, version, wrong usage, interruption, and what it must not import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from commands import cuecast, one_line

import cuecast as package
from cuecast.cli import run
from cuecast.cli.table import app
from cuecast.core.errors import OutputError


def test_help_goes_to_stdout_and_lists_every_command() -> None:
    done = cuecast("--help")
    assert (done.code, done.err) == (0, "")
    for command in ("segment", "cues", "suggest", "packs", "eval", "train", "doctor"):
        assert f"\n  {command} " in done.out
    assert "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some inputs failed." in done.out


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: cuecast [OPTIONS] COMMAND")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"cuecast {package.__version__}\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--nonsense"], "no such option: --nonsense (see 'cuecast --help')"),
        (["xyz"], "no such command 'xyz' (see 'cuecast --help')"),
        (["segment", "-o", "out"], "missing argument 'IMAGES' (see 'cuecast segment --help')"),
        (["cues"], "missing command (see 'cuecast cues --help')"),
        (["eval", "a.jsonl", "--workers", "many"], "invalid value for '--workers' / '-j'"),
        (["eval", "a.jsonl", "--workers", "0"], "invalid value for '--workers' / '-j'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    args: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(args) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert one_line(streams.err).startswith(says)
    assert "--help')" in streams.err


def test_what_fails_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OutputError("disk full\nwrite elsewhere")

    monkeypatch.setattr("cuecast.engine.packs.list_packs", fail)
    assert run(["packs", "list"]) == 1
    assert one_line(capsys.readouterr().err) == "disk full write elsewhere"


def test_an_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cuecast.engine.packs.list_packs", interrupt)
    assert run(["packs", "list"]) == 130
    assert "interrupted; run the same command again" in capsys.readouterr().err


def test_a_reader_that_goes_away_gets_no_traceback() -> None:
    code = (
        "import sys, cuecast.cli as c; sys.stdout.close = lambda: None; raise SystemExit(c.run(['--help']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom cuecast.cli import run\nrun(['segment', '--help'])\n"
        "heavy = {'numpy', 'PIL', 'scipy', 'skimage', 'onnxruntime', 'torch', 'tifffile'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_every_command_has_a_sentence_of_help() -> None:
    commands = [*app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        assert group.typer_instance.info.help
        commands += group.typer_instance.registered_commands
    assert len(commands) >= 11
    for command in commands:
        assert command.callback is not None
        first = (command.callback.__doc__ or "").strip().splitlines()[0]
        assert first.endswith("."), command.callback.__name__
