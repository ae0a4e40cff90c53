"""Packs: folders with model files and a card. One resolver: argument, environment, user cache, wheel.

A pack may stand on another, its base: it then holds the files that differ, and states the numbers that differ; all else
is the base's, which is found by its name and known by its digest. `cuecast.engine.card` has the fields of card.json.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from cuecast.core.errors import PackError, cause
from cuecast.core.notes import give_note
from cuecast.engine.calibration import Calibration, Taught, Thresholds
from cuecast.engine.card import CARD, CARD_VERSION, CONCEPTS, FIELDS, NOT_STATED, NUMBERS, concept_names
from cuecast.engine.decision import AreaPrior
from cuecast.engine.mark_weights import Kind
from cuecast.engine.segmenter import SEGMENTERS, WEIGHTS_PREFIX, PackFile, Segmenter, segmenter_class
from cuecast.io.bundle import unsafe
from cuecast.io.digests import remembered_digest
from cuecast.io.files import file_digest, read_json

WHEEL_PACKS = Path(__file__).parent.parent / "packs"
AGAIN = "install the pack again"
WEIGHTS_AGAIN = "put the weights there, or make the pack anew: cuecast packs make NAME --weights FOLDER"

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Pack:
    """A pack folder whose card has been read. See `open_pack`."""

    folder: Path
    card: dict[str, Any]

    @property
    def name(self) -> str:
        """As the card states it."""
        return str(self.card["name"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the card, which states the checksums of the files and the digest of the base: it changes when
        anything in the pack or below it does."""
        return hashlib.sha256(json.dumps(self.card, sort_keys=True).encode()).hexdigest()

    @property
    def own_files(self) -> dict[str, str]:
        """Name -> SHA-256 of each file that it holds itself."""
        return self.card.get("files") or {}

    @property
    def weight_files(self) -> dict[str, PackFile]:
        """Name -> place of each file of the weights outside of it that its own card names."""
        told = self.card.get("weights") or {}
        return {n: PackFile(Path(told["folder"]) / n, sha) for n, sha in told.get("files", {}).items()}

    @property
    def builtin(self) -> bool:
        """Whether it came with the package."""
        return self.folder.parent == WHEEL_PACKS

    @cached_property
    def base(self) -> Pack | None:
        """The pack that it stands on. Raises PackError where that is not there, or only another of its name."""
        wanted = self.card.get("base")
        return find_base(wanted["name"], wanted["digest"], self.folder) if wanted else None

    @cached_property
    def files(self) -> dict[str, PackFile]:
        """Name -> place of each file that the engine may read: its own, and its base's where it has none of the name.
        Weights outside have `WEIGHTS_PREFIX` before their names. Concepts are not among them. Raises PackError as
        `base`."""
        below = self.base.files if self.base else {}
        own = {n: PackFile(self.folder / n, sha) for n, sha in self.own_files.items()}
        own |= {f"{WEIGHTS_PREFIX}{n}": file for n, file in self.weight_files.items()}
        return below | {n: file for n, file in own.items() if not n.startswith(f"{CONCEPTS}/")}

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """The fields of the engine (`card.NUMBERS`): the base's where the card does not name them; null takes none."""
        below = self.base.numbers if self.base else {}
        return below | {name: self.card[name] for name in NUMBERS if name in self.card}

    @property
    def concepts(self) -> dict[str, Path]:
        """Name -> cue set of each concept that comes with the pack; those of a base come with the base."""
        return {name: self.folder / CONCEPTS / name for name in concept_names(self.card)}

    def concept(self, name: str) -> Path:
        """The cue set of that concept. Raises PackError and says which there are."""
        if name not in self.concepts:
            known = ", ".join(self.concepts) or "none"
            raise PackError(f"it has no concept {name!r}", f"pack {self.name}", f"its concepts are: {known}")
        return self.concepts[name]

    @property
    def bytes(self) -> int:
        """Of its own files, as far as they are there."""
        places = (self.folder / name for name in self.own_files)
        return sum(p.stat().st_size for p in places if p.is_file())

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of the card; those it does not state take their defaults."""

        def read(given: Mapping[str, Any]) -> Thresholds:
            return Thresholds(**{f.name: float(given[f.name]) for f in fields(Thresholds) if f.name in given})

        return self._read("thresholds", read) or Thresholds()

    @cached_property
    def area_prior(self) -> AreaPrior | None:
        """How far the card lets the area in the cues move the threshold; None where it says nothing of it."""
        return self._read("area", lambda a: AreaPrior(float(a["spread"]), float(a["freedom"])))

    @cached_property
    def calibration(self) -> Calibration | None:
        """How the card says that a confidence is computed; None where it says nothing of it."""
        return self._read("calibration", Calibration.from_card)

    def taught(self, kind: Kind) -> Taught:
        """What the card says of answers to cues of a kind; that of masks where it says nothing of sparse ones."""

        def read(given: Mapping[str, Any]) -> Calibration | None:
            return Calibration.from_card(given[kind]) if kind in given else None

        return Taught(kind, self._read("sparse_calibration", read) or self.calibration)

    def _read(self, name: str, make: Callable[[Any], T]) -> T | None:
        """What is made of a field of the engine; None where there is none. Raises PackError."""
        given = self.numbers.get(name)
        try:
            return make(given) if given else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{CARD}: {name}: it cannot be used ({type(error).__name__}: {error})"
            raise PackError(what, f"pack {self.folder}", AGAIN) from error

    def segmenter(self, threads: int | None = None) -> Segmenter:
        """Check the files against the card's checksums and build the segmenter. Raises PackError.

        Weights outside of it are read for that where they have changed since they were last.
        """
        self.verify(again=False)
        kind = self.card.get("segmenter")
        if kind not in SEGMENTERS:
            raise PackError(
                f"pack {self.folder}: segmenter {kind!r} is unknown; known are {sorted(SEGMENTERS)}; update cuecast"
            )
        maker = segmenter_class(kind)
        self._tell_licence()
        try:
            built: Segmenter = maker.from_pack(self.files, self.numbers, threads)
        except PackError as error:
            raise error.within(f"pack {self.folder}") from error
        return built

    def _tell_licence(self) -> None:
        """Say once a machine by which licence the weights outside of the pack may be used."""
        told = self.card.get("weights")
        if not told:
            return
        said = cache_folder() / "licences" / self.digest
        with suppress(OSError):
            if said.exists():
                return
        licence = told.get("licence")
        terms = "state no licence" if licence in (None, NOT_STATED) else f"are under the licence {licence}"
        source = f" (from {told['source']})" if told.get("source") else ""
        give_note(f"pack {self.name}: its weights{source} {terms}; this is said once")
        with suppress(OSError):  # where nothing can be kept, it is said each time
            said.parent.mkdir(parents=True, exist_ok=True)
            said.touch()

    def without_places(self, text: str) -> str:
        """A text about it that says nothing of where its weights lie: for who does not sit at this machine."""
        told = self.card.get("weights")
        if told:
            folder = str(told["folder"])
            text = text.replace(f" in {folder}", "").replace(f"{folder}{os.sep}", "")
            text = text.replace(folder, "the folder of its weights")
        with suppress(PackError):
            text = self.base.without_places(text) if self.base else text
        return text

    def verify(self, *, again: bool = True) -> None:
        """Raise PackError where a file of it, its weights or its base is missing or its SHA-256 is not the card's.

        again  whether weights outside of it, which may be gigabytes, are read where they are as they were when they
               were read last (`cuecast.io.digests`).
        """
        for name, expected in self.own_files.items():
            path = self.folder / name
            if not path.is_file():
                raise PackError(f"pack {self.folder}: {name} is missing; {AGAIN}")
            if file_digest(path) != expected:
                raise PackError(
                    f"pack {self.folder}: {name} is corrupt, its checksum is not the card's; {AGAIN}"
                )
        for name, file in self.weight_files.items():
            if not file.path.is_file():
                what = f"{name} of its weights is not in {file.path.parent}"
                raise PackError(what, f"pack {self.folder}", WEIGHTS_AGAIN)
            try:
                found = file_digest(file.path) if again else weights_digest(file.path)
            except OSError as error:
                what = f"{name} in {file.path.parent} cannot be read ({cause(error)})"
                raise PackError(what, f"pack {self.folder}", "give yourself permission to read it") from error
            if found != file.sha256:
                what = f"{name} in {file.path.parent} is not the one that it was made of, or is corrupt"
                raise PackError(what, f"pack {self.folder}", WEIGHTS_AGAIN)
        if self.base is not None:
            if self.base.card.get("segmenter") != self.card.get("segmenter"):
                what = f"it is for another segmenter than its base {self.base.name}"
                raise PackError(what, f"pack {self.folder}", "make it anew on its base")
            self.base.verify(again=again)


def weights_digest(path: Path) -> str:
    """SHA-256 of a file of weights, remembered in the user's cache. Raises OSError."""
    return remembered_digest(path, cache_folder() / "digests")


