"""`cuecast track`: marks on a frame in, masks of the whole video out; `cuecast frames`: pictures to mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cuecast.cli.marks import FrameShown, Marked, read_values
from cuecast.cli.options import (
    Objects,
    ObjectsOption,
    OutOption,
    PackOption,
    ProvenanceFlag,
    Scale,
    ThreadsOption,
    WindowOption,
    grouped,
    read_folder,
    read_formats,
    read_limits,
)
from cuecast.cli.output import (
    Printed,
    fail,
    finished_before,
    note,
    places,
    plain,
    progress,
    say,
    tally,
)
from cuecast.cli.several import Several, say_several
from cuecast.core.errors import CueError

if TYPE_CHECKING:
    from cuecast.core.values import Example, Image
    from cuecast.cues import Cue
    from cuecast.io.video import Frames
    from cuecast.predictor import Concept
    from cuecast.results.folder import Summary
    from cuecast.runs.several import Many
    from cuecast.runs.video import Format, TrackOptions

FORMATS = ("overlay", "ytvis", "csv")
"""The choices of --format; a test compares them with `cuecast.runs.video.FORMATS`, too heavy for --help."""

VideoArgument = Annotated[
    Path, typer.Argument(metavar="VIDEO", help="MP4, AVI, MKV, WebM, GIF, or a folder of frames.")
]


@dataclass(frozen=True)
class Written:
    """What is written to OUT, and how."""

    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Written besides masks: overlay, ytvis, csv or none; may be repeated. Default: all.",
        ),
    ] = None
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Frames a second of the overlay video. Default: the times of the video."
        ),
    ] = None
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo what is finished, and replace another video's results."),
    ] = False
    provenance: ProvenanceFlag = False

    def options(self) -> TrackOptions:
        """Them as the library takes them. Raises BadParameter."""
        written = read_formats(self.formats, FORMATS)
        if self.rate is not None and not 0 < self.rate <= 1000:
            raise typer.BadParameter(
                f"--rate {self.rate:g}: a number of frames a second above 0, at most 1000, is expected"
            )
        from cuecast.runs.video import TrackOptions

        formats = cast("tuple[Format, ...]", FORMATS if written is None else written)
        return TrackOptions(
            overwrite=self.overwrite, formats=formats, rate=self.rate, provenance=self.provenance
        )


@grouped
def track(
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...", help="MP4, AVI, MKV, WebM, GIF, or a folder of frames; or several."
        ),
    ],
    output: OutOption,
    shown: FrameShown,
    *,
    window: WindowOption = None,
    pack: PackOption = "general",
    scale: Annotated[
        Scale | None,
        typer.Option(
            metavar="frame|pixel",
            help="As in `cuecast segment`. Default: frame with a cue set, pixel without one.",
        ),
    ] = None,
    objects: ObjectsOption = Objects.AUTO,
    threads: ThreadsOption = None,
    several: Several,
    written: Written,
    printed: Printed,
) -> None:
    """Follow through VIDEO what is marked on one or more of its frames, forward and backward.

    OUT gets masks/ (label PNG, a file a frame), overlay.mp4, annotations.ytvis.json, objects.csv by frame and
    manifest.jsonl with a verdict for each frame. A second run skips what is finished. To correct, mark one more frame
    and run again: only the frames up to the marked ones beside it are redone.

    Of several videos, with a cue set, each has its results in OUT/NAME/, and OUT has films.csv with a line for each and
    objects.csv of all. With --shard it does its part of them: see `cuecast gather`.

    Exit code 3 says that a video is broken or ends early; the frames before the break are done, and it is named.
    """
    shown.refuse_nothing()
    options, limits = written.options(), read_limits(window)
    if several.needed(videos):
        many = several.many(shown, written.overwrite)
        taught = _shown_elsewhere(shown, limits, pack, scale or Scale.FRAME, objects, threads)
        found = _track_several(*taught, videos, output, options, limits, many, printed)
        say_several("video", found, several, printed)
        return
    (video,) = videos

    from cuecast.cuesets.cueset import read_examples
    from cuecast.io.places import check_places, note_of_others
    from cuecast.io.video import open_frames
    from cuecast.predictor import load, marked_classes, read_cues, unnamed_classes
    from cuecast.runs.video import track_into

    check_places([video], output)
    cueset = shown.cueset(pack)
    classes = shown.classes(cueset)
    flags = shown.read(classes)
    frames = open_frames(video, limits)
    numbers = _by_number(frames, flags)
    values = read_values(shown.value, (m.mask for m in flags))
    given: list[Cue | Example] = list(read_examples(cueset, limits)) if cueset else []
    others = len(given)
    given += [_cue(frames, n, marked, values) for n, marked in numbers.items()]
    chosen = scale or (Scale.FRAME if cueset else Scale.PIXEL)
    named, examples = read_cues(given, classes)
    infos = named or unnamed_classes(
        marked_classes(examples)
    )  # each value of a mask is followed, as one object
    learned = load(pack, threads=threads).learn(examples, infos, chosen.value, objects.value)
    concept = shown.decided(learned)
    on = dict(zip(numbers, concept.examples[others:], strict=True))
    with progress(printed.quiet, concept.classes) as report:
        how = replace(options, cueset=shown.version(cueset))
        summary = track_into(concept, frames, output, on, how, report, video)
    head = tally("frame", summary.counts, finished_before(summary.resumed))
    if summary.objects:
        head += "; " + ", ".join(f"{n} {name}" for name, n in summary.objects.items())
    say(plain(summary) | {"note": summary.note}, "\n".join([head, *places(summary.files)]), printed.as_json)
    note(note_of_others([video]), summary.note)
    if summary.broken:
        fail([f"{video}: {summary.broken}; the frames before it are done"], 3)


def _track_several(
    concept: Concept,
    version: tuple[int, str] | None,
    videos: Sequence[Path],
    out: Path,
    options: TrackOptions,
    limits: tuple[float, float] | None,
    many: Many,
    printed: Printed,
) -> Summary:
    from cuecast.runs.several import track_several

    how = replace(options, cueset=version)
    with progress(printed.quiet, concept.classes) as report:
        return track_several(concept, videos, out, how, limits, many, report)


def _shown_elsewhere(
    shown: FrameShown,
    limits: tuple[float, float] | None,
    pack: str,
    scale: Scale,
    objects: Objects,
    threads: int | None,
) -> tuple[Concept, tuple[int, str] | None]:
    """The concept of a cue set alone, and (version, digest) of that."""
    from cuecast.cuesets.cueset import read_examples
    from cuecast.predictor import load, read_cues

    cueset = shown.cueset(pack)
    assert cueset is not None
    classes, examples = read_cues(read_examples(cueset, limits), shown.classes(cueset))
    predictor = load(pack, threads=threads)
    learned = predictor.learn(examples, classes, scale.value, objects.value)
    return shown.decided(learned), shown.version(cueset)


def frames(
    video: VideoArgument,
    numbers: Annotated[
        list[str], typer.Argument(metavar="FRAME", help="Number of a frame from 0, or its file in a folder.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the pictures.", parser=read_folder),
    ],
    window: WindowOption = None,
) -> None:
    """Write frames of VIDEO as PNG, at their own size: to draw masks on, for `cuecast track`.

    Prints the path of each picture. A frame that was written before is written again.
    """
    from PIL import Image

    from cuecast.io.files import replacing
    from cuecast.io.places import note_of_others
    from cuecast.io.video import open_frames

    found = open_frames(video, read_limits(window))
    note(note_of_others([video]))
    for number in [number_of(found, name) for name in numbers]:
        path = output / f"{found.name(number)}.png"
        with replacing(path) as temporary:
            Image.fromarray(_image(found, number).pixels).save(temporary, format="PNG")
        typer.echo(str(path))


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
        f"there is no frame {name!r}, only 0 to {count - 1}{why}", frames.label, "correct the number"
    )


def _by_number(frames: Frames, flags: list[Marked]) -> dict[int, Marked]:
    """Number of a frame -> what is marked on it, in the order of the video. Raises BadParameter, CueError."""
    found = {number_of(frames, m.place): m for m in flags}
    if len(found) < len(flags):
        raise typer.BadParameter(
            "a frame is named in two ways, by its number and by its file; name it one way"
        )
    return dict(sorted(found.items()))


def _cue(frames: Frames, number: int, marked: Marked, values: tuple[int, ...] | None) -> Cue:
    from cuecast.cues import Cue

    return Cue(_image(frames, number), **marked.said(values))


def _image(frames: Frames, number: int) -> Image:
    return next(iter(frames.read(range(number, number + 1)))).image
