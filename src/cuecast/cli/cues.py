"""`cuecast cues`: make, fill, check, correct and look at cue sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuecast.cli.cue_flags import class_list, read_flags, read_values
from cuecast.cli.cues_check import check
from cuecast.cli.cues_history import log, undo
from cuecast.cli.options import (
    AbsentOption,
    BoxOption,
    ClassOption,
    CueObjectsOption,
    CueOption,
    CuePageOption,
    JsonFlag,
    PointOption,
    ScribbleOption,
    ValueOption,
)

if TYPE_CHECKING:
    from cuecast.cuesets.cueset import CueSet

app = typer.Typer(
    help="Make, fill, check and correct cue sets: cues with their images, in a folder or .zip to be mailed.",
    rich_markup_mode=None,
)

CueSetArgument = Annotated[Path, typer.Argument(metavar="CUESET", help="Folder or .zip of a cue set.")]


@app.command()
def new(cueset: CueSetArgument, class_names: ClassOption = None, as_json: JsonFlag = False) -> None:
    """Make an empty cue set.

    A name that ends in .zip makes an archive, any other a folder. Without --class its one class is 'thing'.
    """
    classes = class_list(class_names or ("thing",))
    from cuecast.cuesets.edit import new_cueset

    _say(new_cueset(cueset, classes), as_json)


@app.command()
def add(
    cueset: CueSetArgument,
    cue: CueOption = None,
    cue_objects: CueObjectsOption = None,
    box: BoxOption = None,
    point: PointOption = None,
    scribble: ScribbleOption = None,
    absent: AbsentOption = None,
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
    if not (cue or box or point or scribble or absent or image):
        raise typer.BadParameter(
            "nothing to add: give --cue IMAGE=MASK, --box, --point, --scribble or --absent IMAGE"
        )
    from cuecast.cuesets.cueset import read_cueset
    from cuecast.cuesets.edit import NewCue, add_cues

    known = read_cueset(cueset)
    classes = class_list(class_names or (), known.classes)
    pair = ((image, mask),) if image and mask else ()
    flags = read_flags(
        cue or (), box or (), point or (), scribble or (), absent or (), classes, pair, cue_objects or ()
    )
    values = read_values(value, (m.mask for m in flags))
    cues = [
        NewCue(
            m.image,
            m.mask,
            values if m.mask else None,
            m.boxes,
            m.points,
            m.scribbles,
            absent=m.absent,
            page=page,
            objects=m.objects,
        )
        for m in flags
    ]
    _say(add_cues(cueset, cues, classes, replace=replace), as_json)


app.command()(check)
app.command()(log)
app.command()(undo)


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
    if as_json:
        record = {
            "cueset": str(cueset.root),
            "digest": digest,
            "classes": [{"id": c.id, "name": c.name, "colour": c.colour} for c in cueset.classes],
            "cues": [{"image": e.image, "kinds": list(e.kinds), "page": e.page} for e in cueset.entries],
            "sheet": str(sheet) if sheet else None,
        }
        typer.echo(json.dumps(record, indent=1, ensure_ascii=False))
        return
    count = len(cueset.entries)
    typer.echo(f"{cueset.root}: {count} cue{'s' if count != 1 else ''}, digest {digest[:12]}")
    for info in cueset.classes:
        typer.echo(f"  class {info.id}  {info.name}  {info.colour}")
    for entry in cueset.entries:
        typer.echo(f"  {entry.image}  {', '.join(entry.kinds)}")
    if sheet:
        typer.echo(f"sheet  {sheet}")
