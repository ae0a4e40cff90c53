"""Folders of pictures with masks (images/, masks/, card.json), held in memory for drawing tasks."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuecast.datasets.licences import read_licence
from cuecast.engine.lessons import thickness

IGNORE_VALUE = 255
TWINS = {"coco_objects": "coco", "litter": "taco_litter"}
"""Folders whose classes are those of another set, under its name."""
MEASURED = 5
"""Pictures whose things are measured for the typical thickness of a class."""
SMALLEST_SHARE = 0.002
"""A class counts as present in a picture from this share of its pixels on."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """One set: pictures (H, W, 3) uint8, label maps (H, W) uint8 with 255 = ignore.

    `holding[c]` lists the pictures that show class c, `lacking[c]` those that hold not one pixel of it; `thickness[c]`
    is how thick c typically is there, over the square root of a picture's area. `objects`: ids (H, W) int32 of the
    things in each picture, where they are known. `scenario`: the field of use; pictures of another one can be taken not
    to hold the set's things. Photographs without masks hold no class: they serve for tasks on regions.
    """

    name: str
    images: tuple[NDArray[np.uint8], ...]
    masks: tuple[NDArray[np.uint8], ...]
    holding: dict[int, tuple[int, ...]]
    lacking: dict[int, tuple[int, ...]]
    thickness: dict[int, float]
    objects: tuple[NDArray[np.int32], ...] | None = None
    scenario: str = ""


def read_set(folder: Path) -> PictureSet:
    """Read every picture of a set into memory."""
    card = json.loads((folder / "card.json").read_text())
    paths = sorted((folder / "images").iterdir())
    images = _pictures(paths)
    masks = tuple(np.asarray(Image.open(folder / "masks" / f"{p.stem}.png")) for p in paths)
    ids = [folder / "masks_instances" / f"{p.stem}.png" for p in paths]
    objects = tuple(np.asarray(Image.open(p), np.int32) for p in ids) if ids[0].is_file() else None
    holding: dict[int, list[int]] = {}
    present: list[set[int]] = []
    for i, mask in enumerate(masks):
        values, counts = np.unique(mask, return_counts=True)
        present.append({int(v) for v in values})
        for value, count in zip(values, counts, strict=True):
            if value not in (0, IGNORE_VALUE) and count >= SMALLEST_SHARE * mask.size:
                holding.setdefault(int(value), []).append(i)
    kept = {c: tuple(v) for c, v in holding.items() if len(v) >= 2}
    lacking = {c: tuple(i for i, p in enumerate(present) if c not in p) for c in kept}
    thick = {c: float(np.median([_relative(masks[i] == c) for i in v[:MEASURED]])) for c, v in kept.items()}
    name = TWINS.get(folder.name, folder.name)
    return PictureSet(name, images, masks, kept, lacking, thick, objects, str(card.get("scenario", "")))


def read_photos(folder: Path) -> PictureSet:
    """Photographs without masks (images/), as a set that holds no class."""
    return PictureSet(folder.name, _pictures(sorted((folder / "images").iterdir())), (), {}, {}, {})


def _pictures(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], ...]:
    return tuple(np.asarray(Image.open(p).convert("RGB")) for p in paths)


def _relative(region: NDArray[np.bool_]) -> float:
    return thickness(region) / math.sqrt(region.size)


def training_folders(data: Path) -> tuple[Path, Path]:
    """Where the picture sets of a data folder are: plain ones, and those that tell objects apart."""
    return data / "train", data / "objects" / "train"


def read_training_sets(data: Path, excluded: Collection[str]) -> tuple[PictureSet, ...]:
    """All that weights are trained on: the sets of `training_folders`, and the photographs in photos/."""
    sets = [s for folder in training_folders(data) for s in read_sets(folder, excluded)]
    return (*sets, read_photos(data / "photos"))


def read_sets(root: Path, excluded: Collection[str]) -> tuple[PictureSet, ...]:
    """All sets under `root` but the excluded ones and those without a class in two pictures, by name."""
    return tuple(s for s in map(read_set, _folders(root, excluded)) if s.holding)


def _folders(root: Path, excluded: Collection[str]) -> list[Path]:
    return sorted(f for f in root.iterdir() if (f / "card.json").is_file() and f.name not in excluded)


def licences(root: Path, excluded: Collection[str]) -> list[dict[str, str]]:
    """`set_licence` of every set under `root` that is used."""
    return [set_licence(folder) for folder in _folders(root, excluded)]


def set_licence(folder: Path) -> dict[str, str]:
    """What the card of a set says of source and licence, for a pack's own card: the licence as an SPDX expression, and
    in `note` as the set's card says it, where that is another text."""
    card = json.loads((folder / "card.json").read_text())
    return {k: str(card[k]) for k in ("name", "domain", "source", "count")} | _licence_of(card)


def _licence_of(card: Mapping[str, Any]) -> dict[str, str]:
    licence, said = read_licence(card["licence"])
    return {"licence": licence} | ({"note": f"licence as its card says it: {said}"} if said else {})
