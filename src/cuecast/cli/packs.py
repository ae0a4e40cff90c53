"""`cuecast packs`: which packs there are, what their cards say, and packs as files that are mailed and taken in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cuecast.cli.options import JsonFlag
from cuecast.cli.output import json_text, note, progress, say

if TYPE_CHECKING:
    from cuecast.catalogue.listing import Listed
    from cuecast.engine.foundation.folder import Weights
    from cuecast.predictor import Predictor

app = typer.Typer(
    help="List, describe, export, import and remove packs. Looked for in $CUECAST_PACKS, the user's cache and the "
    "wheel.",
    rich_markup_mode=None,
)

PackArgument = Annotated[str, typer.Argument(metavar="PACK", help="Name or folder of a pack.")]
ToOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of packs to put it in. Default: the first of $CUECAST_PACKS, else the user's cache.",
    ),
]
ReplaceFlag = Annotated[bool, typer.Option("--replace", help="Take the place of another pack of that name.")]
Weighty = Literal["seggpt", "dino", "sam2", "sam3"]
"""Segmenters that stand on large weights."""
EncoderName = Literal["dinov2", "dinov3"]
"""Encoders of the segmenter 'dino'; the kinds of model of each begin with its name."""
WeightsOption = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Make it of large pretrained weights instead: the folder with config.json and .safetensors, which "
        "stay there (extra `foundation`).",
    ),
]
SegmenterOption = Annotated[
    Weighty | None,
    typer.Option(
        metavar="NAME",
        help="What the weights must be for: seggpt, dino, sam2 or sam3. Default: what their config.json says.",
    ),
]
EncoderOption = Annotated[
    EncoderName | None,
    typer.Option(
        metavar="NAME",
        help="The encoder that the weights must be of, for the segmenter dino: dinov2 or dinov3.",
    ),
]
DownloadFlag = Annotated[
    bool,
    typer.Option(
        "--download",
        help="--weights is a repository of huggingface.co (OWNER/NAME): say its size and licence, and fetch it.",
    ),
]
CalibrateOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--calibrate",
        metavar="DATA",
        help="With --weights: fit threshold, verdicts and confidence to pictures with masks, a cue set or a folder, as "
        "`cuecast refine` takes them; may be repeated.",
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        metavar="folder|prefix|FILE.csv",
        help="With --calibrate: pictures that belong together, as of `cuecast refine`.",
    ),
]
WIDE = 180
"""Columns of a table where no terminal says how many there are."""


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """List the packs that can be used by name: name, digest, who has signed it, summary."""
    from cuecast.catalogue.listing import listed
    from cuecast.engine.packs import list_packs

    packs = list(list_packs())
    rows = [listed(p) for p in packs]
    width = max((len(r.name) for r in rows), default=0)
    lines = [f"{r.name:<{width}}  {r.digest[:12]}  {_state(r)}{r.summary}" for r in rows]
    records = [r.as_dict() | {"folder": str(p.folder)} for r, p in zip(rows, packs, strict=True)]
    say(records, "\n".join(lines), as_json)


@app.command()
def info(
    pack: PackArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PAGE", help="Also write the card as a page, .html."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a pack's card, and check its files against the card's checksums.

    Exit code 1 says that the pack is unknown or corrupt, or its base is not there.
    """
    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"-o {output}: a page is written, its name ends in .html")
    from cuecast.catalogue.describe import as_record, as_text, write_card_page
    from cuecast.engine.packs import open_pack

    opened = open_pack(pack)
    opened.verify()
    if output is not None:
        write_card_page(opened, output)
    say(as_record(opened), as_text(opened), as_json)


@app.command()
def export(
    pack: PackArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .zip to write.")],
    sign: Annotated[
        Path | None,
        typer.Option(metavar="KEY", help="Sign it with this private key: Ed25519, PEM (extra `sign`)."),
    ] = None,
) -> None:
    """Write a pack as one file that can be mailed. What its card does not list stays behind."""
    if output.suffix.lower() != ".zip":
        raise typer.BadParameter(f"-o {output}: a .zip is written, its name ends in .zip")
    from cuecast.catalogue.archive import write_archive
    from cuecast.engine.packs import open_pack

    opened = open_pack(pack)
    write_archive(opened, output, sign)
    typer.echo(f"{output}  {opened.name} {opened.digest}")
    if opened.base is not None:
        note(f"{opened.name} stands on {opened.base.name}, which must be there where it is imported")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .zip of `cuecast packs export`.")],
    to: ToOption = None,
    signed_by: Annotated[
        Path | None,
        typer.Option(
            metavar="KEY",
            help="Take it only where this public key has signed it: Ed25519, PEM (extra `sign`).",
        ),
    ] = None,
    replace: ReplaceFlag = False,
) -> None:
    """Check a pack that was exported, and put it where packs are found by name.

    Refused before anything is written: files that its card does not list or whose checksums are others, names that lead
    elsewhere, links, code, and what unpacks to too much. A pack of that name stays, unless --replace is given.
    """
    from cuecast.catalogue.archive import import_archive

    done = import_archive(file, to, signed_by, replace=replace)
    typer.echo(f"{done.pack.name}  {done.pack.digest}  {done.pack.folder}")
    if done.already:
        note(f"{done.pack.name} is there already, the very same: its files stay as they are")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of an installed pack.")],
) -> None:
    """Remove an installed pack. One that came with the package, or that others stand on, stays."""
    from cuecast.catalogue.archive import remove_pack

    typer.echo(f"{remove_pack(name).folder} is removed")


