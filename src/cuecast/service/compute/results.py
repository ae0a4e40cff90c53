"""The folder of results of a project: kept to its images, indexed, measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.objects import ObjectMeasures, connected_objects, measure
from cuecast.core.values import ClassInfo
from cuecast.io.files import exclusive
from cuecast.results.gather import FOLDERS, Results, read_result
from cuecast.results.manifest import ManifestEntry, read_manifest, write_manifest
from cuecast.results.review import Tick, apply_review


@dataclass(frozen=True)
class Measured:
    """One object of an image: its number there, from 1, and its figures."""

    number: int
    measures: ObjectMeasures


def is_of(entry: ManifestEntry, digest: str | None) -> bool:
    """Whether an entry speaks of the image whose file has this digest (None: it is not known).

    A name alone may be that of an image that was deleted.
    """
    return digest is None or entry.image_hash in (None, digest)


def prune(results: Results, keep: Callable[[ManifestEntry], bool]) -> bool:
    """Take the images that are not to be kept out of the results: their lines first, then their files.

    Returns whether there were any.
    """
    if not results.manifest.is_file():
        return False
    with exclusive(results.out, wait=True):
        dropped = [e.name for e in read_manifest(results.manifest) if not keep(e)]
        if not dropped:
            return False
        write_manifest(results.manifest, (e for e in read_manifest(results.manifest) if keep(e)))
        for name in dropped:
            for folder in FOLDERS:
                with suppress(FileNotFoundError):
                    results.file(folder, name).unlink()
    return True


def note_wrong(results: Results, names: Sequence[str]) -> None:
    """Say in the manifest which masks a person called wrong, so that a run makes them anew; others are not."""
    if not results.manifest.is_file():
        return
    wrong = set(names)
    ticks = [
        Tick(e.name, e.mask_hash, "wrong" if e.name in wrong else None)
        for e in read_manifest(results.manifest)
        if e.mask_hash is not None and (e.name in wrong) != (e.review == "wrong")
    ]
    if ticks:
        apply_review(results.out, ticks)


def count_objects(results: Results, entry: ManifestEntry) -> dict[str, int]:
    """Class id -> number of connected pieces in the mask of an image; classes without any are left out."""
    present = [cls for cls, area in entry.areas.items() if area]
    if len(present) <= 1 and entry.objects is not None:
        return {str(cls): entry.objects for cls in present}
    counts: dict[str, int] = {}
    for found in connected_objects(read_result(results.file("masks", entry.name))):
        counts[str(found.cls)] = counts.get(str(found.cls), 0) + 1
    return counts


def measured(path: Path, entry: ManifestEntry) -> Iterator[Measured]:
    """The objects of one image with the figures of objects.csv, in its order; `path` is its mask. Raises MaskError."""
    mask = read_result(path)
    height, width = mask.shape
    for number, found in enumerate(connected_objects(mask), start=1):
        yield Measured(number, measure(found, (height, width), entry.pixel_size, entry.unit))


def shown_classes(classes: Sequence[ClassInfo], entries: Iterator[ManifestEntry]) -> tuple[ClassInfo, ...]:
    """The classes of the project, and those that are only in masks made before they were taken out."""
    known: Mapping[int, ClassInfo] = {c.id: c for c in classes}
    marked = {cls for e in entries for cls, area in e.areas.items() if area}
    return (*classes, *(ClassInfo(cls, f"class {cls}") for cls in sorted(marked - set(known))))
