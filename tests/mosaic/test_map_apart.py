"""Things that touch on a raster are told apart, and counted once wherever blocks and tiles meet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import cuecast
from cuecast.predictor import Concept
from cuecast.results.manifest import read_manifest
from cuecast.runs.raster import MapOptions, segment_raster

pytest.importorskip("rasterio")
pytest.importorskip("pyogrio")
pytest.importorskip("shapely")

from map_pictures import painted, write_map

from cuecast.mosaic import apart

SIZE = (210, 260)
BORDERS = (64, 128, 192)
DISCS = (
    *((row, column, 9) for row in (20, 64, 120, 190) for column in (56, 72)),  # pairs over a border of blocks
    *((row, 150, 8) for row in (57, 71)),  # one above the other, touching at a border
    *((128 + dy, 192 + dx, 8) for dy in (-8, 7) for dx in (-8, 7)),  # four round a corner of blocks
    (30, 230, 9),  # one alone
)


def ids(size: tuple[int, int], discs: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    found = np.zeros(size, np.int32)
    y, x = np.ogrid[: size[0], : size[1]]
    for number, (row, column, radius) in enumerate(discs, start=1):
        found[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
    return found


@pytest.fixture(scope="module")
def concept() -> Concept:
    """Discs that touch."""
    told = ids((40, 80), ((15, 15, 9), (15, 31, 9), (20, 60, 8)))
    cue = cuecast.Cue(painted(np.minimum(told, 1)), mask=np.minimum(told, 1), objects=told)
    found = cuecast.load("colours").learn([cue], ["disc"], scale="pixel")
    assert found.splits
    return found


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    return write_map(folder / "discs.tif", painted(np.minimum(ids(SIZE, DISCS), 1)))


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "objects.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_raster_of_one_block_is_told_apart_as_a_picture(
    concept: Concept, raster: Path, tmp_path: Path
) -> None:
    whole = concept.segment(raster).objects()
    found = segment_raster(concept, raster, tmp_path / "out", MapOptions(tile=128, overlap=32))
    assert found.objects == len(whole) == len(DISCS)
    assert [int(row["area"]) for row in table(tmp_path / "out")] == [o.area for o in whole]


def test_things_over_the_borders_of_blocks_are_counted_once_and_stay_apart(
    concept: Concept, raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SIDE", 64)
    summary = segment_raster(concept, raster, tmp_path / "out", MapOptions(tile=128, overlap=32))
    rows = table(tmp_path / "out")
    assert summary.objects == len(rows) == len(DISCS)
    middles = np.array([[float(row["centroid_y"]), float(row["centroid_x"])] for row in rows])
    away = np.hypot(*(middles[:, None] - np.array(DISCS)[None, :, :2]).transpose(2, 0, 1))
    assert (away.min(axis=0) < 2).all()
    assert sum(int(row["area"]) for row in rows) == summary.areas[1]  # each pixel in one object
    other = segment_raster(concept, raster, tmp_path / "other", MapOptions(tile=256, overlap=64, workers=2))
    assert table(tmp_path / "other") == rows
    assert other.objects == summary.objects


def test_a_component_that_winds_through_many_blocks_stays_one_where_nothing_is_told_apart(
    concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SIDE", 64)
    monkeypatch.setattr(type(concept.rule), "parts", lambda *_: False)
    monkeypatch.setattr(type(concept), "tell_apart", lambda *_: None)
    mask = np.zeros((200, 400), np.uint8)
    mask[5:195, 10:20] = mask[5:195, 380:390] = mask[185:195, 10:390] = 1  # the legs meet far away
    path = write_map(tmp_path / "u.tif", painted(mask))
    assert segment_raster(concept, path, tmp_path / "out", MapOptions(formats=("csv",))).objects == 1


def test_another_way_to_objects_makes_the_tables_anew_and_leaves_the_mask(
    concept: Concept, raster: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    segment_raster(concept, raster, out)
    before = (out / "mask.tif").stat().st_mtime_ns
    joined = segment_raster(concept.with_objects("connected"), raster, out)
    assert joined.objects == len(table(out)) < len(DISCS)
    assert (out / "mask.tif").stat().st_mtime_ns == before
    assert not next(iter(read_manifest(out / "manifest.jsonl"))).split
    again = segment_raster(concept, raster, out)
    assert again.objects == len(table(out)) == len(DISCS)
    assert next(iter(read_manifest(out / "manifest.jsonl"))).split
