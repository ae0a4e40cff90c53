"""Folders of the server: looked through below the roots, and their images added where they lie."""

from __future__ import annotations

import os
from pathlib import Path

from cuecast.core.errors import CuecastError, InputError, without_name
from cuecast.io.files import file_digest
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.places import list_images, note_of_others
from cuecast.service import content, schemas
from cuecast.service.files import DataFolder
from cuecast.service.pictures import header_size
from cuecast.service.problem import Problem
from cuecast.service.settings import Settings
from cuecast.service.store import images, models, projects
from cuecast.service.store.database import Database

TOGETHER = 50
"""Images that are added in one transaction: while it goes on, nobody else can save marks."""
LISTED = 500
"""Images and failures that a reply lists at most."""


def look_into(path: str, files: DataFolder) -> schemas.Folder:
    """The folders in a folder, and the number of its images; for '' the roots. Raises Problem: 403, 404."""
    if not path:
        return schemas.Folder(path="", parent=None, folders=[str(r) for r in files.roots], images=0)
    place = _folder(path, files)
    try:
        with os.scandir(place) as entries:
            shown = [e for e in entries if not e.name.startswith(".") and e.name.isprintable()]
            # A link that leads out of the roots is not shown: it could not be opened.
            folders = sorted(e.name for e in shown if e.is_dir() and files.allows(Path(e.path).resolve()))
            count = sum(Path(e.name).suffix.lower() in IMAGE_SUFFIXES and e.is_file() for e in shown)
    except OSError as error:
        raise unreadable(place, error) from error
    parent = str(place.parent) if files.allows(place.parent) else ""
    return schemas.Folder(path=str(place), parent=parent, folders=folders, images=count)


def add_folder(
    wanted: schemas.NewFolder, project: str, *, database: Database, files: DataFolder, settings: Settings
) -> schemas.FolderAdded:
    """Add the images of a folder to a project, leaving them where they are; those known by content are passed over.

    All that can be read are added, `TOGETHER` in a transaction, so that others may write between; the rest are named.
    Raises Problem: 403, 404, 422.
    """
    with database.reading() as session:
        projects.find(session, project)
    found = _images(wanted, files, settings.limits.folder_images)
    read: list[images.NewImage] = []
    failed: list[schemas.NotAdded] = []
    for path in found:
        try:
            read.append(_read(path, files, settings))
        except (CuecastError, OSError) as error:
            shown = path.name.encode("utf-8", "replace").decode()
            said = str(error).encode("utf-8", "replace").decode()
            failed.append(schemas.NotAdded(name=shown, error=without_name(said, shown)))
    added: list[str] = []
    for start in range(0, len(read), TOGETHER):
        with database.writing() as session:
            owner = projects.find(session, project, lock=True)
            for new in read[start : start + TOGETHER]:
                if images.with_content(session, project, new.digest) is None:
                    added.append(images.add(session, owner, new).id)
    with database.reading() as session:
        listed = images.sent(session, added[:LISTED])
    note = note_of_others([_folder(wanted.path, files)], wanted.recursive)
    return schemas.FolderAdded(added=listed, count=len(added), failed=failed[:LISTED], note=note)


def _folder(path: str, files: DataFolder) -> Path:
    place = files.inside(path)
    try:
        if place.is_dir():
            return place
    except OSError as error:
        raise unreadable(place, error) from error
    raise Problem("not_found", 404, f"{path[:200]!r} is no folder on the server; check the spelling")


def _images(wanted: schemas.NewFolder, files: DataFolder, most: int) -> list[Path]:
    """The image files, links resolved. Raises Problem with 422 where there are none, or too many."""
    place = _folder(wanted.path, files)
    try:
        listed = list_images([place], wanted.recursive)
    except InputError as error:
        raise Problem("no_images", 422, str(error)) from error
    if len(listed) > most:
        raise Problem(
            "too_many_images",
            422,
            f"{place} holds {len(listed)} images and {most} may be added at once; add its folders one by one",
        )
    return listed


def _read(path: Path, files: DataFolder, settings: Settings) -> images.NewImage:
    """What is kept of a file that stays where it is. Raises CuecastError or OSError."""
    place = Path(os.path.realpath(path))
    if not files.allows(place):
        raise Problem(
            "outside_roots", 403, f"{path.name} is a link that leads out of the folders that may be read"
        )
    try:
        str(place).encode()
    except UnicodeEncodeError as error:
        raise InputError("the file's name is not valid text; rename it") from error
    kind = content.image_kind(content.read_head(place), path.name)
    size = header_size(place, path.name, kind, settings.limits)
    length = place.stat().st_size
    return images.NewImage(
        models.new_id(), path.name, str(place), kind.suffix, size, length, file_digest(place)
    )


def unreadable(place: Path, error: OSError) -> Problem:
    """403 for what the system does not let us look at."""
    return Problem(
        "unreadable",
        403,
        f"{place} cannot be read ({error.strerror}); give the service permission to read it",
    )
