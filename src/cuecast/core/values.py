"""The values that travel between the layers. Frozen, checked on construction; numpy only.

Axes and units, everywhere: images are (H, W, 3) uint8 RGB; label maps are (H, W) int32 with 0 = background
and `IGNORE` = -1; points are (x, y) and boxes (x1, y1, x2, y2) half-open, both in pixels of the image;
sizes are (height, width); score maps are (K, H, W) float32 in [0, 1], one plane a class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError, ImageError, MaskError

IGNORE = -1
"""Label of pixels that count neither as the thing nor as background (255 or 65535 in files)."""
MAX_CLASS_ID = 65534

Verdict = Literal["found", "doubtful", "absent"]

PALETTE = (
    "#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45", "#469990", "#9a6324",
    "#800000", "#808000", "#000075", "#fabed4", "#ffe119", "#dcbeff", "#aaffc3", "#ffd8b1", "#fffac8", "#a9a9a9",
)  # fmt: skip
"""Colours given to classes that state none; class id n gets entry (n - 1) modulo the length."""


@dataclass(frozen=True)
class ClassInfo:
    """One class of a concept. `id` is its value in label maps (1 or more), `colour` is '#rrggbb'.

    `threshold` is the score in (0, 1] from which a pixel is marked; None leaves it to the pack and to what cues show.
    """

    id: int
    name: str
    colour: str = ""
    threshold: float | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_CLASS_ID:
            raise CueError(
                f"class {self.name!r} has id {self.id}: ids run from 1 to {MAX_CLASS_ID}, 0 is background"
            )
        try:
            str(self.name).encode()
        except (
            UnicodeEncodeError
        ):  # bytes of another encoding, from a command line or a file: no format takes them
            raise CueError(
                f"class {self.id} is called {self.name!r}, which is no valid text", remedy="write it in UTF-8"
            ) from None
        if self.threshold is not None and not (isinstance(self.threshold, Real) and 0 < self.threshold <= 1):
            raise CueError(
                f"class {self.name!r} has the threshold {self.threshold!r}: scores run from 0 to 1",
                remedy="choose one above 0, such as 0.4",
            )
        if not self.colour:
            object.__setattr__(self, "colour", PALETTE[(self.id - 1) % len(PALETTE)])

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ClassInfo:
        """From what `document` gives. Raises KeyError, TypeError, ValueError, CueError."""
        threshold = document.get("threshold")
        return cls(
            int(document["id"]),
            str(document["name"]),
            str(document.get("colour") or ""),
            None if threshold is None else float(threshold),
        )

    @property
    def document(self) -> dict[str, Any]:
        """As JSON: id, name, colour, and the threshold where one was given."""
        stated = {} if self.threshold is None else {"threshold": self.threshold}
        return {"id": self.id, "name": self.name, "colour": self.colour, **stated}

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three integers in [0, 255]."""
        h = self.colour.lstrip("#")
        return int(h[0:2], 16), int(h[2:4], 16), int(h[4:6], 16)


@dataclass(frozen=True, eq=False)
class Image:
    """An image at the door: (H, W, 3) uint8 RGB pixels, EXIF orientation already applied.

    `name` appears in messages and gives outputs their stem; `path` is None for arrays and bytes.
    `pixel_size` is the edge of one pixel in `unit` (e.g. 0.25, 'um') where the file states it.
    """

    pixels: NDArray[np.uint8]
    name: str = "image"
    path: Path | None = None
    pixel_size: float | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        p = self.pixels
        if p.ndim != 3 or p.shape[2] != 3 or p.dtype != np.uint8:
            raise ImageError(f"expected pixels (H, W, 3) uint8, got {p.shape} {p.dtype}", self.name)
        if p.shape[0] == 0 or p.shape[1] == 0:
            raise ImageError(f"the image has no pixels, its shape is {p.shape}", self.name)
        if p.flags.writeable:
            p = p.copy() if not p.flags.owndata else p
            p.flags.writeable = False
            object.__setattr__(self, "pixels", p)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape and pixels: equal for the same picture whatever file it came from."""
        h = hashlib.sha256(repr(self.pixels.shape).encode())
        h.update(np.ascontiguousarray(self.pixels).data)
        return h.hexdigest()


FARTHEST = 1e9
"""Coordinates beyond are damage; with them, sums and products would lose the pixels, or overflow."""


@dataclass(frozen=True)
class Box:
    """The thing lies inside: x1, y1, x2, y2 (half-open pixels)."""

    xyxy: tuple[float, float, float, float]
    cls: int = 1

    form: ClassVar[str] = "x1,y1,x2,y2"
    """How it is written in numbers; a class may follow. With ';', each vertex of any number."""

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The rows and the columns inside, at least one of each."""
        x1, y1, x2, y2 = self.xyxy
        return slice(int(y1), max(round(y2), int(y1) + 1)), slice(int(x1), max(round(x2), int(x1) + 1))

    def check(self, size: tuple[int, int]) -> None:
        """Raise CueError where it does not lie on an image of `size` (H, W)."""
        x1, y1, x2, y2 = self.xyxy
        if not (x1 < x2 and y1 < y2):
            raise CueError(f"box {self.xyxy} is empty: give x1,y1,x2,y2 with x1 < x2 and y1 < y2")
        if x1 < 0 or y1 < 0 or x2 > size[1] or y2 > size[0]:
            raise CueError(
                f"box {self.xyxy} reaches outside the image, which is {size[1]} wide and {size[0]} high: "
                "boxes are x1,y1,x2,y2 in pixels of that image"
            )

    def scaled(self, x: float, y: float) -> Box:
        """The same on an image that is `x` times as wide and `y` times as high."""
        x1, y1, x2, y2 = self.xyxy
        return replace(self, xyxy=(x1 * x, y1 * y, x2 * x, y2 * y))


