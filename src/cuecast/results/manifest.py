"""manifest.jsonl: one line an image, frame, slice or tile, and the state from which a stopped run goes on.

While a run goes, lines are appended and the last line of a name counts; a finished run rewrites the file in
the order of its inputs. Readers hold offsets, not entries: memory stays small whatever the number of images.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.values import Verdict
from cuecast.io.files import file_digest, replacing

SELDOM = (
    "thresholds", "counts", "object_confidences", "objects_hash", "min_area", "min_confidence", "split", "file_hash",
    "program", "reviewer", "made_hash", "state",
)  # fmt: skip
"""Fields that are left out of a line where they say nothing."""
Review = Literal["wrong", "accepted", "corrected"]


@dataclass(frozen=True)
class ManifestEntry:
    """What is known of one image; where it failed, only `name`, `image`, `pack`, `cues` and `error`.

    name        stem of the image's output files; unique in a manifest.
    image       path as it was given.
    verdict     'found', 'doubtful' or 'absent'; None where the image failed.
    confidence  in [0, 1].
    seconds     how long the answer took: the only field that differs between two equal runs.
    error       why the image failed.
    size        (height, width) in pixels.
    areas       class id -> marked pixels.
    objects     number of objects of all classes.
    pixel_size  edge of a pixel in `unit`, where the image file states it.
    image_hash  SHA-256 of the image file and of how it was read.
    mask_hash   SHA-256 of the mask file.
    pack, cues  digests of the pack and of the cues: together they name the concept.
    scale       'frame' or 'pixel', see `Predictor.learn`.
    cueset, cueset_version  digest and number of the version of the cue set that made the mask; None without one.
    review      'wrong', 'accepted' or 'corrected': what a person said of this mask, or did with it.
    thresholds  class id -> the threshold that was given for it.
    counts      class id -> number of objects.
    object_confidences  in [0, 1], of each object in the order of their ids.
    objects_hash  SHA-256 of the file of ids, where things that touch were told apart; None: components.
    min_area, min_confidence  objects below were left out.
    split       whether things that touch were told apart, where no file of ids says so.
    file_hash   SHA-256 of the image file, where `image_hash` is another: of how it was read, too.
    program     version of cuecast that made the mask, where provenance was asked for.
    reviewer    who said what `review` says.
    state       of an image in a store, its tag and size: while they stay it is the one of `image_hash`.
    made_hash   SHA-256 of the mask file as it was made, where a person corrected it: `mask_hash` is that of theirs.

    Those from `thresholds` on are left out of the line where they say nothing.
    """

    name: str
    image: str
    pack: str
    cues: str
    verdict: Verdict | None = None
    confidence: float | None = None
    seconds: float | None = None
    error: str | None = None
    size: tuple[int, int] | None = None
    areas: Mapping[int, int] = field(default_factory=dict)
    objects: int | None = None
    pixel_size: float | None = None
    unit: str | None = None
    image_hash: str | None = None
    mask_hash: str | None = None
    scale: str | None = None
    cueset: str | None = None
    cueset_version: int | None = None
    review: Review | None = None
    thresholds: Mapping[int, float] = field(default_factory=dict)
    counts: Mapping[int, int] = field(default_factory=dict)
    object_confidences: tuple[float, ...] = ()
    objects_hash: str | None = None
    min_area: int = 0
    min_confidence: float = 0.0
    split: bool = False
    file_hash: str | None = None
    program: str | None = None
    reviewer: str | None = None
    made_hash: str | None = None
    state: str | None = None

    @property
    def concept(self) -> tuple[str, str]:
        """(pack, cues): equal for results of the same concept."""
        return self.pack, self.cues

    @property
    def own_hash(self) -> str | None:
        """SHA-256 of the mask file as the program made it: another file is a person's work, and never replaced."""
        return self.made_hash or self.mask_hash

    def line(self) -> str:
        """The entry as one line of JSON, without its line break."""
        fields_of = _FIELDS[type(self)]
        raw = {name: value for name in fields_of if (value := getattr(self, name)) or name not in SELDOM}
        text = json.dumps(raw, ensure_ascii=False)
        # a file name that is not Unicode is kept as escapes, so that the manifest itself is
        return text if text.isprintable() else json.dumps(raw)


