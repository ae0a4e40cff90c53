"""A concept over many images: masks, overlays, tables and a report in one folder.

The folder's manifest is also the state from which a stopped run goes on: an image is skipped where its line
still holds (same concept, same image file, same mask file). After a correction of the cue set, what an earlier
version of it made is kept where the correction hardly matters: see `_Batch.may_change`. Files that gather all
images are made at the end from the masks on disk, in the manifest's order, so neither a stop nor the number of
workers shows in them.
At most 2 x workers images are in memory.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, get_args

from cuecast.cluster.pool import Lost, on_cluster
from cuecast.core.cluster import Cluster, check_undivided
from cuecast.core.drawing import overlay
from cuecast.core.errors import CuecastError, ImageError, OutputError
from cuecast.core.objects import check_least
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.shards import Shard, all_shards
from cuecast.core.values import MAX_CLASS_ID, Image
from cuecast.core.version import __version__
from cuecast.cue_quality import check as kept
from cuecast.cuesets.changes import Changes, Lineage
from cuecast.io.files import all_tried, file_digest, keep_edited
from cuecast.io.formats import result_formats
from cuecast.io.images import read_image
from cuecast.io.labels.masks import write_objects
from cuecast.io.labels.sheets import Shape
from cuecast.io.places import check_places
from cuecast.io.stores import held, is_stored, is_there, state_of, url_of
from cuecast.prediction import Prediction
from cuecast.predictor import Concept
from cuecast.results import gather, provenance
from cuecast.results.folder import (
    Files,
    NameTakenError,
    ResultsFolder,
    Summary,
    Tally,
    check_formats,
    other_concept,
    output_names,
)
from cuecast.results.gather import FOLDERS, PLACES, Results
from cuecast.results.manifest import (
    ManifestEntry,
    answered,
    entry_at,
    find_entries,
    index_manifest,
    read_manifest,
    write_manifest,
)
from cuecast.results.report import PICTURES
from cuecast.results.shards import Parts, whole_part
from cuecast.runs.shard import plan_of

Format = Literal[
    "overlays", "coco", "csv", "report", "yolo", "labelme", "cvat", "label-studio", "qupath", "imagej", "via",
    "datumaro", "voc", "uncertainty", "objects",
]  # fmt: skip
FORMATS: tuple[Format, ...] = get_args(Format)
DEFAULT_FORMATS: tuple[Format, ...] = ("overlays", "coco", "csv", "report")
VERDICTS = ("found", "doubtful", "absent", "failed")


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run. Only `page`, `window`, the concept and what is left out change masks.

    name        template of output names: {stem}, {suffix} (of the input, without the dot), {parent} (its folder),
                {index} (from 1; {index:04d}).
    workers     images worked on at once; never changes a byte.
    overwrite   redo what is finished, and replace results of another concept.
    formats     what is written besides masks and manifest.
    coco_shape  how label files that know both have the objects: 'rle' (run lengths, brush strokes) or 'polygon'.
    pixel_size  edge of one pixel in `unit` for objects.csv; None takes what the image file states.
    page        page of multi-page images, from 0.
    window      (low, high) that becomes 0 to 255 in 16-bit and float images.
    max_pixels  larger images are refused; None is the limit of `read_image`.
    opacity     of the masks in overlays and report.
    min_area    objects of fewer pixels are left out: of masks, tables and all else.
    min_confidence  so are those of less confidence, in [0, 1].
    gather      the files for all images are written; else they are left to a later run.
    review      the report has a tick box 'wrong' for each image, see `cuecast.results.review`.
    provenance  where each mask comes from is written, see `cuecast.results.provenance`.
    shard       do only this part, beside others in the same folder; `cuecast.runs.gather.gather` puts all together.
    cluster     a Ray cluster, whose `workers` then look at the images; never changes a byte either.
    check       the cues are checked against each other, see `check_cues`; the report says what came of it. It is kept
                in the folder, and shown by later runs of the same cues, which do it again only to `overwrite`.
    """

    name: str = "{stem}"
    workers: int = 1
    overwrite: bool = False
    formats: Sequence[Format] = DEFAULT_FORMATS
    coco_shape: Shape = "rle"
    pixel_size: float | None = None
    unit: str | None = None
    page: int | None = None
    window: tuple[float, float] | None = None
    max_pixels: int | None = None
    opacity: float = 0.45
    review: bool = False
    check: bool = False
    min_area: int = 0
    min_confidence: float = 0.0
    gather: bool = True
    shard: Shard | None = None
    cluster: Cluster | None = None
    provenance: bool = False

    @property
    def reports(self) -> bool:
        """Whether there is a report, which shows the overlays."""
        return self.review or self.check or "report" in self.formats


