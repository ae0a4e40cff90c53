"""What a worker process does for a job of each kind: from the database to the library, and back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cuecast.core.errors import without_name
from cuecast.core.values import ClassInfo
from cuecast.cue_quality.check import check_cues, too_few
from cuecast.cue_quality.suggest import suggest_images
from cuecast.cue_quality.trials import complete_cues
from cuecast.cuesets.cueset import check_cueset, read_examples
from cuecast.predictor import Predictor
from cuecast.service.exports import export
from cuecast.service.progress import Bench, Ticker
from cuecast.service.runs import FAILURES, run
from cuecast.service.snapshot import MarkedImage, Snapshot, read_marked, snapshot, write_cueset
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
    """Leave-one-out over the marks; each part that names an image has its `image_id`."""
    with _scratch(bench) as folder:
        found = check_project(
            bench.predictor, folder, project.classes, project.scale, project.cues, Ticker(bench, job).note
        )
    for finding in found["findings"]:
        finding["image_id"] = project.ids.get(finding["entry"])
    if found["leave_one_out"]:
        for part in ("cues", "flags", "agreements"):
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
        Ticker(bench, job).note,
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


Progress = Callable[[int, int], None]
"""Called with (done, in all) after each answer; an exception out of it stops the work."""


def check_project(
    predictor: Predictor,
    folder: Path,
    classes: Sequence[ClassInfo],
    scale: str,
    cues: Sequence[MarkedImage],
    progress: Progress,
) -> dict[str, Any]:
    """The JSON of `cuecast cues check --json` over these marks; `image` is the image's name in the project.

    folder  an empty one, for the cue set that is checked.
    """
    cueset = write_cueset(folder, classes, cues)
    findings = check_cueset(folder)
    ok = not any(f.level == "error" for f in findings)
    result, note = None, None
    if ok:
        examples = read_examples(cueset)
        if len(complete_cues(examples)) < 2:
            note = too_few(examples)
        else:
            result = check_cues(predictor, examples, cueset.classes, scale, progress).as_dict()
    for named in _named(result):
        named["image"] = _plain(named["image"])
    return {
        "ok": ok,
        "findings": [{**asdict(f), "entry": _plain(f.entry)} for f in findings],
        "leave_one_out": result,
        "note": note,
    }


def suggest_project(
    predictor: Predictor,
    classes: Sequence[ClassInfo],
    scale: str,
    cues: Sequence[MarkedImage],
    images: Mapping[str, Path],
    count: int,
    progress: Progress,
) -> dict[str, Any]:
    """The JSON of `cuecast suggest --json` over the images (name -> file); `image` is the name."""
    concept = predictor.learn([read_marked(c, classes) for c in cues], classes, scale)
    marked = {c.name for c in cues}
    pool = {str(path): name for name, path in images.items() if name not in marked}
    found = suggest_images(concept, list(pool), count, progress=progress).as_dict()
    for failure in found["failures"]:
        failure["error"] = without_name(failure["error"], failure["image"])
    for named in (*found["suggestions"], *found["failures"]):
        named["image"] = pool[named["image"]]
    return {**found, "marked": sorted(marked)}


def _named(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The parts of a check that name an image."""
    return [] if result is None else [*result["cues"], *result["flags"], *result["agreements"]]


def _plain(entry: str) -> str:
    return entry.removeprefix("images/")
