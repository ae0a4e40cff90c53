"""Cues in the raster itself: windows with masks, and polygons in map coordinates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuecast.errors import CueError, MaskError
from cuecast.io.rasters import BlockRaster, open_raster
from cuecast.io.rasters.tones import Tones
from cuecast.io.rasters.vectors import read_polygons
from cuecast.mosaic.cues import mask_cue, polygon_classes, polygon_cues
from cuecast.types import IGNORE

rasterio = pytest.importorskip("rasterio")
pyogrio = pytest.importorskip("pyogrio")

from map_pictures import HALF_METRE, THINGS, UTM, painted, truth, write_map  # noqa: E402

TONES = Tones(None)


@pytest.fixture
def raster(tmp_path: Path) -> Iterator[BlockRaster]:
    """The map of `THINGS`."""
    with open_raster(write_map(tmp_path / "ortho.tif", painted(truth()))) as opened:
        yield opened


def rectangle(x1: float, y1: float, x2: float, y2: float) -> list[list[float]]:
    """A closed ring in UTM 32 around pixels of the raster, half a metre each."""
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
    return [[HALF_METRE.c + x / 2, HALF_METRE.f - y / 2] for x, y in corners]


def write(path: Path, *shapes: Any, crs: str | None = UTM, names: tuple[str | int | None, ...] = ()) -> Path:
    """A GeoJSON of geometries, in UTM 32 or in what `crs` says; each with a class where `names` has one."""
    features = [
        {"type": "Feature", "properties": {"class": n} if names else {}, "geometry": s}
        for s, n in zip(shapes, names or (None,) * len(shapes), strict=True)
    ]
    named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    path.write_text(json.dumps({"type": "FeatureCollection", **named, "features": features}))
    return path


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_a_window_with_a_mask(raster: BlockRaster) -> None:
    example = mask_cue(raster, TONES, (0, 0, 60, 50), truth()[:50, :60])
    assert (example.image.pixels == painted(truth()[:50, :60])).all()
    assert example.marks.mask is not None
    assert (example.marks.mask == truth()[:50, :60]).all()
    assert example.image.name == "ortho.tif 0,0,60,50"


def test_pixels_without_data_are_unknown(tmp_path: Path) -> None:
    pixels = painted(truth())
    pixels[:20] = 0
    with open_raster(write_map(tmp_path / "a.tif", pixels, nodata=0)) as raster:
        mask = mask_cue(raster, TONES, (0, 0, 60, 50), truth()[:50, :60]).marks.mask
    assert mask is not None
    assert (mask[:20] == IGNORE).all()
    assert (mask[20:] == truth()[20:50, :60]).all()


def test_windows_that_cannot_be(raster: BlockRaster) -> None:
    with pytest.raises(CueError, match=r"reaches outside .*, which is 700 wide and 600 high"):
        mask_cue(raster, TONES, (650, 0, 701, 50), truth()[:50, :51])
    with pytest.raises(CueError, match="0,40,60,90: the cue marks nothing"):
        mask_cue(raster, TONES, (0, 40, 60, 90), np.zeros((50, 60), np.uint8))
    with pytest.raises(MaskError, match="10 wide"):
        mask_cue(raster, TONES, (0, 0, 60, 50), truth()[:10, :10])


def test_polygons_become_pixels(raster: BlockRaster, tmp_path: Path) -> None:
    path = write(tmp_path / "p.geojson", polygon(rectangle(10, 10, 40, 30), rectangle(12, 12, 14, 15)))
    found = read_polygons(path, raster.place)
    (example,) = polygon_cues(raster, TONES, found)
    expected = truth()[:62, :72].copy()  # a box of 30 x 20 with 32 pixels around it, cut at the border
    expected[12:15, 12:14] = 0
    assert example.marks.mask is not None
    assert (example.marks.mask == expected).all()


def test_other_coordinates_are_reprojected(raster: BlockRaster, tmp_path: Path) -> None:
    """The same rectangle in longitude and latitude, written without a CRS member: GeoJSON means WGS 84."""
    x, y = rasterio.warp.transform(UTM, "OGC:CRS84", *np.array(rectangle(10, 10, 40, 30)).T)
    path = write(tmp_path / "p.geojson", polygon([list(p) for p in zip(x, y, strict=True)]), crs=None)
    (found,) = read_polygons(path, raster.place)
    assert found.box == pytest.approx((10, 10, 40, 30), abs=1e-3)


def test_a_geopackage_of_multipolygons_with_heights(raster: BlockRaster, tmp_path: Path) -> None:
    high = [[x, y, 7.0] for x, y in rectangle(10, 10, 40, 30)]
    shapes = {"type": "MultiPolygon", "coordinates": [[high], [[[x + 50, y, 7.0] for x, y, _ in high]]]}
    source = write(tmp_path / "p.geojson", shapes)
    meta, _, geometry, _ = pyogrio.raw.read(source)
    pyogrio.raw.write(
        tmp_path / "p.gpkg",
        geometry,
        [],
        [],
        crs=meta["crs"],
        geometry_type=meta["geometry_type"],
        driver="GPKG",
    )
    found = read_polygons(tmp_path / "p.gpkg", raster.place)
    assert [p.box for p in found] == [
        pytest.approx((10, 10, 40, 30), abs=1e-6),
        pytest.approx((110, 10, 140, 30), abs=1e-6),
    ]


def test_classes_by_their_names(raster: BlockRaster, tmp_path: Path) -> None:
    shapes = [polygon(rectangle(*t)) for t in THINGS[:3]]
    path = write(tmp_path / "p.geojson", *shapes, names=("roof", "road", "roof"))
    found = read_polygons(path, raster.place)
    classes = polygon_classes(found)
    assert [(c.id, c.name) for c in classes] == [(1, "roof"), (2, "road")]
    (example,) = polygon_cues(raster, TONES, found, [(0, 0, 700, 600)], classes)
    assert example.marks.class_ids == (1, 2)
    with pytest.raises(CueError, match="of class 'road', the classes are roof"):
        polygon_cues(raster, TONES, found, [(0, 0, 700, 600)], classes[:1])


def test_classes_that_are_numbers_keep_them(raster: BlockRaster, tmp_path: Path) -> None:
    """Beside a polygon without class, GDAL hands whole numbers over as floats."""
    shapes = [polygon(rectangle(*t)) for t in THINGS[:3]]
    found = read_polygons(write(tmp_path / "p.geojson", *shapes, names=(7, None, 3)), raster.place)
    assert [p.name for p in found] == ["7", None, "3"]
    assert [(c.id, c.name) for c in polygon_classes(found)] == [(3, "3"), (7, "7")]
    found = read_polygons(write(tmp_path / "p.geojson", *shapes, names=("1", "01", "1")), raster.place)
    assert [(c.id, c.name) for c in polygon_classes(found)] == [(1, "1"), (2, "01")]


def test_a_window_without_polygons_says_that_the_thing_is_absent(raster: BlockRaster, tmp_path: Path) -> None:
    found = read_polygons(write(tmp_path / "p.geojson", polygon(rectangle(10, 10, 40, 30))), raster.place)
    here, there = polygon_cues(raster, TONES, found, [(0, 0, 60, 50), (0, 400, 100, 500)])
    assert (here.marks.absent, there.marks.absent) == (False, True)
    with pytest.raises(CueError, match="no polygon lies in a cue window"):
        polygon_cues(raster, TONES, found, [(0, 400, 100, 500)])


def test_far_polygons_have_windows_of_their_own(tmp_path: Path) -> None:
    pixels = np.zeros((100, 6000, 1), np.uint8)
    shapes = [polygon(rectangle(x, 10, x + 20, 30)) for x in (100, 400, 5000)]
    with open_raster(write_map(tmp_path / "wide.tif", pixels)) as raster:
        found = read_polygons(write(tmp_path / "p.geojson", *shapes), raster.place)
        assert [e.image.size for e in polygon_cues(raster, TONES, found)] == [(100, 480), (62, 84)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p, "there is no such file of polygons"),
        (lambda p: p.write_text("no json"), "cannot be read as polygons"),
        (lambda p: write(p, {"type": "Point", "coordinates": [1, 2]}), "it holds no polygon"),
    ],
)
def test_files_that_are_none(raster: BlockRaster, tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "p.geojson")
    with pytest.raises(CueError, match=said):
        read_polygons(tmp_path / "p.geojson", raster.place)


def test_polygons_without_crs_or_outside(raster: BlockRaster, tmp_path: Path) -> None:
    source = write(tmp_path / "p.geojson", polygon(rectangle(9000, 10, 9040, 30)))
    found = read_polygons(source, raster.place)
    with pytest.raises(CueError, match="none of the 1 polygons lies in the raster"):
        polygon_cues(raster, TONES, found)
    _, _, geometry, _ = pyogrio.raw.read(source)
    with pytest.warns(UserWarning, match="crs"):
        pyogrio.raw.write(tmp_path / "bare.shp", geometry, [], [], geometry_type="Polygon")
    with pytest.raises(CueError, match="states no coordinate reference system, the raster has one"):
        read_polygons(tmp_path / "bare.shp", raster.place)
