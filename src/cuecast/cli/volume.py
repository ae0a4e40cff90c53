"""`cuecast volume`: marks on a slice or a few in, labels of the whole volume out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.cue_flags import class_list, refuse_names
from cuecast.cli.options import (
    ClassOption,
    JsonFlag,
    OtherCuesOption,
    PackOption,
    QuietFlag,
    ThreadsOption,
    ValueOption,
    read_limits,
)
from cuecast.cli.slice_flags import (
    SLICE_BOX_FORM,
    SLICE_POINT_FORM,
    SLICE_SCRIBBLE_FORM,
    read_slice_flags,
    slice_place,
)

if TYPE_CHECKING:
    from cuecast.io.volumes import Reading
    from cuecast.predictor import Concept, Predictor
    from cuecast.runs.volume import VolumeSummary

OUTPUTS = ("nifti", "nrrd", "tiff", "dicom-seg")
"""The choices of --format; a test compares them with `cuecast.io.volumes.OUTPUTS`, too heavy for --help."""
WINDOWS = ("brain", "soft-tissue", "liver", "lung", "bone")
"""The names that --window takes; compared with `cuecast.io.volumes.WINDOWS` likewise."""


def volume(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="VOLUME", help="NIfTI, NRRD or multi-page TIFF, or a folder with a DICOM series."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    cue: Annotated[
        list[str] | None,
        typer.Option(
            "--cue",
            "-c",
            metavar="PLANE:INDEX=MASK",
            help="A slice and the mask of the thing on it, such as z:40=mask.png; or a volume of labels (.nii, "
            ".nii.gz, .nrrd, .tif) of which this slice is taken. May be repeated, as all marks may.",
        ),
    ] = None,
    cue_objects: Annotated[
        list[str] | None,
        typer.Option(
            "--cue-objects",
            metavar="PLANE:INDEX=IDS",
            help="Beside --cue: ids that tell the things of its mask apart, an image or a volume of them.",
        ),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option("--box", metavar=SLICE_BOX_FORM, help="A box round the thing.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point", metavar=SLICE_POINT_FORM, help="A voxel of the thing; class 0: a voxel that is not it."
        ),
    ] = None,
    scribble: Annotated[
        list[str] | None,
        typer.Option(
            "--scribble",
            metavar=SLICE_SCRIBBLE_FORM,
            help="A stroke on the thing; class 0: on something else.",
        ),
    ] = None,
    absent: Annotated[
        list[str] | None,
        typer.Option("--absent", metavar="PLANE:INDEX", help="A slice on which the thing does not occur."),
    ] = None,
    cues: OtherCuesOption = None,
    class_names: ClassOption = None,
    value: ValueOption = None,
    pack: PackOption = "general",
    window: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Values shown as black and white; or brain, soft-tissue, liver, lung, bone (Hounsfield units). "
            "Default: the 0.5 and 99.5 percentiles of the whole volume.",
        ),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(metavar="Z,Y,X", help="Distance of voxels in mm, for files that do not state it."),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(metavar="UID", help="DICOM series of a folder with several: its UID or description."),
    ] = None,
    channel: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Channel or time of files with more than one, from 0."),
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            metavar="PLANE:INDEX",
            help="Only write this slice to OUT/slices/ as PNG, to draw its mask on; may be repeated.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Of the labels: nifti, nrrd, tiff or dicom-seg. Default: as VOLUME; DICOM gives nifti.",
        ),
    ] = None,
    overlays: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many of the most doubtful slices are drawn.")
    ] = 6,
    threads: ThreadsOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Redo what is finished, and replace results of other cues.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Find in VOLUME what is marked on a slice or a few.

    OUT gets masks/ with the labels in the geometry of VOLUME, objects.csv with the pieces in millilitres, overlays/ of
    the most doubtful slices, and manifest.jsonl with a verdict a slice. Slices are those of the file: nothing is
    turned. Rows and columns of a slice are the two other axes in the order z, y, x; a pixel is a voxel.
    """
    if kind is not None and kind not in OUTPUTS:
        raise typer.BadParameter(f"--format {kind!r} is unknown; choose from {', '.join(OUTPUTS)}")
    limits = _window(window)
    distances = _spacing(spacing)
    places = [slice_place("--slice", text) for text in slices or ()]
    if not (places or cue or box or point or scribble or cues):
        raise typer.BadParameter(
            "nothing shows the thing: give --cue PLANE:INDEX=MASK, --box, --point or --scribble, or --cues CUESET "
            "(--slice PLANE:INDEX writes a slice to draw on)"
        )
    refuse_names(cues, class_names)

    from cuecast.cli.progress import progress
    from cuecast.io.volumes import Reading
    from cuecast.runs.volume import VolumeOptions, run_volume

    reading = Reading(channel, series, distances)
    if places:
        for path in _write_slices(source, reading, limits, places, output):
            typer.echo(path)
        return
    teacher, classes = _teacher(pack, threads, cues, class_list(class_names or ()))
    marks = read_slice_flags(
        cue or (), box or (), point or (), scribble or (), absent or (), classes, value, cue_objects or ()
    )
    options = VolumeOptions(reading, limits, kind, overlays, overwrite)
    worked: list[Any] = []
    with progress("slices", quiet, worked) as report:
        summary = run_volume(teacher, source, output, marks, classes or None, options, report, worked.extend)
    for note in summary.notes:
        print(f"cuecast: note: {note}", file=sys.stderr)
    typer.echo(json.dumps(_as_dict(summary), indent=1, ensure_ascii=False) if as_json else _as_text(summary))
    for failure in summary.failures:
        print(f"cuecast: failed: {failure}", file=sys.stderr)
    if summary.failures:
        raise typer.Exit(3)


