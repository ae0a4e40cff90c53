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
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import CueSetError, InputError, MissingExtraError
from cuecast.core.values import COMPLETE, ClassInfo, Example, Image
from cuecast.cues import Cue, CueEntry
from cuecast.cuesets.cueset import (
    INDEX,
    CueSet,
    check_classes,
    class_problem,
    files_of,
    read_cueset,
    to_json,
)
from cuecast.cuesets.history import Version, at, before, commit, next_version, restored, versions
from cuecast.io.bundle import Bundle, write_zip
from cuecast.io.files import exclusive, make_folder
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
        raise CueSetError(wrong, root, "give each class its own name and id")
    if root.is_file() or any(p.is_file() and not p.name.startswith(".cuecast-") for p in root.rglob("*")):
        remedy = (
            f"add to it with 'cuecast cues add {root}'" if (root / INDEX).exists() else "choose a new name"
        )
        raise CueSetError("there is something already", root, remedy)
    bundle = Bundle(root, {}, is_zip=root.suffix.lower() == ".zip")
    if not bundle.is_zip:
        for folder in (root / "images", root / "masks"):
            make_folder(folder, CueSetError)
    text = to_json(infos, ())
    what = f"empty, with {'class' if len(infos) == 1 else 'classes'} {', '.join(c.name for c in infos)}"
    commit(bundle, (), None, next_version((), "new", what, text, {}), text, {})
    return read_cueset(root)


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
            raise CueSetError(wrong, root, "give each class its own name and id")
        draft = Draft(cueset, infos, versions(cueset))
        for cue in cues:
            draft.add(cue, replace)
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
    return write_zip(Path(target), read_cueset(path).contents())


class NewFiles:
    """The files that a change brings, under names that no other bytes have, or ever had, in the set."""

    def __init__(self, bundle: Bundle, log: Sequence[Version]) -> None:
        self.hashes: dict[str, str] = {}
        self._reads: dict[str, Callable[[], bytes]] = {}
        self._bundle = bundle
        # By names in lower case, for there are file systems that do not tell them apart.
        self._shas: dict[str, set[str]] = defaultdict(set)
        self._names: dict[str, str] = {}
        self._unlogged: dict[str, list[str]] = defaultdict(list)
        for version in log:
            for name, sha in version.files.items():
                self._know(name, sha)
        for name in bundle.members:
            if not log or name not in log[-1].files:
                self._unlogged[name.casefold()].append(name)

    def put(self, name: str, sha: str, read: Callable[[], bytes]) -> str:
        """Add a file by its SHA-256, to be `read` where its bytes are not there yet.

        Returns its name: `name`, or the first of name-2, name-3... that is free.
        """
        path = PurePosixPath(name)
        for number in itertools.count(1):
            free = name if number == 1 else str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
            key = free.casefold()
            for there in self._unlogged.pop(key, ()):
                self._know(there, hashlib.sha256(self._bundle.read(there)).hexdigest())
            if self._shas[key] <= {sha}:
                self._know(free, sha)
                free = self._names[key]
                self.hashes[free], self._reads[free] = sha, read
                return free
        raise AssertionError("unreachable")

    def put_bytes(self, name: str, data: bytes) -> str:
        """`put`, of bytes that are at hand."""
        return self.put(name, hashlib.sha256(data).hexdigest(), lambda: data)

    def read(self, name: str) -> bytes | None:
        """The bytes of one of these files; None of any other."""
        return self._reads[name]() if name in self._reads else None

    def _know(self, name: str, sha: str) -> None:
        self._shas[name.casefold()].add(sha)
        self._names.setdefault(name.casefold(), name)


def write_version(
    cueset: CueSet,
    log: Sequence[Version],
    classes: Sequence[ClassInfo],
    entries: Sequence[CueEntry],
    files: NewFiles,
    what: str,
) -> None:
    """Make the set say this, as its next version; nothing is written where that changes nothing.

    log    `versions(cueset)`; `files` are those of the entries that the set does not name yet, and may be others.
    what   the change in words.

    The caller holds the set. Raises OutputError, CueSetError.
    """
    text = to_json(classes, entries)
    hashes = {**log[-1].files, **files.hashes}
    named = files_of(entries)
    latest = next_version(log, "add", what, text, {name: hashes[name] for name in named})
    if latest.digest != log[-1].digest:
        missing = (name for name in named if name not in cueset.bundle.members)
        new = {name: data for name in missing if (data := files.read(name)) is not None}
        commit(cueset.bundle, log, to_json(cueset.classes, cueset.entries), latest, text, new)