@dataclass(frozen=True, kw_only=True)
class BatchSummary(Summary):
    """What came of a batch: see `Summary`. `objects`: name of a class -> number of its objects in all its images."""

    objects: Mapping[str, int]


def run(
    concept: Concept,
    inputs: Sequence[Path],
    out: Path,
    options: BatchOptions | None = None,
    progress: Progress = silent,
    lineage: Lineage | None = None,
    home: Path | None = None,
) -> BatchSummary:
    """Segment `inputs` and write the results into the folder `out`.

    home     the folder in a store to which `out` is put, where it is.
    lineage  the version of the cue set from which `concept` was learnt, where that is all it was learnt from. Then
             `out` may hold results of other versions of that set; those that may be others now are redone.
    progress  told of each image, of each answer of the check of the cues, and of each image in each file for all.

    An image that cannot be read is named in the manifest and the rest is done. Raises OutputError before any
    work where two inputs would have the same output name or `out` holds another concept's results, and later
    where there is no space or permission; what was finished by then is kept, and the same call goes on.
    """
    start = time.perf_counter()
    options = options or BatchOptions()
    names = output_names(inputs, options.name)
    check_undivided(options.cluster, options.shard)
    check_formats(options.formats, FORMATS)
    for kind in result_formats().keys() & {*options.formats}:
        result_formats()[kind].check_library(f"writing {result_formats()[kind].title}")
    check_least(options.min_area, options.min_confidence)
    check_places(inputs, out, beside=False)
    job = _batch(concept, out, options, lineage, home)
    share = [p for p in zip(inputs, names, strict=True) if options.shard is None or options.shard.holds(p[1])]
    with job.opened(inputs, names) as edited:
        known = job.folder.claim(job.strange, job.files)
        job.check_names(share)
        tally = job.look(share, known, progress)
        if options.shard:
            files = job.finish_share(options.shard)
        else:
            files = job.finish(inputs, names, progress) if options.gather else {}
        return job.summary(tally, time.perf_counter() - start, files, edited())


def gather_shards(
    concept: Concept,
    parts: Parts,
    options: BatchOptions,
    lineage: Lineage | None = None,
    progress: Progress = silent,
) -> BatchSummary:
    """Put together what the shards of a `run` have done, as one undivided run leaves it.

    Raises OutputError where results that the shards speak of are not there as they wrote them, and as `run` does.
    """
    start = time.perf_counter()
    job = _batch(concept, parts.out, options, lineage)
    names, inputs = [name for name, _ in parts.inputs], [Path(path) for _, path in parts.inputs]
    with job.folder.opened(gathers=True) as edited:
        parts.check()
        job.check_share(parts)
        parts.merge()
        files = job.finish(inputs, names, progress)
        mine, tally = dict(zip(names, inputs, strict=True)), Tally[tuple[Path, str]]()
        for entry in read_manifest(job.results.manifest):
            if entry.name in mine:
                tally.add((mine[entry.name], entry.name), entry, False)
        parts.remove()
        return job.summary(tally, time.perf_counter() - start, files, edited())


def _batch(
    concept: Concept, out: Path, options: BatchOptions, lineage: Lineage | None, home: Path | None = None
) -> _Batch:
    places = (*PLACES, kept.NAME, provenance.NAME)
    folder = ResultsFolder(out, places, options.overwrite, shard=options.shard)
    return _Batch(concept, folder, Results(out, concept.classes, home), options, lineage)


