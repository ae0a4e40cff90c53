"""`cuecast cues`: make, fill, check, correct and look at cue sets; `cuecast suggest`: which images to mark next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.marks import CONCEPT_HELP, MarkFlags, class_list, read_values, shown_cueset
from cuecast.cli.options import (
    ClassOption,
    CuePageOption,
    CueSetArgument,
    ImagesArgument,
    JsonFlag,
    PackOption,
    RecursiveFlag,
    Scale,
    ScaleOption,
    Speed,
    ThreadsOption,
    ValueOption,
    grouped,
)
from cuecast.cli.output import Printed, fail, note, progress, say
from cuecast.core.errors import without_name

if TYPE_CHECKING:
    from cuecast.cuesets.cueset import CueSet
    from cuecast.cuesets.history import Version

ConceptOption = Annotated[str | None, typer.Option("--concept", metavar="NAME", help=CONCEPT_HELP)]

app = typer.Typer(
    help="Make, fill, check and correct cue sets: cues with their images, in a folder or .zip to be mailed.",
    rich_markup_mode=None,
)


@app.command()
def new(cueset: CueSetArgument, class_names: ClassOption = None, as_json: JsonFlag = False) -> None:
    """Make an empty cue set.

    A name that ends in .zip makes an archive, any other a folder. Without --class its one class is 'thing'.
    """
    classes = class_list(class_names or ("thing",))
    from cuecast.cuesets.edit import new_cueset

    _say(new_cueset(cueset, classes), as_json)


@app.command()
@grouped
def add(
    cueset: CueSetArgument,
    shown: MarkFlags,
    *,
    image: Annotated[
        Path | None,
        typer.Option("--image", metavar="IMAGE", help="With --mask: the same as --cue IMAGE=MASK."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", metavar="MASK", help="The mask of --image, for example a corrected one."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="In place of all that the set says of these images, 'absent' too."),
    ] = False,
    class_names: Annotated[
        list[str] | None,
        typer.Option(
            "--class", metavar="NAME", help="A class that the set does not have yet; may be repeated."
        ),
    ] = None,
    value: ValueOption = None,
    page: CuePageOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add cues to a cue set; their images are copied in.

    Marks on the same image become one cue. An image has one mask in a set: a new one takes the place of the cue that
    had the earlier one; other marks join those that are there. Everything is read and checked before anything is
    written, and is one change that `cuecast cues undo` takes back.
    """
    if (image is None) != (mask is None):
        raise typer.BadParameter("--image and --mask belong together: give both, or --cue IMAGE=MASK")
    if not (shown.any or image):
        raise typer.BadParameter(
            "nothing to add: give --cue IMAGE=MASK, --box, --point, --scribble or --absent IMAGE"
        )
    from cuecast.cues import Cue
    from cuecast.cuesets.cueset import read_cueset
    from cuecast.cuesets.edit import add_cues

    known = read_cueset(cueset)
    classes = class_list(class_names or (), known.classes)
    pair = ((image, mask),) if image and mask else ()
    flags = shown.read(classes, pair)
    values = read_values(value, (m.mask for m in flags))
    cues = [Cue(m.place, page=page, **m.said(values)) for m in flags]
    _say(add_cues(cueset, cues, classes, replace=replace), as_json)


@app.command()
@grouped
def check(
    cueset: Annotated[
        Path | None, typer.Argument(metavar="CUESET", help="Folder or .zip of a cue set.")
    ] = None,
    concept: ConceptOption = None,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Only whether it can be read; no pack is loaded.")
    ] = False,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    threads: ThreadsOption = None,
    *,
    printed: Printed,
) -> None:
    """Say whether a cue set can be read, which of its cues hurt, and whether more would help.

    --concept takes one that comes with the pack.

    Prints one line a finding about the files. Where two images at least have a mask or polygons, each of these is
    predicted from all the others (leave-one-out): the IoU says how well the cues agree. A cue is flagged where its
    mask looks shifted, inverted, of another class or too wide, where its magnification differs, or where it disagrees
    with the others and nothing of these explains it. The curve of IoU against the number of cues says whether more
    are likely to help.

    Exit code 1 says that there is an error in the files; warnings and flags give 0.
    """
    if cueset and concept:
        raise typer.BadParameter("--concept and CUESET are both cue sets: give one of them")
    place = shown_cueset(cueset, concept, pack)
    if place is None:
        raise typer.BadParameter("nothing is there to check: give CUESET, or --concept NAME of a pack")
    from cuecast.predictor import load
    from cuecast.runs import actions

    request = actions.CheckRequest(place, lambda: load(pack, threads=threads), scale.value, files_only)
    with progress(printed.quiet) as report:
        found = actions.check(request, report)
    lines = [f"{f.level}: {f}" for f in found.findings] or [f"{place}: all well"]
    if found.leave_one_out:
        lines.append(f"\n{found.leave_one_out.as_table()}")
    elif found.note:
        lines.append(found.note)
    say(found.as_dict(), "\n".join(lines), printed.as_json)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def log(cueset: CueSetArgument, as_json: JsonFlag = False) -> None:
    """List the versions of a cue set, oldest first: number, time, what changed, digest.

    The last one is the set as it is. The past lies in history.jsonl and history/ of the set; deleting both forgets it,
    and `cuecast cues zip` leaves it out.
    """
    from cuecast.cuesets.cueset import read_cueset
    from cuecast.cuesets.history import versions

    found = versions(read_cueset(cueset))
    width = len(str(found[-1].version))
    lines = [
        f"{v.version:>{width}}  {v.time or 'not logged yet':20}  {v.digest[:12]}  {v.change}: {v.what}"
        for v in found
    ]
    say({"cueset": str(cueset), "versions": [_version(v) for v in found]}, "\n".join(lines), as_json)


