"""What a worker process does for a job of each kind: from the database to `compute`, and back."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cuecast.batch import Progress
from cuecast.io.gather import Results
from cuecast.io.manifest import ManifestEntry, read_manifest
from cuecast.predictor import Predictor, load
from cuecast.service.compute.checks import check_project, suggest_project
from cuecast.service.compute.exports import ExportPlan, export_project
from cuecast.service.compute.results import count_objects
from cuecast.service.compute.runs import Folders, RunPlan, run_project
from cuecast.service.files import DataFolder
from cuecast.service.settings import Settings
from cuecast.service.store import jobs, predictions, projects
from cuecast.service.store.database import Database
from cuecast.service.store.models import Job, Prediction, now
from cuecast.service.teaching import Snapshot, snapshot

TICK = 0.25
"""Seconds between two notes of progress: each is a transaction."""
FAILURES = 100
"""Failed images at most that a result names; each image's prediction names its own failure."""
EXPORTS = 5
"""Zips that are kept of a project, the newest."""


class CancelledError(Exception):
    """Somebody has cancelled the job."""


class StoppedError(Exception):
    """The worker is being stopped; the job goes back into the queue."""


@dataclass(frozen=True)
class Bench:
    """What a worker works with: it keeps the pack between jobs. `stopping` says whether the worker is to stop."""

    settings: Settings
    database: Database
    files: DataFolder
    worker: str
    threads: int
    stopping: Callable[[], bool]

    @cached_property
    def predictor(self) -> Predictor:
        return load(self.settings.pack, threads=self.threads)


def perform(bench: Bench, job: Job) -> dict[str, Any]:
    """Do a job; returns its result.

    Raises CancelledError, StoppedError, `jobs.LostJobError`, and CuecastError where it cannot be done.
    """
    with bench.database.reading() as session:
        if job.kind != "export":
            jobs.check_cues(session, job.project_id)
        project = snapshot(session, bench.files, job.project_id)
    return KINDS[job.kind](bench, job, project)


