"""From the tiles' scores to the raster's: blended block by block, and written as GeoTIFF as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.kept import Kept
from cuecast.core.tiling import Window
from cuecast.core.values import ClassInfo, Verdict
from cuecast.engine.decision import Decision, Sums
from cuecast.io.files import replacing
from cuecast.io.rasters.georeference import PIXELS, Georeference
from cuecast.io.rasters.geotiff import gdal
from cuecast.mosaic.tiles import TOP, UNSEEN, Grid, Tile, read_levels, tile_path

BLOCK = 1024
"""Side of the blocks in which the raster is put together; a multiple of the files' own tiles."""
FILE_TILE = 256
KEPT = 2**24
"""Bytes of tiles that are kept between two blocks that share them."""


@dataclass(eq=False)
class Blender:
    """Blended scores of any window, from the tiles that lie in `folder`. Tiles that are not there count nothing."""

    grid: Grid
    folder: Path
    planes: int
    _kept: Kept[NDArray[np.uint8]] = field(
        default_factory=lambda: Kept(KEPT, lambda levels: levels.nbytes, always=True)
    )

    def levels(self, window: Window) -> NDArray[np.uint8]:
        """(K, h, w) uint8: scores times 254, and 255 where no tile looked.

        The mean over the tiles, weighted by `Grid.weights`, in whole numbers: the order of tiles leaves no trace.
        """
        shape = (window.bottom - window.top, window.right - window.left)
        tiles = [tile for tile in self.grid.over(window) if tile_path(self.folder, tile).is_file()]
        if not tiles:
            return np.full((self.planes, *shape), UNSEEN, np.uint8)
        total, weight = np.zeros((self.planes, *shape), np.int64), np.zeros(shape, np.int64)
        weights = self.grid.weights()
        for tile in tiles:
            levels, place = self._tile(tile), self.grid.window(tile)
            top, left = max(window.top, place.top), max(window.left, place.left)
            bottom, right = min(window.bottom, place.bottom), min(window.right, place.right)
            here = (
                slice(top - window.top, bottom - window.top),
                slice(left - window.left, right - window.left),
            )
            there = slice(top - place.top, bottom - place.top), slice(left - place.left, right - place.left)
            part = levels[(slice(None), *there)]
            w = np.where(part[0] == UNSEEN, 0, weights[there])
            total[(slice(None), *here)] += part * w
            weight[here] += w
        mean = np.full_like(total, UNSEEN)
        np.floor_divide(2 * total + weight, 2 * weight, out=mean, where=weight > 0)
        return mean.astype(np.uint8)

    def _tile(self, tile: Tile) -> NDArray[np.uint8]:
        return self._kept.get(tile, lambda: read_levels(tile_path(self.folder, tile)))


