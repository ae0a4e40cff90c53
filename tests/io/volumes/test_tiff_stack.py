"""Multi-page TIFF in and out, spacing where ImageJ or OME state it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import phantoms
import pytest
import tifffile

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.core.values import ClassInfo
from cuecast.io.volumes import Reading, open_volume, tiff, write_labels

THING = (ClassInfo(1, "thing"),)
MICRO = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}


def test_a_plain_stack_states_no_spacing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", phantoms.values(), photometric="minisblack")
    volume = open_volume(tmp_path / "a.tif")
    assert (volume.voxels == phantoms.values()).all()
    assert isinstance(volume.voxels, np.memmap)
    assert volume.spacing is None
    assert "states no spacing" in volume.notes[0]
    assert open_volume(tmp_path / "a.tif", Reading(spacing=(2, 1, 0.5))).voxel_ml == pytest.approx(0.001)


def test_the_spacing_of_imagej(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", phantoms.values(), imagej=True, resolution=(2, 1), metadata=MICRO)
    assert open_volume(tmp_path / "a.tif").spacing == pytest.approx((0.002, 0.001, 0.0005))


def test_the_spacing_of_ome(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 1.0, "PhysicalSizeZ": 2.0, "PhysicalSizeZUnit": "mm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", phantoms.values(), metadata={"axes": "ZYX", **sizes})
    volume = open_volume(tmp_path / "a.ome.tif")
    assert volume.name == "a"
    assert volume.spacing == pytest.approx((2.0, 0.001, 0.0005))


def test_packed_pages_are_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", phantoms.values(), compression="zlib", photometric="minisblack")
    volume = open_volume(tmp_path / "a.tif")
    assert not isinstance(volume.voxels, np.memmap)
    assert (volume.voxels == phantoms.values()).all()


def test_one_channel_of_several_is_chosen(tmp_path: Path) -> None:
    both = np.stack([phantoms.values(), phantoms.values() + 1], axis=1)  # ZCYX, as ImageJ has it
    tifffile.imwrite(tmp_path / "a.tif", both, imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(ImageError, match=r"holds 2 volumes.*--channel"):
        open_volume(tmp_path / "a.tif")
    assert (open_volume(tmp_path / "a.tif", Reading(channel=1)).voxels == phantoms.values() + 1).all()


def test_labels_are_an_imagej_stack_with_the_spacing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", phantoms.values(), imagej=True, resolution=(2, 1), metadata=MICRO)
    volume = open_volume(tmp_path / "a.tif")
    labels = phantoms.truth().astype(np.uint8)
    write_labels(tmp_path / "out.tif", labels, volume, THING, "tiff")
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert (tif.asarray() == labels).all()
        assert tif.asarray().dtype == np.uint8
        assert tif.series[0].axes == "ZYX"
    assert open_volume(tmp_path / "out.tif").spacing == pytest.approx(volume.spacing)


def test_colours_and_single_pages_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((4, 8, 8, 3), np.uint8), photometric="rgb")
    with pytest.raises(ImageError, match="in colour"):
        open_volume(tmp_path / "rgb.tif")
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(ImageError, match="no stack"):
        open_volume(tmp_path / "one.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_file_cut_short_is_named(tmp_path: Path, compression: str | None) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, phantoms.SIZE, np.int16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise, compression=compression, photometric="minisblack")
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ImageError, match=r"a\.tif: the TIFF is damaged or cut short"):
        open_volume(path)


def test_a_compression_that_nothing_reads_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    tifffile.imwrite(tmp_path / "a.tif", phantoms.values(), photometric="minisblack")
    monkeypatch.setattr(tiff, "_voxels", refuse)
    with pytest.raises(MissingExtraError, match=r"cuecast\[tiff-codecs\]"):
        open_volume(tmp_path / "a.tif")
