"""Files as such: written whole or not at all, and listed from what a person types."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cuecast.core.errors import CuecastError, InputError, OutputError
from cuecast.io.kinds import IMAGE_SUFFIXES, MASK_ENDINGS

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of errors that say that a disk, or a share of it, is full."""
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write `path` through the temporary Path that is yielded: all of it or nothing.

    The temporary file lies in the same folder (made if missing), exists and is empty. When the block ends it
    is flushed to disk and renamed to `path`; when the block fails it is removed and `path` stays as it was.
    An OSError in the block becomes an OutputError that says what to do.
    """
    path = Path(path)
    # Not named after the target, whose name may already be as long as the file system allows.
    temporary = path.parent / f".cuecast-{secrets.token_hex(8)}{path.suffix if len(path.suffix) < 16 else ''}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield temporary
        with open(temporary, "rb+") as f:
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {_reason(error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_space(folder: Path, size: int, remedy: str) -> None:
    """Raise OutputError where `size` bytes are more than what is free where `folder` is, or will be made."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise OutputError(
            f"{os.fspath(folder)}: {size / 1e6:,.1f} MB are needed there and {free / 1e6:,.1f} MB are free; "
            f"free some, or {remedy}"
        )


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, read piece by piece. Raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


EDITED = "edited"
"""Folder in that of the results for what was changed by hand since."""


MANIFEST = "manifest.jsonl"
"""The state of a folder of results, in its top."""
RESULT_PICTURES = ("masks", "overlays", "uncertainty", EDITED)
"""Folders beside a manifest whose pictures are results."""
RESULT_RASTERS = ("mask.tif", "scores.tif")
"""Pictures beside a manifest that are results of a map."""


def keep_edited(path: Path, former_hash: str | None, out: Path) -> None:
    """Move a result that was changed by hand since into `out`/edited, beside what is there of it already.

    former_hash  SHA-256 that the manifest states of it; None where it states none, and nothing is moved.

    Raises OutputError.
    """
    if former_hash is None or not path.is_file() or file_digest(path) == former_hash:
        return
    target, number = out / EDITED / path.name, 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.stem}-{number}{path.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise OutputError(f"{target}: cannot be written: {_reason(error)}") from error
        with replacing(target) as temporary:  # a link to another disk
            shutil.copyfile(path, temporary)
        path.unlink()


def edited_in(out: Path) -> frozenset[Path]:
    """What lies in `out`/edited."""
    return frozenset((out / EDITED).glob("*"))


def note_of_edited(moved: Iterable[Path]) -> str | None:
    """What to say where these were moved there by `keep_edited`; None where there are none."""
    paths = sorted(moved)
    if not paths:
        return None
    names = ", ".join(path.name for path in paths)
    return f"what was changed by hand since the last run was moved to {paths[0].parent}: {names}"


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write a whole file or nothing; returns its path. Raises OutputError."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write a whole UTF-8 file or nothing; returns its path. Raises OutputError.

    Line ends stay as given; file names that are not valid Unicode keep their bytes.
    """
    return write_bytes(path, text.encode("utf-8", errors="surrogateescape"))


def read_text(path: str | Path, error: type[CuecastError]) -> str:
    """A whole UTF-8 file (a byte order mark is dropped). Raises `error` with file, reason and remedy."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise error(f"{path}: is not UTF-8 text (byte {e.start}); save it as UTF-8") from e
    except OSError as e:
        raise error(f"{path}: cannot be read ({e.strerror}); check its name and permissions") from e


def read_json(path: str | Path, error: type[CuecastError]) -> dict[str, Any]:
    """The object that a JSON file holds. Raises `error` with file, reason and remedy."""
    try:
        found = json.loads(read_text(path, error))
    except (ValueError, RecursionError) as e:
        raise error(f"{path}: is not valid JSON ({e}); export it again") from e
    if not isinstance(found, dict):
        raise error(f"{path}: holds a {type(found).__name__}, expected a JSON object; export it again")
    return found


def list_images(inputs: Iterable[str | Path], recursive: bool = False) -> list[Path]:
    """The image files meant by what was typed, in that order, duplicates dropped.

    file        is taken whatever its suffix. One with a known suffix that is not there is taken, too: it fails when
                it is read, is named, and the others are done.
    folder      its files with a known suffix, sorted, hidden ones left out; subfolders only when `recursive`.
                `x_mask.*` and `x_cp_masks.*` beside an image `x.*` are its masks, and left out.
    pattern     `*`, `?`, `[...]` and `**`, not expanded by the shell: files with a known suffix, sorted.
    @list.txt   a file with one path, folder or pattern a line, relative to the current folder.
    -           the same from standard input.

    Where subfolders are looked into, pictures that are results of cuecast are left out: masks and the like beside a
    manifest. A folder of them that is named itself is taken.

    What exists under exactly the typed name wins over every other reading. Raises InputError where an input
    matches nothing.
    """
    found: dict[str, Path] = {}
    for item in inputs:
        try:
            for path in _expand(str(item), recursive):
                found.setdefault(os.path.abspath(path), path)
        except RecursionError:
            raise InputError(f"{item}: the file list names itself; take that line out") from None
    return list(found.values())


def _is_result(path: Path) -> bool:
    """Whether a picture is a result: it lies beside a manifest, in a folder for such or under such a name."""
    folder = path.parent
    if folder.name in RESULT_PICTURES:
        return (folder.parent / MANIFEST).is_file()
    return path.name in RESULT_RASTERS and (folder / MANIFEST).is_file()


def _expand(item: str, recursive: bool) -> list[Path]:
    path = Path(item)
    if item == "-":
        return _lines("standard input", sys.stdin.read(), recursive)
    if _is(path, "file"):
        return [path]
    if _is(path, "dir"):
        return _folder(path, recursive)
    if item.startswith("@"):
        return _list_file(Path(item[1:]), recursive)
    if glob.has_magic(item):
        matches = sorted(Path(m) for m in glob.glob(item, recursive=True))
        images = [m for m in matches if m.suffix.lower() in IMAGE_SUFFIXES and m.is_file()]
        if "**" in item and not set(path.parts) & set(RESULT_PICTURES):
            images = [m for m in images if not _is_result(m)]
        if not images:
            raise InputError(
                f"{item}: the pattern matches no image; check the folder, or name the files one by one"
            )
        return images
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return [path]
    raise InputError(f"{item!r}: there is no such file or folder; check the spelling")


def _is(path: Path, kind: str) -> bool:
    """`Path.is_file` or `is_dir` that tells 'not allowed to look' from 'not there'."""
    try:
        return path.is_dir() if kind == "dir" else path.is_file()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be looked up ({error.strerror}); give yourself permission or check the name"
        ) from error


