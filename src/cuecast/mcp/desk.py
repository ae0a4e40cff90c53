"""What the tools share: the folders below which they may read and write, the packs, the concept that was learnt last,
and answers with a small picture.
"""

from __future__ import annotations

import functools
import io
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio.from_thread
from mcp.server.mcpserver import Context, Image
from mcp_types import CallToolResult, ContentBlock, TextContent
from PIL import Image as PILImage
from pydantic import BaseModel

from cuecast.core.drawing import thumbnail
from cuecast.core.errors import InputError, PackError, cause
from cuecast.core.ordered import Progress, Step
from cuecast.cuesets.cueset import CueSet, read_cueset, read_examples
from cuecast.engine.packs import Pack, named_pack
from cuecast.io.places import check_path_text, list_images, note_of_others
from cuecast.mcp.schemas import Shown
from cuecast.predictor import Concept, Predictor, load


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
            raise InputError("a path with '..' in it is refused", text, "write the path that is meant")
        path = self.folders[0] / text
        check_path_text(str(path))
        return self.inside(path)

    def inside(self, path: Path) -> Path:
        """`path` with its links resolved, where that lies below a root. Raises InputError."""
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as error:
            raise InputError(
                f"this is no path ({cause(error)})", path, "give the path of a file or folder"
            ) from error
        if not any(real.is_relative_to(folder) for folder in self.folders):
            raise InputError(
                f"lies, or leads, outside the folders that may be used ({self})",
                path,
                "give a path below one of them, or start 'cuecast mcp' with another --root",
            )
        return real

    def existing(self, text: str) -> Path:
        """As `path`, of a file or folder that is there. Raises InputError."""
        path = self.path(text)
        try:
            there = path.exists()
        except OSError as error:
            raise InputError(
                f"cannot be looked up ({error.strerror})", text, "give the server permission to read it"
            ) from error
        if not there:
            raise InputError(f"there is no such file or folder below {self}", text, "check the spelling")
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


class OutOfTimeError(Exception):
    """Ends work between two of its steps: the call has done its share. No error of anything."""


EVERY = 0.25
"""Seconds between two notices of progress."""


@dataclass(eq=False)
class Desk:
    """Where the tools of one server work. `concept` is for one thread at a time: for `heavy` tools.

    pack      name of the pack that is used where a tool names none.
    installs  whether tools may install packs and give them out: they are those of the whole account.
    """

    roots: Roots
    pack: str = "general"
    installs: bool = False
    _learnt: tuple[tuple[str, str, str], Concept] | None = field(default=None, init=False)

    def concept(
        self,
        cueset: CueSet,
        pack: str | None,
        scale: str,
        thresholds: float | Mapping[str, float] | None = None,
    ) -> Concept:
        """What the cues of a set teach; kept until another is asked for. Raises what loading and learning raise.

        thresholds  as `Concept.with_thresholds` takes them; nothing is learnt anew for others.
        """
        chosen = self.find(pack)
        key = (chosen.digest, cueset.digest(), scale)
        if self._learnt is None or self._learnt[0] != key:
            concept = _used(chosen).learn(read_examples(cueset), cueset.classes, scale)
            self._learnt = (key, concept)
        concept = self._learnt[1]
        return concept if thresholds is None else concept.with_thresholds(thresholds)

    def shown(self, shown: Shown) -> CueSet:
        """The cue set that is named, or that of the pack's concept, read. Raises CueSetError, InputError, PackError."""
        return read_cueset(self.place(shown))

    def place(self, shown: Shown) -> Path:
        """Where that cue set lies; one that a pack brings may be read, and nothing else of the pack."""
        if shown.concept is not None:
            return self.find(shown.pack).concept(shown.concept)
        assert shown.cueset is not None
        return self.roots.existing(shown.cueset)

    def may_install(self) -> None:
        """Raise PackError where packs are not the agent's to install or give out."""
        if not self.installs:
            what = "this server installs no packs and gives none out: they are those of the whole account"
            raise PackError(what, remedy="whoever starts it allows that with 'cuecast mcp --packs'")

    def predictor(self, pack: str | None) -> Predictor:
        """The pack of that name, loaded. Raises PackError."""
        return _used(self.find(pack))

    def find(self, pack: str | None) -> Pack:
        """The pack of that name (None: the server's): only installed ones, no folder. Raises PackError."""
        return named_pack(self.pack if pack is None else pack)


def _used(pack: Pack) -> Predictor:
    """The pack, loaded. Raises PackError, which does not say where weights outside of it lie."""
    try:
        return _loaded(str(pack.folder))
    except PackError as error:
        raise error.reworded(pack.without_places) from error


@functools.lru_cache(maxsize=4)
def _loaded(folder: str) -> Predictor:
    return load(folder)


def reporter(context: Context) -> Progress:
    """Tells the client of progress, now and then, from the thread in which a tool runs.

    What it is called from stops there where the client has cancelled the call.
    """
    last = 0.0

    def report(step: Step) -> None:
        nonlocal last
        anyio.from_thread.check_cancelled()
        now = time.monotonic()
        if now - last >= EVERY or step.done == step.total:
            last = now
            anyio.from_thread.run(context.report_progress, float(step.done), float(step.total))

    return report


SIDE = 512
"""The longer side of a picture in an answer, at most, in pixels."""


def answer(figures: BaseModel, picture: PILImage.Image | None) -> CallToolResult:
    """The figures as structured output and as text; the picture, made small, as image content."""
    content: list[ContentBlock] = [TextContent(text=figures.model_dump_json(by_alias=True, indent=2))]
    if picture is not None:
        content.append(Image(data=_jpeg(picture), format="jpeg").to_image_content())
    return CallToolResult(content=content, structured_content=figures.model_dump(mode="json", by_alias=True))


def _jpeg(picture: PILImage.Image) -> bytes:
    buffer = io.BytesIO()
    thumbnail(picture, SIDE).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