@dataclass(frozen=True)
class LabelRule:
    """How scores become labels in a file: the classes, the decision, and the file's type."""

    classes: tuple[ClassInfo, ...]
    decision: Decision

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 where class numbers fit below 255, else uint16."""
        return np.dtype(np.uint8 if max(c.id for c in self.classes) < 255 else np.uint16)

    @property
    def nodata(self) -> int:
        """The label of what was not looked at: the highest value of the type."""
        return int(np.iinfo(self.dtype).max)

    def labels(self, levels: NDArray[np.uint8]) -> NDArray[Any]:
        """levels (K, h, w) -> (h, w): the labels of the scores, and `nodata` where nothing was looked at."""
        marked = self.decision.mark(levels, top=TOP)
        return np.where(levels[0] == UNSEEN, self.nodata, marked).astype(self.dtype)

    def sums(self, levels: NDArray[np.uint8], labels: NDArray[Any]) -> Sums:
        """What a verdict on the map is computed from, of what was looked at in levels (K, h, w) and labels (h, w)."""
        seen = levels[0] != UNSEEN
        return Sums.of(levels[:, seen], labels[seen], self.decision.class_ids, TOP)

    def verdict(self, sums: Sums) -> tuple[Verdict, float]:
        """(verdict, confidence) of a map: as `Decision.judge_sums` says it, but for two things.

        It is 'absent' where no pixel is marked, as a share of so many pixels says nothing of a thing that is small
        against them; and it is 'doubtful' where there was nothing but nodata to look at.
        """
        if not sums.pixels:
            return "doubtful", 0.0
        decision = replace(self.decision, limits=replace(self.decision.limits, min_fraction=0.0))
        verdict, confidence, _ = decision.judge_sums(sums)
        return verdict, confidence


@dataclass(frozen=True, eq=False)
class MapFiles:
    """The two rasters that are being written."""

    mask: Any
    scores: Any
    rule: LabelRule

    def write(self, window: Window, levels: NDArray[np.uint8]) -> NDArray[Any]:
        """Write a block (classes, h, w) of both; returns its labels (h, w).

        Blocks in which nothing was looked at take no space.
        """
        labels = self.rule.labels(levels)
        if (levels[0] != UNSEEN).any():
            place = ((window.top, window.bottom), (window.left, window.right))
            self.scores.write(levels, window=place)
            self.mask.write(labels, 1, window=place)
        return labels


@contextmanager
def writing(
    mask: Path, scores: Path, size: tuple[int, int], place: Georeference, rule: LabelRule
) -> Iterator[MapFiles]:
    """Both GeoTIFFs, open to be written block by block; they appear whole when the block ends. Raises OutputError."""
    with ExitStack() as stack:
        rasterio = stack.enter_context(gdal())
        targets = [stack.enter_context(replacing(path)) for path in (mask, scores)]
        planes = len(rule.classes)
        try:
            with (
                rasterio.open(targets[0], "w", **_profile(size, place, 1, rule.dtype.name, rule.nodata)) as m,
                rasterio.open(targets[1], "w", **_profile(size, place, planes, "uint8", UNSEEN)) as s,
            ):
                for file in (m, s):
                    if place.controls is not None and place.controls.rpcs:
                        file.update_tags(ns="RPC", **dict(place.controls.rpcs))
                if rule.dtype == np.uint8:
                    m.write_colormap(1, {c.id: c.rgb for c in rule.classes})
                m.update_tags(**{f"class_{c.id}": c.name for c in rule.classes})
                for band, info in enumerate(rule.classes, start=1):
                    s.set_band_description(band, info.name)
                s.update_tags(score_1=str(TOP))
                yield MapFiles(m, s, rule)
        except rasterio.errors.RasterioError as error:
            raise OutputError(
                f"the map cannot be written ({error})", mask.parent, "free some space"
            ) from error


def _profile(
    size: tuple[int, int], place: Georeference, count: int, dtype: str, nodata: int
) -> dict[str, Any]:
    from rasterio import Affine

    return {
        "driver": "GTiff", "height": size[0], "width": size[1], "count": count, "dtype": dtype, "nodata": nodata,
        "tiled": True, "blockxsize": FILE_TILE, "blockysize": FILE_TILE, "compress": "deflate",
        "interleave": "band", "SPARSE_OK": True, "BIGTIFF": "IF_SAFER",
        **({"crs": place.crs} if place.crs else {}),
        **_controls(place),
        **({"transform": Affine(*place.transform)} if place.transform != PIXELS else {}),
    }  # fmt: skip


def _controls(place: Georeference) -> dict[str, Any]:
    """The ground control points of a profile; none where the raster has none."""
    from rasterio import CRS
    from rasterio.control import GroundControlPoint

    controls = place.controls
    if controls is None or not controls.points:
        return {}
    points = [GroundControlPoint(row, col, x, y, z) for row, col, x, y, z in controls.points]
    return {"gcps": points, "crs": controls.crs or CRS()}


def read_labels(dataset: Any, window: Window) -> NDArray[np.int32]:
    """A block (h, w) of a mask that `writing` wrote, with 0 where nothing was looked at."""
    place = ((window.top, window.bottom), (window.left, window.right))
    found = dataset.read(1, window=place)
    labels: NDArray[np.int32] = np.where(found == dataset.nodata, 0, found).astype(np.int32)
    return labels
