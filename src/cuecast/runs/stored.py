"""A run whose folder of results is in a store: done in a folder of this machine, and put there object by object.

An object cannot be appended to. So each picture's line of the manifest is an object of its own in parts/, put after the
picture's files: what has no line is no result. The run that ends puts manifest.jsonl and takes the parts away; the one
that goes on after a stop reads both, and of all else what it needs: masks and ids, and for a report the overlays. A
store knows no locks: two runs must not write to one OUT at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from cuecast.core.errors import CuecastError
from cuecast.core.ordered import Progress, Step
from cuecast.cue_quality import check
from cuecast.io.files import MANIFEST, write_text
from cuecast.io.stores import Store, open_store, url_of
from cuecast.results import provenance
from cuecast.results.gather import FOLDERS, REPORT, Results
from cuecast.results.manifest import ManifestEntry
from cuecast.runs.images import BatchSummary

PARTS = "parts"
"""Folder of the lines that no manifest holds yet, an object each."""
NEEDED = (MANIFEST, "masks", "objects", check.NAME, provenance.NAME)
"""Files, and folders of them, that every run reads of what is in OUT."""


def run_stored(
    run: Callable[[Path, Progress], BatchSummary], out: Path, progress: Progress, needed: Collection[str] = ()
) -> BatchSummary:
    """What `run(folder, progress)` comes to, its folder being that of the store at `out`.

    needed  folders of results, besides masks and ids, whose files are read by it.

    Raises as `run` does, and OutputError where the store does not take what is put.
    """
    with tempfile.TemporaryDirectory(prefix="cuecast-") as top:
        copy = _Copy(open_store(out), Path(top, "results", out.name), Path(top, "part.jsonl"))
        copy.pull({*NEEDED, *needed})

        def told(step: Step) -> None:
            if step.entry is not None and not step.resumed:
                copy.put_entry(step.entry)
            progress(step)

        try:
            summary = run(copy.folder, told)
        except CuecastError as error:
            raise error.reworded(lambda text: text.replace(str(copy.folder), url_of(out))) from error
        copy.put_all()
        return replace(
            summary,
            out=out,
            files={kind: out / path.relative_to(copy.folder) for kind, path in summary.files.items()},
            edited=tuple(out / path.relative_to(copy.folder) for path in summary.edited),
        )


@dataclass(frozen=True)
class _Copy:
    """The folder of this machine that stands for the store; `same`: object -> its file as it was fetched or put."""

    store: Store
    folder: Path
    part: Path
    same: dict[str, tuple[int, int]] = field(default_factory=dict)

    def pull(self, needed: Collection[str]) -> None:
        """Fetch what a run reads: the files in the folders `needed`, or of these names.

        Lines in parts/ become lines of the manifest. For all else that is there an empty file stands, which is not put
        as long as it stays empty.
        """
        names = self.store.names()
        self.folder.mkdir(parents=True)
        parts = [n for n in names if n.startswith(f"{PARTS}/")]
        others = [n for n in names if not n.startswith(f"{PARTS}/")]
        if REPORT in others:
            needed = {*needed, "overlays"}
        read = [n for n in others if n.rpartition("/")[0] in needed or n in needed]
        self.store.fetch_all(read, self.folder)
        for name in others:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
            self.same[name] = _stamp(target)
        if parts:
            found = self.store.fetch_all(parts, self.part.parent)
            with open(self.folder / MANIFEST, "ab") as manifest:
                for path in found:
                    manifest.write(path.read_bytes())

    def put_entry(self, entry: ManifestEntry) -> None:
        """Put the files of one picture, and its line when they are there."""
        results = Results(self.folder, ())
        for path in (results.file(folder, entry.name) for folder in FOLDERS):
            if path.is_file():
                self._put(path)
        self.store.put(write_text(self.part, entry.line() + "\n"), f"{PARTS}/{entry.name}.jsonl")

    def put_all(self) -> None:
        """Make the store what the folder is: the manifest after all else, and then no parts."""
        files = [p for p in sorted(self.folder.rglob("*")) if p.is_file()]
        for path in sorted(files, key=lambda p: p == self.folder / MANIFEST):
            self._put(path)
        mine = {self._name(p) for p in files}
        for name in self.store.names():
            if name.startswith(f"{PARTS}/") or (name in self.same and name not in mine):
                self.store.remove(name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _put(self, path: Path) -> None:
        name, stamp = self._name(path), _stamp(path)
        if self.same.get(name) != stamp:
            self.store.put(path, name)
            self.same[name] = stamp


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
