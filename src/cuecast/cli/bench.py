"""`cuecast bench`: a pack beside its baselines, on the same episodes and the same machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import (
    JsonFlag,
    LimitOption,
    PackOption,
    QuietFlag,
    RootOption,
    SetsOption,
    ShotsOption,
    ThreadsOption,
    WorkersOption,
)


def bench(
    episodes: Annotated[
        Path, typer.Argument(metavar="EPISODES", help="Episode list: JSON lines, see docs/evaluation.md.")
    ],
    pack: PackOption = "general",
    names: Annotated[
        str | None,
        typer.Option(
            "--baselines",
            "--peers",
            metavar="NAME,NAME",
            help="Only these, in this order: cuecast, filter-forest, prototype, cuecast-box, grabcut. Default: all.",
        ),
    ] = None,
    root: RootOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Keep the result as JSON in this file."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for pictures of the best and the worst episode of each set."
        ),
    ] = None,
    sets: SetsOption = None,
    shots: ShotsOption = None,
    limit: LimitOption = None,
    workers: WorkersOption = 1,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure a pack beside other methods, in one run.

    Prints IoU, Dice and seconds by method and number of cues, then IoU by set. Methods that take masks on other
    pictures and methods that take boxes on the query are kept apart, and so are figures that others published.
    Seconds are comparable with --workers 1 on a machine that does nothing else.
    """
    import json

    from cuecast.cli.options import share_threads
    from cuecast.cli.progress import progress
    from cuecast.evaluation.bench.run import load_baselines, run_bench
    from cuecast.evaluation.episodes import find_root, read_episodes, select
    from cuecast.io.files import write_text
    from cuecast.predictor import load

    baselines = _names(names)
    chosen = select(read_episodes(episodes), sets or (), shots or (), limit)
    root = root or find_root(episodes, chosen)
    threads = share_threads(threads, workers)
    predictor = load(pack, threads=threads)
    with progress("episodes", quiet) as report:
        result = run_bench(
            predictor,
            baselines,
            chosen,
            root,
            report,
            workers=workers,
            threads=threads,
            list_name=episodes.name,
        )
    record = json.dumps(result.as_dict(), indent=1, ensure_ascii=False)
    typer.echo(record if as_json else result.as_table())
    if output:
        write_text(output, record + "\n")
    if pictures:
        from cuecast.evaluation.bench.pictures import write_pictures

        write_pictures(result, load_baselines(tuple(baselines), predictor, threads), chosen, root, pictures)


def _names(given: str | None) -> list[str]:
    """The baselines to run, each once. Raises BadParameter where one is unknown or none is given."""
    from cuecast.evaluation.baselines import BASELINES

    if given is None:
        return list(BASELINES)
    names = list(dict.fromkeys(n.strip() for n in given.split(",") if n.strip()))
    unknown = [n for n in names if n not in BASELINES]
    if unknown or not names:
        said = f"baseline {unknown[0]!r} is unknown" if unknown else "--baselines names none"
        raise typer.BadParameter(f"{said}; known are {', '.join(BASELINES)}")
    return names
