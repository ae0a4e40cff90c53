"""Objects in a store (s3://bucket/name and the like), through the libraries of fsspec: listed, fetched and put whole.

Inside, an object goes by its URL as `Path` writes it, s3:/bucket/name, and `url_of` gives the URL back. Keys and
regions are found where the libraries look for them: the environment, their own files, the machine's role.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.errors import CuecastError, ImageError, InputError, MissingExtraError, OutputError, cause

LIBRARIES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "memory": "fsspec"}
"""Scheme of a URL -> the library that reads and writes there."""
TAGS = ("ETag", "etag", "md5Hash", "content_md5")
"""What the libraries call the tag of an object's bytes."""
AT_ONCE = 1000
"""Objects that are asked for together; the libraries decide how many connections that takes."""
_STORED = re.compile(rf"({'|'.join(LIBRARIES)}):/+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CREDENTIALS = "check bucket, region and credentials, such as AWS_PROFILE or AWS_ACCESS_KEY_ID"


def is_url(text: str) -> bool:
    """Whether a text is written as a URL, of whatever scheme."""
    return _URL.match(text) is not None


def is_stored(path: Path) -> bool:
    """Whether a path is that of an object or folder in a store."""
    return _STORED.match(str(path)) is not None


def url_of(path: Path) -> str:
    """A path as people write it: with both strokes where it is in a store."""
    return _STORED.sub(r"\1://", str(path), count=1)


@dataclass(frozen=True)
class Store:
    """What lies under one URL. All methods raise `error` with the object, the reason and the remedy.

    system, root  what fsspec makes of the URL.
    """

    url: str
    system: Any
    root: str
    error: type[CuecastError]

    def names(self) -> list[str]:
        """The objects below, each with its folders: 'masks/a.png'; sorted."""
        with self._said(""):
            self.system.invalidate_cache()
            found = self.system.find(self.root)
        return sorted(str(key).removeprefix(self.root).lstrip("/") for key in found)

    def fetch(self, name: str, target: Path) -> Path:
        """Copy an object into a file, whose folder is there."""
        with self._said(name):
            self.system.get_file(f"{self.root}/{name}", str(target))
        return target

    def fetch_all(self, names: Sequence[str], folder: Path) -> list[Path]:
        """Copy objects into files of the same names in a folder, many at once."""
        found = [folder / name for name in names]
        for place in {path.parent for path in found}:
            place.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(found), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            with self._said(""):
                self.system.get(
                    [f"{self.root}/{name}" for name in names[part]], [str(p) for p in found[part]]
                )
        return found

    def state(self, name: str) -> str | None:
        """What changes whenever an object does, so that its bytes need not be read again: the store's tag and the size.

        None where there is no such object, or the store gives no tags. It may be that of the last listing; an object
        that was replaced since has another one in the next.
        """
        with self._said(name):
            try:
                found = self.system.info(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
        tag = next((found[key] for key in TAGS if found.get(key)), None)
        return None if tag is None else f"{tag} {found.get('size')}"

    def has(self, name: str) -> bool:
        """Whether there is such an object."""
        with self._said(name):
            self.system.invalidate_cache()
            return bool(self.system.isfile(f"{self.root}/{name}"))

    def put(self, source: Path, name: str) -> None:
        """Put a file as an object. Readers see all of it or what was there before; killed, nothing of it."""
        with self._said(name):
            self.system.put_file(str(source), f"{self.root}/{name}")

    def remove(self, name: str) -> None:
        """Take an object away."""
        with self._said(name):
            self.system.rm_file(f"{self.root}/{name}")

    @contextmanager
    def _said(self, name: str) -> Iterator[None]:
        """Makes one kind of error of all that the libraries raise, which have no common base."""
        where = f"{self.url}/{name}" if name else self.url
        try:
            yield
        except FileNotFoundError as error:
            raise self.error("there is no such object or bucket", where, "check the name") from error
        except PermissionError as error:
            raise self.error(f"access is denied ({cause(error)})", where, _CREDENTIALS) from error
        except Exception as error:
            raise self.error(
                f"the store does not answer as it should ({error})", where, _CREDENTIALS
            ) from error


def open_store(path: str | Path, error: type[CuecastError] = OutputError) -> Store:
    """The store under a URL. Raises InputError for an unknown scheme, MissingExtraError without its library."""
    scheme = str(path).partition(":")[0]
    if scheme not in LIBRARIES:
        known = ", ".join(f"{name}://" for name in LIBRARIES)
        raise InputError(f"{scheme}:// is not known; known are {known}", path, "copy the files here first")
    url, library = url_of(Path(path)), LIBRARIES[scheme]
    try:
        import fsspec.core

        system, root = fsspec.core.url_to_fs(url)
    except ImportError as missing:
        name = "'cuecast[cloud]'" if library in ("s3fs", "fsspec") else library
        raise MissingExtraError(f"{scheme}:// needs {library}", url, f"run: pip install {name}") from missing
    return Store(url, system, str(root).rstrip("/"), error)


def is_there(path: Path) -> bool:
    """Whether there is a file, or an object in a store. Raises ImageError where the store does not answer."""
    return open_store(path.parent, ImageError).has(path.name) if is_stored(path) else path.is_file()


def state_of(path: Path) -> str | None:
    """See `Store.state`; None for a file, whose bytes are read again. Raises ImageError."""
    return open_store(path.parent, ImageError).state(path.name) if is_stored(path) else None


@contextmanager
def held(path: Path) -> Iterator[Path]:
    """A file that can be read: `path` itself, or for as long as the block goes a copy of the object.

    Raises ImageError where there is none; errors of the block speak of the object, not of the copy.
    """
    if not is_stored(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="cuecast-") as folder:
        copy = open_store(path.parent, ImageError).fetch(path.name, Path(folder, path.name))
        try:
            yield copy
        except CuecastError as error:
            raise error.reworded(lambda text: text.replace(str(copy), url_of(path))) from error
