"""Reviews: which masks a person called wrong, accepted or corrected, as the report page saves it and the manifest keeps
it.

    {"cuecast": "review", "version": 1,
     "images": [{"name": "p3", "mask_hash": "9f86d0...", "review": "wrong"},
                {"name": "p4", "mask_hash": "60303a...", "review": null}]}

`name` and `mask_hash` are those of the manifest; 'review' is 'wrong' or 'accepted', and null takes that away. Images
that are not listed stay as they are, so that two people can review one folder. A tick counts for the mask it was made
for: where the mask was made anew since, it is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cuecast.core.errors import CuecastError, InputError, MaskError, OutputError
from cuecast.io.files import MANIFEST, exclusive, file_digest, read_json
from cuecast.results.gather import Results, read_result
from cuecast.results.manifest import FrameEntry, ManifestEntry, find_entries, read_manifest, write_manifest
from cuecast.results.masks import mask_file
from cuecast.results.provenance import read_origin, write_provenance
from cuecast.results.shards import refuse_ungathered

VERSION = 1
NO_IMAGE = "the results have no image of that name"


@dataclass(frozen=True)
class Tick:
    """What a person says of one mask: 'wrong' or 'accepted', or None to take that back."""

    name: str
    mask_hash: str
    review: Literal["wrong", "accepted"] | None = "wrong"


@dataclass(frozen=True)
class Reviewed:
    """What came of a review: names that are called wrong or accepted now, or neither any more, and (name, reason) of
    those that were passed over; names of masks that a person corrected."""

    marked: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    corrected: tuple[str, ...] = ()


def read_review(path: str | Path) -> tuple[Tick, ...]:
    """The ticks of a file that the report page has saved, in its order. Raises InputError."""
    raw = read_json(path, InputError)
    if raw.get("cuecast") != "review" or not isinstance(raw.get("images"), list):
        raise InputError("is no review", path, "give the file that 'Save review' in report.html has saved")
    if raw.get("version") != VERSION:
        raise InputError(
            f"is a review of version {raw.get('version')!r}, not {VERSION}", path, "update cuecast"
        )
    return tuple(_tick(path, number, item) for number, item in enumerate(raw["images"], start=1))


def apply_review(out: str | Path, ticks: Sequence[Tick], reviewer: str | None = None) -> Reviewed:
    """Write a review, by whom, into the manifest of a folder of results, atomically, and into its provenance, if any.

    Raises OutputError.
    """
    by_name = {tick.name: tick for tick in ticks}
    with _held(out) as manifest:
        entries = find_entries(manifest, by_name)
        wrong = {n: reason for n, t in by_name.items() if (reason := _unfit(t, entries))}

        def reviewed(entry: ManifestEntry) -> ManifestEntry:
            tick = None if entry.name in wrong else by_name.get(entry.name)
            if tick is None:
                return entry
            said = tick.review or ("corrected" if entry.made_hash else None)
            return replace(entry, review=said, reviewer=reviewer if tick.review else None)

        _rewrite(out, manifest, reviewed)
    good = [t for t in by_name.values() if t.name not in wrong]
    return Reviewed(
        tuple(t.name for t in good if t.review),
        tuple(t.name for t in good if not t.review),
        tuple(wrong.items()),
    )


def accept_rest(out: str | Path) -> tuple[Tick, ...]:
    """A tick 'accepted' for each mask of which nobody has said anything yet. Raises OutputError."""
    return tuple(
        Tick(e.name, e.mask_hash, "accepted")
        for e in read_manifest(_manifest(out))
        if e.mask_hash is not None and e.review is None
    )


def accept(out: str | Path, names: Sequence[str]) -> tuple[Tick, ...]:
    """A tick 'accepted' for the masks of these names, as they are now. Raises InputError for a name that has none."""
    entries = find_entries(_manifest(out), names)
    found = {name: e.mask_hash for name, e in entries.items() if e.mask_hash is not None}
    if missing := next((name for name in names if name not in found), None):
        raise InputError(f"the results have no mask of {missing!r}", out, "give names of its manifest")
    return tuple(Tick(name, found[name], "accepted") for name in names)


def apply_corrections(out: str | Path, names: Sequence[str], reviewer: str) -> Reviewed:
    """Take the masks of these names, which `reviewer` has changed by hand, for the results; tables and label files are
    made of them by the next run. What is no mask of its image any more is passed over. Raises OutputError."""
    with _held(out) as manifest:
        done: dict[str, ManifestEntry] = {}
        wrong: dict[str, str] = {}
        entries = find_entries(manifest, names)
        for name in dict.fromkeys(names):
            if name not in entries:
                wrong[name] = NO_IMAGE
                continue
            try:
                done[name] = replace(_corrected(Path(out), entries[name]), reviewer=reviewer)
            except CuecastError as error:
                wrong[name] = str(error)
        _rewrite(out, manifest, lambda entry: done.get(entry.name, entry))
        for name in done:
            Results(Path(out), ()).file("overlays", name).unlink(missing_ok=True)
    return Reviewed(passed_over=tuple(wrong.items()), corrected=tuple(done))


def _corrected(out: Path, entry: ManifestEntry) -> ManifestEntry:
    """The line of a mask that was changed by hand. Raises MaskError, and ImageError where it cannot be read."""
    results = Results(out, ())
    mask, ids = results.file("masks", entry.name), results.file("objects", entry.name)
    if mask_file(out, entry) != mask or isinstance(entry, FrameEntry):
        raise MaskError("only masks of pictures are corrected so", entry.name, "mark one more frame or slice")
    if (digest := file_digest(mask)) == entry.mask_hash:
        raise MaskError("it was not changed", mask, "change it, or --accept it as it is")
    labels = read_result(mask)
    if labels.shape != entry.size or not set(np.unique(labels)) <= {0, *entry.areas}:
        raise MaskError(
            f"is no mask of {entry.size} with the values {[0, *entry.areas]}",
            mask,
            "save it as a grey or palette PNG of the picture's size",
        )
    ids_hash = None if entry.objects_hash is None else file_digest(ids)
    found = results.objects(replace(entry, objects_hash=ids_hash, object_confidences=()))
    return replace(
        entry,
        review="corrected",
        made_hash=entry.own_hash,
        mask_hash=digest,
        objects_hash=ids_hash,
        areas={cls: int((labels == cls).sum()) for cls in entry.areas},
        objects=len(found.objects),
        counts=found.counts(),
        object_confidences=(),
    )


@contextmanager
def _held(out: str | Path) -> Iterator[Path]:
    """The manifest of a folder, held for this process alone. Raises OutputError."""
    manifest = _manifest(out)
    with exclusive(Path(out)):
        yield manifest


def _rewrite(out: str | Path, manifest: Path, change: Callable[[ManifestEntry], ManifestEntry]) -> None:
    """Write the lines as they are now, and the provenance that speaks of them. Raises OutputError."""
    origin = read_origin(Path(out))
    write_manifest(manifest, map(change, read_manifest(manifest)))
    if origin is not None:
        write_provenance(Path(out), origin)


def called_wrong(out: str | Path) -> tuple[ManifestEntry, ...]:
    """The images of a folder of results whose mask a person called wrong. Raises OutputError."""
    return tuple(e for e in read_manifest(_manifest(out)) if e.review == "wrong")


def _manifest(out: str | Path) -> Path:
    refuse_ungathered(Path(out))
    path = Path(out) / MANIFEST
    if not path.is_file():
        raise OutputError(
            f"no {MANIFEST} is there", out, "give the folder that 'cuecast segment -o' has written"
        )
    return path


def _unfit(tick: Tick, entries: Mapping[str, ManifestEntry]) -> str | None:
    """Why a tick cannot be used; None where it can."""
    if (entry := entries.get(tick.name)) is None:
        return NO_IMAGE
    if entry.mask_hash != tick.mask_hash:
        return "its mask was made anew since the page was written; look at it again in the new report"
    if entry.made_hash and tick.review == "accepted":
        return "a person has corrected it, and is named there"
    return None


def _tick(path: str | Path, number: int, item: Any) -> Tick:
    if (
        isinstance(item, dict)
        and isinstance(name := item.get("name"), str)
        and isinstance(mask := item.get("mask_hash"), str)
        and (review := item.get("review")) in ("wrong", "accepted", None)
    ):
        return Tick(name, mask, review)
    raise InputError(
        f'image {number} is not of the form {{"name": "p3", "mask_hash": "9f86d0...", "review": "wrong"}}',
        path,
        "save the review again",
    )