@app.command()
def catalogue(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it to this file: a page (.html), a table (.csv) or .json.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say of every installed pack who made it, where and for what, and count: who builds which model where."""
    if output is not None and output.suffix.lower() not in (".html", ".csv", ".json"):
        raise typer.BadParameter(f"-o {output}: its name ends in .html, .csv or .json")
    from cuecast.catalogue.describe import write_catalogue_page
    from cuecast.catalogue.listing import as_csv, listed
    from cuecast.catalogue.listing import as_json as record
    from cuecast.engine.packs import list_packs
    from cuecast.io.files import write_text

    packs = [listed(p) for p in list_packs()]
    if output is None:
        say(record(packs), _tables(packs), as_json)
        return
    kind = output.suffix.lower()
    if kind == ".html":
        write_catalogue_page(packs, output)
    else:
        write_text(output, as_csv(packs) if kind == ".csv" else json_text(record(packs)) + "\n")
    say({"file": str(output), "packs": len(packs)}, str(output), as_json)


@app.command()
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the pack.")],
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="PACK", help="The pack that it stands on: name or folder. Default: general."
        ),
    ] = None,
    concept: Annotated[
        list[str] | None,
        typer.Option(
            "--concept",
            metavar="NAME=CUESET",
            help="A cue set that comes with it, ready by name; may be repeated.",
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON with fields of its card: organisation, licence, sector, ..."),
    ] = None,
    weights: WeightsOption = None,
    segmenter: SegmenterOption = None,
    encoder: EncoderOption = None,
    download: DownloadFlag = False,
    calibrate: CalibrateOption = None,
    group: GroupOption = None,
    to: ToOption = None,
    replace: ReplaceFlag = False,
) -> None:
    """Make a pack of cue sets, which stands on another pack and brings ready concepts, or of large pretrained weights.

    Nothing is trained.
    """
    if weights is None and (segmenter or encoder or download or calibrate):
        raise typer.BadParameter(
            "--segmenter, --encoder, --download and --calibrate go with --weights FOLDER"
        )
    if group is not None and not calibrate:
        raise typer.BadParameter("--group goes with --calibrate DATA")
    if encoder and segmenter not in (None, "dino"):
        raise typer.BadParameter(f"--encoder {encoder}: it is of the segmenter dino, not of {segmenter}")
    if weights is not None and base is not None:
        raise typer.BadParameter("--weights and --base: a pack stands on one of them")
    concepts = {}
    for text in concept or ():
        label, _, path = text.partition("=")
        if not (label and path) or label in concepts:
            raise typer.BadParameter(f"--concept {text!r}: NAME=CUESET is expected, each NAME once")
        concepts[label] = Path(path)
    from cuecast.catalogue.make import make_pack
    from cuecast.catalogue.place import home
    from cuecast.core.errors import PackError
    from cuecast.engine.packs import open_pack
    from cuecast.io.files import read_json

    fields = read_json(card, PackError) if card else {}
    root = to or home()
    if weights is None:
        below = open_pack(base or "general")
        made = make_pack(name, root, below, fields=fields, concepts=concepts, replace=replace)
    else:
        from cuecast.catalogue.foundation import make_weights_pack

        # What the pictures lack is said before anything is fetched.
        with _fitting(calibrate, group, fields) as fit:
            found, source = _weights(weights, "dino" if encoder else segmenter, encoder or "", download)
            made = make_weights_pack(
                name,
                root,
                found,
                source=source,
                fields=fields,
                concepts=concepts,
                calibrate=fit,
                replace=replace,
            )
    typer.echo(f"{made.name}  {made.digest}  {made.folder}")


@contextmanager
def _fitting(
    data: list[Path] | None, group: str | None, fields: dict[str, Any]
) -> Iterator[Callable[[Predictor], dict[str, Any]] | None]:
    """What fits a pack to these pictures, and shows how far it is; None where there are none. Raises InputError."""
    if not data:
        yield None
        return
    from cuecast.core.errors import PackError
    from cuecast.training.calibrate_pack import FITTED, calibrate, read_material

    if given := [name for name in FITTED if name in fields]:
        raise PackError(
            f"{given[0]} is stated, and --calibrate fits it", "--card", "leave out one of the two"
        )
    material = read_material(data, group=group)
    with progress() as report:
        yield lambda predictor: calibrate(predictor, material, report)


def _weights(given: str, segmenter: str | None, kind: str, download: bool) -> tuple[Weights, str | None]:
    """The weights that --weights names, and where they come from, where that is known."""
    from cuecast.catalogue.foundation import fetch, find_weights, offer

    if not download:
        return find_weights(given, segmenter, kind), None
    offered = offer(given)
    note(f"fetching {offered}")
    return find_weights(str(fetch(offered)), segmenter, kind), f"https://huggingface.co/{given}"


def _state(pack: Listed) -> str:
    """'unsigned  (on general)  ' before the summary of a list."""
    told = [pack.signature or "unsigned", f"(on {pack.base})" if pack.base else ""]
    told.append(f"cannot be used: {pack.problem}" if pack.problem else "")
    return "".join(f"{text}  " for text in told if text)


def _tables(packs: list[Listed]) -> str:
    """The catalogue, then the counts, as tables."""
    import shutil
    import sys

    from rich.console import Console
    from rich.table import Table

    from cuecast.catalogue.listing import COUNTED, HEADS, counts, shown

    width = shutil.get_terminal_size((WIDE, 24)).columns if sys.stdout.isatty() else WIDE
    out = Console(file=io.StringIO(), width=width, color_system=None, markup=False, highlight=False)
    table = Table(*HEADS.values())
    for pack in packs:
        table.add_row(*(shown(pack, column) for column in HEADS))
    out.print(table)
    found = counts(packs)
    for name in COUNTED:
        out.print(f"by {HEADS[name]}: " + ", ".join(f"{n} {value}" for value, n in found[name].items()))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().rstrip()
