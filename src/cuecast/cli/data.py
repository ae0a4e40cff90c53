"""`cuecast data`: what is wrong with a folder of data, and its papers."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cuecast.cli.options import QuietFlag, grouped
from cuecast.cli.output import Printed, json_text, note, progress, say

if TYPE_CHECKING:
    from cuecast.datasets.check import DataCheck
    from cuecast.datasets.pictures import Trouble

app = typer.Typer(help="Check folders of pictures with masks, and write their papers.", rich_markup_mode=None)


class Uses(StrEnum):
    """The choices of --use; a test compares them with `cuecast.datasets.licences.USES`, too heavy for --help."""

    MEASURING = "measuring"
    TRAINING = "training"
    SHIPPING = "shipping"


FoldersArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER...",
        help="Cue sets (folder or .zip), training sets (images/, masks/, card.json), results, or pictures with masks.",
    ),
]


@app.command()
@grouped
def card(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="A cue set (folder or .zip), a training set (images/, masks/, card.json), results, or pictures with "
            "masks.",
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write them to this file, such as FOLDER/croissant.json."
        ),
    ] = None,
    quiet: QuietFlag = False,
) -> None:
    """Write the papers of a folder of data: Croissant 1.1 with the part for responsible use, as JSON-LD.

    Files with their SHA-256, pictures and masks as records, licence as an SPDX expression, where it comes from, what
    can be counted. What a person has to say stands in FOLDER/card.json; what is missing there is named on stderr.
    Names of files are relative to FOLDER: the papers belong into it, and beside a .zip.
    """
    from cuecast.datasets.croissant import data_card, not_stated
    from cuecast.io.files import write_text

    with progress(quiet) as report:
        papers = data_card(folder, output, report)
    if output is None:
        say(papers, "", as_json=True)
    else:
        typer.echo(write_text(output, f"{json_text(papers)}\n"))
    if missing := not_stated(papers):
        note(f"{folder}: its card.json does not state {', '.join(missing)}, which Croissant asks for")


@app.command()
@grouped
def check(
    folders: FoldersArgument,
    *,
    use: Annotated[
        Uses,
        typer.Option(
            "--use",
            metavar="measuring|training|shipping",
            help="What the data is for, by which its licence is judged: shipping is to give the data, or weights "
            "trained on it, to others.",
        ),
    ] = Uses.TRAINING,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="KIND",
            help="Findings that are left out: pair, unreadable, mask, cue, card, duplicate, leak or licence; may be "
            "repeated.",
        ),
    ] = None,
    printed: Printed,
) -> None:
    """Find what is wrong with data before it teaches or goes out.

    Pictures without masks and masks without pictures, sizes that differ, files that cannot be read, pictures that are
    there twice or nearly so, pictures that are in two of the folders (what teaches must not judge), and licences that
    are missing or forbid the use.

    Exit code 1 says that something is wrong; warnings alone are exit code 0.
    """
    from cuecast.datasets.check import check_data

    with progress(printed.quiet) as report:
        found = check_data(folders, use.value, cast("list[Trouble]", without or []), report)
    say(found.as_dict(), _told(found), printed.as_json)
    if not found.ok:
        raise typer.Exit(1)


def _told(found: DataCheck) -> str:
    """A line a folder, a line a finding, and how many there are."""
    lines = [
        f"{f.path}: {f.kind}, {f.pictures} picture{'s' * (f.pictures != 1)}, {f.masks} with a mask, {f.licence}"
        for f in found.folders
    ]
    lines += [f"{f.level}: {f}" for f in found.findings]
    counts = Counter((f.level, f.kind) for f in found.findings)
    said = ", ".join(f"{n} {kind} ({level})" for (level, kind), n in sorted(counts.items()))
    return "\n".join([*lines, said or "nothing is wrong"])
