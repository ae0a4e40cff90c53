"""The pictures of a folder of data, one after the other, with what is wrong with each: a function a kind of folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.alike import Look, look_at
from cuecast.core.errors import CuecastError, CueSetError, InputError, MissingExtraError, without_name
from cuecast.core.notes import give_note
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import ClassInfo, Image
from cuecast.cues import Cue, named_classes
from cuecast.cuesets.cueset import check_cueset, read_classes_and_cues, read_example
from cuecast.datasets.folder import DataFolder, Kind
from cuecast.datasets.licences import Level
from cuecast.io.formats import suffixes_of
from cuecast.io.images import read_image
from cuecast.io.kinds import IMAGE_SUFFIXES, MASK_ENDINGS
from cuecast.io.labels import is_label_file
from cuecast.io.labels.ids import read_objects
from cuecast.io.labels.masks import MASK_FOLDERS, find_mask, listed_images, read_mask
from cuecast.io.places import list_images
from cuecast.results.folder import has_digest
from cuecast.results.manifest import FrameEntry, ManifestEntry, read_manifest
from cuecast.results.masks import mask_file

IDS = "masks_instances"
"""Folder of a training set with the ids of objects, a 16-bit picture for each mask."""
NAMES_OF_CLASSES = ("classes.txt", "labels.txt", "notes.json", "predefined_classes.txt")
"""Files among YOLO's labels that are of no picture."""

Trouble = Literal["pair", "unreadable", "mask", "cue", "card", "duplicate", "leak", "licence"]
"""
pair        a picture without its mask, a mask without its picture, a mask that is another file than its line says
unreadable  a picture that cannot be read
mask        a mask that cannot be read, or does not fit its picture
cue         what `cuecast cues check` finds
card        card.json says something else than what is there
duplicate   the same picture twice, or nearly the same
leak        one picture, or nearly the same, in two folders
licence     it is missing, or speaks against the use
"""


@dataclass(frozen=True)
class DataFinding:
    """One thing wrong with data. A 'warning' can be lived with. `entry` is a file of `folder`, as it names it."""

    level: Level
    kind: Trouble
    folder: str
    entry: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.entry}: {self.reason}; {self.remedy}"


Report = Callable[[Level, Trouble, str, str, str], None]
"""Told of level, kind, entry, reason and remedy of what is wrong."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture that was read. `digest` is of its pixels, `marks` of its label map, where it has one, and `mask` the
    file of that; `shows` are the classes in it."""

    name: str
    digest: str
    look: Look
    marks: str | None = None
    shows: frozenset[int] = frozenset()
    mask: Path | None = None


Walk = Callable[[DataFolder, Report], Iterator[Seen]]


def seen(name: str, image: Image, mask: NDArray[np.int32] | None) -> Seen:
    """What is kept of a picture and its mask (H, W)."""
    look = look_at(image.pixels)
    if mask is None:
        return Seen(name, image.digest, look)
    marks = hashlib.sha256(np.ascontiguousarray(mask).data).hexdigest()
    return Seen(name, image.digest, look, marks, frozenset(np.unique(mask[mask > 0]).tolist()))


def _of_cueset(data: DataFolder, report: Report) -> Iterator[Seen]:
    for f in check_cueset(data.path):
        report(f.level, "cue", f.entry, f.reason, f.remedy)
    cueset = read_classes_and_cues(data.path, lambda _: None)
    known = set()
    for entry in cueset.entries:
        with suppress(InputError, CueSetError, MissingExtraError):  # the check has said so
            example = read_example(cueset, entry)
            if (entry.image, entry.page) not in known:
                yield seen(entry.image, example.image, example.marks.mask)
            known.add((entry.image, entry.page))


def _of_results(data: DataFolder, report: Report) -> Iterator[Seen]:
    """The pictures lie where they were; those of videos, volumes and maps are not looked at again."""
    named = set()
    for entry in read_manifest(data.path / "manifest.jsonl"):
        if entry.error is not None:
            report("warning", "pair", entry.name, f"it failed: {entry.error}", "correct it and run again")
        mask = mask_file(data.path, entry)
        if mask is None:
            continue
        named.add(mask)
        _check_result(mask, entry, report)
        if not isinstance(entry, FrameEntry) and mask.stem == entry.name:
            yield from _looked(Path(entry.image), entry, report)
    for path in sorted((data.path / "masks").glob("*")):
        if path not in named and not path.name.startswith("."):
            report("error", "pair", f"masks/{path.name}", "no line of the manifest is of it", "take it away")


def _check_result(mask: Path, entry: ManifestEntry, report: Report) -> None:
    if not mask.is_file():
        report("error", "pair", entry.name, f"its mask {mask.name} is not there", "run it again")
    elif not has_digest(mask, entry.mask_hash):
        reason = f"its mask {mask.name} is another file than the manifest speaks of"
        report("error", "pair", entry.name, reason, "run it again, or teach with it: cuecast cues add")


def _looked(path: Path, entry: ManifestEntry, report: Report) -> Iterator[Seen]:
    if not path.is_file():
        report(
            "warning", "pair", entry.name, f"its picture is no longer at {path}", "put it back to compare it"
        )
        return
    try:
        image = read_image(path)
    except (InputError, MissingExtraError) as error:
        report("error", "unreadable", entry.name, *_said(error, path))
        return
    if entry.size not in (None, image.size):
        reason = f"its mask is of {entry.size}, its picture {image.size} now (height, width)"
        report("error", "mask", entry.name, reason, "run it again")
    yield seen(entry.name, image, None)


