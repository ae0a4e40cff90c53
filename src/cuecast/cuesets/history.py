"""The versions of a cue set: what each change did, how one is written, and where files of earlier ones lie.

Beside cues.json:

    history.jsonl       one line a version: number, time (UTC), what changed, digest, SHA-256 of every file
    history/HASH.json   cues.json of each version
    history/HASH.png    images and masks that earlier versions name and the present one does not

HASH is the SHA-256 of the file, so nothing is kept twice. The history is no part of what a set says: its digest
does not depend on it, it may be deleted at any time (both names together), and the set then starts at version 1.
It grows by what is replaced, and by one cues.json a change. A set that was changed without cuecast (by hand), or
whose last change was cut off before it was logged, has a version more than its log: it is `found`, and is logged by
the next change.

After a crash at any moment a set is the old version or the new one. An archive is written anew and renamed: one step.
In a folder, each file is written under a temporary name and renamed, in this order:

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
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from cuecast.core.errors import CueSetError
from cuecast.cuesets.cueset import INDEX, CueSet, digest_of, to_json
from cuecast.io.bundle import Bundle, write_zip
from cuecast.io.files import write_bytes

LOG = "history.jsonl"
FOLDER = "history"

Change = Literal["new", "add", "undo", "found"]


@dataclass(frozen=True)
class Version:
    """One version of a cue set.

    time      when it was made, ISO 8601 in UTC; None for a version that is found and not logged yet.
    what      the change in one line of words.
    digest    `CueSet.digest` of that version.
    cues      SHA-256 of its cues.json, as `to_json` writes it.
    files     name -> SHA-256 of each file that it names.
    restores  the earlier version whose content this one has, where it was made by taking back.
    """

    version: int
    time: str | None
    change: Change
    what: str
    digest: str
    cues: str
    files: Mapping[str, str] = field(default_factory=dict)
    restores: int | None = None


def versions(cueset: CueSet) -> tuple[Version, ...]:
    """All versions, oldest first; the last one is the set as it is. Raises CueSetError."""
    logged = read_log(cueset.bundle)
    hashes = cueset.hashes()
    text = to_json(cueset.classes, cueset.entries)
    digest = digest_of(text, hashes)
    if logged and logged[-1].digest == digest:
        return logged
    same = [v.version for v in logged if v.digest == digest]
    count = len(cueset.entries)
    what = f"{count} cue{'s' if count != 1 else ''}, "
    what += "changed without cuecast, or a change that was cut off" if logged else "as they were found"
    number = logged[-1].version + 1 if logged else 1
    found = Version(number, None, "found", what, digest, hash_of(text), hashes, max(same, default=None))
    return (*logged, found)


def next_version(
    earlier: Sequence[Version],
    change: Change,
    what: str,
    text: str,
    files: Mapping[str, str],
    restores: int | None = None,
) -> Version:
    """The version that follows `earlier`, made now. `text` is its cues.json, `files` the hashes of its files."""
    number = earlier[-1].version + 1 if earlier else 1
    return Version(number, now(), change, what, digest_of(text, files), hash_of(text), files, restores)


def before(log: Sequence[Version]) -> Version:
    """The version to which taking back the last change leads. Raises CueSetError where there is none.

    Taking back goes on from the version that a taking back has restored, so that doing it twice takes back two
    changes; nothing that it passes is forgotten.
    """
    content = log[-1]
    while content.restores is not None:
        content = at(log, content.restores)
    earlier = [v for v in log if v.version < content.version]
    if not earlier:
        raise CueSetError(
            f"nothing to take back: version {log[-1].version} is as the set began",
            remedy="'cuecast cues log' lists the versions, and --to N goes to one of them",
        )
    return earlier[-1]


def at(log: Sequence[Version], number: int) -> Version:
    """The version of that number. Raises CueSetError."""
    for version in log:
        if version.version == number:
            return version
    raise CueSetError(
        f"there is no version {number}",
        remedy=f"'cuecast cues log' lists {log[0].version} to {log[-1].version}",
    )


def read_log(bundle: Bundle) -> tuple[Version, ...]:
    """The versions of history.jsonl, oldest first; none where there is no such file. Raises CueSetError."""
    if LOG not in bundle.members:
        return ()
    try:
        return tuple(_version(json.loads(line)) for line in bundle.read(LOG).splitlines())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CueSetError(
            f"{LOG} cannot be read ({type(error).__name__}: {error})",
            bundle.path,
            f"put an intact copy there, or delete {LOG} and {FOLDER}/: the cues do not depend on them",
        ) from error


def log_text(log: Sequence[Version]) -> str:
    """history.jsonl: one line a version."""
    return "".join(f"{json.dumps(asdict(v), ensure_ascii=False)}\n" for v in log)


def kept(bundle: Bundle, present: Mapping[str, str], name: str, digest: str) -> str | None:
    """The member that holds those bytes: the name itself, one in history/, or a file of the present version.

    Looks at the bytes, not at names alone; None where they are kept nowhere.
    """
    aside = [member for member in bundle.members if member.startswith(f"{FOLDER}/{digest}")]
    same = [other for other, sha in present.items() if sha == digest]
    for place in (name, *aside, *same):
        if place in bundle.members and hashlib.sha256(bundle.read(place)).hexdigest() == digest:
            return place
    return None


def kept_name(name: str, digest: str) -> str:
    """Where history keeps a file: 'history/HASH.png'."""
    return f"{FOLDER}/{digest}{PurePosixPath(name).suffix.lower()}"


def hash_of(text: str) -> str:
    """SHA-256 of a cues.json."""
    return hashlib.sha256(text.encode()).hexdigest()


def now() -> str:
    """The time in UTC to the second, as the log writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _version(raw: dict[str, Any]) -> Version:
    return Version(
        version=int(raw["version"]),
        time=None if raw["time"] is None else str(raw["time"]),
        change=raw["change"],
        what=str(raw["what"]),
        digest=str(raw["digest"]),
        cues=str(raw["cues"]),
        files={str(k): str(v) for k, v in raw["files"].items()},
        restores=None if raw.get("restores") is None else int(raw["restores"]),
    )


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
                f"version {target.version} needs {name} as it was then, and another file has that name now",
                bundle.path,
                "move that file away, or give it another name in cues.json",
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
