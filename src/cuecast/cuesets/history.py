"""The versions of a cue set: what each change did, and where the files of earlier versions lie.

Beside cues.json:

    history.jsonl       one line a version: number, time (UTC), what changed, digest, SHA-256 of every file
    history/HASH.json   cues.json of each version
    history/HASH.png    images and masks that earlier versions name and the present one does not

HASH is the SHA-256 of the file, so nothing is kept twice. The history is no part of what a set says: its digest
does not depend on it, it may be deleted at any time (both names together), and the set then starts at version 1.
It grows by what is replaced, and by one cues.json a change.

A set that was changed without cuecast (by hand), or whose last change was cut off before it was logged, has a
version more than its log: it is `found`, and is logged by the next change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal

from cuecast.core.errors import CueSetError
from cuecast.cuesets.bundle import Bundle
from cuecast.cuesets.cueset import CueSet, digest_of, to_json

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
            f"nothing to take back: version {log[-1].version} is as the set began; "
            "'cuecast cues log' lists the versions, and --to N goes to one of them"
        )
    return earlier[-1]


def at(log: Sequence[Version], number: int) -> Version:
    """The version of that number. Raises CueSetError."""
    for version in log:
        if version.version == number:
            return version
    raise CueSetError(
        f"there is no version {number}; 'cuecast cues log' lists {log[0].version} to {log[-1].version}"
    )


def read_log(bundle: Bundle) -> tuple[Version, ...]:
    """The versions of history.jsonl, oldest first; none where there is no such file. Raises CueSetError."""
    if LOG not in bundle.members:
        return ()
    try:
        return tuple(_version(json.loads(line)) for line in bundle.read(LOG).splitlines())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CueSetError(
            f"{bundle.path}: {LOG} cannot be read ({type(error).__name__}: {error}); put an intact copy there, "
            f"or delete {LOG} and {FOLDER}/: the cues do not depend on them"
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
