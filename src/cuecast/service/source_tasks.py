"""What a worker process does for a run or an export of a video or volume."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from cuecast.core.errors import InputError
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry
from cuecast.service.compute.scans import count_components, labels_file, scan_project
from cuecast.service.compute.source_exports import SourcePlan, export_source
from cuecast.service.compute.sources import SourceAt
from cuecast.service.compute.tracks import NewLines, track_project
from cuecast.service.progress import Bench, Recorder, Ticker
from cuecast.service.snapshot import Snapshot
from cuecast.service.store.models import Job


def run_video(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The marks are followed through the video; each frame is noted as it is finished."""
    out, overwrite = bench.files.results(job.project_id), bool(job.request.get("overwrite"))
    recorder = Recorder(bench, job, project, Results(out, project.classes), overwrite)
    # What this very job has begun to make anew goes on: what is finished need not be made a third time.
    begun = any(p.job_id == job.id for p in recorder.index().values())
    lines = NewLines(out / "manifest.jsonl")

    def note(done: int, total: int) -> None:
        for entry in lines.read():
            recorder.take(entry)
        recorder.tick(done, total)

    summary = track_project(
        bench.predictor,
        _source(project),
        out,
        project.classes,
        project.cues,
        overwrite and not begun,
        note,
    )
    counts = _end(recorder, len(project.ids))
    return {
        "counts": counts,
        "kept": summary.resumed,
        "seconds": round(summary.seconds, 3),
        "note": summary.note,
        "failures": [],
    }


def run_volume(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The marks are carried through the volume; its slices are noted at the end, when all are known."""
    out, overwrite = bench.files.results(job.project_id), bool(job.request.get("overwrite"))
    results = Results(out, project.classes)
    indices = {Path(name).stem: index for index, name in enumerate(project.ids)}

    def counted(entry: ManifestEntry) -> dict[str, int]:
        labels = labels_file(out)
        if labels is None or not any(entry.areas.values()):
            return {}
        return count_components(labels, indices[entry.name])

    recorder = Recorder(bench, job, project, results, False, counted)
    summary = scan_project(
        bench.predictor, _source(project), out, project.classes, project.cues, overwrite, recorder.tick
    )
    counts = _end(recorder, len(project.ids))
    return {
        "counts": counts,
        "kept": len(project.ids) if summary.finished else 0,
        "voxels": dict(summary.voxels),
        "millilitres": None if summary.millilitres is None else dict(summary.millilitres),
        "note": "; ".join(said.replace(f"{out}/", "") for said in summary.failures) or None,
        "failures": [],
    }


def export(bench: Bench, job: Job, project: Snapshot, target: Path) -> None:
    """The zip of the results."""
    plan = SourcePlan(job.request["formats"], project.kind, len(project.ids), project.classes, project.cues)
    export_source(bench.files.results(job.project_id), plan, target, Ticker(bench, job).note)


def _end(recorder: Recorder, total: int) -> dict[str, int]:
    """Make the predictions those of the manifest, all of the marks of this run; frames by verdict."""
    recorder.keep(recorder.index())
    recorder.flush(total, total)
    known = recorder.index()
    counts = Counter({"found": 0, "doubtful": 0, "absent": 0, "failed": 0})
    counts.update(p.verdict or "failed" for p in known.values())
    return dict(counts)


def _source(project: Snapshot) -> SourceAt:
    if project.source is None:
        raise InputError(f"this project has no {project.kind} yet: add it first (POST .../source)")
    return project.source
