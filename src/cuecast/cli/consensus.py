"""`cuecast consensus`: how far several people agree who labelled the same images, and one truth made of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.convert import OnlyClassOption, OverwriteFlag, PicturesOption
from cuecast.cli.options import grouped
from cuecast.cli.output import Printed, fail, note, progress, say
from cuecast.core.errors import InputError

if TYPE_CHECKING:
    from cuecast.runs.consensus import Consensus

LEAST, NAMED = 5, 8
"""How many pictures are listed on which people agree least, and which not all have marked."""


class Ways(StrEnum):
    """The choices of --way, as `cuecast.core.consensus.Way` names them."""

    MAJORITY = "majority"
    UNANIMOUS = "unanimous"
    STAPLE = "staple"


@grouped
def consensus(
    people: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=LABELS...", help="Each person with a label file, or a folder of such or of masks."
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="Folder for the truth and the tables; without it, none."
        ),
    ] = None,
    way: Annotated[
        Ways,
        typer.Option(
            metavar="majority|unanimous|staple",
            help="majority: what most say, ties left out; unanimous: what all say, the rest left out; staple: by how "
            "reliable each person is on these pictures.",
        ),
    ] = Ways.MAJORITY,
    form: Annotated[
        str,
        typer.Option(
            "--format", "-f", metavar="FORMAT", help="What the truth is written in, as of `cuecast convert`."
        ),
    ] = "masks",
    given: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FORMAT", help="What LABELS are. Default: as suffix and content tell."
        ),
    ] = None,
    images: PicturesOption = None,
    class_names: OnlyClassOption = None,
    overwrite: OverwriteFlag = False,
    printed: Printed,
) -> None:
    """Say how far people agree who labelled the same images, and make one truth of it.

    Images are the same by name. Printed are the mean IoU of each pair of people, and the sensitivity and specificity of
    each person by STAPLE. OUT gets the truth, agreement.csv with a line an image, pair and class, and agreement.json.

    Exit code 3 says that some labels could not be read, or that one person alone has them; each is named on stderr.
    """
    from cuecast.runs import actions
    from cuecast.runs.consensus import ConsensusRequest, as_dict
    from cuecast.runs.convert import source_format, target_format

    named = _people(people)
    try:
        written, read = target_format(Path("out"), form), source_format(given) if given else None
    except InputError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    request = ConsensusRequest(
        named, output, written, way.value, read, images or (), class_names or (), overwrite=overwrite
    )
    with progress(printed.quiet) as report:
        done = actions.consensus(request, report)
    say(as_dict(done) | {"out": str(output) if output else None}, _text(done, written.title), printed.as_json)
    some = [p for p in done.pictures if len(p.people) < len(named)]
    if some:
        more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
        said = ", ".join(f"{p.image} ({', '.join(p.people)})" for p in some[:NAMED])
        note(f"not all have marked {said}{more}")
    fail(
        [
            *(f"{where}: {error}" for where, error in done.failures),
            *(f"{image}: {who} alone has marked it" for image, who in done.alone.items()),
        ],
        3,
    )


def _people(given: list[str]) -> dict[str, Path]:
    """Name -> labels. Raises BadParameter."""
    found: dict[str, Path] = {}
    for each in given:
        name, equals, place = each.partition("=")
        if not (name.strip() and equals and place):
            raise typer.BadParameter(f"{each}: give NAME=LABELS, such as anna=labels/anna")
        if name.strip() in found:
            raise typer.BadParameter(
                f"{name.strip()} is named twice: give all labels of a person in one folder"
            )
        found[name.strip()] = Path(place)
    if len(found) < 2:
        raise typer.BadParameter("one person alone agrees with nobody: give NAME=LABELS of two at least")
    return found


def _text(done: Consensus, title: str) -> str:
    """Tables to be read by people."""
    count = len(done.pictures)
    lines = [
        f"{count} image{'s' if count != 1 else ''}, {len(done.people)} people, mean IoU {done.agreement:.3f}"
    ]
    rows: list[tuple[Any, ...]] = [("person", "images", "IoU", "class", "sensitivity", "specificity")]
    for p in done.people:
        first: tuple[Any, ...] = (p.name, p.images, f"{p.agreement:.3f}")
        for cls, rate in p.sensitivity.items():
            rows.append((*first, cls, f"{rate:.3f}", f"{p.specificity[cls]:.4f}"))
            first = ("", "", "")
    lines += _aligned(rows)
    if len(done.pairs) > 1:
        lines += ["", *_aligned([(f"{a} and {b}", f"{iou:.3f}") for a, b, iou in done.pairs])]
    least = sorted(done.pictures, key=lambda p: p.agreement)[:LEAST]
    lines += ["", "least agreed on: " + ", ".join(f"{p.image} {p.agreement:.3f}" for p in least)]
    if done.out is not None:
        lines.append(f"{done.way}: {title}, in {done.out}")
    return "\n".join(lines)


def _aligned(rows: list[tuple[Any, ...]]) -> list[str]:
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{c!s:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