@dataclass(frozen=True)
class Point:
    """A pixel of the thing, or (class 0) of something else."""

    xy: tuple[float, float]
    cls: int = 1

    form: ClassVar[str] = "x,y"
    width: ClassVar[float | None] = None
    """Of no extent: it says nothing of the size of the thing."""

    @property
    def path(self) -> tuple[tuple[float, float], ...]:
        """Its only vertex."""
        return (self.xy,)

    def check(self, size: tuple[int, int]) -> None:
        """As `Box.check`."""
        if not _on(self.xy, size):
            raise CueError(
                f"point {self.xy} is outside the image, which is {size[1]} wide and {size[0]} high"
            )

    def scaled(self, x: float, y: float) -> Point:
        """As `Box.scaled`."""
        return replace(self, xy=(self.xy[0] * x, self.xy[1] * y))


@dataclass(frozen=True)
class Scribble:
    """A stroke of `width` pixels along `path` [(x, y), ...] on the thing, or (class 0) on something else."""

    path: tuple[tuple[float, float], ...]
    width: float = 3.0
    cls: int = 1

    form: ClassVar[str] = "x,y;x,y;..."
    vertices: ClassVar[int] = 1
    """So many at least."""

    def check(self, size: tuple[int, int]) -> None:
        """As `Box.check`; a part of it is enough."""
        if not all(abs(v) < FARTHEST for v in (self.width, *(v for xy in self.path for v in xy))):
            raise CueError(
                f"a scribble has a width or a vertex that is not a number below {FARTHEST:g}: correct it"
            )
        if not any(_on(xy, size) for xy in self.path):
            raise CueError(f"a scribble lies outside the image, which is {size[1]} wide and {size[0]} high")

    def scaled(self, x: float, y: float) -> Scribble:
        """As `Box.scaled`; the width stays."""
        return replace(self, path=tuple((a * x, b * y) for a, b in self.path))


@dataclass(frozen=True)
class Polygon:
    """The outline of a thing: vertices [(x, y), ...] of one ring. Complete: what none of them covers is background."""

    path: tuple[tuple[float, float], ...]
    cls: int = 1

    form: ClassVar[str] = "x,y;x,y;..."
    vertices: ClassVar[int] = 3
    """So many at least."""


def _on(xy: tuple[float, float], size: tuple[int, int]) -> bool:
    """Whether a point lies on an image of `size` (H, W)."""
    return 0 <= xy[0] < size[1] and 0 <= xy[1] < size[0]


Stroke = Point | Scribble
"""What says of pixels whether they are the thing. Class 0 says 'not this'."""
Sparse = Box | Stroke
Complete = Polygon
"""What says of every pixel of the image what it is: the inside of its path is the thing."""
Mark = Sparse | Complete
KINDS: Mapping[str, type[Mark]] = {
    "boxes": Box, "points": Point, "scribbles": Scribble, "polygons": Polygon,
}  # fmt: skip
"""Everything that can be drawn: field of a cue and key in JSON -> its type. A mask, 'absent' and the ids of objects
are the other things that can be shown. See docs/conventions.md, 'Adding a kind of mark'."""


