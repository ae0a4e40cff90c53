"""Changing a cue set: making it, adding and replacing cues, taking changes back.

Images are copied in, every change is atomic (see `cueset_store`) and is a version (see `cueset_history`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from cuecast.core.errors import CueSetError
from cuecast.core.values import ClassInfo
from cuecast.cuesets.bundle import Bundle, write_zip
from cuecast.cuesets.cueset import INDEX, CueSet, class_problem, read_cueset, to_json
from cuecast.cuesets.draft import Draft, NewCue
from cuecast.cuesets.history import at, before, next_version, versions
from cuecast.cuesets.store import commit, restored
from cuecast.io.lock import exclusive


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
    """`add_cues` for one cue: `marks` are the other fields of `NewCue`."""
    return add_cues(path, [NewCue(image, **marks)], classes, replace=replace)


def add_cues(
    path: str | Path, cues: Sequence[NewCue], classes: Sequence[ClassInfo] = (), *, replace: bool = False
) -> CueSet:
    """Copy images with their marks into a cue set, as one change of it; returns the set as it is then.

    A picture has one mask in a set: a cue with a mask takes the place of the cue with a mask on the same picture
    (the same pixels, whatever the file). Other marks join those that are there.

    classes  classes that the set does not know yet and that these cues bring.
    replace  each cue takes the place of all that the set says of its picture, 'absent' too.

    Everything is checked before anything is written, and the set never lists a file that is not there; see
    `cueset_store` for crashes. Raises ImageError, MaskError, CueError, CueSetError, OutputError.
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
