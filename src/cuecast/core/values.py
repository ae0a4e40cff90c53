"""The values that travel between the layers. Frozen, checked on construction; numpy only.

Axes and units, everywhere: images are (H, W, 3) uint8 RGB; label maps are (H, W) int32 with 0 = background
and `IGNORE` = -1; points are (x, y) and boxes (x1, y1, x2, y2) half-open, both in pixels of the image;
sizes are (height, width); score maps are (K, H, W) float32 in [0, 1], one plane a class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

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
    """One class of a concept. `id` is its value in label maps (1 or more), `colour` is '#rrggbb'."""

    id: int
    name: str
    colour: str = ""

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
                f"class {self.id} is called {self.name!r}, which is no valid text; write it in UTF-8"
            ) from None
        if not self.colour:
            object.__setattr__(self, "colour", PALETTE[(self.id - 1) % len(PALETTE)])

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
            raise ImageError(f"{self.name}: expected pixels (H, W, 3) uint8, got {p.shape} {p.dtype}")
        if p.shape[0] == 0 or p.shape[1] == 0:
            raise ImageError(f"{self.name}: the image has no pixels, its shape is {p.shape}")
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


@dataclass(frozen=True)
class Box:
    """A thing lies inside `xyxy` (half-open pixels)."""

    xyxy: tuple[float, float, float, float]
    cls: int = 1

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The rows and the columns inside, at least one of each."""
        x1, y1, x2, y2 = self.xyxy
        return slice(int(y1), max(round(y2), int(y1) + 1)), slice(int(x1), max(round(x2), int(x1) + 1))


@dataclass(frozen=True)
class Point:
    """A pixel that belongs to class `cls`; 0 means 'not this'."""

    xy: tuple[float, float]
    cls: int = 1


@dataclass(frozen=True)
class Scribble:
    """A stroke of `width` pixels along `path` [(x, y), ...] on class `cls`; 0 means 'not this'."""

    path: tuple[tuple[float, float], ...]
    width: float = 3.0
    cls: int = 1


@dataclass(frozen=True)
class Polygon:
    """An outlined thing: vertices [(x, y), ...] of one ring on class `cls`. Complete, like a mask."""

    path: tuple[tuple[float, float], ...]
    cls: int = 1


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
        H, W = self.size
        if self.objects is not None:
            _check_objects(self.objects, self.mask, self.size)
        if self.mask is not None and self.mask.shape != (H, W):
            raise MaskError(
                f"mask is {self.mask.shape}, image is {(H, W)}: they must match; resize the mask with nearest "
                "neighbour or pass the image it was drawn on"
            )
        for box in self.boxes:
            x1, y1, x2, y2 = box.xyxy
            if not (x1 < x2 and y1 < y2):
                raise CueError(f"box {box.xyxy} is empty: give x1,y1,x2,y2 with x1 < x2 and y1 < y2")
            if x1 < 0 or y1 < 0 or x2 > W or y2 > H:
                raise CueError(
                    f"box {box.xyxy} reaches outside the image, which is {W} wide and {H} high: "
                    "boxes are x1,y1,x2,y2 in pixels of that image"
                )
            if self.mask is not None and not np.isin(self.mask[box.pixels], (box.cls, IGNORE)).any():
                raise CueError(
                    f"box {box.xyxy} says class {box.cls}, but the mask of the same image, which is complete, has none "
                    "there: mark the class in the mask, or put the box on another image"
                )
        for point in self.points:
            x, y = point.xy
            if not (0 <= x < W and 0 <= y < H):
                raise CueError(f"point {point.xy} is outside the image, which is {W} wide and {H} high")
        for scribble in self.scribbles:
            if not scribble.path or not any(0 <= x < W and 0 <= y < H for x, y in scribble.path):
                raise CueError(f"a scribble lies outside the image, which is {W} wide and {H} high")
        if self.absent and self.class_ids:
            raise CueError("a cue cannot be absent and mark the thing at once: drop one of the two")
        if not self.absent and not (self.boxes or self.points or self.scribbles or self.has_mask):
            raise CueError(
                "the cue marks nothing: mark the thing, or say absent=True (--absent) if it is not there"
            )

    @property
    def has_mask(self) -> bool:
        """Whether a mask marks at least one pixel of a class."""
        return self.mask is not None and bool((self.mask > 0).any())

    @property
    def is_sparse(self) -> bool:
        """Whether the marks leave pixels unknown on purpose: boxes, points and scribbles without a mask."""
        return self.mask is None and not self.absent

    @property
    def class_ids(self) -> tuple[int, ...]:
        """Sorted ids of the classes marked here, without 0."""
        marks: tuple[Box | Point | Scribble, ...] = (*self.boxes, *self.points, *self.scribbles)
        found = {m.cls for m in marks}
        if self.mask is not None:
            found |= {int(v) for v in np.unique(self.mask)}
        return tuple(sorted(v for v in found if v > 0))


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
            f"{outside.size} pixels of objects lie outside the mask (ids {named}): the two must be of the same things; "
            "draw them alike"
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
                f"{self.image.name}: the marks are for an image of {self.marks.size}, this one is {self.image.size}"
            )

    @property
    def content(self) -> bytes:
        """Picture (its digest) and marks as bytes, for digests: the same for equal examples from other files."""
        marks = self.marks
        sparse = (marks.size, marks.boxes, marks.points, marks.scribbles, marks.absent)
        maps = (b"" if m is None else m.astype("<i4").tobytes() for m in (marks.mask, marks.objects))
        return f"{self.image.digest}{sparse!r}".encode() + b"".join(maps)


@dataclass(frozen=True, eq=False)
class ObjectMask:
    """One object: its class and its pixels as a crop `mask` (h, w) bool placed at row `top`, column `left`.

    The parts of an object that occlusion has split stay together in one ObjectMask. A `crowd` is several objects that
    nobody has told apart.
    """

    cls: int
    top: int
    left: int
    mask: NDArray[np.bool_]
    crowd: bool = False

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """Bounding box of the crop, half-open pixels."""
        return self.left, self.top, self.left + self.mask.shape[1], self.top + self.mask.shape[0]


@dataclass(frozen=True, eq=False)
class Annotations:
    """The objects of one image, with the size they refer to: what every label format reads and writes."""

    name: str
    size: tuple[int, int]
    objects: tuple[ObjectMask, ...]

    def label_map(self) -> NDArray[np.int32]:
        """(H, W) int32 class ids; where objects overlap, the later one wins."""
        return self._drawn(o.cls for o in self.objects)

    def object_map(self) -> NDArray[np.int32]:
        """(H, W) int32 ids, the place of each object among them from 1, 0 for none and for crowds; as `label_map`."""
        return self._drawn(0 if o.crowd else number for number, o in enumerate(self.objects, start=1))

    def _drawn(self, numbers: Iterable[int]) -> NDArray[np.int32]:
        out = np.zeros(self.size, np.int32)
        for o, number in zip(self.objects, numbers, strict=True):
            x1, y1, x2, y2 = o.xyxy
            out[y1:y2, x1:x2][o.mask] = number
        return out


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its number from 0, when it is shown in seconds from the first one on (None: not stated), its image."""

    index: int
    seconds: float | None
    image: Image
