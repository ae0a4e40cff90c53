"""How a mark is written on the command line: PLACE=MASK, PLACE=NUMBERS.

The place is an image, a frame of a video or a slice of a volume: `IMAGES`, `FRAMES` and `SLICES` say how each is
written. File names may hold '=' themselves, so a text is split where it makes sense: at the '=' that leaves a place on
the left, and a mask file or numbers on the right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from cuecast.core.errors import ImageError, MaskError

if TYPE_CHECKING:
    from cuecast.core.values import ClassInfo, Mark


@dataclass(frozen=True)
class Places:
    """How a kind of place is written on the command line.

    form   what stands left of the '=', for messages: 'IMAGE'.
    noun   what a person calls it: 'image'.
    find   text -> the place, None where the text names none.
    key    place -> what is the same for the same place.
    wrong  (text, flag, whole text, form of the flag) -> the error where no reading of a text names a place.
    """

    form: str
    noun: str
    find: Callable[[str], Any]
    key: Callable[[Any], Any]
    wrong: Callable[[str, str, str, str], Exception]


def _find_image(text: str) -> Path | None:
    return Path(text) if Path(text).is_file() else None


def _no_image(text: str, flag: str, whole: str, form: str) -> Exception:
    if Path(text).is_file():
        return typer.BadParameter(f"{flag} {whole!r}: {form} is expected")
    remedy = f"write {flag} {form}" if flag in ("--cue", "--cue-objects") else "check the name"
    return ImageError(f"there is no such image (from {flag} {whole!r})", text, remedy)


def _no_frame(_text: str, flag: str, whole: str, form: str) -> Exception:
    example = f", as in {flag} 0=first.png" if flag in ("--cue", "--cue-objects") else ""
    return typer.BadParameter(f"{flag} {whole!r}: {form} is expected{example}")


def _find_slice(text: str) -> tuple[str, int] | None:
    match = re.fullmatch(r"([zyx]):(\d+)", text.strip(), re.IGNORECASE)
    return (match[1].lower(), int(match[2])) if match else None


def _no_slice(text: str, flag: str, whole: str, form: str) -> Exception:
    if "=" in form and not _splits(whole):
        return typer.BadParameter(f"{flag} {whole!r}: {form} is expected")
    return typer.BadParameter(
        f"{flag} {text!r}: a slice is written PLANE:INDEX, such as z:40; planes are z, y and x, slices count from 0"
    )


IMAGES = Places("IMAGE", "image", _find_image, os.path.realpath, _no_image)
FRAMES = Places("FRAME", "frame", lambda text: text.strip() or None, str, _no_frame)
SLICES = Places("PLANE:INDEX", "slice", _find_slice, tuple, _no_slice)


def slice_place(flag: str, text: str) -> tuple[Any, int]:
    """('z', 40) of 'z:40'. Raises typer.BadParameter."""
    place: tuple[Any, int] = place_of(text, SLICES, flag)
    return place


def split_file(
    text: str, places: Places = IMAGES, flag: str = "--cue", right: str = "MASK"
) -> tuple[Any, Path]:
    """(place, file) of PLACE=FILE; with an IMAGE alone, the mask that lies beside it (of --cue).

    Raises typer.BadParameter where the text can be read in two ways or no mask is given nor found, and ImageError or
    MaskError where a file is not there.
    """
    found = [(place, Path(file)) for left, file in _splits(text) if (place := places.find(left)) is not None]
    whole = [pair for pair in found if pair[1].exists()]
    if places is IMAGES and flag == "--cue" and Path(text).is_file() and not whole:
        return Path(text), _beside(Path(text))
    if len(whole) == 1:
        return whole[0]
    if whole:
        readings = " or ".join(f"{named(left)} with mask {file}" for left, file in whole)
        raise typer.BadParameter(f"{flag} {text!r} can be read as {readings}; rename one of the files")
    if found:
        raise MaskError(f"there is no such mask file (from {flag} {text!r})", found[0][1], "check the name")
    splits = _splits(text)
    raise places.wrong(splits[0][0] if splits else text, flag, text, f"{places.form}={right}")


def split_mark(text: str, places: Places, kind: type[Mark], classes: Sequence[ClassInfo]) -> tuple[Any, Mark]:
    """Place and mark of PLACE=NUMBERS, cut at the last '=' that makes sense."""
    flag, unknown = f"--{kind.__name__.lower()}", ""
    form = f"{places.form}={kind.form}[,class]"
    reason = f"{form} is expected"
    for left, right in reversed(_splits(text)):
        try:
            mark = read_mark(kind, right, classes)
        except ValueError as error:
            reason = str(error) or reason
            continue
        if (place := places.find(left)) is not None:
            return place, mark
        unknown = unknown or left
    if unknown:
        raise places.wrong(unknown, flag, text, form)
    raise typer.BadParameter(f"{flag} {text!r}: {reason}")


def place_of(text: str, places: Places, flag: str) -> Any:
    """The place that a text names. Raises typer.BadParameter or ImageError where it names none."""
    if (place := places.find(text)) is None:
        raise places.wrong(text, flag, text, places.form)
    return place


def _splits(text: str) -> list[tuple[str, str]]:
    """Every way to cut the text at a '=', leftmost first, both sides not empty."""
    at = [i for i, letter in enumerate(text) if letter == "="]
    return [(text[:i], text[i + 1 :]) for i in at if text[:i].strip() and text[i + 1 :]]


def named(place: Any) -> str:
    """A place as a message calls it: 'a.png', '4', 'z:40'."""
    return ":".join(map(str, place)) if isinstance(place, tuple) else str(place)


def _beside(image: Path) -> Path:
    from cuecast.io.labels.masks import find_mask

    mask = find_mask(image)
    if mask is None:
        raise typer.BadParameter(
            f"--cue {str(image)!r}: no mask lies beside it, nor in masks/, labels/ or annotations/; "
            "write --cue IMAGE=MASK"
        )
    return mask


def read_mark(kind: type[Mark], text: str, classes: Sequence[ClassInfo]) -> Mark:
    """A mark of its numbers, and a class by number or name. ValueError says what is wrong with it, where it can."""
    from cuecast.core.marks import written_mark

    return written_mark(kind, text, lambda name: _class(name, classes, kind))


def _class(name: str, classes: Sequence[ClassInfo], kind: type[Mark]) -> int:
    """The id that a class's number or name stands for; ValueError says what is wrong with it."""
    from cuecast.core.values import Stroke

    for info in classes:
        if info.name == name.strip():
            return info.id
    try:
        cls = int(name)
    except ValueError:
        known = ", ".join(c.name for c in classes)
        remedy = f"known are {known}" if known else f"name it with --class {name}"
        raise ValueError(f"class {name!r} is unknown; {remedy}") from None
    strokes = get_args(Stroke)
    if cls < 0 or (cls == 0 and kind not in strokes):
        flags = " and ".join(f"--{stroke.__name__.lower()}" for stroke in strokes)
        said = f"0 means 'not this' and is for {flags}" if cls == 0 else "classes count from 1"
        raise ValueError(f"class {cls} cannot be used here; {said}")
    return cls
