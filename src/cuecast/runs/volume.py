"""A volume's results in a folder: labels in its geometry, table, doubtful slices, manifest; whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cuecast.core.errors import OutputError
from cuecast.io.files import (
    MANIFEST,
    check_space,
    edited_in,
    file_digest,
    keep_edited,
    note_of_edited,
    replacing,
)
from cuecast.io.files import exclusive
from cuecast.results.manifest import ManifestEntry, read_manifest, write_manifest
from cuecast.io.places import check_places
from cuecast.io.formats import outputs_of
from cuecast.io.volumes import Reading, Volume, check_labels, open_volume, output_suffix
from cuecast.io.volumes.bodies import write_bodies_csv
from cuecast.predictor import Concept, Predictor
from cuecast.propagation.volume import Progress, VolumeWalk, prepare
from cuecast.propagation.volume_result import VolumePrediction, most_doubtful
from cuecast.propagation.volume_slices import SliceCue
from cuecast.core.values import ClassInfo

TABLE = "objects.csv"


@dataclass(frozen=True)
class VolumeOptions:
    """How a volume is read, and what is written.

    window    as in `segment_volume`.
    kind      format of the labels, one that is written; None is that of the input (DICOM: NIfTI).
    overlays  how many of the most doubtful slices are drawn.
    overwrite  redo what is finished, and replace results of other cues or another volume.
    """

    reading: Reading = field(default_factory=Reading)
    window: tuple[float, float] | None = None
    kind: str | None = None
    overlays: int = 6
    overwrite: bool = False


@dataclass(frozen=True)
class VolumeSummary:
    """What a run came to.

    counts       verdict -> slices.
    voxels       class name -> marked voxels; `millilitres` the same in ml, None where the size of a voxel is unknown.
    plane, size  the plane whose slices were visited, and the voxels along (z, y, x).
    doubtful     slices that are worth a look, the most doubtful first.
    finished     whether all this was there before.
    failures     what could not be written, and why; the other files are there, and the next run does it again.
    """

    out: Path
    counts: Mapping[str, int]
    voxels: Mapping[str, int]
    millilitres: Mapping[str, float] | None
    plane: str
    size: tuple[int, int, int]
    doubtful: tuple[int, ...]
    notes: tuple[str, ...]
    finished: bool
    files: Mapping[str, Path]
    failures: tuple[str, ...] = ()


def run_volume(
    teacher: Predictor | Concept,
    path: str | Path,
    out: Path,
    cues: Sequence[SliceCue] = (),
    classes: Sequence[ClassInfo | str] | None = None,
    options: VolumeOptions | None = None,
    progress: Progress | None = None,
    begin: Callable[[Sequence[ClassInfo]], object] | None = None,
) -> VolumeSummary:
    """Segment a volume and write the results into the folder `out`; what is finished there is not done again.

    `begin` is told the classes that are looked for, before the first slice.

    Raises OutputError before any work where the results do not fit on the disk, or `out` holds those of other cues or
    another volume; and what `segment_volume` raises.
    """
    options = options or VolumeOptions()
    check_places([Path(path)], out)
    volume = open_volume(path, options.reading)
    kind, suffix = output_suffix(volume, options.kind)
    check_space(out, int(np.prod(volume.size)), "choose another folder")
    walk = prepare(teacher, volume, cues, classes, options.window)
    check_labels(volume, walk.concept.classes, kind)
    if begin is not None:
        begin(walk.concept.classes)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{out}: the folder cannot be made ({error.strerror}); choose a place you may write to"
        ) from error
    folder = _Folder(out, walk, Path(path), kind, out / "masks" / f"{volume.name}{suffix}", options)
    with exclusive(out):
        entries = folder.finished()
        if entries is not None:
            return folder.summary(entries, finished=True)
        before = edited_in(out)
        entries, failures = folder.write(walk.predict(progress))
    summary = replace(folder.summary(entries, finished=False), failures=failures)
    note = note_of_edited(edited_in(out) - before)
    return replace(summary, notes=(*summary.notes, note)) if note else summary


@dataclass(frozen=True, eq=False)
class _Folder:
    """The folder of one volume's results: the steps of `run_volume`."""

    out: Path
    walk: VolumeWalk
    path: Path
    kind: str
    mask: Path
    options: VolumeOptions
    pack: str = field(init=False)
    cues: str = field(init=False)
    source: str = field(init=False)

    def __post_init__(self) -> None:
        slices = self.walk.slices
        places = sorted((c.plane, c.index) for c in self.walk.shown)
        shown = f"{self.walk.concept.digest}{places}{slices.plane}"
        object.__setattr__(self, "pack", self.walk.concept.predictor.pack.digest)
        object.__setattr__(self, "cues", hashlib.sha256(shown.encode()).hexdigest())
        object.__setattr__(self, "source", _source_digest(slices.volume, slices.window))

    @property
    def volume(self) -> Volume:
        return self.walk.slices.volume

    def finished(self) -> list[ManifestEntry] | None:
        """The lines of the manifest where everything is there; None where it is to be done. Raises OutputError."""
        manifest = self.out / MANIFEST
        entries = list(read_manifest(manifest)) if manifest.exists() else []
        if self.options.overwrite:
            return None
        if not entries:
            if self.mask.exists():
                raise OutputError(
                    f"{self.mask}: is there, and no manifest says where it comes from; choose another folder, or "
                    "--overwrite to replace it"
                )
            return None
        wanted = {(self.pack, self.cues, self.source)}
        if {(e.pack, e.cues, e.image_hash) for e in entries} != wanted:
            raise OutputError(
                f"{self.out}: it holds results of other cues or another volume ({entries[0].image}); choose another "
                "folder, or --overwrite to replace them"
            )
        if len(entries) != self.walk.slices.count or not (self.out / TABLE).is_file():
            return None
        stated = {e.mask_hash for e in entries}
        if not self._has_labels(e.areas for e in entries):
            return entries if stated == {None} else None
        return entries if self.mask.is_file() and stated == {file_digest(self.mask)} else None

    def write(self, prediction: VolumePrediction) -> tuple[list[ManifestEntry], tuple[str, ...]]:
        """All files: the labels first, as they may fail; the manifest last, as it speaks of nothing that is not there.

        Of an empty answer there is no DICOM SEG, which cannot be empty: the manifest then has no hash of it. Nor has it
        one of labels that could not be written, which are named beside the lines of the manifest.
        """
        failures: tuple[str, ...] = ()
        manifest, mask_hash, components = self.out / MANIFEST, None, prediction.bodies()
        former = list(read_manifest(manifest)) if manifest.exists() else []
        former_hash = former[0].mask_hash if former else None
        keep_edited(self.mask, former_hash, self.out)
        if self._has_labels(answer.voxels for answer in prediction.slices):
            try:
                mask_hash = file_digest(prediction.save(self.mask, self.kind))
            except OutputError as error:
                failures = (str(error),)
        if mask_hash is None:
            self.mask.unlink(missing_ok=True)
        self._sweep(former, former_hash)
        doubtful = most_doubtful(prediction.slices, self.options.overlays)
        for index in doubtful:
            with replacing(self._overlay(index)) as temporary:
                prediction.overlay(index).save(temporary, "PNG")
        write_bodies_csv(self.out / TABLE, self.path.name, components, prediction.classes)
        entries = [
            ManifestEntry(
                name=self._name(answer.index),
                image=f"{self.path}#{prediction.plane}:{answer.index}",
                pack=self.pack,
                cues=self.cues,
                verdict=answer.verdict,
                confidence=round(answer.confidence, 6),
                seconds=round(prediction.seconds / len(prediction.slices), 4),
                size=self.walk.slices.size,
                areas=answer.voxels,
                image_hash=self.source,
                mask_hash=mask_hash,
                scale=self.walk.concept.scale,
            )
            for answer in prediction.slices
        ]
        write_manifest(manifest, entries)
        return entries, failures

    def _has_labels(self, voxels: Iterable[Mapping[int, int]]) -> bool:
        """Whether there is a file of labels for an answer with these voxels a slice."""
        return self.kind != "dicom-seg" or any(n for each in voxels for n in each.values())

    def summary(self, entries: Sequence[ManifestEntry], finished: bool) -> VolumeSummary:
        """What the lines of the manifest come to."""
        classes, each = self.walk.concept.classes, self.volume.voxel_ml
        voxels = {c.name: sum(e.areas.get(c.id, 0) for e in entries) for c in classes}
        counts = Counter(e.verdict for e in entries)
        doubtful = [i for i, _ in enumerate(entries) if self._overlay(i).is_file()]
        doubtful.sort(key=lambda i: (entries[i].verdict == "found", entries[i].confidence))
        files, notes = {"csv": self.out / TABLE, "manifest": self.out / MANIFEST}, self.volume.notes
        if self.mask.is_file():
            files = {"mask": self.mask, **files}
        elif not self._has_labels(e.areas for e in entries):
            notes = (
                *notes,
                f"{self.path}: nothing was found, and a DICOM SEG cannot be empty: there is none",
            )
        return VolumeSummary(
            self.out,
            {verdict: counts[verdict] for verdict in ("found", "doubtful", "absent")},
            voxels,
            None if each is None else {name: each * n for name, n in voxels.items()},
            self.walk.slices.plane,
            self.volume.size,
            tuple(doubtful),
            notes,
            finished,
            {**files, "overlays": self.out / "overlays"} if doubtful else files,
        )

    def _name(self, index: int) -> str:
        return f"{self.volume.name}_{self.walk.slices.plane}{index:04d}"

    def _overlay(self, index: int) -> Path:
        return self.out / "overlays" / f"{self._name(index)}.png"

    def _sweep(self, former: Sequence[ManifestEntry], former_hash: str | None) -> None:
        """Remove what an earlier run wrote: overlays that its manifest names, or this volume's; its labels where they
        have another name, as of another format, and nobody changed them; and temporary files.
        """
        drawn, ours = self.out / "overlays", re.compile(rf"{re.escape(self.volume.name)}_[zyx]\d{{4,}}\.png")
        old = {drawn / f"{e.name}.png" for e in former} | {
            p for p in drawn.glob("*") if ours.fullmatch(p.name)
        }
        for folder in (self.out, self.out / "masks", self.out / "overlays"):
            old |= set(folder.glob(".cuecast-*"))
        if former_hash is not None:
            names = {f"{self.volume.name}{suffix}" for suffix in (*outputs_of("volumes").values(), ".nii")} - {
                self.mask.name
            }
            others = (p for p in map(self.mask.with_name, names) if p.is_file())
            old |= {p for p in others if file_digest(p) == former_hash}
        for path in old:
            with suppress(OSError):
                path.unlink()


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