def _folder(folder: Path, recursive: bool) -> list[Path]:
    paths = _files(folder, recursive)
    images = [p for p in paths if p.suffix.lower() in IMAGE_SUFFIXES]
    plain = {p.with_suffix("") for p in images}

    def is_mask(p: Path) -> bool:
        return any(p.stem.endswith(e) and p.parent / p.stem[: -len(e)] in plain for e in MASK_ENDINGS)

    images = [p for p in images if not is_mask(p)]
    if recursive:
        images = [p for p in images if p.parent == folder or not _is_result(p)]
    if not images:
        hint = "" if recursive else ", or look into its subfolders too with a pattern such as FOLDER/**/*.png"
        others = _others(paths)
        there = f" ({others} lie there)" if others else ""
        raise InputError(
            f"{folder}: the folder holds no image with a known suffix{there}; name the files one by one{hint}"
        )
    return images


def _files(folder: Path, recursive: bool) -> list[Path]:
    """The files of a folder, sorted, hidden ones left out. Raises InputError."""
    try:
        os.listdir(folder)  # glob is silent about a folder that may not be read
        paths = sorted(folder.rglob("*") if recursive else folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: the folder cannot be read ({error.strerror}); give yourself permission"
        ) from error
    return [p for p in paths if not p.name.startswith(".") and p.is_file()]


def note_of_others(inputs: Iterable[str | Path], recursive: bool = False) -> str | None:
    """What to say of the files that `list_images` passes over in the folders among `inputs`; None where there are none.

    Results of cuecast are not counted. Raises InputError.
    """
    folders = [Path(item) for item in inputs if _is(Path(item), "dir")]
    passed = [
        path for folder in folders for path in _files(folder, recursive) if not _is_of_run(path, folder)
    ]
    others = _others(passed)
    if others is None:
        return None
    return f"{', '.join(map(str, folders))}: passed over as no pictures by their suffix: {others}"


def _is_of_run(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder of results, at any depth, that is `folder` or below it."""
    inside = path.relative_to(folder).parents
    return any((folder / parent / MANIFEST).is_file() for parent in inside)


def _others(paths: Iterable[Path]) -> str | None:
    """'3 files (2 .txt, 1 .xcf)', of those that are no pictures by their suffix; None where there are none."""
    counts = Counter(
        p.suffix.lower() or "without suffix" for p in paths if p.suffix.lower() not in IMAGE_SUFFIXES
    )
    if not counts:
        return None
    kinds = [f"{n} {suffix}" for suffix, n in counts.most_common(8)]
    more = counts.total() - sum(n for _, n in counts.most_common(8))
    listed = ", ".join([*kinds, *([f"{more} more"] if more else [])])
    return f"{counts.total()} file{'s' if counts.total() > 1 else ''} ({listed})"


def _list_file(path: Path, recursive: bool) -> list[Path]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(
            f"{path}: the file list cannot be read ({error.strerror}); check name and permission"
        ) from error
    return _lines(str(path), text, recursive)


def _lines(where: str, text: str, recursive: bool) -> list[Path]:
    names: Sequence[str] = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if not names:
        raise InputError(f"{where}: the file list is empty; put one path on each line")
    return [p for name in names for p in _expand(name, recursive)]


def _reason(error: OSError) -> str:
    """Reason and remedy of a failed write, in words."""
    if error.errno in NO_SPACE:
        return "no space is left on the disk (or a quota is reached); free some or choose another folder"
    if error.errno in _NO_PERMISSION:
        return "no permission to write there; choose another folder or change its permissions"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long for this file system; choose a shorter one"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "a part of its path is a file, not a folder; choose another folder"
    if error.errno == errno.EISDIR:
        return "a folder of that name is in the way; remove it or choose another name"
    return f"{error.strerror or error}; choose another folder or check the disk"
