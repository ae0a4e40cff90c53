"""`cuecast map`: one raster larger than memory in; a mask on its grid, and its objects on the map, out."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cuecast.cli.cue_flags import classes_of, cues_of, read_flags, read_values
from cuecast.cli.options import (
    AbsentOption,
    BoxOption,
    ClassOption,
    CueObjectsOption,
    CueOption,
    CuesOption,
    JsonFlag,
    PackOption,
    PointOption,
    QuietFlag,
    ScribbleOption,
    ThreadsOption,
    ValueOption,
    read_formats,
    read_limits,
    share_threads,
)

if TYPE_CHECKING:
    from cuecast.core.values import ClassInfo, Example
    from cuecast.cues import Cue
    from cuecast.io.rasters import BlockRaster
    from cuecast.mosaic.options import MapFormat, MapSummary

FORMATS = ("csv", "geojson", "gpkg")
"""The choices of --format; a test compares them with `cuecast.mosaic.options.MAP_FORMATS`, too heavy for --help."""

WINDOW_FORM = "x1,y1,x2,y2[=MASK]"

Box = tuple[int, int, int, int]


def segment_map(
    raster: Annotated[
        Path,
        typer.Argument(metavar="RASTER", help="GeoTIFF, whole slide, OME-TIFF, or what else GDAL reads."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the results.")],
    cue_window: Annotated[
        list[str] | None,
        typer.Option(
            "--cue-window",
            metavar=WINDOW_FORM,
            help="A window of RASTER in pixels and the mask of the thing on it; without a mask, a window in which "
            "--polygons mark everything. May be repeated.",
        ),
    ] = None,
    polygons: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Polygons of the thing in map coordinates: GeoJSON, GeoPackage, Shapefile. An attribute such "
            "as `class`, `label` or QuPath's `classification` names the class.",
        ),
    ] = None,
    cue: CueOption = None,
    cue_objects: CueObjectsOption = None,
    box: BoxOption = None,
    point: PointOption = None,
    scribble: ScribbleOption = None,
    absent: AbsentOption = None,
    cues: CuesOption = None,
    class_names: ClassOption = None,
    value: ValueOption = None,
    pack: PackOption = "general",
    bands: Annotated[
        str | None,
        typer.Option(
            metavar="R,G,B",
            help="Bands that are looked at, from 1: three, or one. Default: red, green and blue, or the first ones.",
        ),
    ] = None,
    level: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Level of a pyramid: 0 the full resolution, 1 the next smaller."
        ),
    ] = 0,
    window: Annotated[
        str | None,
        typer.Option(metavar="LOW,HIGH", help="Values shown as black and white in 16-bit and float rasters."),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            min=64, metavar="PIXELS", help="Side of the tiles. Default: what the segmenter sees in one piece."
        ),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(min=0, metavar="PIXELS", help="What neighbouring tiles share. Default: by the tiles."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Written of the objects: csv, geojson, gpkg or none; may be repeated. Default: all.",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "-j", min=1, metavar="N", help="Tiles at a time. The results do not depend on it."
        ),
    ] = 1,
    threads: ThreadsOption = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Redo what is finished, and replace another concept's results."),
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Find in RASTER, of any size, what the cues show.

    Cues are windows of RASTER itself, polygons on the map, or other images whose pixels are as large on the ground. OUT
    gets mask.tif and scores.tif on the grid of RASTER, objects.csv, polygons.geojson (WGS 84), polygons.gpkg (in the
    raster's own coordinates) and manifest.jsonl. A stopped run goes on where it was.

    Exit code 3 says that some tiles failed; each is named on stderr and in the manifest.
    """
    if not (cue_window or polygons or cue or box or point or scribble or absent or cues):
        raise typer.BadParameter(
            "nothing shows the thing: give --cue-window x1,y1,x2,y2=MASK, --polygons FILE, --cue IMAGE=MASK, --box, "
            "--point or --scribble, or --cues CUESET"
        )
    windows = [_cue_window(text) for text in cue_window or ()]
    bare = [w for w, mask in windows if mask is None]
    if bare and polygons is None:
        raise typer.BadParameter(
            f"--cue-window {cue_window[0] if cue_window else ''}: a mask is missing; write x1,y1,x2,y2=MASK, or give "
            "--polygons FILE"
        )
    chosen, limits, written = _bands(bands), read_limits(window), read_formats(formats, FORMATS)

    from cuecast.cli.progress import progress
    from cuecast.cuesets.cueset import read_cueset, read_examples
    from cuecast.io.rasters import open_raster
    from cuecast.mosaic.options import MapOptions
    from cuecast.predictor import load
    from cuecast.runs.raster import segment_raster

    cueset = read_cueset(cues) if cues else None
    classes = classes_of(cueset, class_names)
    flags = read_flags(
        cue or (), box or (), point or (), scribble or (), absent or (), classes, objects=cue_objects or ()
    )
    masked = [(w, mask) for w, mask in windows if mask is not None]
    values = read_values(value, [*masked, *(m.mask for m in flags)])
    examples: list[Cue | Example] = [
        *(read_examples(cueset, limits) if cueset else ()),
        *cues_of(flags, values, limits),
    ]
    with open_raster(raster, chosen, level) as opened:
        own, named = _own(opened, limits, masked, bare, polygons, values, classes)
    concept = load(pack, threads=share_threads(threads, workers)).learn(
        [*examples, *own], classes or named or None, "pixel"
    )
    options = MapOptions(
        workers=workers,
        overwrite=overwrite,
        formats=cast("tuple[MapFormat, ...]", FORMATS if written is None else written),
        bands=chosen,
        level=level,
        window=limits,
        tile=tile,
        overlap=overlap,
    )
    with progress("tiles", quiet, concept.classes) as report:
        summary = segment_raster(concept, raster, output, options, lambda step: report(step.done, step.total))
    typer.echo(json.dumps(_as_dict(summary), indent=1, ensure_ascii=False) if as_json else _as_text(summary))
    for note in summary.notes:
        print(f"cuecast: note: {raster}: {note}", file=sys.stderr)
    for _, error in summary.failures:  # each names its window
        print(f"cuecast: failed: {raster}: {error.removeprefix(f'{raster}: ')}", file=sys.stderr)
    if summary.failures:
        looked = sum(n for word, n in summary.counts.items() if word not in ("failed", "nodata"))
        raise typer.Exit(3 if looked else 1)


