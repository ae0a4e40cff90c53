"""`cuecast cues check`: can a cue set be read, which of its cues hurt, and would more help?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuecast.cli.options import JsonFlag, PackOption, QuietFlag, Scale, ScaleOption, ThreadsOption

if TYPE_CHECKING:
    from cuecast.cue_quality.result import CueCheck


def check(
    cueset: Annotated[Path, typer.Argument(metavar="CUESET", help="Folder or .zip of a cue set.")],
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Only whether it can be read; no pack is loaded.")
    ] = False,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Say whether a cue set can be read, which of its cues hurt, and whether more would help.

    Prints one line a finding about the files. Where two images at least have a mask or polygons, each of these is
    predicted from all the others (leave-one-out): the IoU says how well the cues agree. A cue is flagged where its
    mask looks shifted, inverted, of another class or too wide, where its magnification differs, or where it disagrees
    with the others and nothing of these explains it. The curve of IoU against the number of cues says whether more
    are likely to help.

    Exit code 1 says that there is an error in the files; warnings and flags give 0.
    """
    from cuecast.cuesets.cueset import check_cueset

    findings = check_cueset(cueset)
    errors = sum(f.level == "error" for f in findings)
    result, note = None, ""
    if not errors and not files_only:
        result, note = _cross_check(cueset, pack, scale, threads, quiet)
    if as_json:
        record = {
            "ok": not errors,
            "findings": [asdict(f) for f in findings],
            "leave_one_out": result.as_dict() if result else None,
            "note": note or None,
        }
        typer.echo(json.dumps(record, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(f"{f.level}: {f}" for f in findings) or f"{cueset}: all well")
        if result or note:
            typer.echo(f"\n{result.as_table()}" if result else note)
    if errors:
        raise typer.Exit(1)


def _cross_check(
    cueset: Path, pack: str, scale: Scale, threads: int | None, quiet: bool
) -> tuple[CueCheck | None, str]:
    """What leave-one-out says, or why it says nothing; the pack is loaded only where it is needed."""
    from cuecast.cli.progress import progress
    from cuecast.cue_quality.check import check_cues, too_few
    from cuecast.cue_quality.trials import complete_cues
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.predictor import load

    read = read_cueset(cueset)
    examples = read_examples(read)
    if len(complete_cues(examples)) < 2:
        return None, too_few(examples)
    predictor = load(pack, threads=threads)
    with progress("answers", quiet) as report:
        return check_cues(predictor, examples, read.classes, scale.value, report), ""
