"""Writing a version of a cue set: after a crash at any moment it is the old version or the new one.

An archive is written anew and renamed: one step. In a folder, each file is written under a temporary name and
renamed, in this order:

    1. new images and masks, under names that no file has; the new cues.json in history/
    2. history.jsonl, where the version that is there now is not in it yet
    3. cues.json                          the change: before it the set is the old one, after it the new one
    4. history.jsonl with the new version (cut off before it: the next change finds and logs the version)
    5. files that only earlier versions name go to history/; copies there of files in use go away
       (cut off before it: they are found where they lie, by their hash, and the next change moves them)

No file is ever written over but cues.json and history.jsonl, and the bytes of a version that is logged are kept
under its name or in history/.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cuecast.core.errors import CueSetError
from cuecast.cuesets.bundle import Bundle, write_zip
from cuecast.cuesets.cueset import INDEX
from cuecast.cuesets.history import FOLDER, LOG, Version, hash_of, kept, kept_name, log_text, now
from cuecast.io.files import write_bytes


def commit(
    bundle: Bundle,
    earlier: Sequence[Version],
    present: str | None,
    latest: Version,
    text: str,
    files: Mapping[str, bytes],
) -> None:
    """Make `latest` the present version.

    earlier  the versions up to now, of `versions`; none for a set that is being made.
    present  cues.json as it is now, None for a set that is being made.
    text     cues.json of `latest`.
    files    images, masks and ids of objects that are not there yet.

    The caller holds the set (see `lock.exclusive`). Raises OutputError, CueSetError.
    """
    texts = [t for t in (present, text) if t is not None]
    added = {**files, **{kept_name(INDEX, hash_of(t)): t.encode() for t in texts}}
    added = {name: data for name, data in added.items() if name not in bundle.members}
    moved = _outdated(bundle, earlier, latest)
    unneeded = {kept_name(n, sha) for n, sha in latest.files.items()} & set(bundle.members)
    unneeded -= set(moved.values())
    logged = [replace(v, time=v.time or now()) for v in earlier]
    before, log = log_text(logged).encode(), log_text([*logged, latest]).encode()
    if bundle.is_zip:
        _write_anew(bundle, {**added, INDEX: text.encode(), LOG: log}, moved, unneeded)
        return
    if not earlier:  # a set that is being made is there from its first file on
        write_bytes(bundle.path / INDEX, text.encode())
    for name, data in added.items():
        write_bytes(bundle.path / name, data)
    if not all(v.time for v in earlier):
        write_bytes(bundle.path / LOG, before)
    if earlier:
        write_bytes(bundle.path / INDEX, text.encode())
    write_bytes(bundle.path / LOG, log)
    _tidy(bundle.path, moved, unneeded)


def restored(bundle: Bundle, log: Sequence[Version], target: Version) -> tuple[str, dict[str, bytes]]:
    """cues.json of an earlier version, and those of its files that are not there under their names.

    Raises CueSetError where bytes of it are kept nowhere, or another file has taken a name.
    """
    present = log[-1].files
    place = kept(bundle, present, kept_name(INDEX, target.cues), target.cues)
    if place is None:
        raise CueSetError(_lost(bundle, target, INDEX))
    files: dict[str, bytes] = {}
    for name, digest in target.files.items():
        place_of = kept(bundle, present, name, digest)
        if place_of is None:
            raise CueSetError(_lost(bundle, target, name))
        if place_of == name:
            continue
        if name in bundle.members and hashlib.sha256(bundle.read(name)).hexdigest() != digest:
            raise CueSetError(
                f"{bundle.path}: version {target.version} needs {name} as it was then, and another file has "
                "that name now; move that file away, or give it another name in cues.json"
            )
        files[name] = bundle.read(place_of)
    return bundle.read(place).decode(), files


def _lost(bundle: Bundle, target: Version, name: str) -> str:
    return (
        f"{bundle.path}: version {target.version} needs {name}, and its bytes are kept nowhere (changed or "
        "deleted without cuecast); put the file back, or choose another version of 'cuecast cues log' with --to"
    )


def _outdated(bundle: Bundle, earlier: Sequence[Version], latest: Version) -> dict[str, str]:
    """Name -> its name in history/, of the files that earlier versions name and `latest` does not."""
    named = {(n, sha) for version in earlier for n, sha in version.files.items()}
    old = sorted((n, sha) for n, sha in named if n not in latest.files and n in bundle.members)
    same = ((n, sha) for n, sha in old if hashlib.sha256(bundle.read(n)).hexdigest() == sha)
    return {n: kept_name(n, sha) for n, sha in same}


def _write_anew(
    bundle: Bundle, added: Mapping[str, bytes], moved: Mapping[str, str], unneeded: set[str]
) -> None:
    """An archive with `added` in it, its members under their new names."""
    renamed = {moved.get(name, name): name for name in bundle.members if name not in unneeded}
    names = sorted({*added, *renamed}, key=lambda name: (name != INDEX, name))

    def files() -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, added[name] if name in added else bundle.read(renamed[name])

    write_zip(bundle.path, files())


def _tidy(root: Path, moved: Mapping[str, str], unneeded: set[str]) -> None:
    """Step 5, and temporary files of a change that was killed; nobody else is writing (see `commit`)."""
    for name, target in moved.items():
        with suppress(OSError):  # where it stays it is found by its hash, and the next change tries again
            (root / target).parent.mkdir(exist_ok=True)
            os.replace(root / name, root / target)
    left = [
        p for folder in ("", "images", "masks", "objects", FOLDER) for p in (root / folder).glob(".cuecast-*")
    ]
    for path in (*(root / name for name in sorted(unneeded)), *left):
        with suppress(OSError):
            path.unlink()
