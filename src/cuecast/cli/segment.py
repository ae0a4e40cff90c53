"""`cuecast segment`: marks on a few images in, masks of all the others out; `cuecast review`: which were wrong."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

import typer

from cuecast.cli.marks import Shown
from cuecast.cli.options import (
    CocoShape,
    CocoShapeOption,
    CuePageOption,
    Divided,
    ImagesArgument,
    JsonFlag,
    Least,
    Objects,
    ObjectsOption,
    OutOption,
    PackOption,
    ProvenanceFlag,
    RecursiveFlag,
    Scale,
    ScaleOption,
    WindowOption,
    grouped,
    read_formats,
    read_limits,
)
from cuecast.cli.output import (
    Printed,
    fail,
    finished_before,
    note,
    of_shard,
    places,
    plain,
    progress,
    said_of_shard,
    say,
    tally,
)
from cuecast.core.errors import OutputError, without_name
from cuecast.core.ordered import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cuecast.core.cluster import Cluster
    from cuecast.core.shards import Shard
    from cuecast.runs.images import BatchOptions, BatchSummary, Format

FORMATS = (
    "overlays", "coco", "csv", "report", "yolo", "labelme", "cvat", "label-studio", "qupath", "imagej", "via",
    "datumaro", "voc", "uncertainty", "objects",
)  # fmt: skip
"""The choices of --format; a test compares them with `cuecast.runs.images.FORMATS`, too heavy for --help."""


@dataclass(frozen=True)
class Pictures:
    """How image files are read."""

    page: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Page of multi-page images, from 0. Default: the first."),
    ] = None
    cue_page: CuePageOption = None
    window: WindowOption = None


@dataclass(frozen=True)
class Written:
    """What is written to OUT, and how."""

    name: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE", help="Names of outputs: {stem}, {suffix}, {parent}, {index} or {index:04d}."
        ),
    ] = "{stem}"
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Written besides masks: overlays, coco, csv, report, yolo, labelme, cvat, label-studio, qupath, "
            "imagej, via, datumaro, voc, uncertainty, objects (16-bit PNG of ids) or none; may be repeated. Default: "
            "the first four.",
        ),
    ] = None
    coco_shape: CocoShapeOption = CocoShape.RLE
    pixel_size: Annotated[
        float | None, typer.Option(metavar="SIZE", help="Edge of one pixel, for objects.csv; needs --unit.")
    ] = None
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of --pixel-size: um, mm, m, ...")] = (
        None
    )
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo what is finished, and replace another concept's results."),
    ] = False
    review: Annotated[
        bool,
        typer.Option(
            "--review", help="Tick boxes in report.html, to call masks wrong: see `cuecast review`."
        ),
    ] = False
    provenance: ProvenanceFlag = False
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check the cues against each other for report.html, as `cuecast cues check` does."
        ),
    ] = False

    def options(
        self,
        workers: int,
        page: int | None,
        window: tuple[float, float] | None,
        least: Least,
        shard: Shard | None = None,
        cluster: Cluster | None = None,
    ) -> BatchOptions:
        """Them as the library takes them. Raises BadParameter where one is wrong or two do not go together."""
        formats = read_formats(self.formats, FORMATS)
        self._check_units()

        from cuecast.results.folder import check_template
        from cuecast.runs.images import DEFAULT_FORMATS, BatchOptions

        try:
            check_template(self.name)
        except OutputError as unusable:
            raise typer.BadParameter(str(unusable)) from None
        return BatchOptions(
            name=self.name,
            workers=workers,
            overwrite=self.overwrite,
            formats=DEFAULT_FORMATS if formats is None else cast("tuple[Format, ...]", formats),
            coco_shape=self.coco_shape.value,
            pixel_size=self.pixel_size,
            unit=self.unit,
            page=page,
            window=window,
            review=self.review,
            provenance=self.provenance,
            check=self.check,
            min_area=least.min_area,
            min_confidence=least.min_confidence,
            shard=shard,
            cluster=cluster,
        )

    def _check_units(self) -> None:
        if (self.pixel_size is None) != (self.unit is None):
            raise typer.BadParameter(
                "--pixel-size and --unit belong together: give both, as in --pixel-size 0.25 --unit um"
            )
        if self.pixel_size is not None and not 0 < self.pixel_size < float("inf"):
            raise typer.BadParameter(
                f"--pixel-size {self.pixel_size}: the edge of a pixel is a number above 0"
            )


@dataclass(frozen=True)
class PictureSpeed(Divided):
    """How many images at a time, the threads of each, and where: which part of the images here, or on a cluster."""

    words: ClassVar[dict[str, str]] = {"Things": "Images"}


@grouped
def segment(
    images: ImagesArgument,
    output: OutOption,
    shown: Shown,
    *,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    objects: ObjectsOption = Objects.AUTO,
    least: Least,
    recursive: RecursiveFlag = False,
    pictures: Pictures,
    written: Written,
    speed: PictureSpeed,
    printed: Printed,
) -> None:
    """Find on IMAGES what the cues show.

    OUT gets masks/ (label PNG), overlays/, annotations.coco.json, objects.csv, manifest.jsonl and report.html
    with the doubtful images first. A second run skips what is finished; a stopped one goes on. After a correction
    of the CUESET it redoes what is not `found`, what was called wrong, and what is close to a corrected picture.
    With --shard it does its part of IMAGES, which all parts are given alike: see `cuecast gather`. With --cluster the
    machines of a Ray cluster do them, and this one notes what they find.

    Exit code 3 says that some images failed; each is named on stderr and in the manifest.
    """
    shown.refuse_nothing()
    limits, shard = read_limits(pictures.window), speed.shard
    options = written.options(speed.here, pictures.page, limits, least, shard, speed.cluster)

    from cuecast.cuesets.changes import lineage
    from cuecast.io.files import note_of_edited
    from cuecast.io.places import list_images, note_of_others
    from cuecast.predictor import load
    from cuecast.runs import actions

    cueset = shown.cueset(pack)
    classes = shown.classes(cueset)
    flags = shown.read(classes)
    paths = list_images(images, recursive, stores=True)
    actions.check_home(paths, output, options)
    examples = shown.examples(cueset, flags, limits, pictures.cue_page)
    predictor = load(pack, threads=speed.threads_each)
    learned = predictor.learn(examples, classes or None, scale.value, objects.value)
    concept = shown.decided(learned)
    origin = lineage(cueset, limits) if cueset and not flags else None
    with progress(printed.quiet, concept.classes) as report:
        if shard is None:
            report(Step("images", 0, len(paths)))
        summary = actions.segment(actions.SegmentRequest(concept, paths, output, options, origin), report)
    _say_summary(summary, paths, printed.as_json, shard)
    edited = note_of_edited(summary.edited)
    note(note_of_others(images, recursive), edited and f"{edited} (to teach with one: cuecast cues add)")
    all_failed = len(summary.failures) == sum(summary.counts.values())
    fail(
        (f"{image}: {without_name(error, image)}" for image, error in summary.failures),
        1 if all_failed and shard is None else 3,  # a shard is whole, whatever failed in it
    )


def _say_summary(
    summary: BatchSummary, paths: Sequence[Path], as_json: bool, shard: Shard | None = None
) -> None:
    """'12 images: 9 found, 2 doubtful, 1 absent', '43 objects' and where each result is; or all of it as JSON."""
    failures = [{"image": image, "error": error} for image, error in summary.failures]
    head = tally("image", summary.counts, finished_before(summary.resumed), unless=("failed",))
    if as_json:
        record = plain(summary) | {"failures": failures, "images": _counted(summary, paths)}
        say(record | said_of_shard(shard), "", as_json)
    else:
        lines = [head, _said_objects(summary.objects), *places(summary.files)]
        say(None, "\n".join(of_shard(shard, summary.out, lines)), as_json)


def _said_objects(objects: Mapping[str, int]) -> str:
    """'43 objects', and of several classes '43 objects: 40 cell, 3 other'."""
    total = sum(objects.values())
    each = ", ".join(f"{n} {name}" for name, n in objects.items())
    return f"{total} object{'s' if total != 1 else ''}" + (f": {each}" if len(objects) > 1 else "")


def _counted(summary: BatchSummary, paths: Sequence[Path]) -> list[dict[str, object]]:
    """For each image of the run its verdict, and the number of its objects by class."""
    from cuecast.io.stores import held, url_of
    from cuecast.results.manifest import read_manifest

    asked, names = set(map(url_of, paths)), list(summary.objects)
    with held(summary.files["manifest"]) as manifest:
        entries = list(read_manifest(manifest))
    return [
        {
            "image": entry.image,
            "verdict": entry.verdict or "failed",
            "objects": dict(zip(names, (entry.counts.get(c, 0) for c in entry.areas), strict=False)),
        }
        for entry in entries
        if entry.image in asked
    ]


@dataclass(frozen=True)
class Said:
    """What a person says of masks besides the file that the page has saved, and who."""

    reviewer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who says so: noted in the manifest and in provenance.jsonld."),
    ] = None
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="The mask of this NAME is right; may be repeated."),
    ] = None
    accept_rest: Annotated[
        bool, typer.Option("--accept-rest", help="All masks of which nobody has said anything are right.")
    ] = False
    corrected: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="OUT/masks/NAME.png was changed by hand: take it for the result; may be repeated.",
        ),
    ] = None

    def check(self) -> None:
        """Raise BadParameter where somebody is needed who says so."""
        if (self.accept or self.accept_rest or self.corrected) and not (self.reviewer or "").strip():
            raise typer.BadParameter("--accept, --accept-rest and --corrected need --reviewer NAME")


@grouped
def review(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of results of `cuecast segment`.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="REVIEW", help="File that the page has saved. Without it: only list."),
    ] = None,
    *,
    said: Said,
    as_json: JsonFlag = False,
) -> None:
    """Note which masks a person called wrong, accepted or corrected, and list all that are wrong.

    `cuecast segment --review` writes a report.html with a tick box for each image; its button saves the file. What is
    called wrong is redone, as doubtful images are, when the cue set has been corrected; what was accepted or corrected
    stays.

    Exit code 3 says that some were passed over, because the mask is another one by now.
    """
    said.check()

    from cuecast.results.review import (
        Reviewed,
        accept,
        accept_rest,
        apply_corrections,
        apply_review,
        called_wrong,
        read_review,
    )

    named = said.accept or []
    ticks = [*(read_review(file) if file else ()), *accept(output, named)]
    corrected = said.corrected or []
    fixed = apply_corrections(output, corrected, said.reviewer or "") if corrected else Reviewed()
    done = apply_review(output, ticks, said.reviewer) if ticks else Reviewed()
    rest = apply_review(output, accept_rest(output), said.reviewer) if said.accept_rest else Reviewed()
    wrong = called_wrong(output)
    passed_over = [*fixed.passed_over, *done.passed_over]
    good = {"marked": [*done.marked, *rest.marked], "cleared": done.cleared, "corrected": fixed.corrected}
    record = {
        "out": str(output),
        "wrong": [{"name": e.name, "image": e.image, "verdict": e.verdict} for e in wrong],
        **{what: list(names) for what, names in good.items()},
        "passed_over": [{"name": name, "reason": reason} for name, reason in passed_over],
    }
    say(record, "\n".join([f"{len(wrong)} called wrong", *(f"  {e.image}" for e in wrong)]), as_json)
    for name, reason in passed_over:
        print(f"cuecast: passed over: {name}: {reason}", file=sys.stderr)
    if passed_over:
        raise typer.Exit(3 if any(good.values()) else 1)
