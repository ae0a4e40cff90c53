"""What a worker process does for a job of each kind: from the database to `compute`, and back."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cuecast.results.gather import Results
from cuecast.service import source_tasks
from cuecast.service.compute.checks import check_project, suggest_project
from cuecast.service.compute.exports import ExportPlan, export_project
from cuecast.service.compute.runs import Folders, RunPlan, run_project
from cuecast.service.progress import Bench, Recorder, Ticker
from cuecast.service.snapshot import Snapshot, snapshot
from cuecast.service.store import jobs, projects
from cuecast.service.store.models import Job

FAILURES = 100
"""Failed images at most that a result names; each image's prediction names its own failure."""
EXPORTS = 5
"""Zips that are kept of a project, the newest."""


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
    """The marks become masks of what the project has."""
    runs = {"images": run_images, "video": source_tasks.run_video, "volume": source_tasks.run_volume}
    return runs[project.kind](bench, job, project)


def run_images(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The marks become masks of the images that were asked for, or of all."""
    folders = Folders(
        bench.files.cues(job.project_id),
        bench.files.results(job.project_id),
        bench.files.inputs(job.project_id),
    )
    wanted = job.request.get("images")
    names = {image: name for name, image in project.ids.items()}
    chosen = list(project.images) if wanted is None else [names[i] for i in wanted if i in names]
    overwrite = bool(job.request.get("overwrite"))
    recorder = Recorder(bench, job, project, Results(folders.results, project.classes), overwrite)
    known = recorder.index()
    # What this very job has made anew before it was stopped is not made anew twice.
    done = {i for i, p in known.items() if p.job_id == job.id and not p.stale} if overwrite else set()
    recorder.before = sum(project.ids[name] in done for name in chosen)
    plan = RunPlan(
        classes=project.classes,
        scale=project.scale,
        cues=project.cues,
        images=project.images,
        digests=project.digests,
        wanted=[name for name in chosen if project.ids[name] not in done],
        wrong=[names[i] for i, p in known.items() if p.wrong],
        overwrite=overwrite,
    )
    summary = run_project(bench.predictor, folders, plan, recorder.index, recorder.note, bench.together)
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


def export(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The zip of the results, under the project's name."""
    with bench.database.reading() as session:
        name = projects.find(session, job.project_id).name
    target = bench.files.exports(job.project_id) / f"{job.id}.zip"
    if project.kind == "images":
        plan = ExportPlan(
            job.request["formats"],
            project.classes,
            project.cues,
            project.images,
            project.digests,
            bench.settings.pack,
            job.request.get("coco_shape", "rle"),
        )
        export_project(bench.files.results(job.project_id), plan, target, Ticker(bench, job).note)
    else:
        source_tasks.export(bench, job, project, target)
    made = sorted(target.parent.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in made[EXPORTS:]:
        path.unlink(missing_ok=True)
    return {"bytes": target.stat().st_size, "name": f"{name}.zip"}


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
