"""A pack as a file that can be mailed, and back: checked before anything is written, put in its place at once.

What is taken in was written by others. It must hold its card, the files that the card lists, and nothing else; all that
is read of them is networks, arrays, tables and pictures, by readers that run no code.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.catalogue.place import (
    check_place,
    check_use,
    hidden,
    holding,
    home,
    refuse_while_needed,
    same_pack,
)
from cuecast.catalogue.signature import check_signature, read_signature, sign
from cuecast.core.errors import PackError
from cuecast.engine.card import CARD, SIGNATURE, check_card
from cuecast.engine.packs import Pack, find_base, installed
from cuecast.io.bundle import Bundle, BundleKind, open_bundle, write_zip
from cuecast.io.files import parse_json, put_folder, remove_folder, write_bytes

PACK = BundleKind(
    "pack",
    CARD,
    PackError,
    "give a file that 'cuecast packs export' has written",
    "do not use this file",
    total_bytes=1 << 30,
)


def write_archive(pack: Pack, path: Path, key: Path | None = None) -> Path:
    """Write a pack as a .zip, atomically; the same pack gives the same bytes. Only what its card lists goes in.

    key  a private key (PEM, Ed25519) that signs its digest; without it, a signature that it has goes with it.

    Raises PackError where it is not sound, OutputError.
    """
    where = f"pack {pack.folder}"
    check_card(pack.card, where)
    pack.verify()
    check_use(pack)
    signature = sign(pack.digest, key) if key else read_signature(pack.folder)

    def files() -> Iterator[tuple[str, bytes]]:
        yield CARD, (pack.folder / CARD).read_bytes()
        if signature is not None:
            yield SIGNATURE, signature.text.encode()
        for name in sorted(pack.own_files):
            yield name, (pack.folder / name).read_bytes()

    return write_zip(path, files())


@dataclass(frozen=True)
class Imported:
    """The pack as it lies there now. `already`: it did before; nothing was done, but for a signature that it lacked."""

    pack: Pack
    already: bool = False


def import_archive(
    path: Path, root: Path | None = None, signed_by: Path | None = None, *, replace: bool = False
) -> Imported:
    """Check a .zip that `write_archive` wrote, and put its pack into the folder `root` (None: `home()`).

    signed_by  a public key (PEM, Ed25519) that must have signed it.
    replace    whether it may take the place of another pack of its name.

    Raises PackError: the file is refused, its base is not there, or a pack of its name is; OutputError.
    """
    if path.is_dir():
        raise PackError("is a folder, and packs are imported from .zip files", path, "name it by --pack")
    bundle = open_bundle(path, PACK)
    card = _card(bundle)
    _check_members(bundle, card)
    root = home() if root is None else root
    pack = Pack(root / str(card["name"]), card)
    if (wanted := card.get("base")) is not None:
        find_base(wanted["name"], wanted["digest"], pack.folder)
    _check_signature(bundle, pack.digest, signed_by)
    with holding(root):
        if (there := same_pack(pack)) is not None:
            if SIGNATURE in bundle.members and read_signature(there.folder) is None and not there.builtin:
                write_bytes(there.folder / SIGNATURE, bundle.read(SIGNATURE))
            return Imported(there, already=True)
        check_place(pack, replace)
        _put(bundle, pack)
    return Imported(pack)


def install_pack(pack: Pack, root: Path | None = None, *, replace: bool = False) -> Imported:
    """Put a pack that lies elsewhere among those that are found by name, with all checks of one that is taken in.

    Raises as `import_archive`.
    """
    with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
        archive = write_archive(pack, Path(folder) / f"{pack.name}.zip")
        return import_archive(archive, root, replace=replace)


def remove_pack(name: str) -> Pack:
    """Take a pack away, and say which it was. Raises PackError where it came with the package, others stand on it, or
    there is none; OutputError."""
    found = next((p for p in installed() if p.folder.name == name), None)
    if found is None:
        known = ", ".join(p.folder.name for p in installed() if not p.builtin) or "none"
        raise PackError(f"no pack {name!r} is installed", remedy=f"packs that can be removed: {known}")
    if found.builtin:
        raise PackError("it comes with the package and cannot be removed", f"pack {name}")
    refuse_while_needed(found, "remove those first")
    with holding(found.folder.parent):
        remove_folder(found.folder)
    return found


def _card(bundle: Bundle) -> dict[str, Any]:
    if CARD not in bundle.members:
        raise PackError(
            f"no {CARD} in it", bundle.path, "give a file that 'cuecast packs export' has written"
        )
    card = parse_json(bundle.read(CARD), f"{bundle.path}: {CARD}", PackError)
    check_card(card, bundle.path)
    return card


def _check_members(bundle: Bundle, card: Mapping[str, Any]) -> None:
    """The archive holds what the card lists, with its checksums, and nothing else. Raises PackError."""
    listed = card["files"].keys() | {CARD}
    others = sorted(bundle.members.keys() - listed - {SIGNATURE})
    if others:
        what = f"refused, it holds {others[0]}, which its card does not list"
        raise PackError(what, bundle.path, "do not use this file")
    if missing := sorted(listed - bundle.members.keys()):
        raise PackError(f"{missing[0]} is on its card and not in it", bundle.path, "get an intact copy")
    for name, digest in card["files"].items():
        if hashlib.sha256(bundle.read(name)).hexdigest() != digest:
            what = f"{name} is corrupt, its checksum is not the card's"
            raise PackError(what, bundle.path, "get an intact copy")


def _check_signature(bundle: Bundle, digest: str, signed_by: Path | None) -> None:
    text = bundle.read(SIGNATURE) if SIGNATURE in bundle.members else None
    check_signature(text, digest, bundle.path, signed_by)


def _put(bundle: Bundle, pack: Pack) -> None:
    """Write all files into a folder that nobody sees, look at what they say, and rename it. Raises PackError,
    OutputError."""
    new = hidden(pack.folder.parent)
    try:
        for name in bundle.members:
            write_bytes(new / name, bundle.read(name))
        check_use(Pack(new, pack.card))
        put_folder(new, pack.folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