@dataclass(frozen=True)
class FrameEntry(ManifestEntry):
    """What is known of one frame. `image` names the video, `image_hash` is the digest of all its frames.

    frame        number of the frame, from 0.
    shown        when it is shown, in seconds from the first frame on; None where that is not known.
    verdicts     class id -> verdict on that object.
    confidences  class id -> confidence of that verdict.
    marked       whether a person marked it.

    `cues` is the digest of all that the answer depends on besides pack and frames: see `Sweep`.
    """

    frame: int = 0
    shown: float | None = None
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    confidences: Mapping[int, float] = field(default_factory=dict)
    marked: bool = False


_FIELDS: Mapping[type[ManifestEntry], Sequence[str]] = {
    kind: tuple(f.name for f in fields(kind)) for kind in (ManifestEntry, FrameEntry)
}
"""Names of the fields in their order: asked for once a line."""
Entry = TypeVar("Entry", bound=ManifestEntry)


def answered(
    blank: Entry,
    answer: tuple[Verdict, float, float],
    mask: NDArray[np.int32],
    class_ids: Iterable[int],
    path: Path,
) -> Entry:
    """The line `blank` with what was found: (verdict, confidence, seconds), and a mask (H, W) whose file is `path`."""
    verdict, confidence, seconds = answer
    return replace(
        blank,
        verdict=verdict,
        confidence=round(confidence, 6),
        seconds=round(seconds, 4),
        size=mask.shape,
        areas={cls: int((mask == cls).sum()) for cls in class_ids},
        mask_hash=file_digest(path),
    )


@contextmanager
def appending(path: Path) -> Iterator[ManifestAppender]:
    """Open a manifest to append to; it is made where it is not there. A torn last line is cut off first."""
    try:
        stream = open(path, "ab", buffering=0)  # noqa: SIM115  closed below; only the opening may raise OutputError
        stream.truncate(_whole_length(path))
    except OSError as error:
        raise _unwritable(path, error) from error
    with stream:
        yield ManifestAppender(path, stream)


@dataclass(frozen=True)
class ManifestAppender:
    """Appends entries to an open manifest, each in the file before `append` returns. See `appending`."""

    path: Path
    stream: RawIOBase

    def append(self, entry: ManifestEntry) -> None:
        """Write one line. Raises OutputError; what was written of it is passed over by the readers."""
        line = entry.line().encode() + b"\n"
        try:
            if self.stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _unwritable(self.path, error) from error


