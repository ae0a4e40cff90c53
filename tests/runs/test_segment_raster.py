"""A raster from end to end with the exact pack: what is red is found, each thing once, wherever tiles are cut."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cuecast
from cuecast.core.errors import CueError, ImageError, OutputError
from cuecast.core.ordered import Step
from cuecast.io.rasters import open_raster
from cuecast.io.rasters.raster import tones_of
from cuecast.predictor import Concept, load
from cuecast.results.manifest import read_manifest
from cuecast.runs.raster import MapOptions, MapSummary, segment_raster

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("pyogrio")
pytest.importorskip("shapely")

from map_pictures import HALF_METRE, SIZE, THINGS, UTM, painted, read_band, truth, write_map  # noqa: E402

TILES = MapOptions(tile=128, overlap=32)
"""Steps of 96: 6 x 7 tiles on 600 x 700 pixels."""
NOT_TILED = dict.fromkeys(("tiled", "blockxsize", "blockysize", "compress"))


@pytest.fixture(scope="module")
def concept() -> Concept:
    """Red is the thing."""
    mask = truth((60, 60), THINGS[:1])
    return load("colours").learn([cuecast.Cue(painted(mask), mask=mask)], ["roof"], scale="pixel")


@pytest.fixture(scope="module")
def ortho(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GeoTIFF of all `THINGS`."""
    return write_map(tmp_path_factory.mktemp("ortho") / "ortho.tif", painted(truth()))


@pytest.fixture(scope="module")
def made(concept: Concept, ortho: Path, tmp_path_factory: pytest.TempPathFactory) -> MapSummary:
    """The map of `ortho`."""
    return segment_raster(concept, ortho, tmp_path_factory.mktemp("out") / "map", TILES)


def contents(folder: Path) -> dict[str, bytes]:
    """All files that must not depend on how a run went."""
    names = ("mask.tif", "scores.tif", "objects.csv", "polygons.geojson")
    return {name: (folder / name).read_bytes() for name in names}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_mask_is_exact_and_keeps_its_place(made: MapSummary) -> None:
    with rasterio.open(made.files["mask"]) as mask:
        assert (mask.read(1) == truth()).all()
        assert (mask.crs, mask.transform, mask.nodata) == (rasterio.CRS.from_string(UTM), HALF_METRE, 255)
        assert mask.block_shapes == [(256, 256)]
        assert mask.compression.name == "deflate"
        assert mask.tags()["class_1"] == "roof"
    scores = read_band(made.files["scores"])
    assert (scores == truth() * 254).all()


def test_things_over_tile_borders_are_counted_once(made: MapSummary) -> None:
    table = rows(made.files["csv"])
    assert [int(r["area"]) for r in table] == [600, 280 * 20 + 400 - 20, 128 * 128, 100]
    assert [float(r["area_units"]) for r in table] == [n / 4 for n in (600, 5980, 16384, 100)]
    assert {r["unit"] for r in table} == {"m"}
    assert [r["touches_border"] for r in table] == ["false", "false", "false", "true"]
    first = table[0]
    assert [int(first[c]) for c in ("x1", "y1", "x2", "y2")] == [10, 10, 40, 30]
    assert (float(first["centroid_x"]), float(first["centroid_y"])) == (25, 20)
    assert (float(first["map_x"]), float(first["map_y"])) == (499980.5, 4999862.0)
    assert (made.objects, made.areas, made.verdict, made.confidence) == (4, {1: 23064}, "found", 1.0)


def test_polygons_lie_on_the_map(made: MapSummary) -> None:
    import pyogrio

    meta, _, shapes, columns = pyogrio.raw.read(made.files["gpkg"])
    assert rasterio.CRS.from_user_input(meta["crs"]) == rasterio.CRS.from_string(UTM)
    fields = dict(zip(meta["fields"], columns, strict=True))
    assert fields["area_units"].tolist() == [150, 1495, 4096, 25]
    assert set(fields["class"]) == {"roof"}
    assert len(shapes) == 4
    features = json.loads(made.files["geojson"].read_text())["features"]
    ring = np.array(features[0]["geometry"]["coordinates"][0])
    assert (ring[0] == ring[-1]).all()
    x, y = rasterio.warp.transform("OGC:CRS84", UTM, *ring.T)
    corners = {(round(a, 2), round(b, 2)) for a, b in zip(x, y, strict=True)}
    assert corners == {(499973, 4999867), (499988, 4999867), (499988, 4999857), (499973, 4999857)}
    area = (ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]).sum()
    assert area > 0  # counterclockwise, as RFC 7946 asks


