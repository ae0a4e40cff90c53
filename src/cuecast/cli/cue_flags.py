"""What --cue, --box, --point, --scribble and --absent say, read into one cue an image.

Each is IMAGE=MARK. File names may hold '=' themselves, so a text is split where it makes sense: at the '='
that leaves an existing image on the left, and a mask file or numbers on the right.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from cuecast.core.errors import ImageError, MaskError

if TYPE_CHECKING:
    from cuecast.core.values import Box, ClassInfo, Point, Scribble
    from cuecast.cues import Cue
    from cuecast.cuesets.cueset import CueSet

BOX_FORM = "IMAGE=x1,y1,x2,y2[,class]"
POINT_FORM = "IMAGE=x,y[,class]"
SCRIBBLE_FORM = "IMAGE=x,y;x,y;...[,class]"

Mark = TypeVar("Mark")


@dataclass
class Marked:
    """All that the flags say about one image."""

    image: Path
    mask: Path | None = None
    boxes: list[Box] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    scribbles: list[Scribble] = field(default_factory=list)
    absent: bool = False
    objects: Path | None = None

    @property
    def marks_thing(self) -> bool:
        """Whether anything but 'not this' is marked."""
        drawn = [m.cls for m in self.points] + [m.cls for m in self.scribbles]
        return bool(self.mask or self.boxes or any(drawn))


def read_flags(
    cue: Sequence[str],
    box: Sequence[str],
    point: Sequence[str],
    scribble: Sequence[str],
    absent: Sequence[str],
    classes: Sequence[ClassInfo] = (),
    pairs: Sequence[tuple[Path, Path]] = (),
    objects: Sequence[str] = (),
) -> list[Marked]:
    """One entry an image, in the order of first mention within --cue, --box, --point, --scribble, --absent.

    `pairs` are (image, mask) that need no splitting, and come after --cue; `objects` are --cue-objects. `classes`
    lets marks name their class instead of its number. Raises typer.BadParameter where a flag is written wrongly, and
    ImageError or MaskError where a file is not there.
    """
    found: dict[str, Marked] = {}

    def at(image: Path) -> Marked:
        return found.setdefault(os.path.realpath(image), Marked(image))

    for image, mask in (*map(split_cue, cue), *map(_existing_pair, pairs)):
        if at(image).mask is not None:
            raise typer.BadParameter(
                f"--cue '{image}={mask}': {image} has a mask already; give one mask an image"
            )
        at(image).mask = mask
    for text in objects:
        image, ids = split_cue(text, "--cue-objects", "IDS")
        add_objects(at(image), ids, text)
    collect_marks(at, _split_mark, (box, point, scribble), (BOX_FORM, POINT_FORM, SCRIBBLE_FORM), classes)
    for text in absent:
        marked = at(_existing(text))
        marked.absent = True
        if marked.marks_thing:
            raise typer.BadParameter(
                f"--absent {text!r}: another flag marks the thing on this image; drop one of the two"
            )
    return list(found.values())


def cues_of(
    flags: Iterable[Marked],
    values: tuple[int, ...] | None,
    window: tuple[float, float] | None,
    page: int | None = None,
) -> list[Cue]:
    """The flags as cues, their images read the way the queries are; `values` as `read_values` gives them."""
    from cuecast.cues import Cue
    from cuecast.io.images import read_image

    return [
        Cue(
            read_image(m.image, page=page, window=window),
            mask=m.mask,
            value=values if m.mask else None,
            boxes=m.boxes,
            points=m.points,
            scribbles=m.scribbles,
            absent=m.absent,
            page=page,
            objects=m.objects,
        )
        for m in flags
    ]


def add_objects(marked: Any, ids: Path, text: str) -> None:
    """Add what --cue-objects says (`text`) to what is `marked` on one image. Raises BadParameter without its mask."""
    if marked.mask is None:
        raise typer.BadParameter(
            f"--cue-objects {text!r}: it tells the things of a mask apart, and there is none; give --cue with the same "
            "image, too (a file of numbers is the mask itself where one class is named: --class NAME)"
        )
    if marked.objects is not None:
        raise typer.BadParameter(f"--cue-objects {text!r}: the objects are given twice; give them once")
    marked.objects = ids


def collect_marks(
    at: Callable[[Any], Any],
    split: Callable[[str, str, str, Callable[[str], Any]], tuple[Any, Any]],
    texts: tuple[Sequence[str], Sequence[str], Sequence[str]],
    forms: tuple[str, str, str],
    classes: Sequence[ClassInfo],
) -> None:
    """Add what --box, --point and --scribble say (`texts`, as `forms` describe them) where it belongs.

    split  (flag, text, form, reader of the right side) -> (place, mark); at  place -> what is marked there, with the
    lists boxes, points and scribbles. Raises typer.BadParameter, and what `split` raises.
    """
    flags = (
        ("--box", read_box, "boxes"),
        ("--point", read_point, "points"),
        ("--scribble", read_scribble, "scribbles"),
    )
    for (flag, read, where), written, form in zip(flags, texts, forms, strict=True):
        for text in written:
            place, mark = split(flag, text, form, partial(read, classes=classes))
            getattr(at(place), where).append(mark)


def read_values(value: Sequence[int] | None, masks: Iterable[object]) -> tuple[int, ...] | None:
    """The values of --value, None where it is not given. Raises BadParameter where no mask is given that has them."""
    if value and not any(masks):
        raise typer.BadParameter(
            "--value: it chooses among the values of --cue masks, and there is none; drop it"
        )
    return tuple(value) if value else None


def refuse_names(cues: object, names: Sequence[str] | None) -> None:
    """Raise BadParameter where --class is given beside a cue set."""
    if cues and names:
        raise typer.BadParameter(
            "--class: the cue set names its classes already; drop --class, or change cues.json"
        )


def classes_of(cueset: CueSet | None, names: Sequence[str] | None) -> list[ClassInfo]:
    """The classes of the cue set where there is one, else those that --class names. Raises BadParameter for both."""
    refuse_names(cueset, names)
    return list(cueset.classes) if cueset else class_list(names or ())


def split_cue(text: str, flag: str = "--cue", right: str = "MASK") -> tuple[Path, Path]:
    """(image, mask) of IMAGE=MASK; with IMAGE alone, the mask that lies beside it (of --cue).

    Raises typer.BadParameter where the text can be read in two ways or no mask is given nor found.
    """
    pairs = [(Path(left), Path(right)) for left, right in _splits(text)]
    whole = [pair for pair in pairs if pair[0].is_file() and pair[1].exists()]
    if flag == "--cue" and Path(text).is_file() and not whole:
        return Path(text), _beside(Path(text))
    if len(whole) == 1:
        return whole[0]
    if whole:
        readings = " or ".join(f"{left} with mask {right}" for left, right in whole)
        raise typer.BadParameter(f"{flag} {text!r} can be read as {readings}; rename one of the files")
    for image, mask in pairs:
        if image.is_file():
            raise MaskError(f"{mask}: there is no such mask file (from {flag} {text!r}); check the name")
    image = pairs[0][0] if pairs else Path(text)
    raise ImageError(f"{image}: there is no such image (from {flag} {text!r}); write {flag} IMAGE={right}")


def class_list(names: Iterable[str], known: Sequence[ClassInfo] = ()) -> list[ClassInfo]:
    """`known` classes and those of `names` that are not among them, with the ids that follow."""
    from cuecast.core.values import ClassInfo

    out = list(known)
    for name in names:
        if not name.strip():
            raise typer.BadParameter("--class '': a class needs a name")
        if any(c.name == name for c in out[len(known) :]):
            raise typer.BadParameter(f"--class {name!r} is given twice; each class has one name")
        if all(c.name != name for c in out):
            out.append(ClassInfo(max((c.id for c in out), default=0) + 1, name))
    return out


def _splits(text: str) -> list[tuple[str, str]]:
    """Every way to cut the text at a '=', leftmost first, both sides not empty."""
    at = [i for i, letter in enumerate(text) if letter == "="]
    return [(text[:i], text[i + 1 :]) for i in at if text[:i] and text[i + 1 :]]


def _beside(image: Path) -> Path:
    from cuecast.io.labels.masks import find_mask

    mask = find_mask(image)
    if mask is None:
        raise typer.BadParameter(
            f"--cue {str(image)!r}: no mask lies beside it, nor in masks/, labels/ or annotations/; "
            "write --cue IMAGE=MASK"
        )
    return mask


def _split_mark(flag: str, text: str, form: str, read: Callable[[str], Mark]) -> tuple[Path, Mark]:
    """Image and mark of IMAGE=NUMBERS, cut at the last '=' that makes sense."""
    unknown: Path | None = None
    reason = f"{form} is expected"
    for left, right in reversed(_splits(text)):
        try:
            mark = read(right)
        except ValueError as error:
            reason = str(error) or reason
            continue
        if Path(left).is_file():
            return Path(left), mark
        unknown = unknown or Path(left)
    if unknown is not None:
        raise ImageError(f"{unknown}: there is no such image (from {flag} {text!r}); check the name")
    raise typer.BadParameter(f"{flag} {text!r}: {reason}")


def _existing(text: str) -> Path:
    if not Path(text).is_file():
        raise ImageError(f"{text}: there is no such image (from --absent {text!r}); check the name")
    return Path(text)


def _existing_pair(pair: tuple[Path, Path]) -> tuple[Path, Path]:
    image, mask = pair
    if not image.is_file():
        raise ImageError(f"{image}: there is no such image (from --image); check the name")
    if not mask.exists():
        raise MaskError(f"{mask}: there is no such mask file (from --mask); check the name")
    return pair


def _numbers(parts: Sequence[str]) -> list[float]:
    """Raises ValueError without a text where one is not a finite number."""
    try:
        values = [float(p) for p in parts]
    except ValueError:
        raise ValueError from None
    if not all(math.isfinite(v) for v in values):
        raise ValueError
    return values


def _class(name: str, classes: Sequence[ClassInfo], zero: bool) -> int:
    """The id that a class's number or name stands for; ValueError says what is wrong with it."""
    for info in classes:
        if info.name == name.strip():
            return info.id
    try:
        cls = int(name)
    except ValueError:
        known = ", ".join(c.name for c in classes)
        remedy = f"known are {known}" if known else f"name it with --class {name}"
        raise ValueError(f"class {name!r} is unknown; {remedy}") from None
    if cls < 0 or (cls == 0 and not zero):
        said = "0 means 'not this' and is for --point and --scribble" if cls == 0 else "classes count from 1"
        raise ValueError(f"class {cls} cannot be used here; {said}")
    return cls


def read_box(text: str, classes: Sequence[ClassInfo]) -> Box:
    from cuecast.core.values import Box

    parts = text.split(",", 4)
    if len(parts) < 4:
        raise ValueError
    x1, y1, x2, y2 = _numbers(parts[:4])
    return Box((x1, y1, x2, y2), _class(parts[4], classes, zero=False) if len(parts) == 5 else 1)


def read_point(text: str, classes: Sequence[ClassInfo]) -> Point:
    from cuecast.core.values import Point

    parts = text.split(",", 2)
    if len(parts) < 2:
        raise ValueError
    x, y = _numbers(parts[:2])
    return Point((x, y), _class(parts[2], classes, zero=True) if len(parts) == 3 else 1)


def read_scribble(text: str, classes: Sequence[ClassInfo]) -> Scribble:
    from cuecast.core.values import Scribble

    *pairs, last = [pair.split(",") for pair in text.strip().rstrip(";").split(";")]
    cls = _class(last.pop(), classes, zero=True) if len(last) == 3 else 1
    pairs.append(last)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError
    return Scribble(tuple((x, y) for x, y in map(_numbers, pairs)), cls=cls)
