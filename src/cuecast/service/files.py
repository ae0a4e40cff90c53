"""The data folder: where everything is.

    DATA/cuecast.db              SQLite, unless another database was named
    DATA/uploads/                bodies as they come in; swept at start
    DATA/projects/<id>/images/   uploaded originals, <image id>.<suffix>; the video or volume of a project likewise
    DATA/projects/<id>/inputs/   links to the originals under their names, which the results carry
    DATA/projects/<id>/cues/     the cue set as made for the last run
    DATA/projects/<id>/results/  the results tree of `cuecast.runs.images.run`
    DATA/projects/<id>/exports/  <job id>.zip
    DATA/projects/<id>/kept/     results of earlier runs, kept to be compared with
    DATA/projects/<id>/refined/  <job id>/: what a refinement works with, and the pack until it is kept or dropped
    DATA/cache/                  thumbnails and views, and what images look like, <image id>-<what>.<suffix>

A file comes to its place by renaming, before the transaction that names it ends; it leaves after the transaction
that forgot it. So a crash leaves at most a file too many, and `sweep` removes those at start.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from cuecast.core.errors import OutputError
from cuecast.io.places import check_path_text
from cuecast.service.problem import Problem
from cuecast.service.store import models
from cuecast.service.store.database import Database


@dataclass(frozen=True)
class DataFolder:
    """The places in a data folder. `root` and `roots` are resolved; see `Settings`.

    uploads, cache, projects   folders in `root`.
    project, images, cues, results, inputs, exports, kept, refined   the folder of one project, and those in it.
    """

    root: Path
    roots: tuple[Path, ...] = ()

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def projects(self) -> Path:
        return self.root / "projects"

    def project(self, project: str) -> Path:
        return self.projects / project

    def images(self, project: str) -> Path:
        return self.project(project) / "images"

    def cues(self, project: str) -> Path:
        return self.project(project) / "cues"

    def results(self, project: str) -> Path:
        return self.project(project) / "results"

    def inputs(self, project: str) -> Path:
        return self.project(project) / "inputs"

    def exports(self, project: str) -> Path:
        return self.project(project) / "exports"

    def kept(self, project: str) -> Path:
        return self.project(project) / "kept"

    def refined(self, project: str) -> Path:
        return self.project(project) / "refined"

    def make(self) -> None:
        """Make the folders that are not there, readable by their owner alone. Raises OutputError."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.uploads, self.cache, self.projects):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the data folder cannot be made ({error.strerror})", self.root, "choose another with --data"
            ) from error

    def new_upload(self) -> Path:
        """A name for a body that is coming in; nothing is there yet."""
        return self.uploads / f"{secrets.token_hex(12)}.part"

    def original(self, path: str) -> Path:
        """The file of an image, from the `path` of its row: relative to DATA, or absolute below a root.

        Raises Problem: 403 where no root allows it any more, 404 where the file is gone.
        """
        place = (self.root / path).resolve()
        if not (place.is_relative_to(self.projects) or self.allows(place)):
            raise Problem(
                "outside_roots",
                403,
                f"the image's file {place.name!r} is below none of the folders that this service may read; "
                "start it with --root naming its folder",
            )
        if not place.exists():
            raise Problem(
                "file_gone", 404, f"the image's file {place.name!r} is not there any more; put it back"
            )
        return place

    def allows(self, place: Path) -> bool:
        """Whether a resolved path is one of the roots or below one."""
        return any(place.is_relative_to(root) for root in self.roots)

    def inside(self, path: str) -> Path:
        """A folder or file of the server that a request names, links resolved.

        Raises Problem with 403; InputError for what is no path.
        """
        check_path_text(path)
        place = Path(os.path.realpath(path)) if path.startswith("/") else None
        if place is None or not self.allows(place):
            named = ", ".join(map(str, self.roots)) or "none was given: start the service with --root"
            raise Problem(
                "outside_roots", 403, f"{path[:200]!r} is outside the folders that may be read ({named})"
            )
        return place

    def check_links(self, folder: Path) -> None:
        """Raise Problem with 403 where a folder holds a link that leads out of the roots: it would be followed."""
        for path in folder.rglob("*"):
            if path.is_symlink() and not self.allows(path.resolve()):
                raise Problem(
                    "outside_roots",
                    403,
                    f"{path.name} is a link that leads out of the folders that may be read; take it out of the folder",
                )

    def take_in(self, upload: Path, project: str, image: str, suffix: str) -> str:
        """Move an upload to its place; returns its path relative to DATA. Raises OutputError."""
        folder = self.images(project)
        target = folder / f"{image}{suffix}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(upload, target)
            _sync_folder(folder)
        except OSError as error:
            raise OutputError(f"cannot be written ({error.strerror})", target.name, "free space") from error
        return target.relative_to(self.root).as_posix()

    def forget_image(self, path: str, image: str) -> None:
        """Remove what is here of an image. Files below a root stay as they are."""
        self.forget_images({image: path})

    def forget_images(self, images: Mapping[str, str]) -> None:
        """As `forget_image`, of many: id -> path."""
        for path in images.values():
            if not Path(path).is_absolute():
                with suppress(FileNotFoundError):
                    (self.root / path).unlink()
        self._forget_previews(set(images))

    def forget_project(self, project: str, images: Collection[str]) -> None:
        """Remove the folder of a project, and what the cache has of its images."""
        shutil.rmtree(self.project(project), ignore_errors=True)
        self._forget_previews(set(images))

    def _forget_previews(self, images: Collection[str]) -> None:
        for preview in self.cache.iterdir():
            if preview.name.partition("-")[0] in images:
                preview.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a renaming last: without it, a power cut may undo it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place_input(folder: Path, name: str, path: Path) -> Path:
    """The image under its name in the project, so that all results carry it: a link, or a copy where none can be."""
    place = folder / name
    if place.is_symlink() and os.readlink(place) == str(path):
        return place
    folder.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(path)
    except OSError:  # Windows without the right to make links
        shutil.copyfile(path, place)
    return place


def sweep(files: DataFolder, database: Database, cache_bytes: int) -> None:
    """Remove unfinished uploads and exports, images and projects that the database does not know, and the oldest of
    the cache.

    Whoever calls holds the data folder for itself (`io.lock.exclusive`).
    """
    for path in files.uploads.iterdir():
        _remove(path)
    with database.reading() as session:
        projects = set(session.scalars(select(models.ProjectRow.id)))
        images = set(session.scalars(select(models.ImageRow.path)))
        ids = set(session.scalars(select(models.ImageRow.id)))
    for folder in files.projects.iterdir():
        if folder.name not in projects:
            _remove(folder)
            continue
        for path in files.exports(folder.name).glob("*"):
            if path.suffix != ".zip" or path.name.startswith("."):
                _remove(path)
        for path in files.images(folder.name).glob("*"):
            if path.relative_to(files.root).as_posix() not in images:
                _remove(path)
    _shrink(files.cache, ids, cache_bytes)


def _shrink(cache: Path, ids: set[str], most: int) -> None:
    """Drop previews of images that are gone, and the longest unused ones beyond `most` bytes."""
    kept = []
    for path in cache.iterdir():
        if path.name.partition("-")[0] in ids:
            kept.append((path.stat().st_atime, path.stat().st_size, path))
        else:
            _remove(path)
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= most:
            return
        _remove(path)
        total -= size


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
