"""Changing a cue set: making it, adding and replacing cues, taking changes back.

Images are copied in, every change is atomic and is a version (see `cuecast.cuesets.history`). A change is put together
in a `Draft`: everything is read and checked there, and nothing is written before its `commit`.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import CueSetError, InputError, MissingExtraError
from cuecast.core.values import ClassInfo, Example, Image
from cuecast.cues import Cue, CueEntry
from cuecast.cuesets.bundle import Bundle, write_zip
from cuecast.cuesets.cueset import (
    INDEX,
    CueSet,
    check_classes,
    class_problem,
    read_cueset,
    to_json,
)
from cuecast.cuesets.history import Version, at, before, commit, next_version, restored, versions
from cuecast.io.files import exclusive
from cuecast.io.images import read_image
from cuecast.io.kinds import HEAD, picture_kind
from cuecast.io.labels.masks import write_mask, write_objects


def new_cueset(path: str | Path, classes: Sequence[ClassInfo | str] = ("thing",)) -> CueSet:
    """Make an empty cue set: a folder, or an archive where `path` ends in .zip.

    `classes` are names of class 1, 2, ..., or ClassInfo. Raises CueSetError where something is there already.
    """
    root = Path(path)
    infos = tuple(c if isinstance(c, ClassInfo) else ClassInfo(i, c) for i, c in enumerate(classes, start=1))
    if wrong := class_problem(infos):
        raise CueSetError(f"{root}: {wrong}; give each class its own name and id")
    if root.is_file() or any(p.is_file() and not p.name.startswith(".cuecast-") for p in root.rglob("*")):
        remedy = (
            f"add to it with 'cuecast cues add {root}'" if (root / INDEX).exists() else "choose a new name"
        )
        raise CueSetError(f"{root}: there is something already; {remedy}")
    bundle = Bundle(root, {}, is_zip=root.suffix.lower() == ".zip")
    if not bundle.is_zip:
        for folder in (root / "images", root / "masks"):
            _make_folder(folder)
    text = to_json(infos, ())
    what = f"empty, with {'class' if len(infos) == 1 else 'classes'} {', '.join(c.name for c in infos)}"
    commit(bundle, (), None, next_version((), "new", what, text, {}), text, {})
    return read_cueset(root)


def add_cue(
    path: str | Path, image: Any, *, classes: Sequence[ClassInfo] = (), replace: bool = False, **marks: Any
) -> CueSet:
    """`add_cues` for one cue: `marks` are the other fields of `Cue`."""
    return add_cues(path, [Cue(image, **marks)], classes, replace=replace)


def add_cues(
    path: str | Path, cues: Sequence[Cue], classes: Sequence[ClassInfo] = (), *, replace: bool = False
) -> CueSet:
    """Copy images with their marks into a cue set, as one change of it; returns the set as it is then.

    A picture has one mask in a set: a cue with a mask takes the place of the cue with a mask on the same picture
    (the same pixels, whatever the file). Other marks join those that are there.

    classes  classes that the set does not know yet and that these cues bring.
    replace  each cue takes the place of all that the set says of its picture, 'absent' too.

    Everything is checked before anything is written, and the set never lists a file that is not there; see
    `cuecast.cuesets.history` for crashes. Raises ImageError, MaskError, CueError, CueSetError, OutputError.
    """
    root = Path(path)
    with _held(root):
        cueset = read_cueset(root)
        infos = (*cueset.classes, *(c for c in classes if c not in cueset.classes))
        if wrong := class_problem(infos):
            raise CueSetError(f"{root}: {wrong}; give each class its own name and id")
        draft = Draft(cueset, infos, versions(cueset), cueset.entries)
        for cue in cues:
            draft = draft.add(cue, replace)
        draft.commit()
    return read_cueset(root)


def undo(path: str | Path, to: int | None = None) -> CueSet:
    """Take back the last change of a cue set, or go to version `to`; returns the set as it is then.

    That is a change itself and is logged: nothing is forgotten. Raises CueSetError, OutputError.
    """
    root = Path(path)
    with _held(root):
        cueset = read_cueset(root)
        log = versions(cueset)
        target = before(log) if to is None else at(log, to)
        if target.digest == log[-1].digest:
            return cueset
        text, files = restored(cueset.bundle, log, target)
        what = f"back to version {target.version} ({target.what})"
        latest = next_version(log, "undo", what, text, target.files, restores=target.version)
        commit(cueset.bundle, log, to_json(cueset.classes, cueset.entries), latest, text, files)
    return read_cueset(root)


@contextmanager
def _held(root: Path) -> Iterator[None]:
    """One writer at a time; an archive is held by its folder. Nothing is held where there is no set."""
    folder = root if root.is_dir() else root.parent
    with exclusive(folder, wait=True) if folder.is_dir() else nullcontext():
        yield


def pack_cueset(path: str | Path, target: str | Path) -> Path:
    """Write a cue set as a .zip: cues.json and the files it names, not its history.

    Raises CueSetError, OutputError.
    """
    cueset = read_cueset(path)
    names = sorted({name for entry in cueset.entries for name in entry.files})

    def files() -> Iterator[tuple[str, bytes]]:
        yield INDEX, to_json(cueset.classes, cueset.entries).encode()
        for name in names:
            yield name, cueset.bundle.read(name)

    return write_zip(Path(target), files())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CueSetError(
            f"{folder}: the folder cannot be made ({error.strerror}); choose a place you may write to"
        ) from error


@dataclass(frozen=True, eq=False)
class Draft:
    """A change that is being put together; nothing of it is written before `commit`."""

    cueset: CueSet
    classes: tuple[ClassInfo, ...]
    log: tuple[Version, ...]
    entries: tuple[CueEntry, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    pixels: dict[tuple[str, int | None], str | None] = field(default_factory=dict, repr=False)
    """(image, page) -> digest of the pixels, as far as it was needed; all versions of the draft share it."""

    def add(self, cue: Cue, replace_all: bool) -> Draft:
        """The draft with one cue more."""
        read = read_image(cue.image, page=cue.page)
        example = cue.on(read, self.classes)
        check_classes(example.marks, self.classes, read.name)
        entry, files = self._stored(cue, example)
        gone = self._replaced(entry, example.image, replace_all)
        at = min((self.entries.index(e) for e in gone), default=len(self.entries))
        rest = [e for e in self.entries if not any(e is g for g in gone)]
        _check_contradiction(self.cueset.root, rest, entry)
        rest.insert(at, entry)
        said = f"{entry.image}: {_kinds((entry,))}"
        said += f" in place of {_kinds(gone)}" if gone else ""
        return replace(self, entries=tuple(rest), files={**self.files, **files}, said=(*self.said, said))

    def commit(self) -> None:
        """Write the change as the next version; nothing where it changes nothing."""
        cueset = self.cueset
        text = to_json(self.classes, self.entries)
        named = {name for entry in self.entries for name in entry.files}
        hashes = {n: h for n, h in self.log[-1].files.items() if n in named}
        hashes |= {n: hashlib.sha256(d).hexdigest() for n, d in self.files.items() if n in named}
        latest = next_version(self.log, "add", "; ".join(self.said), text, dict(sorted(hashes.items())))
        if latest.digest != self.log[-1].digest:
            present = to_json(cueset.classes, cueset.entries)
            files = {n: d for n, d in self.files.items() if n in named}
            commit(cueset.bundle, self.log, present, latest, text, files)

    def _stored(self, cue: Cue, example: Example) -> tuple[CueEntry, dict[str, bytes]]:
        """The entry with the names of its files in the set, and the files that are to be written.

        The image's file is copied as it is, what is no file is stored as PNG; masks and ids are stored as PNG.
        """
        data, suffix = _image_bytes(cue.image)
        page = cue.page if data is not None else None
        data = data if data is not None else _png(example.image)
        image = self._free_name("images", _plain(Path(example.image.name).stem), suffix, data)
        files = {image: data}
        marks, drawn = example.marks, cue.drawn()
        mask = objects = None
        if cue.mask is not None and marks.mask is not None:
            data = _written(lambda path, labels: write_mask(path, labels, self.cueset.classes), marks.mask)
            mask = self._keep(files, "masks", image, data)
            drawn["polygons"] = ()  # they were drawn into the mask
        if marks.objects is not None:
            objects = self._keep(files, "objects", image, _written(write_objects, marks.objects))
        return CueEntry(image, mask, **drawn, absent=cue.absent, page=page, objects=objects), files

    def _keep(self, files: dict[str, bytes], folder: str, image: str, data: bytes) -> str:
        """Put the bytes of a PNG among `files`, under the stem of its image; returns their name."""
        name = self._free_name(folder, PurePosixPath(image).stem, ".png", data)
        files[name] = data
        return name

    def _free_name(self, folder: str, stem: str, suffix: str, data: bytes) -> str:
        """`folder/stem+suffix`, with -2, -3... where other bytes have, or ever had, that name."""
        bundle, digest = self.cueset.bundle, hashlib.sha256(data).hexdigest()
        known = {(n, sha) for version in self.log for n, sha in version.files.items()}
        known |= {(n, hashlib.sha256(d).hexdigest()) for n, d in self.files.items()}
        for number in itertools.count(1):
            name = f"{folder}/{stem}{'' if number == 1 else f'-{number}'}{suffix}"
            key = name.casefold()
            there = [n for n in bundle.members if n.casefold() == key]
            hashes = {sha for n, sha in known if n.casefold() == key}
            hashes |= {hashlib.sha256(bundle.read(n)).hexdigest() for n in there}
            if hashes <= {digest}:
                return next((n for n, _ in known if n.casefold() == key), there[0] if there else name)
        raise AssertionError("unreachable")

    def _replaced(self, entry: CueEntry, image: Image, replace_all: bool) -> list[CueEntry]:
        """The cues whose place a new one takes; see `add_cues`."""
        rivals = [e for e in self.entries if replace_all or (entry.mask and e.mask)]
        return [e for e in rivals if self._shows(e, image)]

    def _shows(self, entry: CueEntry, image: Image) -> bool:
        """Whether a cue lies on that picture, by its pixels. A file that cannot be read does not."""
        key = (entry.image, entry.page)
        if key not in self.pixels:
            self.pixels[key] = self._digest(*key)
        return self.pixels[key] == image.digest

    def _digest(self, name: str, page: int | None) -> str | None:
        data = self.files.get(name)
        try:
            if data is not None:
                return read_image(data, page=page).digest
            with self.cueset.bundle.local(name) as path:
                return read_image(path, page=page).digest
        except (InputError, CueSetError, MissingExtraError):
            return None


def _kinds(entries: Sequence[CueEntry]) -> str:
    """'mask', 'boxes and points', ..."""
    return " and ".join(dict.fromkeys(kind for e in entries for kind in e.kinds))


def _check_contradiction(root: Path, entries: Sequence[CueEntry], entry: CueEntry) -> None:
    for other in entries:
        if other.image == entry.image and other.page == entry.page and other.contradicts(entry):
            raise CueSetError(
                f"{root}: {entry.image} is a cue already and says the opposite (absent or marked); "
                "put the new cue in its place with --replace (replace=True in Python)"
            )


def _image_bytes(source: Any) -> tuple[bytes | None, str]:
    """The file as it was given with its suffix; (None, '.png') where there is no file."""
    if isinstance(source, str | Path):
        return Path(source).read_bytes(), Path(source).suffix.lower()
    if isinstance(source, bytes):
        kind = picture_kind(source[:HEAD])
        return source, kind.suffixes[0] if kind else ".png"
    return None, ".png"


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(image.pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _written(write: Callable[[Path, NDArray[np.int32]], Path], labels: NDArray[np.int32]) -> bytes:
    """The bytes of the file that `write` makes of a map."""
    with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
        return write(Path(folder) / "map.png", labels).read_bytes()


def _plain(stem: str) -> str:
    """A stem that every file system takes."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", stem).strip(". ") or "cue"
