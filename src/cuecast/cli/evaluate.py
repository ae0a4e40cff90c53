"""`cuecast eval`, `bench` and `episodes`: a pack's scores on fixed episodes, beside other methods, and the lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from cuecast.cli.options import (
    Chosen,
    PackOption,
    QuietFlag,
    RootOption,
    Scale,
    ScaleOption,
    Speed,
    Spread,
    grouped,
)
from cuecast.cli.output import Printed, json_text, progress, say

if TYPE_CHECKING:
    from cuecast.evaluation.evaluate import EvaluationResult
    from cuecast.evaluation.interactive import ClickResult
    from cuecast.evaluation.objects import ObjectResult

EpisodesArgument = Annotated[
    Path, typer.Argument(metavar="EPISODES", help="Episode list: JSON lines, see docs/evaluation.md.")
]


@dataclass(frozen=True)
class Kind:
    """What is measured, where it is not how pixels are marked."""

    interactive: Annotated[
        bool,
        typer.Option("--interactive", help="Correct each answer with simulated clicks and count them."),
    ] = False
    clicks: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --interactive: at most N clicks a query. Default: 10."),
    ] = None
    objects: Annotated[
        bool,
        typer.Option("--objects", help="Measure how things are told apart, not how pixels are marked."),
    ] = False
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --objects: folder for pictures of the best and the worst episode of each set.",
        ),
    ] = None

    def check(self) -> None:
        """Raise BadParameter where two of them do not go together."""
        if self.clicks is not None and not self.interactive:
            raise typer.BadParameter("--clicks goes with --interactive: add it, or leave --clicks out")
        if self.objects and self.interactive:
            raise typer.BadParameter(
                "--objects and --interactive exclude each other: run one after the other"
            )
        if self.pictures is not None and not self.objects:
            raise typer.BadParameter("--pictures goes with --objects: add it, or leave --pictures out")

    @property
    def flag(self) -> str:
        """The flag that chose it; '' of none."""
        return "--interactive" if self.interactive else "--objects" if self.objects else ""


@dataclass(frozen=True)
class EpisodeSpeed(Spread):
    """How many episodes at a time, and where."""

    words: ClassVar[dict[str, str]] = {"Things": "Episodes"}


@grouped
def evaluate_pack(
    episodes: EpisodesArgument,
    *,
    pack: PackOption = "general",
    root: RootOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Folder for scores.json, scores.csv and episodes.csv; with --interactive for clicks.json, "
            "clicks.csv and click_episodes.csv; with --objects for object_scores.json, object_scores.csv and "
            "object_episodes.csv.",
        ),
    ] = None,
    chosen: Chosen,
    kind: Kind,
    scale: ScaleOption = Scale.FRAME,
    speed: EpisodeSpeed,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the scores as CSV.")] = False,
    printed: Printed,
) -> None:
    """Measure a pack on a fixed list of episodes.

    Prints IoU and Dice for each set and their mean over the sets, by number of cues, with the seconds an
    image took, the pack and the commit. Pixels marked 255 do not count; an episode whose truth and answer
    are both empty counts 1. Where a set's card says that its things are thin, the Dice of the centre lines
    (clDice) stands beside.

    With --interactive, it prints the clicks on the query itself that it takes to reach 85 and 90 % Dice, and the
    Dice after some clicks: without cues, and after the cues of the episode.

    With --objects, of a list that says which pixels are whose (`instances`), it prints precision, recall and F1 of
    objects, AP, panoptic quality and the error of the count, beside connected components and a watershed of distances
    on the same masks.
    """
    if printed.as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other: choose one, or keep both with -o OUT")
    kind.check()
    from functools import partial

    from cuecast.cluster.pool import sized
    from cuecast.evaluation.episodes import find_root, read_episodes, select
    from cuecast.evaluation.evaluate import evaluate
    from cuecast.evaluation.interactive import evaluate_clicks
    from cuecast.evaluation.objects import ObjectResult, evaluate_objects
    from cuecast.predictor import load

    listed = select(read_episodes(episodes), chosen.sets or (), chosen.shots or (), chosen.limit)
    root = root or find_root(episodes, listed)
    clicked = partial(evaluate_clicks, clicks=kind.clicks or 10)
    measure = clicked if kind.interactive else evaluate_objects if kind.objects else evaluate
    predictor = load(pack, threads=speed.threads)
    with progress(printed.quiet) as report, sized(speed.cluster) as cluster:
        result = measure(
            predictor,
            listed,
            root,
            report,
            workers=cluster.workers or 1 if cluster else speed.here,
            threads=speed.threads,
            cluster=cluster,
            scale=scale.value,
        )
    if output:
        _keep(result, output, KEPT[kind.flag])
    text = result.as_csv().rstrip("\n") if as_csv else result.as_table()
    say(result.as_dict(), text, printed.as_json)
    if kind.pictures is not None and isinstance(result, ObjectResult):
        from cuecast.evaluation.object_pictures import write_object_pictures

        write_object_pictures(predictor, result, listed, root, kind.pictures)


KEPT = {
    "": ("scores", "episodes"),
    "--interactive": ("clicks", "click_episodes"),
    "--objects": ("object_scores", "object_episodes"),
}
"""What is measured -> names of the files with the scores and with the episodes."""


def _keep(
    result: EvaluationResult | ClickResult | ObjectResult, folder: Path, names: tuple[str, str]
) -> None:
    """Write the three files: the scores as JSON and CSV, the episodes as CSV. Raises OutputError."""
    from cuecast.io.files import write_text

    scores, episodes = names
    write_text(folder / f"{scores}.json", json_text(result.as_dict()) + "\n")
    write_text(folder / f"{scores}.csv", result.as_csv())
    write_text(folder / f"{episodes}.csv", result.episodes_csv())


@grouped
def bench(
    episodes: EpisodesArgument,
    *,
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
    chosen: Chosen,
    speed: Speed,
    printed: Printed,
) -> None:
    """Measure a pack beside other methods, in one run.

    Prints IoU, Dice and seconds by method and number of cues, then IoU by set. Methods that take masks on other
    pictures and methods that take boxes on the query are kept apart, and so are figures that others published.
    Seconds are comparable with --workers 1 on a machine that does nothing else.
    """
    from cuecast.evaluation.bench import load_baselines, run_bench
    from cuecast.evaluation.episodes import find_root, read_episodes, select
    from cuecast.io.files import write_text
    from cuecast.predictor import load

    baselines = _names(names)
    listed = select(read_episodes(episodes), chosen.sets or (), chosen.shots or (), chosen.limit)
    root = root or find_root(episodes, listed)
    threads = speed.threads_each
    predictor = load(pack, threads=threads)
    with progress(printed.quiet) as report:
        result = run_bench(
            predictor,
            baselines,
            listed,
            root,
            report,
            workers=speed.workers,
            threads=threads,
            list_name=episodes.name,
        )
    say(result.as_dict(), result.as_table(), printed.as_json)
    if output:
        write_text(output, json_text(result.as_dict()) + "\n")
    if pictures:
        from cuecast.evaluation.bench_pictures import write_pictures

        write_pictures(result, load_baselines(tuple(baselines), predictor, threads), listed, root, pictures)


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
    from cuecast.evaluation.episodes import draw_absent, draw_episodes, write_episodes

    episodes = draw_episodes(folder, shots or (1, 2, 4, 8, 16), queries, tasks, seed)
    if absent:
        episodes = draw_absent(episodes, folder, seed)
    write_episodes(output, episodes)
    if not quiet:
        found = {(e.set, e.task) for e in episodes}
        sets = len({name for name, _ in found})
        typer.echo(f"{output}: {len(episodes)} episodes, {len(found)} tasks, {sets} sets", err=True)
