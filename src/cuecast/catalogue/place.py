"""Where packs are put, and what is asked of one that goes there."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from cuecast.core.errors import OutputError, PackError
from cuecast.cuesets.cueset import read_cueset
from cuecast.engine.card import CARD
from cuecast.engine.mark_weights import Kind
from cuecast.engine.packs import Pack, dependents, installed, packs_in, search_path
from cuecast.io.files import exclusive

_HIDDEN = ".cuecast-"
"""What the names of folders begin with that are being written: no pack is looked for there."""


def home() -> Path:
    """Where packs are put: the first folder of the search path."""
    return search_path()[0]


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
    return list(installed() if on_path else packs_in(root))


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
    pack.verify()
    _ = pack.thresholds, pack.area_prior, *(pack.taught(kind) for kind in get_args(Kind))
    for folder in pack.concepts.values():
        read_cueset(folder)
