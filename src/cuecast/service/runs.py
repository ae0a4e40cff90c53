"""Runs: the marks of a project become masks of its images, of the frames of its video or of its volume.

What a run does, and what it keeps of earlier ones, is `cuecast.runs`'s; here its folders are made ready for it. Killed
at any moment, the same run goes on where it was (of a volume: begins anew).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.errors import InputError, OutputError
from cuecast.core.values import ClassInfo
from cuecast.cues import shown_in
from cuecast.cuesets.changes import Lineage, lineage
from cuecast.cuesets.cueset import read_examples
from cuecast.io.files import MANIFEST
from cuecast.predictor import Predictor
from cuecast.propagation.volume_slices import SliceCue
from cuecast.results.folder import Summary
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry, entry_at, read_manifest
from cuecast.runs import images as batch
from cuecast.runs.images import BatchOptions, Callback
from cuecast.runs.video import TrackOptions, TrackSummary, track_into
from cuecast.runs.volume import VolumeOptions, VolumeSummary, run_volume
from cuecast.service.files import place_input
from cuecast.service.frames import PLANE, OpenVideo, SourceAt
from cuecast.service.progress import Bench, Recorder
from cuecast.service.results import count_components, is_of, labels_file, note_wrong, prune
from cuecast.service.snapshot import MarkedImage, Snapshot, read_marked, write_cueset
from cuecast.service.store.models import Job

FAILURES = 100
"""Failed images at most that a result names; each image's prediction names its own failure."""


def run(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
    """The marks become masks of what the project has."""
    return RUNS[project.kind](bench, job, project)


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


@dataclass(frozen=True)
class Folders:
    """The folders of one project: its cue set, its results, and its images by the names they have there."""

    cues: Path
    results: Path
    inputs: Path


@dataclass(frozen=True)
class RunPlan:
    """What a run is made from.

    images     name -> file of every image of the project; others are taken out of the results.
    digests    name of results -> digest of the image's file, where it is known.
    wanted     the names that are to be done, in this order.
    wrong      names whose mask a person called wrong.
    overwrite  redo what is finished.
    """

    classes: tuple[ClassInfo, ...]
    scale: str
    cues: Sequence[MarkedImage]
    images: Mapping[str, Path]
    digests: Mapping[str, str]
    wanted: Sequence[str]
    wrong: Sequence[str] = ()
    overwrite: bool = False


def run_project(
    predictor: Predictor,
    folders: Folders,
    plan: RunPlan,
    pruned: Callable[[], object],
    progress: Callback,
    together: int = 1,
) -> Summary:
    """Do a run. An exception out of `progress` stops it; what is finished stays, and the next run goes on.

    `together` images are in work at once. `pruned` is called where something that does not fit the marks any more has
    been taken out of the results.

    Raises CueError where the marks teach nothing, and what reading them and writing results raises.
    """
    cueset = write_cueset(folders.cues, plan.classes, plan.cues)
    concept = predictor.learn(read_examples(cueset), cueset.classes, plan.scale)
    origin = lineage(cueset)
    results = Results(folders.results, concept.classes)
    inputs = {name: place_input(folders.inputs, name, path) for name, path in plan.images.items()}
    stems = {path.stem for path in inputs.values()}

    def fits(entry: ManifestEntry) -> bool:
        if entry.name not in stems or not is_of(entry, plan.digests.get(entry.name)):
            return False
        return _of_this_line(entry, predictor, plan.scale, origin)

    if prune(results, fits):
        pruned()
    note_wrong(results, [inputs[name].stem for name in plan.wrong if name in inputs])
    _sweep(folders.inputs, set(inputs))
    options = BatchOptions(workers=together, overwrite=plan.overwrite, formats=("uncertainty",))
    paths = [inputs[name] for name in plan.wanted]
    return batch.run(concept, paths, folders.results, options, progress, origin)


def _of_this_line(entry: ManifestEntry, predictor: Predictor, scale: str, origin: Lineage) -> bool:
    """Whether a line was made with this pack and scale, and with a version of this cue set."""
    if entry.pack != predictor.pack.digest or entry.scale != scale or entry.cueset is None:
        return False
    return origin.changes(entry.cueset) is not None


def _sweep(folder: Path, names: set[str]) -> None:
    """Take away the links of images that are in the project no more."""
    for place in folder.iterdir() if folder.is_dir() else ():
        if place.name not in names:
            with suppress(OSError):
                place.unlink()


Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all); an exception out of it stops the run, and the next one goes on."""


def track_project(
    predictor: Predictor,
    video: SourceAt,
    out: Path,
    classes: Sequence[ClassInfo],
    cues: Sequence[MarkedImage],
    overwrite: bool,
    progress: Progress,
) -> TrackSummary:
    """Follow what is marked on frames of `video`, with the results in `out`; those of another pack are thrown away.

    Raises CueError where the marks teach nothing, and what reading the video and writing results raises.
    """
    source = video.open()
    assert isinstance(source, OpenVideo)
    marked = {cue.frame.index: read_marked(cue, classes) for cue in cues if cue.frame is not None}
    concept = predictor.learn(list(marked.values()), classes, "pixel")
    drop_foreign(out, predictor)
    return track_into(concept, source.frames, out, marked, TrackOptions(overwrite=overwrite), progress)


def drop_foreign(out: Path, predictor: Predictor) -> None:
    """Remove results that another pack has made: they can be made anew from the marks."""
    manifest = out / MANIFEST
    if manifest.is_file() and any(e.pack != predictor.pack.digest for e in read_manifest(manifest)):
        shutil.rmtree(out)


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


def scan_project(
    predictor: Predictor,
    source: SourceAt,
    out: Path,
    classes: Sequence[ClassInfo],
    cues: Sequence[MarkedImage],
    overwrite: bool,
    progress: Progress,
) -> VolumeSummary:
    """Segment a volume by the marks on its slices, with the results in `out`; those of other marks are replaced.

    It is whole or not at all: a run that was stopped begins anew. Raises what `run_volume` raises.
    """
    shown = [
        SliceCue(PLANE, cue.frame.index, **shown_in(cue.document)) for cue in cues if cue.frame is not None
    ]
    begun = False

    def note(done: int, total: int) -> None:
        nonlocal begun
        begun = True
        progress(done, total)

    def run(anew: bool) -> VolumeSummary:
        options = VolumeOptions(source.reading, overwrite=anew)
        return run_volume(predictor, source.path, out, shown, classes, options, note)

    drop_foreign(out, predictor)
    try:
        return run(overwrite)
    except OutputError:
        # Results of other marks are only known when the marks have been read.
        if begun or overwrite or not (out / MANIFEST).is_file():
            raise
        return run(True)


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


def run_volume_project(bench: Bench, job: Job, project: Snapshot) -> dict[str, Any]:
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
        "note": "; ".join(said.replace(f"{out}/", "") for _, said in summary.failures) or None,
        "failures": [],
    }


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


RUNS: Mapping[str, Callable[[Bench, Job, Snapshot], dict[str, Any]]] = {
    "images": run_images,
    "video": run_video,
    "volume": run_volume_project,
}
"""Kind of a project -> what runs it."""
