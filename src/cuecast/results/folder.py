"""One folder of results: claimed by one run at a time, gone on with where a run was stopped, never half written.

Images, videos, volumes and maps stand on it alike. Results of something else are refused, or removed with --overwrite;
what a person changed by hand is moved to edited/ before it is made anew; a result that is still the file of which
the manifest speaks is finished.
"""

from __future__ import annotations

import os
import shutil
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from cuecast.core.errors import OutputError
from cuecast.core.ordered import Progress, Step, in_order, silent
from cuecast.core.shards import Shard
from cuecast.io.files import (
    MANIFEST,
    PLAN,
    SHARDS,
    edited_in,
    exclusive,
    file_digest,
    keep_edited,
    make_folder,
)
from cuecast.results.manifest import (
    ManifestEntry,
    appending,
    entry_at,
    index_manifest,
    read_manifest,
    write_manifest,
)
from cuecast.results.shards import Plan, agree, close, refuse_ungathered, working, working_part

Item = TypeVar("Item")

NAME_FIELDS = ("stem", "suffix", "parent", "index")


class NameTakenError(OutputError):
    """Two inputs would have one output name, or another input, which is still there, has it."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to.

    counts    images, frames, slices or tiles of this run, by 'found', 'doubtful', 'absent' and what else there is.
    failures  (what, error) of each that failed, in their order.
    resumed   how many had been finished before.
    files     where things are: 'manifest', 'masks' or 'mask', and of the formats that were written each its path.
    notes     what a user should know, of what was moved aside as well.
    edited    what was changed by hand since the last run, and was moved here before it was made anew.
    """

    out: Path
    counts: Mapping[str, int]
    seconds: float
    files: Mapping[str, Path] = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] = ()
    resumed: int = 0
    notes: tuple[str, ...] = ()
    edited: tuple[Path, ...] = ()


class Files(NamedTuple):
    """The results of an entry: places of its mask, and what is made anew with it."""

    masks: Sequence[Path] = ()
    others: Sequence[Path] = ()


