"""What a worker works with, and how it notes in the database how far a job is and what it has finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cuecast.core.errors import without_name
from cuecast.core.ordered import Step
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry, find_entries
from cuecast.service.loaded import KeepingPredictor, Loaded
from cuecast.service.parts import Parts
from cuecast.service.problem import without_folders
from cuecast.service.results import count_objects, is_of
from cuecast.service.snapshot import Snapshot
from cuecast.service.store import jobs, predictions, projects
from cuecast.service.store.models import JobRow, PredictionRow, now

TICK = 0.25
"""Seconds between two notes of progress: each is a transaction."""


class CancelledError(Exception):
    """Somebody has cancelled the job."""


class StoppedError(Exception):
    """The worker is being stopped; the job goes back into the queue."""


@dataclass(frozen=True)
class Bench(Parts):
    """What a worker works with: it keeps packs between jobs. `stopping` says whether the worker is to stop.

    threads   CPU threads of one answer.
    together  images that a run has in work at once.
    """

    worker: str
    threads: int
    stopping: Callable[[], bool]
    together: int = 1

    @cached_property
    def _loaded(self) -> Loaded:
        return Loaded(self.settings, self.threads)

    def predictor(self, pack: str | None) -> KeepingPredictor:
        """The pack of that name, loaded when it is first needed; None: the service's. Raises PackError."""
        return self._loaded.get(pack)


@dataclass(eq=False)
class Ticker:
    """Notes how far a job is, now and then; tells by an exception that it is to end."""

    bench: Bench
    job: JobRow
    last: float = 0.0

    def note(self, step: Step) -> None:
        """Note how far the job is. Raises as `perform`."""
        done, total = step.done, step.total
        if self.bench.stopping():
            raise StoppedError
        if time.monotonic() - self.last < TICK and done < total:
            return
        with self.bench.database.writing() as session:
            cancel = jobs.advance(session, self.job.id, self.bench.worker, done, total)
        self.last = time.monotonic()
        if cancel and done < total:
            raise CancelledError


@dataclass(eq=False)
class Stages:
    """Notes how far a job with several parts is; `names`: what its steps are called -> the stage; others are `last`."""

    bench: Bench
    job: JobRow
    names: Mapping[str, str]
    last: str
    _stage: str | None = None
    _noted: float = 0.0

    def note(self, step: Step) -> None:
        """Note it. Raises as `perform`."""
        if self.bench.stopping():
            raise StoppedError
        stage = self.names.get(step.what, self.last)
        if stage == self._stage and time.monotonic() - self._noted < TICK and step.done < step.total:
            return
        with self.bench.database.writing() as session:
            worker = self.bench.worker
            cancel = jobs.advance(session, self.job.id, worker, step.done, step.total, stage)
            jobs.progressed(session, self.job.id, worker)
        self._stage, self._noted = stage, time.monotonic()
        if cancel:
            raise CancelledError


@dataclass(eq=False)
class Recorder:
    """Notes the images of a run in the predictions as they are finished.

    A mask is safe when it is noted here: it lies in the results with its line in their manifest. So what was not
    noted when the process ended is found there by `index`.

    counted  the objects of an entry by class id, where they are not those of a mask file of its own.
    """

    bench: Bench
    job: JobRow
    project: Snapshot
    results: Results
    overwrite: bool
    counted: Callable[[ManifestEntry], dict[str, int]] | None = None
    before: int = 0
    made: list[dict[str, Any]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    last: float = 0.0

    @cached_property
    def _images(self) -> dict[str, str]:
        """Name of an image's results -> its id."""
        return {Path(name).stem: image for name, image in self.project.ids.items()}

    def counts(self, entry: ManifestEntry) -> dict[str, int]:
        """Class id -> number of objects."""
        return self.counted(entry) if self.counted else count_objects(self.results, entry)

    def index(self) -> dict[str, PredictionRow]:
        """Make the predictions those of the manifest; returns them by image id."""
        entries = find_entries(self.results.manifest, self._images)
        digests = self.project.digests
        found = {self._images[name]: e for name, e in entries.items() if is_of(e, digests.get(name))}
        with self.bench.database.reading() as session:
            known = predictions.predictions_of(session, self.job.project_id)
        missing = [e for i, e in found.items() if i not in known or not _same(e, known[i])]
        maker = None if self.overwrite else self.job.id
        rows = [{**self._row(e), "stale": True, "job_id": maker} for e in missing]
        with self.bench.database.writing() as session:
            predictions.drop_predictions(session, self.job.project_id, found)
            predictions.write_predictions(session, rows)
            return predictions.predictions_of(session, self.job.project_id)

    def note(self, step: Step) -> None:
        """Take up what is told of an image; the files for all of them come after, and are none. Raises as `tick`."""
        if step.entry is None:
            return
        if step.resumed:
            self.kept.append(self._images[step.entry.name])
        else:
            self.take(step.entry)
        self.tick(replace(step, done=self.before + step.done, total=self.before + step.total))

    def take(self, entry: ManifestEntry) -> None:
        """Take up an image that was finished; it is written with the next note of progress."""
        self.made.append(self._row(entry))

    def keep(self, images: Iterable[str]) -> None:
        """Take up images (ids) that the job has looked at and left as they were."""
        self.kept += images

    def tick(self, step: Step) -> None:
        """Write now and then what was taken up, and how far the job is. Raises CancelledError, StoppedError."""
        stopping = self.bench.stopping()
        if stopping or step.done == step.total or time.monotonic() - self.last >= TICK:
            self.flush(step.done, step.total)
        if stopping:
            raise StoppedError

    def flush(self, done: int, total: int) -> None:
        """Write what was made since the last time, and how far the job is. Raises CancelledError."""
        with self.bench.database.writing() as session:
            cancel = jobs.advance(session, self.job.id, self.bench.worker, done, total)
            if self.made:
                jobs.progressed(session, self.job.id, self.bench.worker)
            projects.find(session, self.job.project_id, lock=True)  # no marks are saved meanwhile
            stale = predictions.marks_state(session, self.job.project_id) != self.project.state
            predictions.write_predictions(session, [{**row, "stale": stale} for row in self.made])
            predictions.keep_predictions(session, self.kept, stale)
        self.made, self.kept, self.last = [], [], time.monotonic()
        if cancel:
            raise CancelledError

    def _row(self, entry: ManifestEntry) -> dict[str, Any]:
        return {
            "image_id": self._images[entry.name],
            "job_id": self.job.id,
            "verdict": entry.verdict,
            "confidence": entry.confidence,
            "counts": self.counts(entry) if entry.error is None else {},
            "areas": {str(cls): area for cls, area in entry.areas.items()},
            "seconds": entry.seconds,
            "error": None if entry.error is None else self._plain(entry),
            "cues_version": entry.cueset_version,
            "made": now(),
            "wrong": entry.review == "wrong",
        }

    def _plain(self, entry: ManifestEntry) -> str:
        """What went wrong, without folders of the server and without the name of the image, which is known."""
        said = without_name(entry.error or "", entry.image)
        named = said.replace(f"{self.bench.files.inputs(self.job.project_id)}/", "")
        return without_folders(without_name(named, Path(entry.image).name), self.bench.settings.data)


def _same(entry: ManifestEntry, row: PredictionRow) -> bool:
    """Whether a row speaks of the mask that the manifest speaks of."""
    said = (entry.verdict, entry.confidence, entry.seconds, entry.cueset_version, entry.error is None)
    return said == (row.verdict, row.confidence, row.seconds, row.cues_version, row.error is None)