def search_path() -> list[Path]:
    """Folders that are searched for packs by name, first hit wins: $CUECAST_PACKS, user cache, wheel."""
    folders = [Path(p) for p in os.environ.get("CUECAST_PACKS", "").split(os.pathsep) if p]
    return list(dict.fromkeys([*folders, cache_folder() / "packs", WHEEL_PACKS]))


def cache_folder() -> Path:
    """Where cuecast keeps what is the user's: packs that were imported, which licences were shown, and
    the checksums of large weights."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cuecast"


def installed() -> Iterator[Pack]:
    """Every readable pack on the search path, those too that another of their name hides; a note on each other."""
    for root in search_path():
        yield from packs_in(root)


def packs_in(root: Path, *, quiet: bool = False) -> Iterator[Pack]:
    """Every readable pack in a folder of packs, in alphabetical order; unless `quiet`, a note on each other."""
    for card in sorted(root.glob(f"*/{CARD}")) if root.is_dir() else ():
        if card.parent.name.startswith("."):
            continue  # one that is being written
        try:
            yield _read(card.parent)
        except PackError as error:
            if not quiet:
                give_note(f"{error} (it is left out)")


def list_packs() -> Iterator[Pack]:
    """Every readable pack on the search path, a name once, in alphabetical order of the folders."""
    seen: set[str] = set()
    for pack in installed():
        if pack.folder.name not in seen:
            seen.add(pack.folder.name)
            yield pack


def open_pack(pack: str | Path) -> Pack:
    """The pack of that name, or in that folder. Raises PackError and says which packs there are."""
    given = Path(pack)
    if (given / CARD).is_file():
        return _read(given)
    return named_pack(str(pack), "it is neither a folder with card.json nor a known name; known packs: ")


def named_pack(name: str, otherwise: str = "known packs are ") -> Pack:
    """The installed pack of that name, and no folder. Raises PackError and says which there are."""
    for folder in _named(name):
        return _read(folder)
    known = ", ".join(p.folder.name for p in list_packs()) or "none"
    raise PackError(f"no pack {name!r}: {otherwise}{known}")


def find_base(name: str, digest: str, above: Path) -> Pack:
    """The pack of that name and digest, beside the folder `above` of a pack that stands on it, or on the search path;
    that of the digest in a folder of another name, where there is none.

    Raises PackError where there is neither.
    """
    others: list[Pack] = []
    for folder in (above.absolute().parent / name, *_named(name)):
        if not (folder / CARD).is_file():
            continue
        found = _read(folder)
        if found.digest == digest:
            return found
        others.append(found)
    for root in (above.absolute().parent, *search_path()):
        for found in packs_in(root, quiet=True):
            if found.digest == digest:
                return found
    wanted = f"it stands on the pack {name} with the digest {digest[:12]}"
    if others:
        there = ", ".join(f"{p.digest[:12]} in {p.folder}" for p in others)
        what, remedy = (
            f"{wanted}, and another one is there ({there})",
            "make it anew on the one that is there",
        )
    else:
        what, remedy = f"{wanted}, and none is there", f"import {name}"
    raise PackError(what, f"pack {above}", f"{remedy}, or import the very one it was made on")


def dependents(pack: Pack) -> list[Pack]:
    """The packs on the search path that stand on this one."""
    return [p for p in installed() if p.card.get("base") == {"name": pack.name, "digest": pack.digest}]


def _named(name: str) -> Iterator[Path]:
    """The folders of packs of that name on the search path, the one that counts first."""
    if Path(name).name == name and not name.startswith("."):
        yield from (root / name for root in search_path() if (root / name / CARD).is_file())


def _read(folder: Path) -> Pack:
    """A pack's card, as far as loading needs it to be right. Raises PackError."""
    where = f"pack {folder}"
    try:
        card = read_json(folder / CARD, PackError)
    except PackError as error:
        what = f"{CARD} cannot be read ({error.what})"
        raise PackError(what, where, AGAIN) from error
    if not isinstance(card.get("name"), str):
        raise PackError(f"{CARD} is not a pack card (it states no name)", where, AGAIN)
    if card.get("version") != CARD_VERSION:
        raise PackError(f"card version {card.get('version')} is not {CARD_VERSION}", where, "update cuecast")
    for field in ("base", "weights"):
        for place, what in FIELDS[field].check(card[field]) if card.get(field) is not None else ():
            raise PackError(f"{CARD}: {field}{place}: {what}", where, AGAIN)
    files = card.setdefault("files", {})
    if not isinstance(files, dict) or any(
        unsafe(n, "pack") or not isinstance(v, str) for n, v in files.items()
    ):
        raise PackError(f"{CARD}: files: names with their SHA-256 are expected", where, AGAIN)
    return Pack(folder, card)
