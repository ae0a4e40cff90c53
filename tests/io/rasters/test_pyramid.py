"""OME-TIFF and pyramids through tifffile: the same samples as when the whole is read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.core.tiling import Window
from cuecast.io.rasters import open_raster, pyramid

SIZE = (150, 210)
WINDOW = Window(33, 140, 60, 205)


@pytest.fixture
def pixels() -> np.ndarray:
    """(150, 210, 3) uint8 noise."""
    return np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)


@pytest.mark.parametrize(
    "how",
    [
        {"tile": (64, 48)},
        {"rowsperstrip": 7},
        {"tile": (64, 64), "compression": "zlib", "predictor": True},
        {"tile": (32, 64), "planarconfig": "separate"},
        {"tile": (64, 64), "bigtiff": True, "byteorder": ">"},
    ],
    ids=["tiled", "strips", "deflate", "planes", "big"],
)
def test_windows_of_any_layout(tmp_path: Path, pixels: np.ndarray, how: dict[str, Any]) -> None:
    planes = how.get("planarconfig") == "separate"
    data = np.moveaxis(pixels, -1, 0) if planes else pixels
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", **how)
    with pyramid.open_raster(tmp_path / "a.tif", None, 0) as raster:
        assert (raster.size, raster.bands, raster.dtype) == (SIZE, (1, 2, 3), np.uint8)
        assert (raster.read(WINDOW).samples == pixels[WINDOW.slices]).all()
        assert raster.read(WINDOW).valid.all()
    with pyramid.open_raster(tmp_path / "a.tif", (3,), 0) as raster:
        assert (raster.read(WINDOW).samples[..., 0] == pixels[(*WINDOW.slices, 2)]).all()


def test_jpeg_tiles_as_in_whole_slides(tmp_path: Path, pixels: np.ndarray) -> None:
    pytest.importorskip("imagecodecs")
    smooth = np.repeat(np.repeat(pixels[:10, :14], 15, axis=0), 15, axis=1)
    tifffile.imwrite(tmp_path / "a.tif", smooth, photometric="rgb", tile=(64, 64), compression="jpeg")
    with pyramid.open_raster(tmp_path / "a.tif", None, 0) as raster:
        assert (raster.read(WINDOW).samples == tifffile.imread(tmp_path / "a.tif")[WINDOW.slices]).all()


def test_an_ome_pyramid_with_channels_as_pages(tmp_path: Path) -> None:
    channels = np.random.default_rng(2).integers(0, 60000, (4, *SIZE), np.uint16)
    path = tmp_path / "a.ome.tif"
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(channels, subifds=1, tile=(64, 64), metadata={"axes": "CYX", **size})
        tif.write(channels[:, ::2, ::2], subfiletype=1, tile=(64, 64))
    assert pyramid.accepts(path)
    with open_raster(path, (4, 2, 1)) as raster:
        assert (raster.read(WINDOW).samples == np.moveaxis(channels[[3, 1, 0]], 0, -1)[WINDOW.slices]).all()
        assert (raster.place.pixel_size, raster.place.unit) == (0.5, "um")
    with open_raster(path, level=1) as raster:
        assert raster.size == (75, 105)
        assert (raster.read(Window(0, 75, 0, 105)).samples[..., 0] == channels[0, ::2, ::2]).all()
        assert raster.place.pixel_size == 1.0
    with pytest.raises(ImageError, match="there is no level 2, it has 0 to 1"), open_raster(path, level=2):
        pass
    with pytest.raises(ImageError, match="it has 1 to 4"), open_raster(path, (5,)):
        pass


def test_a_slide_of_aperio_states_its_pixel_size(tmp_path: Path, pixels: np.ndarray) -> None:
    said = "Aperio Image Library v12.0.15\n210x150 (64x64) JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990"
    tifffile.imwrite(
        tmp_path / "a.svs", pixels, photometric="rgb", tile=(64, 64), description=said, metadata=None
    )
    with open_raster(tmp_path / "a.svs") as raster:
        assert (raster.read(WINDOW).samples == pixels[WINDOW.slices]).all()
        assert (raster.place.pixel_size, raster.place.area_unit) == (0.499, "um")


def test_a_stack_is_not_one_picture(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((5, 32, 32), np.uint8), metadata={"axes": "ZYX"})
    with pytest.raises(ImageError, match="more than one picture"), open_raster(tmp_path / "a.ome.tif"):
        pass


def test_a_plain_tiff_is_left_to_rasterio(tmp_path: Path, pixels: np.ndarray) -> None:
    pytest.importorskip("rasterio")
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(64, 64))
    assert not pyramid.accepts(tmp_path / "a.tif")
    with open_raster(tmp_path / "a.tif") as raster:
        assert (raster.read(WINDOW).samples == pixels[WINDOW.slices]).all()
        assert "no coordinate reference system" in raster.notes[0]


def test_a_damaged_tile_is_named(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[5]  # type: ignore[union-attr]  columns 64 to 128, rows 64 to 128
    data = bytearray(path.read_bytes())
    data[offset : offset + 20] = b"\xff" * 20
    path.write_bytes(data)
    with pyramid.open_raster(path, None, 0) as raster:
        assert (raster.read(Window(0, 64, 0, 64)).samples == pixels[:64, :64]).all()
        with pytest.raises(ImageError, match="columns 70 to 90, rows 70 to 90 cannot be decoded"):
            raster.read(Window(70, 90, 70, 90))


def test_a_compression_that_needs_a_library_names_the_extra(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(64, 64))

    def decode(self: object, *args: object, **kwargs: object) -> None:  # noqa: ARG001
        raise ValueError("<COMPRESSION.JPEG: 7> requires the 'imagecodecs' package")

    with pyramid.open_raster(tmp_path / "a.tif", None, 0) as raster:
        monkeypatch.setattr(tifffile.TiffPage, "decode", decode)
        with pytest.raises(MissingExtraError, match=r"pip install 'cuecast\[maps\]'"):
            raster.read(WINDOW)


def test_the_header_that_a_page_keeps_for_its_pieces_is_used(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hamamatsu's slides have one JPEG header for all pieces of a page."""
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(64, 48), compression="zlib")
    given = []
    with pyramid.open_raster(tmp_path / "a.tif", None, 0) as raster:
        real = tifffile.TiffPage.decode.func  # type: ignore[attr-defined]

        def decode(self: Any, *args: Any, jpegheader: bytes | None = None, **more: Any) -> Any:
            given.append(jpegheader)
            return real(self)(*args, **more)

        monkeypatch.setattr(tifffile.TiffPage, "jpegheader", b"header")
        monkeypatch.setattr(tifffile.TiffPage, "decode", decode)
        assert (raster.read(WINDOW).samples == pixels[WINDOW.slices]).all()
    assert set(given) == {b"header"}


def test_channels_in_several_files_are_refused(tmp_path: Path) -> None:
    ids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{i}" for i in range(2)]
    blocks = "".join(
        f'<TiffData FirstC="{i}" FirstZ="0" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="c{i}.ome.tif">{ids[i]}</UUID></TiffData>'
        for i in range(2)
    )
    channels = "".join(f'<Channel ID="Channel:0:{i}" SamplesPerPixel="1"/>' for i in range(2))
    for i, own in enumerate(ids):
        described = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{own}"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="64" SizeY="64" SizeC="2" SizeZ="1" '
            f'SizeT="1">{channels}{blocks}</Pixels></Image></OME>'
        )
        pixels = np.full((64, 64), 50 + 70 * i, np.uint8)
        tifffile.imwrite(tmp_path / f"c{i}.ome.tif", pixels, description=described, metadata=None)
    with (
        pytest.raises(ImageError, match="its channels lie in several files"),
        open_raster(tmp_path / "c0.ome.tif"),
    ):
        pass
