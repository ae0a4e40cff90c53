"""What the results of images are called: names made of theirs, by a template."""

from __future__ import annotations

import os
import string
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from cuecast.core.errors import OutputError

NAME_FIELDS = ("stem", "suffix", "parent", "index")


def output_names(inputs: Sequence[Path], template: str) -> list[str]:
    """The output name of each input, by a template of {stem}, {suffix}, {parent} and {index} (from 1).

    Raises OutputError where the template cannot be used, or two inputs would have the same name.
    """
    check_template(template)
    names: list[str] = []
    taken: dict[str, Path] = {}
    for index, path in enumerate(inputs, start=1):
        parent = Path(os.path.abspath(path)).parent.name
        name = template.format(stem=path.stem, suffix=path.suffix[1:], parent=parent, index=index)
        if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
            raise OutputError(f"{path}: {name!r} cannot name a file; change the template {template!r}")
        # two names that differ in case, or in how an accent is written, are one file on some systems
        key = unicodedata.normalize("NFC", name).casefold()
        if key in taken:
            raise OutputError(
                f"{taken[key]} and {path} would both be written as {name}.png; name them apart with "
                "--name '{parent}_{stem}', '{stem}_{suffix}' or '{index}_{stem}'"
            )
        taken[key] = path
        names.append(name)
    return names


def check_template(template: str) -> None:
    """Raise OutputError where a template of output names cannot be used."""
    remedy = "use {stem}, {suffix}, {parent} and {index}, for example '{parent}_{stem}' or '{index:04d}'"
    try:
        fields = [f for _, f, _, _ in string.Formatter().parse(template) if f is not None]
        if any(f not in NAME_FIELDS for f in fields):
            raise ValueError("it names something else")
        template.format(stem="", suffix="", parent="", index=1)
    except (ValueError, IndexError, KeyError) as error:
        raise OutputError(f"name template {template!r} cannot be used ({error}); {remedy}") from error
