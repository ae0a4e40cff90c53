"""The tools that segment images, and list, measure, export and show what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from cuecast.core.errors import InputError, OutputError, without_name
from cuecast.core.ordered import Progress, Step
from cuecast.core.values import ClassInfo
from cuecast.cuesets.changes import lineage
from cuecast.cuesets.cueset import CueSet
from cuecast.cuesets.history import versions
from cuecast.io.files import MANIFEST, exclusive
from cuecast.io.images import read_image
from cuecast.io.labels.sheets import Shape
from cuecast.mcp import schemas as s
from cuecast.mcp.desk import Desk, OutOfTimeError, answer, reporter
from cuecast.predictor import Concept
from cuecast.results import provenance
from cuecast.results.folder import Summary
from cuecast.results.gather import COCO, REPORT, RESULT_FOLDERS, TABLE, Results, Writing
from cuecast.results.manifest import ManifestEntry, read_manifest
from cuecast.results.report import ATTENTION
from cuecast.results.shards import refuse_ungathered
from cuecast.results.tables import read_objects_csv
from cuecast.runs import actions
from cuecast.runs.images import BatchOptions

Words = Literal["found", "doubtful", "absent", "failed"]
ExportFormat = Literal[
    "coco", "yolo", "labelme", "cvat", "label-studio", "qupath", "imagej", "via", "datumaro", "voc", "csv", "overlays",
    "objects",
]  # fmt: skip
PLACES = (*RESULT_FOLDERS, MANIFEST, COCO, TABLE, REPORT, provenance.NAME)
"""What a folder of results has in it."""


@dataclass(frozen=True, eq=False)
class ResultTools:
    """Each public method is a tool; its docstring is the tool's description."""

    desk: Desk

    def segment(
        self,
        context: Context,
        shown: s.Shown,
        images: s.ImagePaths,
        output: Annotated[str, Field(description="Folder for the results; it is made")],
        recursive: s.Recursive = False,
        scale: s.ScaleName = "frame",
        threshold: s.Threshold = None,
        written: s.Written = s.Written(),  # noqa: B008  frozen
        way: s.ObjectWay = s.ObjectWay(),  # noqa: B008  frozen
        seconds: Annotated[
            float, Field(ge=1, le=3600, description="Stop after the image during which this time has passed")
        ] = 50,
        limit: s.Limit = 10,
    ) -> s.Segmented:
        """Find on images what a cue set, or a concept of a pack, shows; write masks, overlays, COCO, CSV and a report.

        Stops when its time is over: `finished` is false then, and the same call goes on where it stopped. What is
        done is never done twice; after a correction of the cue set only what it may change is done again, and its
        masks are replaced. The answer lists the images that want a look first; `list_results` has the rest.
        """
        read = self.desk.shown(shown)
        out = self.desk.roots.results(output, PLACES)
        paths = self.desk.roots.images(images, recursive)
        options = BatchOptions(
            name=written.name,
            pixel_size=written.pixel_size,
            unit=written.unit,
            provenance=written.provenance,
            min_area=way.min_area,
            min_confidence=way.min_confidence,
        )
        steps = _Steps(reporter(context), monotonic() + seconds)
        summary: Summary | None = None
        try:
            concept = self.desk.concept(read, shown.pack, scale, threshold).with_objects(way.objects)
            request = actions.SegmentRequest(concept, paths, out, options, lineage(read))
            summary = actions.segment(request, steps)
        except OutOfTimeError:
            pass
        listed = _list(out, None, limit, 0)
        return s.Segmented(
            **listed.model_dump(),
            finished=summary is not None,
            done=len(paths) if summary else steps.done,
            total=len(paths),
            resumed=steps.resumed,
            files={what: str(path) for what, path in summary.files.items()} if summary else {},
            note=self.desk.roots.note_of_others(images, recursive),
        )

    def list_results(
        self,
        results: s.ResultsPath,
        verdict: Annotated[Words | None, Field(description="Only these; null: all")] = None,
        limit: s.Limit = s.LIMIT,
        offset: s.Offset = 0,
    ) -> s.ResultList:
        """List what was found, the images that want a look first: doubtful, failed, absent, then found.

        Within a verdict the least sure come first.
        """
        return _list(self._results(results), verdict, limit, offset)

    def show_result(
        self,
        results: s.ResultsPath,
        name: Annotated[str, Field(description="`name` of an image in `list_results`")],
        picture: s.Picture = False,
    ) -> Annotated[CallToolResult, s.ImageResult]:
        """Show what was found on one image; with `picture`, its mask is drawn over it."""
        out = self._results(results)
        entry = next((e for e in _entries(out) if e.name == name), None)
        if entry is None:
            raise OutputError(f"no image is called {name!r} there", out, "`list_results` has the names")
        if not picture or entry.error is not None:
            return answer(_result(entry), None)
        roots = self.desk.roots
        drawn = Results(out, tuple(ClassInfo(c, str(c)) for c in entry.areas))
        for folder in ("masks", "objects"):
            roots.inside(drawn.file(folder, name))
        image = read_image(roots.inside(Path(entry.image)))
        return answer(_result(entry), actions.draw_result(image, drawn, entry))

    def measure(
        self,
        results: s.ResultsPath,
        image: Annotated[
            str | None, Field(description="Only objects of this image, named as in the rows; null: all")
        ] = None,
        limit: s.Limit = s.LIMIT,
        offset: s.Offset = 0,
    ) -> s.Measured:
        """Measure what was found: count and area by class over all images, and the objects one by one.

        In pixels; areas also in squared units where the size of a pixel is known.
        """
        out = self._results(results)
        table = out / TABLE
        if table.is_file() and table.stat().st_mtime_ns < (out / MANIFEST).stat().st_mtime_ns:
            raise InputError(
                "is older than the masks",
                table,
                "go on with `segment` until it is finished, or `export` as csv",
            )
        found = actions.measure(actions.MeasureRequest(read_objects_csv(table), image, limit, offset))
        return s.Measured(
            table=str(table),
            classes=found.classes,
            objects=found.objects,
            rows=list(map(s.ObjectShown.of, found.rows)),
            next_offset=found.next_offset,
        )

    def export(
        self,
        context: Context,
        results: s.ResultsPath,
        shown: s.Shown,
        formats: Annotated[list[ExportFormat], Field(min_length=1, description="What to write")],
        edge: s.PixelSize = s.PixelSize(),  # noqa: B008  frozen
        coco_shape: Annotated[
            Shape, Field(description="Objects in label files: run lengths, or polygons")
        ] = "rle",
    ) -> s.Exported:
        """Write the masks of a folder of results in other formats, into that folder. The masks stay as they are.

        coco: annotations.coco.json; yolo: yolo/ (YOLO-seg); labelme: labelme/; cvat (XML for images 1.1),
        label-studio, via, datumaro: one file; qupath (GeoJSON), imagej (regions), voc: a folder; csv: objects.csv;
        overlays: overlays/; objects: objects/ (16-bit PNG of ids).
        The cue set, or the concept of the pack, names the classes.
        """
        out, roots = self._results(results), self.desk.roots
        request = actions.ExportRequest(
            Results(out, _classes(out, self.desk.shown(shown))),
            formats,
            lambda entry: read_image(roots.inside(Path(entry.image))),
            Writing(coco_shape, edge.pixel_size, edge.unit),
        )
        with exclusive(out):
            files = actions.export(request, reporter(context))
        images = sum(1 for _ in request.results.done())
        return s.Exported(images=images, files={kind: str(path) for kind, path in files.items()})

    def preview(
        self,
        shown: s.Shown,
        image: Annotated[str, Field(description="Path of the image")],
        scale: s.ScaleName = "frame",
        threshold: s.Threshold = None,
        way: s.ObjectWay = s.ObjectWay(),  # noqa: B008  frozen
        picture: s.Picture = False,
    ) -> Annotated[CallToolResult, s.Previewed]:
        """Find on one image what a cue set, or a concept of a pack, shows, and write nothing.

        With `picture`, the mask is drawn over it.
        """
        read = self.desk.shown(shown)
        path = self.desk.roots.existing(image)
        concept: Concept = self.desk.concept(read, shown.pack, scale, threshold).with_objects(way.objects)
        found = concept.segment(path).keeping(way.min_area, way.min_confidence)
        figures = s.Previewed(
            image=str(path),
            verdict=found.verdict,
            confidence=round(found.confidence, 4),
            objects=len(found.objects()),
            areas={str(c.id): int((found.mask == c.id).sum()) for c in found.classes},
            size=list(found.image.size),
            seconds=round(found.seconds, 3),
        )
        return answer(figures, found.overlay() if picture else None)

    def _results(self, text: str) -> Path:
        """A folder of results that is there. Raises InputError, OutputError."""
        out = self.desk.roots.results(text, PLACES)
        refuse_ungathered(out)
        if not (out / MANIFEST).is_file():
            raise OutputError(f"no results are there ({MANIFEST} is missing)", out, "`segment` makes them")
        return out


