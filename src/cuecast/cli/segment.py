"""`cuecast segment`: marks on a few images in, masks of all the others out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sized
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cuecast.cli.cue_flags import classes_of, cues_of, read_flags, read_values
from cuecast.cli.options import (
    AbsentOption,
    BoxOption,
    ClassOption,
    CocoShape,
    CocoShapeOption,
    CueObjectsOption,
    CueOption,
    CuePageOption,
    CuesOption,
    JsonFlag,
    PackOption,
    PointOption,
    QuietFlag,
    Scale,
    ScaleOption,
    ScribbleOption,
    ThreadsOption,
    ValueOption,
    WindowOption,
    WorkersOption,
    read_formats,
    read_limits,
    share_threads,
)
from cuecast.core.errors import OutputError, without_name

if TYPE_CHECKING:
    from cuecast.core.values import Example
    from cuecast.cues import Cue
    from cuecast.runs.images import BatchSummary, Format

FORMATS = ("overlays", "coco", "csv", "report", "yolo", "labelme", "uncertainty")
"""The choices of --format; a test compares them with `cuecast.runs.images.FORMATS`, too heavy for --help."""


def segment(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES",
            help="Files, folders, patterns, @LIST (a file of paths) or - (paths on stdin).",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    cue: CueOption = None,
    cue_objects: CueObjectsOption = None,
    box: BoxOption = None,
    point: PointOption = None,
    scribble: ScribbleOption = None,
    absent: AbsentOption = None,
    cues: CuesOption = None,
    class_names: ClassOption = None,
    value: ValueOption = None,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders, too.")] = False,
    page: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Page of multi-page images, from 0. Default: the first."),
    ] = None,
    cue_page: CuePageOption = None,
    window: WindowOption = None,
    name: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE", help="Names of outputs: {stem}, {suffix}, {parent}, {index} or {index:04d}."
        ),
    ] = "{stem}",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Written besides masks: overlays, coco, csv, report, yolo, labelme, uncertainty or none; "
            "may be repeated. Default: the first four.",
        ),
    ] = None,
    coco_shape: CocoShapeOption = CocoShape.RLE,
    pixel_size: Annotated[
        float | None, typer.Option(metavar="SIZE", help="Edge of one pixel, for objects.csv; needs --unit.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Unit of --pixel-size: um, mm, m, ...")
    ] = None,
    workers: WorkersOption = 1,
    threads: ThreadsOption = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo what is finished, and replace another concept's results."),
    ] = False,
    review: Annotated[
        bool,
        typer.Option(
            "--review", help="Tick boxes in report.html, to call masks wrong: see `cuecast review`."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check the cues against each other for report.html, as `cuecast cues check` does."
        ),
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Find on IMAGES what the cues show.

    OUT gets masks/ (label PNG), overlays/, annotations.coco.json, objects.csv, manifest.jsonl and report.html
    with the doubtful images first. A second run skips what is finished; a stopped one goes on. After a correction
    of the CUESET it redoes what is not `found`, what was called wrong, and what is close to a corrected picture.

    Exit code 3 says that some images failed; each is named on stderr and in the manifest.
    """
    if not (cue or box or point or scribble or absent or cues):
        raise typer.BadParameter(
            "nothing shows the thing: give --cue IMAGE=MASK, --box, --point or --scribble, or --cues CUESET"
        )
    limits = read_limits(window)
    _check_units(pixel_size, unit)
    written = read_formats(formats, FORMATS)

    from cuecast.cuesets.changes import lineage
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.io.files import note_of_edited
    from cuecast.io.places import list_images, note_of_others
    from cuecast.predictor import load
    from cuecast.results.names import check_template
    from cuecast.runs.images import DEFAULT_FORMATS, BatchOptions, run

    try:
        check_template(name)
    except OutputError as unusable:
        raise typer.BadParameter(str(unusable)) from None
    cueset = read_cueset(cues) if cues else None
    classes = classes_of(cueset, class_names)
    flags = read_flags(
        cue or (), box or (), point or (), scribble or (), absent or (), classes, objects=cue_objects or ()
    )
    paths = list_images(images, recursive)
    examples: list[Cue | Example] = [
        *(read_examples(cueset, limits) if cueset else ()),
        *cues_of(flags, read_values(value, (m.mask for m in flags)), limits, cue_page),
    ]
    concept = load(pack, threads=share_threads(threads, workers)).learn(
        examples, classes or None, scale.value
    )
    options = BatchOptions(
        name=name,
        workers=workers,
        overwrite=overwrite,
        formats=DEFAULT_FORMATS if written is None else cast("tuple[Format, ...]", written),
        coco_shape=coco_shape.value,
        pixel_size=pixel_size,
        unit=unit,
        page=page,
        window=limits,
        review=review,
        check=check,
    )
    origin = lineage(cueset, limits) if cueset and not flags else None
    with _in_turn(quiet, concept.classes) as report:
        report("images", 0, len(paths))
        summary = run(
            concept,
            paths,
            output,
            options,
            lambda step: report("images", step.done, step.total),
            origin,
            lambda done, total: report("answers", done, total),
        )
    typer.echo(json.dumps(_as_dict(summary), indent=1, ensure_ascii=False) if as_json else _as_text(summary))
    if others := note_of_others(images, recursive):
        print(f"cuecast: note: {others}", file=sys.stderr)
    if note := note_of_edited(summary.edited):
        print(f"cuecast: note: {note} (to teach with one: cuecast cues add)", file=sys.stderr)
    for image, error in summary.failures:
        print(f"cuecast: failed: {image}: {without_name(error, image)}", file=sys.stderr)
    if summary.failures:
        raise typer.Exit(1 if len(summary.failures) == sum(summary.counts.values()) else 3)


@contextmanager
def _in_turn(quiet: bool, classes: Sized) -> Iterator[Callable[[str, int, int], None]]:
    """A function of (what, done, total) that reports progress, a bar for each 'what' after the other."""
    from cuecast.cli.progress import Report, progress

    with ExitStack() as bar:
        bars: dict[str, Report] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in bars:
                bar.close()  # a terminal shows one at a time
                bars[what] = bar.enter_context(progress(what, quiet, classes))
            bars[what](done, total)

        yield report


def _check_units(pixel_size: float | None, unit: str | None) -> None:
    if (pixel_size is None) != (unit is None):
        raise typer.BadParameter(
            "--pixel-size and --unit belong together: give both, as in --pixel-size 0.25 --unit um"
        )
    if pixel_size is not None and not 0 < pixel_size < float("inf"):
        raise typer.BadParameter(f"--pixel-size {pixel_size}: the edge of a pixel is a number above 0")


def _as_dict(summary: BatchSummary) -> dict[str, Any]:
    return {
        "out": str(summary.out),
        "counts": dict(summary.counts),
        "failures": [{"image": image, "error": error} for image, error in summary.failures],
        "resumed": summary.resumed,
        "seconds": round(summary.seconds, 3),
        "edited": [str(path) for path in summary.edited],
        "files": {what: str(path) for what, path in summary.files.items()},
    }


def _as_text(summary: BatchSummary) -> str:
    """'12 images: 9 found, 2 doubtful, 1 absent' and where each result is."""
    total = sum(summary.counts.values())
    counts = ", ".join(f"{n} {word}" for word, n in summary.counts.items() if n or word != "failed")
    again = f" ({summary.resumed} finished before)" if summary.resumed else ""
    width = max(map(len, summary.files), default=0)
    places = [f"{what:<{width}}  {path}" for what, path in summary.files.items()]
    return "\n".join([f"{total} image{'s' if total != 1 else ''}: {counts}{again}", *places])
