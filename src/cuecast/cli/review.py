"""`cuecast review`: what a person ticked on the report page, into the manifest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import JsonFlag


def review(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of results of `cuecast segment`.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="REVIEW", help="File that the page has saved. Without it: only list."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Note which masks a person called wrong, and list all that are.

    `cuecast segment --review` writes a report.html with a tick box for each image; its button saves the file. What is
    called wrong is redone, as doubtful images are, when the cue set has been corrected.

    Exit code 3 says that some ticks were passed over, because the mask is another one by now.
    """
    from cuecast.results.review import Reviewed, apply_review, called_wrong, read_review

    done = apply_review(output, read_review(file)) if file else Reviewed((), (), ())
    wrong = called_wrong(output)
    if as_json:
        record = {
            "out": str(output),
            "wrong": [{"name": e.name, "image": e.image, "verdict": e.verdict} for e in wrong],
            "marked": list(done.marked),
            "cleared": list(done.cleared),
            "passed_over": [{"name": name, "reason": reason} for name, reason in done.passed_over],
        }
        typer.echo(json.dumps(record, indent=1, ensure_ascii=False))
    else:
        typer.echo(f"{len(wrong)} called wrong")
        for entry in wrong:
            typer.echo(f"  {entry.image}")
    for name, reason in done.passed_over:
        print(f"cuecast: passed over: {name}: {reason}", file=sys.stderr)
    if done.passed_over:
        raise typer.Exit(3 if done.marked or done.cleared else 1)
