"""A folder that is watched: pictures are done as they arrive, from a microscope, a camera or a colleague.

The folder is looked at every few seconds, as that works on network drives, too. A file is taken when it has kept its
size and time from one look to the next; one that cannot be read is tried again later, and whenever it changes. What is
finished says the manifest of the results: a watch that was stopped, or a `segment` over the same folder, goes on where
the other was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cuecast.core.errors import InputError
from cuecast.core.notes import give_note
from cuecast.core.ordered import Progress, Step, silent
from cuecast.cuesets.changes import Lineage
from cuecast.io.places import check_places, pictures_in
from cuecast.predictor import Concept
from cuecast.results.folder import NameTakenError
from cuecast.runs import images
from cuecast.runs.images import BatchOptions, BatchSummary

RETRIES = (5, 10, 20, 40, 80)
"""Looks after which a file that could not be read is tried again, each time counted anew."""
QUIET = 5
"""Looks without anything new after which the files for all images are written."""

Seen = tuple[int, int]
"""Bytes and time (ns) of a file."""


@dataclass(frozen=True)
class WatchRequest:
    """A folder in which pictures arrive, the concept that is looked for on them, and the folder of their results.

    every      seconds between two looks.
    recursive  subfolders are watched, too.
    lineage    see `cuecast.runs.images.run`.
    """

    concept: Concept
    folder: Path
    out: Path
    options: BatchOptions = field(default_factory=BatchOptions)
    lineage: Lineage | None = None
    every: float = 2.0
    recursive: bool = False


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What came of a watch: pictures by verdict as they are now, (image, error) of those that failed, how many had been
    finished before it began."""

    out: Path
    counts: dict[str, int]
    failures: tuple[tuple[str, str], ...]
    resumed: int


def patiently(seconds: float) -> bool:
    """Sleep; the watch goes on."""
    time.sleep(seconds)
    return True


def watch(
    request: WatchRequest, progress: Progress = silent, wait: Callable[[float], bool] = patiently
) -> Watched:
    """Segment what is in the folder and what comes into it, until `wait` says that it is enough.

    wait      called with the seconds until the next look; False ends the watch. KeyboardInterrupt out of it, or while
              images are done, ends it, too. Either way the files for all images are written at the end.
    progress  told of each image that is done, `entry` being its line of the manifest.

    Raises InputError where there is no such folder, OutputError where results cannot be written, or are of another
    concept. What cannot be read is a failure, and does not end the watch.
    """
    if "{index" in request.options.name:
        raise InputError(
            "names by {index} are those of one run, and a watch has many", remedy="use {stem} and {parent}"
        )
    pictures_in(request.folder, request.recursive)  # raises where there is no such folder
    check_places([request.folder / "picture"], request.out, beside=False)
    state = _Watch(request, progress)
    try:
        state.gather()  # what is claimed, and cannot be, is said before anything arrives
        while True:
            state.look()
            if not wait(request.every):
                break
    except KeyboardInterrupt:
        give_note("the watch was ended; the files for all images are being written")
    state.gather()
    return state.result()


@dataclass(eq=False)
class _Watch:
    """What is known of the files.

    seen     as they were at the last look.
    done     as they were when they were done, or tried.
    again    path -> (look at which it is tried again, tries so far).
    """

    request: WatchRequest
    progress: Progress
    seen: dict[Path, Seen] = field(default_factory=dict)
    done: dict[Path, Seen] = field(default_factory=dict)
    again: dict[Path, tuple[int, int]] = field(default_factory=dict)
    failures: dict[Path, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    resumed: int = 0
    looks: int = 0
    quiet: int = 0
    gathered: bool = True
    lost: bool = False

    def look(self) -> None:
        """Look at the folder once, and do what has arrived."""
        self.looks += 1
        if (now := self._list()) is None:
            return
        before, self.seen = self.seen, now
        settled = [path for path, now in self.seen.items() if now[0] and before.get(path) == now]
        new = [path for path in settled if self.done.get(path) != self.seen[path]]
        due = [p for p, (at, _) in self.again.items() if at <= self.looks and p in settled and p not in new]
        if new or due:
            self._do(new + due, set(new))
            self.quiet, self.gathered = 0, False
        else:
            self.quiet += 1
            if self.quiet >= QUIET and not self.gathered:
                self.gather()

    def _list(self) -> dict[Path, Seen] | None:
        """The pictures that are there, in their order; None where the folder cannot be reached now."""
        try:
            paths = pictures_in(self.request.folder, self.request.recursive)
        except InputError as error:
            if not self.lost:
                give_note(f"{error}; it is looked for again")
            self.lost = True
            return None
        self.lost = False
        found: dict[Path, Seen] = {}
        for path in paths:
            try:
                state = path.stat()
            except OSError:  # gone since it was listed
                continue
            found[path] = (state.st_size, state.st_mtime_ns)
        return found

    def _do(self, paths: Sequence[Path], changed: set[Path]) -> None:
        """Segment some, each at a time of which the state is known: what changes meanwhile is seen at the next look."""
        self.done |= {path: self.seen[path] for path in paths}
        errors: dict[Path, str] = {}
        try:
            errors = _failures(self._segment(paths, gather=False))
        except NameTakenError:
            for path in paths:  # of one of them; the others have nothing to do with it
                try:
                    errors |= _failures(self._segment([path], gather=False))
                except NameTakenError as taken:
                    errors[path] = str(taken)
        for path in paths:
            if path not in errors:
                self.failures.pop(path, None)
                self.again.pop(path, None)
                continue
            self.failures[path] = errors[path]
            tries = 0 if path in changed else self.again[path][1] + 1
            self.again.pop(path, None)
            if tries < len(RETRIES):
                self.again[path] = (self.looks + RETRIES[tries], tries)

    def gather(self) -> None:
        """Write the files for all images."""
        self._segment((), gather=True)
        self.gathered = True

    def _segment(self, paths: Sequence[Path], gather: bool) -> BatchSummary:
        request = self.request
        options = replace(request.options, gather=gather)
        return images.run(request.concept, paths, request.out, options, self._told, request.lineage)

    def _told(self, step: Step) -> None:
        entry = step.entry
        if step.what != "images" or entry is None:
            return
        self.resumed += step.resumed and entry.image not in self.verdicts
        self.verdicts[entry.image] = entry.verdict or "failed"
        if entry.error is None or entry.error != self.failures.get(
            Path(entry.image)
        ):  # else it was told before
            self.progress(replace(step, total=len(self.seen), done=len(self.verdicts)))

    def result(self) -> Watched:
        """What came of it."""
        words = [word for image, word in self.verdicts.items() if Path(image) not in self.failures]
        return Watched(
            out=self.request.out,
            counts={word: words.count(word) for word in images.VERDICTS} | {"failed": len(self.failures)},
            failures=tuple((str(path), error) for path, error in self.failures.items()),
            resumed=self.resumed,
        )


def _failures(summary: BatchSummary) -> dict[Path, str]:
    return {Path(path): error for path, error in summary.failures}
