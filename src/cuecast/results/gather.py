"""The files that a batch makes for all its images together: tables, label files, the report.

Everything comes from the manifest and the masks on disk, one image at a time, in the manifest's order; so it
does not matter in how many runs, or with how many workers, the masks were made.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import JpegImagePlugin

from cuecast.core.drawing import draw_marks, overlay, thumbnail
from cuecast.core.errors import CuecastError, MaskError
from cuecast.core.objects import Annotations, connected_instances, objects_of
from cuecast.core.ordered import in_order
from cuecast.core.values import ClassInfo, Example, Image
from cuecast.io.files import EDITED, MANIFEST, replacing
from cuecast.io.formats import Format, result_formats
from cuecast.io.images import read_image
from cuecast.io.labels.masks import write_objects
from cuecast.io.labels.sheets import Shape, Sheet
from cuecast.io.pixels import read_raster
from cuecast.io.stores import is_stored
from cuecast.results.folder import has_digest
from cuecast.results.manifest import ManifestEntry, entry_at, index_manifest, read_manifest
from cuecast.results.report import ReportCheck, ReportCue, ReportRow, write_report
from cuecast.results.sizes import Sizes
from cuecast.results.tables import ObjectRow, object_rows, write_objects_csv

Item = TypeVar("Item")
Made = TypeVar("Made")

SHOWN = 24
"""Cues whose pictures are in the report; all are where it says something of each."""
THUMBNAIL = 360
JPEG_SIDE = 65_500
"""The longest side that a JPEG can have, less a little."""


@dataclass(frozen=True)
class Results:
    """A folder of results whose manifest is complete, and what its masks mean.

    home   the folder in a store to which `out` is put; None where it stays.
    areas  what `objects` has measured: SHA-256 of mask and ids -> class id -> the areas of its objects in pixels.
    """

    out: Path
    classes: tuple[ClassInfo, ...]
    home: Path | None = None
    areas: dict[tuple[str | None, ...], dict[int, list[int]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def manifest(self) -> Path:
        return self.out / MANIFEST

    def file(self, folder: str, name: str) -> Path:
        """Where the result `name` lies in a folder of `FOLDERS`."""
        return self.out / folder / f"{name}{FOLDERS[folder]}"

    def holds(self, entry: ManifestEntry) -> bool:
        """Whether mask and ids of an image are the files of which its line speaks."""
        ids = self.file("objects", entry.name)
        ids_kept = entry.objects_hash is None or has_digest(ids, entry.objects_hash)
        return ids_kept and has_digest(self.file("masks", entry.name), entry.mask_hash)

    def told_apart(self, entry: ManifestEntry) -> NDArray[np.int32] | None:
        """(H, W) int32 ids of the objects of an image, from 1, where things that touch were told apart; None: its
        objects are connected components. Raises MaskError."""
        if entry.objects_hash is None:
            return None
        return read_result(self.file("objects", entry.name))

    def objects(self, entry: ManifestEntry, name: str | None = None) -> Annotations:
        """The objects of an image in the order of their ids, under its own name or another. Raises MaskError."""
        mask, ids = read_result(self.file("masks", entry.name)), self.told_apart(entry)
        height, width = mask.shape
        if ids is None:
            ids = connected_instances(mask)
        elif ids.shape != mask.shape or ((ids > 0) != (mask > 0)).any():
            raise MaskError(
                "the ids of the objects are of another mask",
                self.file("objects", entry.name),
                "segment the image again",
            )
        sure = entry.object_confidences
        known = sure if len(sure) == ids.max(initial=0) else None  # of a mask that was changed since
        found = Annotations(name or Path(entry.image).name, (height, width), objects_of(ids, mask, known))
        areas = self.areas.setdefault((entry.mask_hash, entry.objects_hash), {})
        areas |= {c: [o.area for o in found.objects if o.cls == c] for c in found.counts()}
        return found

    def done(self) -> Iterator[ManifestEntry]:
        """The entries that have a mask, in the manifest's order."""
        return (e for e in read_manifest(self.manifest) if e.error is None)

    def write(self, kind: str, how: Writing) -> Path:
        """Write a format of `FORMATS` for all images, where it is not written with each mask; where it lies.

        Raises OutputError.
        """
        made = FORMATS[kind]
        if made.write is not None:
            made.write(self, how)
        return self.out / made.place


