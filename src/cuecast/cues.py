"""`Cue`: what a person shows on one image, as they give it; how it is read into an `Example`; and how it travels.

The fields of a document, in JSON, are those of a cue in cues.json (see `cuecast.core.marks`), but that a mask is not a
file there but run lengths (see `labels_of`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError, MaskError
from cuecast.core.geometry import fill_polygons, number_polygons
from cuecast.core.marks import Document, given_mark, marks_json, read_marks
from cuecast.core.objects import Annotations, ObjectMask, in_reading_order, objects_of, of_one_class
from cuecast.core.values import COMPLETE, IGNORE, KINDS, ClassInfo, Example, Image, Marks
from cuecast.io.images import read_image
from cuecast.io.labels import is_label_file, label_names
from cuecast.io.labels.ids import of_the_mask, read_objects
from cuecast.io.labels.masks import mask_colours, read_labels
from cuecast.io.labels.outlines import decode_rle, encode_rle
from cuecast.io.labels.values import ids_of_colours

IGNORED = "ignore"
"""Key of the run lengths of what counts neither as a thing nor as background."""


@dataclass(frozen=True, eq=False)
class Cue:
    """What is shown on one image: a mask, boxes, points, scribbles, polygons, or `absent=True`.

    image      path, bytes, PIL image or array ((H, W), (H, W, 3) or (H, W, 4)).
    mask       path of a mask or label file, PIL image or array (H, W), or run lengths as in a document; 0 is
               background. Complete: what it does not mark is background.
    value      label values of the mask that count as the thing; None takes each value as a class of its own
               (and 255 in a 0/255 mask as the thing).
    boxes      (x1, y1, x2, y2) or `Box`, half-open pixels. Boxes, points and scribbles are sparse: what they do
               not touch is unknown.
    points     (x, y), (x, y, class) or `Point`; class 0 means 'not this'.
    scribbles  [(x, y), ...] or `Scribble`.
    polygons   [(x, y), ...] or `Polygon`. Complete, like a mask.
    absent     the thing is not in this image.
    objects    path, PIL image or array of ids that tell the things of `mask` apart: (H, W) 1, 2, ..., 0 for none, or a
               colour an object. A mask whose values number the things of one named class says it itself, so do label
               files, and polygons: each is one object.
    page       page of a multi-page TIFF, from 0.
    """

    image: Any
    mask: Any = None
    value: int | Sequence[int] | None = None
    boxes: Sequence[Any] = ()
    points: Sequence[Any] = ()
    scribbles: Sequence[Any] = ()
    polygons: Sequence[Any] = ()
    absent: bool = False
    page: int | None = None
    objects: Any = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the cue consists of, in words: ('mask',), ('boxes', 'points'), ('absent',)..."""
        masked = _draws(self.mask) if isinstance(self.mask, Mapping) else self.mask is not None
        drawn = [name for name in KINDS if getattr(self, name)]
        return (*["mask"] * masked, *drawn, *["absent"] * self.absent)

    def contradicts(self, other: Cue) -> bool:
        """Whether, of two cues on one image, one says 'absent' and the other marks something."""
        return bool(self.kinds and other.kinds) and self.absent != other.absent

    def drawn(self) -> dict[str, Any]:
        """Name of each kind of mark -> the marks given, as values. Raises CueError for what is none."""
        return {name: tuple(given_mark(name, m) for m in getattr(self, name)) for name in KINDS}

    def read(self, classes: Sequence[ClassInfo] | None = None) -> Example:
        """Read image and mask, and check that the marks fit. Raises ImageError, MaskError or CueError.

        `classes` resolves class names in label files (COCO, LabelMe, YOLO) to ids.
        """
        return self.on(read_image(self.image, page=self.page), classes)

    def on(self, image: Image, classes: Sequence[ClassInfo] | None = None) -> Example:
        """As `read`, on its image, which has been read."""
        mask = objects = None
        if self.mask is not None and not isinstance(self.mask, Mapping):
            mask, objects = read_labels(
                self.mask, image=image, value=self.value, classes=classes, page=self.page, needed=True
            )
        if self.objects is not None:
            objects = read_objects(self.objects, image=image, page=self.page)
            if mask is not None:
                objects = of_the_mask(objects, mask, image.name)
        try:
            return Example(image, self.marks(image.size, mask, objects))
        except (CueError, MaskError) as error:
            raise error.within(image.name) from error

    def marks(
        self,
        size: tuple[int, int],
        mask: NDArray[np.int32] | None = None,
        objects: NDArray[np.int32] | None = None,
    ) -> Marks:
        """What is drawn on an image of `size` (H, W), beside a mask and ids (H, W) that have been read.

        Polygons become part of the mask, each an object of its own; where `objects` are given to the cue, these say
        what is one. Raises CueError or MaskError where it does not fit.
        """
        if isinstance(self.mask, Mapping):
            mask = labels_of(self.mask, size)
            objects = ids_of(self.mask, size) if objects is None else objects
        drawn = self.drawn()
        outlines = [mark for name in COMPLETE for mark in drawn.pop(name)]
        if outlines:
            mask, numbered = (
                fill_polygons(size, outlines, base=mask),
                number_polygons(size, outlines, objects),
            )
            given = objects if self.objects is not None else None
            objects = numbered if given is None else np.where(given > 0, given, numbered)
        if mask is not None and objects is not None and objects.shape == mask.shape:
            objects = of_one_class(objects, mask)
        return Marks(size, mask, **drawn, absent=self.absent, objects=objects)