@dataclass(frozen=True, eq=False)
class _Batch:
    """One concept, one folder, one way to run: the steps of `run`."""

    concept: Concept
    folder: ResultsFolder
    results: Results
    options: BatchOptions
    lineage: Lineage | None = None

    @cached_property
    def pack(self) -> str:
        return self.concept.predictor.pack.digest

    @cached_property
    def cues(self) -> str:
        return self.concept.digest

    def opened(
        self, inputs: Sequence[Path], names: Sequence[str]
    ) -> AbstractContextManager[Callable[[], tuple[Path, ...]]]:
        """The folder for this run: alone, or beside the other shards of its job. Raises OutputError."""
        shard = self.options.shard
        if shard is None:
            return self.folder.opened()
        pairs = [(name, str(path)) for path, name in zip(inputs, names, strict=True)]
        version = [self.lineage.version, self.lineage.digest] if self.lineage else None
        plan = plan_of("images", self.concept, pairs, self.options, shard, cueset=version)
        return self.folder.opened_for(plan, self.strange)

    def look(
        self, share: Sequence[tuple[Path, str]], known: Mapping[str, int], progress: Progress
    ) -> Tally[tuple[Path, str]]:
        """Do all (path, name) of which `known` does not know that they are finished; see `run`."""
        of, cluster = ("images", len(share)), self.options.cluster
        if cluster is None:

            def work(place: tuple[Path, str]) -> tuple[ManifestEntry, bool]:
                return self.one(*place, self.folder.entry(known, place[1]))

            return self.folder.fill(work, share, of, self.options.workers, progress)
        tally = self.folder.note(self._from(cluster, share, known), of, progress)
        self.folder.sweep()
        place_of = {place: number for number, place in enumerate(share)}
        tally.failures.sort(key=lambda failure: place_of[failure[0]])
        return tally

    def _from(
        self, cluster: Cluster, share: Sequence[tuple[Path, str]], known: Mapping[str, int]
    ) -> Iterator[tuple[tuple[Path, str], ManifestEntry, bool]]:
        """What a cluster makes of the images, each when it is done: (its place, entry, whether it was finished)."""
        former = [(*place, self.folder.entry(known, place[1])) for place in share]
        for index, found in on_cluster(self._for(cluster).sent, former, cluster, self.folder.out):
            place = share[index]
            if isinstance(found, Lost):
                text = f"{url_of(place[0])}: {found.told('look at it')}"
                yield place, replace(self._blank(*place), error=text), False
            else:
                yield place, *found

    def _for(self, cluster: Cluster) -> _Batch:
        """The same job as a cluster is given it. What its cue set was is told of the versions in the manifest alone."""
        lineage = self.lineage
        if lineage is not None:
            digests = {entry.cueset for entry in read_manifest(self.folder.manifest) if entry.cueset}
            lineage = replace(lineage, changes={d: lineage.changes(d) for d in digests}.get)
        return replace(self, concept=self.concept.elsewhere(cluster.threads), lineage=lineage)

    def sent(self, item: tuple[Path, str, ManifestEntry | None]) -> tuple[ManifestEntry, bool]:
        """`one`, as the workers of a cluster call it."""
        return self.one(*item)

    def finish_share(self, shard: Shard) -> dict[str, Path]:
        """Kind -> path of what a shard has made; the rest is made when all are gathered."""
        out = self.results.out
        drawn: tuple[str, ...] = ("overlays", "uncertainty")
        own = {kind: out / kind for kind in drawn if kind in self._wanted}
        return {"manifest": whole_part(out, shard), "masks": out / "masks", **own}

    def check_share(self, parts: Parts) -> None:
        """Raise OutputError where a result of an image is not there as its shard wrote it."""
        for shard in all_shards(parts.count):
            for entry in read_manifest(whole_part(parts.out, shard)):
                if entry.error is None and not self.results.holds(entry):
                    raise OutputError(
                        f"the mask of {entry.name} is gone, or was changed since shard {shard} wrote it",
                        self.results.out,
                        f"run shard {shard} again, with the same command",
                    )

    def summary(
        self,
        tally: Tally[tuple[Path, str]],
        seconds: float,
        files: Mapping[str, Path],
        edited: tuple[Path, ...],
    ) -> BatchSummary:
        """What the images of a run, in order, came to."""
        return BatchSummary(
            out=self.results.out,
            counts={word: tally.counts[word] for word in VERDICTS},
            failures=tuple((url_of(path), error) for (path, _), error in tally.failures),
            resumed=tally.resumed,
            seconds=seconds,
            files=files,
            edited=edited,
            objects={c.name: tally.objects[c.id] for c in self.concept.classes},
        )

    def files(self, entry: ManifestEntry) -> Files:
        """All results of an image."""
        mask, *others = (self.results.file(folder, entry.name) for folder in FOLDERS)
        return Files([mask], others)

    def check_names(self, items: Sequence[tuple[Path, str]]) -> None:
        """Raise OutputError where the results of another picture, which is still there, have the name of an input."""
        if self.options.overwrite:
            return
        mine = {name: path for path, name in items}
        for name, entry in find_entries(self.results.manifest, mine).items():
            former, path = Path(entry.image), mine[name]
            if not self._is_same(path, former, entry) and is_there(former) and is_there(path):
                raise NameTakenError(
                    f"{path} would be written as {name}.png in {self.results.out}, which holds the results of "
                    f"{former}; choose another folder, name them apart with --name, or --overwrite to replace them"
                )

    def _is_same(self, path: Path, former: Path, entry: ManifestEntry) -> bool:
        """Whether two files are one or hold one picture; so taken where one cannot be read, as that is told later."""
        if entry.image_hash is None or url_of(former) == url_of(path):
            return True
        if not (is_stored(former) or is_stored(path)) and os.path.realpath(former) == os.path.realpath(path):
            return True
        try:
            with held(path) as file:
                if entry.image_hash == self._hashes(file)[0]:
                    return True
                with held(former) as other:
                    return file_digest(other) == file_digest(file)
        except (ImageError, OSError):
            return True

    def strange(self, entry: ManifestEntry) -> str | None:
        """What else a line is of than this concept, or another version of its cue set (same pack, same scale)."""
        versions = entry.pack == self.pack and entry.scale == self.concept.scale
        if versions and self._changes(entry) is not None:
            return None
        return other_concept(entry, self.pack, self.cues)

    def may_change(self, path: Path, entry: ManifestEntry) -> bool:
        """Whether a finished image is worth doing again after a correction of the cue set.

        It is where it was searched for other classes than the cues mark now, where a person said 'wrong', and, unless
        one accepted or corrected the mask, where its verdict was not 'found', or it is close to a picture whose cue
        came, went or changed since (see `closeness`). Raises ImageError.
        """
        if entry.concept == (self.pack, self.cues):
            return False
        changes = self._changes(entry)
        if changes is None or changes.everything or entry.areas.keys() != self._classes:
            return True
        if entry.review in ("accepted", "corrected"):
            return False
        if entry.verdict != "found" or entry.review:
            return True
        return changes.near(self._read(path))

    @property
    def _classes(self) -> set[int]:
        """The classes that the cues mark, of those that their set knows."""
        return {c.id for c in self.concept.classes}

    def _changes(self, entry: ManifestEntry) -> Changes | None:
        """What differs from the version that made the line; None where it is no version of our cue set."""
        if self.lineage is None or entry.cueset is None:
            return None
        return self.lineage.changes(entry.cueset)

    def finish(self, inputs: Sequence[Path], names: Sequence[str], progress: Progress) -> dict[str, Path]:
        """Put the manifest in order and make the files for all images; kind -> path of what there is.

        Raises OutputError at the end, for all files that could not be written.
        """
        results = self.results
        manifest = results.manifest
        index, mine = index_manifest(manifest), dict(zip(names, inputs, strict=True))

        def ordered() -> Iterator[ManifestEntry]:
            for name, path in mine.items():
                yield replace(entry_at(manifest, index[name]), image=url_of(path))
            for name in (n for n in index if n not in mine):
                former = entry_at(manifest, index[name])
                if former.error is not None and not mine:  # a run that gathers alone knows of no input
                    yield former
                elif not self.results.holds(former):
                    self._keep_edited(former)
                elif former.areas.keys() <= self._classes:  # no table has a place for others
                    yield former

        write_manifest(manifest, ordered())
        how = self._how(progress)
        files = {"manifest": manifest, "masks": results.out / "masks"}
        wanted = self._wanted
        with all_tried() as tried:
            check = tried(lambda: self._check(progress))
            made = {
                k: tried(partial(results.write, k, how)) for k in gather.FORMATS if k in wanted - {"report"}
            }
            made["check"] = results.out / kept.NAME if check else None
            if "report" in wanted:
                made["report"] = tried(lambda: self._write_report(check, how))
            if self._provenance:
                origin = provenance.Origin(self.concept.predictor.pack.name)
                made["provenance"] = tried(partial(provenance.write_provenance, results.out, origin))
        return files | {kind: path for kind, path in made.items() if path is not None}

    @cached_property
    def _provenance(self) -> bool:
        return provenance.carries(self.results.out, self.options.provenance)

    def _how(self, progress: Progress) -> gather.Writing:
        """How files for all images are written; `progress` is told of each image in each of them."""
        options, failed = self.options, [e.error is not None for e in read_manifest(self.results.manifest)]
        files = sum(form.write is not None for k, form in gather.FORMATS.items() if k in self._wanted)
        shown = min(len(failed), PICTURES) if "report" in self._wanted else 0
        steps, total = itertools.count(1), failed.count(False) * files + shown

        def told() -> None:
            progress(Step("tables and report", next(steps), total))

        return gather.Writing(options.coco_shape, options.pixel_size, options.unit, options.workers, told)

    def _keep_edited(self, former: ManifestEntry) -> None:
        """Move mask and ids aside where they are other files than their line speaks of. Raises OutputError."""
        for folder, stated in (("masks", former.mask_hash), ("objects", former.objects_hash)):
            keep_edited(self.results.file(folder, former.name), stated, self.results.out)

    def _write_report(self, check: kept.KeptCheck | None, how: gather.Writing) -> Path:
        options, examples = self.options, self.concept.examples
        facts = (
            ("pack", self.concept.predictor.pack.name),
            ("cues", str(len(examples))),
            *((("cue set version", str(self.lineage.version)),) if self.lineage else ()),
            ("results", self.cues[:8]),
        )
        told = check.for_report([e.image.name for e in examples]) if check else None
        return gather.write_report_file(
            self.results, examples, facts, options.opacity, options.review, told, self._read, how
        )

    def _check(self, progress: Progress) -> kept.KeptCheck | None:
        """What the cues say of each other, where this run or an earlier one of the same cues asked for it."""
        path, concept = self.results.out / kept.NAME, (self.pack, self.cues)
        found = kept.read_check(path, concept)
        if self.options.check and (found is None or self.options.overwrite):
            found = kept.make_check(self.concept, progress)
            kept.write_check(path, found, concept)
        elif found is None:  # one of other cues would tell another story than the masks
            path.unlink(missing_ok=True)
        return found

    @cached_property
    def _wanted(self) -> set[str]:
        asked = {*self.options.formats, *(("report",) if self.options.reports else ())}
        return self.folder.wanted(asked, {kind: f.place for kind, f in gather.FORMATS.items()})

    def one(self, path: Path, name: str, former: ManifestEntry | None) -> tuple[ManifestEntry, bool]:
        """Segment one image, or find that this was done. A file that cannot be used becomes an entry."""
        try:
            if former is not None and self._unread(path, former):
                return former, True
            state = state_of(path)
            with held(path) as file:
                entry, finished = self._one(path, file, name, former)
            return (entry if finished else replace(entry, state=state)), finished
        except OutputError:
            raise
        except (CuecastError, MemoryError) as error:
            text = (
                str(error)
                or f"{url_of(path)}: not enough memory; use a machine with more, or a smaller image"
            )
            entry = replace(self._blank(path, name), error=text)
            self.folder.remove(former, self.files(entry))
            return entry, False

    def _unread(self, path: Path, former: ManifestEntry) -> bool:
        """Whether an image in a store is finished, and the store says that it is still the same: it is not fetched."""
        if former.state is None or former.image_hash is None or former.image != url_of(path):
            return False
        image_hash = self._read_hash(former.file_hash or former.image_hash)
        if former.state != state_of(path) or not self._holds(path, former, image_hash):
            return False
        self._complete(path, former)
        return True

    def _one(
        self, path: Path, file: Path, name: str, former: ManifestEntry | None
    ) -> tuple[ManifestEntry, bool]:
        """The same of an image that can be read as `file`."""
        image_hash, file_hash = self._hashes(file)
        if former is not None and self._holds(file, former, image_hash):
            self._complete(file, former)
            return former, True
        ids = former and replace(former, mask_hash=former.objects_hash)
        with (
            self.folder.remade(self.results.file("masks", name), former),
            self.folder.remade(self.results.file("objects", name), ids),
        ):
            return self._segment(
                replace(self._blank(path, name), image_hash=image_hash, file_hash=file_hash), file
            ), False

    def _segment(self, blank: ManifestEntry, file: Path) -> ManifestEntry:
        image, options, name = self._read(file), self.options, blank.name
        prediction = self.concept.segment(image).keeping(options.min_area, options.min_confidence)
        ids_hash = self._write_ids(name, prediction)
        mask_path = prediction.save(self.results.file("masks", name))
        if "overlays" in self._wanted:
            gather.write_overlay(
                self.results.file("overlays", name), prediction.overlay(opacity=self.options.opacity)
            )
        if "uncertainty" in self._wanted:
            prediction.save_uncertainty(self.results.file("uncertainty", name))
        found = prediction.annotations()
        blank = replace(
            blank,
            objects=len(found.objects),
            counts=found.counts(),
            object_confidences=tuple(round(o.confidence or 0.0, 3) for o in found.objects),
            objects_hash=ids_hash,
            pixel_size=image.pixel_size,
            unit=image.unit,
        )
        answer = (prediction.verdict, prediction.confidence, prediction.seconds)
        return answered(blank, answer, prediction.mask, self.concept.decision.class_ids, mask_path)

    def _write_ids(self, name: str, prediction: Prediction) -> str | None:
        """Write the ids of objects where things that touch are told apart; the SHA-256 of that file, else None.

        Where objects are components, a file of ids is made of the mask, if it is asked for. Raises ImageError where
        there are more than the file holds.
        """
        splits = self.concept.splits
        count = int(prediction.instances.max(initial=0))
        if count > MAX_CLASS_ID and (splits or "objects" in self._wanted):
            raise ImageError(
                f"it has {count} objects, and a file of their ids holds {MAX_CLASS_ID}",
                prediction.image.name,
                "leave out specks (--min-area 10), cut it into parts, or ask for connected objects without their ids",
            )
        if not splits:
            return None
        return file_digest(write_objects(self.results.file("objects", name), prediction.instances))

    def _blank(self, path: Path, name: str) -> ManifestEntry:
        """A line that names image and concept, and nothing that was found."""
        entry = ManifestEntry(
            name,
            url_of(path),
            self.pack,
            self.cues,
            scale=self.concept.scale,
            thresholds=self.concept.thresholds,
            min_area=self.options.min_area,
            min_confidence=self.options.min_confidence,
            program=__version__ if self._provenance else None,
        )
        if self.lineage is None:
            return entry
        return replace(entry, cueset=self.lineage.digest, cueset_version=self.lineage.version)

    def _read(self, path: Path) -> Image:
        options = self.options
        with held(path) as file:
            return read_image(file, page=options.page, window=options.window, max_pixels=options.max_pixels)

    def _complete(self, path: Path, entry: ManifestEntry) -> None:
        """Draw the overlay of a finished image where it is wanted and not there."""
        target = self.results.file("overlays", entry.name)
        if "overlays" in self._wanted and not target.exists():
            mask = gather.read_result(self.results.file("masks", entry.name))
            ids = self.results.told_apart(entry)
            picture = overlay(self._read(path), mask, self.concept.classes, self.options.opacity, objects=ids)
            gather.write_overlay(target, picture)

    def _holds(self, path: Path, entry: ManifestEntry, image_hash: str) -> bool:
        """Whether what is there of an image can stay."""
        if self.options.overwrite or entry.image_hash != image_hash or not self.results.holds(entry):
            return False
        if entry.thresholds != self.concept.thresholds or not self._tells_objects_alike(entry):
            return False
        if "uncertainty" in self._wanted and not self.results.file("uncertainty", entry.name).exists():
            return False
        return not self.may_change(path, entry)

    def _tells_objects_alike(self, entry: ManifestEntry) -> bool:
        """Whether the objects of a finished image were told apart, and left out, as they would be now."""
        options, splits = self.options, entry.objects_hash is not None
        return (splits, entry.min_area, entry.min_confidence) == (
            self.concept.splits, options.min_area, options.min_confidence
        )  # fmt: skip

    def _hashes(self, path: Path) -> tuple[str, str | None]:
        """SHA-256 of the file and of the options that change what is read from it; that of the file alone, where it is
        another."""
        try:
            digest = file_digest(path)
        except OSError as error:
            raise ImageError(
                f"cannot be read ({error.strerror})", path, "check the name and the permissions"
            ) from error
        found = self._read_hash(digest)
        return found, None if found == digest else digest

    def _read_hash(self, digest: str) -> str:
        """SHA-256 of what is read from a file of that SHA-256."""
        how = (self.options.page, self.options.window)
        return digest if how == (None, None) else hashlib.sha256(f"{digest}{how!r}".encode()).hexdigest()
