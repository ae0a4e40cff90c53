"""Writes docs/commands.md from the help of the commands themselves: `python docs/generate_commands.py`.

A test compares the page with what this gives. It reads the declarations, not the printed help, so that the
page does not depend on the version of typer or the width of a terminal.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from cuecast.cli.table import app

PAGE = Path(__file__).with_name("commands.md")
HEAD = """\
# Commands

Written by `docs/generate_commands.py` from the help of the commands; change the help, then run it again.
Results go to stdout, progress and errors to stderr; every error is one line that says what is wrong and what
to do. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some inputs failed, 130 interrupted.
`CUECAST_MAX_PIXELS` sets the number of pixels above which an image is refused (200 million),
`CUECAST_PACKS` the folders that are searched for packs first.
"""


def page() -> str:
    """The whole page."""
    sections = (section(name, command) for name, command in commands(typer.main.get_command(app), "cuecast"))
    return HEAD + "\n" + "\n".join(sections)


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """(full name, command) of every command that does something, groups opened, in the order of the help."""
    for child in getattr(command, "commands", {}).values():
        path = f"{name} {child.name}"
        if hasattr(child, "commands"):
            yield from commands(child, path)
        else:
            yield path, child


def section(name: str, command: Any) -> str:
    """One command: how it is called, what it does, and its flags."""
    parameters = [p for p in command.params if p.name != "help"]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p.param_type_name == "option"]
    call = [
        name,
        *map(_placeholder, arguments),
        *(f"{min(p.opts, key=len)} {p.metavar}" for p in options if p.required),
    ]
    if len(options) > sum(p.required for p in options):
        call.append("[OPTIONS]")
    about = inspect.cleandoc(command.help or "")
    rows = [f"| `{_cell(_placeholder(p))}` | {_cell(p.help)} |" for p in arguments]
    rows += [f"| `{_cell(_flag(p))}` | {_cell(p.help)}{_default(p)} |" for p in options]
    table = ["| argument or flag | meaning |", "| --- | --- |", *rows]
    return "\n".join([f"## {name}", "", f"    {' '.join(call)}", "", about, "", *table, ""])


def _placeholder(argument: Any) -> str:
    name = argument.metavar + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _flag(option: Any) -> str:
    """'-o, --output OUT'."""
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.metavar}"


def _default(option: Any) -> str:
    if option.is_flag or option.required or option.default is None:
        return ""
    return f" Default: `{_cell(str(option.default))}`."


def _cell(text: str) -> str:
    """Text that does not break a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
