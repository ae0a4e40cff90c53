"""A concept over a raster larger than memory: tiles, then the map, then its objects.

OUT holds mask.tif, scores.tif, objects.csv, polygons.geojson, polygons.gpkg and manifest.jsonl; while a run goes, and
after one in which tiles failed, also tiles/ with the scores of the finished ones. The manifest has a line a tile and is
the state from which a stopped run goes on. What is held in memory is a few tiles, whatever the size of the raster.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

from cuecast.core.errors import CueError, OutputError
from cuecast.io.files import (
    MANIFEST,
    RESULT_RASTERS,
    check_space,
    edited_in,
    file_digest,
    keep_edited,
    note_of_edited,
)
from cuecast.io.files import exclusive
from cuecast.results.manifest import (
    ManifestEntry,
    appending,
    entry_at,
    index_manifest,
    read_manifest,
    write_manifest,
)
from cuecast.io.places import check_places
from cuecast.io.rasters import BlockRaster, open_raster
from cuecast.io.rasters.geotiff import gdal
from cuecast.io.rasters.raster import at
from cuecast.io.rasters.raster import tones_of
from cuecast.io.rasters.vectors import load_pyogrio
from cuecast.io.files import Tried, all_tried
from cuecast.mosaic.assemble import BLOCK, Blender, LabelRule, read_labels, writing
from cuecast.mosaic.features import Feature, feature, without_lonlat, write_features
from cuecast.mosaic.grid import Tile, grid_for
from cuecast.mosaic.merge import merged_objects
from cuecast.mosaic.options import FILES, MAP_FORMATS, WORDS, MapOptions, MapSummary, TileProgress
from cuecast.mosaic.tally import Tally
from cuecast.mosaic.tiles import TileWork
from cuecast.core.ordered import in_order
from cuecast.predictor import Concept

MASK, SCORES = RESULT_RASTERS
TILES = "tiles"
WHOLE = "raster"
"""Name of the manifest's line about the whole raster, its first."""
PACKED = 4
"""How much smaller scores and masks are on disk than in memory, at least, as a rule."""


def segment_raster(
    concept: Concept,
    path: str | Path,
    out: str | Path,
    options: MapOptions | None = None,
    progress: Callable[[TileProgress], None] | None = None,
) -> MapSummary:
    """Segment a raster of any size and write mask, scores and objects into the folder `out`.

    concept  learnt with scale='pixel', from cues whose pixels are as large as the raster's.

    A tile that cannot be read is named in the summary and in the manifest, and the rest is done. Raises ImageError
    where the raster cannot be opened, CueError for a concept of scale 'frame', OutputError before any work where `out`
    holds results of another concept or raster, or the disk is too small, and later where there is no space or
    permission; what was finished by then is kept, and the same call goes on. Raises MissingExtraError without the
    extra `maps`.
    """
    start = time.perf_counter()
    options = options or MapOptions()
    check_places([Path(path)], Path(out))
    _check(concept, options)
    with open_raster(path, options.bands, options.level) as raster:
        left_out = without_lonlat(raster.place, raster.size) if "geojson" in options.formats else None
        if left_out is not None:
            options = replace(options, formats=[f for f in options.formats if f != "geojson"])
        job = _job(concept, raster, Path(out), options)
        with exclusive(job.out):
            before = edited_in(job.out)
            known = job.claim()
            job.check_space(known)
            done = job.tiles(known, progress)
            whole, files = job.finish(done)
    looked = any(n for word, n in done.counts.items() if word != "nodata")
    blank = None if looked else "all of it is nodata: nothing was looked at"
    notes = (*raster.notes, left_out, blank, note_of_edited(edited_in(job.out) - before))
    return MapSummary(
        job.out,
        whole.verdict or "absent",
        whole.confidence or 0.0,
        dict(done.counts),
        tuple(done.failures),
        done.resumed,
        whole.objects or 0,
        whole.areas,
        time.perf_counter() - start,
        tuple(n for n in notes if n),
        files,
    )


def zoom_of(concept: Concept) -> float:
    """Working pixels per pixel at which a concept of scale 'pixel' looks at an image: the least of its classes.

    1 for segmenters that say nothing of it.
    """
    zooms = [getattr(lesson, "zoom", None) for lesson in getattr(concept.knowledge, "lessons", ())]
    return min((z for z in zooms if z), default=1.0)


def _check(concept: Concept, options: MapOptions) -> None:
    if concept.scale != "pixel":
        raise CueError(
            "the concept was learnt for pictures whose things keep their share of the frame; tiles of a map need "
            "predictor.learn(cues, scale='pixel')"
        )
    for kind in options.formats:
        if kind not in MAP_FORMATS:
            raise OutputError(f"format {kind!r} is unknown; known are {', '.join(MAP_FORMATS)}")
    with gdal():
        if "gpkg" in options.formats:
            load_pyogrio()


