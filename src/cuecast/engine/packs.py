"""Packs: folders with model files and a card. One resolver: argument, environment, user cache, wheel.

card.json (version 1):
    {"version": 1, "name": "general", "segmenter": "matching", "summary": "...", "licence": "Apache-2.0",
     "files": {"encode.onnx": "<sha256>", ...}, "preprocessing": {...}, "thresholds": {"score": 0.5, ...},
     "area": {...}, "calibration": {...}, "sparse_calibration": {"boxes": {...}, ...},
     "data": [...], "training": {...}, "scores": {...}, "limits": ["..."]}
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from cuecast.core.errors import PackError
from cuecast.engine.decision import AreaPrior, Calibration, Taught, Thresholds
from cuecast.engine.mark_weights import Kind
from cuecast.engine.segmenter import SEGMENTERS, Segmenter

CARD_VERSION = 1
WHEEL_PACKS = Path(__file__).parent.parent / "packs"


@dataclass(frozen=True, eq=False)
class Pack:
    """A pack folder whose card has been read and whose files are there. See `open_pack`."""

    folder: Path
    card: dict[str, Any]

    @property
    def name(self) -> str:
        """As the card states it."""
        return str(self.card["name"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the card and the checksums it states: changes when anything in the pack does."""
        return hashlib.sha256(json.dumps(self.card, sort_keys=True).encode()).hexdigest()

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of the card; those it does not state take their defaults."""
        stated = self.card.get("thresholds", {})
        return Thresholds(**{f.name: float(stated[f.name]) for f in fields(Thresholds) if f.name in stated})

    @cached_property
    def area_prior(self) -> AreaPrior | None:
        """How far the card lets the area in the cues move the threshold; None where it says nothing of it."""
        stated = self.card.get("area")
        return AreaPrior(float(stated["spread"]), float(stated["freedom"])) if stated else None

    @cached_property
    def calibration(self) -> Calibration | None:
        """How the card says that a confidence is computed; None where it says nothing of it."""
        stated = self.card.get("calibration")
        return Calibration.from_card(stated) if stated else None

    def taught(self, kind: Kind) -> Taught:
        """What the card says of answers to cues of a kind; that of masks where it says nothing of sparse ones."""
        stated = self.card.get("sparse_calibration", {}).get(kind)
        return Taught.by(kind, Calibration.from_card(stated) if stated else self.calibration)

    def segmenter(self, threads: int | None = None) -> Segmenter:
        """Check the files against the card's checksums and build the segmenter. Raises PackError."""
        self.verify()
        kind = self.card.get("segmenter")
        if kind not in SEGMENTERS:
            raise PackError(
                f"pack {self.folder}: segmenter {kind!r} is unknown; known are {sorted(SEGMENTERS)}; update cuecast"
            )
        module, name = SEGMENTERS[kind].split(":")
        built: Segmenter = getattr(importlib.import_module(module), name).from_pack(
            self.folder, self.card, threads
        )
        return built

    def verify(self) -> None:
        """Raise PackError where a file is missing or its SHA-256 is not the card's."""
        for name, expected in self.card.get("files", {}).items():
            path = self.folder / name
            if not path.is_file():
                raise PackError(f"pack {self.folder}: {name} is missing; install the pack again")
            if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                raise PackError(
                    f"pack {self.folder}: {name} is corrupt, its checksum is not the card's; install the pack again"
                )


def search_path() -> list[Path]:
    """Folders that are searched for packs by name, first hit wins: $CUECAST_PACKS, user cache, wheel."""
    folders = [Path(p) for p in os.environ.get("CUECAST_PACKS", "").split(os.pathsep) if p]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [*folders, cache / "cuecast" / "packs", WHEEL_PACKS]


def list_packs() -> Iterator[Pack]:
    """Every readable pack on the search path, a name once, in alphabetical order of the folders."""
    seen: set[str] = set()
    for root in search_path():
        for card in sorted(root.glob("*/card.json")) if root.is_dir() else ():
            if card.parent.name not in seen:
                seen.add(card.parent.name)
                yield _read(card.parent)


def open_pack(pack: str | Path) -> Pack:
    """The pack of that name, or in that folder. Raises PackError and says which packs there are."""
    given = Path(pack)
    if (given / "card.json").is_file():
        return _read(given)
    for root in search_path():
        if given.name == str(pack) and (root / given / "card.json").is_file():
            return _read(root / given)
    known = ", ".join(p.name for p in list_packs()) or "none"
    raise PackError(
        f"no pack {str(pack)!r}: it is neither a folder with card.json nor a known name; known packs: {known}"
    )


def _read(folder: Path) -> Pack:
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackError(
            f"pack {folder}: card.json cannot be read ({error}); install the pack again"
        ) from error
    if not isinstance(card, dict) or "name" not in card:
        raise PackError(
            f"pack {folder}: card.json is not a pack card (it states no name); install the pack again"
        )
    if card.get("version") != CARD_VERSION:
        raise PackError(
            f"pack {folder}: card version {card.get('version')} is not {CARD_VERSION}; update cuecast"
        )
    return Pack(folder, card)