class Draft:
    """A change that is being put together, of a set with the versions `log`; nothing is written before `commit`."""

    def __init__(self, cueset: CueSet, classes: Sequence[ClassInfo], log: Sequence[Version] = ()) -> None:
        self.cueset, self.classes, self.log = cueset, tuple(classes), tuple(log)
        self.entries = list(cueset.entries)
        self._files = NewFiles(cueset.bundle, self.log)
        self._said: list[str] = []
        self._pixels: dict[tuple[str, int | None], str | None] = {}

    def add(self, cue: Cue, replace_all: bool) -> None:
        """Add a cue, or put it in the place of others; see `add_cues`."""
        read = read_image(cue.image, page=cue.page)
        example = cue.on(read, self.classes)
        check_classes(example.marks, self.classes, read.name)
        entry = self._stored(cue, example)
        if not replace_all and entry in self.entries:
            self._said.append(f"{entry.image}: {_kinds((entry,))} as before")
            return
        rivals = [e for e in self.entries if replace_all or (entry.mask and e.mask)]
        gone = [e for e in rivals if self._shows(e, example.image)]
        at = min((self.entries.index(e) for e in gone), default=len(self.entries))
        rest = [e for e in self.entries if not any(e is g for g in gone)]
        _check_contradiction(self.cueset.root, rest, entry)
        self.entries = [*rest[:at], entry, *rest[at:]]
        said = f"{entry.image}: {_kinds((entry,))}"
        self._said.append(said + (f" in place of {_kinds(gone)}" if gone else ""))

    def commit(self) -> None:
        """Write the change as the next version; nothing where it changes nothing."""
        write_version(self.cueset, self.log, self.classes, self.entries, self._files, "; ".join(self._said))

    def _stored(self, cue: Cue, example: Example) -> CueEntry:
        """The entry with the names of its files in the set.

        The image's file is copied as it is, what is no file is stored as PNG; masks and ids are stored as PNG.
        """
        data, suffix = _image_bytes(cue.image)
        page = cue.page if data is not None else None
        data = data if data is not None else png_of(example.image)
        image = self._files.put_bytes(f"images/{_plain(Path(example.image.name).stem)}{suffix}", data)
        stem, marks, drawn = PurePosixPath(image).stem, example.marks, cue.drawn()
        mask = objects = None
        if cue.mask is not None and marks.mask is not None:
            mask = self._files.put_bytes(f"masks/{stem}.png", mask_png(marks.mask, self.cueset.classes))
            drawn |= dict.fromkeys(COMPLETE, ())  # they were drawn into the mask
        if marks.objects is not None and (mask or cue.objects is not None):  # else polygons say it themselves
            objects = self._files.put_bytes(f"objects/{stem}.png", objects_png(marks.objects))
        return CueEntry(image, mask, **drawn, absent=cue.absent, page=page, objects=objects)

    def _shows(self, entry: CueEntry, image: Image) -> bool:
        """Whether a cue lies on that picture, by its pixels. A file that cannot be read does not."""
        key = (entry.image, entry.page)
        if key not in self._pixels:
            self._pixels[key] = self._digest(*key)
        return self._pixels[key] == image.digest

    def _digest(self, name: str, page: int | None) -> str | None:
        data = self._files.read(name)
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
                f"{entry.image} is a cue already and says the opposite (absent or marked)",
                root,
                "put the new cue in its place with --replace (replace=True in Python)",
            )


def _image_bytes(source: Any) -> tuple[bytes | None, str]:
    """The file as it was given with its suffix; (None, '.png') where there is no file."""
    if isinstance(source, str | Path):
        return Path(source).read_bytes(), Path(source).suffix.lower()
    if isinstance(source, bytes):
        kind = picture_kind(source[:HEAD])
        return source, kind.suffixes[0] if kind else ".png"
    return None, ".png"


def png_of(image: Image) -> bytes:
    """The image as a PNG."""
    buffer = io.BytesIO()
    PILImage.fromarray(image.pixels).save(buffer, "PNG")
    return buffer.getvalue()


def mask_png(labels: NDArray[np.int32], classes: Sequence[ClassInfo]) -> bytes:
    """A label map (H, W) as the PNG that a set keeps of it."""
    return _written(lambda path, labels: write_mask(path, labels, classes), labels)


def objects_png(ids: NDArray[np.int32]) -> bytes:
    """Ids of objects (H, W) as the PNG that a set keeps of them."""
    return _written(write_objects, ids)


def _written(write: Callable[[Path, NDArray[np.int32]], Path], labels: NDArray[np.int32]) -> bytes:
    """The bytes of the file that `write` makes of a map."""
    with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
        return write(Path(folder) / "map.png", labels).read_bytes()


def _plain(stem: str) -> str:
    """A stem that every file system takes."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", stem).strip(". ") or "cue"