@dataclass(eq=False)
class Tally(Generic[Item]):
    """What the items of a run came to, in their order; see `Summary`. `failures` are (item, error), `objects` by class
    id."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[Item, str]] = field(default_factory=list)
    resumed: int = 0
    objects: Counter[int] = field(default_factory=Counter)

    def add(self, item: Item, entry: ManifestEntry, resumed: bool) -> None:
        """One more item. What has neither a verdict nor an error had nothing to look at: 'nodata'."""
        self.counts["failed" if entry.error is not None else entry.verdict or "nodata"] += 1
        self.resumed += resumed
        self.objects.update(entry.counts)
        if entry.error is not None:
            self.failures.append((item, entry.error))


@dataclass(frozen=True)
class ResultsFolder:
    """The folder `out` as one run sees it.

    places     files and folders in it that must be ours alone: what lies there without a manifest is not written over.
    overwrite  redo what is finished, and replace results of something else.
    shared     folders in it in which files of others may lie, too.
    shard      the part of a job that the run does, beside others in the same folder; None: all of it.
    """

    out: Path
    places: Sequence[str] = ()
    overwrite: bool = False
    shared: Sequence[str] = ()
    shard: Shard | None = None

    @property
    def manifest(self) -> Path:
        return self.out / MANIFEST if self.shard is None else working_part(self.out, self.shard)

    @contextmanager
    def opened(self, gathers: bool = False) -> Iterator[Callable[[], tuple[Path, ...]]]:
        """The folder, made where it is missing, held for this run alone, and without what a killed run left half done.

        gathers  whether it is opened to put together the shards that are in it.

        Yields a function that gives what has been moved to edited/ since. Raises OutputError.
        """
        with exclusive(make_folder(self.out)):
            if not gathers:
                refuse_ungathered(self.out, "; or give --shard, or choose another folder")
            before = edited_in(self.out)
            self.sweep()
            yield lambda: tuple(sorted(edited_in(self.out) - before))

    def sweep(self) -> None:
        """Take away what was left half done where a process was killed. No other must be writing there."""
        for folder in (self.out, *(self.out / place for place in (*self.places, *self.shared))):
            for path in folder.glob(".cuecast-*"):
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    @contextmanager
    def opened_for(
        self, plan: Plan, strange: Callable[[ManifestEntry], str | None]
    ) -> Iterator[Callable[[], tuple[Path, ...]]]:
        """The folder, held together with the other shards of a job, and the shard for this run alone.

        strange  as in `claim`, of what an undivided run has left: shards replace nothing of something else.

        Yields as `opened`; what is done by the end of the block is the whole shard. Raises OutputError where another
        job is in the folder, or another process works on the shard.
        """
        assert self.shard is not None
        with exclusive(make_folder(self.out), shared=True):
            if not (self.out / SHARDS / PLAN).is_file():
                self._refuse_foreign(strange)
            agree(self.out, plan, lambda: None if (self.out / MANIFEST).is_file() else self._stranger())
            with working(self.out, self.shard):
                self._take_over({name for name, _ in plan.share(self.shard)})
                before = edited_in(self.out)
                yield lambda: tuple(sorted(edited_in(self.out) - before))
                close(self.out, self.shard)

    def claim(
        self,
        strange: Callable[[ManifestEntry], str | None],
        files: Callable[[ManifestEntry], Files],
    ) -> dict[str, int]:
        """Make the folder ours: name -> place of what the manifest knows, for `entry`.

        strange  what else an entry's results are of, such as 'another video'; None where they are ours.
        files    the results of an entry.

        Raises OutputError where there are results of something else, or of nobody knows what, and they are to stay.
        """
        if self.shard is not None:
            return index_manifest(self.manifest)
        if not self.manifest.exists():
            if (there := self._stranger()) and not self.overwrite:
                raise OutputError(
                    f"{there} is there and no manifest says where it comes from",
                    self.out,
                    "choose another folder, or --overwrite to replace it",
                )
            return {}
        foreign = next(((e, what) for e in read_manifest(self.manifest) if (what := strange(e))), None)
        if foreign is None:
            return index_manifest(self.manifest)
        if not self.overwrite:
            raise OutputError(
                f"it holds results of {foreign[1]}, for {foreign[0].image}",
                self.out,
                "choose another folder, or --overwrite to replace them",
            )
        for entry in read_manifest(self.manifest):
            if strange(entry):
                self.remove(entry, files(entry))
        write_manifest(self.manifest, (e for e in read_manifest(self.manifest) if not strange(e)))
        return index_manifest(self.manifest)

    def _take_over(self, names: Container[str]) -> None:
        """Put what an undivided run has finished of a shard's share among the shard's lines, where it has none yet."""
        known = index_manifest(self.manifest)
        with appending(self.manifest) as journal:
            for entry in read_manifest(self.out / MANIFEST):
                if entry.name in names and entry.name not in known:
                    journal.append(entry)

    def _refuse_foreign(self, strange: Callable[[ManifestEntry], str | None]) -> None:
        """Raise OutputError where an undivided run has left results of something else."""
        for entry in read_manifest(self.out / MANIFEST):
            if what := strange(entry):
                raise OutputError(
                    f"it holds results of {what}, for {entry.image}",
                    self.out,
                    "choose another folder: shards do not replace them",
                )

    def _stranger(self) -> str | None:
        """A file at a place of ours in a folder that is not ours, e.g. masks drawn by hand."""
        for place in self.places:
            path = self.out / place
            if not path.is_dir() and path.exists():
                return place
            for inside in sorted(path.glob("*")):
                return f"{place}/{inside.name}"
        return None

    def entry(self, known: Mapping[str, int], name: str) -> ManifestEntry | None:
        """What the manifest says of a name; None where it does not know it."""
        return entry_at(self.manifest, known[name]) if name in known else None

    def fill(
        self,
        work: Callable[[Item], tuple[ManifestEntry, bool]],
        items: Iterable[Item],
        of: tuple[str, int],
        workers: int = 1,
        progress: Progress = silent,
    ) -> Tally[Item]:
        """Do all items in order, `workers` at once; what `work` gives as not finished before becomes a line at once.

        of  what the items are called, and how many there are, for `Step`.
        """
        return self.note(in_order(lambda item: (item, *work(item)), items, workers), of, progress)

    def note(
        self,
        done: Iterable[tuple[Item, ManifestEntry, bool]],
        of: tuple[str, int],
        progress: Progress = silent,
    ) -> Tally[Item]:
        """As `fill`, of items that somebody else does: (item, its entry, whether it was finished before) of each."""
        tally = Tally[Item]()
        with appending(self.manifest) as journal:
            for number, (item, entry, resumed) in enumerate(done, start=1):
                if not resumed:
                    journal.append(entry)
                tally.add(item, entry, resumed)
                progress(Step(of[0], number, of[1], entry, resumed))
        return tally

    @contextmanager
    def remade(self, path: Path, former: ManifestEntry | None) -> Iterator[None]:
        """While a result is written anew: what was changed by hand since its line was written is moved aside before.

        What is written again just as it was is no edit: a run that was stopped before its line had written it.
        """
        aside = None if former is None else keep_edited(path, former.own_hash, self.out)
        yield
        if aside is not None and path.is_file() and file_digest(path) == file_digest(aside):
            aside.unlink()
            with suppress(OSError):  # others are in it
                aside.parent.rmdir()

    def keep_edited(self, path: Path, former: ManifestEntry | None) -> None:
        """Move a result aside where it is another file than its line speaks of. Raises OutputError."""
        if former is not None:
            keep_edited(path, former.own_hash, self.out)

    def remove(self, former: ManifestEntry | None, files: Files) -> None:
        """Remove results; a mask that was changed by hand is moved aside. Raises OutputError."""
        for path in files.masks:
            self.keep_edited(path, former)
        for path in (*files.masks, *files.others):
            path.unlink(missing_ok=True)

    def wanted(self, asked: Iterable[str], places: Mapping[str, str]) -> set[str]:
        """The formats asked for, and those of earlier runs: none may tell another story than the masks.

        places  format -> its file or folder in `out`.
        """
        return {*asked, *(kind for kind, place in places.items() if (self.out / place).exists())}


def other_concept(entry: ManifestEntry, pack: str, cues: str | None = None) -> str | None:
    """What a line is of, where it is of another concept; None of this one. Without `cues`, the pack alone counts."""
    if entry.pack != pack:
        return "another concept (another pack)"
    return None if cues in (None, entry.cues) else "another concept (other cues, classes or scale)"


def is_kept(path: Path, entry: ManifestEntry | None) -> bool:
    """Whether a result on disk is the file of which its line speaks."""
    return has_digest(path, entry.mask_hash if entry is not None else None)


def has_digest(path: Path, stated: str | None) -> bool:
    """Whether a file is there, and the one of this SHA-256; None is that of no file."""
    return stated is not None and path.is_file() and file_digest(path) == stated


def check_formats(asked: Iterable[str], known: Iterable[str]) -> None:
    """Raise OutputError where a format is none of the known ones."""
    known = tuple(known)
    for kind in asked:
        if kind not in known:
            raise OutputError(f"format {kind!r} is unknown; known are {', '.join(known)}")


def output_names(inputs: Sequence[Path], template: str) -> list[str]:
    """The output name of each input, by a template of {stem}, {suffix}, {parent} and {index} (from 1).

    Raises OutputError where the template cannot be used, or two inputs would have the same name.
    """
    check_template(template)
    names: list[str] = []
    taken: dict[str, Path] = {}
    for index, path in enumerate(inputs, start=1):
        parent = Path(os.path.abspath(path)).parent.name
        name = template.format(stem=path.stem, suffix=path.suffix[1:], parent=parent, index=index)
        if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
            raise OutputError(f"{name!r} cannot name a file", path, f"change the template {template!r}")
        # two names that differ in case, or in how an accent is written, are one file on some systems
        key = unicodedata.normalize("NFC", name).casefold()
        if key in taken:
            raise NameTakenError(
                f"{taken[key]} and {path} would both be written as {name}.png; name them apart with "
                "--name '{parent}_{stem}', '{stem}_{suffix}' or '{index}_{stem}'"
            )
        taken[key] = path
        names.append(name)
    return names


def check_template(template: str) -> None:
    """Raise OutputError where a template of output names cannot be used."""
    remedy = "use {stem}, {suffix}, {parent} and {index}, for example '{parent}_{stem}' or '{index:04d}'"
    try:
        fields = [f for _, f, _, _ in string.Formatter().parse(template) if f is not None]
        if any(f not in NAME_FIELDS for f in fields):
            raise ValueError("it names something else")
        template.format(stem="", suffix="", parent="", index=1)
    except (ValueError, IndexError, KeyError) as error:
        raise OutputError(f"name template {template!r} cannot be used ({error}); {remedy}") from error