def _own(
    raster: BlockRaster,
    limits: tuple[float, float] | None,
    masked: Sequence[tuple[Box, Path]],
    bare: Sequence[Box],
    polygons: Path | None,
    values: tuple[int, ...] | None,
    classes: Sequence[ClassInfo],
) -> tuple[list[Example], list[ClassInfo]]:
    """The cues that lie in the raster itself, and the classes that polygons name."""
    from cuecast.io.rasters.raster import tones_of
    from cuecast.io.rasters.vectors import read_polygons
    from cuecast.mosaic.cues import mask_cue, polygon_classes, polygon_cues

    tones = tones_of(raster, limits)
    own = [mask_cue(raster, tones, box, mask, values, classes or None) for box, mask in masked]
    if polygons is None:
        return own, []
    found = read_polygons(polygons, raster.place, [c.name for c in classes])
    named = polygon_classes(found)
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
    return {
        "out": str(summary.out),
        "verdict": summary.verdict,
        "confidence": round(summary.confidence, 6),
        "objects": summary.objects,
        "areas": dict(summary.areas),
        "tiles": dict(summary.counts),
        "failures": [{"window": where, "error": error} for where, error in summary.failures],
        "resumed": summary.resumed,
        "seconds": round(summary.seconds, 3),
        "notes": list(summary.notes),
        "files": {what: str(path) for what, path in summary.files.items()},
    }


def _as_text(summary: MapSummary) -> str:
    """'found (0.83): 214 objects in 1156 tiles: 90 found, 2 doubtful, 30 absent, 1034 nodata' and where results are."""
    total = sum(summary.counts.values())
    counts = ", ".join(f"{n} {word}" for word, n in summary.counts.items() if n)
    again = f" ({summary.resumed} finished before)" if summary.resumed else ""
    width = max(map(len, summary.files), default=0)
    places = [f"{what:<{width}}  {path}" for what, path in summary.files.items()]
    objects = f"{summary.objects} object{'s' if summary.objects != 1 else ''}"
    head = (
        f"{summary.verdict} ({summary.confidence:.2f}): {objects} in {total} tile{'s' if total != 1 else ''}"
    )
    return "\n".join([f"{head}: {counts}{again}", *places])
