"""The objects of a raster as files: objects.csv, polygons.geojson and polygons.gpkg, written as the objects come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import OutputError
from cuecast.core.objects import ellipse_axes
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing, write_row
from cuecast.io.rasters.georeference import LONLAT, Georeference, ProjectionError, project
from cuecast.io.rasters.vectors import load_pyogrio, load_shapely, pyogrio_errors
from cuecast.mosaic.objects import Component, outer_edges, perimeter, polygons

COLUMNS = (
    "object", "class", "class_id", "x1", "y1", "x2", "y2", "centroid_x", "centroid_y", "area", "perimeter",
    "major_axis", "minor_axis", "touches_border", "map_x", "map_y", "unit", "area_units",
)  # fmt: skip
"""Columns of a map's objects.csv: those of `cuecast.results.tables`, in pixels, and where the object is on the map."""

MapFormat = Literal["csv", "geojson", "gpkg"]
MAP_FORMATS: tuple[MapFormat, ...] = ("csv", "geojson", "gpkg")
FILES = {"csv": "objects.csv", "geojson": "polygons.geojson", "gpkg": "polygons.gpkg"}
"""Format -> its file in the results."""
BATCH = 500
"""Objects that are written at a time."""
WRITTEN = "1970-01-01T00:00:00.000Z"
"""The time that a GeoPackage says it was written at: equal runs give equal bytes."""
DIGITS = 8
"""Decimals of longitudes and latitudes: about a millimetre."""


@dataclass(frozen=True, eq=False)
class Feature:
    """One object: its number from 1, its class, its measures by `COLUMNS`, and its outline in pixels, a
    (Multi)Polygon of shapely."""

    number: int
    info: ClassInfo
    cells: tuple[Any, ...]
    shape: Any

    @property
    def properties(self) -> dict[str, Any]:
        """What a GIS shows of it."""
        wanted = ("object", "class", "class_id", "area", "unit", "area_units")
        cells = dict(zip(COLUMNS, self.cells, strict=True))
        return {name: cells[name] if cells[name] != "" else None for name in wanted}


def feature(
    number: int, component: Component, info: ClassInfo, size: tuple[int, int], place: Georeference
) -> Feature:
    """Measure a finished object of a raster of `size` (height, width)."""
    edges = outer_edges(np.concatenate(component.edges), size[1])
    n, x, y, xx, yy, xy, surface = component.sums.tolist()
    cx, cy = x / n, y / n
    major, minor = ellipse_axes(xx / n - cx * cx, yy / n - cy * cy, xy / n - cx * cy)
    x1, y1, x2, y2 = component.box
    border = x1 <= 0 or y1 <= 0 or x2 >= size[1] or y2 >= size[0]
    where: Sequence[Any] = ("", "")
    if place.crs:
        where = place.to_map(np.array([[cx + 0.5, cy + 0.5]]))[0].tolist()
    unit = place.area_unit
    cells = (
        number, info.name, info.id, *component.box, cx + 0.5, cy + 0.5, int(n), perimeter(edges, size[1]), major, minor,
        str(border).lower(), *where, unit or "", surface if unit else "",
    )  # fmt: skip
    return Feature(number, info, cells, polygons(edges, size[1]))


def write_features(files: dict[str, Path], features: Iterable[Feature], place: Georeference) -> int:
    """Write all features to the files of `files` (by 'csv', 'geojson', 'gpkg'), whole or not at all; their number.

    csv      see `COLUMNS`.
    geojson  in longitude and latitude (WGS 84), as RFC 7946 has it; without a CRS, in pixels of the raster.
    gpkg     in the raster's own CRS; without one, in pixels, y pointing down.
    """
    count = 0
    with ExitStack() as stack:
        writers: list[Callable[[Sequence[Feature]], None]] = []
        for kind, path in files.items():
            temporary = stack.enter_context(replacing(path))
            if kind == "gpkg":
                temporary.unlink()
                writers.append(_Gpkg(temporary, place).write)
            else:
                stream = stack.enter_context(open(temporary, "w", encoding="utf-8", newline=""))
                if kind == "csv":
                    stream.write(write_row(COLUMNS))
                    writers.append(partial(_write_table, stream))
                else:
                    geojson = _GeoJson(stream, place)
                    stack.callback(geojson.close)
                    writers.append(geojson.write)
        coming = iter(features)
        for batch in iter(lambda: list(islice(coming, BATCH)), []):
            count += len(batch)
            for write in writers:
                write(batch)
        for write in writers:
            write(())
    return count


