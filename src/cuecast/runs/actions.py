"""What a person asks of cuecast, each a function from a request to a result.

    segment   what cues show, on images, into a folder of results
    watch     the same, on what arrives in a folder
    check     can a cue set be read, which of its cues hurt, would more help?
    suggest   which images to mark next
    measure   the objects of results, summed up and in parts
    export    the masks of a folder of results in other formats
    convert   labels from one format into another
    consensus how far several people agree who labelled the same images, and one truth made of it

The command line, the service and the MCP server call these, and print, keep or send what comes of them. All tell of
their progress by `Step`; an exception out of that stops the work, and what is finished stays.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from cuecast.core.drawing import overlay
from cuecast.core.errors import MaskError, OutputError
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import Image
from cuecast.cue_quality.check import check_cues, too_few
from cuecast.cue_quality.result import CueCheck
from cuecast.cue_quality.suggest import Suggestions, suggest_images
from cuecast.cue_quality.trials import complete_cues
from cuecast.cuesets.changes import Lineage
from cuecast.cuesets.cueset import Finding, check_cueset, read_cueset, read_examples
from cuecast.io.places import check_places
from cuecast.io.stores import is_stored, url_of
from cuecast.predictor import Concept, Predictor
from cuecast.results.gather import Results, Writing, read_result, write_overlay
from cuecast.results.manifest import ManifestEntry
from cuecast.results.tables import ObjectRow
from cuecast.runs import images
from cuecast.runs.consensus import consensus as consensus
from cuecast.runs.convert import convert as convert
from cuecast.runs.images import BatchOptions, BatchSummary
from cuecast.runs.stored import run_stored
from cuecast.runs.watch import watch as watch


@dataclass(frozen=True)
class SegmentRequest:
    """Images (files) on which a concept is looked for, and the folder of their results; both may be in a store.

    lineage  the version of the cue set that the concept was learnt from, where that is all it was learnt from.
    """

    concept: Concept
    images: Sequence[Path]
    out: Path
    options: BatchOptions = field(default_factory=BatchOptions)
    lineage: Lineage | None = None


def segment(request: SegmentRequest, progress: Progress = silent) -> BatchSummary:
    """Masks of all images, or of those that an earlier run has left. Raises as `cuecast.runs.images.run`."""

    def run(out: Path, progress: Progress, home: Path | None = None) -> BatchSummary:
        return images.run(
            request.concept, request.images, out, request.options, progress, request.lineage, home
        )

    check_home(request.images, request.out, request.options)
    if not is_stored(request.out):
        return run(request.out, progress)
    shown = request.options.reports
    return run_stored(partial(run, home=request.out), request.out, progress, ("overlays",) if shown else ())


def check_home(images: Sequence[Path], out: Path, options: BatchOptions) -> None:
    """Raise OutputError where `out` is in a store that these images and this way of working cannot write to; to be
    asked before anything is learned. What is wrong with a local folder is told by the run."""
    if not is_stored(out):
        return
    if options.shard or options.cluster:
        who = "shards" if options.shard else "the machines of a cluster"
        raise OutputError(f"{who} cannot share a store", url_of(out), "let them write to a shared folder")
    check_places(images, out, beside=False)


@dataclass(frozen=True)
class CheckRequest:
    """A cue set (folder or .zip); `predictor` loads the pack, and is called only where it is needed.

    files_only  whether it can be read, and no more.
    """

    cueset: Path
    predictor: Callable[[], Predictor]
    scale: str = "frame"
    files_only: bool = False


@dataclass(frozen=True)
class Checked:
    """What is wrong with the files of a cue set, and what its cues say of each other, or in `note` why nothing."""

    findings: tuple[Finding, ...]
    leave_one_out: CueCheck | None = None
    note: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the set can be learnt from: its files have no error."""
        return all(f.level != "error" for f in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        found = self.leave_one_out
        return {
            "ok": self.ok,
            "findings": [asdict(f) for f in self.findings],
            "leave_one_out": found.as_dict() if found else None,
            "note": self.note,
        }


def check(request: CheckRequest, progress: Progress = silent) -> Checked:
    """Whether a cue set can be read, and with two complete cues or more what they say of each other."""
    read = Checked(tuple(check_cueset(request.cueset)))
    if not read.ok or request.files_only:
        return read
    cueset = read_cueset(request.cueset)
    examples = read_examples(cueset)
    if len(complete_cues(examples)) < 2:
        return Checked(read.findings, note=too_few(examples))
    found = check_cues(request.predictor(), examples, cueset.classes, request.scale, progress)
    return Checked(read.findings, found)


@dataclass(frozen=True)
class SuggestRequest:
    """Images (files) of which `count` at most are to be named; `workers` are looked at side by side.

    at_most  so many of them are looked at, evenly spread; None: all.
    """

    concept: Concept
    images: Sequence[str | Path]
    count: int = 5
    workers: int = 1
    at_most: int | None = None


def suggest(request: SuggestRequest, progress: Progress = silent) -> Suggestions:
    """The images that are worth marking next, best first."""
    step = -(-len(request.images) // request.at_most) if request.at_most else 1
    pool = request.images[:: max(step, 1)]
    return suggest_images(request.concept, pool, request.count, request.workers, progress)


@dataclass(frozen=True)
class MeasureRequest:
    """Objects, of which `limit` (None: all) from `offset` on are given one by one; of one `image`, or of all."""

    rows: Iterable[ObjectRow]
    image: str | None = None
    limit: int | None = 50
    offset: int = 0


@dataclass(frozen=True)
class ClassSum:
    """The objects of one class in all images; areas in pixels, and in squared `unit` where all have the same."""

    cls: str = field(metadata={"alias": "class"})
    objects: int
    images: int
    area: int
    mean_area: float
    smallest: int
    largest: int
    touching_border: int
    unit: str | None
    area_in_units: float | None


@dataclass(frozen=True)
class Measured:
    """The sums by class, the number of objects, those that were asked for one by one, and where they go on."""

    classes: tuple[ClassSum, ...]
    objects: int
    rows: tuple[ObjectRow, ...]
    next_offset: int | None


def measure(request: MeasureRequest) -> Measured:
    """Objects summed up by class and given in parts, in memory that does not grow with them.

    Raises InputError where the table that they are read from cannot be.
    """
    sums: dict[str, _Sum] = {}
    rows: list[ObjectRow] = []
    count = 0
    for row in request.rows:
        if request.image not in (None, row.image):
            continue
        sums.setdefault(row.cls, _Sum(row.unit)).add(row)
        if count >= request.offset and (request.limit is None or len(rows) < request.limit):
            rows.append(row)
        count += 1
    end = request.offset + len(rows)
    classes = tuple(total.result(name) for name, total in sorted(sums.items()))
    return Measured(classes, count, tuple(rows), end if end < count else None)


@dataclass(eq=False)
class _Sum:
    """The objects of one class so far. `unit` is None as soon as two of them differ in it."""

    unit: str | None
    count: int = 0
    area: int = 0
    in_units: float = 0.0
    smallest: int | None = None
    largest: int = 0
    border: int = 0
    images: set[str] = field(default_factory=set)

    def add(self, row: ObjectRow) -> None:
        self.unit = self.unit if row.unit == self.unit else None
        self.count += 1
        self.area += row.area
        self.in_units += row.area_units or 0.0
        self.smallest = row.area if self.smallest is None else min(self.smallest, row.area)
        self.largest = max(self.largest, row.area)
        self.border += row.touches_border
        self.images.add(row.image)

    def result(self, name: str) -> ClassSum:
        return ClassSum(
            cls=name,
            objects=self.count,
            images=len(self.images),
            area=self.area,
            mean_area=self.area / self.count,
            smallest=self.smallest or 0,
            largest=self.largest,
            touching_border=self.border,
            unit=self.unit,
            area_in_units=self.in_units if self.unit else None,
        )


@dataclass(frozen=True)
class ExportRequest:
    """A folder of results with the classes of its masks, and what is to be written into it.

    formats  of `cuecast.results.gather.FORMATS`: 'overlays', or one that is made of the masks alone.
    read     gives the image of an entry, for overlays; None where it cannot be had: it then has none.
    """

    results: Results
    formats: Sequence[str]
    read: Callable[[ManifestEntry], Image | None]
    how: Writing = field(default_factory=Writing)


def export(request: ExportRequest, progress: Progress = silent) -> dict[str, Path]:
    """Write the formats, each file whole or not at all; format -> where it lies. The masks stay as they are.

    Raises OutputError, and MaskError where an image has another size than its mask.
    """
    results, formats = request.results, tuple(dict.fromkeys(request.formats))
    drawn = list(results.done()) if "overlays" in formats else []
    steps = itertools.count(1)

    def told() -> None:
        progress(Step("files", next(steps), len(formats) + len(drawn)))

    files: dict[str, Path] = {}
    for kind in formats:
        for entry in drawn if kind == "overlays" else ():
            if (image := request.read(entry)) is not None:
                picture = draw_result(image, results, entry)
                write_overlay(results.file("overlays", entry.name), picture)
            told()
        files[kind] = results.write(kind, request.how)
        told()
    return files


def draw_result(image: Image, results: Results, entry: ManifestEntry) -> PILImage.Image:
    """The image with its mask over it, and the borders of its objects. Raises MaskError where their sizes differ."""
    mask = results.file("masks", entry.name)
    labels = read_result(mask)
    if image.size != labels.shape:
        raise MaskError(
            f"the mask is {labels.shape}, its image {image.name} is {image.size} now",
            mask,
            "`segment` it again",
        )
    return overlay(image, labels, results.classes, objects=results.told_apart(entry))
