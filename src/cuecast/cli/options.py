"""The flags that several commands share, each with one meaning and one letter everywhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.cue_flags import BOX_FORM, POINT_FORM, SCRIBBLE_FORM


class Scale(StrEnum):
    """The choices of --scale, as `Predictor.learn` takes them."""

    FRAME = "frame"
    PIXEL = "pixel"


class CocoShape(StrEnum):
    """The choices of --coco-shape, as `cuecast.io.labels.coco.Shape` names them."""

    RLE = "rle"
    POLYGON = "polygon"


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
ScaleOption = Annotated[
    Scale,
    typer.Option(
        metavar="frame|pixel",
        help="frame: things keep their share of the frame from image to image (photographs); "
        "pixel: things keep their size in pixels (one microscope, one scanner, one map).",
    ),
]
CocoShapeOption = Annotated[
    CocoShape,
    typer.Option(
        metavar="rle|polygon",
        help="Objects in annotations.coco.json: rle: run lengths, as pycocotools writes them; polygon: for programs "
        "that read no run lengths. Both are exact.",
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
CueOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cue",
        "-c",
        metavar="IMAGE=MASK",
        help="An image and the mask of the thing on it: PNG, TIFF, COCO, LabelMe or YOLO-seg. "
        "IMAGE alone takes the mask that lies beside it. May be repeated, as all marks may.",
    ),
]
CueObjectsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cue-objects",
        metavar="IMAGE=IDS",
        help="Beside --cue: ids that tell the things of its mask apart (PNG or TIFF, one number an object).",
    ),
]
BoxOption = Annotated[
    list[str] | None, typer.Option("--box", metavar=BOX_FORM, help="A box round the thing.")
]
PointOption = Annotated[
    list[str] | None,
    typer.Option(
        "--point", metavar=POINT_FORM, help="A pixel of the thing; class 0: a pixel that is not it."
    ),
]
ScribbleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scribble", metavar=SCRIBBLE_FORM, help="A stroke on the thing; class 0: on something else."
    ),
]
AbsentOption = Annotated[
    list[str] | None,
    typer.Option("--absent", metavar="IMAGE", help="An image on which the thing does not occur."),
]
ClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME",
        help="Name of class 1, then 2, ...; repeat it in that order. One name alone makes every value of a mask one "
        "object of it.",
    ),
]
ValueOption = Annotated[
    list[int] | None,
    typer.Option(
        "--value", metavar="N", help="Only this value of the --cue masks is the thing; may be repeated."
    ),
]
WindowOption = Annotated[
    str | None,
    typer.Option(
        "--window",
        metavar="LOW,HIGH",
        help="Values shown as black and white where samples have 16 bits or are floats. Default: each picture's own "
        "0.5 and 99.5 percentiles.",
    ),
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder that the paths of the list start from. Default: looked for near the list."
    ),
]
SetsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME", help="Only this set; may be repeated.")
]
ShotsOption = Annotated[
    list[int] | None, typer.Option(metavar="N", help="Only episodes with N cues; may be repeated.")
]
LimitOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Only the first N episodes of each task and number of cues."),
]
CuesOption = Annotated[
    Path | None,
    typer.Option("--cues", metavar="CUESET", help="A cue set: folder or .zip (`cuecast cues`)."),
]
OtherCuesOption = Annotated[
    Path | None,
    typer.Option(
        "--cues", metavar="CUESET", help="A cue set made on other pictures: folder or .zip (`cuecast cues`)."
    ),
]
CuePageOption = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Page of the cues' multi-page images, from 0.")
]


def read_formats(names: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...] | None:
    """Each --format once; None where none is named, () for 'none'. Raises BadParameter for one that is not known."""
    if not names:
        return None
    for name in names:
        if name not in (*known, "none"):
            raise typer.BadParameter(f"--format {name!r} is unknown; choose from {', '.join(known)}, none")
    return tuple(dict.fromkeys(n for n in names if n != "none"))


def read_limits(text: str | None, others: str = "") -> tuple[float, float] | None:
    """LOW,HIGH of --window; `others` are words that it also takes, for the message. Raises BadParameter."""
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        told = f", or one of {others}" if others else ""
        raise typer.BadParameter(f"--window {text!r}: two numbers LOW,HIGH are expected{told}") from None
    if not low < high:
        raise typer.BadParameter(f"--window {text!r}: LOW must be below HIGH")
    return low, high


def share_threads(threads: int | None, workers: int) -> int | None:
    """CPU threads of one answer: as asked, else all (None) for one worker, else an equal share for each."""
    if threads is not None or workers == 1:
        return threads
    return max(1, (os.cpu_count() or 1) // workers)
