"""The video or volume of a project: brought in as a body, or named where it lies below the server's roots."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from cuecast.errors import CuecastError, ImageError
from cuecast.io.files import note_of_others
from cuecast.io.video import VIDEO_SUFFIXES
from cuecast.io.volumes.reading import SeveralVolumesError
from cuecast.service import content, folders, schemas
from cuecast.service.compute.runs import place_input
from cuecast.service.compute.sources import Source, SourceKind, open_source
from cuecast.service.content import Kind
from cuecast.service.files import DataFolder
from cuecast.service.problem import Problem
from cuecast.service.settings import Settings
from cuecast.service.store import images, models, projects
from cuecast.service.store.database import Database
from cuecast.service.store.naming import plain_name, stem_key
from cuecast.service.store.wire import source_of
from cuecast.service.uploads import Upload

HEADER = 1 << 16
"""Bytes of a text header that are looked at."""


@dataclass(frozen=True)
class _New:
    """A source that was opened and is to become a project's. `path` as in `models.Source`."""

    name: str
    path: str
    bytes: int
    digest: str
    source: Source
    note: str | None


def require_source_project(project: str, database: Database, name: str) -> None:
    """Raise Problem before a body is received: 404 without the project, 415 for one of images."""
    with database.reading() as session:
        row = projects.find(session, project)
        if row.kind == "images":
            raise Problem(
                "wrong_kind",
                415,
                f"{row.name!r} is a project of images: make one of the kind 'video' or 'volume' for {name[:200]}",
            )


def add_upload(
    upload: Upload, name: str, project: str, *, database: Database, files: DataFolder, settings: Settings
) -> tuple[schemas.Source, bool]:
    """Make an upload the source of a project; (source, whether it is new). Blocking.

    Raises Problem: 404; 409 where it has another source; 415 where it is no video (volume) by content. Raises what
    opening it raises.
    """
    with database.reading() as session:
        owner = projects.find(session, project)
        if (there := _present(session, owner, upload.digest)) is not None:
            return there, False
    kind = content.source_kind(content.read_head(upload.path), name[:200], owner.kind)
    shown = _shown_name(name, kind)
    if kind.suffix == ".dcm":
        raise Problem(
            "wrong_kind",
            415,
            f"{shown} is one slice: a DICOM series is a folder, which is added where it lies (POST .../folder), or is "
            "converted to NIfTI",
        )
    _check_header(upload.path, shown, kind, settings)
    path = files.take_in(upload.path, project, models.new_id(), kind.suffix)
    place = files.root / path
    try:
        link = place_input(files.inputs(project), shown, place)
        opened = _opened(owner.kind, link, shown, settings)
        new = _New(shown, path, upload.bytes, upload.digest, opened, _note(opened, link, shown))
        source, is_new = _save(new, project, database)
        if not is_new:  # another request has added it meanwhile
            place.unlink()
        return source, is_new
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def add_from_server(
    wanted: schemas.NewFolder, project: str, *, database: Database, files: DataFolder, settings: Settings
) -> schemas.FolderAdded:
    """Add what lies at a path of the server: images to a project of images, else its video or volume.

    Raises as `folders.add_folder` and `add_upload` do, 403 outside the roots.
    """
    with database.reading() as session:
        owner = projects.find(session, project)
    if owner.kind == "images":
        return folders.add_folder(wanted, project, database=database, files=files, settings=settings)
    try:
        new = _from_server(wanted, owner.kind, files, settings)
    except OSError as error:
        raise folders.unreadable(Path(wanted.path), error) from error
    source, is_new = _save(new, project, database)
    with database.reading() as session:
        listed = images.page(session, project, folders.LISTED, None).items
    note = note_of_others([Path(new.path)]) if owner.kind == "video" else None
    return schemas.FolderAdded(
        added=listed if is_new else [], count=source.frames if is_new else 0, failed=[], note=note
    )


def _from_server(wanted: schemas.NewFolder, kind: str, files: DataFolder, settings: Settings) -> _New:
    """The video or volume at a path of the server. Raises OSError where that cannot be looked at."""
    place = files.inside(wanted.path)
    shown = place.name or "source"
    if place.is_dir():
        files.check_links(place)
    elif place.is_file():
        _check_header(place, shown, content.source_kind(content.read_head(place), shown, kind), settings)
    else:
        raise Problem(
            "not_found", 404, f"{wanted.path[:200]!r} is no file or folder on the server; check the spelling"
        )
    opened = _opened(kind, place, str(place), settings)
    parts = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    return _New(
        shown,
        str(place),
        sum(p.stat().st_size for p in parts),
        opened.digest(),
        opened,
        _note(opened, place, shown),
    )


def _present(session: Session, owner: models.Project, digest: str) -> schemas.Source | None:
    """The source of a project where it is this one. Raises Problem with 409 where it is another one."""
    there = session.get(models.Source, owner.id)
    if there is not None and there.digest != digest:
        raise Problem(
            "source_exists",
            409,
            f"{owner.name!r} has its {owner.kind} already, {there.name}: make another project for this one",
        )
    return None if there is None else source_of(there)