@dataclass(frozen=True)
class Writing:
    """How the formats are written: the shape of objects in label files, and the edge of a pixel in `unit` for the
    table, where it is not taken from the images.

    workers  images read at once.
    told     called for each image that came into a file.
    """

    coco_shape: Shape = "rle"
    pixel_size: float | None = None
    unit: str | None = None
    workers: int = 1
    told: Callable[[], None] = lambda: None

    def edge(self, entry: ManifestEntry) -> tuple[float | None, str | None]:
        """Edge of a pixel of an image, and its unit: what is given, else what its file states."""
        return (entry.pixel_size, entry.unit) if self.pixel_size is None else (self.pixel_size, self.unit)


def read_result(path: Path) -> NDArray[np.int32]:
    """A mask that the batch has written: (H, W) int32 class ids, whatever its size. Raises MaskError."""
    return read_raster(path, error=MaskError, max_pixels=1 << 40).samples.astype(np.int32)


def found_objects(results: Results, how: Writing) -> Iterator[tuple[ManifestEntry, Annotations]]:
    """Each image with its objects, named by its file relative to the folder that all images share."""
    shared = _shared_folder(e.image for e in results.done())

    def found(entry: ManifestEntry) -> tuple[ManifestEntry, Annotations]:
        name = None if shared is None else _relative(entry.image, Path(shared))
        return entry, results.objects(entry, name)

    return _each(found, results.done(), how)


def _each(function: Callable[[Item], Made], items: Iterable[Item], how: Writing) -> Iterator[Made]:
    """`map`, several at once, each told of when it is taken."""
    for made in in_order(function, items, how.workers):
        how.told()
        yield made


def _write_labels(form: Format) -> Callable[[Results, Writing], None]:
    """What writes the objects of all images in a format of labels."""

    def write(results: Results, how: Writing) -> None:
        home = results.home and results.home / str(form.place)
        each = found_objects(results, how)
        sheets = (Sheet(entry.name, found, Path(entry.image), home) for entry, found in each)
        form.load().write_labels(results.out / str(form.place), sheets, results.classes, how.coco_shape)

    return write


def _write_table(results: Results, how: Writing) -> None:
    """One line an object; in units where the pixel size is given or the image states it."""

    names = {c.id: c.name for c in results.classes}

    def rows() -> Iterator[ObjectRow]:
        for entry, found in found_objects(results, how):
            yield from object_rows(found, names, *how.edge(entry))

    write_objects_csv(results.out / TABLE, rows())


def _write_ids(results: Results, how: Writing) -> None:
    """A map of ids an image; those of things that were told apart are there already."""

    def write(entry: ManifestEntry) -> None:
        if entry.objects_hash is None:
            mask = read_result(results.file("masks", entry.name))
            write_objects(results.file("objects", entry.name), connected_instances(mask))

    for _ in _each(write, results.done(), how):
        pass


def _folders(form: Format) -> dict[str, str]:
    """Folder in the results -> suffix of the files of images that a format of labels has there."""
    if form.parts:
        return {f"{form.place}/{folder}": suffix for folder, suffix in form.parts}
    return {str(form.place): form.suffixes[0]} if form.a_file_each else {}


@dataclass(frozen=True)
class ResultFormat:
    """A format of results.

    place   file, or folder with files of each image.
    folders  the folders in which these are: folder -> suffix.
    write   makes it from manifest and masks; None where it is made with each mask, and for the report.
    """

    place: str
    folders: Mapping[str, str] = field(default_factory=dict)
    write: Callable[[Results, Writing], None] | None = None


COCO, TABLE, REPORT = str(result_formats()["coco"].place), "objects.csv", "report.html"
FORMATS: Mapping[str, ResultFormat] = {
    "overlays": ResultFormat("overlays", {"overlays": ".jpg"}),
    "uncertainty": ResultFormat("uncertainty", {"uncertainty": ".png"}),
    "csv": ResultFormat(TABLE, write=_write_table),
    **{
        name: ResultFormat(str(form.place), _folders(form), _write_labels(form))
        for name, form in result_formats().items()
    },
    "objects": ResultFormat("objects", {"objects": ".png"}, _write_ids),
    "report": ResultFormat(REPORT),
}
"""What is written besides masks and manifest: one function and one line each; all formats of labels that say where."""
FOLDERS = {"masks": ".png"} | {k: v for f in FORMATS.values() for k, v in f.folders.items()}
"""Folder of the results -> suffix of the files in it."""
RESULT_FOLDERS = (*FOLDERS, EDITED)
PLACES = ("masks", *(f.place for f in FORMATS.values()))


