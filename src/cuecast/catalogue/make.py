"""A pack from its parts: what its card says, files of its own, the pack it stands on, cue sets as concepts."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from cuecast.catalogue.place import check_place, check_use, hidden, holding, same_pack
from cuecast.core.errors import PackError
from cuecast.cuesets.cueset import read_cueset
from cuecast.engine.card import CARD, CARD_VERSION, CONCEPTS, FIELDS, check_card, concept_problem
from cuecast.engine.packs import Pack
from cuecast.io.files import put_folder, write_bytes

OWN = ("version", "name", "base", "segmenter", "files")
"""Fields that are made here."""


def make_pack(
    name: str,
    root: Path,
    base: Pack | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    concepts: Mapping[str, Path] | None = None,
    segmenter: str | None = None,
    replace: bool = False,
) -> Pack:
    """Write the pack `name` into the folder `root`, whole or not at all. The very same pack that is there stays.

    base       what it stands on; files and numbers of the engine that are the base's are left out.
    fields     of the card, all but those that are made here (`OWN`).
    files      name -> bytes of its own files.
    concepts   name -> cue set (folder or .zip).
    segmenter  the engine; None: the base's.
    replace    whether it may take the place of another pack of its name.

    Raises PackError where a field or name is wrong, or a pack of that name is there, CueSetError, OutputError.
    """
    held = dict(files or {})
    _check_names(name, concepts or ())
    for concept, path in (concepts or {}).items():
        held |= {f"{CONCEPTS}/{concept}/{n}": data for n, data in read_cueset(path).contents()}
    hashes = {n: hashlib.sha256(data).hexdigest() for n, data in sorted(held.items())}
    below = {n: f.sha256 for n, f in base.files.items()} if base else {}
    given = dict(fields or {})
    if base and concepts and not given.get("summary"):
        given["summary"] = f"Ready concepts on {base.name}: {', '.join(concepts)}."
    card = _card(name, base, given, segmenter)
    card["files"] = {n: sha for n, sha in hashes.items() if below.get(n) != sha}
    check_card(card, f"pack {name}")
    pack = Pack(root / name, card)
    with holding(root):
        if (there := same_pack(pack)) is not None:
            return there
        check_place(pack, replace)
        new = hidden(root)
        try:
            for n in card["files"]:
                write_bytes(new / n, held[n])
            write_bytes(new / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
            check_use(Pack(new, card))
            put_folder(new, pack.folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return pack


def check_new(
    name: str,
    root: Path,
    base: Pack | None,
    *,
    fields: Mapping[str, Any] | None = None,
    concepts: Collection[str] = (),
    segmenter: str | None = None,
    replace: bool = False,
) -> None:
    """Raise PackError where `make_pack` would refuse these names, fields or that place. To be asked before long work
    whose end is a pack."""
    _check_names(name, concepts)
    card = _card(name, base, dict(fields or {}), segmenter)
    card["files"] = {f"{CONCEPTS}/{concept}/cues.json": hashlib.sha256().hexdigest() for concept in concepts}
    check_card(card, f"pack {name}")
    check_place(Pack(root / name, card), replace)


def _check_names(name: str, concepts: Iterable[str]) -> None:
    for concept in concepts:
        if what := concept_problem(concept):
            raise PackError(what, f"pack {name}", "name it otherwise")


def _card(name: str, base: Pack | None, fields: dict[str, Any], segmenter: str | None) -> dict[str, Any]:
    """The card without its files, its fields in their order. Raises PackError."""
    if made := [n for n in OWN if n in fields]:
        raise PackError(f"{CARD}: {made[0]}: is made and not given", f"pack {name}", "leave it out")
    numbers = base.numbers if base else {}
    own = {n: value for n, value in fields.items() if n not in numbers or numbers[n] != value}
    own |= {"version": CARD_VERSION, "name": name}
    own["segmenter"] = segmenter or (base.card["segmenter"] if base else None)
    if base is not None:
        own["base"] = {"name": base.name, "digest": base.digest}
        own.setdefault("licence", base.card.get("licence"))
    return {n: own[n] for n in (*FIELDS, *own) if own.get(n) is not None}
