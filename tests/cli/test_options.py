"""Groups of flags: typer sees each flag, the command gets one value a group."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Annotated

import typer
from typer.testing import CliRunner

from cuecast.cli.options import Speed, grouped


@dataclass(frozen=True)
class Colours:
    """Two flags that belong together."""

    ink: Annotated[str, typer.Option(help="What is drawn with.")] = "black"
    paper: Annotated[list[str] | None, typer.Option("--paper", help="What is drawn on.")] = None


def test_a_group_stands_for_its_flags() -> None:
    got: list[object] = []

    @grouped
    def draw(name: str, colours: Colours, *, times: int = 1, speed: Speed) -> None:
        """Draw something."""
        got.extend((name, colours, times, speed))

    assert list(signature(draw).parameters) == ["name", "ink", "paper", "times", "workers", "threads"]
    app = typer.Typer()
    app.command()(draw)
    done = CliRunner().invoke(app, ["star", "--paper", "white", "--paper", "grey", "-j", "3"])
    assert done.exit_code == 0, done.output
    assert got == ["star", Colours("black", ["white", "grey"]), 1, Speed(workers=3)]
    assert "What is drawn with." in CliRunner().invoke(app, ["--help"]).output
