"""The flags that several commands share, each with one meaning and one letter everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

PackOption = Annotated[
    str,
    typer.Option(
        "--pack", "-p", metavar="PACK", help="Pack to use: a name (`cuecast packs list`) or a folder."
    ),
]
QuietFlag = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress on stderr; errors are still shown.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Scale = Literal["frame", "pixel"]
ScaleOption = Annotated[
    Scale,
    typer.Option(
        help="frame: things keep their share of the frame from image to image (photographs); "
        "pixel: things keep their size in pixels (one microscope, one scanner, one map).",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="CPU threads of one answer. Default: the physical cores, shared by the workers.",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers", "-j", min=1, metavar="N", help="Images at a time. The results do not depend on it."
    ),
]
OutOption = Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")]
