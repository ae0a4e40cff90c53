"""The video or volume of a project: brought in as a body, or named where it lies below the server's roots."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, cast

from sqlalchemy import insert
from sqlalchemy.orm import Session

from cuecast.core.errors import CuecastError, ImageError, InputError
from cuecast.io.formats import suffixes_of
from cuecast.io.places import note_of_others
from cuecast.io.volumes.dicom import series_of
from cuecast.io.volumes.reading import Reading, SeveralVolumesError
from cuecast.service import adding, content, schemas
from cuecast.service.content import Kind, check_volume
from cuecast.service.files import place_input
from cuecast.service.frames import Opened, SourceAt, SourceKind
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem
from cuecast.service.settings import Settings
from cuecast.service.store import images, models, projects
from cuecast.service.store.database import Database
from cuecast.service.store.images import plain_name, stem_key
from cuecast.service.store.wire import source_of
from cuecast.service.uploads import Upload

_OPTION = re.compile(r"--(series|channel)\b")
"""What the library calls after the command line, and is a field of requests here."""


@dataclass(frozen=True)
class _New:
    """A source that was opened and is to become a project's. `path` as in `models.Source`; `chosen`: which of several
    volumes it is."""

    name: str
    path: str
    bytes: int
    digest: str
    source: Opened
    note: str | None
    chosen: Reading


def require_source_project(project: str, database: Database, name: str, chosen: Reading) -> None:
    """Raise before a body is received: Problem with 404 without the project, 415 for one of images; see
    `check_choice`."""
    with database.reading() as session:
        row = projects.find(session, project)
        if row.kind == "images":
            raise Problem(
                "wrong_kind",
                415,
                f"{row.name!r} is a project of images: make one of the kind 'video' or 'volume' for {name[:200]}",
            )
        check_choice(row.kind, chosen)


def add_upload(
    upload: Upload,
    name: str,
    project: str,
    chosen: Reading,
    parts: Parts,
) -> tuple[schemas.Source, bool]:
    """Make an upload the source of a project; (source, whether it is new). Blocking.

    Raises Problem: 404; 409 where it has another source; 415 where it is no video (volume) by content; 422 with the
    choices where it holds several volumes and `chosen` is none of them. Raises what opening it raises.
    """
    with parts.database.reading() as session:
        owner = projects.find(session, project)
        if (there := _present(session, owner, upload.digest, chosen)) is not None:
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
    check_volume(upload.path, shown, kind, parts.settings.limits)
    path = parts.files.take_in(upload.path, project, models.new_id(), kind.suffix)
    place = parts.files.root / path
    try:
        link = place_input(parts.files.inputs(project), shown, place)
        opened = _opened(SourceAt(cast(SourceKind, owner.kind), link, chosen), shown, parts.settings)
        note = _note(opened, link, shown)
        new = _New(shown, path, upload.bytes, upload.digest, opened, note, chosen)
        source, is_new = _save(new, project, parts.database)
        if not is_new:  # another request has added it meanwhile
            place.unlink()
        return source, is_new
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def add_from_server(wanted: schemas.NewFolder, project: str, parts: Parts) -> schemas.FolderAdded:
    """Add what lies at a path of the server: images to a project of images, else its video or volume.

    Raises as `adding.add_folder` and `add_upload` do, 403 outside the roots.
    """
    with parts.database.reading() as session:
        owner = projects.find(session, project)
    chosen = Reading(wanted.channel, wanted.series)
    check_choice(owner.kind, chosen)
    if owner.kind == "images":
        return adding.add_folder(wanted, project, parts)
    try:
        new = _from_server(wanted.path, owner.kind, chosen, parts)
    except OSError as error:
        raise adding.unreadable(Path(wanted.path), error) from error
    source, is_new = _save(new, project, parts.database)
    with parts.database.reading() as session:
        listed = images.page(session, project, adding.LISTED, None).items
    note = note_of_others([Path(new.path)]) if owner.kind == "video" else None
    return schemas.FolderAdded(
        added=listed if is_new else [], count=source.frames if is_new else 0, failed=[], note=note
    )


def check_choice(kind: str, chosen: Reading) -> None:
    """Raise InputError where one of several volumes is chosen for a project of another kind."""
    if kind != "volume" and chosen != Reading():
        raise InputError(
            f"`series` and `channel` choose one of several volumes, and this is a project of the kind {kind!r}: leave "
            "them out"
        )


def _from_server(path: str, kind: str, chosen: Reading, parts: Parts) -> _New:
    """The video or volume at a path of the server. Raises OSError where that cannot be looked at."""
    place = parts.files.inside(path)
    shown = place.name or "source"
    if place.is_file():
        found = content.source_kind(content.read_head(place), shown, kind)
        check_volume(place, shown, found, parts.settings.limits)
        if found.suffix == ".dcm":  # one slice stands for its series, which is read from its folder
            chosen = Reading(chosen.channel, chosen.series or _series_of(place, shown))
            place = parts.files.inside(str(place.parent))
            shown = place.name or "source"
    if place.is_dir():
        parts.files.check_links(place)
    elif not place.is_file():
        raise Problem(
            "not_found", 404, f"{path[:200]!r} is no file or folder on the server; check the spelling"
        )
    opened = _opened(SourceAt(cast(SourceKind, kind), place, chosen), str(place), parts.settings)
    pieces = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    return _New(
        shown,
        str(place),
        sum(p.stat().st_size for p in pieces),
        opened.digest(),
        opened,
        _note(opened, place, shown),
        chosen,
    )


def _series_of(place: Path, shown: str) -> str:
    try:
        return series_of(place)
    except ImageError as error:
        raise ImageError(str(error).replace(str(place), shown)) from error


def _present(
    session: Session, owner: models.ProjectRow, digest: str, chosen: Reading
) -> schemas.Source | None:
    """The source of a project where it is this one. Raises Problem with 409 where it is another one.

    Another series has another digest. A channel that is not chosen is the one that is there: the first, where it is
    the only one.
    """
    there = session.get(models.SourceRow, owner.id)
    if there is not None and (there.digest != digest or chosen.channel not in (None, there.channel or 0)):
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
        if (there := _present(session, owner, new.digest, new.chosen)) is not None:
            return there, False
        height, width = new.source.size
        row = models.SourceRow(
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
            series=new.chosen.series,
            channel=new.chosen.channel,
        )
        session.add(row)
        session.flush()
        session.execute(insert(models.ImageRow), list(_rows(new, project)))
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


def _opened(wanted: SourceAt, shown: str, settings: Settings) -> Opened:
    """Open a source within the limits. Raises what opening it raises, naming it as `shown`."""
    try:
        source = wanted.open()
    except SeveralVolumesError as error:
        raise _several(error, wanted, shown) from error
    except CuecastError as error:
        said = str(error).replace(str(wanted.path), shown)
        raise type(error)(_OPTION.sub(r"`\1`", said)) from error
    except MemoryError as error:
        raise ImageError("not enough memory to read it", shown, "make it smaller") from error
    limits, (height, width) = settings.limits, source.size
    if height * width > limits.pixels:
        raise ImageError(
            f"{width} x {height} pixels are more than the limit of {limits.pixels}", shown, "make it smaller"
        )
    if source.count > limits.frames:
        raise ImageError(
            f"has {source.count} frames or slices and {limits.frames} are allowed", shown, "cut it into parts"
        )
    return source


def _several(error: SeveralVolumesError, wanted: SourceAt, shown: str) -> Problem:
    """What is said of a file or folder with several volumes; the details have the choices, as requests take them."""
    by_name = any(choice.reading.series is not None for choice in error.choices)
    option: Literal["series", "channel"] = "series" if by_name else "channel"
    choices = [
        {"value": str(getattr(choice.reading, option)), "name": choice.name} for choice in error.choices
    ]
    if option == "channel":
        held = f"{len(choices)} volumes (channels or times)"
        said = f"choose one with `channel`, from 0 to {len(choices) - 1}"
    else:
        held = "several series"
        said = "choose one with `series`: " + "; ".join(f"{c['value']} ({c['name']})" for c in choices)
        if (asked := wanted.reading.series) is not None:
            held = f"{held}, and not one of them is {asked!r}"
    return Problem(
        "several_volumes",
        422,
        f"{shown}: holds {held}, and a project has one: {said}",
        {"option": option, "choices": choices},
    )


def _note(source: Opened, place: Path, shown: str) -> str | None:
    """What is to be known of a source, without where it lies and what only the command line has."""
    if source.note is None:
        return None
    return source.note.replace(str(place), shown).replace(", unless --spacing says more", "")


def _shown_name(name: str, kind: Kind) -> str:
    """The name that was sent, with the suffix by which the library reads such a file."""
    plain = plain_name(name, kind.suffix)
    suffix = PurePosixPath(plain).suffix.lower()
    fits = kind.media.startswith("video/") and suffix in suffixes_of("videos")
    return (
        plain if fits or plain.lower().endswith(kind.suffix) else f"{PurePosixPath(plain).stem}{kind.suffix}"
    )
