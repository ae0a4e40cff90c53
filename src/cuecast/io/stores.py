"""Objects in a store (s3://bucket/name and the like), through the libraries of fsspec: listed, fetched and put whole.

Inside, an object goes by its URL as `Path` writes it, s3:/bucket/name, and `url_of` gives the URL back. Keys and
regions are found where the libraries look for them: the environment, their own files, the machine's role.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.errors import CuecastError, ImageError, InputError, MissingExtraError, OutputError, cause

LIBRARIES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "memory": "fsspec"}
"""Scheme of a URL -> the library that reads and writes there."""
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