@app.command()
def undo(
    cueset: CueSetArgument,
    to: Annotated[
        int | None,
        typer.Option("--to", min=1, metavar="N", help="Go to version N of the log, back or forth."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back the last change of a cue set.

    Again takes back the one before it. Nothing is forgotten: what was taken back stays in the log, and --to N goes
    to any version there.
    """
    from cuecast.cuesets.edit import undo as take_back
    from cuecast.cuesets.history import versions

    present = versions(take_back(cueset, to))[-1]
    text = f"{cueset}: version {present.version}, {present.what}, digest {present.digest[:12]}"
    say({"cueset": str(cueset), **_version(present)}, text, as_json)


@app.command()
def show(
    cueset: CueSetArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="SHEET.png", help="Also draw all cues on one sheet."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the classes and cues of a cue set."""
    from cuecast.cuesets.cueset import read_cueset

    read = read_cueset(cueset)
    if output:
        _draw(read, output)
    _say(read, as_json, sheet=output)


@app.command("zip")
def zip_(
    cueset: CueSetArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.zip", help="Archive to write.")],
) -> None:
    """Write a cue set as one .zip to be mailed."""
    from cuecast.cuesets.edit import pack_cueset

    typer.echo(str(pack_cueset(cueset, output)))


def _draw(cueset: CueSet, sheet: Path) -> None:
    if sheet.suffix.lower() != ".png":
        raise typer.BadParameter(f"--output {sheet}: the sheet is a picture; give a name that ends in .png")
    import io

    from cuecast.cuesets.cueset import overview
    from cuecast.io.files import write_bytes

    buffer = io.BytesIO()
    overview(cueset).save(buffer, "PNG")
    write_bytes(sheet, buffer.getvalue())


def _say(cueset: CueSet, as_json: bool, sheet: Path | None = None) -> None:
    digest = cueset.digest()
    record = {
        "cueset": str(cueset.root),
        "digest": digest,
        "classes": [{"id": c.id, "name": c.name, "colour": c.colour} for c in cueset.classes],
        "cues": [{"image": e.image, "kinds": list(e.kinds), "page": e.page} for e in cueset.entries],
        "sheet": str(sheet) if sheet else None,
    }
    count = len(cueset.entries)
    lines = [
        f"{cueset.root}: {count} cue{'s' if count != 1 else ''}, digest {digest[:12]}",
        *(f"  class {info.id}  {info.name}  {info.colour}" for info in cueset.classes),
        *(f"  {entry.image}  {', '.join(entry.kinds)}" for entry in cueset.entries),
        *([f"sheet  {sheet}"] if sheet else ()),
    ]
    say(record, "\n".join(lines), as_json)


def _version(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "time": version.time,
        "change": version.change,
        "what": version.what,
        "digest": version.digest,
        "restores": version.restores,
    }


@grouped
def suggest(
    images: ImagesArgument,
    cues: Annotated[
        Path | None,
        typer.Option("--cues", metavar="CUESET", help="A cue set: folder or .zip (`cuecast cues`)."),
    ] = None,
    concept: ConceptOption = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, metavar="N", help="How many images to name at most.")
    ] = 5,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    recursive: RecursiveFlag = False,
    *,
    speed: Speed,
    printed: Printed,
) -> None:
    """Name the images that are worth marking next.

    Segments IMAGES with the cues, or with a concept of the pack, and lists those whose marking is likely to help most,
    best first: doubtful, unlike what is marked or listed already, and like many others. Images of the cue set are left
    out. Nothing is written; add the marks with `cuecast cues add`.

    Exit code 3 says that some images failed; each is named on stderr.
    """
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.io.places import list_images, note_of_others
    from cuecast.predictor import load
    from cuecast.runs import actions

    place = shown_cueset(cues, concept, pack)
    if place is None:
        raise typer.BadParameter("nothing shows the thing: give --cues CUESET, or --concept NAME of a pack")
    cueset = read_cueset(place)
    paths = list_images(images, recursive)
    predictor = load(pack, threads=speed.threads_each)
    learned = predictor.learn(read_examples(cueset), cueset.classes, scale.value)
    with progress(printed.quiet, learned.classes) as report:
        found = actions.suggest(actions.SuggestRequest(learned, paths, count, speed.workers), report)
    say(found.as_dict(), found.as_table(), printed.as_json)
    note(note_of_others(images, recursive))
    all_failed = len(found.failures) == found.images
    fail(
        (f"{image}: {without_name(error, image)}" for image, error in found.failures), 1 if all_failed else 3
    )
