"""Small packs of the engine `colour`, cue sets for them, and archives that nobody would write on purpose."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cuecast.catalogue.make import make_pack
from cuecast.engine.packs import Pack, open_pack

RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 160, 30)
CARD = {
    "summary": "Finds red.",
    "licence": "MIT",
    "organisation": "Coin Works",
    "country": "DE",
    "sector": "industry",
    "task": "red coins on blue cloth",
    "date": "2026-11-30",
    "data": [{"name": "coins", "licence": "CC-BY-4.0", "source": "our own", "count": 12}],
    "scores": {"measured": "mean IoU", "mean": {"1": 0.5, "5": 0.75}},
    "limits": ["Round things only."],
}


def picture(columns: int, colour: tuple[int, int, int] = RED) -> np.ndarray:
    """(12, 16, 3) uint8: blue, its first columns of another colour."""
    pixels = np.full((12, 16, 3), BLUE, np.uint8)
    pixels[:, :columns] = colour
    return pixels


def write_cueset(folder: Path, colour: tuple[int, int, int] = RED, name: str = "coin") -> Path:
    """A cue set with one picture whose first four columns are marked."""
    mask = np.zeros((12, 16), np.uint8)
    mask[:, :4] = 255
    for part, pixels in (("images", picture(4, colour)), ("masks", mask)):
        (folder / part).mkdir(parents=True)
        Image.fromarray(pixels).save(folder / part / "a.png")
    cues = {"version": 1, "classes": [{"id": 1, "name": name, "colour": "#e6194b"}]}
    cues |= {"cues": [{"image": "images/a.png", "mask": "masks/a.png"}]}
    (folder / "cues.json").write_text(json.dumps(cues))
    return folder


def coin_pack(root: Path, name: str = "coins", cueset: Path | None = None, **fields: Any) -> Pack:
    """A pack on `colours` with the concept 'red' and a file of its own."""
    cues = cueset or write_cueset(root.with_name(f"{root.name}-{name}-cues"))
    files = {"notes.txt": name.encode()}
    return make_pack(
        name, root, open_pack("colours"), fields=CARD | fields, concepts={"red": cues}, files=files
    )


def write_pack(folder: Path, files: Mapping[str, bytes] | None = None, **fields: Any) -> Path:
    """A pack folder with a card that nobody has checked."""
    held = dict(files or {})
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in held.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "card.json").write_text(card_text(folder.name, held, **fields))
    return folder


def card_text(name: str, files: Mapping[str, bytes], **fields: Any) -> str:
    """A card that states these files."""
    hashes = {n: hashlib.sha256(data).hexdigest() for n, data in files.items()}
    card = {"version": 1, "name": name, "segmenter": "colour", "files": hashes}
    return json.dumps(card | fields)


def write_archive_of(path: Path, members: Mapping[str, bytes | str]) -> Path:
    """A .zip with exactly these members, under these very names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path