def test_neither_workers_nor_the_size_of_tiles_change_the_objects(
    concept: Concept, ortho: Path, made: MapSummary, tmp_path: Path
) -> None:
    segment_raster(concept, ortho, tmp_path / "two", replace(TILES, workers=2))
    assert contents(tmp_path / "two") == contents(made.out)
    other = segment_raster(concept, ortho, tmp_path / "large", MapOptions(tile=256, overlap=64))
    assert (tmp_path / "large/objects.csv").read_bytes() == made.files["csv"].read_bytes()
    assert sum(other.counts.values()) == 3 * 4


def test_a_killed_run_goes_on_without_redoing_tiles(
    concept: Concept, ortho: Path, made: MapSummary, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill(step: object) -> None:
        if step.done == 20:  # type: ignore[attr-defined]
            raise Killed

    out = tmp_path / "map"
    with pytest.raises(Killed):
        segment_raster(concept, ortho, out, TILES, kill)
    assert not (out / "mask.tif").exists()
    with open(out / "manifest.jsonl", "ab") as torn:
        torn.write(b'{"name": "r00')
    (out / "tiles" / ".cuecast-left.npz").write_bytes(b"")
    steps: list[Step] = []
    again = segment_raster(concept, ortho, out, TILES, steps.append)
    assert [s.resumed for s in steps if s.what == "tiles"] == [True] * 20 + [False] * 22
    assert again.resumed == 20
    assert contents(out) == contents(made.out)
    assert not (out / "tiles").exists()


def test_a_finished_map_is_not_made_again(
    concept: Concept, ortho: Path, made: MapSummary, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(made.out, tmp_path / "map"))
    (out / "objects.csv").unlink()
    before = contents_times(out)
    again = segment_raster(concept, ortho, out, TILES)
    assert (again.resumed, again.objects, again.counts) == (42, 4, made.counts)
    assert contents(out) == contents(made.out)
    assert contents_times(out)["mask.tif"] == before["mask.tif"]
    redone = segment_raster(concept, ortho, out, replace(TILES, overwrite=True))
    assert redone.resumed == 0


def test_what_earlier_runs_wrote_tells_no_other_story_than_the_mask(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", painted(truth()))
    out = tmp_path / "map"
    segment_raster(concept, path, out, TILES)
    write_map(path, painted(truth(SIZE, THINGS[:2])))
    summary = segment_raster(concept, path, out, replace(TILES, formats=("csv",)))
    assert set(summary.files) == {"mask", "scores", "manifest", "csv", "geojson", "gpkg"}
    assert len(json.loads((out / "polygons.geojson").read_text(encoding="utf-8"))["features"]) == 2


def test_a_mask_of_a_run_that_was_stopped_is_not_taken_for_an_edited_one(
    concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_map(tmp_path / "a.tif", painted(truth()))
    out = tmp_path / "map"
    segment_raster(concept, path, out, TILES)
    write_map(path, painted(truth(SIZE, THINGS[:2])))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cuecast.runs.raster.write_features", stop)
        with pytest.raises(KeyboardInterrupt):
            segment_raster(concept, path, out, TILES)
    summary = segment_raster(concept, path, out, TILES)
    assert (summary.resumed, summary.objects, summary.edited) == (42, 2, ())
    assert not (out / "edited").exists()


def contents_times(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in folder.glob("*.tif")}


def test_a_changed_mask_or_raster_is_made_again(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", painted(truth()))
    out = tmp_path / "map"
    segment_raster(concept, path, out, TILES)
    (out / "mask.tif").write_bytes(b"edited")
    assert segment_raster(concept, path, out, TILES).resumed == 0
    assert (read_band(out / "mask.tif") == truth()).all()
    write_map(path, painted(truth(SIZE, THINGS[:2])))
    assert segment_raster(concept, path, out, TILES).objects == 2


def test_results_of_another_concept_are_refused(ortho: Path, made: MapSummary) -> None:
    mask = truth((60, 60), THINGS[:1])
    other = load("colours").learn([cuecast.Cue(painted(mask), mask=1 - mask)], scale="pixel")
    with pytest.raises(OutputError, match=r"results of another concept \(other cues"):
        segment_raster(other, ortho, made.out, TILES)


def test_the_map_of_another_raster_is_refused(concept: Concept, made: MapSummary, tmp_path: Path) -> None:
    before = contents(made.out)
    other = write_map(tmp_path / "other.tif", painted(truth(SIZE, THINGS[:2])))
    with pytest.raises(
        OutputError, match=r"results of another raster, for .*ortho\.tif; choose another folder"
    ):
        segment_raster(concept, other, made.out, TILES)
    assert contents(made.out) == before
    out = Path(shutil.copytree(made.out, tmp_path / "map"))
    assert segment_raster(concept, other, out, replace(TILES, overwrite=True)).objects == 2


def test_a_raster_that_was_moved_as_it_is_goes_on(
    concept: Concept, ortho: Path, made: MapSummary, tmp_path: Path
) -> None:
    moved = Path(shutil.copy2(ortho, tmp_path / "ortho.tif"))
    out = Path(shutil.copytree(made.out, tmp_path / "map"))
    assert segment_raster(concept, moved, out, TILES).resumed == 42


def test_a_mask_changed_by_hand_is_kept_aside(
    concept: Concept, ortho: Path, made: MapSummary, tmp_path: Path
) -> None:
    for name, options in (("again", TILES), ("over", replace(TILES, overwrite=True))):
        out = Path(shutil.copytree(made.out, tmp_path / name))
        (out / "mask.tif").write_bytes(b"by hand")
        (note,) = segment_raster(concept, ortho, out, options).notes
        assert note.endswith("edited: mask.tif")
        assert (out / "edited/mask.tif").read_bytes() == b"by hand"
        assert contents(out) == contents(made.out)


def test_a_strange_file_is_not_written_over(concept: Concept, ortho: Path, tmp_path: Path) -> None:
    (tmp_path / "mask.tif").write_bytes(b"mine")
    with pytest.raises(OutputError, match="no manifest says where it comes from"):
        segment_raster(concept, ortho, tmp_path, TILES)
    assert (tmp_path / "mask.tif").read_bytes() == b"mine"


def test_a_damaged_tile_is_named_and_the_others_are_kept(
    concept: Concept, ortho: Path, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.tif"
    data = bytearray(ortho.read_bytes())
    with rasterio.open(ortho) as found:
        # the file's own tile of columns 448 to 512, rows 448 to 512
        at = int(found.get_tag_item("BLOCK_OFFSET_7_7", "TIFF", bidx=1))
    data[at + 2 : at + 12] = b"\xff" * 10
    path.write_bytes(data)
    out = tmp_path / "map"
    done = segment_raster(concept, path, out, TILES)
    assert done.counts["failed"] == len(done.failures) == 4
    assert {where for where, _ in done.failures} == {
        f"columns {x} to {x + 128}, rows {y} to {y + 128}" for x in (384, 480) for y in (384, 480)
    }
    assert all(str(path) in error and "cannot be decoded" in error for _, error in done.failures)
    mask, expected = read_band(out / "mask.tif"), truth()
    assert (mask[416:, 416:576] == 255).all()
    looked = mask != 255
    assert (mask[looked] == expected[looked]).all()
    assert looked.sum() == looked.size - 184 * 160  # below lies no other tile
    assert (out / "tiles").exists()
    stat = path.stat()
    path.write_bytes(ortho.read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    repaired = segment_raster(concept, path, out, TILES)
    assert (repaired.resumed, repaired.counts["failed"], repaired.objects) == (38, 0, 4)
    assert not (out / "tiles").exists()


def test_a_damaged_tile_of_a_deep_raster_leaves_the_tones_of_the_others(tmp_path: Path) -> None:
    pixels = np.arange(128 * 192, dtype=np.uint16).reshape(128, 192, 1)
    path = write_map(tmp_path / "deep.tif", pixels)
    with rasterio.open(path) as found:
        at = [
            int(found.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=1))
            for x in range(3)
            for y in range(2)
        ]
    whole, damaged = path.read_bytes(), bytearray(path.read_bytes())
    damaged[at[5] + 2 : at[5] + 12] = b"\xff" * 10
    path.write_bytes(damaged)
    with open_raster(path) as raster:
        low, high = tones_of(raster, None).span or (0, 0)
    assert 0 < low < high < pixels.max()
    for start in at:
        damaged[start + 2 : start + 12] = b"\xff" * 10
    path.write_bytes(damaged)
    with open_raster(path) as raster, pytest.raises(ImageError, match="cannot be decoded"):
        tones_of(raster, None)
    assert len(damaged) == len(whole)


def test_a_transform_without_crs_is_kept(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "world.tif", painted(truth((50, 60), THINGS[:1])), crs=None)
    done = segment_raster(concept, path, tmp_path / "map")
    with rasterio.open(done.files["mask"]) as mask:
        assert (mask.crs, mask.transform) == (None, HALF_METRE)
    ring = json.loads(done.files["geojson"].read_text())["features"][0]["geometry"]["coordinates"][0]
    assert {tuple(p) for p in ring} == {(10, 10), (40, 10), (40, 30), (10, 30)}


def test_nodata_is_not_looked_at(concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = painted(truth())
    pixels[:, 350:] = 0
    path = write_map(tmp_path / "half.tif", pixels, nodata=0)
    asked = []
    real = Concept.segment
    monkeypatch.setattr(Concept, "segment", lambda self, image: asked.append(image) or real(self, image))
    done = segment_raster(concept, path, tmp_path / "map", TILES)
    mask = read_band(tmp_path / "map/mask.tif")
    assert (mask[:, 350:] == 255).all()
    assert (mask[:, :350] == truth()[:, :350]).all()
    assert done.counts["nodata"] == 3 * 6  # columns 4 to 6 begin at 384
    assert len(asked) == 24
    assert all((image.pixels != 0).any(axis=2).all() for image in asked)


def test_a_raster_of_nodata_alone_is_not_called_absent(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "blank.tif", np.zeros((50, 60, 3), np.uint8), nodata=0)
    for _ in range(2):
        done = segment_raster(concept, path, tmp_path / "map")
        assert (done.verdict, done.confidence) == ("doubtful", 0.0)
        assert "all of it is nodata: nothing was looked at" in done.notes


def test_a_raster_that_was_moved_on_the_map_is_made_again(concept: Concept, tmp_path: Path) -> None:
    """Its place may stand in a world file, so that the raster's own file stays as it is."""
    pixels = painted(truth((50, 60), THINGS[:1]))
    path = write_map(tmp_path / "a.png", pixels, driver="PNG", crs=None, transform=None, **NOT_TILED)
    world = tmp_path / "a.pgw"
    for left in (100.25, 200.25):
        world.write_text(f"0.5\n0\n0\n-0.5\n{left}\n50.25\n")
        done = segment_raster(concept, path, tmp_path / "map")
        with rasterio.open(done.files["mask"]) as mask:
            assert mask.transform == rasterio.Affine(0.5, 0, left - 0.25, 0, -0.5, 50.5)


def test_a_raster_without_crs_is_in_pixels(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "plain.tif", painted(truth()), crs=None, transform=None)
    done = segment_raster(concept, path, tmp_path / "map", TILES)
    assert done.notes == ("it states no coordinate reference system: areas and polygons are in pixels",)
    assert {r["unit"] + r["area_units"] + r["map_x"] for r in rows(done.files["csv"])} == {""}
    ring = json.loads(done.files["geojson"].read_text())["features"][0]["geometry"]["coordinates"][0]
    assert {tuple(p) for p in ring} == {(10, 10), (40, 10), (40, 30), (10, 30)}


def test_a_concept_of_scale_frame_is_refused(ortho: Path, tmp_path: Path) -> None:
    mask = truth((60, 60), THINGS[:1])
    framed = load("colours").learn([cuecast.Cue(painted(mask), mask=mask)])
    with pytest.raises(CueError, match="scale='pixel'"):
        segment_raster(framed, ortho, tmp_path / "map")


def test_a_disk_that_is_too_small_is_found_before(
    concept: Concept, ortho: Path, made: MapSummary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(path: object) -> object:  # noqa: ARG001
        return shutil._ntuple_diskusage(10**6, 10**6 - 1000, 1000)  # type: ignore[attr-defined]

    monkeypatch.setattr("cuecast.io.files.shutil.disk_usage", usage)
    with pytest.raises(OutputError, match=r"0\.4 MB are needed there and 0\.0 MB are free"):
        segment_raster(concept, ortho, tmp_path / "map", TILES)
    assert list((tmp_path / "map").iterdir()) == []
    assert segment_raster(concept, ortho, made.out, TILES).resumed == 42  # nothing is to be written


def test_equal_runs_give_equal_geopackages(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "small.tif", painted(truth((50, 60), THINGS[:1])))
    packages = []
    for out in ("one", "two"):
        packages.append(segment_raster(concept, path, tmp_path / out).files["gpkg"].read_bytes())
        time.sleep(0.01)  # its time is kept to the millisecond
    assert packages[0] == packages[1]


def test_a_raster_smaller_than_a_tile(concept: Concept, tmp_path: Path) -> None:
    path = write_map(tmp_path / "small.tif", painted(truth((50, 60), THINGS[:1])))
    done = segment_raster(concept, path, tmp_path / "map")
    assert (done.objects, sum(done.counts.values())) == (1, 1)
    assert (read_band(done.files["mask"]) == truth((50, 60), THINGS[:1])).all()


def test_the_manifest_has_a_line_a_tile_after_that_of_the_raster(made: MapSummary) -> None:
    entries = list(read_manifest(made.files["manifest"]))
    assert [e.name for e in entries[:3]] == ["raster", "r0000_c0000", "r0000_c0001"]
    assert len(entries) == 43
    assert (entries[0].size, entries[0].objects, entries[0].areas) == (SIZE, 4, {1: 23064})
    assert entries[1].areas == {1: 600}


GCPS = [(0.0, 0.0, 10.0, 50.0, 0.0), (0.0, 700.0, 11.0, 50.0, 0.0), (600.0, 0.0, 10.0, 49.0, 7.0)]


@pytest.mark.parametrize("level", [0, 1])
def test_ground_control_points_are_kept(concept: Concept, tmp_path: Path, level: int) -> None:
    points = [rasterio.control.GroundControlPoint(*point) for point in GCPS]
    path = write_map(tmp_path / "a.tif", painted(truth()), transform=None, gcps=points, crs="EPSG:4326")
    with rasterio.open(path, "r+") as opened:
        opened.build_overviews([2])
    found = segment_raster(concept, path, tmp_path / "out", replace(TILES, level=level))
    assert found.notes == (
        "it states no coordinate reference system: areas and polygons are in pixels; its 3 ground control points are "
        "kept in mask.tif and scores.tif alone",
    )
    factor = 2**level
    for name in ("mask.tif", "scores.tif"):
        with rasterio.open(tmp_path / "out" / name) as made:
            kept, crs = made.gcps
        assert crs == "EPSG:4326"
        assert [(p.row * factor, p.col * factor, p.x, p.y, p.z) for p in kept] == GCPS


def test_rational_polynomial_coefficients_are_kept(concept: Concept, tmp_path: Path) -> None:
    scales = {
        f"{axis}_{what}": 1.0
        for axis in ("height", "lat", "long", "line", "samp")
        for what in ("off", "scale")
    }
    zeros, ones = [0.0] * 20, [1.0, *[0.0] * 19]
    rpcs = rasterio.rpc.RPC(
        **scales, line_num_coeff=zeros, line_den_coeff=ones, samp_num_coeff=zeros, samp_den_coeff=ones
    )
    path = write_map(tmp_path / "a.tif", painted(truth((64, 64))), transform=None, crs=None, rpcs=rpcs)
    found = segment_raster(concept, path, tmp_path / "out", TILES)
    assert "its rational polynomial coefficients are kept" in found.notes[0]
    with rasterio.open(path) as given, rasterio.open(tmp_path / "out/mask.tif") as made:
        assert made.rpcs == given.rpcs


@pytest.mark.parametrize(
    "crs",
    [
        'LOCAL_CS["site",UNIT["metre",1]]',
        'GEOGCS["Moon",DATUM["D_Moon",SPHEROID["Moon",1737400,0]],PRIMEM["Reference",0],UNIT["degree",0.0174532925]]',
    ],
)
def test_a_place_without_longitude_and_latitude_is_told_and_the_rest_written(
    concept: Concept, tmp_path: Path, crs: str
) -> None:
    path = write_map(
        tmp_path / "a.tif", painted(truth((64, 64))), crs=rasterio.CRS.from_wkt(crs), transform=HALF_METRE
    )
    found = segment_raster(concept, path, tmp_path / "out", TILES)
    assert any("there is no polygons.geojson; --format gpkg writes" in note for note in found.notes)
    assert not (tmp_path / "out/polygons.geojson").exists()
    assert "geojson" not in found.files
    assert (found.objects, (tmp_path / "out/polygons.gpkg").is_file()) == (1, True)


def test_a_file_that_cannot_be_written_leaves_the_others(
    concept: Concept, ortho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OutputError("polygons.gpkg: no space")

        patch.setattr("cuecast.mosaic.features._Gpkg.write", fail)
        with pytest.raises(OutputError, match=r"polygons\.gpkg: no space \(all else is written\)"):
            segment_raster(concept, ortho, tmp_path / "out", TILES)
    written = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert written == {"mask.tif", "scores.tif", "objects.csv", "polygons.geojson", "manifest.jsonl"}
    again = segment_raster(concept, ortho, tmp_path / "out", TILES)
    assert (again.resumed, again.objects) == (42, 4)
    assert (tmp_path / "out/polygons.gpkg").is_file()
