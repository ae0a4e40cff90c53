"""`cuecast gather`: what the shards of a job have done, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import grouped
from cuecast.cli.output import Printed, fail, note, places, plain, progress, say, tally
from cuecast.core.errors import without_name


@grouped
def gather(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that the shards have written to.")],
    *,
    printed: Printed,
) -> None:
    """Put together in OUT what the runs with --shard have done.

    Writes what one undivided run writes, byte for byte: tables, label files, report, one manifest. Where a shard is not
    whole, each is named with what is missing, nothing is written, and the exit code is 1: run those again, and gather.

    Exit code 3 says that some inputs failed in their shards; each is named on stderr and in the manifest.
    """
    from cuecast.io.files import note_of_edited
    from cuecast.runs.gather import JOBS, gather, job_of

    noun = JOBS[job_of(output)].noun
    with progress(printed.quiet) as report:
        summary = gather(output, report)
    record = plain(summary) | {"failures": [{"input": i, "error": e} for i, e in summary.failures]}
    text = "\n".join([f"gathered: {tally(noun, summary.counts, unless=('failed',))}", *places(summary.files)])
    say(record, text, printed.as_json)
    note(*summary.notes, note_of_edited(summary.edited))
    every = len(summary.failures) == sum(summary.counts.values())
    fail((f"{name}: {without_name(error, name)}" for name, error in summary.failures), 1 if every else 3)
