"""Marks and masks as they travel in JSON, and as the library holds them.

The fields are those of a cue in cues.json (see `cuecast.cuesets.cueset`). A mask is not a file here but run lengths:

    {"size": [h, w], "counts": {"1": [run lengths], "ignore": [run lengths]}}

one uncompressed COCO RLE a class: down the columns, starting with the zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError, MaskError
from cuecast.core.geometry import fill_polygons
from cuecast.core.values import IGNORE, Annotations, Box, Marks, ObjectMask, Point, Polygon, Scribble
from cuecast.cuesets.cueset import CueEntry
from cuecast.io.labels.outlines import decode_rle, encode_rle

Document = Mapping[str, Any]
"""Marks on one image, as the API takes them."""
IGNORED = "ignore"
"""Key of the run lengths of what counts neither as a thing nor as background."""


def entry_of(document: Document, image: str, mask: str | None = None) -> CueEntry:
    """The document as an entry of a cue set, for files of these names. `mask` names what `mask_of` gives."""
    return CueEntry(
        image=image,
        mask=mask,
        boxes=tuple(Box(_numbers(b["xyxy"]), int(b["class"])) for b in document.get("boxes", ())),
        points=tuple(Point(_numbers(p["xy"]), int(p["class"])) for p in document.get("points", ())),
        scribbles=tuple(
            Scribble(_path(s), float(s["width"]), int(s["class"])) for s in document.get("scribbles", ())
        ),
        polygons=tuple(Polygon(_path(p), int(p["class"])) for p in document.get("polygons", ())),
        absent=bool(document.get("absent", False)),
    )


def marks_anything(document: Document) -> bool:
    """Whether a document marks a pixel, or says that the thing is absent. A mask of zeros alone marks nothing."""
    kinds = ("absent", "boxes", "points", "scribbles", "polygons")
    mask = document.get("mask")
    return any(document.get(kind) for kind in kinds) or bool(mask and _draws(mask))


def read_marks(document: Document, size: tuple[int, int]) -> Marks | None:
    """As `marks_of`, but None for a document that marks nothing; its mask must fit the image even then."""
    labels = mask_of(document, size)
    return _marks(document, size, labels) if marks_anything(document) else None


def marks_of(document: Document, size: tuple[int, int]) -> Marks:
    """The document as marks on an image of `size` (H, W). Raises CueError or MaskError where they do not fit."""
    return _marks(document, size, mask_of(document, size))


def mask_of(document: Document, size: tuple[int, int]) -> NDArray[np.int32] | None:
    """The document's mask as a label map (H, W) int32, IGNORE where unknown; None where it marks nothing.

    Raises MaskError where it is for an image of another size, CueError where run lengths are none; also where it
    would mark nothing, for what cannot be read is not the wish to take marks away.
    """
    mask = document.get("mask")
    if not mask:
        return None
    if tuple(mask["size"]) != size:
        raise MaskError(
            f"the mask is for an image of {mask['size'][0]} x {mask['size'][1]} (height x width), the image is "
            f"{size[0]} x {size[1]}: draw it on the image as it is"
        )
    try:
        objects = tuple(
            decode_rle(list(counts), size, IGNORE if key == IGNORED else int(key))
            for key, counts in mask["counts"].items()
        )
    except ValueError as error:
        raise CueError(f"the mask's run lengths cannot be read ({error}); send them anew") from error
    if not _draws(mask):
        return None
    return Annotations("", size, objects).label_map()


def mask_document(labels: NDArray[np.int32]) -> dict[str, Any]:
    """A label map (H, W) as run lengths; a class without pixels has none."""
    H, W = labels.shape
    counts = {
        IGNORED if value == IGNORE else str(value): encode_rle(
            ObjectMask(value, 0, 0, labels == value), (H, W)
        )
        for value in np.unique(labels).tolist()
        if value != 0
    }
    return {"size": [H, W], "counts": counts}


def marks_document(entry: CueEntry, labels: NDArray[np.int32] | None) -> dict[str, Any]:
    """An entry of a cue set with its mask as a document: the inverse of `entry_of` and `mask_of`."""
    return {
        "absent": entry.absent,
        "boxes": [{"xyxy": list(b.xyxy), "class": b.cls} for b in entry.boxes],
        "points": [{"xy": list(p.xy), "class": p.cls} for p in entry.points],
        "scribbles": [
            {"path": [list(xy) for xy in s.path], "width": s.width, "class": s.cls} for s in entry.scribbles
        ],
        "polygons": [{"path": [list(xy) for xy in p.path], "class": p.cls} for p in entry.polygons],
        "mask": None if labels is None else mask_document(labels),
    }


def _marks(document: Document, size: tuple[int, int], labels: NDArray[np.int32] | None) -> Marks:
    entry = entry_of(document, "")
    if entry.polygons:
        labels = fill_polygons(size, entry.polygons, base=labels)
    return Marks(size, labels, entry.boxes, entry.points, entry.scribbles, entry.absent)


def _draws(mask: Any) -> bool:
    # A class whose run is one run of zeros has no pixel: the studio sends it when all was erased.
    return any(sum(runs[1::2]) for runs in mask["counts"].values())


def _numbers(raw: Any) -> Any:
    return tuple(float(v) for v in raw)


def _path(raw: Any) -> tuple[tuple[float, float], ...]:
    return tuple(_numbers(xy) for xy in raw["path"])