def _job(concept: Concept, raster: BlockRaster, out: Path, options: MapOptions) -> _RasterRun:
    try:
        grid = grid_for(raster.size, zoom_of(concept), options.tile, options.overlap, raster.place.anchor)
    except ValueError as error:
        raise OutputError(f"tile {options.tile} with overlap {options.overlap}: {error}") from error
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{out}: the folder cannot be made ({error.strerror}); choose a place you may write to"
        ) from error
    tones = tones_of(raster, options.window)
    stat = raster.path.stat()
    seen = (stat.st_size, stat.st_mtime_ns, raster.bands, options.level, tones, astuple(grid), astuple(raster.place))
    blank = ManifestEntry(
        WHOLE,
        str(raster.path),
        concept.predictor.pack.digest,
        concept.digest,
        image_hash=hashlib.sha256(repr(seen).encode()).hexdigest(),
        pixel_size=raster.place.pixel_size,
        unit=raster.place.unit,
        scale=concept.scale,
    )
    return _RasterRun(TileWork(concept, raster, grid, tones, out / TILES, blank), out, options)


@dataclass(eq=False)
class _Done:
    """What the tiles came to; see `MapSummary`."""

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WORDS, 0)))
    failures: list[tuple[str, str]] = field(default_factory=list)
    resumed: int = 0

    def add(self, where: str, entry: ManifestEntry, resumed: bool) -> None:
        """One more tile."""
        self.counts["failed" if entry.error is not None else entry.verdict or "nodata"] += 1
        self.resumed += resumed
        if entry.error is not None:
            self.failures.append((where, entry.error))


