"""Several films or volumes in one call, each into a folder of its own in OUT: the flags for it, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuecast.cli.marks import Shown
from cuecast.cli.options import ShardOption
from cuecast.cli.output import (
    Printed,
    fail,
    finished_before,
    note,
    of_shard,
    places,
    plain,
    said_of_shard,
    say,
    tally,
)
from cuecast.core.errors import OutputError, without_name

if TYPE_CHECKING:
    from cuecast.results.folder import Summary
    from cuecast.runs.several import Many


@dataclass(frozen=True)
class Several:
    """How several files are called, and which part of them is done."""

    name: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE",
            help="Names of the folders of several: {stem}, {suffix}, {parent}, {index} or {index:04d}.",
        ),
    ] = "{stem}"
    shard: ShardOption = None

    def needed(self, files: Sequence[Path]) -> bool:
        """Whether each file has a folder of its own: there are several, or it may be part of a job of several."""
        return len(files) > 1 or self.shard is not None

    def many(self, shown: Shown, overwrite: bool) -> Many:
        """Them as the library takes them. Raises BadParameter, also where marks are given that are of one file."""
        if shown.any:
            raise typer.BadParameter(
                "marks are of one file, and several are given, or a shard of several; show the thing by "
                "--cues CUESET or --concept NAME"
            )
        from cuecast.results.folder import check_template
        from cuecast.runs.several import Many

        try:
            check_template(self.name)
        except OutputError as unusable:
            raise typer.BadParameter(str(unusable)) from None
        return Many(self.name, overwrite, self.shard)


def say_several(noun: str, summary: Summary, several: Several, printed: Printed) -> None:
    """What the files came to, and which failed. Raises typer.Exit where one did."""
    head = tally(noun, summary.counts, finished_before(summary.resumed), unless=("failed",))
    failures = [{"input": path, "error": error} for path, error in summary.failures]
    text = "\n".join(of_shard(several.shard, summary.out, [head, *places(summary.files)]))
    say(plain(summary) | {"failures": failures} | said_of_shard(several.shard), text, printed.as_json)
    note(*summary.notes)
    every = len(summary.failures) == sum(summary.counts.values()) and several.shard is None
    fail((f"{path}: {without_name(error, path)}" for path, error in summary.failures), 1 if every else 3)
