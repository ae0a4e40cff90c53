"""`cuecast map`: one raster larger than memory in; a mask on its grid, and its objects on the map, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

import typer

from cuecast.cli.marks import Shown, cues_of, read_values
from cuecast.cli.options import (
    Divided,
    Objects,
    ObjectsOption,
    OutOption,
    PackOption,
    ProvenanceFlag,
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
from cuecast.core.errors import without_name

if TYPE_CHECKING:
    from cuecast.core.shards import Shard
    from cuecast.core.values import ClassInfo, Example
    from cuecast.cues import Cue
    from cuecast.io.rasters import BlockRaster
    from cuecast.mosaic.features import MapFormat
    from cuecast.runs.raster import MapOptions, MapSummary

FORMATS = ("csv", "geojson", "gpkg")
"""The choices of --format; a test compares them with `cuecast.mosaic.features.MAP_FORMATS`, too heavy for --help."""

WINDOW_FORM = "x1,y1,x2,y2[=MASK]"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class OnRaster:
    """What is shown on the raster itself."""

    cue_window: Annotated[
        list[str] | None,
        typer.Option(
            "--cue-window",
            metavar=WINDOW_FORM,
            help="A window of RASTER in pixels and the mask of the thing on it; without a mask, a window in which "
            "--polygons mark everything. May be repeated.",
        ),
    ] = None
    polygons: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Polygons of the thing in map coordinates: GeoJSON, GeoPackage, Shapefile. An attribute such "
            "as `class`, `label` or QuPath's `classification` names the class.",
        ),
    ] = None

    def windows(self) -> list[tuple[Box, Path | None]]:
        """The windows with their masks. Raises BadParameter where one has none and no polygons are given."""
        found = [_cue_window(text) for text in self.cue_window or ()]
        if self.polygons is None and any(mask is None for _, mask in found):
            raise typer.BadParameter(
                f"--cue-window {self.cue_window[0] if self.cue_window else ''}: a mask is missing; write "
                "x1,y1,x2,y2=MASK, or give --polygons FILE"
            )
        return found


@dataclass(frozen=True)
class Looked:
    """How the raster is looked at."""

    bands: Annotated[
        str | None,
        typer.Option(
            metavar="R,G,B",
            help="Bands that are looked at, from 1: three, or one. Default: red, green and blue, or the first ones.",
        ),
    ] = None
    level: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Level of a pyramid: 0 the full resolution, 1 the next smaller."
        ),
    ] = 0
    window: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH", help="Values shown as black and white in 16-bit and float rasters."),
    ] = None
    tile: Annotated[
        int | None,
        typer.Option(
            min=64, metavar="PIXELS", help="Side of the tiles. Default: what the segmenter sees in one piece."
        ),
    ] = None
    overlap: Annotated[
        int | None,
        typer.Option(min=0, metavar="PIXELS", help="What neighbouring tiles share. Default: by the tiles."),
    ] = None


@dataclass(frozen=True)
class TileSpeed(Divided):
    """How many tiles at a time, the threads of each, and where: which part of the tiles here, or on a cluster."""

    words: ClassVar[dict[str, str]] = {"Things": "Tiles"}


@dataclass(frozen=True)
class Written:
    """What is written to OUT."""

    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Written of the objects: csv, geojson, gpkg or none; may be repeated. Default: all.",
        ),
    ] = None
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo what is finished, and replace another concept's results."),
    ] = False
    provenance: ProvenanceFlag = False


@grouped
def segment_map(
    raster: Annotated[
        Path,
        typer.Argument(metavar="RASTER", help="GeoTIFF, whole slide, OME-TIFF, or what else GDAL reads."),
    ],
    output: OutOption,
    own: OnRaster,
    shown: Shown,
    *,
    pack: PackOption = "general",
    looked: Looked,
    objects: ObjectsOption = Objects.AUTO,
    written: Written,
    speed: TileSpeed,
    printed: Printed,
) -> None:
    """Find in RASTER, of any size, what the cues show.

    Cues are windows of RASTER itself, polygons on the map, or other images whose pixels are as large on the ground. OUT
    gets mask.tif and scores.tif on the grid of RASTER, objects.csv, polygons.geojson (WGS 84), polygons.gpkg (in the
    raster's own coordinates) and manifest.jsonl. A stopped run goes on where it was. With --shard it does its part of
    the tiles, in blocks: see `cuecast gather`. With --cluster the machines of a Ray cluster do them.

    Exit code 3 says that some tiles failed; each is named on stderr and in the manifest.
    """
    if not (own.cue_window or own.polygons):
        shown.refuse_nothing(before="--cue-window x1,y1,x2,y2=MASK, --polygons FILE, ")
    windows = own.windows()
    options, shard = _options(looked, written, speed), speed.shard

    from cuecast.cuesets.cueset import read_examples
    from cuecast.io.rasters import open_raster
    from cuecast.predictor import load
    from cuecast.runs.raster import segment_raster

    cueset = shown.cueset(pack)
    classes = shown.classes(cueset)
    flags = shown.read(classes)
    values = read_values(shown.value, [*(mask for _, mask in windows), *(m.mask for m in flags)])
    examples: list[Cue | Example] = [
        *(read_examples(cueset, options.window) if cueset else ()),
        *cues_of(flags, values, options.window),
    ]
    with open_raster(raster, options.bands, looked.level) as opened:
        on_it, named = _own(opened, options.window, windows, own.polygons, values, classes)
    predictor = load(pack, threads=speed.threads_each)
    learned = predictor.learn([*examples, *on_it], classes or named or None, "pixel", objects.value)
    concept = shown.decided(learned)
    if not (windows or own.polygons):
        options = replace(options, cueset=shown.version(cueset))
    with progress(printed.quiet, concept.classes) as report:
        summary = segment_raster(concept, raster, output, options, report)
    say(_as_dict(summary) | said_of_shard(shard), _as_text(summary, shard), printed.as_json)
    note(*(f"{raster}: {text}" for text in summary.notes))
    looked_at = sum(n for word, n in summary.counts.items() if word not in ("failed", "nodata"))
    # Each error names its window.
    fail(
        (f"{raster}: {without_name(error, str(raster))}" for _, error in summary.failures),
        3 if looked_at or shard else 1,
    )


def _options(looked: Looked, written: Written, speed: TileSpeed) -> MapOptions:
    """The flags as the library takes them. Raises BadParameter."""
    bands, limits = _bands(looked.bands), read_limits(looked.window)
    formats = read_formats(written.formats, FORMATS)
    from cuecast.runs.raster import MapOptions

    return MapOptions(
        workers=speed.here,
        overwrite=written.overwrite,
        formats=cast("tuple[MapFormat, ...]", FORMATS if formats is None else formats),
        bands=bands,
        level=looked.level,
        window=limits,
        tile=looked.tile,
        overlap=looked.overlap,
        shard=speed.shard,
        cluster=speed.cluster,
        provenance=written.provenance,
    )


def _own(
    raster: BlockRaster,
    limits: tuple[float, float] | None,
    windows: Sequence[tuple[Box, Path | None]],
    polygons: Path | None,
    values: tuple[int, ...] | None,
    classes: Sequence[ClassInfo],
) -> tuple[list[Example], list[ClassInfo]]:
    """The cues that lie in the raster itself, and the classes that polygons name."""
    from cuecast.io.rasters.raster import tones_of
    from cuecast.io.rasters.vectors import read_polygons
    from cuecast.mosaic.cues import mask_cue, polygon_classes, polygon_cues

    tones = tones_of(raster, limits)
    own = [mask_cue(raster, tones, box, mask, values, classes or None) for box, mask in windows if mask]
    if polygons is None:
        return own, []
    found = read_polygons(polygons, raster.place, [c.name for c in classes])
    named = polygon_classes(found)
    bare = [box for box, mask in windows if mask is None]
    return [*own, *polygon_cues(raster, tones, found, bare, classes or named)], named


def _cue_window(text: str) -> tuple[Box, Path | None]:
    """'x1,y1,x2,y2=MASK' or 'x1,y1,x2,y2'."""
    numbers, _, mask = text.partition("=")
    try:
        x1, y1, x2, y2 = (int(part) for part in numbers.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--cue-window {text!r}: {WINDOW_FORM} is expected, in pixels of the raster"
        ) from None
    if not (0 <= x1 < x2 and 0 <= y1 < y2):
        raise typer.BadParameter(f"--cue-window {text!r}: x1 must be below x2, and y1 below y2")
    return (x1, y1, x2, y2), Path(mask) if mask else None


def _bands(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        bands = tuple(int(part) for part in text.split(","))
    except ValueError:
        bands = ()
    if len(bands) not in (1, 3) or min(bands) < 1:
        raise typer.BadParameter(f"--bands {text!r}: three band numbers R,G,B are expected, or one; from 1")
    return bands


def _as_dict(summary: MapSummary) -> dict[str, Any]:
    record: dict[str, Any] = plain(summary)
    failures = [{"window": where, "error": error} for where, error in summary.failures]
    confidence = round(summary.confidence, 6)
    return record | {"confidence": confidence, "tiles": record.pop("counts"), "failures": failures}


def _as_text(summary: MapSummary, shard: Shard | None) -> str:
    """'found (0.83): 214 objects in 1156 tiles: 90 found, 2 doubtful, 30 absent, 1034 nodata' and where results are."""
    tiles = tally("tile", summary.counts, finished_before(summary.resumed), unless=tuple(summary.counts))
    if shard is not None:
        return "\n".join(of_shard(shard, summary.out, [tiles, *places(summary.files)]))
    objects = f"{summary.objects} object{'s' if summary.objects != 1 else ''}"
    head = f"{summary.verdict} ({summary.confidence:.2f}): {objects} in {tiles}"
    return "\n".join([head, *places(summary.files)])
