"""Polygons on maps: read from whatever a GIS writes, and the binary form in which they are handed over."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.errors import CueError, MissingExtraError
from cuecast.io.rasters.place import Place


@dataclass(frozen=True, eq=False)
class MapPolygon:
    """One polygon in pixels of the raster: its rings [(n, 2) x, y], filled even-odd, and the name of its class."""

    rings: tuple[NDArray[np.float64], ...]
    name: str | None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2) around all rings."""
        points = np.concatenate(self.rings)
        return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def read_polygons(path: str | Path, place: Place) -> list[MapPolygon]:
    """The polygons of a vector file (GeoJSON, GeoPackage, Shapefile, ...), brought to pixels of a raster.

    They are reprojected where their CRS differs from the raster's; where the raster has none, coordinates are pixels.
    The attribute `class`, where there is one, names the class. Raises CueError: unreadable, no polygon, no CRS.
    """
    pyogrio = load_pyogrio()
    if not Path(path).is_file():
        raise CueError(f"{path}: there is no such file of polygons; check the spelling")
    try:
        meta, _, geometry, columns = pyogrio.raw.read(str(path))
    except pyogrio_errors() as error:
        raise CueError(
            f"{path}: cannot be read as polygons ({error}); export it as GeoJSON or GeoPackage"
        ) from error
    names = columns[list(meta["fields"]).index("class")] if "class" in list(meta["fields"]) else None
    found = []
    for index, shape in enumerate(geometry):
        for rings in _polygons(shape) if shape is not None else ():
            moved = tuple(_to_pixels(path, ring, meta["crs"], place) for ring in rings)
            found.append(MapPolygon(moved, None if names is None else _name(names[index])))
    if not found:
        raise CueError(f"{path}: it holds no polygon; outline the thing in a GIS and export the layer again")
    return found


def _name(value: Any) -> str | None:
    """A class as it is written in a GIS: where some have none, those that are whole numbers are read as floats."""
    if value is None or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _to_pixels(
    path: str | Path, ring: NDArray[np.float64], crs: str | None, place: Place
) -> NDArray[np.float64]:
    if place.crs is None:
        return ring
    if crs is None:
        raise CueError(
            f"{path}: states no coordinate reference system, the raster has one; assign it in a GIS and save it again"
        )
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    try:
        x, y = transform(crs, place.crs, ring[:, 0], ring[:, 1])[:2]
    except CRSError as error:
        raise CueError(
            f"{path}: its coordinate system {crs} cannot be used ({error}); reproject it"
        ) from error
    return place.to_pixels(np.stack([x, y], axis=1))


def _polygons(shape: bytes) -> list[list[NDArray[np.float64]]]:
    """The rings (n, 2) of each polygon in well-known binary; none where it is no (Multi)Polygon."""
    return _read_wkb(shape, 0)[0] if _kind(shape, 0)[0] in (3, 6) else []


def _read_wkb(data: bytes, at: int) -> tuple[list[list[NDArray[np.float64]]], int]:
    """(polygons, where the geometry ends) of the Polygon or MultiPolygon that starts at byte `at`."""
    order = "<" if data[at] == 1 else ">"
    kind, extra = _kind(data, at)
    (count,) = struct.unpack_from(f"{order}I", data, at + 5)
    at += 9
    if kind == 6:
        found = []
        for _ in range(count):
            part, at = _read_wkb(data, at)
            found += part
        return found, at
    rings = []
    for _ in range(count):
        (points,) = struct.unpack_from(f"{order}I", data, at)
        values = np.frombuffer(data, f"{order}f8", points * (2 + extra), at + 4)
        rings.append(values.reshape(points, 2 + extra)[:, :2].astype(np.float64))
        at += 4 + values.nbytes
    return [rings], at


def _kind(data: bytes, at: int) -> tuple[int, int]:
    """(3 for a Polygon, 6 for a MultiPolygon, ..., coordinates after x and y).

    ISO adds 1000 (Z), 2000 (M) or 3000 to the number; extended WKB sets its two highest bits.
    """
    (number,) = struct.unpack_from("<I" if data[at] == 1 else ">I", data, at + 1)
    plain = number & 0x1FFFFFFF
    extra = bin(number >> 30).count("1") or (0, 1, 1, 2)[plain // 1000 % 4]
    return plain % 1000, extra


def load_pyogrio() -> Any:
    """The library. Raises MissingExtraError."""
    try:
        import pyogrio
    except ImportError as error:
        raise MissingExtraError(
            "polygons on maps are read and written with pyogrio, which is not installed; run: "
            "pip install 'cuecast[maps]'"
        ) from error
    return pyogrio


def pyogrio_errors() -> tuple[type[Exception], ...]:
    """What it raises for files that cannot be read or written."""
    errors = load_pyogrio().errors
    return (
        errors.DataSourceError,
        errors.DataLayerError,
        errors.GeometryError,
        errors.FeatureError,
        errors.FieldError,
    )


def wkb(shape: list[list[NDArray[np.float64]]]) -> bytes:
    """A MultiPolygon as well-known binary, rings closed."""
    parts = [struct.pack("<BII", 1, 6, len(shape))]
    for polygon in shape:
        parts.append(struct.pack("<BII", 1, 3, len(polygon)))
        for ring in polygon:
            closed = np.concatenate([ring, ring[:1]]).astype("<f8")
            parts += [struct.pack("<I", len(closed)), closed.tobytes()]
    return b"".join(parts)
