"""The mask and the scores of a map as files, and what is read back of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from cuecast.core.tiling import Window
from cuecast.core.values import ClassInfo
from cuecast.engine.decision import Decision
from cuecast.io.rasters.georeference import Controls, Georeference
from cuecast.io.rasters.geotiff import gdal
from cuecast.mosaic.assemble import LabelRule, read_labels, writing
from cuecast.mosaic.tiles import TOP, UNSEEN

CLASSES = (ClassInfo(1, "roof", "#0a141e"), ClassInfo(3, "tree", "#010203"))
SIZE = (300, 520)
BLOCKS = (Window(0, 256, 0, 256), Window(0, 256, 256, 512))
"""Two of the six tiles of the files."""


@pytest.fixture
def levels() -> np.ndarray:
    """(2, 256, 256): a roof in the first row, a tree in the second, then background, and nothing seen in the last."""
    found = np.zeros((2, 256, 256), np.uint8)
    found[0, 0], found[1, 1], found[:, -1] = TOP, TOP - 1, UNSEEN
    return found


def write(
    folder: Path, levels: np.ndarray, classes: tuple[ClassInfo, ...], place: Georeference
) -> list[np.ndarray]:
    """Write one block, and one in which nothing was seen; the labels of both."""
    rule = LabelRule(classes, Decision(tuple(c.id for c in classes)))
    with writing(folder / "mask.tif", folder / "scores.tif", SIZE, place, rule) as files:
        return [files.write(BLOCKS[0], levels), files.write(BLOCKS[1], np.full_like(levels, UNSEEN))]


def test_what_is_written_is_read_back(tmp_path: Path, levels: np.ndarray) -> None:
    seen, unseen = write(tmp_path, levels, CLASSES, Georeference())
    assert (unseen == 255).all()
    with (
        gdal(),
        rasterio.open(tmp_path / "mask.tif") as mask,
        rasterio.open(tmp_path / "scores.tif") as scores,
    ):
        assert (mask.shape, mask.count, mask.dtypes, mask.nodata) == (SIZE, 1, ("uint8",), 255)
        assert (scores.shape, scores.count, scores.dtypes, scores.nodata) == (SIZE, 2, ("uint8",) * 2, UNSEEN)
        assert mask.transform.is_identity
        assert (mask.crs, mask.gcps[0]) == (None, [])
        colours = mask.colormap(1)
        assert [colours[i][:3] for i in range(4)] == [(0, 0, 0), (10, 20, 30), (0, 0, 0), (1, 2, 3)]
        assert (mask.tags()["class_1"], mask.tags()["class_3"]) == ("roof", "tree")
        assert (scores.descriptions, scores.tags()["score_1"]) == (("roof", "tree"), str(TOP))
        block = ((0, 256), (0, 256))
        assert np.array_equal(scores.read(window=block), levels)
        assert np.array_equal(mask.read(1, window=block), seen)
        assert (mask.read(1, window=((0, 300), (256, 520))) == 255).all()
        labels = read_labels(mask, Window(0, 256, 255, 257))
    assert labels.dtype == np.int32
    assert labels[:, 0].tolist() == [1, 3, *[0] * 254]
    assert not labels[:, 1].any()


def test_blocks_that_were_not_seen_take_no_space(tmp_path: Path, levels: np.ndarray) -> None:
    """The file has a place for the first block alone."""
    write(tmp_path, levels, CLASSES, Georeference())
    for name in ("mask.tif", "scores.tif"):
        with gdal(), rasterio.open(tmp_path / name) as file:
            assert file.block_shapes[0] == (256, 256)
            places = [file.get_tag_item(f"BLOCK_OFFSET_{at}", "TIFF", bidx=1) for at in ("0_0", "1_0", "0_1")]
        assert [place is None for place in places] == [False, True, True]


def test_many_classes_have_no_palette(tmp_path: Path, levels: np.ndarray) -> None:
    seen, _ = write(tmp_path, levels[:1], (ClassInfo(300, "a"),), Georeference())
    with gdal(), rasterio.open(tmp_path / "mask.tif") as mask:
        assert (mask.dtypes, mask.nodata) == (("uint16",), 65535)
        with pytest.raises(ValueError, match="color table"):
            mask.colormap(1)
        assert np.array_equal(mask.read(1)[:256, :256], seen)
        assert read_labels(mask, Window(0, 1, 0, 2)).tolist() == [[300, 300]]


def test_the_place_is_kept(tmp_path: Path, levels: np.ndarray) -> None:
    place = Georeference((0.5, 0.0, 100.0, 0.0, -0.5, 200.0), "EPSG:32633")
    write(tmp_path, levels, CLASSES, place)
    with gdal(), rasterio.open(tmp_path / "mask.tif") as mask:
        assert (tuple(mask.transform)[:6], mask.crs) == (place.transform, "EPSG:32633")


POINTS = ((0.0, 0.0, 10.0, 50.0, 0.0), (0.0, 520.0, 11.0, 50.0, 0.0), (300.0, 0.0, 10.0, 49.0, 7.0))


@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_points_of_control_are_kept(tmp_path: Path, levels: np.ndarray, crs: str | None) -> None:
    write(tmp_path, levels, CLASSES, Georeference(controls=Controls(POINTS, crs)))
    for name in ("mask.tif", "scores.tif"):
        with gdal(), rasterio.open(tmp_path / name) as made:
            points, found = made.gcps
        assert [(p.row, p.col, p.x, p.y, p.z) for p in points] == list(POINTS)
        assert found == crs


def test_coefficients_are_kept(tmp_path: Path, levels: np.ndarray) -> None:
    names = [
        f"{axis}_{what}" for axis in ("HEIGHT", "LAT", "LONG", "LINE", "SAMP") for what in ("OFF", "SCALE")
    ]
    lists = [f"{axis}_{part}_COEFF" for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")]
    rpcs = tuple((n, "1") for n in names) + tuple((n, " ".join(["1"] + ["0"] * 19)) for n in lists)
    write(tmp_path, levels, CLASSES, replace(Georeference(), controls=Controls(rpcs=rpcs)))
    with gdal(), rasterio.open(tmp_path / "scores.tif") as made:
        assert made.rpcs.line_off == 1
        assert made.gcps[0] == []
