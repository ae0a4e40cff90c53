"""`cuecast cues log` and `cuecast cues undo`: what changed in a cue set, and taking it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.options import JsonFlag

if TYPE_CHECKING:
    from cuecast.cuesets.history import Version

CueSetArgument = Annotated[Path, typer.Argument(metavar="CUESET", help="Folder or .zip of a cue set.")]


def log(cueset: CueSetArgument, as_json: JsonFlag = False) -> None:
    """List the versions of a cue set, oldest first: number, time, what changed, digest.

    The last one is the set as it is. The past lies in history.jsonl and history/ of the set; deleting both forgets it,
    and `cuecast cues zip` leaves it out.
    """
    from cuecast.cuesets.cueset import read_cueset
    from cuecast.cuesets.history import versions

    found = versions(read_cueset(cueset))
    if as_json:
        record = {"cueset": str(cueset), "versions": [_as_dict(v) for v in found]}
        typer.echo(json.dumps(record, indent=1, ensure_ascii=False))
        return
    width = len(str(found[-1].version))
    for v in found:
        typer.echo(
            f"{v.version:>{width}}  {v.time or 'not logged yet':20}  {v.digest[:12]}  {v.change}: {v.what}"
        )


def undo(
    cueset: CueSetArgument,
    to: Annotated[
        int | None,
        typer.Option("--to", min=1, metavar="N", help="Go to version N of the log, back or forth."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back the last change of a cue set.

    Again takes back the one before it. Nothing is forgotten: what was taken back stays in the log, and --to N goes
    to any version there.
    """
    from cuecast.cuesets.edit import undo as take_back
    from cuecast.cuesets.history import versions

    present = versions(take_back(cueset, to))[-1]
    if as_json:
        typer.echo(json.dumps({"cueset": str(cueset), **_as_dict(present)}, indent=1, ensure_ascii=False))
    else:
        typer.echo(f"{cueset}: version {present.version}, {present.what}, digest {present.digest[:12]}")


def _as_dict(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "time": version.time,
        "change": version.change,
        "what": version.what,
        "digest": version.digest,
        "restores": version.restores,
    }