@dataclass(eq=False)
class _Steps:
    """Counts what a run has done, reports it, and ends the run at `deadline`."""

    report: Progress
    deadline: float
    done: int = 0
    resumed: int = 0

    def __call__(self, step: Step) -> None:
        if step.what != "images":  # a run that has come to tables and report goes to its end
            return
        self.done = step.done
        self.resumed += step.resumed
        self.report(step)
        if not step.resumed and step.done < step.total and monotonic() >= self.deadline:
            raise OutOfTimeError


def _list(out: Path, verdict: Words | None, limit: int, offset: int) -> s.ResultList:
    """A page of a manifest, doubtful first."""
    counts = s.Verdicts()
    kept: list[s.ImageResult] = []
    for entry in _entries(out):
        result = _result(entry)
        setattr(counts, result.verdict, getattr(counts, result.verdict) + 1)
        if verdict in (None, result.verdict):
            kept.append(result)
    kept.sort(key=lambda r: (ATTENTION.index(r.verdict), r.confidence or 0.0, r.name))
    end = offset + limit
    return s.ResultList(
        results=str(out),
        counts=counts,
        images=kept[offset:end],
        next_offset=end if end < len(kept) else None,
    )


def _result(entry: ManifestEntry) -> s.ImageResult:
    return s.ImageResult(
        name=entry.name,
        image=entry.image,
        verdict=entry.verdict or "failed",
        confidence=entry.confidence,
        objects=entry.objects,
        counts={str(c): n for c, n in entry.counts.items()},
        areas={str(c): area for c, area in entry.areas.items()},
        error=entry.error and without_name(entry.error, entry.image),
    )


def _classes(out: Path, cueset: CueSet) -> tuple[ClassInfo, ...]:
    """The classes in the results, with their names. Raises OutputError where they come from another cue set."""
    digests = {v.digest for v in versions(cueset)}
    used: dict[int, None] = {}
    for entry in _entries(out):
        if entry.cueset not in digests:
            raise OutputError(
                f"{entry.name} was not made with the cue set {cueset.root}",
                out,
                "give the one it was made with",
            )
        used.update(dict.fromkeys(entry.areas))
    named = {c.id: c for c in cueset.classes}
    if lost := sorted(c for c in used if c not in named):
        raise OutputError(
            f"its masks have class {lost[0]}, which {cueset.root} names no more", out, "`segment` again"
        )
    return tuple(named[c] for c in sorted(used))


def _entries(out: Path) -> Iterator[ManifestEntry]:
    """The entries of a folder of results. Raises OutputError where a name would lead out of it."""
    for entry in read_manifest(out / MANIFEST):
        if Path(entry.name).name != entry.name:
            raise OutputError(f"refused, it names a result {entry.name!r}", out, "do not use this folder")
        yield entry
