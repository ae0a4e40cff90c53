"""Which mask belongs to an image: the habits of people's folders, in one fixed order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from cuecast.io.kinds import MASK_ENDINGS
from cuecast.io.labels.coco import image_name, plain_name

_RASTER = (".png", ".tif", ".tiff", ".bmp", ".gif", ".webp")
_LABEL_FILES = (".json", ".txt")
_FOLDERS = ("masks", "labels", "annotations")
_COCO_NAMES = ("*.coco.json", "annotations.json", "instances*.json", "coco.json")


def find_mask(image_path: str | Path) -> Path | None:
    """The mask or label file of an image, or None. Looks at names, and at the image lists of COCO files.

    In this order:
      1. beside the image, `<stem>_mask` or `<stem>_cp_masks` with a raster suffix, then `<stem>.json` or `.txt`;
      2. in masks/, labels/ or annotations/ inside its folder or beside its folder, and where a folder named
         images/ above it is exchanged for one of these: `<stem>` or these two, raster before label file;
      3. beside the image, `<stem>` with another raster suffix;
      4. a COCO file (annotations.json, instances*.json, *.coco.json) in any of these folders that lists it.
    """
    path = Path(image_path)
    folders = list(_parallel_folders(path))
    for candidate in _candidates(path, folders):
        for named in (candidate, candidate.with_suffix(candidate.suffix.upper())):
            if named != path and named.is_file():
                return named
    for folder in (path.parent, *folders):
        for pattern in _COCO_NAMES:
            for coco in sorted(folder.glob(pattern)):
                if plain_name(path.name) in _listed_images(coco, coco.stat().st_mtime_ns):
                    return coco
    return None


def _candidates(path: Path, folders: list[Path]) -> Iterator[Path]:
    stem, beside = path.stem, path.parent
    yield from (beside / f"{stem}{end}{suffix}" for end in MASK_ENDINGS for suffix in _RASTER)
    yield from (beside / f"{stem}{suffix}" for suffix in _LABEL_FILES)
    for folder in folders:
        yield from (folder / f"{stem}{suffix}" for suffix in _RASTER)
        yield from (folder / f"{stem}{end}{suffix}" for end in MASK_ENDINGS for suffix in _RASTER)
        yield from (folder / f"{stem}{suffix}" for suffix in _LABEL_FILES)
    yield from (beside / f"{stem}{suffix}" for suffix in _RASTER)


def _parallel_folders(path: Path) -> Iterator[Path]:
    """Where masks of the images in this folder may lie, each once, whether they exist or not."""
    folder = path.parent
    swapped = [
        Path(*folder.parts[:i], name, *folder.parts[i + 1 :])
        for i in reversed(range(len(folder.parts)))
        if folder.parts[i] == "images"
        for name in _FOLDERS
    ]
    up = folder.parent if folder.name else Path("..")  # Path(".").parent would be "." again
    inside, beside = [folder / n for n in _FOLDERS], [up / n for n in _FOLDERS]
    yield from dict.fromkeys([*swapped, *inside, *beside])


@lru_cache(maxsize=16)
def _listed_images(path: Path, mtime_ns: int) -> frozenset[str]:  # noqa: ARG001
    """File names (plain, without folders) that a COCO file lists; none where it is no COCO file."""
    try:
        images = json.loads(path.read_bytes())["images"]
        return frozenset(plain_name(image_name(i)).rpartition("/")[2] for i in images)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()