def _of_pictures(data: DataFolder, report: Report) -> Iterator[Seen]:
    root = data.path
    top = root / "images" if data.kind == "training set" else root
    of_masks = {*MASK_FOLDERS, IDS}
    listed = [p for p in list_images([top], True) if not of_masks & {*p.relative_to(root).parts[:-1]}]
    masks = {image: find_mask(image) for image in listed}
    images = [p for p in listed if p not in masks.values()]  # a.png beside a.jpg is its mask
    named = {image: image.relative_to(top).as_posix() for image in images}
    if images and not any(masks[p] for p in images):
        reason = f"none of its {len(images)} pictures has a mask"
        report("error", "pair", top.name, reason, "put masks of the same names into masks/ beside images/")
    else:
        _say_unmasked([p for p in images if masks[p] is None], named, report)
    _say_left_over(root, images, {m for m in masks.values() if m}, report)
    classes = _label_classes([(p, m) for p in images if (m := masks[p])], report)
    for image in images:
        yield from _pair(image, masks[image], named[image], (data, classes), report)


def _say_unmasked(images: Sequence[Path], named: Mapping[Path, str], report: Report) -> None:
    for image in images:
        end = next((e for e in MASK_ENDINGS if image.stem.endswith(e)), None)
        reason = "it has no mask" if end is None else f"it is named as a mask, of {image.stem[: -len(end)]!r}"
        report("error", "pair", named[image], reason, "add what is missing, or take it away")


def _say_left_over(root: Path, images: Sequence[Path], used: set[Path], report: Report) -> None:
    """Masks and label files that are of no picture, and pictures that a COCO file lists and that are not there."""
    there, stems = {p.name for p in images}, {p.stem for p in images}
    remedy = "add the picture, or take this away"
    for folder in (*MASK_FOLDERS, IDS, "."):
        of_ids = stems if folder == IDS else ()
        for path in sorted((root / folder).glob("*" if folder == "." else "**/*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            name = path.relative_to(root).as_posix()
            if path.suffix.lower() == ".json" and (listed := listed_images(path)):
                for missing in sorted(listed - there):
                    report("error", "pair", name, f"it marks {missing}, which is not there", remedy)
            elif folder == "." or path in used or path.name in NAMES_OF_CLASSES or path.stem in of_ids:
                continue
            elif path.suffix.lower() in {*IMAGE_SUFFIXES, *suffixes_of("labels")}:
                report("error", "pair", name, "there is no picture of this name", remedy)


def _label_classes(pairs: Sequence[tuple[Path, Path]], report: Report) -> tuple[ClassInfo, ...]:
    """The classes that label files name, in the order of their first mention."""
    try:
        names = named_classes([Cue(image, mask=mask) for image, mask in pairs])
    except CuecastError as error:
        report("error", "mask", error.where or "labels", error.what, error.remedy or "correct it")
        return ()
    return tuple(ClassInfo(number, name) for number, name in enumerate(names, start=1))


def _pair(
    path: Path,
    mask: Path | None,
    name: str,
    known: tuple[DataFolder, tuple[ClassInfo, ...]],
    report: Report,
) -> Iterator[Seen]:
    """One picture with its mask and the ids of its objects. `known`: the folder, and what label files name."""
    data, classes = known
    try:
        image = read_image(path)
    except (InputError, MissingExtraError) as error:
        report("error", "unreadable", name, *_said(error, path))
        return
    labels = None
    if mask is not None:
        try:
            labels = read_mask(mask, image=image, classes=classes if is_label_file(mask) else None)
        except (InputError, MissingExtraError) as error:
            report("error", "mask", name, *_said(error, mask))
    found = seen(name, image, labels)
    if labels is not None:
        _check_ids(data.path / IDS / f"{path.stem}.png", image, labels, name, report)
        unknown = sorted(found.shows - {c.id for c in data.classes}) if data.classes else []
        if unknown and mask is not None and not is_label_file(mask):
            numbers = ", ".join(map(str, unknown))
            report(
                "error",
                "card",
                name,
                f"its mask holds {numbers}, which card.json does not name",
                "name it there",
            )
    yield replace(found, mask=mask)


def _check_ids(path: Path, image: Image, labels: NDArray[np.int32], name: str, report: Report) -> None:
    """The ids of objects, where a training set has them, lie on the mask (H, W)."""
    if not path.is_file():
        return
    try:
        ids = read_objects(path, image=image)
    except (InputError, MissingExtraError) as error:
        report("error", "mask", name, *_said(error, path))
        return
    if outside := int(((ids > 0) & (labels == 0)).sum()):
        reason = f"{outside} pixels of its objects in {IDS}/ are background in its mask"
        report("error", "mask", name, reason, "draw both from the same marks")


def read_pairs(data: DataFolder, progress: Progress = silent) -> list[Seen]:
    """All pictures of a folder that can be read. What is wrong with others is noted in one line."""
    wrong: list[str] = []

    def report(level: Level, kind: Trouble, entry: str, reason: str, remedy: str) -> None:  # noqa: ARG001
        wrong.extend([entry] if level == "error" else [])

    found: list[Seen] = []
    for picture in WALKS[data.kind](data, report):
        found.append(picture)
        progress(Step("pictures", len(found), len(found) + 1))
    progress(Step("pictures", len(found), len(found)))
    if wrong:
        give_note(f"{data.path}: {len(wrong)} things are wrong with it: cuecast data check {data.path}")
    return found


def _said(error: CuecastError, path: Path) -> tuple[str, str]:
    """What an error says of a file that is named already, and the remedy."""
    return without_name(error.reason, str(path)), error.remedy or "correct it, or take it away"


WALKS: Mapping[Kind, Walk] = {
    "cue set": _of_cueset,
    "results": _of_results,
    "training set": _of_pictures,
    "pictures": _of_pictures,
}
"""Kind of a folder -> how its pictures are read."""
