"""Paths that come from outside: whether a text is one, which images it means, and whether results may go there."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cuecast.core.errors import InputError, OutputError
from cuecast.io.files import RESULT_PICTURES, RESULT_RASTERS, holds_results
from cuecast.io.formats import result_formats
from cuecast.io.kinds import IMAGE_SUFFIXES, MASK_ENDINGS
from cuecast.io.stores import is_url, open_store

NAME_BYTES = 255
"""Length of a name in the file systems of today, in bytes; a longer part of a path names nothing."""
PATH_BYTES = 4095
CUESET = "cues.json"
"""The file by which the folder of a cue set is known."""


def check_path_text(text: str) -> None:
    """Raise InputError for a text that no file can be called, before anything is looked up by it."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        wrong = "it holds half of a character"
    else:
        longest = max(len(part) for part in encoded.split(b"/"))
        if not text:
            wrong = "it is empty"
        elif "\0" in text:
            wrong = "it holds a NUL character"
        elif longest > NAME_BYTES or len(encoded) > PATH_BYTES:
            wrong = f"a name in it may have {NAME_BYTES} bytes, and all of it {PATH_BYTES}"
        else:
            return
    shown = ascii(text[:60]) if len(text) <= 60 else f"{text[:60]!a}..."
    raise InputError(f"this is no path ({wrong})", shown, "give the path of a file or folder")


def list_images(inputs: Iterable[str | Path], recursive: bool = False, stores: bool = False) -> list[Path]:
    """The image files meant by what was typed, in that order, duplicates dropped.

    file        is taken whatever its suffix. One with a known suffix that is not there is taken, too: it fails when
                it is read, is named, and the others are done.
    folder      its files with a known suffix, sorted, hidden ones left out; subfolders only when `recursive`.
                `x_mask.*` and `x_cp_masks.*` beside an image `x.*` are its masks, and left out.
    pattern     `*`, `?`, `[...]` and `**`, not expanded by the shell: files with a known suffix, sorted.
    @list.txt   a file with one path, folder or pattern a line, relative to the current folder.
    -           the same from standard input.
    s3://...    an object with a known suffix, or a folder of them, as above; where `stores` allows it.

    Where subfolders are looked into, pictures that are results of cuecast are left out: masks and the like beside a
    manifest. A folder of them that is named itself is taken.

    What exists under exactly the typed name wins over every other reading. Raises InputError where an input
    matches nothing.
    """
    found: dict[str, Path] = {}
    for item in inputs:
        try:
            for path in _expand(str(item), recursive, stores):
                found.setdefault(os.path.abspath(path), path)
        except RecursionError:
            raise InputError("the file list names itself", item, "take that line out") from None
    return list(found.values())


def _is_result(path: Path) -> bool:
    """Whether a picture is a result: it lies beside the state of a run, in a folder for such or under such a name."""
    folder = path.parent
    if folder.name in RESULT_PICTURES:
        return holds_results(folder.parent)
    return path.name in RESULT_RASTERS and holds_results(folder)


def _expand(item: str, recursive: bool, stores: bool) -> list[Path]:
    if not item:
        raise InputError(
            "one of the inputs is an empty text", remedy="name a file or a folder; '.' is this one"
        )
    path = Path(item)
    if item == "-":
        return _lines("standard input", sys.stdin.read(), recursive, stores)
    if _is(path, "file"):
        return [path]
    if _is(path, "dir"):
        return _folder(path, recursive)
    if item.startswith("@"):
        return _list_file(Path(item[1:]), recursive, stores)
    if is_url(item):
        return _stored(item, recursive, stores)
    if glob.has_magic(item):
        matches = sorted(Path(m) for m in glob.glob(item, recursive=True))
        images = [m for m in matches if m.suffix.lower() in IMAGE_SUFFIXES and m.is_file()]
        if "**" in item and not set(path.parts) & set(RESULT_PICTURES):
            images = [m for m in images if not _is_result(m)]
        if not images:
            raise InputError(
                "the pattern matches no image", item, "check the folder, or name the files one by one"
            )
        return images
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return [path]
    raise InputError(f"{item!r}: there is no such file or folder", remedy="check the spelling")


def _stored(url: str, recursive: bool, stores: bool) -> list[Path]:
    """The pictures under a URL. One that is named is not looked up: it fails when it is read."""
    if not stores:
        raise InputError("URLs are not read here", url, "copy the files to this machine first")
    store, folder = open_store(url, InputError), Path(url)
    if folder.suffix.lower() in IMAGE_SUFFIXES:
        return [folder]
    if glob.has_magic(url):
        raise InputError("patterns are not looked up in a store", url, "name the folder, or give a file list")
    names = [n for n in store.names() if recursive or "/" not in n]
    images = [p for p in _pictures([folder / n for n in names], folder, False) if p.name[0] != "."]
    if recursive:
        images = [p for p in images if p.parent == folder or p.parent.name not in RESULT_PICTURES]
    if not images:
        raise InputError(
            "no image with a known suffix is there", url, "check bucket and folder, or --recursive"
        )
    return images