def _save(new: _New, project: str, database: Database) -> tuple[schemas.Source, bool]:
    """Write the source and its images, in one transaction; (source, whether it is new)."""
    with database.writing() as session:
        owner = projects.find(session, project, lock=True)
        if (there := _present(session, owner, new.digest)) is not None:
            return there, False
        height, width = new.source.size
        row = models.Source(
            project_id=project,
            name=new.name,
            path=new.path,
            bytes=new.bytes,
            digest=new.digest,
            frames=new.source.count,
            width=width,
            height=height,
            seconds=new.source.seconds,
            note=new.note,
        )
        session.add(row)
        session.flush()
        session.execute(insert(models.Image), list(_rows(new, project)))
        owner.updated = models.now()
        return source_of(row), True


def _rows(new: _New, project: str) -> Iterator[dict[str, Any]]:
    """The images of a source. They are named as its masks are, and sorted by number whatever their names."""
    height, width = new.source.size
    for index in range(new.source.count):
        stem = new.source.stem(index)
        yield {
            "id": models.new_id(),
            "project_id": project,
            "name": f"{stem}.png",
            "stem": stem,
            "stem_key": stem_key(stem),
            "order_key": f"{index:09d}",
            "path": new.path,
            "width": width,
            "height": height,
            "bytes": new.bytes // new.source.count,
            "digest": hashlib.sha256(f"{new.digest}#{index}".encode()).hexdigest(),
            "frame": index,
            "seconds": new.source.shown(index),
            "created": models.now(),
        }


def _opened(kind: str, place: Path, shown: str, settings: Settings) -> Source:
    """Open a source within the limits. Raises what opening it raises, naming it as `shown`."""
    try:
        source = open_source(cast(SourceKind, kind), place)
    except SeveralVolumesError as error:
        raise _several(error, place, shown) from error
    except CuecastError as error:
        raise type(error)(str(error).replace(str(place), shown)) from error
    except MemoryError as error:
        raise ImageError(f"{shown}: not enough memory to read it; make it smaller") from error
    limits, (height, width) = settings.limits, source.size
    if height * width > limits.pixels:
        raise ImageError(
            f"{shown}: {width} x {height} pixels are more than the limit of {limits.pixels}; make it smaller"
        )
    if source.count > limits.frames:
        raise ImageError(
            f"{shown}: has {source.count} frames or slices and {limits.frames} are allowed; cut it into parts"
        )
    return source


def _several(error: SeveralVolumesError, place: Path, shown: str) -> Problem:
    """What is said of a file or folder with several volumes, in the words of the service; the details name them."""
    if place.is_dir():
        said = f"{shown}: holds several series, and a project has one: put that one in a folder of its own; they are "
        said += "; ".join(error.volumes)
    else:
        said = (
            f"{shown}: holds {len(error.volumes)} volumes (channels or times), and a project has one: save that one "
            "as a file of its own; `cuecast volume` on the command line takes any of them"
        )
    return Problem("several_volumes", 422, said, {"volumes": list(error.volumes)})


def _note(source: Source, place: Path, shown: str) -> str | None:
    """What is to be known of a source, without where it lies and what only the command line has."""
    if source.note is None:
        return None
    return source.note.replace(str(place), shown).replace(", unless --spacing says more", "")


def _shown_name(name: str, kind: Kind) -> str:
    """The name that was sent, with the suffix by which the library reads such a file."""
    plain = plain_name(name, kind.suffix)
    suffix = PurePosixPath(plain).suffix.lower()
    fits = kind.media.startswith("video/") and suffix in VIDEO_SUFFIXES
    return (
        plain if fits or plain.lower().endswith(kind.suffix) else f"{PurePosixPath(plain).stem}{kind.suffix}"
    )


def _check_header(path: Path, shown: str, kind: Kind, settings: Settings) -> None:
    """Raise Problem where the header of a volume names other files, or ImageError where it states too many voxels."""
    if kind.suffix == ".nrrd":
        with open(path, "rb") as stream:
            header = stream.read(HEADER).replace(b"\r", b"").split(b"\n\n")[0]
        fields = header.lower().replace(b" ", b"")
        if any(field in fields for field in (b"datafile", b"lineskip", b"byteskip")):
            said = f"{shown} has its voxels elsewhere than behind its header: save it as one file (.nrrd)"
            raise Problem("wrong_kind", 415, said)
    voxels = None
    with suppress(Exception):  # a damaged header is named by who reads the file
        voxels = _VOXELS[kind.suffix](path) if kind.suffix in _VOXELS else None
    if voxels is not None and voxels > settings.limits.voxels:
        raise ImageError(
            f"{shown}: {voxels} voxels are more than the limit of {settings.limits.voxels}; cut out a part"
        )


def _nifti_voxels(path: Path) -> int:
    import nibabel

    packed = content.read_head(path)[:2] == b"\x1f\x8b"
    with gzip.open(path) if packed else open(path, "rb") as stream:
        head = stream.read(540)
    two = head[4:8] == b"n+2\0"
    made: Any = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    return _product(made(head[: 540 if two else 348]).get_data_shape())


def _nrrd_voxels(path: Path) -> int:
    import nrrd

    with open(path, "rb") as stream:
        return _product(nrrd.read_header(stream)["sizes"])


def _tiff_voxels(path: Path) -> int:
    import tifffile

    with tifffile.TiffFile(path) as tif:
        return _product(tif.series[0].shape)


def _product(shape: Any) -> int:
    return int(np.prod([int(n) for n in shape], dtype=object))


_VOXELS: dict[str, Callable[[Path], int]] = {
    ".nii": _nifti_voxels,
    ".nii.gz": _nifti_voxels,
    ".nrrd": _nrrd_voxels,
    ".tif": _tiff_voxels,
}
"""Suffix -> the number of voxels that a file's header states."""
