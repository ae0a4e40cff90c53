"""`cuecast track`: marks on a frame in, masks of the whole video out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from cuecast.cli.cue_flags import add_objects, classes_of, collect_marks, read_values
from cuecast.cli.options import (
    ClassOption,
    JsonFlag,
    OtherCuesOption,
    PackOption,
    QuietFlag,
    Scale,
    ThreadsOption,
    ValueOption,
    WindowOption,
    read_formats,
    read_limits,
)
from cuecast.core.errors import CueError, MaskError

if TYPE_CHECKING:
    from cuecast.core.values import Box, ClassInfo, Example, Image, Point, Scribble
    from cuecast.cues import Cue
    from cuecast.io.video import Frames
    from cuecast.runs.video import Format, TrackSummary

FORMATS = ("overlay", "ytvis", "csv")
"""The choices of --format; a test compares them with `cuecast.runs.video.FORMATS`, too heavy for --help."""

BOX_FORM = "FRAME=x1,y1,x2,y2[,class]"
POINT_FORM = "FRAME=x,y[,class]"
SCRIBBLE_FORM = "FRAME=x,y;x,y;...[,class]"

Mark = TypeVar("Mark")


@dataclass
class MarkedFrame:
    """All that the flags say about one frame."""

    mask: Path | None = None
    boxes: list[Box] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    scribbles: list[Scribble] = field(default_factory=list)
    absent: bool = False
    objects: Path | None = None

    def cue(self, image: Image, values: tuple[int, ...] | None) -> Cue:
        """The marks with the frame they lie on."""
        from cuecast.cues import Cue

        return Cue(
            image,
            mask=self.mask,
            value=values if self.mask else None,
            boxes=self.boxes,
            points=self.points,
            scribbles=self.scribbles,
            absent=self.absent,
            objects=self.objects,
        )


def track(
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO", help="MP4, AVI, MKV, WebM, GIF, or a folder of frames.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    cue: Annotated[
        list[str] | None,
        typer.Option(
            "--cue",
            "-c",
            metavar="FRAME=MASK",
            help="A frame (its number from 0, or its file) and the mask of the objects on it: each value is one "
            "object. May be repeated, as all marks may.",
        ),
    ] = None,
    cue_objects: Annotated[
        list[str] | None,
        typer.Option(
            "--cue-objects",
            metavar="FRAME=IDS",
            help="Beside --cue: ids that tell the things of its mask apart (PNG or TIFF, one number an object).",
        ),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option("--box", metavar=BOX_FORM, help="A box round the object."),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point",
            metavar=POINT_FORM,
            help="A pixel of the object; class 0: a pixel that is not it.",
        ),
    ] = None,
    scribble: Annotated[
        list[str] | None,
        typer.Option(
            "--scribble",
            metavar=SCRIBBLE_FORM,
            help="A stroke on the object; class 0: on something else.",
        ),
    ] = None,
    absent: Annotated[
        list[str] | None,
        typer.Option("--absent", metavar="FRAME", help="A frame on which no object is to be seen."),
    ] = None,
    cues: OtherCuesOption = None,
    class_names: ClassOption = None,
    value: ValueOption = None,
    window: WindowOption = None,
    pack: PackOption = "general",
    scale: Annotated[
        Scale | None,
        typer.Option(
            metavar="frame|pixel",
            help="As in `cuecast segment`. Default: frame with a cue set, pixel without one.",
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Written besides masks: overlay, ytvis, csv or none; may be repeated. Default: all.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Frames a second of the overlay video. Default: the times of the video."
        ),
    ] = None,
    threads: ThreadsOption = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo what is finished, and replace another video's results."),
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Follow through VIDEO what is marked on one or more of its frames, forward and backward.

    OUT gets masks/ (label PNG, a file a frame), overlay.mp4, annotations.ytvis.json, objects.csv by frame and
    manifest.jsonl with a verdict for each frame. A second run skips what is finished. To correct, mark one more frame
    and run again: only the frames up to the marked ones beside it are redone.

    Exit code 3 says that the video is broken or ends early; the frames before the break are done, and it is named.
    """
    if not (cue or box or point or scribble or absent or cues):
        raise typer.BadParameter(
            "nothing shows the thing: give --cue FRAME=MASK, --box, --point or --scribble, or --cues CUESET"
        )
    written, limits = read_formats(formats, FORMATS), read_limits(window)
    if rate is not None and not 0 < rate <= 1000:
        raise typer.BadParameter(
            f"--rate {rate:g}: a number of frames a second above 0, at most 1000, is expected"
        )

    from cuecast.cli.progress import progress
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.io.places import check_places, note_of_others
    from cuecast.io.video import open_frames
    from cuecast.predictor import load, marked_classes, read_cues, unnamed_classes
    from cuecast.runs.video import TrackOptions, track_into

    check_places([video], output)
    cueset = read_cueset(cues) if cues else None
    classes = classes_of(cueset, class_names)
    flags = read_marks(
        cue or (), box or (), point or (), scribble or (), absent or (), classes, cue_objects or ()
    )
    frames = open_frames(video, limits)
    numbers = {number_of(frames, name): flags[name] for name in sorted(flags, key=partial(number_of, frames))}
    if len(numbers) < len(flags):
        raise typer.BadParameter(
            "a frame is named in two ways, by its number and by its file; name it one way"
        )
    values = read_values(value, (marked.mask for marked in flags.values()))
    shown: list[Cue | Example] = list(read_examples(cueset, limits)) if cueset else []
    others = len(shown)
    shown += [marked.cue(_image(frames, n), values) for n, marked in numbers.items()]
    chosen = scale or (Scale.FRAME if cueset else Scale.PIXEL)
    named, examples = read_cues(shown, classes)
    infos = named or unnamed_classes(
        marked_classes(examples)
    )  # each value of a mask is followed, as one object
    concept = load(pack, threads=threads).learn(examples, infos, chosen.value)
    on = dict(zip(numbers, concept.examples[others:], strict=True))
    options = TrackOptions(
        overwrite=overwrite,
        formats=cast("tuple[Format, ...]", FORMATS if written is None else written),
        rate=rate,
    )
    with progress("frames", quiet, concept.classes) as report:
        summary = track_into(concept, frames, output, on, options, report)
    typer.echo(json.dumps(_as_dict(summary), indent=1, ensure_ascii=False) if as_json else _as_text(summary))
    for note in filter(None, (note_of_others([video]), summary.note)):
        print(f"cuecast: note: {note}", file=sys.stderr)
    if summary.broken:
        print(f"cuecast: failed: {video}: {summary.broken}; the frames before it are done", file=sys.stderr)
        raise typer.Exit(3)


