"""GeoTIFFs of all kinds, read window by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cuecast.core.errors import ImageError
from cuecast.core.tiling import Window
from cuecast.io.rasters import open_raster
from cuecast.io.rasters.raster import Tones, tones_of

rasterio = pytest.importorskip("rasterio")

from map_pictures import HALF_METRE, write_map  # noqa: E402

WHOLE = Window(0, 40, 0, 50)


@pytest.fixture
def pixels() -> np.ndarray:
    """(40, 50, 5) uint8, every value its own."""
    return np.random.default_rng(0).integers(1, 255, (40, 50, 5), np.uint8)


def test_a_window_is_what_the_file_holds(tmp_path: Path, pixels: np.ndarray) -> None:
    with open_raster(write_map(tmp_path / "a.tif", pixels[..., :3])) as raster:
        block = raster.read(Window(10, 30, 20, 50))
        assert (block.samples == pixels[10:30, 20:50, :3]).all()
        assert block.valid.all()
        assert (raster.size, raster.bands, raster.notes) == ((40, 50), (1, 2, 3), ())
        assert raster.place.transform == tuple(HALF_METRE)[:6]
        assert (raster.place.metres, raster.place.area_unit) == (1.0, "m")


def test_what_lies_outside_is_not_valid(tmp_path: Path, pixels: np.ndarray) -> None:
    with open_raster(write_map(tmp_path / "a.tif", pixels[..., :3])) as raster:
        block = raster.read(Window(-5, 5, 45, 60))
        assert (block.samples[5:, :5] == pixels[:5, 45:, :3]).all()
        assert block.valid.sum() == 25
        assert not raster.read(Window(100, 110, 0, 10)).valid.any()


def test_bands_are_chosen(tmp_path: Path, pixels: np.ndarray) -> None:
    path = write_map(tmp_path / "a.tif", pixels)
    with open_raster(path, (5, 4, 1)) as raster:
        assert (raster.read(WHOLE).samples == pixels[..., [4, 3, 0]]).all()
    with open_raster(path, (2,)) as raster:
        assert (raster.read(WHOLE).samples == pixels[..., 1:2]).all()
        assert Tones(None).pixels(raster.read(WHOLE)).shape == (40, 50, 3)
    with pytest.raises(ImageError, match="it has 1 to 5"), open_raster(path, (6,)):
        pass
    with pytest.raises(ImageError, match="one band or of three"), open_raster(path, (1, 2)):
        pass


def test_bands_that_are_named_red_green_and_blue_are_taken(tmp_path: Path, pixels: np.ndarray) -> None:
    path = write_map(tmp_path / "a.tif", pixels[..., :4])
    with rasterio.open(path, "r+") as found:
        c = rasterio.enums.ColorInterp
        found.colorinterp = [c.gray, c.blue, c.green, c.red]
    with open_raster(path) as raster:
        assert raster.bands == (4, 3, 2)


def test_alpha_nodata_and_nan_are_not_valid(tmp_path: Path, pixels: np.ndarray) -> None:
    alpha = np.full((40, 50, 1), 255, np.uint8)
    alpha[:10] = 0
    rgba = np.concatenate([pixels[..., :3], alpha], axis=2)
    with open_raster(write_map(tmp_path / "alpha.tif", rgba, photometric="RGB", alpha="YES")) as raster:
        assert raster.bands == (1, 2, 3)
        assert (raster.read(WHOLE).valid == (alpha[..., 0] > 0)).all()
    holes = pixels[..., :3].copy()
    holes[5, 5] = 0
    holes[6, 6, 0] = 0
    with open_raster(write_map(tmp_path / "nodata.tif", holes, nodata=0)) as raster:
        assert np.argwhere(~raster.read(WHOLE).valid).tolist() == [[5, 5]]
    floats = pixels[..., :1].astype(np.float32)
    floats[7, 7] = np.nan
    with open_raster(write_map(tmp_path / "nan.tif", floats, nodata=np.nan)) as raster:
        assert np.argwhere(~raster.read(WHOLE).valid).tolist() == [[7, 7]]


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    path = write_map(tmp_path / "p.tif", np.array([[[0], [1]]], np.uint8).repeat(20, 0).repeat(20, 1))
    with rasterio.open(path, "r+") as found:
        found.write_colormap(1, {0: (1, 2, 3), 1: (200, 30, 30)})
    with open_raster(path) as raster:
        assert raster.read(Window(0, 1, 0, 40)).samples[0, [0, 39]].tolist() == [[1, 2, 3], [200, 30, 30]]


def test_the_next_level_of_a_pyramid(tmp_path: Path, pixels: np.ndarray) -> None:
    path = write_map(tmp_path / "a.tif", pixels[..., :3])
    with rasterio.open(path, "r+") as found:
        found.build_overviews([2], rasterio.enums.Resampling.nearest)
    with open_raster(path, level=1) as raster:
        assert raster.size == (20, 25)
        assert raster.place.transform == (1.0, 0.0, HALF_METRE.c, 0.0, -1.0, HALF_METRE.f)
    with pytest.raises(ImageError, match="level 2 cannot be opened"), open_raster(path, level=2):
        pass


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263"])
def test_degrees_and_feet(tmp_path: Path, pixels: np.ndarray, crs: str) -> None:
    with open_raster(write_map(tmp_path / "a.tif", pixels[..., :3], crs=crs)) as raster:
        place = raster.place
    if crs == "EPSG:4326":
        assert place.ellipsoid is not None
        assert (place.metres, place.ellipsoid.radius) == (None, 6378137.0)
        assert 1 / place.ellipsoid.flattening == pytest.approx(298.257223563)
    else:  # New York's plane coordinates, in US survey feet
        assert place.metres == pytest.approx(1200 / 3937)


def test_deep_samples_are_stretched_by_one_rule_for_the_whole_raster(tmp_path: Path) -> None:
    ramp = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50, 1) * 10
    with open_raster(write_map(tmp_path / "a.tif", ramp)) as raster:
        tones = tones_of(raster, None)
        assert tones.span == pytest.approx(tuple(np.percentile(ramp, (0.5, 99.5))))
        left, right = (tones.pixels(raster.read(Window(0, 40, x, x + 25))) for x in (0, 25))
        whole = tones.pixels(raster.read(WHOLE))
        assert (np.concatenate([left, right], axis=1) == whole).all()
        assert tones_of(raster, (0, 20000)).pixels(raster.read(WHOLE))[0, 10, 0] == round(100 * 255 / 20000)
        with pytest.raises(ImageError, match=r"window \(5, 5\) is empty"):
            tones_of(raster, (5, 5))
    with open_raster(write_map(tmp_path / "f.tif", (ramp / 2e4).astype(np.float32))) as raster:
        assert tones_of(raster, None).span == (0.0, 1.0)
    empty = write_map(tmp_path / "n.tif", np.zeros_like(ramp), nodata=0)
    with open_raster(empty) as raster, pytest.raises(ImageError, match="nothing but nodata"):
        tones_of(raster, None)


def test_what_is_not_valid_takes_the_nearest_tone(tmp_path: Path, pixels: np.ndarray) -> None:
    holes = pixels[..., :3].copy()
    holes[:, 25:] = 0
    with open_raster(write_map(tmp_path / "a.tif", holes, nodata=0)) as raster:
        seen = tones_of(raster, None).pixels(raster.read(WHOLE))
    assert (seen[:, :25] == holes[:, :25]).all()
    assert (seen[:, 25:] == holes[:, 24:25]).all()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("none.tif", None, "there is no such file"), ("text.tif", b"hello", "cannot be read as a raster")],
)
def test_what_is_no_raster(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=said), open_raster(tmp_path / name):
        pass
