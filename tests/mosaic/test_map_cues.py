"""Cues in the raster itself: windows with masks, and polygons in map coordinates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuecast.core.errors import CuecastWarning, CueError, MaskError
from cuecast.core.values import IGNORE, ClassInfo
from cuecast.io.pixels import read_raster
from cuecast.io.rasters import BlockRaster, open_raster
from cuecast.io.rasters.raster import Tones
from cuecast.io.rasters.vectors import read_polygons
from cuecast.mosaic.cues import mask_cue, polygon_classes, polygon_cues

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


def polygon(*contours: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(contours)}


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


def test_of_several_layers_the_first_is_read_and_named(raster: BlockRaster, tmp_path: Path) -> None:
    source = write(tmp_path / "p.geojson", polygon(rectangle(10, 10, 40, 30)))
    meta, _, geometry, _ = pyogrio.raw.read(source)
    for layer in ("roofs", "roads"):
        pyogrio.raw.write(
            tmp_path / "p.gpkg",
            geometry,
            [],
            [],
            crs=meta["crs"],
            geometry_type="Polygon",
            driver="GPKG",
            layer=layer,
        )
    with pytest.warns(
        CuecastWarning, match=r"p\.gpkg: of its layers 'roofs', 'roads' the first is read; export"
    ):
        assert len(read_polygons(tmp_path / "p.gpkg", raster.place)) == 1


def test_classes_by_their_names(raster: BlockRaster, tmp_path: Path) -> None:
    shapes = [polygon(rectangle(*t)) for t in THINGS[:3]]
    path = write(tmp_path / "p.geojson", *shapes, names=("roof", "road", "roof"))
    found = read_polygons(path, raster.place)
    classes = polygon_classes(found)
    assert [(c.id, c.name) for c in classes] == [(1, "roof"), (2, "road")]
    (example,) = polygon_cues(raster, TONES, found, [(0, 0, 700, 600)], classes)
    assert example.marks.class_ids == (1, 2)
    (example,) = polygon_cues(raster, TONES, found, [(0, 0, 700, 600)], classes[1:])
    assert example.marks.class_ids == (2,)
    assert [p.name for p in read_polygons(path, raster.place, ["road", "pond"])] == ["road"]
    with pytest.raises(
        CueError, match="no polygon is of the classes 'pond', they are of 'roof', 'road'; use"
    ):
        polygon_cues(raster, TONES, found, [(0, 0, 700, 600)], [ClassInfo(1, "pond")])


def test_classes_that_are_numbers_keep_them(raster: BlockRaster, tmp_path: Path) -> None:
    """Beside a polygon without class, GDAL hands whole numbers over as floats."""
    shapes = [polygon(rectangle(*t)) for t in THINGS[:3]]
    with pytest.warns(CuecastWarning, match=r"passed over, .*: a polygon without class \(feature 2\)"):
        found = read_polygons(write(tmp_path / "p.geojson", *shapes, names=(7, None, 3)), raster.place)
    assert [p.name for p in found] == ["7", "3"]
    (example,) = polygon_cues(raster, TONES, found, [(0, 0, 700, 600)], [ClassInfo(3, "roof")])
    assert example.marks.class_ids == (3,)
    assert [(c.id, c.name) for c in polygon_classes(found)] == [(3, "3"), (7, "7")]
    found = read_polygons(write(tmp_path / "p.geojson", *shapes, names=("1", "01", "1")), raster.place)
    assert [(c.id, c.name) for c in polygon_classes(found)] == [(1, "1"), (2, "01")]


@pytest.mark.parametrize("file", ["qupath.geojson", "qupath_array.geojson", "field_class.geojson"])
def test_classes_of_qupath(cases: Path, file: str) -> None:
    folder = cases / "map_qupath_classes"
    truths = {
        n: read_raster(folder / f"{n.casefold()}.png", error=MaskError).samples > 0
        for n in ("Tumor", "Stroma")
    }
    with open_raster(folder / "slide.ome.tif") as raster:
        whole = [(0, 0, raster.size[1], raster.size[0])]
        found = read_polygons(folder / file, raster.place)
        (both,) = polygon_cues(raster, TONES, found, whole, polygon_classes(found))
        for name, truth_of in truths.items():
            one = read_polygons(folder / file, raster.place, [name])
            assert {p.name for p in one} == {name}
            (example,) = polygon_cues(raster, TONES, one, whole, [ClassInfo(1, name)])
            for example_of, cls in ((example, 1), (both, 1 + (name == "Stroma"))):
                assert example_of.marks.mask is not None
                marked = example_of.marks.mask == cls
                assert (marked & truth_of).sum() / (marked | truth_of).sum() > 0.97


def with_properties(path: Path, *properties: dict[str, Any]) -> Path:
    """A polygon for each, with these attributes."""
    shapes = [polygon(rectangle(*t)) for t in THINGS[: len(properties)]]
    write(path, *shapes)
    data = json.loads(path.read_text())
    for feature, own in zip(data["features"], properties, strict=True):
        feature["properties"] = own
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    "properties",
    [
        [{"CLASS": "a"}, {"CLASS": "b"}],
        [{"Class_Name": "a"}, {"Class_Name": "b"}],
        [{"label": "a"}, {"label": "b"}],
        [{"Type": "a"}, {"Type": "b"}],
        [{"category": "a"}, {"category": "b"}],
        [{"type": "Polygon", "label": "a"}, {"type": "Polygon", "label": "b"}],
        [{"label": "x 1", "class": "a"}, {"label": "x 2", "class": "b"}],
        [{"classification": {"name": "a", "color": [1, 2, 3]}}, {"classification": {"names": ["b"]}}],
        [{"classification": "a"}, {"classification": {"name": "b"}}],
        [{"label": {"class": "a", "id": 3}}, {"label": {"Category": "b", "id": 4}}],
        [{"classification": ["a"], "tags": ["x", "y"]}, {"classification": ["b"], "tags": ["z"]}],
    ],
)
def test_names_of_the_attribute_that_are_known(
    raster: BlockRaster, tmp_path: Path, properties: list[dict[str, Any]]
) -> None:
    path = with_properties(tmp_path / "p.geojson", *properties)
    assert [p.name for p in read_polygons(path, raster.place)] == ["a", "b"]


def test_an_attribute_that_is_not_known_is_named_and_taken_where_asked(
    raster: BlockRaster, tmp_path: Path
) -> None:
    tissues = [
        {"tissue": t, "area": i + 0.5, "id": f"x{i}"} for i, t in enumerate(("tumor", "stroma", "tumor"))
    ]
    path = with_properties(tmp_path / "p.geojson", *tissues)
    with pytest.warns(
        CuecastWarning, match=r"so all polygons are of one: 'tissue' holds 'tumor', 'stroma'; if one"
    ):
        assert [p.name for p in read_polygons(path, raster.place)] == [None] * 3
    with pytest.warns(
        CuecastWarning, match="its field 'tissue' is taken to name the classes, as 'stroma' occurs"
    ):
        assert [p.name for p in read_polygons(path, raster.place, ["stroma"])] == ["stroma"]
    path = with_properties(tmp_path / "p.geojson", {"tags": ["x", "y"]}, {"tags": ["z"]}, {"tags": ["z"]})
    with pytest.warns(CuecastWarning, match="'tags' holds 'x, y', 'z'"):
        read_polygons(path, raster.place)
    path = with_properties(
        tmp_path / "p.geojson", {"attributes": {"class": "x"}}, {"attributes": {"class": "y"}}
    )
    with pytest.warns(CuecastWarning, match="'attributes' holds 'x', 'y'"):
        read_polygons(path, raster.place)
    path = with_properties(tmp_path / "p.geojson", {"area": 1.5, "fid": 1}, {"area": 2.5, "fid": 2})
    assert [p.name for p in read_polygons(path, raster.place)] == [None] * 2


def test_what_is_no_polygon_is_passed_over_and_named(raster: BlockRaster, tmp_path: Path) -> None:
    good = polygon(rectangle(10, 10, 40, 30))
    collection = {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": [1, 2]}, good],
    }
    line = {"type": "LineString", "coordinates": rectangle(1, 1, 2, 2)}
    thin = polygon(rectangle(1, 1, 2, 2)[:2])
    nothing: dict[str, Any] = {"type": "Foo", "coordinates": []}
    path = write(tmp_path / "p.geojson", line, good, thin, None, collection, nothing, line)
    said = (
        r"passed over, .*: a shape that is no polygon \(2 times, first feature 1\); a polygon of less than three "
        r"points \(feature 3\); no shape that can be read \(2 times, first feature 4\)"
    )
    with pytest.warns(CuecastWarning, match=said):
        found = read_polygons(path, raster.place)
    assert [p.box for p in found] == [pytest.approx((10, 10, 40, 30))] * 2


def test_a_window_without_polygons_says_that_the_thing_is_absent(raster: BlockRaster, tmp_path: Path) -> None:
    found = read_polygons(write(tmp_path / "p.geojson", polygon(rectangle(10, 10, 40, 30))), raster.place)
    here, there = polygon_cues(raster, TONES, found, [(0, 0, 60, 50), (0, 400, 100, 500)])
    assert (here.marks.absent, there.marks.absent) == (False, True)
    with pytest.raises(CueError, match="no polygon lies in a cue window"):
        polygon_cues(raster, TONES, found, [(0, 400, 100, 500)])


def test_each_feature_is_an_object(raster: BlockRaster, tmp_path: Path) -> None:
    """All parts of a feature are one; where features overlap, the later one wins, as in the mask."""
    parts = {
        "type": "MultiPolygon",
        "coordinates": [[rectangle(10, 10, 20, 20)], [rectangle(30, 10, 40, 20)]],
    }
    path = write(tmp_path / "p.geojson", parts, polygon(rectangle(36, 10, 50, 20)))
    (example,) = polygon_cues(raster, TONES, read_polygons(path, raster.place), [(0, 0, 60, 50)])
    assert example.marks.mask is not None
    assert example.marks.objects is not None
    assert example.marks.objects[15, [12, 25, 32, 38, 45, 55]].tolist() == [1, 0, 1, 2, 2, 0]
    assert ((example.marks.objects > 0) == (example.marks.mask > 0)).all()


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
        (
            lambda p: p.write_text("no json"),
            r"cannot be read as polygons \([^;]*[^.;]\); export it as GeoJSON",
        ),
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