@dataclass(frozen=True, eq=False)
class _RasterRun:
    """One concept, one raster, one folder: the steps of `segment_raster`."""

    work: TileWork
    out: Path
    options: MapOptions

    def check_space(self, known: Mapping[str, int]) -> None:
        """Raise OutputError where the disk is likely to be too small for what is still to be written."""
        if self._is_complete(known):
            return
        grid, planes = self.work.grid, len(self.work.concept.classes)
        pixels = grid.size[0] * grid.size[1]
        needed = int(pixels * (planes * (grid.side / grid.step) ** 2 + planes + 1) / PACKED)
        there = sum(path.stat().st_size for path in (self.out / TILES).glob("*.npz"))
        check_space(self.out, needed - there, "choose another folder")

    def claim(self) -> dict[str, int]:
        """Make the folder ours: name -> offset of what the manifest knows. Raises OutputError."""
        manifest, ours = self.out / MANIFEST, self.work.blank
        for folder in (self.out, self.out / TILES):
            for left in folder.glob(".cuecast-*"):  # of a run that was killed
                with suppress(OSError):
                    left.unlink()
        if not manifest.exists():
            there = next((n for n in (MASK, SCORES, *FILES.values()) if (self.out / n).exists()), None)
            if there and not self.options.overwrite:
                raise OutputError(
                    f"{self.out}: {there} is there and no manifest says where it comes from; "
                    "choose another folder, or --overwrite to replace it"
                )
            return {}
        foreign = next((e for e in read_manifest(manifest) if not self._is_ours(e)), None)
        if foreign is not None and not self.options.overwrite:
            whose = "of another raster"
            if foreign.concept != ours.concept:
                differs = "another pack" if foreign.pack != ours.pack else "other cues, classes or scale"
                whose = f"of another concept ({differs})"
            raise OutputError(
                f"{self.out}: it holds results {whose}, for {foreign.image}; choose another folder, or --overwrite to "
                "replace them"
            )
        index = index_manifest(manifest)
        if WHOLE in index:
            keep_edited(self.out / MASK, entry_at(manifest, index[WHOLE]).mask_hash, self.out)
        if foreign is not None or self.options.overwrite:
            manifest.unlink()
            return {}
        return index

    def _is_ours(self, entry: ManifestEntry) -> bool:
        """Whether a line is of this concept and this raster, which may have changed at its place, or moved as it is."""
        ours, there, here = self.work.blank, entry.image, self.work.blank.image
        moved = entry.image_hash == ours.image_hash and Path(there).name == Path(here).name
        same = there == here or moved or os.path.realpath(there) == os.path.realpath(here)
        return same and entry.concept == ours.concept

    def tiles(self, known: Mapping[str, int], progress: Callable[[TileProgress], None] | None) -> _Done:
        """Do all tiles that are not finished, in the order of the grid."""
        manifest, grid, done = self.out / MANIFEST, self.work.grid, _Done()
        complete = self._is_complete(known)

        def one(tile: Tile) -> tuple[Tile, ManifestEntry, bool]:
            former = entry_at(manifest, known[tile.name]) if tile.name in known else None
            if former is not None and (complete or self.work.holds(tile, former)):
                return tile, former, True
            return tile, self.work.do(tile), False

        (self.out / TILES).mkdir(exist_ok=True)
        with appending(manifest) as journal:
            for number, (tile, entry, resumed) in enumerate(
                in_order(one, grid.tiles(), self.options.workers), start=1
            ):
                if not resumed:
                    journal.append(entry)
                done.add(at(grid.window(tile)), entry, resumed)
                if progress is not None:
                    progress(TileProgress(number, len(grid), entry, resumed))
        return done

    def finish(self, done: _Done) -> tuple[ManifestEntry, dict[str, Path]]:
        """Make the files of the whole raster where they are not there; the line about it, and kind -> path."""
        manifest = self.out / MANIFEST
        index = index_manifest(manifest)
        former = entry_at(manifest, index[WHOLE]) if WHOLE in index else None
        untouched = done.resumed == len(self.work.grid)
        kept = former if former is not None and untouched and self._mask_holds(former) else None
        whole = kept or self._assemble(done)
        wanted: dict[str, Path] = {k: self.out / FILES[k] for k in MAP_FORMATS if k in self.options.formats}
        missing = {k: p for k, p in wanted.items() if kept is None or not p.exists()}
        for kind, name in FILES.items():  # none may tell another story than the mask
            if kept is None and kind not in wanted:
                (self.out / name).unlink(missing_ok=True)
        with all_tried() as tried:
            if missing or kept is None:
                whole = replace(whole, objects=self._write_features(missing, tried))
            tiles = (entry_at(manifest, index[tile.name]) for tile in self.work.grid.tiles())
            write_manifest(manifest, chain((whole,), tiles))
            if whole.error is None:
                shutil.rmtree(self.out / TILES, ignore_errors=True)
        return whole, {"mask": self.out / MASK, "scores": self.out / SCORES, "manifest": manifest, **wanted}

    def _write_features(self, files: dict[str, Path], tried: Tried) -> int | None:
        """The number of objects, written to all files at once; each alone where one of them fails."""
        place = self.work.raster.place
        try:
            return write_features(files, self._features(), place)
        except OutputError:
            counts = [
                tried(partial(write_features, {kind: path}, self._features(), place))
                for kind, path in files.items()
            ]
            return next((count for count in counts if count is not None), None)

    def _is_complete(self, known: Mapping[str, int]) -> bool:
        """Whether the whole raster is finished, so that its tiles need not be there any more."""
        whole = entry_at(self.out / MANIFEST, known[WHOLE]) if WHOLE in known else None
        return whole is not None and whole.error is None and self._mask_holds(whole)

    def _mask_holds(self, whole: ManifestEntry) -> bool:
        mask = self.out / MASK
        same = whole.image_hash == self.work.blank.image_hash and (self.out / SCORES).exists()
        return same and mask.is_file() and file_digest(mask) == whole.mask_hash

    def _assemble(self, done: _Done) -> ManifestEntry:
        """Blend the tiles into mask.tif and scores.tif; the line about the whole raster."""
        grid, raster, concept = self.work.grid, self.work.raster, self.work.concept
        thresholds = concept.predictor.pack.thresholds
        rule = LabelRule(concept.classes, thresholds.score)
        blender = Blender(grid, self.out / TILES, len(concept.classes))
        tally = Tally(thresholds, concept.taught)
        with writing(self.out / MASK, self.out / SCORES, grid.size, raster.place, rule) as files:
            for block in grid.blocks(BLOCK):
                levels = blender.levels(block)
                tally.add(levels, files.write(block, levels), rule)
        failed = done.counts["failed"]
        verdict, confidence = tally.verdict()
        return replace(
            self.work.blank,
            verdict=verdict,
            confidence=round(confidence, 6),
            error=f"{failed} of {len(grid)} tiles failed" if failed else None,
            size=grid.size,
            areas={c.id: tally.areas[c.id] for c in concept.classes},
            mask_hash=file_digest(self.out / MASK),
        )

    def _features(self) -> Iterator[Feature]:
        """The objects of mask.tif, numbered from 1."""
        grid, place = self.work.grid, self.work.raster.place
        infos = {c.id: c for c in self.work.concept.classes}
        with gdal() as rasterio, rasterio.open(self.out / MASK) as mask:
            blocks = ((block, read_labels(mask, block)) for block in grid.blocks(BLOCK))
            for number, component in enumerate(merged_objects(grid.size, place, blocks), start=1):
                yield feature(number, component, infos[component.cls], grid.size, place)
