"""`cuecast suggest`: which images to mark next."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import (
    JsonFlag,
    PackOption,
    QuietFlag,
    Scale,
    ScaleOption,
    ThreadsOption,
    WorkersOption,
    share_threads,
)
from cuecast.core.errors import without_name


def suggest(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES",
            help="Files, folders, patterns, @LIST (a file of paths) or - (paths on stdin).",
        ),
    ],
    cues: Annotated[
        Path, typer.Option("--cues", metavar="CUESET", help="A cue set: folder or .zip (`cuecast cues`).")
    ],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="How many images to name at most.")
    ] = 5,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders, too.")] = False,
    workers: WorkersOption = 1,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Name the images that are worth marking next.

    Segments IMAGES with the cues and lists those whose marking is likely to help most, best first: doubtful, unlike
    what is marked or listed already, and like many others. Images of the cue set are left out. Nothing is written;
    add the marks with `cuecast cues add`.

    Exit code 3 says that some images failed; each is named on stderr.
    """
    from cuecast.cli.progress import progress
    from cuecast.cue_quality.suggest import suggest_images
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.io.places import list_images, note_of_others
    from cuecast.predictor import load

    cueset = read_cueset(cues)
    paths = list_images(images, recursive)
    predictor = load(pack, threads=share_threads(threads, workers))
    concept = predictor.learn(read_examples(cueset), cueset.classes, scale.value)
    with progress("images", quiet, concept.classes) as report:
        found = suggest_images(concept, paths, count, workers, report)
    typer.echo(json.dumps(found.as_dict(), indent=1, ensure_ascii=False) if as_json else found.as_table())
    if others := note_of_others(images, recursive):
        print(f"cuecast: note: {others}", file=sys.stderr)
    for image, error in found.failures:
        print(f"cuecast: failed: {image}: {without_name(error, image)}", file=sys.stderr)
    if found.failures:
        raise typer.Exit(1 if len(found.failures) == found.images else 3)
