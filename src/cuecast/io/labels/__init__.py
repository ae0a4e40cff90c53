"""Label files as masks of one image: which format a file is of, what all of them check, and what is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from cuecast.core.errors import CuecastError, MaskError
from cuecast.core.notes import give_note
from cuecast.core.objects import Annotations
from cuecast.core.values import ClassInfo
from cuecast.io.files import load_json, load_xml
from cuecast.io.formats import FORMATS, Format, suffixes_of
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.pixels import pixel_limit


class Pictured(Protocol):
    """What a label file has to know of an image: an `Image`, or a `Picked` one whose pixels nobody needs."""

    @property
    def name(self) -> str:
        """In messages."""
        ...

    @property
    def path(self) -> Path | None:
        """Where it lies; None where that is not known."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        ...


@dataclass(frozen=True)
class Listed:
    """An image that a label file lists: its name as it is written, with '/', and (H, W), None where it states none."""

    name: str
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Picked:
    """The image at a `place` of those that a label file lists, from 0."""

    place: int
    name: str
    size: tuple[int, int]
    path: Path | None = None


class LabelFile(Protocol):
    """A label file that has been opened; what an image has of it is read when asked for."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its classes, in the order of their ids; () where it states none."""
        ...

    @property
    def listed(self) -> tuple[Listed, ...]:
        """The images that it speaks of. Raises MaskError."""
        ...

    def size(self, image: Pictured) -> tuple[int, int] | None:
        """(H, W) that it states of an image; None where it states none. Raises MaskError."""
        ...

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """The objects of an image, boxes first; of these classes, or all by their own ids. Raises MaskError."""
        ...


