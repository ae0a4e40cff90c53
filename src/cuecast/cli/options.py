"""The flags that several commands share, each with one meaning and one letter everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import typer

from cuecast.core.arguments import BY_ITSELF, THRESHOLD, spread
from cuecast.core.cluster import Cluster
from cuecast.core.errors import InputError
from cuecast.core.ordered import threads_each
from cuecast.core.shards import Shard

Read = TypeVar("Read")


class Scale(StrEnum):
    """The choices of --scale, as `Predictor.learn` takes them."""

    FRAME = "frame"
    PIXEL = "pixel"


class CocoShape(StrEnum):
    """The choices of --coco-shape, as `cuecast.io.labels.sheets.Shape` names them."""

    RLE = "rle"
    POLYGON = "polygon"


class Objects(StrEnum):
    """The choices of --objects, as `Predictor.learn` takes them."""

    AUTO = "auto"
    SPLIT = "split"
    CONNECTED = "connected"


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
ObjectsOption = Annotated[
    Objects,
    typer.Option(
        metavar="auto|split|connected",
        help="What is one object. connected: a connected component; split: things that touch are told apart, by what "
        "the cues show of objects; auto: they are where the cues show that things touch.",
    ),
]
CocoShapeOption = Annotated[
    CocoShape,
    typer.Option(
        metavar="rle|polygon",
        help="Objects in COCO, CVAT, Label Studio and Datumaro files: rle: run lengths (brush strokes); polygon: for "
        "programs that read no run lengths. Both are exact.",
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
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="[CLASS=]VALUE",
        help=f"{THRESHOLD} May be repeated. Default: {BY_ITSELF}.",
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
CueSetArgument = Annotated[Path, typer.Argument(metavar="CUESET", help="Folder or .zip of a cue set.")]
ImagesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES",
        help="Files, folders, patterns, @LIST (a file of paths) or - (paths on stdin).",
    ),
]


def read_folder(text: str) -> Path:
    """A folder to write to. Raises BadParameter where it has no name, as of a variable that is not set."""
    if not text:
        raise typer.BadParameter("the folder has no name; give one, or '.' for this folder")
    return Path(text)


OutOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.", parser=read_folder)
]


def _reader(flag: str, read: Callable[[str], Read]) -> Callable[[str], Read]:
    """What reads the text of a flag. Raises BadParameter where `read` raises InputError."""

    def parse(text: str) -> Read:
        try:
            return read(text)
        except InputError as wrong:
            raise typer.BadParameter(f"{flag}: {wrong}") from None

    return parse


ShardOption = Annotated[
    Shard | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do only part I of N, from 1: by the names of the inputs, beside the other parts in the same OUT. "
        "`cuecast gather OUT` puts them together.",
        parser=_reader("--shard", Shard.read),
    ),
]
ProvenanceFlag = Annotated[
    bool,
    typer.Option(
        "--provenance",
        help="Write provenance.jsonld: of each mask the picture, cue set, pack, program and reviewer, as W3C PROV.",
    ),
]


ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="auto|local|ADDRESS",
        help="Let a Ray cluster do it: the one that this machine belongs to, one that is started here, or that of the "
        "head node HOST:PORT. Files must have the same paths on all machines. --workers are then its processes "
        "(default: one for every --threads of its cores) and --threads those of each (default: 1).",
        parser=_reader("--cluster", lambda text: Cluster(text).address),
    ),
]


@dataclass(frozen=True)
class Spread:
    """How many answers at a time and the threads of each, here; or the same on a cluster."""

    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-j",
            min=1,
            metavar="N",
            help="{Things} at a time. The results do not depend on it. Default: 1.",
        ),
    ] = None
    threads: ThreadsOption = None
    address: ClusterOption = None

    @property
    def here(self) -> int:
        """How many at a time in this process."""
        return self.workers or 1

    @property
    def threads_each(self) -> int | None:
        """See `cuecast.core.ordered.threads_each`."""
        return threads_each(self.threads, self.here)

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that is asked for."""
        return None if self.address is None else Cluster(self.address, self.workers, self.threads or 1)


@dataclass(frozen=True)
class Divided(Spread):
    """The same, or a part of the job alone."""

    shard: ShardOption = None

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that is asked for. Raises BadParameter where a shard is, too."""
        if self.address is not None and self.shard is not None:
            raise typer.BadParameter(
                "--shard and --cluster: one machine does a shard, and a cluster does all; give one"
            )
        return super().cluster


RecursiveFlag = Annotated[bool, typer.Option("--recursive", "-r", help="Look into subfolders, too.")]
CuePageOption = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Page of the cues' multi-page images, from 0.")
]


@dataclass(frozen=True)
class Speed:
    """How many answers at a time, and the threads of each."""

    workers: WorkersOption = 1
    threads: ThreadsOption = None

    @property
    def threads_each(self) -> int | None:
        """See `cuecast.core.ordered.threads_each`."""
        return threads_each(self.threads, self.workers)


@dataclass(frozen=True)
class Least:
    """Which objects are left out."""

    min_area: Annotated[
        int,
        typer.Option(
            "--min-area",
            min=0,
            metavar="PIXELS",
            help="Leave out objects of fewer pixels: of masks, tables and all else.",
        ),
    ] = 0
    min_confidence: Annotated[
        float,
        typer.Option(
            "--min-confidence",
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="Leave out objects of less confidence, from 0 to 1, in the same way.",
        ),
    ] = 0.0


@dataclass(frozen=True)
class Chosen:
    """Which episodes of a list."""

    sets: SetsOption = None
    shots: ShotsOption = None
    limit: LimitOption = None


def _worded(annotation: Any, words: Mapping[str, str]) -> Any:
    """Annotated[kind, option] with the words of a group in the help and the placeholder of the option."""
    kind, option = get_args(annotation)
    told = copy(option)
    for text in ("help", "metavar") if words else ():
        setattr(told, text, (getattr(option, text) or "").format_map(words) or None)
    return Annotated[kind, told]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to see it, its groups of flags spread; see `cuecast.core.arguments.spread`.

    A group may have `words`: a dict of what stands for the {names} in the help of its flags.
    """
    return spread(command, lambda kind, annotation: _worded(annotation, getattr(kind, "words", {})))


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
