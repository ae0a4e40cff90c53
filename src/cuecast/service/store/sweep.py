"""Files that a crash has left without a row: removed at start, when nobody else is in the data folder."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from cuecast.service.files import DataFolder
from cuecast.service.store import models
from cuecast.service.store.database import Database


def sweep(files: DataFolder, database: Database, cache_bytes: int) -> None:
    """Remove unfinished uploads and exports, images and projects that the database does not know, and the oldest of
    the cache.

    Whoever calls holds the data folder for itself (`io.lock.exclusive`).
    """
    for path in files.uploads.iterdir():
        _remove(path)
    with database.reading() as session:
        projects = set(session.scalars(select(models.Project.id)))
        images = set(session.scalars(select(models.Image.path)))
        ids = set(session.scalars(select(models.Image.id)))
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
    """Drop renditions of images that are gone, and the longest unused ones beyond `most` bytes."""
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