def read_marks(
    cue: Sequence[str],
    box: Sequence[str],
    point: Sequence[str],
    scribble: Sequence[str],
    absent: Sequence[str],
    classes: Sequence[ClassInfo],
    objects: Sequence[str] = (),
) -> dict[str, MarkedFrame]:
    """Frame as it was named -> what the flags say about it, in the order of first mention.

    Raises typer.BadParameter where a flag is written wrongly, MaskError where a mask file is not there.
    """
    found: dict[str, MarkedFrame] = {}

    def at(frame: str) -> MarkedFrame:
        return found.setdefault(frame.strip(), MarkedFrame())

    for text in cue:
        frame, mask = _split_cue(text)
        if at(frame).mask is not None:
            raise typer.BadParameter(
                f"--cue {text!r}: frame {frame} has a mask already; give one mask a frame"
            )
        at(frame).mask = mask
    for text in objects:
        frame, ids = _split_cue(text, "--cue-objects")
        add_objects(at(frame), ids, text)
    collect_marks(at, _split_mark, (box, point, scribble), (BOX_FORM, POINT_FORM, SCRIBBLE_FORM), classes)
    for text in absent:
        if found.get(text.strip()):
            raise typer.BadParameter(f"--absent {text!r}: another flag marks this frame; drop one of the two")
        at(text).absent = True
    return found


def number_of(frames: Frames, name: str) -> int:
    """The number of a frame that is named by its file (with or without suffix) or by its number.

    Raises CueError where there is no such frame.
    """
    stem = Path(name).stem if Path(name).suffix else name
    count = len(frames.seconds)
    named = [i for i in range(count) if frames.name(i) in (name, stem)]
    if named:
        return named[0]
    if name.isdecimal() and int(name) < count:
        return int(name)
    why = f" ({frames.broken})" if frames.broken else ""
    raise CueError(
        f"{frames.label}: there is no frame {name!r}, only 0 to {count - 1}{why}; correct the number"
    )


def _split_cue(text: str, flag: str = "--cue") -> tuple[str, Path]:
    splits = list(_splits(text))
    for frame, mask in splits:
        if Path(mask).exists():
            return frame, Path(mask)
    if not splits:
        raise typer.BadParameter(f"{flag} {text!r}: FRAME=MASK is expected, as in {flag} 0=first.png")
    raise MaskError(f"{splits[0][1]}: there is no such mask file (from {flag} {text!r}); check the name")


def _split_mark(flag: str, text: str, form: str, read: Callable[[str], Mark]) -> tuple[str, Mark]:
    reason = f"{form} is expected"
    for frame, right in reversed(list(_splits(text))):
        try:
            return frame, read(right)
        except ValueError as error:
            reason = str(error) or reason
    raise typer.BadParameter(f"{flag} {text!r}: {reason}")


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Every way to cut the text at a '=', leftmost first, both sides not empty."""
    for i, letter in enumerate(text):
        if letter == "=" and text[:i].strip() and text[i + 1 :]:
            yield text[:i], text[i + 1 :]


def _image(frames: Frames, number: int) -> Image:
    return next(iter(frames.read(range(number, number + 1)))).image


def _as_dict(summary: TrackSummary) -> dict[str, Any]:
    return {
        "out": str(summary.out),
        "counts": dict(summary.counts),
        "resumed": summary.resumed,
        "broken": summary.broken,
        "note": summary.note,
        "seconds": round(summary.seconds, 3),
        "files": {what: str(path) for what, path in summary.files.items()},
    }


def _as_text(summary: TrackSummary) -> str:
    """'60 frames: 55 found, 3 doubtful, 2 absent' and where each result is."""
    total = sum(summary.counts.values())
    counts = ", ".join(f"{n} {word}" for word, n in summary.counts.items())
    again = f" ({summary.resumed} finished before)" if summary.resumed else ""
    width = max(map(len, summary.files))
    places = [f"{what:<{width}}  {path}" for what, path in summary.files.items()]
    return "\n".join([f"{total} frame{'s' if total != 1 else ''}: {counts}{again}", *places])