@dataclass(frozen=True)
class CueEntry(Cue):
    """A cue of a cue set: `image`, `mask` and `objects` are names of files in the set, marks are values."""

    image: str
    mask: str | None = None
    value: tuple[int, ...] | None = None
    objects: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(name for name in (self.image, self.mask, self.objects) if name)


def shown_in(document: Document) -> dict[str, Any]:
    """The fields of a `Cue` that a document has; its mask, of run lengths, is kept as it is."""
    said = {"mask": document.get("mask") or None, "absent": bool(document.get("absent", False))}
    return {**said, **read_marks(document)}


def cue_of(document: Document) -> Cue:
    """The document as a cue, without its image."""
    return Cue(None, **shown_in(document))


def marks_document(
    cue: Cue, labels: NDArray[np.int32] | None, objects: NDArray[np.int32] | None = None
) -> dict[str, Any]:
    """A cue with its mask and ids (H, W) in JSON, as the service takes it: the inverse of `cue_of`."""
    mask = None if labels is None else mask_document(labels, objects)
    return {"absent": cue.absent, **marks_json(cue.drawn()), "mask": mask}


def entry_document(entry: CueEntry, marks: Marks) -> dict[str, Any]:
    """A cue of a cue set in JSON, with its files as run lengths; `marks` are what was read of it."""
    document = marks_document(entry, None)
    if (entry.mask or entry.objects) and marks.mask is not None:
        # Outlines beside a mask are drawn into it.
        document |= {"mask": mask_document(marks.mask, marks.objects), **{name: [] for name in COMPLETE}}
    return document


def joined(there: Document, new: Document) -> dict[str, Any]:
    """Two documents of one image as one; a mask of `new` takes the place of the one that is there.

    Raises CueError where they contradict each other.
    """
    if cue_of(there).contradicts(cue_of(new)):
        raise CueError("one cue says 'absent' and another marks the thing: drop one of the two")
    lists = {name: [*there.get(name, ()), *new.get(name, ())] for name in KINDS}
    return {"absent": bool(new.get("absent")), **lists, "mask": new.get("mask") or there.get("mask")}


def read_document(document: Document, size: tuple[int, int]) -> Marks | None:
    """The document as marks on an image of `size` (H, W); None where it marks nothing, but its mask must fit even then.

    Raises CueError or MaskError where they do not fit.
    """
    cue = cue_of(document)
    labels, objects = labels_of(cue.mask, size), ids_of(cue.mask, size)
    return replace(cue, mask=None).marks(size, labels, objects) if cue.kinds else None


def labels_of(mask: Mapping[str, Any] | None, size: tuple[int, int]) -> NDArray[np.int32] | None:
    """A document's mask as a label map (H, W) int32, IGNORE where unknown; None where it marks nothing.

    It is no file but run lengths, one uncompressed COCO RLE a class, down the columns, zeros first:
    {"size": [h, w], "counts": {"1": [run lengths], "ignore": [run lengths]}}. Raises MaskError where it is for an
    image of another size, CueError where run lengths are none; also where it would mark nothing, for what cannot be
    read is not the wish to take marks away.
    """
    if not mask:
        return None
    if missing := {"size", "counts"} - mask.keys():
        raise MaskError(
            f"a mask of run lengths needs size and counts, and has no {' and '.join(sorted(missing))}",
            remedy="give a file, an array, or a mask as the service sends it",
        )
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
        raise CueError(f"the mask's run lengths cannot be read ({error})", remedy="send them anew") from error
    return Annotations("", size, objects).label_map() if _draws(mask) else None


