"""A zip of a project's results: the tree that `cuecast segment` writes, and the cue set.

Masks are those of the results, byte by byte; everything else is made from them. The tree is put together beside the
target and the zip is renamed into its place, so that it is there wholly or not at all.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cuecast.core.drawing import overlay
from cuecast.core.errors import CuecastError, InputError
from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.io.files import MANIFEST, file_digest, replacing
from cuecast.io.images import read_image
from cuecast.io.labels.coco import Shape
from cuecast.results import gather
from cuecast.results.gather import Results
from cuecast.results.manifest import (
    ManifestEntry,
    find_entries,
    read_frames,
    read_manifest,
    write_manifest,
)
from cuecast.runs.actions import counting
from cuecast.runs.video import TABLE, VIDEO, YTVIS
from cuecast.service.files import place_input
from cuecast.service.progress import Bench, Ticker
from cuecast.service.results import is_of, labels_file, shown_classes
from cuecast.service.snapshot import MarkedImage, Snapshot, forget_history, write_cueset
from cuecast.service.store import projects
from cuecast.service.store.models import Job

EXPORTS = 5
"""Zips that are kept of a project, the newest."""


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
        export_project(
            bench.files.results(job.project_id), plan, target, counting("files", Ticker(bench, job).note)
        )
    else:
        export_of_source(bench, job, project, target)
    made = sorted(target.parent.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in made[EXPORTS:]:
        path.unlink(missing_ok=True)
    return {"bytes": target.stat().st_size, "name": f"{name}.zip"}


OPACITY = 0.45
STORED = {".png", ".jpg", ".jpeg", ".webp", ".jp2"}
"""Suffixes of files that are packed already; deflating them would only take time."""
Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all); an exception out of it stops the work and leaves nothing behind."""


@dataclass(frozen=True)
class ExportPlan:
    """What an export is made from; `images` are name -> file, in the order of the project, `digests` name of
    results -> digest of the image's file, where it is known."""

    formats: Sequence[str]
    classes: tuple[ClassInfo, ...]
    cues: Sequence[MarkedImage]
    images: Mapping[str, Path]
    digests: Mapping[str, str]
    pack: str
    coco_shape: Shape = "rle"


def export_project(results: Path, plan: ExportPlan, target: Path, progress: Progress) -> Path:
    """Write the zip `target`. Raises OutputError, and what reading masks and marks raises."""
    return pack(target, lambda tree: _Export(results, plan, tree, progress).build())


def pack(target: Path, build: Callable[[Path], None]) -> Path:
    """Write the zip `target` of the tree that `build` makes in the folder it is given. Raises OutputError."""
    tree = target.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)  # of an export that was killed
    try:
        build(tree)
        with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for path in _files(tree):
                packed = path.suffix.lower() in STORED
                how = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                archive.write(path, path.relative_to(tree).as_posix(), how)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return target


@dataclass(frozen=True)
class _Export:
    """One export while it is built in the folder `tree`."""

    source: Path
    plan: ExportPlan
    tree: Path
    progress: Progress

    def build(self) -> None:
        wanted = set(self.plan.formats)
        entries = list(self._take())
        results = Results(self.tree, shown_classes(self.plan.classes, iter(entries)))
        write_manifest(results.manifest, entries)
        steps: list[Callable[[], object]] = []
        if "overlays" in wanted:
            steps += [partial(self._overlay, results, e) for e in entries if e.error is None]
        how = gather.Writing(self.plan.coco_shape)
        steps += [
            partial(results.write, k, how) for k, f in gather.FORMATS.items() if f.write and k in wanted
        ]
        if wanted & {"report", "cueset"}:
            steps.append(partial(write_cueset, self.tree / "cueset", self.plan.classes, self.plan.cues))
        if "report" in wanted:
            steps.append(partial(self._report, results))
        for done, step in enumerate(steps):
            self.progress(done, len(steps))
            step()
        self._tidy(results, wanted)
        self.progress(len(steps), len(steps))

    def _take(self) -> Iterator[ManifestEntry]:
        """The entries with their masks, in the order of the project; a run may be writing meanwhile.

        A mask that is put in the place of another one stays the former one here, under its own link; where the
        manifest speaks of the other one already, or not yet, the image is looked at again.
        """
        source = Results(self.source, ())
        (self.tree / "masks").mkdir(parents=True)
        named = {Path(name).stem: (name, path) for name, path in self.plan.images.items()}
        for _ in range(3):
            entries = find_entries(source.manifest, named)
            found = {name: e for name, e in entries.items() if is_of(e, self.plan.digests.get(name))}
            linked = [self._link(source, e) for e in found.values() if e.error is None]
            if all(linked):
                break
        for stem, (name, path) in named.items():
            entry = found.get(stem)
            if entry is None or not (entry.error or (self.tree / "masks" / f"{stem}.png").exists()):
                continue  # not run, or its mask is gone
            yield replace(entry, image=str(place_input(self.tree / "images", name, path)))

    def _link(self, source: Results, entry: ManifestEntry) -> bool:
        """Put the mask of an entry into the tree, if it is there; whether it is the one that the entry speaks of."""
        target = self.tree / "masks" / f"{entry.name}.png"
        if target.exists() and file_digest(target) == entry.mask_hash:
            return True
        target.unlink(missing_ok=True)
        try:
            link_file(source.file("masks", entry.name), target)
        except FileNotFoundError:
            return False
        return file_digest(target) == entry.mask_hash

    def _overlay(self, results: Results, entry: ManifestEntry) -> None:
        with suppress(CuecastError):  # an image whose file is gone has a mask still
            image = read_image(entry.image)
            mask = gather.read_result(results.file("masks", entry.name))
            picture = overlay(image, mask, results.classes, opacity=OPACITY)
            gather.write_overlay(results.file("overlays", entry.name), picture)

    def _report(self, results: Results) -> None:
        examples = read_examples(read_cueset(self.tree / "cueset"))
        facts = (("pack", self.plan.pack), ("cues", str(len(examples))))
        gather.write_report_file(results, examples, facts, OPACITY)

    def _tidy(self, results: Results, wanted: set[str]) -> None:
        """Leave what was asked for, and no path of this machine."""
        entries = [replace(e, image=Path(e.image).name) for e in read_manifest(results.manifest)]
        write_manifest(results.manifest, entries)
        shutil.rmtree(self.tree / "images", ignore_errors=True)
        forget_history(self.tree / "cueset")
        for folder in {"masks", "cueset"} - wanted:
            shutil.rmtree(self.tree / folder, ignore_errors=True)


