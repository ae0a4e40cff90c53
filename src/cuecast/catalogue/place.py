"""Where packs are put, and what is asked of one that goes there."""

from __future__ import annotations

import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np

from cuecast.core.errors import OutputError, PackError
from cuecast.cuesets.cueset import read_cueset
from cuecast.engine.card import CARD
from cuecast.engine.mark_weights import Kind
from cuecast.engine.packs import Pack, dependents, installed, packs_in, search_path
from cuecast.io.bundle import MAX_RATIO
from cuecast.io.files import exclusive, restore_former

_HIDDEN = ".cuecast-"
"""What the names of folders begin with that are being written: no pack is looked for there."""


def home() -> Path:
    """Where packs are put: the first folder of the search path."""
    return search_path()[0]


MAX_ARRAYS = 1 << 30
"""Bytes that the arrays in one file may unpack to."""


class PackTakenError(PackError):
    """A pack of that name is there, and stays."""


@contextmanager
def holding(root: Path) -> Iterator[None]:
    """One writer at a time in a folder of packs, which is made where it is missing. Raises OutputError."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", root, "name another folder") from error
    with exclusive(root, wait=True):
        restore_former(root)
        for left in root.glob(f"{_HIDDEN}*"):  # of one that was killed: nobody else is writing here
            shutil.rmtree(left, ignore_errors=True)
        yield


def hidden(root: Path) -> Path:
    """A folder in `root` that nobody takes for a pack, to write one in. It is not made."""
    return root / f"{_HIDDEN}{secrets.token_hex(8)}"


def neighbours(root: Path) -> list[Pack]:
    """The packs among which those in `root` are told apart by name: all that are installed where it is on the search
    path, else those in it."""
    on_path = root.resolve() in [folder.resolve() for folder in search_path()]
    return list(installed() if on_path else packs_in(root, quiet=True))


def same_pack(pack: Pack) -> Pack | None:
    """The very same pack, where it is there already."""
    others = neighbours(pack.folder.parent)
    return next((p for p in others if p.folder.name == pack.name and p.digest == pack.digest), None)


def check_place(pack: Pack, replace: bool) -> None:
    """Raise PackTakenError where another pack of that name must not go, or would hide this one."""
    where = f"pack {pack.name}"
    for other in neighbours(pack.folder.parent):
        if other.folder.name.casefold() != pack.name.casefold():
            continue
        if other.builtin:
            raise PackTakenError(
                "this name is that of a pack of the package", where, "give yours another name"
            )
        said = f"another pack of that name is in {other.folder} ({other.digest[:12]}; this is {pack.digest[:12]})"
        if other.folder.resolve() != pack.folder.resolve():
            raise PackTakenError(said, where, "remove that one first")
        if not replace:
            raise PackTakenError(said, where, "replace it with --replace, or remove it first")
        refuse_while_needed(other, "remove those first")
    if pack.folder.exists() and not (replace and (pack.folder / CARD).is_file()):
        raise PackTakenError(
            f"something of that name is in {pack.folder.parent}", where, "move it away first"
        )


def refuse_while_needed(pack: Pack, remedy: str) -> None:
    """Raise PackTakenError where other packs stand on it, and name them."""
    if above := dependents(pack):
        names = ", ".join(p.name for p in above)
        what = f"it cannot go: {names} {'stand' if above[1:] else 'stands'} on it"
        raise PackTakenError(what, f"pack {pack.name}", remedy)


def check_use(pack: Pack) -> None:
    """Its numbers and concepts can be read, its base is there. Raises PackError, CueSetError."""
    pack.verify(again=False)
    for name in pack.own_files:
        if name.endswith(".npz"):
            _check_arrays(pack.folder / name, name)
    _ = pack.thresholds, pack.area_prior, *(pack.taught(kind) for kind in get_args(Kind))
    for folder in pack.concepts.values():
        read_cueset(folder)


def _check_arrays(path: Path, name: str) -> None:
    """An .npz holds arrays of numbers, and no objects, which only code could make; nor more of them than may be. Their
    values are not read. Raises PackError."""
    try:
        with zipfile.ZipFile(path) as arrays:
            infos = arrays.infolist()
            large = sum(i.file_size for i in infos) > MAX_ARRAYS
            dense = any(i.file_size > 1 << 20 and i.file_size > MAX_RATIO * i.compress_size for i in infos)
            if large or dense:
                raise PackError("its arrays unpack to too much", name, "do not use this pack")
            for info in infos:
                with arrays.open(info) as stream:
                    if _header(stream).hasobject:
                        raise PackError(
                            f"{info.filename} holds objects, not numbers", name, "do not use this pack"
                        )
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise PackError(
            f"it holds no arrays that can be read ({error})", name, "get an intact copy"
        ) from error


def _header(stream: IO[bytes]) -> np.dtype[Any]:
    """What the numbers of an array in a file are. Raises ValueError."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    kind: np.dtype[Any] = read(stream)[2]
    return kind
