"""A concept along a video, into a folder: masks, an overlay video, one JSON file, a table and the manifest.

A sweep (see `plan`) that was finished before is not done again where nothing that it depends on has changed: the
frames, the pack, its marks. So after a correction on one frame only the frames up to the marks beside it are redone.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cuecast.core.drawing import overlay
from cuecast.core.errors import MissingExtraError, OutputError
from cuecast.core.objects import Annotations, connected_objects
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import ClassInfo, Example
from cuecast.io.files import all_tried, check_space, note_of_edited
from cuecast.io.labels.masks import write_mask
from cuecast.io.places import check_places
from cuecast.io.video.file import find_encoder, write_video
from cuecast.predictor import Concept
from cuecast.propagation.plan import Sweep
from cuecast.propagation.result import TrackedFrame
from cuecast.propagation.track import TrackPlan
from cuecast.propagation.tracker import State, load_state, save_state
from cuecast.results import provenance
from cuecast.results.folder import Files, ResultsFolder, Summary, check_formats, is_kept, other_concept
from cuecast.results.gather import read_result, write_overlay
from cuecast.results.manifest import (
    FrameEntry,
    ManifestEntry,
    answered,
    appending,
    read_frames,
    write_manifest,
)
from cuecast.results.tables import FrameRow, write_frames_csv, write_identities_csv
from cuecast.results.ytvis import write_identities, write_ytvis
from cuecast.runs.video_objects import FOLDER, VideoObjects

Format = Literal["overlay", "ytvis", "csv"]
FORMATS: tuple[Format, ...] = ("overlay", "ytvis", "csv")
VIDEO, YTVIS, TABLE = "overlay.mp4", "annotations.ytvis.json", "objects.csv"
PLACES: Mapping[str, str] = {"overlay": VIDEO, "ytvis": YTVIS, "csv": TABLE}
"""Format -> its file in the results."""
STATE = "state.npz"
KEPT_EVERY = 25
"""A stopped run loses up to so many frames."""
SPACE = 1 / 16
"""Bytes a pixel that the results of a frame take on disk, at most as a rule."""
RATE = 25.0
"""Frames a second of the overlay video where the frames state no times."""


@dataclass(frozen=True)
class TrackOptions:
    """How a video is worked on. None of these changes a mask.

    overwrite  redo what is finished, and replace results of another video or pack.
    formats    what is written besides masks and manifest.
    rate       frames a second of the overlay video; None keeps the times of the video.
    opacity    of the masks in the overlay video.
    provenance  where each mask comes from is written, see `cuecast.results.provenance`.
    cueset     (version, digest) of the cue set that all was learnt from, to be named there.
    """

    overwrite: bool = False
    formats: Sequence[Format] = FORMATS
    rate: float | None = None
    opacity: float = 0.45
    provenance: bool = False
    cueset: tuple[int, str] | None = None


@dataclass(frozen=True, kw_only=True)
class TrackSummary(Summary):
    """What came of a video: see `Summary`; `counts` has its frames.

    broken   why there are no frames after the last one; None where the video just ends.
    objects  class name -> number of things in the video, where those of a class are told apart; else empty.
    """

    broken: str | None
    objects: Mapping[str, int] = field(default_factory=dict)

    @property
    def note(self) -> str | None:
        """All notes: what could not be written as asked for, and what was written instead; what was moved aside."""
        return "; ".join(self.notes) or None


def track_into(
    concept: Concept,
    frames: Any,
    out: Path,
    marked: Mapping[int, Example] | None = None,
    options: TrackOptions | None = None,
    progress: Progress = silent,
    source: Path | None = None,
) -> TrackSummary:
    """`track`, with its results in the folder `out`. `progress` is told of each frame.

    source  file or folder of `frames`, where these are open already.

    The same call goes on where it was stopped; with other marks it redoes what they can change.
    Raises OutputError where `out` holds other results or cannot be written, and what `track` raises.
    """
    started = time.perf_counter()
    options = options or TrackOptions()
    if isinstance(frames, (str, Path)):
        check_places([Path(frames)], out)
    check_formats(options.formats, FORMATS)
    places = ("masks", "overlays", FOLDER, *PLACES.values(), provenance.NAME)
    folder = ResultsFolder(out, places, options.overwrite)
    path = Path(frames) if isinstance(frames, (str, Path)) else source
    run = _VideoRun(TrackPlan.of(concept, frames, marked), folder, options, path)
    if not folder.manifest.exists():
        pixels = len(run.job.frames.seconds) * int(np.prod(run.job.frames.size))
        check_space(out, int(SPACE * pixels), "choose another folder with -o")
    with folder.opened() as edited:
        resumed = run.fill(progress)
        files, note = run.finish()
        moved = edited()
    verdicts = Counter(e.verdict or "absent" for e in read_frames(folder.manifest).values())
    return TrackSummary(
        out=out,
        counts={word: verdicts[word] for word in ("found", "doubtful", "absent")},
        resumed=resumed,
        broken=run.job.frames.broken,
        objects=run.things.counts(),
        seconds=time.perf_counter() - started,
        files=files,
        notes=tuple(n for n in (note, note_of_edited(moved)) if n),
        edited=moved,
    )


@dataclass(frozen=True, eq=False)
class _VideoRun:
    """One job and the folder of its results: the steps of `track_into`. `path` is that of the frames, where they have
    one."""

    job: TrackPlan
    folder: ResultsFolder
    options: TrackOptions
    path: Path | None = None

    @cached_property
    def pack(self) -> str:
        return self.job.concept.predictor.pack.digest

    @property
    def out(self) -> Path:
        return self.folder.out

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.job.concept.classes

    @cached_property
    def provenance(self) -> bool:
        return provenance.carries(self.out, self.options.provenance)

    @cached_property
    def things(self) -> VideoObjects:
        return VideoObjects(self.job, self.out)

    @property
    def state(self) -> Path:
        return self.out / STATE

    def mask(self, index: int) -> Path:
        """Where the mask of a frame lies."""
        return self.out / "masks" / f"{self.job.frames.name(index)}.png"

    def fill(self, progress: Progress) -> int:
        """Do the sweeps that are not done; returns how many frames stayed as they were."""
        self.folder.claim(self._strange, self._files)
        former = read_frames(self.folder.manifest)
        total = len(self.job.frames.seconds)
        done = resumed = 0
        with appending(self.folder.manifest) as journal:
            for sweep in self.job.sweeps:
                digest = self._digest(sweep)
                finished, since = self._finished(sweep, digest, former)
                done, resumed = done + finished, resumed + finished
                progress(Step("frames", done, total))
                if finished == len(sweep.frames):
                    continue
                for answer in self.job.run(sweep, since, partial(self._keep, digest)):
                    mask = self.mask(answer.index)
                    with self.folder.remade(mask, former.get(answer.index)):
                        write_mask(mask, answer.prediction.mask, self.classes)
                    journal.append(self._entry(answer, digest))
                    done += 1
                    progress(Step("frames", done, total))
                self.state.unlink(missing_ok=True)
        return resumed

    def _finished(
        self, sweep: Sweep, digest: str, former: Mapping[int, FrameEntry]
    ) -> tuple[int, tuple[int, State] | None]:
        """How many frames of a sweep are done, and where it goes on: all, those up to a kept state, or none."""
        if all(self._holds(former.get(i), i, digest) for i in sweep.frames):
            return len(sweep.frames), None
        if self.options.overwrite or not self.state.exists() or sweep.origin in sweep.frames:
            return 0, None
        tracker = self.job.tracker(sweep)
        beginning = self.job.beginning(sweep, tracker)
        since = load_state(self.state, digest, self.job.frames, beginning)
        if since is None or not all(self._holds(former.get(i), i, digest) for i in sweep.up_to(since[0])):
            return 0, None
        return len(sweep.up_to(since[0])), since

    def _keep(self, digest: str, index: int, state: State) -> None:
        """Keep the state now and then."""
        if index % KEPT_EVERY == 0:
            save_state(self.state, digest, index, state)

    def finish(self) -> tuple[dict[str, Path], str | None]:
        """Put the manifest in order and write the files for all frames: (kind -> path, what is other than asked).

        Raises OutputError at the end, for all files that could not be written.
        """
        manifest = self.folder.manifest
        entries = self.things.write(read_frames(manifest))
        write_manifest(manifest, entries.values())
        files, note = {"manifest": manifest, "masks": self.out / "masks"}, None
        wanted = self.folder.wanted(self.options.formats, PLACES)
        label, splits = Path(self.job.frames.label).name, self.job.concept.splits
        if splits:
            files["objects"] = self.out / FOLDER
        with all_tried() as tried:
            drawn = tried(self._write_overlay) if "overlay" in wanted else None
            if drawn is not None:
                files["overlay"], note = drawn
            if "ytvis" in wanted:
                files["ytvis"] = self.out / YTVIS
                tried(
                    partial(write_identities, files["ytvis"], self.things.frames(), self.classes, label)
                    if splits
                    else partial(write_ytvis, files["ytvis"], self._annotations, self.classes, label)
                )
            if "csv" in wanted:
                files["csv"] = self.out / TABLE
                tried(
                    partial(write_identities_csv, files["csv"], self._thing_rows(entries))
                    if splits
                    else partial(write_frames_csv, files["csv"], self._rows(entries))
                )
            if self.provenance:
                files["provenance"] = self.out / provenance.NAME
                tried(self._write_provenance)
        return files, note

    def _write_provenance(self) -> None:
        source = provenance.source_nodes(self.job.frames.label, self.path)
        provenance.write_provenance(self.out, provenance.Origin(self.job.concept.predictor.pack.name, source))

    def _files(self, entry: ManifestEntry) -> Files:
        """The results of a frame."""
        name = f"{entry.name}.png"
        return Files([self.out / "masks" / name], [self.out / FOLDER / name])

    def _strange(self, entry: ManifestEntry) -> str | None:
        """What else a line is of than this video and this pack."""
        if not isinstance(entry, FrameEntry):
            return "single images, not of a video"
        if entry.image_hash != self.job.frames.digest:
            return "another video, or of this one read otherwise"
        return other_concept(entry, self.pack)

    def _digest(self, sweep: Sweep) -> str:
        """SHA-256 of all that the answers of a sweep depend on besides pack and frames.

        That is the marks it knows, and those that its origin knows: it starts from the answer there.
        """
        concept, job = self.job.concept, self.job
        at_origin = next((s.marks for s in job.sweeps if sweep.origin in s.frames), ())
        known = (concept.scale, concept.classes, sweep, at_origin)
        h = hashlib.sha256(repr((*known, concept.thresholds) if concept.thresholds else known).encode())
        for example in (*job.elsewhere, *(job.marked[m] for m in (*sweep.marks, *at_origin))):
            h.update(example.content)
        return h.hexdigest()

    def _holds(self, entry: FrameEntry | None, index: int, digest: str) -> bool:
        """Whether what is there of a frame can stay."""
        ours = not self.options.overwrite and entry is not None and entry.cues == digest
        return ours and is_kept(self.mask(index), entry)

    def _entry(self, answer: TrackedFrame, digest: str) -> FrameEntry:
        prediction = answer.prediction
        blank = FrameEntry(
            name=self.job.frames.name(answer.index),
            image=self.job.frames.label,
            pack=self.pack,
            cues=digest,
            objects=len(prediction.objects()),
            image_hash=self.job.frames.digest,
            scale=self.job.concept.scale,
            frame=answer.index,
            shown=None if answer.seconds is None else round(answer.seconds, 6),
            verdicts={o.cls: o.verdict for o in answer.objects},
            confidences={o.cls: round(o.confidence, 6) for o in answer.objects},
            marked=answer.marked,
            thresholds=self.job.concept.thresholds,
            **provenance.stamp(self.provenance, self.options.cueset),
        )
        said = (prediction.verdict, prediction.confidence, prediction.seconds)
        class_ids = self.job.concept.decision.class_ids
        return answered(blank, said, prediction.mask, class_ids, self.mask(answer.index))

    def _annotations(self) -> Iterator[Annotations]:
        """The objects of each frame in order, from the masks on disk."""
        for index in range(len(self.job.frames.seconds)):
            mask = read_result(self.mask(index))
            yield Annotations(self.mask(index).name, (mask.shape[0], mask.shape[1]), connected_objects(mask))

    def _rows(self, entries: Mapping[int, FrameEntry]) -> Iterator[FrameRow]:
        for entry, found in zip(entries.values(), self._annotations(), strict=True):
            for info in self.classes:
                own = tuple(o for o in found.objects if o.cls == info.id)
                yield _measured(_row(entry, info), replace(found, objects=own))

    def _thing_rows(self, entries: Mapping[int, FrameEntry]) -> Iterator[tuple[int, FrameRow]]:
        """A row for each thing in each frame in which it is seen, with its number."""
        infos = {c.id: c for c in self.classes}
        for entry, (found, numbers) in zip(entries.values(), self.things.frames(), strict=True):
            for number, obj in zip(numbers, found.objects, strict=True):
                row = _measured(_row(entry, infos[obj.cls]), replace(found, objects=(obj,)))
                yield number, replace(row, pieces=len(connected_objects(obj.mask.astype(np.int32))))

    def _write_overlay(self) -> tuple[Path, str | None]:
        """The overlay video, or where none can be encoded a folder of overlays; and what to say of it."""
        frames = self.job.frames
        rate = self.options.rate or _rate(frames.seconds)
        drawn = (
            (
                overlay(
                    f.image,
                    read_result(self.mask(f.index)),
                    self.classes,
                    self.options.opacity,
                    objects=self.things.ids(f.index),
                ),
                f,
            )
            for f in frames.read(range(len(frames.seconds)))
        )
        try:
            find_encoder(frames.size)
        except (MissingExtraError, OutputError) as missing:
            for picture, frame in drawn:
                write_overlay(self.out / "overlays" / f"{frames.name(frame.index)}.jpg", picture)
            return (
                self.out / "overlays",
                f"no overlay video: {missing}; the pictures are in {self.out / 'overlays'}",
            )

        def timed() -> Iterator[Any]:
            for picture, frame in drawn:
                own = frame.seconds is None or self.options.rate is not None
                yield picture, frame.index / rate if own else frame.seconds

        return write_video(self.out / VIDEO, timed(), rate), None


def _row(entry: FrameEntry, info: ClassInfo) -> FrameRow:
    """A class in a frame, and nothing of where it is."""
    return FrameRow(
        entry.frame, entry.shown, entry.name, info.name, info.id, entry.verdicts[info.id], entry.confidences[info.id]
    )  # fmt: skip


def _measured(row: FrameRow, found: Annotations) -> FrameRow:
    """The row with the figures of an object's components in a frame."""
    mask = found.label_map() > 0
    if not mask.any():
        return row
    ys, xs = np.nonzero(mask)
    x1, y1, x2, y2 = int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1
    return replace(
        row, x1=x1, y1=y1, x2=x2, y2=y2, centroid_x=float(xs.mean()) + 0.5, centroid_y=float(ys.mean()) + 0.5,
        area=len(xs), pieces=len(found.objects),
        touches_border=x1 == 0 or y1 == 0 or x2 == mask.shape[1] or y2 == mask.shape[0],
    )  # fmt: skip


def _rate(seconds: Sequence[float | None]) -> float:
    """Frames a second on average; `RATE` where the frames state no times."""
    last = seconds[-1]
    return RATE if not last else (len(seconds) - 1) / last
