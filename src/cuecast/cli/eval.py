"""`cuecast eval`: a pack's scores on a fixed list of episodes, and the clicks that corrections take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuecast.cli.options import (
    JsonFlag,
    LimitOption,
    PackOption,
    QuietFlag,
    RootOption,
    Scale,
    ScaleOption,
    SetsOption,
    ShotsOption,
    ThreadsOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from cuecast.evaluation.evaluate import EvaluationResult
    from cuecast.evaluation.interactive import ClickResult


def evaluate_pack(
    episodes: Annotated[
        Path, typer.Argument(metavar="EPISODES", help="Episode list: JSON lines, see docs/evaluation.md.")
    ],
    pack: PackOption = "general",
    root: RootOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Folder for scores.json, scores.csv and episodes.csv; with --interactive for clicks.json, "
            "clicks.csv and click_episodes.csv.",
        ),
    ] = None,
    sets: SetsOption = None,
    shots: ShotsOption = None,
    limit: LimitOption = None,
    interactive: Annotated[
        bool,
        typer.Option("--interactive", help="Correct each answer with simulated clicks and count them."),
    ] = False,
    clicks: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --interactive: at most N clicks a query. Default: 10."),
    ] = None,
    scale: ScaleOption = Scale.FRAME,
    workers: WorkersOption = 1,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the scores as CSV.")] = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure a pack on a fixed list of episodes.

    Prints IoU and Dice for each set and their mean over the sets, by number of cues, with the seconds an
    image took, the pack and the commit. Pixels marked 255 do not count; an episode whose truth and answer
    are both empty counts 1. Where a set's card says that its things are thin, the Dice of the centre lines
    (clDice) stands beside.

    With --interactive, it prints the clicks on the query itself that it takes to reach 85 and 90 % Dice, and the
    Dice after some clicks: without cues, and after the cues of the episode.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other: choose one, or keep both with -o OUT")
    if clicks is not None and not interactive:
        raise typer.BadParameter("--clicks goes with --interactive: add it, or leave --clicks out")
    from functools import partial

    from cuecast.cli.progress import progress
    from cuecast.evaluation.evaluate import evaluate, find_root, read_episodes, select
    from cuecast.evaluation.interactive import evaluate_clicks
    from cuecast.predictor import load

    chosen = select(read_episodes(episodes), sets or (), shots or (), limit)
    root = root or find_root(episodes, chosen)
    measure = partial(evaluate_clicks, clicks=clicks or 10) if interactive else evaluate
    predictor = load(pack, threads=threads)
    with progress("corrections" if interactive else "episodes", quiet) as report:
        result = measure(predictor, chosen, root, report, workers=workers, threads=threads, scale=scale.value)
    if output:
        _keep(result, output, ("clicks", "click_episodes") if interactive else ("scores", "episodes"))
    if as_json:
        typer.echo(_json(result))
    else:
        typer.echo(result.as_csv().rstrip("\n") if as_csv else result.as_table())


def _json(result: EvaluationResult | ClickResult) -> str:
    import json

    return json.dumps(result.as_dict(), indent=1, ensure_ascii=False)


def _keep(result: EvaluationResult | ClickResult, folder: Path, names: tuple[str, str]) -> None:
    """Write the three files: the scores as JSON and CSV, the episodes as CSV. Raises OutputError."""
    from cuecast.io.files import write_text

    scores, episodes = names
    write_text(folder / f"{scores}.json", _json(result) + "\n")
    write_text(folder / f"{scores}.csv", result.as_csv())
    write_text(folder / f"{episodes}.csv", result.episodes_csv())
