"""Polygons on maps: read from whatever a GIS writes, and the binary form in which they are handed over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError, MissingExtraError
from cuecast.core.notes import give_note
from cuecast.io.formats import library
from cuecast.io.labels import PassedOver, listed
from cuecast.io.labels.naming import KNOWN, class_name, plain_field
from cuecast.io.rasters.georeference import Georeference, ProjectionError, project


@dataclass(frozen=True, eq=False)
class MapPolygon:
    """One polygon in pixels of the raster: its rings [(n, 2) x, y], filled even-odd, and the name of its class.

    feature  number of the feature that it is (a part of), from 1.
    """

    contours: tuple[NDArray[np.float64], ...]
    name: str | None
    feature: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2) around all rings."""
        points = np.concatenate(self.contours)
        return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def read_polygons(path: str | Path, place: Georeference, wanted: Sequence[str] = ()) -> list[MapPolygon]:
    """The polygons of a vector file (GeoJSON, GeoPackage, Shapefile, ...), brought to pixels of a raster.

    They are reprojected where their CRS differs from the raster's; where the raster has none, coordinates are pixels.
    The attribute that names the class is found by `class_names`.

    wanted  the classes that are asked for: where any of them occurs, only polygons of these are given.

    What is no polygon, and among polygons with a class those without, is passed over; a note says so. Raises CueError:
    unreadable, no polygon, no CRS.
    """
    if not Path(path).is_file():
        raise CueError("there is no such file of polygons", path, "check the spelling")
    crs, geometry, columns = _read(path)
    names = class_names(path, columns, len(geometry), wanted)
    asked = set(wanted) & set(names)
    passed = PassedOver(path)
    shapes: list[tuple[list[NDArray[np.float64]], str | None, int]] = []
    read = load_shapely().from_wkb(np.asarray(geometry, object), on_invalid="ignore")
    for number, (shape, stated, name) in enumerate(zip(read, geometry, names, strict=True), start=1):
        if asked and name is not None and name not in asked:
            continue
        with passed.each(f"feature {number}"):
            if name is None and any(names):
                raise ValueError("a polygon without class")
            shapes += [(contours, name, number) for contours in _polygons(shape, stated)]
    if not shapes:
        why = f" ({passed.reasons})" if passed.reasons else ""
        raise CueError(
            f"it holds no polygon{why}", path, "outline the thing in a GIS and export the layer again"
        )
    passed.settle(len(shapes))
    return [
        MapPolygon(tuple(_to_pixels(path, r, crs, place) for r in contours), name, number)
        for contours, name, number in shapes
    ]


def _read(path: str | Path) -> tuple[str | None, Sequence[bytes | None], dict[str, Any]]:
    """(CRS, geometries as well-known binary, attribute -> values). Raises CueError."""
    pyogrio = load_pyogrio()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of shapes that are passed over and named, and of other layers
            features = _features(path)
            layers = [] if features else [str(n) for n, kind in pyogrio.list_layers(str(path)) if kind]
            meta, _, geometry, columns = pyogrio.raw.read(features or str(path))
    except pyogrio_errors() as error:
        reason = str(error).partition(";")[0].rstrip(".")  # what follows is advice on its own functions
        raise CueError(
            f"cannot be read as polygons ({reason})", path, "export it as GeoJSON or GeoPackage"
        ) from error
    if len(layers) > 1:
        give_note(
            f"{path}: of its layers {listed(layers)} the first is read; export the one that is meant alone"
        )
    return meta["crs"], geometry, dict(zip(list(meta["fields"]), columns, strict=True))


def _features(path: str | Path) -> bytes | None:
    """A GeoJSON file that is a bare list of features, as QuPath writes, as a collection; None for every other file."""
    if Path(path).suffix.lower() not in (".geojson", ".json"):
        return None
    try:
        data = Path(path).read_bytes().lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise CueError(
            f"cannot be read ({error.strerror})", path, "check its name and permissions"
        ) from error
    return b'{"type": "FeatureCollection", "features": ' + data + b"}" if data.startswith(b"[") else None


def _to_pixels(
    path: str | Path, contour: NDArray[np.float64], crs: str | None, place: Georeference
) -> NDArray[np.float64]:
    if place.crs is None:
        return contour
    if crs is None:
        raise CueError(
            "states no coordinate reference system, the raster has one",
            path,
            "assign it in a GIS and save it again",
        )
    try:
        return place.to_pixels(project(contour, crs, place.crs))
    except ProjectionError as error:
        raise CueError(
            f"cannot be brought from its coordinate system to that of the raster ({error})",
            path,
            "reproject it",
        ) from error


