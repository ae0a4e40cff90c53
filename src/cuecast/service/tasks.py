"""What a worker process does for a job of each kind: from the database to the library's actions, and back.

In a run the marks of a project become masks of its images, of the frames of its video or of its volume. What a run
does, and what it keeps of earlier ones, is `cuecast.runs`'s; here its folders are made ready for it. Killed at any
moment, the same run goes on where it was (of a volume: begins anew). All raise as `perform`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cuecast.core.errors import InputError, OutputError, without_name
from cuecast.core.ordered import Progress, Step
from cuecast.core.values import Example
from cuecast.cues import shown_in
from cuecast.cuesets.changes import lineage
from cuecast.io.files import MANIFEST
from cuecast.predictor import Predictor
from cuecast.propagation.volume_slices import SliceCue
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry, entry_at, read_manifest
from cuecast.runs import actions
from cuecast.runs.images import BatchOptions
from cuecast.runs.video import TrackOptions, track_into
from cuecast.runs.volume import VolumeOptions, VolumeSummary, run_volume
from cuecast.service.exports import export
from cuecast.service.files import place_input
from cuecast.service.frames import PLANE, OpenVideo, SourceAt
from cuecast.service.progress import Bench, Recorder, Ticker
from cuecast.service.ready import pack_of, ready_cues
from cuecast.service.refining import refine
from cuecast.service.results import count_components, is_of, labels_file, note_wrong, prune, slice_labels
from cuecast.service.snapshot import Snapshot, read_marked, snapshot, write_cueset
from cuecast.service.store import jobs
from cuecast.service.store.models import JobRow, PredictionRow

FAILURES = 100
"""Failed images at most that a result names; each image's prediction names its own failure."""


def perform(bench: Bench, job: JobRow) -> dict[str, Any]:
    """Do a job; returns its result.

    Raises CancelledError, StoppedError, `jobs.LostJobError`, and CuecastError where it cannot be done.
    """
    with bench.database.reading() as session:
        if job.kind != "export":
            jobs.check_cues(session, job.project_id)
        project = snapshot(session, bench.files, job.project_id, checked=job.kind in ("export", "refine"))
    if project.concept is not None and job.kind != "refine":
        ready = ready_cues(pack_of(bench.settings, project.pack), project.concept, project.classes)
        project = replace(project, cues=(*ready, *project.cues))
    return KINDS[job.kind](bench, job, project)


