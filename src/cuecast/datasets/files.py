"""The files of a folder of data that its papers speak of: name, length, SHA-256, type; and which belong together."""

from __future__ import annotations

import glob
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeGuard

from cuecast.core.errors import InputError, cause
from cuecast.cuesets.cueset import INDEX, files_of, read_cueset
from cuecast.datasets.folder import CROISSANT, LICENCE_FILES, DataFolder
from cuecast.datasets.pictures import Seen
from cuecast.engine.card import CARD
from cuecast.io.files import file_digest
from cuecast.io.formats import FORMATS
from cuecast.io.kinds import IMAGE_SUFFIXES, MASK_ENDINGS
from cuecast.io.kinds import PICTURES as KINDS

PLAIN = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".html": "text/html",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".mp4": "video/mp4",
    ".zip": "application/zip",
}
"""Suffix -> type on the wire, of files that are no pictures."""
UNKNOWN = "application/octet-stream"


@dataclass(frozen=True)
class DataFile:
    """A file of the data: its name in it, with '/', and the name under which an archive holds it."""

    name: str
    size: int
    sha256: str
    media: str
    stored: str


def list_files(data: DataFolder, but: Path | None = None) -> Iterator[DataFile]:
    """The files of the data, by name; not its own croissant.json, nor the file `but`.

    Of a cue set those that it names now, without its history. Raises InputError where one cannot be read, CueSetError.
    """
    for name in sorted(_names(data)):
        member = data.bundle.members[name]
        if name == CROISSANT or (but is not None and isinstance(member, Path) and _is(member, but)):
            continue
        if isinstance(member, zipfile.ZipInfo):
            content = data.bundle.read(name)
            digest = hashlib.sha256(content).hexdigest()
            yield DataFile(name, len(content), digest, media_of(name), member.filename)
            continue
        try:
            yield DataFile(name, member.stat().st_size, file_digest(member), media_of(name), name)
        except OSError as error:
            raise InputError(
                f"cannot be read ({cause(error)})", member, "give yourself permission"
            ) from error


def _names(data: DataFolder) -> set[str]:
    members = set(data.bundle.members)
    if data.kind != "cue set":
        return members
    return members & {INDEX, CARD, *LICENCE_FILES, *files_of(read_cueset(data.path).entries)}


def _is(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()


def media_of(name: str) -> str:
    """The type of a file, by its suffix."""
    suffix = PurePosixPath(name).suffix.lower()
    picture = next((kind.media for kind in KINDS if suffix in kind.suffixes), None)
    other = (
        f.media for kind in ("volumes", "videos") for f in FORMATS[kind] if name.lower().endswith(f.suffixes)
    )
    return picture or PLAIN.get(suffix) or next(other, UNKNOWN)


PICTURES = "pictures"
FOLDERS = {"images": PICTURES, "masks": "masks", "masks_instances": "objects", "objects": "objects"}
"""Folder -> what its pictures are called in the papers."""


@dataclass(frozen=True)
class Group:
    """Files that are one thing, such as all masks. `includes` are patterns of their names where they are stored, and
    the group of `regex` the name by which a mask and its picture belong together."""

    name: str
    files: tuple[DataFile, ...]
    includes: list[str]
    regex: str

    @property
    def set(self) -> str:
        """What the set of its files is called."""
        return f"files-of-{self.name}"


def groups_of(data: DataFolder, files: Sequence[DataFile], pairs: Sequence[Seen]) -> list[Group]:
    """The pictures, masks and ids of objects among the files; label files are in no group."""
    if data.kind == "pictures":
        return _beside(data, files, pairs)
    found = []
    for folder, name in FOLDERS.items():
        inside = [f for f in files if f.name.startswith(f"{folder}/")]
        own = tuple(f for f in inside if PurePosixPath(f.name).suffix.lower() in IMAGE_SUFFIXES)
        if own:
            tops = sorted({f.stored.removesuffix(f.name) for f in own})
            suffixes = sorted({PurePosixPath(f.name).suffix for f in own})
            includes = [f"{glob.escape(top)}{folder}/*{suffix}" for top in tops for suffix in suffixes]
            found.append(Group(name, own, includes, rf"(?:.*/)?{folder}/(.*)\.[^.]*$"))
    return found


def _beside(data: DataFolder, files: Sequence[DataFile], pairs: Sequence[Seen]) -> list[Group]:
    """Of pictures with masks beside them, which no pattern tells apart: by their names."""
    masks = {p.mask.relative_to(data.path).as_posix() for p in pairs if _inside(p.mask, data.path)}
    endings = "|".join(MASK_ENDINGS)
    found = []
    for name, wanted in ((PICTURES, {p.name for p in pairs}), ("masks", masks)):
        own = tuple(
            f for f in files if f.name in wanted and PurePosixPath(f.name).suffix.lower() in IMAGE_SUFFIXES
        )
        if own:
            regex = rf"(?:.*/)?([^/]*?)(?:{endings})?\.[^.]*$"
            found.append(Group(name, own, [glob.escape(f.name) for f in own], regex))
    return found


def _inside(path: Path | None, folder: Path) -> TypeGuard[Path]:
    return path is not None and path.is_relative_to(folder)
