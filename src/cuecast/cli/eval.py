"""`cuecast eval`: a pack's scores on a fixed list of episodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuecast.cli.options import (
    JsonFlag,
    PackOption,
    QuietFlag,
    Scale,
    ScaleOption,
    ThreadsOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from cuecast.evaluate import EvaluationResult


def evaluate_pack(
    episodes: Annotated[
        Path, typer.Argument(metavar="EPISODES", help="Episode list: JSON lines, see docs/evaluation.md.")
    ],
    pack: PackOption = "general",
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that the paths of the list start from. Default: looked for near the list.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="Folder for scores.json, scores.csv and episodes.csv."
        ),
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME", help="Only this set; may be repeated.")
    ] = None,
    shots: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Only episodes with N cues; may be repeated.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only the first N episodes of each task and number of cues."),
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
    are both empty counts 1.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other: choose one, or keep both with -o OUT")
    from cuecast.cli.progress import progress
    from cuecast.evaluate import evaluate, find_root, read_episodes, select
    from cuecast.predictor import load

    chosen = select(read_episodes(episodes), sets or (), shots or (), limit)
    root = root or find_root(episodes, chosen)
    predictor = load(pack, threads=threads)
    with progress("episodes", quiet) as report:
        result = evaluate(
            predictor, chosen, root, report, workers=workers, threads=threads, scale=scale.value
        )
    if output:
        _keep(result, output)
    if as_json:
        typer.echo(_json(result))
    else:
        typer.echo(result.as_csv().rstrip("\n") if as_csv else result.as_table())


def _json(result: EvaluationResult) -> str:
    import json

    return json.dumps(result.as_dict(), indent=1, ensure_ascii=False)


def _keep(result: EvaluationResult, folder: Path) -> None:
    """Write the three files. Raises OutputError."""
    from cuecast.io.files import write_text

    write_text(folder / "scores.json", _json(result) + "\n")
    write_text(folder / "scores.csv", result.as_csv())
    write_text(folder / "episodes.csv", result.episodes_csv())