def link_file(source: Path, target: Path) -> None:
    """Put a file into a tree: a link of its own, which keeps it as it is now, or a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _files(tree: Path) -> Iterator[Path]:
    return (path for path in sorted(tree.rglob("*")) if path.is_file())


PARTS = {"overlays": (VIDEO, "overlays"), "ytvis": (YTVIS,), "csv": (TABLE,)}
"""Format -> the files and folders of the results that are of it."""


@dataclass(frozen=True)
class SourcePlan:
    """What an export is made from: `kind` 'video' or 'volume', `frames` frames or slices."""

    formats: Sequence[str]
    kind: str
    frames: int
    classes: tuple[ClassInfo, ...]
    cues: Sequence[MarkedImage]


def export_source(results: Path, plan: SourcePlan, target: Path, progress: Progress) -> Path:
    """Write the zip `target`. Raises InputError where the results are not whole, OutputError."""

    def build(tree: Path) -> None:
        if set(plan.formats) - {"cueset"}:
            _take(results, plan, tree)
        progress(1, 2)
        if "cueset" in plan.formats:
            write_cueset(tree / "cueset", plan.classes, plan.cues)
            forget_history(tree / "cueset")
        progress(2, 2)

    return pack(target, build)


def _take(results: Path, plan: SourcePlan, tree: Path) -> None:
    """Put the results into the tree."""
    tree.mkdir(parents=True)
    entries = _entries(results, plan)
    made = (results / MANIFEST).stat().st_mtime_ns if entries else 0
    whole = len(entries) == plan.frames and all(e.error is None for e in entries)
    parts = [part for name in plan.formats for part in PARTS.get(name, ())]
    for part in parts:
        place = results / part
        # They are written after the manifest: older ones are of the run before.
        whole = whole and not (plan.kind == "video" and place.is_file() and place.stat().st_mtime_ns < made)
        for path in [place] if place.is_file() else sorted(place.glob("*")):
            link_file(path, tree / path.relative_to(results))
    if "masks" in plan.formats:
        whole = whole and _take_masks(results, plan, entries, tree)
    if not whole:
        raise InputError(
            f"the results of this {plan.kind} are not whole, or are being made anew: run it to its end, then export"
        )
    write_manifest(tree / MANIFEST, (replace(e, image=Path(e.image).name) for e in entries))


def _entries(results: Path, plan: SourcePlan) -> list[ManifestEntry]:
    manifest = results / MANIFEST
    if not manifest.is_file():
        return []
    return list(read_frames(manifest).values() if plan.kind == "video" else read_manifest(manifest))


def _take_masks(results: Path, plan: SourcePlan, entries: Sequence[ManifestEntry], tree: Path) -> bool:
    """Put the masks into the tree; whether they are those that the manifest speaks of."""
    if plan.kind == "volume":
        labels = labels_file(results)
        if labels is None:
            return False
        link_file(labels, tree / "masks" / labels.name)
        return {file_digest(labels)} == {e.mask_hash for e in entries}
    for entry in entries:
        source = results / "masks" / f"{entry.name}.png"
        if not source.is_file():
            return False
        target = tree / "masks" / source.name
        link_file(source, target)
        if file_digest(target) != entry.mask_hash:
            return False
    return True


def export_of_source(bench: Bench, job: Job, project: Snapshot, target: Path) -> None:
    """The zip of the results."""
    plan = SourcePlan(job.request["formats"], project.kind, len(project.ids), project.classes, project.cues)
    export_source(
        bench.files.results(job.project_id), plan, target, counting("files", Ticker(bench, job).note)
    )
