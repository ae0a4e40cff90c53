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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import astuple, dataclass, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path

from cuecast.cluster.pool import Lost, on_cluster
from cuecast.core.cluster import Cluster, check_undivided
from cuecast.core.errors import CueError, OutputError
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.shards import Shard, all_shards
from cuecast.core.values import Verdict
from cuecast.engine.decision import Sums
from cuecast.io.files import RESULT_RASTERS, Tried, all_tried, check_space, file_digest, note_of_edited
from cuecast.io.places import check_places
from cuecast.io.rasters import BlockRaster, open_raster
from cuecast.io.rasters.geotiff import gdal
from cuecast.io.rasters.raster import Tones, at, tones_of
from cuecast.io.rasters.vectors import load_pyogrio
from cuecast.mosaic.apart import BlockTeller, told_apart_objects
from cuecast.mosaic.assemble import BLOCK, Blender, LabelRule, read_labels, writing
from cuecast.mosaic.features import (
    FILES,
    MAP_FORMATS,
    Feature,
    MapFormat,
    feature,
    without_lonlat,
    write_features,
)
from cuecast.mosaic.objects import merged_objects
from cuecast.mosaic.tiles import Grid, Tile, TileWork, block_of, grid_for
from cuecast.predictor import Concept
from cuecast.results import provenance
from cuecast.results.folder import (
    Files,
    ResultsFolder,
    Summary,
    Tally,
    check_formats,
    is_kept,
    other_concept,
)
from cuecast.results.manifest import ManifestEntry, entry_at, index_manifest, read_manifest, write_manifest
from cuecast.results.masks import WHOLE
from cuecast.results.shards import Parts, whole_part
from cuecast.runs.shard import plan_of

MASK, SCORES = RESULT_RASTERS
TILES = "tiles"
PACKED = 4
"""How much smaller scores and masks are on disk than in memory, at least, as a rule."""
WORDS = ("found", "doubtful", "absent", "nodata", "failed")
"""What a tile can come to."""


@dataclass(frozen=True)
class MapOptions:
    """How a map is made. Workers, formats and overwrite never change the mask.

    workers   tiles worked on at once; never changes a byte.
    overwrite redo what is finished, and replace results of another concept.
    formats   what is written of the objects besides mask and scores.
    bands     one or three, from 1; None takes red, green and blue, the first three, or the first.
    level     of a pyramid: 0 is the full resolution, 1 the next smaller version.
    window    (low, high) that becomes 0 to 255 in 16-bit and float rasters.
    tile      side of the tiles in pixels, and `overlap` what they share; None: by what the concept looks at.
    provenance  where the map comes from is written, see `cuecast.results.provenance`.
    cluster   a Ray cluster, whose `workers` then do the tiles; never changes a byte either.
    cueset    (version, digest) of the cue set that all was learnt from, to be named there.
    shard     do only the tiles of this part, beside others in the same folder; `cuecast.gather` puts all together.
    """

    workers: int = 1
    overwrite: bool = False
    formats: Sequence[MapFormat] = MAP_FORMATS
    bands: tuple[int, ...] | None = None
    level: int = 0
    window: tuple[float, float] | None = None
    tile: int | None = None
    overlap: int | None = None
    shard: Shard | None = None
    cluster: Cluster | None = None
    provenance: bool = False
    cueset: tuple[int, str] | None = None


@dataclass(frozen=True, kw_only=True)
class MapSummary(Summary):
    """What a map came to: see `Summary`; `counts` has its tiles, and `failures` (window, error) of those that failed.

    verdict, confidence  of the whole raster, see `LabelRule.verdict`.
    objects   their number; areas: class id -> marked pixels.

    Of a shard there are tiles alone: verdict None, no objects.
    """

    verdict: Verdict | None
    confidence: float
    objects: int
    areas: Mapping[int, int]