def _write_table(stream: IO[str], batch: Sequence[Feature]) -> None:
    stream.writelines(write_row(f.cells) for f in batch)


class _GeoJson:
    """A FeatureCollection, one feature a line."""

    def __init__(self, stream: IO[str], place: Georeference) -> None:
        self._stream, self._place, self._comma = stream, place, ""
        stream.write('{"type": "FeatureCollection", "features": [')

    def write(self, batch: Sequence[Feature]) -> None:
        if not batch:
            return
        shapely = load_shapely()
        shapes = shapely.orient_polygons(_moved(batch, lambda xy: _to_wgs84(xy, self._place)))
        for one, shape in zip(batch, shapes, strict=True):
            full = shapely.geometry.mapping(shape)
            line = {"type": "Feature", "id": one.number, "properties": one.properties, "geometry": full}
            self._stream.write(f"{self._comma}\n{json.dumps(line, ensure_ascii=False)}")
            self._comma = ","

    def close(self) -> None:
        self._stream.write("\n]}\n")


class _Gpkg:
    """The layer 'objects' of a GeoPackage, through pyogrio."""

    def __init__(self, path: Path, place: Georeference) -> None:
        self._path, self._place, self._begun = path, place, False

    def write(self, batch: Sequence[Feature]) -> None:
        if self._begun and not batch:
            return
        pyogrio = load_pyogrio()
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": WRITTEN})
        shapely = load_shapely()
        parts = map(shapely.get_parts, _moved(batch, self._place.to_map))
        geometry = np.array([shapely.to_wkb(shapely.multipolygons(each)) for each in parts], dtype=object)
        rows = [f.properties for f in batch]
        columns: dict[str, NDArray[Any]] = {
            "object": np.array([r["object"] for r in rows], np.int64),
            "class": np.array([r["class"] for r in rows], dtype=object),
            "class_id": np.array([r["class_id"] for r in rows], np.int32),
            "area": np.array([r["area"] for r in rows], np.int64),
            "unit": np.array([r["unit"] or "" for r in rows], dtype=object),
            "area_units": np.array([r["area_units"] or np.nan for r in rows], np.float64),
        }
        try:
            pyogrio.raw.write(
                str(self._path),
                geometry,
                list(columns.values()),
                list(columns),
                layer="objects",
                driver="GPKG",
                geometry_type="MultiPolygon",
                crs=self._place.crs or 'LOCAL_CS["pixels"]',
                append=self._begun,
            )
        except pyogrio_errors() as error:
            raise OutputError(
                f"the GeoPackage cannot be written ({error})", self._path.parent, "free some space"
            ) from error
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        self._begun = True


def _moved(
    batch: Sequence[Feature], move: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[Any]:
    """The shapes with all corners moved, in one call for all of them."""
    shapes = np.empty(len(batch), object)
    shapes[:] = [one.shape for one in batch]
    moved: NDArray[Any] = load_shapely().transform(shapes, move) if len(batch) else shapes
    return moved


def _to_wgs84(xy: NDArray[np.float64], place: Georeference) -> NDArray[np.float64]:
    """Pixels -> longitude, latitude, rounded; without a CRS the pixels themselves."""
    if place.crs is None:
        return xy
    return np.round(project(place.to_map(xy), place.crs, LONLAT), DIGITS)


def without_lonlat(place: Georeference, size: tuple[int, int]) -> str | None:
    """Why a raster of (height, width) `size` has no longitude and latitude, so that there can be no GeoJSON of it.

    None where it has, and where it has no CRS.
    """
    down, across = np.meshgrid(np.linspace(0, size[0], 5), np.linspace(0, size[1], 5))
    try:
        _to_wgs84(np.stack([across.ravel(), down.ravel()], axis=1), place)
    except ProjectionError as error:
        return (
            f"its coordinate system has no longitude and latitude ({error}): there is no {FILES['geojson']}; "
            "--format gpkg writes the polygons in its own"
        )
    return None