def write_manifest(path: Path, entries: Iterable[ManifestEntry]) -> Path:
    """Write a manifest anew, atomically. `entries` may read from the manifest that is being replaced."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as stream:
        for entry in entries:
            stream.write(entry.line() + "\n")
    return path


def read_manifest(path: Path) -> Iterator[ManifestEntry]:
    """The entries of a manifest, last line of a name only, in the order in which the names first appear.

    A torn last line (the run was killed while writing it) is left out. Raises OutputError where the file is
    not a manifest of cuecast.
    """
    # One open file: a run may put another one in its place meanwhile.
    with _reading(path) as stream:
        for offset, number in _index(path, stream).values():
            stream.seek(offset)
            yield _parse(path, stream.readline(), number)


def index_manifest(path: Path) -> dict[str, int]:
    """Name -> byte offset of its last line, for `entry_at`; names in the order of their first appearance.

    Empty where there is no file. Raises OutputError as `read_manifest` does.
    """
    with _reading(path) as stream:
        return {name: offset for name, (offset, _) in _index(path, stream).items()}


def read_frames(path: Path) -> dict[int, FrameEntry]:
    """Number of a frame -> its last line, ascending; empty where there is no file.

    Raises OutputError where the file is no manifest of a video.
    """
    found: dict[int, FrameEntry] = {}
    for entry in read_manifest(path):
        if not isinstance(entry, FrameEntry):
            raise OutputError(
                "is the manifest of single images, not of a video", path, "choose another output folder"
            )
        found[entry.frame] = entry
    return dict(sorted(found.items()))


def find_entries(path: Path, names: Container[str]) -> dict[str, ManifestEntry]:
    """Name -> entry, of these names alone; empty where there is no file. Raises OutputError as `read_manifest` does."""
    with _reading(path) as stream:
        lines = ((number, line) for _, number, line in _lines(stream) if _name(path, line, number) in names)
        return {e.name: e for e in (_parse(path, line, number) for number, line in lines)}


def entry_at(path: Path, offset: int) -> ManifestEntry:
    """The entry whose line starts at byte `offset`."""
    with open(path, "rb") as stream:
        stream.seek(offset)
        return _parse(path, stream.readline(), None)


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    """The open manifest, an empty one where there is none. Raises OutputError where it cannot be read."""
    stream: BinaryIO
    try:
        stream = open(path, "rb")  # noqa: SIM115  closed below; only the opening may raise OutputError
    except FileNotFoundError:
        stream = BytesIO()
    except OSError as error:
        raise OutputError(f"cannot be read ({error.strerror})", path, "choose another folder") from error
    with stream:
        yield stream


def _index(path: Path, stream: BinaryIO) -> dict[str, tuple[int, int]]:
    """Name -> byte offset and number of its last line. Only names are looked at; what else it says is read later."""
    return {_name(path, line, number): (offset, number) for offset, number, line in _lines(stream)}


def _lines(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Byte offset and number, from 1, of each whole line, and the line."""
    offset = 0
    for number, line in enumerate(stream, start=1):
        if line.endswith(b"\n"):
            yield offset, number, line
        offset += len(line)


def _name(path: Path, line: bytes, number: int) -> str:
    """The name of the entry of a line. Raises OutputError where it is none."""
    try:
        if isinstance(name := json.loads(line)["name"], str):
            return name
        raise TypeError("its name is no text")
    except (ValueError, TypeError, KeyError) as error:
        raise _no_line(path, number) from error


def _parse(path: Path, line: bytes, number: int | None) -> ManifestEntry:
    """One entry from its line, a `FrameEntry` where it has a frame. Fields of a newer version are passed over."""
    try:
        found: dict[str, Any] = json.loads(line)
        kind = FrameEntry if "frame" in found else ManifestEntry
        names = _FIELDS[kind]
        raw = {name: value for name, value in found.items() if name in names}
        if raw.get("size") is not None:
            raw["size"] = (int(raw["size"][0]), int(raw["size"][1]))
        raw["areas"] = {int(k): int(v) for k, v in raw.get("areas", {}).items()}
        raw["thresholds"] = {int(k): float(v) for k, v in raw.get("thresholds", {}).items()}
        raw["counts"] = {int(k): int(v) for k, v in raw.get("counts", {}).items()}
        raw["object_confidences"] = tuple(map(float, raw.get("object_confidences", ())))
        if kind is FrameEntry:
            for name in ("verdicts", "confidences"):
                raw[name] = {int(k): v for k, v in raw.get(name, {}).items()}
        return kind(**raw)
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise _no_line(path, number) from error


def _no_line(path: Path, number: int | None) -> OutputError:
    where = f" line {number}" if number else ""
    return OutputError(
        f"{path}{where}: this is not a line of a cuecast manifest; choose another output folder, or move the file"
    )


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot be written ({error.strerror})",
        path,
        "free space, check permissions, or choose another folder",
    )


def _whole_length(path: Path) -> int:
    """Length of the file up to and with its last line break."""
    with open(path, "rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65536)
            stream.seek(start)
            found = stream.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