def segment_raster(
    concept: Concept,
    path: str | Path,
    out: str | Path,
    options: MapOptions | None = None,
    progress: Progress = silent,
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
    check_undivided(options.cluster, options.shard)
    with _opened_job(concept, Path(path), Path(out), options) as (job, left_out):
        shard = options.shard
        with job.opened(shard) as edited:
            known = job.folder.claim(job.strange, job.files)
            job.check_space(known)
            done = job.tiles(known, progress, shard)
            whole, files = job.finish(done, progress) if shard is None else job.finish_share(shard)
            moved = edited()
    return job.summary(done, whole, files, (left_out, note_of_edited(moved)), moved, start)


def gather_shards(
    concept: Concept, parts: Parts, options: MapOptions, progress: Progress = silent
) -> MapSummary:
    """Put together the tiles of all shards of a `segment_raster`, as one undivided run leaves it.

    Raises OutputError where a tile that a shard speaks of is not there as it wrote it, and as `segment_raster` does.
    """
    start = time.perf_counter()
    with _opened_job(concept, Path(parts.inputs[0][1]), parts.out, options) as (job, left_out):
        if parts.document["source"] != job.work.blank.image_hash:
            raise OutputError("the raster has changed since", job.work.blank.image, "run all shards again")
        with job.folder.opened(gathers=True) as edited:
            parts.check()
            done = job.done(parts)
            parts.merge()
            whole, files = job.finish(done, progress)
            parts.remove()
            moved = edited()
    progress(Step("tiles", len(job.work.grid), len(job.work.grid)))
    return job.summary(done, whole, files, (left_out, note_of_edited(moved)), moved, start)


@contextmanager
def _opened_job(
    concept: Concept, path: Path, out: Path, options: MapOptions
) -> Iterator[tuple[_RasterRun, str | None]]:
    """The steps of a run whose raster is open, and a note on a format that cannot be written."""
    check_places([path], out)
    check_formats(options.formats, MAP_FORMATS)
    places = (MASK, SCORES, *FILES.values(), TILES, provenance.NAME)
    folder = ResultsFolder(out, places, options.overwrite, shard=options.shard)
    wanted = folder.wanted(options.formats, FILES)
    _check(concept, wanted)
    with open_raster(path, options.bands, options.level) as raster:
        left_out = without_lonlat(raster.place, raster.size) if "geojson" in wanted else None
        if left_out is not None:
            wanted.remove("geojson")
        yield _job(concept, raster, folder, options, [kind for kind in FILES if kind in wanted]), left_out


def _check(concept: Concept, wanted: Collection[str]) -> None:
    if concept.scale != "pixel":
        raise CueError(
            "the concept was learnt for pictures whose things keep their share of the frame; tiles of a map need "
            "predictor.learn(cues, scale='pixel')"
        )
    with gdal():
        if "gpkg" in wanted:
            load_pyogrio()


def _job(
    concept: Concept, raster: BlockRaster, folder: ResultsFolder, options: MapOptions, wanted: Sequence[str]
) -> _RasterRun:
    try:
        grid = grid_for(raster.size, concept.zoom, options.tile, options.overlap, raster.place.anchor)
    except ValueError as error:
        raise OutputError(f"tile {options.tile} with overlap {options.overlap}: {error}") from error
    tones = tones_of(raster, options.window)
    stat = raster.path.stat()
    seen = (
        stat.st_size,
        stat.st_mtime_ns,
        raster.bands,
        options.level,
        tones,
        astuple(grid),
        astuple(raster.place),
    )
    blank = ManifestEntry(
        WHOLE,
        str(raster.path),
        concept.predictor.pack.digest,
        concept.digest,
        image_hash=hashlib.sha256(repr(seen).encode()).hexdigest(),
        pixel_size=raster.place.pixel_size,
        unit=raster.place.unit,
        scale=concept.scale,
        thresholds=concept.thresholds,
        **provenance.stamp(provenance.carries(folder.out, options.provenance), options.cueset),
    )
    work = TileWork(concept, raster, grid, tones, folder.out / TILES, blank)
    return _RasterRun(work, folder, options, wanted)


@dataclass(frozen=True, eq=False)
class _RasterRun:
    """One concept, one raster, one folder: the steps of `segment_raster`."""

    work: TileWork
    folder: ResultsFolder
    options: MapOptions
    wanted: Sequence[str]

    @property
    def out(self) -> Path:
        return self.folder.out

    @property
    def mask(self) -> Path:
        return self.out / MASK

    def opened(self, shard: Shard | None) -> AbstractContextManager[Callable[[], tuple[Path, ...]]]:
        """The folder for this run: alone, or beside the other shards of its job. Raises OutputError."""
        if shard is None:
            return self.folder.opened()
        ours = self.work.blank
        tiles = [(tile.name, ours.image) for tile in self.work.grid.tiles()]
        plan = plan_of(
            "raster", self.work.concept, tiles, self.options, shard, block_of, source=ours.image_hash
        )
        return self.folder.opened_for(plan, lambda _: "a run that was not divided")

    def done(self, parts: Parts) -> Tally[Tile]:
        """What the tiles of all shards came to. Raises OutputError where one is not there as its shard wrote it, but
        where gathering was stopped when it had put them together."""
        tally, complete = Tally[Tile](), self._is_complete(index_manifest(self.folder.manifest))
        for shard in all_shards(parts.count):
            lines = {entry.name: entry for entry in read_manifest(whole_part(parts.out, shard))}
            for tile in self.work.grid.tiles():
                if (entry := lines.get(tile.name)) is None:
                    continue
                if not complete and entry.error is None and not self.work.holds(tile, entry):
                    raise OutputError(
                        f"the scores of tile {tile.name} are gone, or were changed since shard {shard} wrote them",
                        self.out,
                        f"run shard {shard} again, with the same command",
                    )
                tally.add(tile, entry, complete)
        tally.failures.sort()
        return tally

    def summary(
        self,
        done: Tally[Tile],
        whole: ManifestEntry,
        files: Mapping[str, Path],
        notes: Sequence[str | None],
        moved: tuple[Path, ...],
        start: float,
    ) -> MapSummary:
        """What the tiles of a run that began at `start` came to, and the raster where it is whole."""
        looked = any(n for word, n in done.counts.items() if word != "nodata")
        blank = "all of it is nodata: nothing was looked at" if done.counts and not looked else None
        return MapSummary(
            out=self.out,
            verdict=whole.verdict,
            confidence=whole.confidence or 0.0,
            counts={word: done.counts[word] for word in WORDS},
            failures=tuple((at(self.work.grid.window(tile)), error) for tile, error in done.failures),
            resumed=done.resumed,
            objects=whole.objects or 0,
            areas=whole.areas,
            seconds=time.perf_counter() - start,
            notes=tuple(n for n in (*self.work.raster.notes, notes[0], blank, *notes[1:]) if n),
            files=files,
            edited=moved,
        )

    def check_space(self, known: Mapping[str, int]) -> None:
        """Raise OutputError where the disk is likely to be too small for what is still to be written."""
        if self._is_complete(known):
            return
        grid, planes = self.work.grid, len(self.work.concept.classes)
        pixels = grid.size[0] * grid.size[1]
        needed = int(pixels * (planes * (grid.side / grid.step) ** 2 + planes + 1) / PACKED)
        there = sum(path.stat().st_size for path in (self.out / TILES).glob("*.npz"))
        check_space(self.out, needed - there, "choose another folder")

    def strange(self, entry: ManifestEntry) -> str | None:
        """What else a line is of than this concept and this raster, which may have changed at its place, or moved as it
        is."""
        ours, there, here = self.work.blank, entry.image, self.work.blank.image
        if other := other_concept(entry, ours.pack, ours.cues):
            return other
        moved = entry.image_hash == ours.image_hash and Path(there).name == Path(here).name
        same = there == here or moved or os.path.realpath(there) == os.path.realpath(here)
        return None if same else "another raster"

    def files(self, entry: ManifestEntry) -> Files:
        """The files that a line speaks of; a tile's are made anew, or gone when the map is whole."""
        if entry.name != WHOLE:
            return Files()
        return Files([self.mask], [self.out / name for name in (SCORES, *FILES.values())])

    def tiles(self, known: Mapping[str, int], progress: Progress, shard: Shard | None = None) -> Tally[Tile]:
        """Do all tiles that are not finished, or those of a shard, in the order of the grid."""
        grid, complete = self.work.grid, self._is_complete(known)
        share = [tile for tile in grid.tiles() if shard is None or shard.holds(tile.block)]

        def finished(tile: Tile) -> ManifestEntry | None:
            former = self.folder.entry(known, tile.name)
            if former is None or self.options.overwrite or not (complete or self.work.holds(tile, former)):
                return None
            return former

        def one(tile: Tile) -> tuple[ManifestEntry, bool]:
            former = finished(tile)
            return (self.work.do(tile), False) if former is None else (former, True)

        (self.out / TILES).mkdir(exist_ok=True)
        of, cluster = ("tiles", len(share)), self.options.cluster
        if cluster is None:
            return self.folder.fill(one, share, of, self.options.workers, progress)
        formers = [(tile, finished(tile)) for tile in share]
        there = [(tile, former, True) for tile, former in formers if former is not None]
        left = [tile for tile, former in formers if former is None]
        tally = self.folder.note(chain(there, self._from(cluster, left)), of, progress)
        self.folder.sweep()
        tally.failures.sort()
        return tally

    def _from(self, cluster: Cluster, tiles: Sequence[Tile]) -> Iterator[tuple[Tile, ManifestEntry, bool]]:
        """What a cluster makes of tiles, each when it is done: (tile, entry, False)."""
        work = self.work
        concept, how = work.concept.elsewhere(cluster.threads), (self.options.bands, self.options.level)
        sent = _Elsewhere(concept, work.raster.path, how, work.grid, work.tones, work.folder, work.blank)
        for index, found in on_cluster(sent.do, tiles, cluster, self.out):
            tile = tiles[index]
            if isinstance(found, Lost):
                text = f"{at(work.grid.window(tile))}: {found.told('do it')}"
                found = replace(work.blank, name=tile.name, error=text)
            yield tile, found, False

    def finish_share(self, shard: Shard) -> tuple[ManifestEntry, dict[str, Path]]:
        """As `finish`, of a shard: the rest is made when all are gathered."""
        return self.work.blank, {"manifest": whole_part(self.out, shard)}

    def finish(self, done: Tally[Tile], progress: Progress) -> tuple[ManifestEntry, dict[str, Path]]:
        """Make the files of the whole raster where they are not there; the line about it, and kind -> path."""
        manifest = self.folder.manifest
        index = index_manifest(manifest)
        former = self.folder.entry(index, WHOLE)
        untouched = done.resumed == len(self.work.grid)
        kept = former if untouched and self._holds(former) else None
        whole = kept or self._assemble(done, former, progress)
        wanted = {kind: self.out / FILES[kind] for kind in self.wanted}
        alike = kept is not None and kept.split == self.work.concept.splits
        missing = {k: p for k, p in wanted.items() if not (alike and p.exists())}
        for name in set(FILES.values()) - {p.name for p in wanted.values()}:  # one that can be made no more
            (self.out / name).unlink(missing_ok=True)
        with all_tried() as tried:
            if missing or not alike:
                objects = self._write_features(missing, tried)
                whole = replace(whole, objects=objects, split=self.work.concept.splits)
            tiles = (entry_at(manifest, index[tile.name]) for tile in self.work.grid.tiles())
            write_manifest(manifest, chain((whole,), tiles))
            if carried := self.work.blank.program is not None:
                tried(self._write_provenance)
            if whole.error is None:
                shutil.rmtree(self.out / TILES, ignore_errors=True)
        if carried:
            wanted["provenance"] = self.out / provenance.NAME
        return whole, {"mask": self.mask, "scores": self.out / SCORES, "manifest": manifest, **wanted}

    def _write_provenance(self) -> None:
        path = self.work.raster.path
        source = provenance.source_nodes(str(path), path)
        provenance.write_provenance(
            self.out, provenance.Origin(self.work.concept.predictor.pack.name, source)
        )

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
        whole = self.folder.entry(known, WHOLE)
        return not self.options.overwrite and self._holds(whole) and whole is not None and whole.error is None

    def _holds(self, whole: ManifestEntry | None) -> bool:
        """Whether the line about the whole raster speaks of the mask that is there, of this raster and decision."""
        ours = self.work.blank
        if whole is None or (whole.image_hash, whole.thresholds) != (ours.image_hash, ours.thresholds):
            return False
        return (self.out / SCORES).exists() and is_kept(self.mask, whole)

    def _assemble(self, done: Tally[Tile], former: ManifestEntry | None, progress: Progress) -> ManifestEntry:
        """Blend the tiles into mask.tif and scores.tif; the line about the whole raster."""
        grid, raster, concept = self.work.grid, self.work.raster, self.work.concept
        rule = LabelRule(concept.classes, concept.decision)
        blender = Blender(grid, self.out / TILES, len(concept.classes))
        sums = Sums((0,) * len(concept.classes))
        scores = self.out / SCORES
        with (
            self.folder.remade(self.mask, former),
            writing(self.mask, scores, grid.size, raster.place, rule) as files,
        ):
            blocks = list(grid.blocks(BLOCK))
            for number, block in enumerate(blocks, start=1):
                levels = blender.levels(block)
                sums += rule.sums(levels, files.write(block, levels))
                progress(Step("blocks put together", number, len(blocks)))
        failed = done.counts["failed"]
        verdict, confidence = rule.verdict(sums)
        return replace(
            self.work.blank,
            verdict=verdict,
            confidence=round(confidence, 6),
            error=f"{failed} of {len(grid)} tiles failed" if failed else None,
            size=grid.size,
            areas=dict(zip(concept.decision.class_ids, sums.areas, strict=True)),
            mask_hash=file_digest(self.mask),
        )

    def _features(self) -> Iterator[Feature]:
        """The objects of mask.tif, numbered from 1."""
        work = self.work
        grid, place, concept = work.grid, work.raster.place, work.concept
        infos = {c.id: c for c in concept.classes}
        with gdal() as rasterio, rasterio.open(self.mask) as mask:
            if concept.splits:
                found = told_apart_objects(BlockTeller(concept, work.raster, grid, work.tones, mask))
            else:
                blocks = ((block, read_labels(mask, block)) for block in grid.blocks(BLOCK))
                found = merged_objects(grid.size, place, blocks)
            for number, component in enumerate(found, start=1):
                yield feature(number, component, infos[component.cls], grid.size, place)


@dataclass(frozen=True, eq=False)
class _Elsewhere:
    """`TileWork` as another process is sent it, which opens the raster itself: `how` are bands and level."""

    concept: Concept
    path: Path
    how: tuple[tuple[int, ...] | None, int]
    grid: Grid
    tones: Tones
    folder: Path
    blank: ManifestEntry

    def do(self, tile: Tile) -> ManifestEntry:
        """See `TileWork.do`."""
        return self._opened[1].do(tile)

    @cached_property
    def _opened(self) -> tuple[ExitStack, TileWork]:
        """The work, and what would close the raster: it stays open until the process ends."""
        stack = ExitStack()
        raster = stack.enter_context(open_raster(self.path, *self.how))
        return stack, TileWork(self.concept, raster, self.grid, self.tones, self.folder, self.blank)
