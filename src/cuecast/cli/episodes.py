"""`cuecast episodes`: draw a list of episodes from pictures with masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import QuietFlag


def draw(
    folder: Annotated[
        Path,
        typer.Argument(metavar="SETS", help="Folder with images/ and masks/, or a folder of such folders."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="LIST", help="The list to write: JSON lines, see docs/episodes.md."
        ),
    ],
    shots: Annotated[
        list[int] | None,
        typer.Option(
            min=1, metavar="N", help="A number of cues; may be repeated. Default: 1, 2, 4, 8 and 16."
        ),
    ] = None,
    queries: Annotated[int, typer.Option(min=1, metavar="N", help="Queries of each task.")] = 4,
    tasks: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Tasks (classes) of each set, at most. Default: all."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Another seed draws another list.")] = 0,
    absent: Annotated[
        bool,
        typer.Option("--absent", help="Only queries without the thing: of the same set, and of another one."),
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Draw a list of episodes from pictures with masks.

    Every query is asked with each number of cues, and the cues are nested: its 16 begin with its 8. A query is
    never among its cues. Classes shown in too few pictures for the largest number of cues are left out. The same
    call gives the same list. Paths in the list start from SETS.
    """
    from cuecast.evaluation.draw import draw_absent, draw_episodes, write_episodes

    episodes = draw_episodes(folder, shots or (1, 2, 4, 8, 16), queries, tasks, seed)
    if absent:
        episodes = draw_absent(episodes, folder, seed)
    write_episodes(output, episodes)
    if not quiet:
        found = {(e.set, e.task) for e in episodes}
        sets = len({name for name, _ in found})
        typer.echo(f"{output}: {len(episodes)} episodes, {len(found)} tasks, {sets} sets", err=True)
