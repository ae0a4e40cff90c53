"""Reviews: which masks a person called wrong, as the report page saves it and the manifest keeps it.

    {"cuecast": "review", "version": 1,
     "images": [{"name": "p3", "mask_hash": "9f86d0...", "review": "wrong"},
                {"name": "p4", "mask_hash": "60303a...", "review": null}]}

`name` and `mask_hash` are those of the manifest; null takes an earlier tick away. Images that are not listed stay as
they are, so that two people can review one folder. A tick counts for the mask it was made for: where the mask was
made anew since, it is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cuecast.core.errors import InputError, OutputError
from cuecast.io.files import MANIFEST, exclusive, read_json
from cuecast.results.manifest import ManifestEntry, find_entries, read_manifest, write_manifest
from cuecast.results.shards import refuse_ungathered

VERSION = 1


@dataclass(frozen=True)
class Tick:
    """What a person says of one mask: 'wrong', or None to take that back."""

    name: str
    mask_hash: str
    review: Literal["wrong"] | None = "wrong"


@dataclass(frozen=True)
class Reviewed:
    """What came of a review: names that are marked or unmarked now, and (name, reason) of the ticks passed over."""

    marked: tuple[str, ...]
    cleared: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]


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


def apply_review(out: str | Path, ticks: Sequence[Tick]) -> Reviewed:
    """Write a review into the manifest of a folder of results, atomically. Raises OutputError."""
    manifest = _manifest(out)
    by_name = {tick.name: tick for tick in ticks}
    with exclusive(Path(out)):
        entries = {name: e.mask_hash for name, e in find_entries(manifest, by_name).items()}
        wrong = {n: reason for n, t in by_name.items() if (reason := _unfit(t, entries))}

        def reviewed() -> Iterator[ManifestEntry]:
            for entry in read_manifest(manifest):
                tick = None if entry.name in wrong else by_name.get(entry.name)
                yield entry if tick is None else replace(entry, review=tick.review)

        write_manifest(manifest, reviewed())
    good = [t for t in by_name.values() if t.name not in wrong]
    return Reviewed(
        tuple(t.name for t in good if t.review),
        tuple(t.name for t in good if not t.review),
        tuple(wrong.items()),
    )


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


def _unfit(tick: Tick, entries: dict[str, str | None]) -> str | None:
    """Why a tick cannot be used; None where it can."""
    if tick.name not in entries:
        return "the results have no image of that name"
    if entries[tick.name] != tick.mask_hash:
        return "its mask was made anew since the page was written; look at it again in the new report"
    return None


def _tick(path: str | Path, number: int, item: Any) -> Tick:
    if (
        isinstance(item, dict)
        and isinstance(name := item.get("name"), str)
        and isinstance(mask := item.get("mask_hash"), str)
        and (review := item.get("review")) in ("wrong", None)
    ):
        return Tick(name, mask, review)
    raise InputError(
        f'image {number} is not of the form {{"name": "p3", "mask_hash": "9f86d0...", "review": "wrong"}}',
        path,
        "save the review again",
    )
