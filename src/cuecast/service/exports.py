"""A zip of a project's results: the tree that `cuecast segment`, `track` or `volume` writes, and the cue set.

Masks are those of the results, byte by byte; everything else is made from them, or was written by the run. The tree is
put together beside the target and the zip is renamed into its place, so that it is there wholly or not at all.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CuecastError, InputError
from cuecast.core.objects import connected_instances
from cuecast.core.ordered import Step
from cuecast.core.values import Image, Verdict
from cuecast.cues import read_document
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.cuesets.edit import png_of
from cuecast.io.files import MANIFEST, file_digest, replacing
from cuecast.io.images import read_image
from cuecast.io.labels.masks import write_mask, write_objects
from cuecast.results import provenance
from cuecast.results.gather import FORMATS, Results, Writing, read_result, write_report_file
from cuecast.results.manifest import (
    ManifestEntry,
    answered,
    find_entries,
    read_frames,
    read_manifest,
    write_manifest,
)
from cuecast.runs import actions
from cuecast.runs.video import TABLE, VIDEO, YTVIS
from cuecast.service.files import place_input
from cuecast.service.progress import Bench, Ticker
from cuecast.service.results import is_of, labels_file, shown_classes
from cuecast.service.snapshot import MarkedImage, Snapshot, forget_history, write_cueset
from cuecast.service.store import projects
from cuecast.service.store.models import JobRow

EXPORTS = 5
"""Zips that are kept of a project, the newest."""
OPACITY = 0.45
STORED = {".png", ".jpg", ".jpeg", ".webp", ".jp2"}
"""Suffixes of files that are packed already; deflating them would only take time."""
PARTS = {"overlays": (VIDEO, "overlays"), "ytvis": (YTVIS,), "csv": (TABLE,)}
"""Format of a video or volume -> the files and folders of its results that are of it."""


def export(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """The zip of the results, under the project's name. Raises OutputError, and what reading masks and marks raises."""
    with bench.database.reading() as session:
        owner = projects.find(session, job.project_id)
        name, pixel = owner.name, (owner.pixel_size, owner.unit)
    target = bench.files.exports(job.project_id) / f"{job.id}.zip"
    tree = target.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)  # of an export that was killed
    try:
        work = _Export(bench, job, project, tree, frozenset(_whole(job.request["formats"])), pixel)
        (work.of_images if project.kind == "images" or work.only_checked else work.of_source)()
        _pack(tree, target)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    made = sorted(target.parent.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in made[EXPORTS:]:
        path.unlink(missing_ok=True)
    return {"bytes": target.stat().st_size, "name": f"{name}.zip"}


def _whole(formats: Sequence[str]) -> Iterator[str]:
    """The formats, and the masks of which provenance speaks."""
    yield from formats
    if provenance.FORMAT in formats:
        yield "masks"


def _pack(tree: Path, target: Path) -> None:
    """Write the zip `target` of a folder. Raises OutputError."""
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in sorted(p for p in tree.rglob("*") if p.is_file()):
            packed = path.suffix.lower() in STORED
            how = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.write(path, path.relative_to(tree).as_posix(), how)


@dataclass(frozen=True)
class _Export:
    """One export while it is built in the folder `tree`. `pixel`: edge and unit of one, where stated."""

    bench: Bench
    job: JobRow
    project: Snapshot
    tree: Path
    wanted: frozenset[str]
    pixel: tuple[float | None, str | None]

    @property
    def source(self) -> Path:
        """The results as the run wrote them."""
        return self.bench.files.results(self.job.project_id)

    @property
    def only_checked(self) -> bool:
        """Whether it holds what a person has drawn or called right, and nothing else."""
        return bool(self.job.request.get("checked"))

    def of_images(self) -> None:
        """Masks as they are, and the formats made from them; so are the checked frames and slices of a source."""
        origin = self._origin()
        entries = list(self._checked() if self.only_checked else self._entries())
        if self.only_checked and not entries:
            raise InputError(
                "no image of this project is checked yet",
                remedy="call what was found right, or mark whole pictures; then export",
            )
        if not entries and "cueset" not in self.wanted:
            raise InputError(
                "this project has no results yet", remedy="run it, then export; 'cueset' needs no run"
            )
        results = Results(self.tree, shown_classes(self.project.classes, iter(entries)))
        write_manifest(results.manifest, entries)
        formats = [kind for kind in FORMATS if kind in self.wanted - {"report", provenance.FORMAT}]
        shape, ticker = self.job.request.get("coco_shape", "rle"), Ticker(self.bench, self.job)
        request = actions.ExportRequest(results, formats, _image, Writing(shape, *self.pixel))
        last = Step("files", 0, 1)

        def told(step: Step) -> None:
            nonlocal last
            last = replace(step, total=step.total + 1)  # one more, for what comes behind
            ticker.note(last)

        actions.export(request, told)
        if self.wanted & {"report", "cueset"}:
            self._write_cueset()
        if "report" in self.wanted:
            examples = read_examples(read_cueset(self.tree / "cueset"))
            facts = [("checked" if self.only_checked else "cues", str(len(examples)))]
            if not self.only_checked:
                facts.insert(0, ("pack", self.project.pack or self.bench.settings.pack))
            write_report_file(results, examples, facts, OPACITY)
        self._write_plain(entries, origin)
        shutil.rmtree(self.tree / "images", ignore_errors=True)
        # Masks of things that were told apart are not whole without the ids.
        kept = self.wanted | ({"objects"} if "masks" in self.wanted else set())
        for folder in {"masks", "objects", "cueset"} - kept:
            shutil.rmtree(self.tree / folder, ignore_errors=True)
        ticker.note(replace(last, done=last.total))

    def of_source(self) -> None:
        """What the run of a video or volume wrote, known to be of one run. Raises InputError where it is not."""
        ticker = Ticker(self.bench, self.job)
        if self.wanted - {"cueset"}:
            self._take()
        ticker.note(Step("files", 1, 2))
        if "cueset" in self.wanted:
            self._write_cueset()
        ticker.note(Step("files", 2, 2))

    def _write_cueset(self) -> None:
        cues = self.project.checked if self.only_checked else self.project.cues
        write_cueset(self.tree / "cueset", self.project.classes, cues)
        forget_history(self.tree / "cueset")

    def _write_plain(self, entries: Sequence[ManifestEntry], origin: provenance.Origin | None) -> None:
        """The manifest, and the provenance where there is an origin, without a path of this machine."""
        write_manifest(self.tree / MANIFEST, (replace(e, image=Path(e.image).name) for e in entries))
        if origin is not None:
            provenance.write_provenance(self.tree, origin)

    def _origin(self) -> provenance.Origin | None:
        """Where the results come from, without a path of this machine; None where it is not asked for.

        Raises InputError where the run did not say so.
        """
        if provenance.FORMAT not in self.wanted:
            return None
        if self.only_checked:
            return provenance.Origin("")
        origin = provenance.read_origin(self.source)
        if origin is None:
            raise InputError(
                "these results do not say where they come from",
                remedy="run the project again, which keeps what is finished; then export",
            )
        return replace(origin, source=[_named(node) for node in origin.source])

    def _checked(self) -> Iterator[ManifestEntry]:
        """The entries of the images that are checked, with the masks of their marks. Raises InputError."""
        out = Results(self.tree, self.project.classes)
        classes = [c.id for c in self.project.classes]
        for stem, marked in self._known.items():
            mask, ids = _labels(marked)
            written = write_mask(out.file("masks", stem), mask, self.project.classes)
            file = None if ids is None else write_objects(out.file("objects", stem), ids)
            path = self._placed(marked)
            here = _image_at(str(path), marked.size) if marked.frame is None else None
            entry = ManifestEntry(
                stem,
                str(path),
                "",
                "",
                pixel_size=here.pixel_size if here else None,
                unit=here.unit if here else None,
                image_hash=marked.digest if marked.frame is None else file_digest(path),
                objects_hash=file_digest(file) if file else None,
                review=None if marked.teaches else "accepted",
                reviewer=marked.author,
            )
            verdict: Verdict = "found" if (mask > 0).any() else "absent"
            entry = answered(entry, (verdict, 1.0, 0.0), mask, classes, written)
            found = out.objects(entry)
            yield replace(entry, objects=len(found.objects), counts=found.counts())

    def _placed(self, marked: MarkedImage) -> Path:
        """The file of an image in the tree; of a frame or slice as a PNG. Raises ImageError, OutputError."""
        if marked.frame is None:
            return place_input(self.tree / "images", marked.name, marked.path)
        path = self.tree / "images" / marked.name
        with replacing(path) as temporary:
            temporary.write_bytes(png_of(marked.frame.image()))
        return path

    def _entries(self) -> Iterator[ManifestEntry]:
        """The entries with their masks, in the order of the project; a run may be writing meanwhile.

        A mask that is put in the place of another one stays the former one here, under its own link; where the
        manifest speaks of the other one already, or not yet, the image is looked at again.
        """
        source = Results(self.source, ())
        (self.tree / "masks").mkdir(parents=True)
        named = {Path(name).stem: (name, path) for name, path in self.project.images.items()}
        for _ in range(3):
            entries = find_entries(source.manifest, named)
            found = {name: e for name, e in entries.items() if is_of(e, self.project.digests.get(name))}
            linked = [self._link(e) for e in found.values() if e.error is None]
            if all(linked):
                break
        for stem, (name, path) in named.items():
            entry = found.get(stem)
            if entry is None or not (entry.error or (self.tree / "masks" / f"{stem}.png").exists()):
                continue  # not run, or its mask is gone
            entry = self._reviewed(entry, self._known.get(stem))
            yield replace(entry, image=str(place_input(self.tree / "images", name, path)))

    @cached_property
    def _known(self) -> dict[str, MarkedImage]:
        """Name of its results -> what is known of an image that is checked."""
        return {Path(marked.name).stem: marked for marked in self.project.checked}

    def _reviewed(self, entry: ManifestEntry, known: MarkedImage | None) -> ManifestEntry:
        """The line, with who has accepted its mask, where that is the one that is known."""
        if known is None or entry.error is not None:
            return entry
        found = read_result(self.tree / "masks" / f"{entry.name}.png")
        if not np.array_equal(found, _labels(known)[0]):
            return entry
        return replace(entry, review="accepted", reviewer=known.author)

    def _link(self, entry: ManifestEntry) -> bool:
        """Put mask and ids of an entry into the tree, if they are there; whether they are those it speaks of."""
        ids = entry.objects_hash is None or self._link_file("objects", entry.name, entry.objects_hash)
        return self._link_file("masks", entry.name, entry.mask_hash) and ids

    def _link_file(self, folder: str, name: str, stated: str | None) -> bool:
        """Put a result into the tree, if it is there; whether it is the file with the digest that is stated."""
        target = self.tree / folder / f"{name}.png"
        if target.exists() and file_digest(target) == stated:
            return True
        target.unlink(missing_ok=True)
        try:
            link_file(self.source / folder / target.name, target)
        except FileNotFoundError:
            return False
        return file_digest(target) == stated

    def _take(self) -> None:
        """Put the results of a video or volume into the tree."""
        origin = self._origin()
        self.tree.mkdir(parents=True)
        manifest, kind = self.source / MANIFEST, self.project.kind
        read = read_manifest if kind == "volume" else lambda path: read_frames(path).values()
        entries = list(read(manifest)) if manifest.is_file() else []
        made = manifest.stat().st_mtime_ns if entries else 0
        whole = len(entries) == len(self.project.ids) and all(e.error is None for e in entries)
        for part in (part for name in PARTS if name in self.wanted for part in PARTS[name]):
            place = self.source / part
            # They are written after the manifest: older ones are of the run before.
            whole = whole and not (kind == "video" and place.is_file() and place.stat().st_mtime_ns < made)
            for path in [place] if place.is_file() else sorted(place.glob("*")):
                link_file(path, self.tree / path.relative_to(self.source))
        if "masks" in self.wanted:
            whole = whole and self._take_masks(entries)
        if not whole:
            raise InputError(
                f"the results of this {kind} are not whole, or are being made anew: run it to its end, then export"
            )
        self._write_plain(entries, origin)

    def _take_masks(self, entries: Sequence[ManifestEntry]) -> bool:
        """Put the masks into the tree; whether they are those that the manifest speaks of."""
        if self.project.kind == "video":
            return all(self._link(entry) for entry in entries)
        labels = labels_file(self.source)
        if labels is None:
            return False
        link_file(labels, self.tree / "masks" / labels.name)
        return {file_digest(labels)} == {e.mask_hash for e in entries}


def _named(source: provenance.Node) -> provenance.Node:
    """A source, or a file in it, by its name from the folder where it lies."""
    return source | {"name": Path(source["name"]).name} if source["@id"] == provenance.SOURCE else source


def _labels(marked: MarkedImage) -> tuple[NDArray[np.int32], NDArray[np.int32] | None]:
    """The mask (H, W) of a checked image, what was left out being background; and the ids of its objects, where things
    were told apart: what belongs to none of these is one object a piece."""
    said = read_document(marked.document, marked.size)
    if said is None or said.mask is None:
        return np.zeros(marked.size, np.int32), None
    mask = np.maximum(said.mask, 0)
    if said.objects is None:
        return mask, None
    rest = connected_instances(np.where(said.objects == 0, mask, 0))
    return mask, np.where(rest > 0, rest + said.objects.max(), said.objects)


def _image(entry: ManifestEntry) -> Image | None:
    """The image of an entry; None where its file is gone or another one: it has a mask still."""
    return _image_at(entry.image, entry.size)


def _image_at(path: str, size: tuple[int, int] | None) -> Image | None:
    """The image of a file; None where that is gone, or it is not of this size."""
    try:
        image = read_image(path)
    except CuecastError:
        return None
    return image if image.size == size else None


def link_file(source: Path, target: Path) -> None:
    """Put a file into a tree: a link of its own, which keeps it as it is now, or a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
