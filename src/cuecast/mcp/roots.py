"""The folders below which tools may read and write, and the way from what an agent types to a path there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.errors import InputError
from cuecast.io.places import check_path_text, list_images, note_of_others


@dataclass(frozen=True)
class Roots:
    """`folders` are absolute, with every link resolved; relative paths start at the first one. See `open_roots`."""

    folders: tuple[Path, ...]

    def path(self, text: str) -> Path:
        """The absolute path that is meant, whether or not something is there, with every link resolved.

        Raises InputError where it lies outside the roots, or has '..' in it.
        """
        check_path_text(text)
        if ".." in Path(text).parts:
            raise InputError(f"{text}: a path with '..' in it is refused; write the path that is meant")
        path = self.folders[0] / text
        check_path_text(str(path))
        return self.inside(path)

    def inside(self, path: Path) -> Path:
        """`path` with its links resolved, where that lies below a root. Raises InputError."""
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: this is no path ({error}); give the path of a file or folder"
            ) from error
        if not any(real.is_relative_to(folder) for folder in self.folders):
            raise InputError(
                f"{path}: lies, or leads, outside the folders that may be used ({self}); give a path below one of "
                "them, or start 'cuecast mcp' with another --root"
            )
        return real

    def existing(self, text: str) -> Path:
        """As `path`, of a file or folder that is there. Raises InputError."""
        path = self.path(text)
        try:
            there = path.exists()
        except OSError as error:
            raise InputError(
                f"{text}: cannot be looked up ({error.strerror}); give the server permission to read it"
            ) from error
        if not there:
            raise InputError(f"{text}: there is no such file or folder below {self}; check the spelling")
        return path

    def images(self, texts: Sequence[str], recursive: bool = False) -> list[Path]:
        """The images of these files and folders, as `list_images` finds them.

        Raises InputError; also where a link in one of the folders leads outside the roots.
        """
        found = list_images([self.existing(text) for text in texts], recursive)
        for path in found:
            self.inside(path)
        return found

    def note_of_others(self, texts: Sequence[str], recursive: bool = False) -> str | None:
        """What to say of files in these folders that are no images; see `cuecast.io.places.note_of_others`."""
        return note_of_others([self.path(text) for text in texts], recursive)

    def results(self, text: str, names: Iterable[str]) -> Path:
        """A folder that results are read from or written to; none of the `names` in it may be a link outside."""
        path = self.path(text)
        for name in names:
            self.inside(path / name)
        return path

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self.folders)


def open_roots(folders: Sequence[Path]) -> Roots:
    """The roots that a server is started with; without any the current folder. Raises InputError."""
    given = folders or (Path.cwd(),)
    for folder in given:
        if not folder.is_dir():
            raise InputError(f"--root {folder}: there is no such folder; make it, or check the spelling")
    return Roots(tuple(dict.fromkeys(folder.resolve() for folder in given)))