def write_overlay(path: Path, picture: PILImage.Image) -> Path:
    """An overlay as JPEG; larger ones than the format holds are made smaller. Raises OutputError."""
    with replacing(path) as temporary:
        thumbnail(picture, JPEG_SIDE).save(temporary, "JPEG", quality=90, subsampling=0)
    return path


def write_report_file(
    results: Results,
    examples: Sequence[Example],
    facts: Sequence[tuple[str, str]],
    opacity: float,
    review: bool = False,
    check: ReportCheck | None = None,
    read: Callable[[Path], Image] = read_image,
    how: Writing | None = None,
) -> Path:
    """report.html; its pictures are made from the overlays, or from image and mask where there are none.

    how     as the other formats are written; objects are measured as in the table.
    read    gives an image of the manifest as it was read for its mask.
    review  with a tick box 'wrong' for each image.
    check   what the cues (`examples`, in their order) say of each other.
    """
    how = how or Writing()
    index = index_manifest(results.manifest)
    rows = [_row(results, entry) for entry in read_manifest(results.manifest)]
    cues = [
        ReportCue(e.image.name, _small(draw_marks(e.image, e.marks, results.classes, opacity)))
        for e in (examples if check else examples[:SHOWN])
    ]

    def picture(row: ReportRow) -> bytes | None:
        if row.verdict == "failed":
            return None
        made = results.file("overlays", row.name)
        if made.is_file():
            with JpegImagePlugin.JpegImageFile(str(made)) as opened:
                opened.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
                return _small(opened)
        try:
            entry = entry_at(results.manifest, index[row.name])
            image = read(Path(entry.image))
            mask = read_result(results.file("masks", row.name))
            if image.size != mask.shape:  # the file has changed since
                return None
            return _small(overlay(image, mask, results.classes, opacity, objects=results.told_apart(entry)))
        except CuecastError:
            return None

    return write_report(
        results.out / REPORT,
        rows,
        lambda rows: _each(picture, rows, how),
        classes=results.classes,
        facts=facts,
        cues=cues,
        review=review,
        check=check,
        sizes=_sizes(results, how),
    )


def _sizes(results: Results, how: Writing) -> list[Sizes]:
    """The areas of the objects of each class that has any: in units where all images have the same, else in pixels."""
    areas: dict[int, list[int]] = {}
    edges: set[tuple[float | None, str | None]] = set()
    for entry in results.done():
        if entry.objects == 0:
            continue
        measured = (entry.mask_hash, entry.objects_hash)
        if measured not in results.areas:
            results.objects(entry)
        for cls, found in results.areas[measured].items():
            areas.setdefault(cls, []).extend(found)
        edges.add(how.edge(entry))
    pixel, unit = edges.pop() if len(edges) == 1 else (None, None)
    return [
        Sizes.of(c, np.array(areas[c.id]) * (pixel or 1.0) ** 2, unit if pixel else None)
        for c in results.classes
        if c.id in areas
    ]


def _row(results: Results, entry: ManifestEntry) -> ReportRow:
    if entry.error is not None or entry.verdict is None:
        return ReportRow(entry.name, "failed", error=entry.error)
    pixels = entry.size[0] * entry.size[1] if entry.size else 0
    made = results.file("overlays", entry.name)
    return ReportRow(
        entry.name,
        entry.verdict,
        confidence=entry.confidence,
        objects=entry.objects,
        counts=_named_counts(entry.counts, results.classes),
        share=sum(entry.areas.values()) / pixels if pixels else None,
        size=entry.size,
        full=made.relative_to(results.out).as_posix() if made.is_file() else None,
        mask_hash=entry.mask_hash,
        review=entry.review,
        reviewer=entry.reviewer,
    )


def _named_counts(counts: Mapping[int, int], classes: Sequence[ClassInfo]) -> dict[str, int]:
    return {c.name: counts[c.id] for c in classes if counts.get(c.id)}


def _small(picture: PILImage.Image) -> bytes:
    buffer = io.BytesIO()
    thumbnail(picture, THUMBNAIL).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _shared_folder(images: Iterable[str]) -> str | None:
    """The deepest folder that holds all images; None where there is none (two drives)."""
    shared: str | None = None
    for image in images:
        folder = os.path.dirname(os.path.abspath(image))
        try:
            shared = folder if shared is None else os.path.commonpath((shared, folder))
        except ValueError:
            return None
    return shared


def _relative(image: str, folder: Path) -> str | None:
    """The path of an image from a folder, with '/'; None where there is none (two drives, a store)."""
    if is_stored(Path(image)):
        return None
    try:
        return Path(os.path.relpath(image, folder)).as_posix()
    except ValueError:
        return None
