"""`cuecast volume`: marks on a slice or a few in, labels of the whole volume out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cuecast.cli.mark_text import slice_place
from cuecast.cli.marks import SliceShown, class_list, read_values
from cuecast.cli.options import (
    Objects,
    ObjectsOption,
    OutOption,
    PackOption,
    ProvenanceFlag,
    ThreadsOption,
    grouped,
    read_limits,
)
from cuecast.cli.output import Printed, fail, note, places, plain, progress, say, tally
from cuecast.cli.several import Several, say_several
from cuecast.io.formats import outputs_of

if TYPE_CHECKING:
    from cuecast.core.values import ClassInfo
    from cuecast.io.volumes import Reading
    from cuecast.predictor import Concept, Predictor
    from cuecast.propagation.volume_slices import SliceCue
    from cuecast.runs.volume import VolumeSummary

WINDOWS = ("brain", "soft-tissue", "liver", "lung", "bone")
"""The names that --window takes; a test compares them with `cuecast.io.volumes.WINDOWS`, too heavy for
--help."""


@dataclass(frozen=True)
class FileOptions:
    """How the volume is read and looked at."""

    window: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Values shown as black and white; or brain, soft-tissue, liver, lung, bone (Hounsfield units). "
            "Default: the 0.5 and 99.5 percentiles of the whole volume.",
        ),
    ] = None
    spacing: Annotated[
        str | None,
        typer.Option(metavar="Z,Y,X", help="Distance of voxels in mm, for files that do not state it."),
    ] = None
    series: Annotated[
        str | None,
        typer.Option(metavar="UID", help="DICOM series of a folder with several: its UID or description."),
    ] = None
    channel: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Channel or time of files with more than one, from 0."),
    ] = None

    @property
    def reading(self) -> Reading:
        """What the readers need to know. Raises BadParameter."""
        from cuecast.io.volumes import Reading

        return Reading(self.channel, self.series, _spacing(self.spacing))


@dataclass(frozen=True)
class Written:
    """What is written to OUT, and how."""

    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Of the labels: nifti, nrrd, tiff or dicom-seg. Default: as VOLUME; DICOM gives nifti. And objects: a "
            "volume of the ids of objects beside them. May be repeated.",
        ),
    ] = None
    overlays: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many of the most doubtful slices are drawn.")
    ] = 6
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Redo what is finished, and replace results of other cues.")
    ] = False
    provenance: ProvenanceFlag = False

    def kind(self) -> str | None:
        """The format of the labels. Raises BadParameter where there is none of that name, or there are two."""
        named = [name for name in dict.fromkeys(self.formats or ()) if name != "objects"]
        known = outputs_of("volumes")
        for name in named:
            if name not in known:
                raise typer.BadParameter(
                    f"--format {name!r} is unknown; choose from {', '.join(known)}, objects"
                )
        if len(named) > 1:
            raise typer.BadParameter(f"--format {' and '.join(named)}: the labels are written in one of them")
        return named[0] if named else None


@grouped
def volume(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="VOLUME...",
            help="NIfTI, NRRD or multi-page TIFF, or a folder with a DICOM series; or several.",
        ),
    ],
    output: OutOption,
    shown: SliceShown,
    *,
    pack: PackOption = "general",
    file: FileOptions,
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="PLANE:INDEX",
            help="Only write this slice to OUT/slices/ as PNG, to draw its mask on; may be repeated.",
        ),
    ] = None,
    objects: ObjectsOption = Objects.AUTO,
    several: Several,
    written: Written,
    threads: ThreadsOption = None,
    printed: Printed,
) -> None:
    """Find in VOLUME what is marked on a slice or a few.

    OUT gets masks/ with the labels in the geometry of VOLUME, objects.csv with the objects in millilitres, overlays/
    of the most doubtful slices, and manifest.jsonl with a verdict a slice. Slices are those of the file: nothing is
    turned. Rows and columns of a slice are the two other axes in the order z, y, x; a pixel is a voxel.

    Of several volumes, with a cue set, each has its results in OUT/NAME/, and OUT has volumes.csv with a line for each
    and objects.csv of all. With --shard it does its part of them: see `cuecast gather`.
    """
    kind = written.kind()
    limits, reading = _window(file.window), file.reading
    drawn_on = [slice_place("--slice", text) for text in slices or ()]
    if not drawn_on:
        shown.refuse_nothing(after=" (--slice PLANE:INDEX writes a slice to draw on)")
    shown.refuse_names()

    from cuecast.runs.several import segment_volumes
    from cuecast.runs.volume import VolumeOptions, run_volume

    if drawn_on:
        for path in (p for s in sources for p in _write_slices(s, reading, limits, drawn_on, output)):
            typer.echo(path)
        return
    options = VolumeOptions(
        reading, limits, kind, written.overlays, written.overwrite, shown.thresholds(),
        objects.value, "objects" in (written.formats or ()), written.provenance, shown.version(shown.cueset(pack)),
    )  # fmt: skip
    many = several.many(shown, written.overwrite) if several.needed(sources) else None
    teacher, classes = _teacher(pack, threads, shown)
    if many is not None:
        with progress(printed.quiet, classes) as report:
            found = segment_volumes(cast("Concept", teacher), sources, output, options, many, report)
        say_several("volume", found, several, printed)
        return
    marks, (source,) = slice_cues(shown, classes), sources
    worked: list[Any] = []
    with progress(printed.quiet, worked) as report:
        summary = run_volume(teacher, source, output, marks, classes or None, options, report, worked.extend)
    note(*summary.notes)
    errors = [error for _, error in summary.failures]
    record = plain(summary) | {"finished": summary.finished, "failures": errors}
    say(record, _as_text(summary), printed.as_json)
    fail(errors, 3)


def _teacher(
    pack: str, threads: int | None, shown: SliceShown
) -> tuple[Predictor | Concept, list[ClassInfo]]:
    """What teaches beside the marks, and the classes: the predictor, or the concept of a cue set."""
    from cuecast.cuesets.cueset import read_examples
    from cuecast.predictor import load

    predictor = load(pack, threads=threads)
    if (cueset := shown.cueset(pack)) is None:
        return predictor, class_list(shown.class_names or ())
    classes = list(cueset.classes)
    return predictor.learn(list(read_examples(cueset)), classes, "pixel"), classes


def slice_cues(shown: SliceShown, classes: Sequence[ClassInfo]) -> list[SliceCue]:
    """What the flags show, a cue a slice."""
    from cuecast.propagation.volume_slices import SliceCue

    flags = shown.read(classes)
    values = read_values(shown.value, (m.mask for m in flags))
    return [SliceCue(*m.place, **m.said(values)) for m in flags]


def _write_slices(
    source: Path,
    reading: Reading,
    window: tuple[float, float] | None,
    slices: list[tuple[Any, int]],
    out: Path,
) -> list[Path]:
    """The slices as PNG, a pixel a voxel, through the window that segmenting would use."""
    from PIL import Image

    from cuecast.core.errors import InputError
    from cuecast.io.files import replacing
    from cuecast.io.volumes import open_volume, value_window
    from cuecast.propagation.volume_slices import Slices

    opened = open_volume(source, reading)
    written = []
    for plane, index in slices:
        view = Slices(opened, plane, window or value_window(opened))
        if index >= view.count:
            raise InputError(
                f"there is no slice {plane}:{index}, the last one is {plane}:{view.count - 1}", source
            )
        path = out / "slices" / f"{opened.name}_{plane}{index:04d}.png"
        with replacing(path) as temporary:
            Image.fromarray(view.voxel_image(index).pixels[..., 0]).save(temporary, "PNG")
        written.append(path)
    return written


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    if text in WINDOWS:
        from cuecast.io import volumes

        return volumes.WINDOWS[text]
    return read_limits(text, ", ".join(WINDOWS))


def _spacing(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--spacing {text!r}: three numbers Z,Y,X in mm are expected") from None
    if not all(0 < v < float("inf") for v in (z, y, x)):
        raise typer.BadParameter(f"--spacing {text!r}: the distance of voxels is a number above 0")
    return z, y, x


def _as_text(summary: VolumeSummary) -> str:
    """'300 slices: 220 found, 12 doubtful, 68 absent', how much of each class, and where each result is."""
    head = tally("slice", summary.counts, " (finished before)" if summary.finished else "")
    ml = summary.millilitres
    found = [
        f"{name}: {n} voxels"
        + (f", {ml[name]:.6g} ml" if ml is not None else "")
        + (f", {summary.objects[name]} objects" if summary.objects[name] > 1 else "")
        for name, n in summary.voxels.items()
    ]
    doubtful = ", ".join(f"{summary.plane}:{i}" for i in summary.doubtful)
    look = [f"look at: {doubtful}"] if doubtful else []
    return "\n".join([head, *found, *look, *places(summary.files)])
