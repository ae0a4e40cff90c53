"""Which label files a folder holds, and where the pictures lie that they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cuecast.core.errors import InputError, MaskError
from cuecast.io.files import MANIFEST
from cuecast.io.formats import FORMATS, Format
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.labels import label_suffixes, plain_name
from cuecast.io.places import list_images

_BESIDE = ("images", "JPEGImages")
"""Folders of pictures beside those of labels."""
_LABELS = ("labels", "masks", "annotations", "labelme", "yolo")
"""Folders in the place of which one of pictures is looked for."""
_NAMES_ALONE = ("classes.txt",)
"""Files beside labels that hold names of classes, and no labels."""


def plain_stem(name: str) -> str:
    """A name without folders and without the suffix of a picture; what follows another point belongs to it."""
    path = Path(name)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name


def label_files(source: Path, form: Format | None = None) -> list[Path]:
    """The label files that a file or folder holds, sorted; masks only where there are no others. Raises InputError."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError("there is no such file or folder of labels", source, "check the spelling")
    if form is None and (source / MANIFEST).is_file():
        raise InputError(
            "is a folder of results",
            source,
            "give what is to be converted of it: masks, or annotations.coco.json",
        )
    for each in [form] if form else FORMATS["labels"]:
        listing: Callable[[Path], list[Path] | None] | None = getattr(each.load(), "label_files", None)
        if listing is not None and (paths := listing(source)) is not None:
            return paths
    files = sorted(p for p in source.rglob("*") if p.is_file() and not p.name.startswith("."))
    files = [p for p in files if p.name not in _NAMES_ALONE]
    for suffixes in [form.suffixes] if form else [label_suffixes(), tuple(IMAGE_SUFFIXES)]:
        if found := [p for p in files if p.suffix.lower() in suffixes]:
            return found
    raise InputError("the folder holds no labels", source, "check the folder")


@dataclass(frozen=True)
class Pictures:
    """The pictures that labels are of: those that were `given`, by name and stem, else those that lie beside a file."""

    given: bool = False
    by_name: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    @classmethod
    def of(cls, inputs: Sequence[str | Path]) -> Pictures:
        """Those of files and folders. Raises InputError."""
        found: dict[str, list[Path]] = {}
        for path in list_images(inputs, recursive=True) if inputs else ():
            for key in dict.fromkeys((plain_name(path.name), plain_name(path.stem))):
                found.setdefault(key, []).append(path)
        return cls(bool(inputs), found)

    def find(self, name: str, file: Path) -> Path | None:
        """The picture that a label file calls so; None where there is none. Raises MaskError for several."""
        parts = Path(plain_name(name)).parts or ("",)
        if not self.given:
            return _beside(name, file)
        found = self.by_name.get(parts[-1]) or self.by_name.get(plain_name(plain_stem(name)), ())
        if len(found) > 1:
            ends = [p for p in found if tuple(map(plain_name, p.parts))[-len(parts) :] == parts]
            found = ends or found
        if len(found) > 1:
            raise MaskError(f"{len(found)} of the pictures are called {name}", file, f"give one: {found[0]}")
        return found[0] if found else None


def _beside(name: str, file: Path) -> Path | None:
    """The picture of a label file that lies beside it, or in a folder of pictures beside its own."""
    swapped = [
        Path(*file.parts[:i], "images", *file.parts[i + 1 : -1])
        for i in reversed(range(len(file.parts) - 1))
        if file.parts[i] in _LABELS
    ]
    up = file.absolute().parent.parent
    own = [] if file.suffix.lower() in IMAGE_SUFFIXES else [file.parent]
    folders = dict.fromkeys(
        [*own, *swapped, *(up / n for n in _BESIDE), *(file.parent / n for n in _BESIDE), up]
    )
    last = Path(name).name or file.stem
    for folder in folders:
        for wanted in dict.fromkeys((name, last)):
            path = folder / wanted
            if path.suffix.lower() in IMAGE_SUFFIXES:
                if path.is_file():
                    return path
                continue
            for suffix in sorted(IMAGE_SUFFIXES):
                if (found := folder / f"{wanted}{suffix}").is_file() and found != file:
                    return found
    return None
