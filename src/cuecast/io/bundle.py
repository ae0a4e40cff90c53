"""A folder, or a .zip of it, read alike and without trust in what it holds: cue sets and packs.

Names are relative, with '/', and never lead out. Archives are bounded in members, bytes and compression, and
are never unpacked as a whole.
"""

from __future__ import annotations

import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cuecast.core.errors import CuecastError, CueSetError, cause
from cuecast.io.files import replacing

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 1 << 30
MAX_TOTAL_BYTES = 8 << 30
MAX_MARKER_BYTES = 64 << 20
"""Of the file at the top, which is read as a whole: as text it takes several times its bytes."""
MAX_RATIO = 200
"""A member that unpacks to more than 1 MiB may be at most this much larger than its packed bytes."""

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class BundleKind:
    """What bundles of a kind are called, and what they may hold.

    noun          in messages.
    marker        the file at the top of each.
    error         what is raised.
    missing       what to do where there is none, with the path for {path}.
    too_long      what to do where the marker is longer than may be.
    total_bytes   that an archive may unpack to; None: MAX_TOTAL_BYTES.
    """

    noun: str
    marker: str
    error: type[CuecastError]
    missing: str
    too_long: str
    total_bytes: int | None = None


CUESET = BundleKind(
    "cue set",
    "cues.json",
    CueSetError,
    "make one with 'cuecast cues new {path}'",
    "make several cue sets of it, or masks of its polygons",
)


@dataclass(frozen=True)
class Bundle:
    """A readable folder or archive. `members` maps each file's name to its place; see `open_bundle`."""

    path: Path
    members: Mapping[str, Path | zipfile.ZipInfo]
    is_zip: bool
    kind: BundleKind = CUESET

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises the kind's error."""
        member = self.members.get(name)
        try:
            if isinstance(member, Path):
                return member.read_bytes()
            if member is not None:
                return _read_member(self.path, member)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            what = f"{name} cannot be read ({cause(error)})"
            raise self.kind.error(what, self.path, "get an intact copy") from error
        remedy = f"put it back, or take it out of {self.kind.marker}"
        raise self.kind.error(f"{name} is not there", self.path, remedy)

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A path at which the file can be read while the context is open. Raises the kind's error."""
        member = self.members.get(name)
        if isinstance(member, Path):
            yield member
            return
        data = self.read(name)
        with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
            copy = Path(folder) / PurePosixPath(name).name
            copy.write_bytes(data)
            yield copy


def open_bundle(path: Path, kind: BundleKind) -> Bundle:
    """The folder, or the .zip of a folder, that may hold the file `kind.marker` at its top.

    In an archive the top may also be its only folder. Raises the kind's error where nothing is there, or the archive
    breaks a limit.
    """
    if path.is_dir():
        return Bundle(path, _folder_members(path), False, kind)
    if not path.exists():
        raise kind.error(f"there is no such {kind.noun}", path, kind.missing.format(path=path))
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        what = f"neither a folder nor a readable .zip ({cause(error)})"
        raise kind.error(what, path, "get an intact copy") from error
    _check_limits(path, infos, kind)
    return Bundle(path, _zip_members(path, infos, kind), True, kind)


def write_zip(path: Path, files: Iterator[tuple[str, bytes]]) -> Path:
    """Write (name, bytes) pairs as a .zip, atomically; the same pairs give the same bytes."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, _FIRST_DATE)
            info.external_attr = 0o644 << 16
            # images are packed already; only text gains from deflating
            packed = name.endswith((".json", ".txt"))
            archive.writestr(info, data, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    return path


def unsafe(name: object, noun: str = CUESET.noun) -> str | None:
    """Why a name must not be used as a path inside a bundle, which is called `noun`; None where it may."""
    if not isinstance(name, str) or not name:
        return "a name must be a text that is not empty"
    if "\\" in name or any(ord(c) < 32 for c in name):
        return "names use '/' between folders and hold no control characters"
    if name.startswith("/") or name[1:2] == ":":
        return f"names are relative to the {noun}, not absolute"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return f"names must not lead out of the {noun}"
    return None


def _folder_members(root: Path) -> dict[str, Path | zipfile.ZipInfo]:
    """Files under `root`, leaving out hidden ones and links that lead out of it."""
    top = root.resolve()
    found: dict[str, Path | zipfile.ZipInfo] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        hidden = any(part.startswith(".") for part in name.parts)
        if not hidden and path.is_file() and path.resolve().is_relative_to(top):
            found[name.as_posix()] = path
    return found


def _zip_members(
    path: Path, infos: list[zipfile.ZipInfo], kind: BundleKind
) -> dict[str, Path | zipfile.ZipInfo]:
    files = {i.filename: i for i in infos if not i.is_dir() and not i.filename.startswith("__MACOSX/")}
    tops = {name.split("/")[0] for name in files}
    prefix = f"{next(iter(tops))}/" if len(tops) == 1 and kind.marker not in files else ""
    for name, info in files.items():
        if reason := unsafe(name, kind.noun):
            raise kind.error(f"refused, it holds the name {name!r}: {reason}", path, "do not use this file")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise kind.error(f"refused, {name} is a link", path, "pack the files themselves")
    return {name.removeprefix(prefix): info for name, info in files.items()}


def _check_limits(path: Path, infos: list[zipfile.ZipInfo], kind: BundleKind) -> None:
    def refuse(what: str, remedy: str) -> CuecastError:
        return kind.error(f"refused, {what}", path, remedy)

    if len(infos) > MAX_MEMBERS:
        raise refuse(f"it holds {len(infos)} files and {MAX_MEMBERS} are allowed", "unpack it yourself")
    if len({i.filename for i in infos}) != len(infos):
        raise refuse("it holds two files of the same name", "pack it again")
    most = kind.total_bytes or MAX_TOTAL_BYTES
    if sum(i.file_size for i in infos) > most:
        raise refuse(f"it unpacks to more than {most / 2**30:g} GiB", "unpack it yourself")
    for info in infos:
        too_dense = info.file_size > 1 << 20 and info.file_size > MAX_RATIO * max(1, info.compress_size)
        if info.file_size > MAX_MEMBER_BYTES or too_dense:
            raise refuse(f"{info.filename} unpacks to {info.file_size} bytes", "do not use this file")
        if PurePosixPath(info.filename).name == kind.marker and info.file_size > MAX_MARKER_BYTES:
            what = f"{info.filename} has {info.file_size} bytes and {MAX_MARKER_BYTES} are allowed"
            raise refuse(what, kind.too_long)
        if info.flag_bits & 1:
            raise refuse(f"{info.filename} is encrypted", "pack it without a password")


def _read_member(path: Path, info: zipfile.ZipInfo) -> bytes:
    """The bytes of one member, never more than it states (the reader stops there and checks the CRC)."""
    with zipfile.ZipFile(path) as archive, archive.open(info) as stream:
        data = stream.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise zipfile.BadZipFile(f"it holds {len(data)} bytes, {info.file_size} are stated")
    return data
