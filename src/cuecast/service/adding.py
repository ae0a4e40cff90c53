"""What is brought into a project of images: an upload, the images of a folder of the server, a cue set.

A cue set comes as a .zip: its images and marks become those of the project, all of them or none. The archive is not
trusted: `io.bundle` refuses names that lead out, links, too many members, and those that unpack to much more than they
are; nothing is unpacked but the images that cues.json names, one at a time, within the limits of uploads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy.orm import Session

from cuecast.core.errors import CuecastError, CueSetError, InputError, without_name
from cuecast.core.notes import notes_to
from cuecast.cues import CueEntry, entry_document, joined, renumbered
from cuecast.cuesets.cueset import CueSet, entry_example, read_cueset
from cuecast.io.files import file_digest
from cuecast.io.kinds import IMAGE_SUFFIXES, picture_kind
from cuecast.io.places import list_images, note_of_others
from cuecast.service import content, schemas
from cuecast.service.files import DataFolder
from cuecast.service.parts import Parts
from cuecast.service.pictures import check_packing, header_size, open_picture, whole_size
from cuecast.service.problem import Problem
from cuecast.service.settings import Limits
from cuecast.service.store import images, marks, models, projects
from cuecast.service.store.classes import join_classes
from cuecast.service.store.database import Database
from cuecast.service.uploads import Upload


def require_project(project: str, database: Database, kind: str, what: str) -> None:
    """Raise Problem before a body is received: 404 for a project that is not there, 415 for one of another kind."""
    with database.reading() as session:
        projects.require_kind(projects.find(session, project), kind, what[:200])


def add_image(upload: Upload, name: str, project: str, parts: Parts) -> tuple[schemas.Image, bool]:
    """Make an upload an image of a project; (image, whether it is new). Blocking.

    Raises Problem: 404; 415 where it is no image by content. Raises ImageError where it cannot be decoded.
    """
    shown = name[:200]
    with parts.database.reading() as session:
        if (there := images.with_content(session, project, upload.digest)) is not None:
            return images.get(session, project, there.id), False
    kind = content.image_kind(content.read_head(upload.path), shown)
    size = whole_size(upload.path, shown, kind, parts.settings.limits)
    with parts.database.writing() as session:
        owner = projects.find(session, project, lock=True)
        if (there := images.with_content(session, project, upload.digest)) is not None:
            return images.get(session, project, there.id), False
        image = place(upload, shown, kind, project, parts.files, size)
        try:
            images.add(session, owner, image)
        except BaseException:
            parts.files.forget_image(image.path, image.id)
            raise
        return images.get(session, project, image.id), True


def place(
    upload: Upload, name: str, kind: content.Kind, project: str, files: DataFolder, size: tuple[int, int]
) -> images.NewImage:
    """Move an upload to where images lie. It comes before the row: a crash then leaves a file that is swept."""
    image = models.new_id()
    path = files.take_in(upload.path, project, image, kind.suffix)
    return images.NewImage(image, name, path, kind.suffix, size, upload.bytes, upload.digest)


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


def add_folder(wanted: schemas.NewFolder, project: str, parts: Parts) -> schemas.FolderAdded:
    """Add the images of a folder to a project, leaving them where they are; those known by content are passed over.

    All that can be read are added, `TOGETHER` in a transaction, so that others may write between; the rest are named.
    Raises Problem: 403, 404, 422.
    """
    with parts.database.reading() as session:
        projects.find(session, project)
    found = _images(wanted, parts)
    read: list[images.NewImage] = []
    failed: list[schemas.NotAdded] = []
    for path in found:
        try:
            read.append(_read(path, parts))
        except (CuecastError, OSError) as error:
            shown = path.name.encode("utf-8", "replace").decode()
            said = str(error).encode("utf-8", "replace").decode()
            failed.append(schemas.NotAdded(name=shown, error=without_name(said, shown)))
    added: list[str] = []
    for start in range(0, len(read), TOGETHER):
        with parts.database.writing() as session:
            owner = projects.find(session, project, lock=True)
            for new in read[start : start + TOGETHER]:
                if images.with_content(session, project, new.digest) is None:
                    added.append(images.add(session, owner, new).id)
    with parts.database.reading() as session:
        listed = images.sent(session, added[:LISTED])
    note = note_of_others([_folder(wanted.path, parts.files)], wanted.recursive)
    return schemas.FolderAdded(added=listed, count=len(added), failed=failed[:LISTED], note=note)


def _folder(path: str, files: DataFolder) -> Path:
    place = files.inside(path)
    try:
        if place.is_dir():
            return place
    except OSError as error:
        raise unreadable(place, error) from error
    raise Problem("not_found", 404, f"{path[:200]!r} is no folder on the server; check the spelling")


def _images(wanted: schemas.NewFolder, parts: Parts) -> list[Path]:
    """The image files, links resolved. Raises Problem with 422 where there are none, or too many."""
    place, most = _folder(wanted.path, parts.files), parts.settings.limits.folder_images
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


def _read(path: Path, parts: Parts) -> images.NewImage:
    """What is kept of a file that stays where it is. Raises CuecastError or OSError."""
    place = Path(os.path.realpath(path))
    if not parts.files.allows(place):
        raise Problem(
            "outside_roots", 403, f"{path.name} is a link that leads out of the folders that may be read"
        )
    try:
        str(place).encode()
    except UnicodeEncodeError as error:
        raise InputError("the file's name is not valid text; rename it") from error
    kind = content.image_kind(content.read_head(place), path.name)
    size = header_size(place, path.name, kind, parts.settings.limits)
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


@dataclass
class _Marked:
    """An image of the set, on disk, with the marks of all its cues."""

    upload: Upload
    name: str
    kind: content.Kind
    size: tuple[int, int]
    document: dict[str, Any] = field(default_factory=dict)


def add_cueset(upload: Upload, project: str, parts: Parts) -> schemas.CuesetAdded:
    """Add a cue set's images and marks to a project. Classes are matched by name, new ones are added. Blocking.

    Raises Problem: 409 where an image that is there already is marked otherwise. Raises CueSetError and
    InputError for what cannot be read; then nothing was added.
    """

    def named(text: str) -> str:
        return text.replace(str(upload.path), "the cue set")

    notes: list[str] = []
    try:
        cueset = read_cueset(upload.path)
        if not cueset.bundle.is_zip:
            raise CueSetError("the upload is no .zip; pack it with 'cuecast cues zip'")
        with ExitStack() as stack, notes_to(notes.append):
            found = _unpacked(cueset, stack, parts)
            with parts.database.writing() as session:
                placed: list[images.NewImage] = []
                try:
                    added = _added(session, project, cueset, found, parts.files, placed)
                    return added.model_copy(update={"notes": list(map(named, notes))})
                except BaseException:
                    for image in placed:
                        parts.files.forget_image(image.path, image.id)
                    raise
    except (CueSetError, InputError) as error:
        raise error.reworded(named) from error


def _unpacked(cueset: CueSet, stack: ExitStack, parts: Parts) -> dict[str, _Marked]:
    """SHA-256 -> image of the set with its marks, all checked. The files are removed when `stack` is closed."""
    found: dict[str, _Marked] = {}
    names: dict[str, str] = {}
    for entry in cueset.entries:
        if entry.page not in (None, 0):
            raise CueSetError(
                f"the cue is on page {entry.page}, and the service shows the first page alone",
                entry.image,
                "save that page as an image of its own",
            )
        if entry.image not in names:
            marked = _unpack(cueset, entry.image, stack, parts)
            names[entry.image] = marked.upload.digest
            found.setdefault(marked.upload.digest, marked)
        _collect(found[names[entry.image]], entry, cueset, parts.settings.limits)
    return found


def _unpack(cueset: CueSet, name: str, stack: ExitStack, parts: Parts) -> _Marked:
    """Write one image of the archive to a temporary file."""
    shown = PurePosixPath(name).name
    upload = stack.enter_context(_member(cueset, name, parts))
    kind = content.image_kind(content.read_head(upload.path), shown)
    size = whole_size(upload.path, shown, kind, parts.settings.limits)
    return _Marked(upload, shown, kind, size)


@contextmanager
def _member(cueset: CueSet, name: str, parts: Parts) -> Iterator[Upload]:
    info, most = cueset.bundle.members[name], parts.settings.limits.upload_bytes
    assert isinstance(info, zipfile.ZipInfo)
    if info.file_size > most:
        raise Problem(
            "too_large", 413, f"{name} is larger than the {most} bytes that are allowed; make it smaller"
        )
    path = parts.files.new_upload()
    try:
        with (
            zipfile.ZipFile(cueset.root) as archive,
            archive.open(info) as source,
            open(path, "xb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)
            size = target.tell()
        with open(path, "rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        yield Upload(path, size, digest)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zipfile.LargeZipFile) as error:
        raise CueSetError(f"{name} cannot be unpacked ({error}); pack the cue set again") from error
    finally:
        path.unlink(missing_ok=True)


def _collect(marked: _Marked, entry: CueEntry, cueset: CueSet, limits: Limits) -> None:
    """Add what one cue says to the marks of its image. Raises CueSetError where it contradicts another."""
    image = open_picture(marked.upload.path, marked.name, limits.pixels)
    for name in filter(None, (entry.mask, entry.objects)):
        with cueset.bundle.local(name) as place:
            head = content.read_head(place)
            if picture_kind(head) is not None:  # and no label file of another kind
                check_packing(place, name, content.image_kind(head, name), limits)
    document = entry_document(entry, entry_example(cueset, entry, image).marks)
    former = marked.document
    if former and (former["absent"] or document["absent"] or (former["mask"] and document["mask"])):
        raise CueSetError("two cues of the set contradict each other", entry.image, "keep one of them")
    marked.document = joined(former, document)


def _added(
    session: Session,
    project: str,
    cueset: CueSet,
    found: dict[str, _Marked],
    files: DataFolder,
    placed: list[images.NewImage],
) -> schemas.CuesetAdded:
    """Write it all, in the caller's transaction; `placed` gets each image whose file is at its place."""
    owner = projects.find(session, project, lock=True)
    numbers = join_classes(session, owner, cueset.classes)
    for digest, marked in found.items():
        row = images.with_content(session, project, digest)
        if row is None:
            new = place(marked.upload, marked.name, marked.kind, project, files, marked.size)
            placed.append(new)
            row = images.add(session, owner, new)
        sent = schemas.Marks.model_validate(renumbered(marked.document, numbers))
        document = sent.document()
        present = session.get(models.MarksRow, row.id)
        if present is not None and present.kind is not None:
            if present.document != document:
                raise Problem(
                    "marks_exist",
                    409,
                    f"image {row.name!r} is marked already, and otherwise; take its marks away first, or take that "
                    "image out of the cue set",
                )
            if present.teaches:
                continue
        kind = marks.check(document, marked.size, projects.class_infos(owner.classes), row.name)
        marks.write(session, owner, row, document, kind)
    classes = [schemas.Class(**c) for c in owner.classes]
    return schemas.CuesetAdded(images=len(placed), cues=len(found), classes=classes)