def ids_of(mask: Mapping[str, Any] | None, size: tuple[int, int]) -> NDArray[np.int32] | None:
    """The ids of objects in a document's mask, which `labels_of` can read: (H, W) int32 from 1; None where it has none.

    One list an object beside the classes: {"size": [h, w], "counts": {...}, "objects": [[run lengths], ...]}.
    Raises CueError where run lengths are none, or two objects claim a pixel.
    """
    if not mask or mask.get("objects") is None or not _draws(mask):
        return None
    H, W = size
    ids = np.zeros(W * H, np.int32)
    claimed = 0
    for number, runs in enumerate(mask["objects"], start=1):
        if not all(isinstance(run, int) for run in runs) or min(runs, default=0) < 0 or sum(runs) != W * H:
            raise CueError(
                f"the run lengths of object {number} are none of a mask of {H} x {W}", remedy="send them anew"
            )
        claimed += sum(runs[1::2])
        if claimed > W * H:
            break
        for end, run in zip(
            itertools.islice(itertools.accumulate(runs), 1, None, 2), runs[1::2], strict=False
        ):
            ids[end - run : end] = number
    if claimed != np.count_nonzero(ids):
        raise CueError("two objects of the mask overlap: give each pixel to one object")
    return ids.reshape(W, H).T.copy()


def mask_document(labels: NDArray[np.int32], objects: NDArray[np.int32] | None = None) -> dict[str, Any]:
    """A label map (H, W) as run lengths; a class without pixels has none. With ids (H, W), those of objects, too."""
    H, W = labels.shape
    counts = {
        IGNORED if value == IGNORE else str(value): encode_rle(
            ObjectMask(value, 0, 0, labels == value), (H, W)
        )
        for value in np.unique(labels).tolist()
        if value != 0
    }
    if objects is None:
        return {"size": [H, W], "counts": counts}
    told = [encode_rle(o, (H, W)) for o in objects_of(in_reading_order(objects), labels)]
    return {"size": [H, W], "counts": counts, "objects": told}


def document_classes(document: Document) -> set[int]:
    """Class ids that a document names."""
    marked = {mark["class"] for name in KINDS for mark in document.get(name, ())}
    mask = document.get("mask") or {"counts": {}}
    return (marked | {int(key) for key in mask["counts"] if key != IGNORED}) - {0}


def renumbered(document: Document, numbers: Mapping[int, int]) -> dict[str, Any]:
    """The document with other class ids: old -> new."""
    drawn = {
        name: [{**mark, "class": numbers.get(mark["class"], 0)} for mark in document[name]] for name in KINDS
    }
    mask = document["mask"]
    if mask is not None:
        counts = {k if k == IGNORED else str(numbers[int(k)]): runs for k, runs in mask["counts"].items()}
        mask = {**mask, "counts": counts}
    return {**document, **drawn, "mask": mask}


def _draws(mask: Any) -> bool:
    # A class whose run is one run of zeros has no pixel: the studio sends it when all was erased.
    return any(sum(runs[1::2]) for runs in mask.get("counts", {}).values())


def named_classes(cues: Iterable[Cue]) -> list[str]:
    """The class names in the cues' label files, in the order of first mention; none where no file names any.

    So that a name means the same class in all of them. Raises MaskError where a file cannot be read.
    """
    labels = [c.mask for c in cues if c.value is None and is_label_file(c.mask) and Path(c.mask).is_file()]
    return list(dict.fromkeys(name for file in labels for name in label_names(file)))


def coloured_classes(cues: Sequence[Cue]) -> tuple[ClassInfo, ...]:
    """A class for each colour in the cues' colour-coded masks, numbered as `ids_of_colours` does.

    So that a colour means the same class in all of them, whatever else each shows; none where one mask, or one colour,
    is all there is, or where a mask is not of this kind.
    """
    masked = [c for c in cues if c.value is None and c.mask is not None and not isinstance(c.mask, Mapping)]
    coded = [c for c in masked if not is_label_file(c.mask)]
    if len(coded) < 2:
        return ()
    colours: set[int] = set()
    for cue in coded:
        found = mask_colours(cue.mask, cue.page)
        if found is None:  # mostly so with the first mask, and the others need not be read for this
            return ()
        colours |= found
    ids = sorted((i, c) for c, i in ids_of_colours(colours).items() if i != IGNORE)
    infos = tuple(ClassInfo(i, f"class {i}", f"#{c:06x}") for i, c in ids)
    return infos if len(infos) > 1 else ()