COMPLETE = tuple(name for name, kind in KINDS.items() if not issubclass(kind, Sparse))
"""The kinds that become part of the mask; `Marks` has a field for each of the others."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What is shown on one image, in that image's pixels.

    A mask (or polygons) is complete: what it does not mark is background. Boxes, points and scribbles are
    sparse: what they do not touch is unknown. `absent` says that no class occurs anywhere in the image.
    `mask` is a label map (H, W) int32, IGNORE where unknown. `objects` tells its things apart: (H, W) int32 ids from 1,
    0 where a pixel belongs to none; None where nobody has told.
    """

    size: tuple[int, int]
    mask: NDArray[np.int32] | None = None
    boxes: tuple[Box, ...] = ()
    points: tuple[Point, ...] = ()
    scribbles: tuple[Scribble, ...] = ()
    absent: bool = False
    objects: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if self.objects is not None:
            _check_objects(self.objects, self.mask, self.size)
        if self.mask is not None and self.mask.shape != tuple(self.size):
            raise MaskError(
                f"mask is {self.mask.shape}, image is {tuple(self.size)}: they must match",
                remedy="resize the mask with nearest neighbour or pass the image it was drawn on",
            )
        for mark in self.sparse:
            mark.check(self.size)
            if isinstance(mark, Box) and self.mask is not None:
                _check_not_denied(mark, self.mask)
        if self.absent and self.class_ids:
            raise CueError("a cue cannot be absent and mark the thing at once: drop one of the two")
        if not (self.absent or self.sparse or self.has_mask):
            raise CueError(
                "the cue marks nothing: mark the thing, or say absent=True (--absent) if it is not there"
            )

    @property
    def drawn(self) -> dict[str, tuple[Sparse, ...]]:
        """Name of each sparse kind, as in `KINDS` -> its marks."""
        return {name: getattr(self, name) for name in KINDS if name not in COMPLETE}

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """All marks that say of pixels whether they are the thing, by kind."""
        return (*self.points, *self.scribbles)

    @property
    def sparse(self) -> tuple[Sparse, ...]:
        """All marks that leave the rest of the image unknown, by kind."""
        return tuple(mark for drawn in self.drawn.values() for mark in drawn)

    @property
    def has_mask(self) -> bool:
        """Whether a mask marks at least one pixel of a class."""
        return self.mask is not None and bool((self.mask > 0).any())

    @property
    def is_sparse(self) -> bool:
        """Whether the marks leave pixels unknown on purpose: boxes and strokes without a mask."""
        return self.mask is None and not self.absent

    @property
    def class_ids(self) -> tuple[int, ...]:
        """Sorted ids of the classes marked here, without 0."""
        found = {m.cls for m in self.sparse}
        if self.mask is not None:
            found |= {int(v) for v in np.unique(self.mask)}
        return tuple(sorted(v for v in found if v > 0))

    def only(self, wanted: Callable[[Sparse], bool]) -> Marks:
        """These marks with those sparse ones alone that are `wanted`. Raises CueError where nothing is left."""
        return self._mapped(lambda mark: (mark,) if wanted(mark) else ())

    def resized(
        self, size: tuple[int, int], resize: Callable[[NDArray[np.int32]], NDArray[np.int32]]
    ) -> Marks:
        """The same marks on the image at `size` (H, W); `resize` brings mask and ids there."""
        y, x = (new / old for new, old in zip(size, self.size, strict=True))
        mask, objects = (None if m is None else resize(m) for m in (self.mask, self.objects))
        return self._mapped(lambda mark: (mark.scaled(x, y),), size=size, mask=mask, objects=objects)

    def _mapped(self, change: Callable[[Sparse], tuple[Sparse, ...]], **others: Any) -> Marks:
        """With every sparse mark replaced by what `change` makes of it, and with `others`."""
        drawn = {name: tuple(n for mark in drawn for n in change(mark)) for name, drawn in self.drawn.items()}
        return replace(self, **{**drawn, **others})


def _check_not_denied(box: Box, mask: NDArray[np.int32]) -> None:
    """Raise CueError where a mask (H, W), which is complete, has nothing of the class in the box."""
    if not np.isin(mask[box.pixels], (box.cls, IGNORE)).any():
        raise CueError(
            f"box {box.xyxy} says class {box.cls}, but the mask of the same image, which is complete, has none "
            "there: mark the class in the mask, or put the box on another image"
        )


def _check_objects(objects: NDArray[np.int32], mask: NDArray[np.int32] | None, size: tuple[int, int]) -> None:
    """Raise MaskError where ids of objects do not fit the image, or tell apart what no mask marks."""
    if objects.shape != size or objects.dtype != np.int32:
        raise MaskError(
            f"objects are {objects.shape} {objects.dtype}, the image is {size}: they must be int32 ids of its size"
        )
    if mask is None:
        raise MaskError(
            "objects tell the things of a mask apart, and there is none: give the mask, too (where both are one file "
            "of numbers, it is the mask, with one class named)"
        )
    if mask.shape == size and (outside := objects[(mask == 0) & (objects != 0)]).size:
        named = ", ".join(map(str, np.unique(outside)[:5].tolist()))
        raise MaskError(
            f"{outside.size} pixels of objects lie outside the mask (ids {named}): the two must be of the "
            "same things",
            remedy="draw them alike",
        )
    if objects.size and objects.min() < 0:
        raise MaskError(f"objects hold the id {objects.min()}: ids count from 1, 0 is none")


@dataclass(frozen=True, eq=False)
class Example:
    """A cue that has been read: an image with its marks."""

    image: Image
    marks: Marks

    def __post_init__(self) -> None:
        if self.image.size != self.marks.size:
            raise MaskError(
                f"the marks are for an image of {self.marks.size}, this one is {self.image.size}",
                self.image.name,
            )

    @property
    def content(self) -> bytes:
        """Picture (its digest) and marks as bytes, for digests: the same for equal examples from other files."""
        marks = self.marks
        maps = (b"" if m is None else m.astype("<i4").tobytes() for m in (marks.mask, marks.objects))
        return (
            f"{self.image.digest}{(marks.size, *marks.drawn.values(), marks.absent)!r}".encode()
            + b"".join(maps)
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its number from 0, when it is shown in seconds from the first one on (None: not stated), its image."""

    index: int
    seconds: float | None
    image: Image
