"""Files as such: written whole or not at all, by one writer at a time, and rows of tables in them.

Texts that a spreadsheet would take for formulas are quoted in tables, as OWASP advises: one that begins with = + - @,
a tab or a line end gets an apostrophe before it, and `read_cell` takes it away again. So that every text reads back
equal, one that begins with apostrophes before such a sign gets another one. Texts with a separator of any spreadsheet
(, ; tab) stand in double quotes, lest the rest of one begins a cell. Numbers stay as they are, -3 too.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

from cuecast.core.errors import CuecastError, OutputError
from cuecast.core.notes import give_note
from cuecast.io.stores import is_stored, url_of

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of errors that say that a disk, or a share of it, is full."""
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


def make_folder(folder: Path, error: type[CuecastError] = OutputError) -> Path:
    """The folder, made where it is missing. Raises `error`, also for one in a store."""
    if is_stored(folder):
        raise error(
            "only `cuecast segment` writes into a store",
            url_of(folder),
            "write to a local folder and copy it there",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise error(
            f"the folder cannot be made ({failed.strerror})", folder, "choose a place you may write to"
        ) from failed
    return folder


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
        raise OutputError(f"cannot be written: {_reason(error)}", path) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


FORMER = ".former-"
"""What the name of a folder begins with while a new one takes its place."""


def put_folder(finished: Path, target: Path) -> None:
    """Rename a finished folder, beside `target`, to it; what is there goes, and stays where that fails.

    Killed in the middle, it leaves the former folder under another name: see `restore_former`. Raises OutputError.
    """
    former = target.with_name(f"{FORMER}{target.name}")
    try:
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
            os.replace(target, former)
        try:
            os.replace(finished, target)
        except OSError:
            if former.exists():
                os.replace(former, target)
            raise
    except OSError as error:
        raise OutputError(f"cannot be written: {_reason(error)}", target) from error
    _discard(former)


def remove_folder(folder: Path) -> None:
    """Take a folder away, at once for who looks for it by its name; of a link, the link. Raises OutputError."""
    gone = folder.with_name(f".cuecast-{secrets.token_hex(8)}")
    try:
        os.replace(folder, gone)
    except OSError as error:
        raise OutputError(f"cannot be removed: {_reason(error)}", folder) from error
    _discard(gone)


def restore_former(root: Path) -> None:
    """Put back what `put_folder` had taken away in `root` when it was killed, where no new folder has come since."""
    for former in root.glob(f"{FORMER}*"):
        target = former.with_name(former.name.removeprefix(FORMER))
        if target.exists():
            _discard(former)
        else:
            os.replace(former, target)


def _discard(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def check_space(folder: Path, size: int, remedy: str) -> None:
    """Raise OutputError where `size` bytes are more than what is free where `folder` is, or will be made."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise OutputError(
            f"{size / 1e6:,.1f} MB are needed there and {free / 1e6:,.1f} MB are free",
            os.fspath(folder),
            f"free some, or {remedy}",
        )


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, read piece by piece. Raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


EDITED = "edited"
"""Folder in that of the results for what was changed by hand since."""


MANIFEST = "manifest.jsonl"
"""The state of a folder of results, in its top."""
SHARDS = "shards"
"""Folder of the state of a job that is done in shards, beside its results, until they are gathered."""
PLAN = "plan.json"
"""What all shards of a job agree on, in that folder."""
RESULT_PICTURES = ("masks", "overlays", "uncertainty", "objects", EDITED)
"""Folders beside a manifest whose pictures are results."""
RESULT_RASTERS = ("mask.tif", "scores.tif")
"""Pictures beside a manifest that are results of a map."""


def holds_results(folder: Path) -> bool:
    """Whether a folder is one of results: a run has begun there, or shards of one."""
    return (folder / MANIFEST).is_file() or (folder / SHARDS / PLAN).is_file()


def keep_edited(path: Path, former_hash: str | None, out: Path) -> Path | None:
    """Move a result that was changed by hand since into `out`/edited, beside what is there of it already.

    former_hash  SHA-256 that the manifest states of it; None where it states none, and nothing is moved.

    Returns where it lies now; None where nothing was moved. Raises OutputError.
    """
    if former_hash is None or not path.is_file() or file_digest(path) == former_hash:
        return None
    target, number = out / EDITED / path.name, 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.stem}-{number}{path.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise OutputError(f"cannot be written: {_reason(error)}", target) from error
        with replacing(target) as temporary:  # a link to another disk
            shutil.copyfile(path, temporary)
        path.unlink()
    return target


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
        raise error(f"is not UTF-8 text (byte {e.start})", path, "save it as UTF-8") from e
    except OSError as e:
        raise error(f"cannot be read ({e.strerror})", path, "check its name and permissions") from e


def read_json(path: str | Path, error: type[CuecastError]) -> dict[str, Any]:
    """The object that a JSON file holds. Raises `error` with file, reason and remedy."""
    return parse_json(read_text(path, error), path, error)


def parse_json(text: str | bytes, where: object, error: type[CuecastError]) -> dict[str, Any]:
    """The object that a JSON text holds, which is that of the file `where`. Raises as `read_json`."""
    found = _parsed(text, where, error)
    if not isinstance(found, dict):
        raise _no_object(found, where, error)
    return found


def load_json(path: str | Path, error: type[CuecastError]) -> Any:
    """The object or list that a JSON file holds. Raises as `read_json`."""
    found = _parsed(read_text(path, error), path, error)
    if not isinstance(found, dict | list):
        raise _no_object(found, path, error)
    return found


def _no_object(found: Any, where: object, error: type[CuecastError]) -> CuecastError:
    return error(f"holds a {type(found).__name__}, expected a JSON object", where, "export it again")


def _parsed(text: str | bytes, where: object, error: type[CuecastError]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as e:
        raise error(f"is not valid JSON ({e})", where, "export it again") from e


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: entities, which can grow without bound or name other files, are declared in one."""

    def doctype(self, *declared: object) -> None:
        raise ValueError(f"a document type is declared ({declared[0]}), and none is expected")


def load_xml(path: str | Path, error: type[CuecastError]) -> ElementTree.Element:
    """The root of an XML file without a document type. Raises `error` with file, reason and remedy."""
    try:
        return ElementTree.parse(path, ElementTree.XMLParser(target=_NoDoctype())).getroot()
    except OSError as e:
        raise error(f"cannot be read ({e.strerror})", path, "check its name and permissions") from e
    except (ElementTree.ParseError, ValueError, LookupError) as e:
        raise error(f"is not XML that can be read ({e})", path, "export it again") from e


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


try:
    import fcntl
except ImportError:  # Windows: folders cannot be locked there, and nothing is
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive(folder: Path, wait: bool = False, shared: bool = False) -> Iterator[None]:
    """Hold `folder` for this process (and this call: locks are not shared between two of them).

    wait    True waits until it is free; False raises OutputError where another run holds it.
    shared  with others that hold it in the same way, and with none that holds it alone.

    File systems that know no locks (some network shares) grant it always.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                "another run is writing there", folder, "wait until it is done, or choose another folder"
            ) from error
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Hold a file, made where it is missing, against all processes; whether it could be had.

    The system frees it when the process ends, however it ends. It is a file, opened to be written, because network
    file systems (NFS, SMB) know locks between machines for nothing else. Where there are none at all it is granted,
    and a note says so. Raises OutputError where the file cannot be made.
    """
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"cannot be written: {_reason(error)}", file) from error
    try:
        yield _locked(handle, file)
    finally:
        os.close(handle)


def _locked(handle: int, file: Path) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.EACCES:  # some network file systems say 'held' so
            return False
        give_note(
            f"{file}: this file system knows no locks ({error.strerror}): see to it that nothing runs twice at once"
        )
    return True


T = TypeVar("T")


class Tried:
    """Calls writers, and keeps the errors of those that failed."""

    def __init__(self) -> None:
        self.failed: list[OutputError] = []

    def __call__(self, write: Callable[[], T]) -> T | None:
        """What a writer returns; None where it could not write."""
        try:
            return write()
        except OutputError as error:
            self.failed.append(error)
            return None


@contextmanager
def all_tried() -> Iterator[Tried]:
    """A `Tried` whose errors are raised as one OutputError when the block ends."""
    tried = Tried()
    yield tried
    if tried.failed:
        said = "; ".join(str(error) for error in tried.failed)
        raise OutputError(f"{said} (all else is written)") from tried.failed[0]


_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What spreadsheets take for the beginning of a formula, the full-width forms of = + - @ among it."""
_QUOTED = re.compile(r"[\",;\t\r\n]")


def write_row(cells: Iterable[object]) -> str:
    """One line of a file, with its end. None is an empty cell; numbers have all their digits."""
    return ",".join(map(_written, cells)) + "\n"


def copy_row(cells: Iterable[str]) -> str:
    """One line of cells as a CSV reader gives them of a file that `write_row` wrote: quoted as they were there."""
    return ",".join(map(_quoted, cells)) + "\n"


def read_cell(cell: str) -> str:
    """The text that `write_row` was given, from a cell as a CSV reader gives it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _written(cell: object) -> str:
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    return _quoted(f"'{cell}" if _FORMULA.match(cell) else cell)


def _quoted(text: str) -> str:
    """A cell in double quotes where it has to be: where an apostrophe keeps it from being a formula, too."""
    kept = text.startswith("'") and _FORMULA.match(text)
    if not kept and not _QUOTED.search(text):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
