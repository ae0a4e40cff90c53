"""Labels of other programs as marks of a project's images: looked at before anything is stored, and stored.

They come as a label file, as a .zip of a folder of such, or lie below a root of the server. What a file is, and what
of it cannot be used, is said by the readers of `cuecast.io.labels`; here each of its images is found in the project by
its name.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from cuecast.core.errors import CuecastError, InputError, without_name
from cuecast.core.notes import notes_to
from cuecast.core.objects import connected_instances
from cuecast.core.values import IGNORE, ClassInfo
from cuecast.cues import Cue, marks_document, renumbered
from cuecast.io.bundle import BundleKind, open_bundle
from cuecast.io.formats import Format
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.labels import LabelFile, Picked, check_stated, label_suffixes, open_label_file, plain_name
from cuecast.io.labels.folders import label_files, plain_stem
from cuecast.io.labels.label_maps import MaskFile, NumberedPicture
from cuecast.io.labels.masks import mask_colours, read_labels
from cuecast.io.labels.values import ids_of_colours
from cuecast.runs.convert import source_format
from cuecast.service import content, schemas
from cuecast.service import schemas_labels as wire
from cuecast.service.parts import Parts
from cuecast.service.pictures import check_packing
from cuecast.service.problem import Problem, without_folders
from cuecast.service.store import images, marks, models, people, projects
from cuecast.service.store.classes import join_classes
from cuecast.service.uploads import Upload

ARCHIVE = BundleKind("folder of labels", "", InputError, "choose files", "make several of it")
TEXT_BYTES = 128 << 20
"""Of a label file that is text: it is read as a whole, and takes several times that."""
BESIDE = ("classes.txt", "data.yaml")
"""Files that name the classes of others."""
PICTURES = ("images", "jpegimages")
"""Folders that hold pictures, and no labels, where there are others."""
LISTED = 500
"""Images and reasons that a reply lists at most."""
NAMED = 5
"""Names that stand with a reason."""


def read_upload(upload: Upload, way: wire.LabelsOfFile, project: str, parts: Parts) -> wire.LabelsRead:
    """The labels of a file, or of the files of a .zip, read and, where that is asked for, stored. Blocking.

    Raises Problem: 404, 409, 413; InputError where nothing in it can be read.
    """
    with _unpacked(upload, way.name, parts) as (folder, others):
        return _Reading(folder, folder, way, project, parts, dict(others)).read()


def read_folder(way: wire.LabelsOfFolder, project: str, parts: Parts) -> wire.LabelsRead:
    """The same of a file or folder below a root. Raises Problem with 403, too."""
    place = parts.files.inside(way.path)
    if place.is_dir():
        parts.files.check_links(place)
    top = place if place.is_dir() else place.parent
    return _Reading(place, top, way, project, parts).read()


@contextmanager
def _unpacked(upload: Upload, name: str, parts: Parts) -> Iterator[tuple[Path, dict[str, list[str]]]]:
    """(A folder with the label files of an upload, reason -> files that were left out); it is gone in the end."""
    said = PurePosixPath(name.replace("\\", "/")).name
    left_out: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(dir=parts.files.uploads, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        if not (said.lower().endswith(".zip") and zipfile.is_zipfile(upload.path)):
            os.replace(upload.path, folder / images.plain_name(said, ".json"))
            yield folder, left_out
            return
        try:
            bundle = open_bundle(upload.path, ARCHIVE)
        except InputError as error:
            raise error.reworded(lambda text: text.replace(str(upload.path), said)) from error
        if bundle.members and all(member.lower().endswith(".roi") for member in bundle.members):
            os.replace(upload.path, folder / images.plain_name(said, ".zip"))  # of ImageJ
            yield folder, left_out
            return
        for member in bundle.members:
            if reason := _no_labels(PurePosixPath(member)):
                left_out.setdefault(reason, []).append(member)
                continue
            target = folder / member
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(bundle.read(member))
        yield folder, left_out


def _no_labels(name: PurePosixPath) -> str | None:
    """Why a file of an archive holds no labels, by its name."""
    known = name.name in BESIDE or name.suffix.lower() in (*label_suffixes(), *IMAGE_SUFFIXES)
    return None if known and not name.name.startswith(".") else "is no label file by its suffix"


@dataclass(frozen=True)
class _Target:
    """An image of the project. `version` of its marks, and whether there are any."""

    id: str
    name: str
    size: tuple[int, int]
    version: int
    marked: bool


@dataclass(frozen=True)
class _Labelled:
    """What labels say of an image: a document of marks whose classes are numbers of the reading; name -> objects."""

    target: _Target
    file: str
    document: dict[str, Any]
    counts: dict[str, int]


@dataclass(eq=False)
class _Reading:
    """Labels while they are read. `top`: the folder from which files are named; `left_out`: reason -> names."""

    source: Path
    top: Path
    way: wire.LabelsWay
    project: str
    parts: Parts
    left_out: dict[str, list[str]] = field(default_factory=dict)
    found: dict[str, _Labelled] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)

    def read(self) -> wire.LabelsRead:
        """Read all, store it where that is asked for, and say what came of it."""
        notes: list[str] = []
        files = self.files
        with notes_to(lambda text: notes.append(self._plain(text))):
            for file in files:
                self._read_file(file)
        if self.way.store:
            with self.parts.database.writing() as session:
                self._store(session)
            for image in self.found if self.way.person else ():
                people.refresh(self.parts.database, self.project, image)
        return self._reply(notes)

    @cached_property
    def form(self) -> Format | None:
        """The format that was asked for; None: by the files themselves. Raises InputError."""
        return source_format(self.way.format) if self.way.format else None

    @cached_property
    def classes(self) -> dict[int, str]:
        """Id -> name of the classes of the project."""
        with self.parts.database.reading() as session:
            return {c["id"]: c["name"] for c in projects.find(session, self.project).classes}

    @cached_property
    def targets(self) -> dict[str, list[_Target]]:
        """Name, and stem, as names are compared -> the images of the project that are called so."""
        image, person = models.ImageRow, self.way.person
        row: Any = models.PersonMarksRow if person else models.MarksRow
        marked = row.image_id == image.id
        if person:
            marked = and_(marked, row.person == person)
        query = select(image, row.version, row.kind).outerjoin(row, marked)
        found: dict[str, list[_Target]] = {}
        with self.parts.database.reading() as session:
            for each, version, kind in session.execute(query.where(image.project_id == self.project)):
                size = (each.height, each.width)
                target = _Target(each.id, each.name, size, version or 0, kind is not None)
                for key in dict.fromkeys((plain_name(each.name), plain_name(each.stem))):
                    found.setdefault(key, []).append(target)
        return found

    @cached_property
    def files(self) -> list[Path]:
        """The label files. Raises InputError where there are none, Problem where there are too many."""
        _ = self.form, self.targets  # what is not there is said before anything is read
        try:
            files = label_files(self.source, self.form)
        except InputError as error:
            raise error.reworded(self._plain) from error
        pictures = [
            p for p in files if {part.lower() for part in p.relative_to(self.top).parts} & set(PICTURES)
        ]
        if len(pictures) < len(files):
            for path in pictures:
                self._leave_out("is a picture, and no labels", self._name(path))
            files = [path for path in files if path not in set(pictures)]
        most = self.parts.settings.limits.folder_images
        if len(files) > most:
            said = f"{len(files)} label files, and {most} may be read at once; bring them folder by folder"
            raise Problem("too_many_images", 422, said)
        return files

    @cached_property
    def coloured(self) -> tuple[ClassInfo, ...]:
        """The classes of masks whose colours are classes, so that one means the same in all; else none."""
        colours: set[int] = set()
        for path in self.files:
            if path.suffix.lower() not in IMAGE_SUFFIXES or (found := mask_colours(path)) is None:
                return ()
            colours |= found
        ids = {c: i for c, i in ids_of_colours(colours).items() if i != IGNORE}
        return tuple(
            ClassInfo(i, self._numbered(i), f"#{c:06x}") for c, i in sorted(ids.items(), key=lambda p: p[1])
        )

    def _read_file(self, path: Path) -> None:
        shown = self._name(path)
        try:
            self._check_file(path, shown)
            file = open_label_file(path, self.form)
            listed = file.listed
        except (CuecastError, OSError) as error:
            self._leave_out(self._reason(error, shown), shown)
            return
        for place, entry in enumerate(listed):
            try:
                target = self._target(entry.name)
                picked = Picked(place, entry.name, target.size)
                check_stated(path, entry.size, picked)
                self.found[target.id] = self._labelled(target, shown, *self._labels(path, file, picked))
            except (CuecastError, OSError) as error:
                self._leave_out(self._reason(error, shown), entry.name if len(listed) > 1 else shown)

    def _check_file(self, path: Path, shown: str) -> None:
        """Raise Problem for what would take too much memory, and for what is called a picture and is none."""
        if path.suffix.lower() in IMAGE_SUFFIXES:
            kind = content.image_kind(content.read_head(path), shown)
            check_packing(path, shown, kind, self.parts.settings.limits)
        elif path.stat().st_size > TEXT_BYTES:
            raise Problem(
                "too_large", 413, f"has more than {TEXT_BYTES >> 20} MiB; cut it into several files"
            )

    def _target(self, name: str) -> _Target:
        """The image of the project that labels call so. Raises InputError where it is not to be marked."""
        last = PurePosixPath(plain_name(name.replace("\\", "/"))).name
        targets = self.targets.get(last) or self.targets.get(plain_name(plain_stem(last)), [])
        if len(targets) != 1:
            raise InputError(
                "several pictures of the project are called so"
                if targets
                else "no picture of the project is called so"
            )
        if targets[0].id in self.found:
            raise InputError("another one of the label files is of this picture, too")
        if targets[0].marked and not self.way.replace:
            raise InputError("the picture is marked already")
        return targets[0]

    def _labels(
        self, path: Path, file: LabelFile, picked: Picked
    ) -> tuple[NDArray[np.int32], NDArray[np.int32] | None, dict[int, str]]:
        """(Labels (H, W) with IGNORE, ids (H, W) of its objects or None, label -> name of its class).

        Raises MaskError.
        """
        names = dict(enumerate(file.names, start=1))
        given: Sequence[ClassInfo] | None = [ClassInfo(i, name) for i, name in names.items()] or None
        self.colours |= {c.name: c.colour for c in getattr(file, "classes", ())}
        if isinstance(file, NumberedPicture) and given is None:
            given = self.coloured or self._one_class()
            self.colours |= {c.name: c.colour for c in self.coloured}
        if isinstance(file, MaskFile):
            read = read_labels(path, image=picked, classes=None if file.named else given)
            labels, ids, names = read.mask, read.objects, dict(file.named)
        else:
            found = file.annotations(picked, given)
            labels, ids = found.label_map(), found.object_map() if found.objects else None
        present = {int(v) for v in np.unique(labels) if v > 0}
        return labels, ids, {v: names.get(v) or self._numbered(v) for v in present}

    def _one_class(self) -> list[ClassInfo] | None:
        """The class of which the numbers of a picture may be objects; None where they are classes."""
        form = self.form and self.form.name
        if form != "objects" and (form is not None or len(self.classes) != 1):
            return None
        first, name = next(iter(self.classes.items()))
        return [ClassInfo(first, name)]

    def _numbered(self, number: int) -> str:
        """The name of a class of which a number is all that is known."""
        return self.classes.get(number, f"class {number}")

    def _labelled(
        self,
        target: _Target,
        shown: str,
        labels: NDArray[np.int32],
        ids: NDArray[np.int32] | None,
        names: dict[int, str],
    ) -> _Labelled:
        """The document of an image. Raises InputError where it says nothing that is wanted."""
        pairs = {v: self.numbers.setdefault(n, len(self.numbers) + 1) for v, n in names.items()}
        if not pairs:
            if not self.way.empty:
                raise InputError("nothing is marked on it")
            return _Labelled(target, shown, marks_document(Cue(None, absent=True), None), {})
        lookup = np.zeros(max(pairs) + 1, np.int32)
        lookup[list(pairs)] = list(pairs.values())
        known = np.where(labels == IGNORE, IGNORE, lookup[np.maximum(labels, 0)]).astype(np.int32)
        pieces = connected_instances(known) if ids is None else np.where(known > 0, ids, 0)
        _, first = np.unique(pieces, return_index=True)
        of = Counter(int(known.flat[i]) for i in first if pieces.flat[i] > 0)
        counts = {name: of[number] for name, number in self.numbers.items() if of[number]}
        document = marks_document(Cue(None), known, None if ids is None else pieces)
        return _Labelled(target, shown, document, counts)

    def _store(self, session: Session) -> None:
        """Make it the marks of the images, and its classes those of the project; all or nothing. Raises Problem."""
        owner = projects.find(session, self.project, lock=True)
        infos = [ClassInfo(i, name, self.colours.get(name, "")) for name, i in self.numbers.items()]
        numbers = join_classes(session, owner, infos) if infos else {}
        classes = projects.class_infos(owner.classes)
        for each in self.found.values():
            sent = schemas.Marks.model_validate(renumbered(each.document, numbers))
            document = sent.document()
            row = images.find(session, self.project, each.target.id)
            kind = marks.check(document, each.target.size, classes, row.name)
            if self.way.person:
                people.put(
                    session, self.project, row.id, self.way.person, each.target.version, document, kind
                )
            else:
                marks.put(session, self.project, row.id, each.target.version, document, kind)

    def _reply(self, notes: Sequence[str]) -> wire.LabelsRead:
        total: Counter[str] = Counter()
        for each in self.found.values():
            total.update(each.counts)
        listed = [
            wire.LabelledImage(
                image=e.target.id,
                name=e.target.name,
                file=e.file,
                objects=e.counts,
                absent=bool(e.document["absent"]),
                replaces=e.target.marked,
            )
            for e in list(self.found.values())[:LISTED]
        ]
        known = set(self.classes.values())
        return wire.LabelsRead(
            images=listed,
            count=len(self.found),
            absent=sum(bool(e.document["absent"]) for e in self.found.values()),
            replaced=sum(e.target.marked for e in self.found.values()),
            classes=[wire.LabelledClass(name=n, new=n not in known, objects=total[n]) for n in self.numbers],
            left_out=[
                wire.LeftOut(reason=reason, count=len(names), names=names[:NAMED])
                for reason, names in list(self.left_out.items())[:LISTED]
            ],
            notes=list(notes)[:LISTED],
            stored=self.way.store,
        )

    def _leave_out(self, reason: str, name: str) -> None:
        self.left_out.setdefault(reason, []).append(name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix().encode("utf-8", "replace").decode()

    def _plain(self, text: str) -> str:
        """A message that names files from the folder on."""
        said = text.replace(f"{self.top}{os.sep}", "").replace(str(self.top), "the folder")
        return without_folders(said, self.parts.settings.data).encode("utf-8", "replace").decode()

    def _reason(self, error: Exception, shown: str) -> str:
        """Why something is left out, without the name of its file, which stands beside it."""
        return without_name(self._plain(str(error)), shown)