def run(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The marks become masks of the images that were asked for, or of all."""
    folders = Folders(
        bench.files.cues(job.project_id), bench.files.results(job.project_id), _inputs(bench, job)
    )
    wanted = job.request.get("images")
    names = {image: name for name, image in project.ids.items()}
    chosen = list(project.images) if wanted is None else [names[i] for i in wanted if i in names]
    overwrite = bool(job.request.get("overwrite"))
    recorder = _Recorder(bench, job, project, Results(folders.results, project.classes), overwrite)
    known = recorder.index()
    # What this very job has made anew before it was stopped is not made anew twice.
    done = {i for i, p in known.items() if p.job_id == job.id} if overwrite else set()
    recorder.before = sum(project.ids[name] in done for name in chosen)
    plan = RunPlan(
        classes=project.classes,
        scale=project.scale,
        cues=project.cues,
        images=project.images,
        wanted=[name for name in chosen if project.ids[name] not in done],
        wrong=[names[i] for i, p in known.items() if p.wrong],
        overwrite=overwrite,
    )
    summary = run_project(bench.predictor, folders, plan, recorder.note)
    known = recorder.index()
    found = [known[i] for i in (project.ids[name] for name in chosen) if i in known]
    counts = Counter({"found": 0, "doubtful": 0, "absent": 0, "failed": 0})
    counts.update(p.verdict or "failed" for p in found)
    failed = [
        {"image_id": p.image_id, "image": names[p.image_id], "error": p.error} for p in found if p.error
    ]
    return {
        "counts": dict(counts),
        "kept": summary.resumed,
        "seconds": round(summary.seconds, 3),
        "failures": failed[:FAILURES],
    }


def check(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """Leave-one-out over the marks; each part that names an image has its `image_id`."""
    with _scratch(bench) as folder:
        found = check_project(
            bench.predictor, folder, project.classes, project.scale, project.cues, _Ticker(bench, job).note
        )
    for finding in found["findings"]:
        finding["image_id"] = project.ids.get(finding["entry"])
    if found["leave_one_out"]:
        for part in ("cues", "flags", "suspects"):
            for named in found["leave_one_out"][part]:
                named["image_id"] = project.ids.get(named["image"])
    return found


def suggest(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The images to mark next, best first, and why."""
    found = suggest_project(
        bench.predictor,
        project.classes,
        project.scale,
        project.cues,
        project.images,
        int(job.request["n"]),
        _Ticker(bench, job).note,
    )
    for named in (*found["suggestions"], *found["failures"]):
        named["image_id"] = project.ids[named["image"]]
    chosen = found["suggestions"]
    return {
        "images": [s["image_id"] for s in chosen],
        "reasons": {s["image_id"]: list(s["why"]) for s in chosen},
        "suggestions": chosen,
        "failures": found["failures"][:FAILURES],
    }


def export(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The zip of the results, under the project's name."""
    with bench.database.reading() as session:
        name = projects.find(session, job.project_id).name
    plan = ExportPlan(
        job.request["formats"], project.classes, project.cues, project.images, bench.settings.pack
    )
    target = bench.files.exports(job.project_id) / f"{job.id}.zip"
    older = sorted(target.parent.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in older[EXPORTS - 1 :]:
        path.unlink(missing_ok=True)
    export_project(bench.files.results(job.project_id), plan, target, _Ticker(bench, job).note)
    return {"bytes": target.stat().st_size, "name": f"{name}.zip"}


KINDS: Mapping[str, Callable[[Bench, Job, Snapshot], dict[str, Any]]] = {
    "run": run,
    "check": check,
    "suggest": suggest,
    "export": export,
}
"""Kind of a job -> what does it."""


@dataclass(eq=False)
class _Ticker:
    """Notes how far a job is, now and then; tells by an exception that it is to end."""

    bench: Bench
    job: Job
    last: float = 0.0

    def note(self, done: int, total: int) -> None:
        """Note that `done` of `total` steps are done. Raises as `perform`."""
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
class _Recorder:
    """Notes the images of a run in the predictions as they are finished.

    A mask is safe when it is noted here: it lies in the results with its line in their manifest. So what was not
    noted when the process ended is found there by `index`.
    """

    bench: Bench
    job: Job
    project: Snapshot
    results: Results
    overwrite: bool
    before: int = 0
    made: list[dict[str, Any]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    last: float = 0.0

    @cached_property
    def _images(self) -> dict[str, str]:
        """Name of an image's results -> its id."""
        return {Path(name).stem: image for name, image in self.project.ids.items()}

    def index(self) -> dict[str, Prediction]:
        """Make the predictions those of the manifest; returns them by image id."""
        found = {}
        if self.results.manifest.is_file():
            entries = (e for e in read_manifest(self.results.manifest) if e.name in self._images)
            found = {self._images[e.name]: e for e in entries}
        with self.bench.database.reading() as session:
            known = predictions.predictions_of(session, self.job.project_id)
        missing = [e for i, e in found.items() if i not in known or not _same(e, known[i])]
        maker = None if self.overwrite else self.job.id
        rows = [{**self._row(e), "stale": True, "job_id": maker} for e in missing]
        with self.bench.database.writing() as session:
            predictions.drop_predictions(session, self.job.project_id, found)
            predictions.write_predictions(session, rows)
            return predictions.predictions_of(session, self.job.project_id)

    def note(self, step: Progress) -> None:
        """Take up what `batch.run` tells of an image. Raises as `perform`."""
        if step.resumed:
            self.kept.append(self._images[step.entry.name])
        else:
            self.made.append(self._row(step.entry))
        stopping = self.bench.stopping()
        if stopping or step.done == step.total or time.monotonic() - self.last >= TICK:
            self._flush(self.before + step.done, self.before + step.total)
        if stopping:
            raise StoppedError

    def _flush(self, done: int, total: int) -> None:
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
            "counts": count_objects(self.results, entry) if entry.error is None else {},
            "areas": {str(cls): area for cls, area in entry.areas.items()},
            "seconds": entry.seconds,
            "error": None if entry.error is None else self._plain(entry.error),
            "cues_version": entry.cueset_version,
            "made": now(),
            "wrong": entry.review == "wrong",
        }

    def _plain(self, error: str) -> str:
        """The message without folders of the server."""
        return error.replace(f"{_inputs(self.bench, self.job)}/", "")


def _same(entry: ManifestEntry, row: Prediction) -> bool:
    """Whether a row speaks of the mask that the manifest speaks of."""
    said = (entry.verdict, entry.confidence, entry.seconds, entry.cueset_version, entry.error is None)
    return said == (row.verdict, row.confidence, row.seconds, row.cues_version, row.error is None)


def _inputs(bench: Bench, job: Job) -> Path:
    return bench.files.project(job.project_id) / "inputs"


@contextmanager
def _scratch(bench: Bench) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed process leaves of it is swept with the uploads."""
    folder = Path(tempfile.mkdtemp(dir=bench.files.uploads))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