def read_label_file(path: Path, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
    """The objects of one image from a label file of any of the `FORMATS`, boxes below outlines.

    With `classes`, labels are matched by name and others are left out, whatever is wrong with them; without, COCO
    keeps its category ids, YOLO has index + 1, and the others count their names from 1. What cannot be used is passed
    over and noted. Raises MaskError where nothing of these classes can be used.
    """
    file = open_label_file(path)
    check_stated(path, file.size(image), image)
    names = set(file.names)
    if classes is not None and names and not names & {c.name for c in classes}:
        raise MaskError(
            f"none of the classes {listed(c.name for c in classes)} occurs in it, it has "
            f"{listed(file.names)}",
            path,
            "use these names for the classes",
        )
    return file.annotations(image, classes)


def label_names(path: str | Path) -> tuple[str, ...]:
    """The names of the classes in a label file, in the order of their ids; () for YOLO without names."""
    return open_label_file(Path(path)).names


def label_suffixes() -> tuple[str, ...]:
    """The suffixes by which label files are known; those of masks are suffixes of pictures."""
    return tuple(s for s in suffixes_of("labels") if s not in IMAGE_SUFFIXES)


def is_label_file(source: Any) -> bool:
    """Whether this is the path of a label file, by its suffix."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in label_suffixes()


def open_label_file(path: Path, form: Format | None = None) -> LabelFile:
    """The label file at a path, of a format that is known by its suffix and by what it holds, or of `form`.

    Raises MaskError where it is of no known format, or damaged.
    """
    known = [f for f in FORMATS["labels"] if f.reads and path.suffix.lower() in f.suffixes]
    forms = tuple(known) if form is None else (form,)
    if not forms:
        raise MaskError(
            f"is no label file by its suffix ({', '.join(suffixes_of('labels'))} are)", path, "export it anew"
        )
    try:
        return _opened(path, os.path.abspath(path), path.stat().st_mtime_ns, forms)
    except OSError:
        return _opened(path, "", 0, forms)  # says why it cannot be read


PARSERS = {".json": load_json, ".geojson": load_json, ".xml": load_xml}
"""Suffix -> what makes of a file the `data` that tells its format, and is handed to `open_labels`."""


@lru_cache(maxsize=1)
def _opened(path: Path, place: str, mtime_ns: int, known: tuple[Format, ...]) -> LabelFile:  # noqa: ARG001
    """A file, of that of its formats that its content is of. Cues often share one large file, which is parsed once."""
    parse = PARSERS.get(path.suffix.lower())
    data = parse(path, MaskError) if parse else None
    form = next((f for f in known if data is None or f.holds is None or f.holds(data)), None)
    if form is None:
        titles = [f.title for f in known]
        raise MaskError(
            f"is neither {' nor '.join(titles)}" if len(titles) > 1 else f"is not {titles[0]}",
            path,
            "export it as one of these, or give a mask image",
        )
    form.check_library(f"reading {form.title}")
    opened: LabelFile = form.load().open_labels(path, data)
    return opened


def place_of(path: Path, names: Sequence[str], image: Pictured) -> int:
    """The place of an image among the `names` that a label file lists.

    By file name, with as much of its folders as is needed, then by stem alone. A name is tried as it is written, then
    with what an address encodes (%20) decoded, then in any case. Raises MaskError.
    """
    if isinstance(image, Picked):
        return image.place
    if image.path is None:
        if len(names) == 1:
            return 0
        raise MaskError(
            f"lists {len(names)} images", path, "pass the image as a path, so that its name tells"
        )
    own = image.path.absolute().parts
    for written in (str, unquote, plain_name):
        parts = [Path(written(name)).parts or ("",) for name in names]
        mine = tuple(map(written, own))
        matches = [i for i, p in enumerate(parts) if p[-1] == mine[-1]]
        if len(matches) > 1:
            matches = [i for i in matches if mine[-len(parts[i]) :] == parts[i]] or matches
        if matches:
            break
    else:
        matches = [i for i, p in enumerate(parts) if Path(p[-1]).stem == Path(mine[-1]).stem]
    if len(matches) != 1:
        problem = "does not list" if not matches else f"lists {len(matches)} images called"
        known = listed(names) or "no image"
        raise MaskError(
            f"{problem} {image.path.name}", path, f"it has {known}: rename it, or export it again"
        )
    return matches[0]


def plain_name(name: str) -> str:
    """A file name in the form in which names are compared: decoded (%20), in lower case."""
    return unquote(name).casefold()


def stated_size(where: str, height: Any, width: Any, remedy: str) -> tuple[int, int] | None:
    """(H, W) as a label file states it, None where it states none.

    where  the file, and the image in it. Raises MaskError with the remedy where that is none, or above the limits.
    """
    if height is None or width is None:
        return None
    try:
        H, W = int(height), int(width)
    except (TypeError, ValueError, OverflowError) as error:
        raise MaskError(f"{where} {remedy}") from error
    if H < 1 or W < 1 or pixel_limit(MaskError) < H * W:
        raise MaskError(
            f"{where} is said to be {W} x {H}, outside the limits",
            remedy="correct it, or raise CUECAST_MAX_PIXELS",
        )
    return H, W


def check_stated(path: Path, size: tuple[int, int] | None, image: Pictured) -> None:
    """Raise MaskError where a file states another size than its image has."""
    if size is None or size == image.size:
        return
    (h, w), (H, W) = size, image.size
    turned = (
        " (turned by 90 degrees, or height and width are swapped in the file: correct them there)"
        if (h, w) == (W, H)
        else ""
    )
    raise MaskError(
        f"its outlines are for an image {w} wide and {h} high, {image.name} is {W} wide and {H} "
        f"high{turned}: they must match",
        path,
        "pass the image they were drawn on",
    )


def listed(names: Iterable[str], most: int = 8) -> str:
    """The first names, quoted, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


BOX = "a box without an outline"
"""Among outlines it is read as the rectangle that it is; outlines lie over it."""


class PassedOver:
    """Gathers while one file is read. What it counts are annotations, shapes, lines or features."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._reasons: dict[str, list[str]] = {}
        self._boxes: list[str] = []

    def skip(self, reason: str, where: str) -> None:
        """One cannot be used; `where` names it: 'annotation 7', 'line 3'."""
        self._reasons.setdefault(reason, []).append(where)

    def box(self, where: str) -> None:
        """One has no outline but a box, which is read as a rectangle."""
        self._boxes.append(where)

    @contextmanager
    def each(self, where: str) -> Iterator[None]:
        """What goes wrong inside with one of them is the reason why it is passed over."""
        try:
            yield
        except KeyError as error:
            self.skip(f"{error} is missing", where)
        except (CuecastError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
            self.skip(str(error).removeprefix(f"{self.path}: "), where)

    @property
    def reasons(self) -> str:
        """Why some were passed over, each reason with its count; '' where none was."""
        return "; ".join(_counted(reason, places) for reason, places in self._reasons.items())

    def settle(self, used: int) -> None:
        """Say what was passed over, and what was read as a rectangle.

        used  how many could be used. Raises MaskError where that is none, though there were some.
        """
        if self.reasons and not used:
            raise MaskError(
                f"nothing in it can be used as an outline: {self.reasons}",
                self.path,
                "correct it or export again",
            )
        if self.reasons:
            give_note(f"{self.path}: passed over, as it cannot be used: {self.reasons}")
        if self._boxes:
            give_note(
                f"{self.path}: read as a rectangle: {_counted(BOX, self._boxes)}; outline it, or mark it with a box "
                "(--box) instead, where the thing does not fill it"
            )


def _counted(reason: str, places: list[str]) -> str:
    """'a polygon of less than three points (annotation 7)', or '... (3 times, first annotation 7)'."""
    return f"{reason} ({places[0] if len(places) == 1 else f'{len(places)} times, first {places[0]}'})"
