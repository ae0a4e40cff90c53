"""Pages that need neither a server nor the network: templates in which all that comes from outside is escaped."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from importlib.resources import files as package_files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cuecast.io.files import replacing

HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; {policy}">
<meta name="generator" content="cuecast">
<title>{title}</title>
<style>
{style}</style>
</head>"""


def head(title: str, style: str, policy: str) -> Markup:
    """How a page begins, before its body; `policy`: what it may load beside nothing."""
    return Markup(HEAD).format(title=title, style=style, policy=Markup(policy))


def environment() -> Environment:
    """Templates with the filters, and the `head`, that pages share."""
    made = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    made.filters.update(
        data=lambda picture: f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}",
        link=lambda path: quote(os.fsencode(path)),
        number=lambda value: "" if value is None else f"{value:.6g}",
        short=lambda value: f"{value:g}",
        figure=lambda iou: "-" if iou is None else f"{iou:.2f}",
        sentence=lambda text: f"{text[:1].upper()}{text[1:].removesuffix('.')}.",
    )
    made.globals["head"] = head
    return made


def asset(room: str, name: str) -> str:
    """A text file that lies in a room of the package ('cuecast.results', 'report.html')."""
    return package_files(room).joinpath(name).read_text(encoding="utf-8")


def write_page(path: str | Path, parts: Iterable[str]) -> Path:
    """Write the parts of a page as UTF-8, atomically. Raises OutputError."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="\n") as f,
    ):
        f.writelines(parts)
    return Path(path)
