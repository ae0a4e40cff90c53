"""What a worker process does for a job of each kind: from the database to the library, and back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cuecast.core.errors import without_name
from cuecast.runs import actions
from cuecast.service.exports import export
from cuecast.service.progress import Bench, Ticker
from cuecast.service.runs import FAILURES, run
from cuecast.service.snapshot import Snapshot, read_marked, snapshot, write_cueset
from cuecast.service.store import jobs
from cuecast.service.store.models import Job


def perform(bench: Bench, job: Job) -> dict[str, Any]:
    """Do a job; returns its result.

    Raises CancelledError, StoppedError, `jobs.LostJobError`, and CuecastError where it cannot be done.
    """
    with bench.database.reading() as session:
        if job.kind != "export":
            jobs.check_cues(session, job.project_id)
        project = snapshot(session, bench.files, job.project_id)
    return KINDS[job.kind](bench, job, project)


def check(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """`cuecast cues check --json` over the marks, with the names of images in the project and their `image_id`."""
    with _scratch(bench) as folder:
        write_cueset(folder, project.classes, project.cues)
        request = actions.CheckRequest(folder, lambda: bench.predictor, project.scale)
        found = actions.check(request, Ticker(bench, job).note).as_dict()
    compared = found["leave_one_out"] or {}
    for finding in found["findings"]:
        finding["entry"] = finding["entry"].removeprefix("images/")
        finding["image_id"] = project.ids.get(finding["entry"])
    for named in (n for part in ("cues", "flags", "agreements") for n in compared.get(part, ())):
        named["image"] = named["image"].removeprefix("images/")
        named["image_id"] = project.ids.get(named["image"])
    return found


def suggest(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The images to mark next, best first, and why: `cuecast suggest --json` with names and ids of the project."""
    examples = [read_marked(cue, project.classes) for cue in project.cues]
    concept = bench.predictor.learn(examples, project.classes, project.scale)
    marked = {cue.name for cue in project.cues}
    pool = {str(path): name for name, path in project.images.items() if name not in marked}
    request = actions.SuggestRequest(concept, list(pool), int(job.request["n"]))
    found = actions.suggest(request, Ticker(bench, job).note).as_dict()
    for failure in found["failures"]:
        failure["error"] = without_name(failure["error"], failure["image"])
    for named in (*found["suggestions"], *found["failures"]):
        named["image"] = pool[named["image"]]
        named["image_id"] = project.ids[named["image"]]
    chosen = found["suggestions"]
    return {
        "images": [s["image_id"] for s in chosen],
        "reasons": {s["image_id"]: list(s["why"]) for s in chosen},
        "suggestions": chosen,
        "failures": found["failures"][:FAILURES],
    }


KINDS: Mapping[str, Callable[[Bench, Job, Snapshot], dict[str, Any]]] = {
    "run": run,
    "check": check,
    "suggest": suggest,
    "export": export,
}
"""Kind of a job -> what does it."""


@contextmanager
def _scratch(bench: Bench) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed process leaves of it is swept with the uploads."""
    folder = Path(tempfile.mkdtemp(dir=bench.files.uploads))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