def _is(path: Path, kind: str) -> bool:
    """`Path.is_file` or `is_dir` that tells 'not allowed to look' from 'not there'."""
    try:
        return path.is_dir() if kind == "dir" else path.is_file()
    except OSError as error:
        raise InputError(
            f"cannot be looked up ({error.strerror})", path, "give yourself permission or check the name"
        ) from error


def pictures_in(folder: Path, recursive: bool = False) -> list[Path]:
    """The images in a folder as `list_images` takes them; there may be none. Raises InputError."""
    return _pictures(_files(folder, recursive), folder, recursive)


def _pictures(paths: Sequence[Path], folder: Path, recursive: bool) -> list[Path]:
    images = [p for p in paths if p.suffix.lower() in IMAGE_SUFFIXES]
    plain = {p.with_suffix("") for p in images}

    def is_mask(p: Path) -> bool:
        return any(p.stem.endswith(e) and p.parent / p.stem[: -len(e)] in plain for e in MASK_ENDINGS)

    images = [p for p in images if not is_mask(p)]
    return [p for p in images if p.parent == folder or not _is_result(p)] if recursive else images


def _folder(folder: Path, recursive: bool) -> list[Path]:
    paths = _files(folder, recursive)
    images = _pictures(paths, folder, recursive)
    if not images:
        hint = "" if recursive else ", or look into its subfolders too with a pattern such as FOLDER/**/*.png"
        others = _others(paths)
        there = f" ({others} lie there)" if others else ""
        raise InputError(
            f"the folder holds no image with a known suffix{there}",
            folder,
            f"name the files one by one{hint}",
        )
    return images


def _files(folder: Path, recursive: bool) -> list[Path]:
    """The files of a folder, sorted, hidden ones left out. Raises InputError."""
    try:
        os.listdir(folder)  # glob is silent about a folder that may not be read
        paths = sorted(folder.rglob("*") if recursive else folder.iterdir())
    except OSError as error:
        raise InputError(
            f"the folder cannot be read ({error.strerror})", folder, "give yourself permission"
        ) from error
    return [p for p in paths if not p.name.startswith(".") and p.is_file()]


def note_of_others(inputs: Iterable[str | Path], recursive: bool = False) -> str | None:
    """What to say of the files that `list_images` passes over in the folders among `inputs`; None where there are none.

    Results of cuecast are not counted. Raises InputError.
    """
    folders = [Path(item) for item in inputs if _is(Path(item), "dir")]
    passed = [
        path for folder in folders for path in _files(folder, recursive) if not _is_of_run(path, folder)
    ]
    others = _others(passed)
    if others is None:
        return None
    return f"{', '.join(map(str, folders))}: passed over as no pictures by their suffix: {others}"


def _is_of_run(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder of results, at any depth, that is `folder` or below it."""
    inside = path.relative_to(folder).parents
    return any(holds_results(folder / parent) for parent in inside)


def _others(paths: Iterable[Path]) -> str | None:
    """'3 files (2 .txt, 1 .xcf)', of those that are no pictures by their suffix; None where there are none."""
    counts = Counter(
        p.suffix.lower() or "without suffix" for p in paths if p.suffix.lower() not in IMAGE_SUFFIXES
    )
    if not counts:
        return None
    kinds = [f"{n} {suffix}" for suffix, n in counts.most_common(8)]
    more = counts.total() - sum(n for _, n in counts.most_common(8))
    listed = ", ".join([*kinds, *([f"{more} more"] if more else [])])
    return f"{counts.total()} file{'s' if counts.total() > 1 else ''} ({listed})"


def _list_file(path: Path, recursive: bool, stores: bool) -> list[Path]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(
            f"the file list cannot be read ({error.strerror})", path, "check name and permission"
        ) from error
    return _lines(str(path), text, recursive, stores)


def _lines(where: str, text: str, recursive: bool, stores: bool) -> list[Path]:
    names: Sequence[str] = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if not names:
        raise InputError("the file list is empty", where, "put one path on each line")
    return [p for name in names for p in _expand(name, recursive, stores)]


def check_places(inputs: Iterable[Path], out: Path, *, beside: bool = True) -> None:
    """Refuse an output folder that holds what was given: results would lie among the inputs, or be written over them.

    beside  whether an input may lie in `out` itself, as one video or volume does that is the only one of its call.

    Raises OutputError where `out` is one of the inputs, where an input lies in a folder of results of `out`, or where
    `out` is a cue set.
    """
    top = os.path.realpath(out)
    folders = (str(form.place) for form in result_formats().values() if form.a_file_each)
    written = {os.path.join(top, folder) for folder in (*RESULT_PICTURES, *folders)}
    for path in inputs:
        place, folder = os.path.realpath(path), os.path.realpath(path.parent)
        if folder in written:
            raise OutputError(
                f"this input lies where results of {out} are written", path, "choose another output folder"
            )
        if place == top and path.is_file():
            raise OutputError("this is one of the inputs, not a folder", out, "choose another output folder")
        if place == top or (folder == top and not beside):
            raise OutputError(
                "this is the folder of the inputs, and results would lie among them",
                out,
                f"choose another output folder, such as {out / 'results'}",
            )
    if (out / CUESET).is_file():
        raise OutputError("this is a cue set, whose masks are marks", out, "choose another output folder")