def _polygons(shape: Any, stated: bytes | None) -> list[list[NDArray[np.float64]]]:
    """The polygons of a shape, each as its rings (n, 2) x, y. Raises ValueError where none can be used.

    shape  of shapely; None where there is none, or `stated` (well-known binary) is none.
    """
    if stated is None:
        raise ValueError("no shape that can be read")
    polygons = [] if shape is None else list(_parts(shape))
    if shape is not None and not polygons:
        raise ValueError("a shape that is no polygon")
    shapely = load_shapely()
    rings = ([shapely.get_coordinates(ring) for ring in shapely.get_rings(each)] for each in polygons)
    usable = [[ring for ring in each if len(np.unique(ring, axis=0)) > 2] for each in rings]
    if not any(usable):
        raise ValueError("a polygon of less than three points")
    return [each for each in usable if each]


def _parts(shape: Any) -> Iterator[Any]:
    """The polygons in a shape, or in what it is a collection of."""
    if shape.geom_type == "Polygon":
        yield shape
    elif shape.geom_type in ("MultiPolygon", "GeometryCollection"):
        for part in shape.geoms:
            yield from _parts(part)


def load_shapely() -> Any:
    """The library. Raises MissingExtraError."""
    return library("shapely", "maps", "working with polygons on maps")


def load_pyogrio() -> Any:
    """The library. Raises MissingExtraError."""
    try:
        import pyogrio
    except ImportError as error:
        raise MissingExtraError(
            "polygons on maps are read and written with pyogrio, which is not installed",
            remedy="run: pip install 'cuecast[maps]'",
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


_NUMBERS = {"id", "fid", "gid", "ogcfid", "objectid", "uuid", "guid", "osmid"}
"""Names of attributes that tell objects apart, not classes."""
_GEOMETRIES = {"polygon", "multipolygon"}
"""Values of an attribute 'type' that speak of the shape, as in extracts of OpenStreetMap."""

Names = Sequence[str | None]


def class_names(
    path: str | Path, columns: Mapping[str, Sequence[Any]], count: int, wanted: Sequence[str] = ()
) -> Names:
    """The class of each of `count` polygons, None where none is named.

    columns  attribute -> its value for each polygon.
    wanted   classes that are asked for: where they do not occur in the attribute that is known to name classes, one in
             which they do is taken.

    A note says which attribute was taken if its name is not known; or, where none was, which may be meant.
    """
    read = {field: [class_name(v) for v in values] for field, values in columns.items()}
    filled = {f: names for f, names in read.items() if {str(n).casefold() for n in names if n} - _GEOMETRIES}
    known = sorted((f for f in filled if plain_field(f) in KNOWN), key=lambda f: KNOWN.index(plain_field(f)))
    others = [f for f in filled if f not in known]
    asked = set(wanted)
    fitting = [f for f in (*known, *others) if asked & set(filled[f])]
    taken = (fitting or known)[:1]
    if not taken:
        _tell_others(path, {f: filled[f] for f in others if _may_name(columns[f], filled[f], f)})
        return (None,) * count
    if taken[0] in others:
        give_note(
            f"{path}: its field {taken[0]!r} is taken to name the classes, as {listed(asked)} occurs there"
        )
    return filled[taken[0]]


def _may_name(values: Sequence[Any], names: Names, field: str) -> bool:
    """Whether an attribute may name classes: several values that are no measures, and not one for each polygon."""
    different = {n for n in names if n}
    measured = any(isinstance(v, float) and v == v and not float(v).is_integer() for v in values)
    text = any(isinstance(v, str) for v in values)
    repeated = len(different) < sum(n is not None for n in names) or text
    return len(different) > 1 and not measured and repeated and plain_field(field) not in _NUMBERS


def _tell_others(path: str | Path, fields: Mapping[str, Names]) -> None:
    if not fields:
        return
    said = "; ".join(
        f"{f!r} holds {listed(dict.fromkeys(n for n in names if n), 4)}" for f, names in fields.items()
    )
    give_note(
        f"{path}: no field is known to name classes, so all polygons are of one: {said}; if one of them names classes, "
        "call it 'class'"
    )
