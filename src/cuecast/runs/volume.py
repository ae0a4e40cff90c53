"""A volume's results in a folder: labels in its geometry, table, doubtful slices, manifest; whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from cuecast.core.errors import CuecastError, OutputError
from cuecast.core.objects import ObjectMode
from cuecast.core.ordered import Progress, silent
from cuecast.core.values import ClassInfo
from cuecast.io.files import check_space, file_digest, note_of_edited, replacing
from cuecast.io.formats import outputs_of
from cuecast.io.places import check_places
from cuecast.io.volumes import Reading, Volume, check_labels, open_volume, output_suffix
from cuecast.io.volumes.bodies import write_bodies_csv
from cuecast.io.volumes.volume import on_grid_of
from cuecast.predictor import Concept, Predictor
from cuecast.propagation.result import SliceAnswer, VolumePrediction, most_doubtful
from cuecast.propagation.volume import VolumeWalk, prepare
from cuecast.propagation.volume_slices import SliceCue
from cuecast.results import provenance
from cuecast.results.folder import Files, ResultsFolder, Summary, has_digest, is_kept, other_concept
from cuecast.results.manifest import ManifestEntry, read_manifest, write_manifest

TABLE = "objects.csv"
IDS = "objects"
"""Folder of the volume of ids."""


@dataclass(frozen=True)
class VolumeOptions:
    """How a volume is read, and what is written.

    window    as in `segment_volume`.
    kind      format of the labels, one that is written; None is that of the input (DICOM: NIfTI).
    overlays  how many of the most doubtful slices are drawn.
    overwrite  redo what is finished, and replace results of other cues or another volume.
    thresholds  as `Concept.with_thresholds` takes them; None leaves them as they are.
    objects   what is one object, as in `segment_volume`.
    provenance  where the labels come from is written, see `cuecast.results.provenance`.
    cueset    (version, digest) of the cue set that all was learnt from, to be named there.
    ids       whether a volume of the ids of objects is written beside the labels, in their format (DICOM SEG: NIfTI).
    """

    reading: Reading = field(default_factory=Reading)
    window: tuple[float, float] | None = None
    kind: str | None = None
    overlays: int = 6
    overwrite: bool = False
    thresholds: float | Mapping[str, float | None] | None = None
    objects: ObjectMode | None = None
    ids: bool = False
    provenance: bool = False
    cueset: tuple[int, str] | None = None


@dataclass(frozen=True, kw_only=True)
class VolumeSummary(Summary):
    """What a run came to: see `Summary`; `counts` has its slices, and `failures` what could not be written: the other
    files are there, and the next run does it again.

    objects      class name -> number of objects.
    voxels       class name -> marked voxels; `millilitres` the same in ml, None where the size of a voxel is unknown.
    plane, size  the plane whose slices were visited, and the voxels along (z, y, x).
    doubtful     slices that are worth a look, the most doubtful first.
    """

    objects: Mapping[str, int]
    voxels: Mapping[str, int]
    millilitres: Mapping[str, float] | None
    plane: str
    size: tuple[int, int, int]
    doubtful: tuple[int, ...]

    @property
    def finished(self) -> bool:
        """Whether all this was there before."""
        return self.resumed > 0


def run_volume(
    teacher: Predictor | Concept,
    path: str | Path,
    out: Path,
    cues: Sequence[SliceCue] = (),
    classes: Sequence[ClassInfo | str] | None = None,
    options: VolumeOptions | None = None,
    progress: Progress = silent,
    begin: Callable[[Sequence[ClassInfo]], object] | None = None,
) -> VolumeSummary:
    """Segment a volume and write the results into the folder `out`; what is finished there is not done again.

    `begin` is told the classes that are looked for, before the first slice.

    Raises OutputError before any work where the results do not fit on the disk, or `out` holds those of other cues or
    another volume; and what `segment_volume` raises.
    """
    started = time.perf_counter()
    options = options or VolumeOptions()
    check_places([Path(path)], out)
    volume = open_volume(path, options.reading)
    kind, suffix = output_suffix(volume, options.kind)
    mask = f"masks/{volume.name}{suffix}"
    folder = ResultsFolder(out, (mask, TABLE, provenance.NAME), options.overwrite, ("masks", "overlays", IDS))
    if not folder.manifest.exists():
        check_space(out, int(np.prod(volume.size)), "choose another folder")
    walk = prepare(teacher, volume, cues, classes, options.window, options.objects)
    if options.thresholds is not None:
        walk = replace(walk, concept=walk.concept.with_thresholds(options.thresholds))
    check_labels(volume, walk.concept.classes, kind)
    if begin is not None:
        begin(walk.concept.classes)
    run = _VolumeRun(folder, walk, Path(path), kind, out / mask, options)
    failures: list[tuple[str, str]] = []
    with folder.opened() as edited:
        folder.claim(run.strange, run.files)
        former = list(read_manifest(folder.manifest))
        finished = run.is_finished(former)
        entries = former if finished else run.write(walk.predict(progress), former, failures)
        if run.provenance:
            run.write_provenance()
        moved = edited()
    summary = run.summary(entries, time.perf_counter() - started)
    note = note_of_edited(moved)
    return replace(
        summary,
        resumed=len(entries) if finished else 0,
        failures=tuple(failures),
        notes=(*summary.notes, note) if note else summary.notes,
        edited=moved,
    )


@dataclass(frozen=True, eq=False)
class _VolumeRun:
    """One volume and the folder of its results: the steps of `run_volume`. `mask` is the file of its labels."""

    folder: ResultsFolder
    walk: VolumeWalk
    path: Path
    kind: str
    mask: Path
    options: VolumeOptions

    @cached_property
    def pack(self) -> str:
        return self.walk.concept.predictor.pack.digest

    @cached_property
    def provenance(self) -> bool:
        return provenance.carries(self.out, self.options.provenance)

    def write_provenance(self) -> None:
        """Say where the labels come from. Raises OutputError, and ImageError where the volume cannot be read again."""
        source = provenance.source_nodes(str(self.path), self.path)
        origin = provenance.Origin(self.walk.concept.predictor.pack.name, source)
        provenance.write_provenance(self.out, origin)

    @cached_property
    def cues(self) -> str:
        """Digest of the concept and of the places of its marks."""
        places = sorted((c.plane, c.index) for c in self.walk.shown)
        shown = f"{self.walk.concept.digest}{places}{self.walk.slices.plane}"
        return hashlib.sha256(shown.encode()).hexdigest()

    @cached_property
    def source(self) -> str:
        return _source_digest(self.volume, self.walk.slices.window)

    @property
    def out(self) -> Path:
        return self.folder.out

    @property
    def volume(self) -> Volume:
        return self.walk.slices.volume

    def strange(self, entry: ManifestEntry) -> str | None:
        """What else a line is of than this volume, pack and cues."""
        if entry.image_hash != self.source:
            return "another volume, or of this one read otherwise"
        return other_concept(entry, self.pack, self.cues)

    def files(self, entry: ManifestEntry) -> Files:
        """The results of a slice: the labels of its volume, in whatever format they were written, and its overlay."""
        volume = re.sub(r"_[zyx]\d{4,}$", "", entry.name)
        suffixes = dict.fromkeys((*outputs_of("volumes").values(), ".nii"))
        others = [self._overlay(entry.name), *(self.out / IDS / f"{volume}{s}" for s in suffixes)]
        return Files([self.out / "masks" / f"{volume}{s}" for s in suffixes], others)

    @property
    def ids(self) -> Path:
        """The file of the ids of objects."""
        kind = "nifti" if self.kind == "dicom-seg" else self.kind
        return self.out / IDS / f"{self.volume.name}{output_suffix(self.volume, kind)[1]}"

    def _tells_objects_alike(self, entries: Sequence[ManifestEntry]) -> bool:
        """Whether the objects were told apart as they would be now, and their ids are there where they are wanted."""
        if any(e.split != self.walk.concept.splits for e in entries):
            return False
        hashes = {e.objects_hash for e in entries}
        wanted = self.options.ids or hashes != {None}
        return not wanted or (len(hashes) == 1 and has_digest(self.ids, hashes.pop()))

    def is_finished(self, entries: Sequence[ManifestEntry]) -> bool:
        """Whether everything that these lines of ours speak of is there; overlays are drawn where others are wanted."""
        whole = len(entries) == self.walk.slices.count and (self.out / TABLE).is_file()
        if self.options.overwrite or not whole:
            return False
        if any(e.thresholds != self.walk.concept.thresholds for e in entries):
            return False
        if not self._tells_objects_alike(entries):
            return False
        if self._has_labels(e.areas for e in entries):
            kept = is_kept(self.mask, entries[0]) and len({e.mask_hash for e in entries}) == 1
        else:
            kept = {e.mask_hash for e in entries} == {None}
        if not kept:
            return False
        there = {i for i, e in enumerate(entries) if self._overlay(e.name).is_file()}
        wanted = self._doubtful(entries)
        if there == set(wanted):
            return True
        if wanted and self.kind == "dicom-seg":  # its labels are not read as a volume
            return False
        slices, classes = self.walk.slices, self.walk.concept.classes
        try:
            labels = on_grid_of(open_volume(self.mask), self.volume).voxels if wanted else np.empty(0)
        except CuecastError:
            return False
        self._draw(
            VolumePrediction(self.volume, labels, classes, slices.plane, slices.window, (), 0.0), entries
        )
        return True

    def _doubtful(self, entries: Sequence[ManifestEntry]) -> list[int]:
        """The slices that are drawn, the most doubtful first."""
        marked = {c.index for c in self.walk.shown if c.plane == self.walk.slices.plane}
        answers = [
            SliceAnswer(i, e.verdict or "absent", e.confidence or 0.0, e.areas, i in marked)
            for i, e in enumerate(entries)
        ]
        return most_doubtful(answers, self.options.overlays)

    def _draw(self, prediction: VolumePrediction, entries: Sequence[ManifestEntry]) -> None:
        """Draw the overlays that are wanted, and none else of this volume. Raises OutputError."""
        ours = re.compile(rf"{re.escape(self.volume.name)}_[zyx]\d{{4,}}\.png")
        for path in (self.out / "overlays").glob("*"):
            if ours.fullmatch(path.name):
                path.unlink()
        for index in self._doubtful(entries):
            with replacing(self._overlay(entries[index].name)) as temporary:
                prediction.overlay(index).save(temporary, "PNG")

    def write(
        self,
        prediction: VolumePrediction,
        former: Sequence[ManifestEntry],
        failures: list[tuple[str, str]],
    ) -> list[ManifestEntry]:
        """All files; the lines of the manifest, of which those of `former` were ours.

        The manifest is written before the labels, without their hash, and once more with it: so a run that is stopped
        between the two takes no labels of its own for those of somebody else. Of an empty answer there is no DICOM SEG,
        which cannot be empty, and labels that could not be written are named in `failures`: then there is no hash.
        """
        entries = [
            ManifestEntry(
                name=f"{self.volume.name}_{prediction.plane}{answer.index:04d}",
                image=f"{self.path}#{prediction.plane}:{answer.index}",
                pack=self.pack,
                cues=self.cues,
                verdict=answer.verdict,
                confidence=round(answer.confidence, 6),
                seconds=round(prediction.seconds / len(prediction.slices), 4),
                size=self.walk.slices.size,
                areas=answer.voxels,
                image_hash=self.source,
                scale=self.walk.concept.scale,
                thresholds=self.walk.concept.thresholds,
                split=self.walk.concept.splits,
                **provenance.stamp(self.provenance, self.options.cueset),
            )
            for answer in prediction.slices
        ]
        if former:
            self.folder.remove(former[0], self.files(former[0]))
        self.mask.unlink(missing_ok=True)
        write_manifest(self.folder.manifest, entries)
        if self._has_labels(answer.voxels for answer in prediction.slices):
            try:
                mask_hash = file_digest(prediction.save(self.mask, self.kind))
                entries = [replace(e, mask_hash=mask_hash) for e in entries]
            except OutputError as error:
                failures.append((str(self.mask), str(error)))
        self._draw(prediction, entries)
        bodies = prediction.bodies()
        write_bodies_csv(self.out / TABLE, self.path.name, bodies, prediction.classes)
        if self.options.ids:
            try:
                kind = "nifti" if self.kind == "dicom-seg" else self.kind
                ids_hash = file_digest(prediction.save_objects(self.ids, kind))
                entries = [replace(e, objects_hash=ids_hash) for e in entries]
            except OutputError as error:
                failures.append((str(self.ids), str(error)))
        write_manifest(self.folder.manifest, entries)
        return entries

    def _has_labels(self, voxels: Iterable[Mapping[int, int]]) -> bool:
        """Whether there is a file of labels for an answer with these voxels a slice."""
        return self.kind != "dicom-seg" or any(n for each in voxels for n in each.values())

    def summary(self, entries: Sequence[ManifestEntry], seconds: float) -> VolumeSummary:
        """What the lines of the manifest come to."""
        classes, each = self.walk.concept.classes, self.volume.voxel_ml
        voxels = {c.name: sum(e.areas.get(c.id, 0) for e in entries) for c in classes}
        counts = Counter(e.verdict for e in entries)
        doubtful, found = tuple(self._doubtful(entries)), self._counted()
        files, notes = {"csv": self.out / TABLE, "manifest": self.folder.manifest}, self.volume.notes
        if self.provenance:
            files["provenance"] = self.out / provenance.NAME
        if self.mask.is_file():
            files = {"mask": self.mask, **files}
            if entries and entries[0].objects_hash is not None:
                files["objects"] = self.ids
        elif not self._has_labels(e.areas for e in entries):
            nothing = f"{self.path}: nothing was found, and a DICOM SEG cannot be empty: there is none"
            notes = (*notes, nothing)
        return VolumeSummary(
            out=self.out,
            counts={verdict: counts[verdict] for verdict in ("found", "doubtful", "absent")},
            seconds=seconds,
            objects={c.name: found[c.id] for c in classes},
            voxels=voxels,
            millilitres=None if each is None else {name: each * n for name, n in voxels.items()},
            plane=self.walk.slices.plane,
            size=self.volume.size,
            doubtful=doubtful,
            notes=notes,
            files={**files, "overlays": self.out / "overlays"} if doubtful else files,
        )

    def _counted(self) -> Counter[int]:
        """Class id -> number of objects, as the table has them."""
        if not (self.out / TABLE).is_file():
            return Counter()
        with open(self.out / TABLE, encoding="utf-8", errors="surrogateescape", newline="") as table:
            return Counter(int(row["class_id"]) for row in csv.DictReader(table))

    def _overlay(self, name: str) -> Path:
        return self.out / "overlays" / f"{name}.png"


def _source_digest(volume: Volume, window: tuple[float, float]) -> str:
    """SHA-256 of the stored voxels, of how they are read, and of where they lie in space."""
    h = hashlib.sha256(
        repr((volume.size, volume.voxels.dtype.str, volume.slope, volume.intercept, window)).encode()
    )
    h.update(repr(volume.spacing).encode())
    if volume.affine is not None:
        h.update(volume.affine.tobytes())
    for plane in volume.voxels:
        h.update(np.ascontiguousarray(plane).data)
    return h.hexdigest()