def _teacher(
    pack: str, threads: int | None, cues: Path | None, classes: list[Any]
) -> tuple[Predictor | Concept, list[Any]]:
    """What teaches beside the marks, and the classes: the predictor, or the concept of a cue set."""
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.predictor import load

    predictor = load(pack, threads=threads)
    if cues is None:
        return predictor, classes
    cueset = read_cueset(cues)
    concept = predictor.learn(list(read_examples(cueset)), list(cueset.classes), "pixel")
    return concept, list(cueset.classes)


def _write_slices(
    source: Path,
    reading: Reading,
    window: tuple[float, float] | None,
    places: list[tuple[Any, int]],
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
    for plane, index in places:
        view = Slices(opened, plane, window or value_window(opened))
        if index >= view.count:
            raise InputError(
                f"{source}: there is no slice {plane}:{index}, the last one is {plane}:{view.count - 1}"
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


def _as_dict(summary: VolumeSummary) -> dict[str, Any]:
    return {
        "out": str(summary.out),
        "plane": summary.plane,
        "size": list(summary.size),
        "counts": dict(summary.counts),
        "voxels": dict(summary.voxels),
        "millilitres": None if summary.millilitres is None else dict(summary.millilitres),
        "doubtful": list(summary.doubtful),
        "notes": list(summary.notes),
        "finished": summary.finished,
        "failures": list(summary.failures),
        "files": {what: str(path) for what, path in summary.files.items()},
    }


def _as_text(summary: VolumeSummary) -> str:
    """'300 slices: 220 found, 12 doubtful, 68 absent', how much of each class, and where each result is."""
    counts = ", ".join(f"{n} {word}" for word, n in summary.counts.items())
    again = " (finished before)" if summary.finished else ""
    ml = summary.millilitres
    found = [
        f"{name}: {n} voxels" + (f", {ml[name]:.6g} ml" if ml is not None else "")
        for name, n in summary.voxels.items()
    ]
    look = (
        [f"look at: {', '.join(f'{summary.plane}:{i}' for i in summary.doubtful)}"]
        if summary.doubtful
        else []
    )
    width = max(map(len, summary.files))
    places = [f"{what:<{width}}  {path}" for what, path in summary.files.items()]
    return "\n".join([f"{sum(summary.counts.values())} slices: {counts}{again}", *found, *look, *places])
