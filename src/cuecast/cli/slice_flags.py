"""What --cue, --box, --point, --scribble and --absent say of slices, read into one cue a slice.

Each is PLANE:INDEX=MARK, such as z:40=mask.png: slice 40 of the plane in which z stands still.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cuecast.cli.cue_flags import add_objects, collect_marks, read_values
from cuecast.core.errors import MaskError

if TYPE_CHECKING:
    from cuecast.core.values import Box, ClassInfo, Point, Scribble
    from cuecast.propagation.volume_slices import SliceCue

SLICE_BOX_FORM = "PLANE:INDEX=x1,y1,x2,y2[,class]"
SLICE_POINT_FORM = "PLANE:INDEX=x,y[,class]"
SLICE_SCRIBBLE_FORM = "PLANE:INDEX=x,y;x,y;...[,class]"

_PLACE = re.compile(r"([zyx]):(\d+)", re.IGNORECASE)


@dataclass
class _Marked:
    """All that the flags say about one slice."""

    mask: Path | None = None
    boxes: list[Box] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    scribbles: list[Scribble] = field(default_factory=list)
    absent: bool = False
    objects: Path | None = None


def read_slice_flags(
    cue: Sequence[str],
    box: Sequence[str],
    point: Sequence[str],
    scribble: Sequence[str],
    absent: Sequence[str],
    classes: Sequence[ClassInfo] = (),
    value: Sequence[int] | None = None,
    objects: Sequence[str] = (),
) -> list[SliceCue]:
    """One cue a slice, in the order of first mention within --cue, --box, --point, --scribble, --absent.

    Raises typer.BadParameter where a flag is written wrongly, and MaskError where a mask is not there.
    """
    from cuecast.propagation.volume_slices import SliceCue

    found: dict[tuple[Any, int], _Marked] = {}
    for text in cue:
        place, right = _split_file("--cue", text, "PLANE:INDEX=MASK")
        marked = found.setdefault(place, _Marked())
        if marked.mask is not None:
            raise typer.BadParameter(f"--cue {text!r}: this slice has a mask already; give one mask a slice")
        marked.mask = right
    for text in objects:
        place, right = _split_file("--cue-objects", text, "PLANE:INDEX=IDS")
        add_objects(found.setdefault(place, _Marked()), right, text)
    forms = (SLICE_BOX_FORM, SLICE_POINT_FORM, SLICE_SCRIBBLE_FORM)
    collect_marks(
        lambda place: found.setdefault(place, _Marked()), _split_mark, (box, point, scribble), forms, classes
    )
    for text in absent:
        found.setdefault(slice_place("--absent", text), _Marked()).absent = True
    values = read_values(value, (m.mask for m in found.values()))
    return [
        SliceCue(
            plane, index, mask=m.mask, value=values if m.mask else None, boxes=m.boxes,
            points=m.points, scribbles=m.scribbles, absent=m.absent, objects=m.objects,
        )
        for (plane, index), m in found.items()
    ]  # fmt: skip


def _split_file(flag: str, text: str, form: str) -> tuple[tuple[Any, int], Path]:
    """Slice and file of PLANE:INDEX=FILE. Raises MaskError where the file is not there."""
    place, right = _split(flag, text, form)
    if not Path(right).exists():
        raise MaskError(f"{right}: there is no such mask file (from {flag} {text!r}); check the name")
    return place, Path(right)


def slice_place(flag: str, text: str) -> tuple[Any, int]:
    """('z', 40) of 'z:40'. Raises typer.BadParameter."""
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(
            f"{flag} {text!r}: a slice is written PLANE:INDEX, such as z:40; planes are z, y and x, slices count from 0"
        )
    return match[1].lower(), int(match[2])


def _split_mark(flag: str, text: str, form: str, read: Callable[[str], Any]) -> tuple[tuple[Any, int], Any]:
    place, right = _split(flag, text, form)
    try:
        return place, read(right)
    except ValueError as error:
        raise typer.BadParameter(f"{flag} {text!r}: {str(error) or f'{form} is expected'}") from None


def _split(flag: str, text: str, form: str) -> tuple[tuple[Any, int], str]:
    """The slice and what is right of the first '='."""
    left, equals, right = text.partition("=")
    if not equals or not right:
        raise typer.BadParameter(f"{flag} {text!r}: {form} is expected")
    return slice_place(flag, left), right
