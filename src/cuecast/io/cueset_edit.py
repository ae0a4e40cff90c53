"""Making a cue set and adding cues to it: images are copied in, every change is atomic."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image as PILImage

from cuecast.errors import CueSetError
from cuecast.io.bundle import Bundle, write_zip
from cuecast.io.cueset import (
    INDEX,
    CueEntry,
    CueSet,
    build_example,
    check_classes,
    class_problem,
    read_cueset,
    to_json,
)
from cuecast.io.files import write_bytes
from cuecast.io.images import read_image
from cuecast.io.lock import exclusive
from cuecast.io.masks import write_mask
from cuecast.types import Box, ClassInfo, Example, Image, Marks, Point, Polygon, Scribble


def new_cueset(path: str | Path, classes: Sequence[ClassInfo | str] = ("thing",)) -> CueSet:
    """Make an empty cue set: a folder, or an archive where `path` ends in .zip.

    `classes` are names of class 1, 2, ..., or ClassInfo. Raises CueSetError where something is there already.
    """
    root = Path(path)
    infos = tuple(c if isinstance(c, ClassInfo) else ClassInfo(i, c) for i, c in enumerate(classes, start=1))
    if wrong := class_problem(infos):
        raise CueSetError(f"{root}: {wrong}; give each class its own name and id")
    if root.is_file() or (root.is_dir() and any(root.iterdir())):
        remedy = (
            f"add to it with 'cuecast cues add {root}'" if (root / INDEX).exists() else "choose a new name"
        )
        raise CueSetError(f"{root}: there is something already; {remedy}")
    bundle = Bundle(root, {}, is_zip=root.suffix.lower() == ".zip")
    if not bundle.is_zip:
        for folder in (root / "images", root / "masks"):
            _make_folder(folder)
    _store(bundle, {INDEX: to_json(infos, ()).encode()})
    return read_cueset(root)


def add_cue(
    path: str | Path,
    image: Any,
    *,
    mask: Any = None,
    value: int | Sequence[int] | None = None,
    boxes: Sequence[Box] = (),
    points: Sequence[Point] = (),
    scribbles: Sequence[Scribble] = (),
    polygons: Sequence[Polygon] = (),
    absent: bool = False,
    page: int | None = None,
    classes: Sequence[ClassInfo] = (),
) -> CueSet:
    """Copy an image with its marks into a cue set; returns the set as it is then.

    image    path, bytes, PIL image or array; files are copied as they are, the rest is stored as PNG.
    mask     as `Cue.mask`; stored as a PNG of class ids.
    classes  classes that the set does not know yet and that this cue brings.

    Everything is checked before anything is written, and the set never lists a file that is not there.
    Raises ImageError, MaskError, CueError, CueSetError, OutputError.
    """
    root = Path(path)
    values = None if value is None else (value,) if isinstance(value, int) else tuple(value)
    draft = CueEntry(
        "", None, values, tuple(boxes), tuple(points), tuple(scribbles), tuple(polygons), absent, page
    )
    with exclusive(root if root.is_dir() else root.parent, wait=True):
        cueset = read_cueset(root)
        infos = (*cueset.classes, *(c for c in classes if c not in cueset.classes))
        if wrong := class_problem(infos):
            raise CueSetError(f"{root}: {wrong}; give each class its own name and id")
        read = read_image(image, page=page)
        example = build_example(read, draft, mask, infos)
        check_classes(example.marks, infos, read.name)
        files, entry = _files_of(cueset, draft, image, example, mask is not None)
        _check_contradiction(cueset, entry)
        files[INDEX] = to_json(infos, (*cueset.entries, entry)).encode()
        _store(cueset.bundle, files)
    return read_cueset(root)


def pack_cueset(path: str | Path, target: str | Path) -> Path:
    """Write a cue set as a .zip: cues.json and the files it names. Raises CueSetError, OutputError."""
    cueset = read_cueset(path)
    names = sorted({n for e in cueset.entries for n in (e.image, e.mask) if n})

    def files() -> Iterator[tuple[str, bytes]]:
        yield INDEX, to_json(cueset.classes, cueset.entries).encode()
        for name in names:
            yield name, cueset.bundle.read(name)

    return write_zip(Path(target), files())


def _check_contradiction(cueset: CueSet, entry: CueEntry) -> None:
    for other in cueset.entries:
        if other.image == entry.image and other.page == entry.page and other.absent != entry.absent:
            raise CueSetError(
                f"{cueset.root}: {entry.image} is a cue already and says the opposite (absent or marked); "
                f"take that cue out of {INDEX} first"
            )


def _files_of(
    cueset: CueSet, draft: CueEntry, source: Any, example: Example, has_mask: bool
) -> tuple[dict[str, bytes], CueEntry]:
    """The files that a new cue brings, and its entry with their names in the set."""
    files: dict[str, bytes] = {}
    data, suffix = _image_bytes(source)
    page = draft.page if data is not None else None
    data = data if data is not None else _png(example.image)
    image = _free_name(cueset.bundle, "images", _plain(Path(example.image.name).stem), suffix, data)
    files[image] = data
    mask = None
    if has_mask:
        marks = example.marks
        # polygons were drawn into the mask: with a mask they are stored as part of it
        data = _mask_bytes(marks, cueset.classes)
        mask = _free_name(cueset.bundle, "masks", PurePosixPath(image).stem, ".png", data)
        files[mask] = data
    polygons = () if has_mask else draft.polygons
    return files, replace(draft, image=image, mask=mask, value=None, polygons=polygons, page=page)


def _image_bytes(source: Any) -> tuple[bytes | None, str]:
    """The file as it was given with its suffix; (None, '.png') where there is no file."""
    if isinstance(source, str | Path):
        return Path(source).read_bytes(), Path(source).suffix.lower()
    if isinstance(source, bytes):
        with PILImage.open(io.BytesIO(source)) as opened:
            return source, f".{(opened.format or 'bin').lower()}"
    return None, ".png"


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(image.pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _mask_bytes(marks: Marks, classes: Sequence[ClassInfo]) -> bytes:
    assert marks.mask is not None
    with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
        return write_mask(Path(folder) / "mask.png", marks.mask, classes).read_bytes()


def _plain(stem: str) -> str:
    """A stem that every file system takes."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", stem).strip(". ") or "cue"


def _free_name(bundle: Bundle, folder: str, stem: str, suffix: str, data: bytes) -> str:
    """`folder/stem+suffix`, with -2, -3... where another file has that name; the same bytes share a name."""
    taken = {name.casefold(): name for name in bundle.members}
    number = 1
    while True:
        name = f"{folder}/{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        other = taken.get(name.casefold())
        if other is None:
            return name
        if folder == "images" and bundle.read(other) == data:
            return other
        number += 1


def _store(bundle: Bundle, files: Mapping[str, bytes]) -> None:
    """Put files into a folder, cues.json last, or into an archive, written anew: atomic both ways."""
    if bundle.is_zip:
        names = sorted({*files, *bundle.members}, key=lambda name: (name != INDEX, name))
        write_zip(bundle.path, ((n, files[n] if n in files else bundle.read(n)) for n in names))
        return
    for name, data in sorted(files.items(), key=lambda item: item[0] == INDEX):
        if name == INDEX or name not in bundle.members:
            _make_folder((bundle.path / name).parent)
            write_bytes(bundle.path / name, data)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CueSetError(
            f"{folder}: the folder cannot be made ({error.strerror}); choose a place you may write to"
        ) from error