def check(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """`cuecast cues check --json` over the marks, with the names of images in the project and their `image_id`."""
    # What a killed process leaves of the folder is swept with the uploads.
    with tempfile.TemporaryDirectory(dir=bench.files.uploads, ignore_cleanup_errors=True) as folder:
        write_cueset(Path(folder), project.classes, project.cues)
        request = actions.CheckRequest(Path(folder), lambda: bench.predictor(project.pack), project.scale)
        found = actions.check(request, Ticker(bench, job).note).as_dict()
    compared = found["leave_one_out"] or {}
    for finding in found["findings"]:
        finding["entry"] = finding["entry"].removeprefix("images/")
        finding["image_id"] = project.ids.get(finding["entry"])
    for named in (n for part in ("cues", "flags", "agreements") for n in compared.get(part, ())):
        named["image"] = named["image"].removeprefix("images/")
        named["image_id"] = project.ids.get(named["image"])
    return found


def suggest(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """The images to mark next, best first, and why: `cuecast suggest --json` with names and ids of the project."""
    examples = [read_marked(cue, project.classes) for cue in project.cues]
    concept = bench.predictor(project.pack).learn(examples, project.classes, project.scale)
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


def run(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """The marks become masks of what the project has."""
    return RUNS[project.kind](bench, job, project)


def run_images(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """The marks become masks of the images that were asked for, or of all."""
    out, overwrite = bench.files.results(job.project_id), bool(job.request.get("overwrite"))
    wanted, names = job.request.get("images"), {image: name for name, image in project.ids.items()}
    chosen = list(project.images) if wanted is None else [names[i] for i in wanted if i in names]
    recorder = Recorder(bench, job, project, Results(out, project.classes), overwrite)
    known = recorder.index()
    # What this very job has made anew before it was stopped is not made anew twice.
    done = {i for i, p in known.items() if p.job_id == job.id and not p.stale} if overwrite else set()
    recorder.before = sum(project.ids[name] in done for name in chosen)
    wrong = [Path(names[i]).stem for i, p in known.items() if p.wrong]
    request, inputs = _request(bench, job, project, recorder, wrong)
    paths = [inputs[name] for name in chosen if project.ids[name] not in done]
    summary = actions.segment(replace(request, images=paths), recorder.note)
    known = recorder.index()
    found = [known[i] for i in (project.ids[name] for name in chosen) if i in known]
    failed = [
        {"image_id": p.image_id, "image": names[p.image_id], "error": p.error} for p in found if p.error
    ]
    return {
        "counts": _counts(found),
        "kept": summary.resumed,
        "seconds": round(summary.seconds, 3),
        "failures": failed[:FAILURES],
    }


def _request(
    bench: Bench, job: JobRow, project: Snapshot, recorder: Recorder, wrong: Sequence[str]
) -> tuple[actions.SegmentRequest, Mapping[str, Path]]:
    """What a run asks for but its images, and name -> file of those; the folders are made to fit the marks.

    wrong  names of the results that a person called wrong.
    """
    cueset = write_cueset(bench.files.cues(job.project_id), project.classes, project.cues)
    # The set has pictures whose files may be gone since they were marked.
    shown = [
        replace(cue, path=cueset.root / entry.image, frame=None)
        for cue, entry in zip(project.cues, cueset.entries, strict=True)
    ]
    examples = [read_marked(cue, project.classes) for cue in shown]
    asked = job.request
    predictor = bench.predictor(project.pack)
    concept = predictor.learn(examples, project.classes, project.scale, asked.get("objects", "auto"))
    origin, pack, results = lineage(cueset), predictor.pack.digest, recorder.results
    folder = bench.files.inputs(job.project_id)
    inputs = {name: place_input(folder, name, path) for name, path in project.images.items()}
    stems = {path.stem for path in inputs.values()}

    def fits(entry: ManifestEntry) -> bool:
        """Whether a line is of an image of the project, this pack and scale, and a version of the cue set."""
        if entry.name not in stems or not is_of(entry, project.digests.get(entry.name)):
            return False
        made = (entry.pack, entry.scale) == (pack, project.scale) and entry.cueset is not None
        return made and origin.changes(str(entry.cueset)) is not None

    if prune(results, fits):
        recorder.index()
    note_wrong(results, wrong)
    for place in folder.iterdir() if folder.is_dir() else ():
        if place.name not in inputs:  # a link of an image that is in the project no more
            with suppress(OSError):
                place.unlink()
    options = BatchOptions(
        workers=bench.together,
        overwrite=recorder.overwrite,
        formats=("uncertainty",),
        min_area=asked.get("min_area", 0),
        min_confidence=asked.get("min_confidence", 0.0),
        provenance=True,
    )
    return actions.SegmentRequest(concept, (), results.out, options, origin), inputs


def run_video(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """The marks are followed through the video; each frame is noted as it is finished."""
    out, overwrite = bench.files.results(job.project_id), bool(job.request.get("overwrite"))
    recorder = Recorder(bench, job, project, Results(out, project.classes), overwrite)
    # What this very job has begun to make anew goes on: what is finished need not be made a third time.
    begun = any(p.job_id == job.id for p in recorder.index().values())
    lines = NewLines(out / MANIFEST)

    def note(step: Step) -> None:
        for entry in lines.read():
            recorder.take(entry)
        recorder.tick(step)

    source = _source(project)
    video = source.open()
    assert isinstance(video, OpenVideo)
    marked = {c.frame.index: read_marked(c, project.classes) for c in project.cues if c.frame is not None}
    predictor = bench.predictor(project.pack)
    shown = [*_ready(project), *marked.values()]
    # The objects of frames and slices are listed as components: so are those of the files.
    concept = predictor.learn(shown, project.classes, project.scale, "connected")
    _drop_foreign(out, predictor)
    options = TrackOptions(overwrite=overwrite and not begun, provenance=True)
    summary = track_into(concept, video.frames, out, marked, options, note, source.path)
    return {
        "counts": _end(recorder, len(project.ids)),
        "kept": summary.resumed,
        "seconds": round(summary.seconds, 3),
        "note": summary.note,
        "failures": [],
    }


class NewLines:
    """The entries that are appended to a manifest from the first time on that it is asked for them."""

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._offset: int | None = None

    def read(self) -> list[ManifestEntry]:
        """Those that are new since the last call."""
        if self._offset is None:
            self._offset = self._manifest.stat().st_size if self._manifest.exists() else 0
            return []
        found = []
        with open(self._manifest, "rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if line.endswith(b"\n"):
                    found.append(entry_at(self._manifest, self._offset))
                    self._offset += len(line)
        return found


def run_volume_project(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """The marks are carried through the volume; its slices are noted at the end, when all are known."""
    out, overwrite = bench.files.results(job.project_id), bool(job.request.get("overwrite"))
    indices = {Path(name).stem: index for index, name in enumerate(project.ids)}

    def counted(entry: ManifestEntry) -> dict[str, int]:
        labels = labels_file(out)
        if labels is None or not any(entry.areas.values()):
            return {}
        return count_components(slice_labels(labels, indices[entry.name]))

    recorder = Recorder(bench, job, project, Results(out, project.classes), False, counted)
    summary = _carry(bench.predictor(project.pack), project, out, overwrite, recorder.tick)
    return {
        "counts": _end(recorder, len(project.ids)),
        "kept": len(project.ids) if summary.finished else 0,
        "voxels": dict(summary.voxels),
        "millilitres": None if summary.millilitres is None else dict(summary.millilitres),
        "note": "; ".join(said.replace(f"{out}/", "") for _, said in summary.failures) or None,
        "failures": [],
    }


def _carry(
    predictor: Predictor, project: Snapshot, out: Path, overwrite: bool, progress: Progress
) -> VolumeSummary:
    """Segment a volume by the marks on its slices; results of other marks are replaced."""
    source = _source(project)
    shown = [
        SliceCue(PLANE, cue.frame.index, **shown_in(cue.document))
        for cue in project.cues
        if cue.frame is not None
    ]
    begun = False
    ready = _ready(project)
    teacher = predictor.learn(ready, project.classes, project.scale) if ready else predictor

    def note(step: Step) -> None:
        nonlocal begun
        begun = True
        progress(step)

    def run(anew: bool) -> VolumeSummary:
        options = VolumeOptions(source.reading, overwrite=anew, objects="connected", provenance=True)
        return run_volume(teacher, source.path, out, shown, project.classes, options, note)

    _drop_foreign(out, predictor)
    try:
        return run(overwrite)
    except OutputError:
        # Results of other marks are only known when the marks have been read.
        if begun or overwrite or not (out / MANIFEST).is_file():
            raise
        return run(True)


def _drop_foreign(out: Path, predictor: Predictor) -> None:
    """Remove results that another pack has made: they can be made anew from the marks."""
    manifest = out / MANIFEST
    if manifest.is_file() and any(e.pack != predictor.pack.digest for e in read_manifest(manifest)):
        shutil.rmtree(out)


def _end(recorder: Recorder, total: int) -> dict[str, int]:
    """Make the predictions those of the manifest, all of the marks of this run; frames by verdict."""
    recorder.keep(recorder.index())
    recorder.flush(total, total)
    return _counts(recorder.index().values())


def _counts(found: Iterable[PredictionRow]) -> dict[str, int]:
    counts = Counter({"found": 0, "doubtful": 0, "absent": 0, "failed": 0})
    counts.update(p.verdict or "failed" for p in found)
    return dict(counts)


def _ready(project: Snapshot) -> list[Example]:
    """What a ready concept shows, in a project of a video or volume: pictures that are none of its frames."""
    return [read_marked(cue, project.classes) for cue in project.cues if cue.frame is None]


def _source(project: Snapshot) -> SourceAt:
    if project.source is None:
        raise InputError(f"this project has no {project.kind} yet: add it first (POST .../source)")
    return project.source


RUNS: Mapping[str, Callable[[Bench, JobRow, Snapshot], dict[str, Any]]] = {
    "images": run_images,
    "video": run_video,
    "volume": run_volume_project,
}
"""Kind of a project -> what runs it."""
KINDS: Mapping[str, Callable[[Bench, JobRow, Snapshot], dict[str, Any]]] = {
    "run": run,
    "check": check,
    "suggest": suggest,
    "export": export,
    "refine": refine,
}
"""Kind of a job -> what does it."""
