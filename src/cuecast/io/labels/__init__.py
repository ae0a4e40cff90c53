"""Label files as masks of one image: which format a file is of, what all of them check, and what is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from cuecast.core.errors import CuecastError, MaskError
from cuecast.core.notes import give_note
from cuecast.core.objects import Annotations
from cuecast.core.values import ClassInfo, Image
from cuecast.io.files import read_json
from cuecast.io.formats import FORMATS, Format, suffixes_of
from cuecast.io.pixels import pixel_limit


class LabelFile(Protocol):
    """A label file that has been opened; what an image has of it is read when asked for."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its classes, in the order of their ids; () where it states none."""
        ...

    def size(self, image: Image) -> tuple[int, int] | None:
        """(H, W) that it states of an image; None where it states none. Raises MaskError."""
        ...

    def annotations(self, image: Image, classes: Sequence[ClassInfo] | None) -> Annotations:
        """The objects of an image, boxes first; of these classes, or all by their own ids. Raises MaskError."""
        ...


def read_label_file(path: Path, image: Image, classes: Sequence[ClassInfo] | None) -> Annotations:
    """The objects of one image from a label file of any of the `FORMATS`, boxes below outlines.

    With `classes`, labels are matched by name and others are left out, whatever is wrong with them; without, COCO
    keeps its category ids, LabelMe counts its sorted labels from 1, YOLO has index + 1. What cannot be used is passed
    over and noted. Raises MaskError where nothing of these classes can be used.
    """
    file = open_label_file(path)
    _check_size(path, file.size(image) or image.size, image)
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


def is_label_file(source: Any) -> bool:
    """Whether this is the path of a label file, by its suffix."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in suffixes_of("labels")


def open_label_file(path: Path) -> LabelFile:
    """The label file at a path. Raises MaskError where it is of no known format, or damaged."""
    known = [f for f in FORMATS["labels"] if path.suffix.lower() in f.suffixes]
    if not any(f.keys for f in known):
        opened: LabelFile = known[0].load().open_labels(path, None)
        return opened
    try:
        return _opened(path, os.path.abspath(path), path.stat().st_mtime_ns, tuple(known))
    except OSError:
        return _opened(path, "", 0, tuple(known))  # says why it cannot be read


@lru_cache(maxsize=1)
def _opened(path: Path, place: str, mtime_ns: int, known: tuple[Format, ...]) -> LabelFile:  # noqa: ARG001
    """A JSON file, by what it holds. Cues often share one large file, which is parsed once."""
    data = read_json(path, MaskError)
    form = next((f for f in known if all(key in data for key in f.keys)), None)
    if form is None:
        raise MaskError(
            f"is neither {' nor '.join(f.title for f in known)} JSON",
            path,
            "export it as one of these, or give a mask image",
        )
    opened: LabelFile = form.load().open_labels(path, data)
    return opened


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


def _check_size(path: Path, size: tuple[int, int], image: Image) -> None:
    """Raise MaskError where a file states another size than its image has."""
    if size == image.size:
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
