"""Folders of pictures with masks, told apart by what lies in them, and what is said of them.

    cue set        cues.json, images/, masks/; also as .zip
    results        manifest.jsonl, masks/ ...: what `cuecast segment` and its sisters wrote
    training set   images/ and masks/ (or labels/, annotations/), as recipes and `cuecast refine` read them
    pictures       any other folder with pictures, and masks beside them or in masks/

What is said of any of them stands in card.json in its top: `CARD_FIELDS` are the fields that are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cuecast.core.errors import InputError
from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import INDEX
from cuecast.datasets.licences import read_licence
from cuecast.engine.card import CARD, NOT_STATED
from cuecast.io.bundle import CUESET, Bundle, BundleKind, open_bundle
from cuecast.io.files import MANIFEST, parse_json

Kind = Literal["cue set", "training set", "results", "pictures"]
LICENCE_FILES = ("LICENSE", "LICENCE", "LICENSE.txt", "LICENCE.txt", "LICENSE.md", "LICENCE.md", "COPYING")
HEAD = 1500
"""Letters of a licence file in which its name is looked for."""
CROISSANT = "croissant.json"

CARD_FIELDS: Mapping[str, str] = {
    "name": "of the data; left out, that of its folder",
    "summary": "in a line, what it shows; `domain` does as well",
    "licence": "an SPDX expression, or words that name licences; `license` does as well",
    "source": "where it comes from: an address, or owner/name of a repository on GitHub",
    "upstream": "where that has it from",
    "commit": "of the source",
    "url": "the page of the data",
    "creator": "who made it: a name, or a list of names; `organisation` does as well",
    "date": "when it was published: year-month-day",
    "version": "MAJOR.MINOR.PATCH; left out, 1.0.0, or that of the cue set",
    "citation": "how it is cited, as BibTeX",
    "classes": "number of a class -> its name",
    "count": "how many pictures there are",
    "use": "what it is meant for",
    "ship": "false: weights trained on it may not be given to others; `may_ship` does as well",
    "note": "what else a user should know; `limits`, a list, does as well",
    "keywords": "a list; `scenario` and `sector` are taken, too",
    "rai": "fields of Croissant's vocabulary for responsible use, such as `dataBiases`",
}
"""Fields of card.json that are read: name -> what it says. Others may stand there."""

FOLDER = BundleKind(
    "folder of data",
    CARD,
    InputError,
    "give a cue set, a folder of pictures with masks, or results",
    "shorten its card.json",
)


@dataclass(frozen=True, eq=False)
class DataFolder:
    """A folder of data that has been opened: its `kind`, the files in it, and what its card says."""

    path: Path
    kind: Kind
    bundle: Bundle
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the card calls it, else the name of its folder or archive."""
        place = self.path.resolve()
        return str(self.card.get("name") or (place.stem if self.bundle.is_zip else place.name) or "data")

    @cached_property
    def licence(self) -> tuple[str, str | None]:
        """An SPDX expression, and the words in which it was said where they say more; else None.

        Of card.json, else of a croissant.json, else of a licence file beside it; else NOASSERTION.
        """
        for field in ("licence", "license"):
            if self.card.get(field):
                return read_licence(self.card[field])
        if CROISSANT in self.bundle.members:
            found = read_licence(_json(self.bundle, CROISSANT).get("license"))
            if found[0] != NOT_STATED:
                return found
        for name in LICENCE_FILES:
            if name in self.bundle.members:
                text = self.bundle.read(name)[: 4 * HEAD].decode("utf-8", errors="replace")[:HEAD]
                return read_licence(" ".join(text.split()))[0], f"in the file {name}"
        return NOT_STATED, None

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes that the card names by number; none where it does not."""
        named = self.card.get("classes")
        if not isinstance(named, Mapping):
            return ()
        try:
            return tuple(ClassInfo(int(number), str(name)) for number, name in named.items())
        except ValueError as error:
            raise InputError(
                f"{CARD}: classes: {error}", self.path, 'write {"1": "cell", "2": "nucleus"}'
            ) from error


def open_data(path: str | Path) -> DataFolder:
    """Open a folder of data, or a cue set as .zip. Raises InputError, CueSetError."""
    path = Path(path)
    if not path.exists():
        raise InputError("there is no such folder", path, FOLDER.missing)
    if path.is_file():
        bundle = open_bundle(path, CUESET)
        if INDEX not in bundle.members:
            raise InputError(
                f"there is no {INDEX} in it, and of archives only cue sets are read", path, "unpack it"
            )
    else:
        bundle = open_bundle(path, FOLDER)
    return DataFolder(path, _kind(bundle), bundle, _json(bundle, CARD) if CARD in bundle.members else {})


def _kind(bundle: Bundle) -> Kind:
    if INDEX in bundle.members:
        return "cue set"
    if MANIFEST in bundle.members:
        return "results"
    inside = any(name.startswith("images/") for name in bundle.members)
    return "training set" if inside else "pictures"


def _json(bundle: Bundle, name: str) -> dict[str, Any]:
    return parse_json(bundle.read(name), bundle.path / name, InputError)
