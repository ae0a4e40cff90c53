"""Deflated strips that unpack to more than they state, read without imagecodecs."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cuecast.core.errors import ImageError
from cuecast.io import tiff
from cuecast.io.images import read_image
from cuecast.io.tiff import check_deflated
from cuecast.io.volumes import open_volume

SIDE = 8


def lying(path: Path, pages: int, strip: bytes) -> Path:
    """A deflated TIFF of 8 x 8 pixels whose last strip is this one, whatever it unpacks to."""
    tifffile.imwrite(
        path, np.zeros((pages, SIDE, SIDE), np.uint8), photometric="minisblack", compression="deflate"
    )
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[pages - 1]
        assert isinstance(page, tifffile.TiffPage)
        places = [page.tags[code].valueoffset for code in (273, 279)]
        for place, value in zip(places, (len(data), len(strip)), strict=True):
            kind = "<H" if page.tags[279].dtype == 3 and place == places[1] else "<I"
            data[place : place + struct.calcsize(kind)] = struct.pack(kind, value)
    path.write_bytes(data + strip)
    return path


@pytest.fixture(autouse=True)
def without_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    monkeypatch.setattr(tiff, "MORE", 10_000)


def checked(path: Path) -> None:
    with tifffile.TiffFile(path) as tif:
        for page in tif.pages:
            check_deflated(page, tif.filehandle)


def test_a_strip_that_goes_on_and_on_is_refused(tmp_path: Path) -> None:
    path = lying(tmp_path / "a.tif", 1, zlib.compress(bytes(100_000)))
    with pytest.raises(ValueError, match="unpacks to more than 10064 bytes"):
        checked(path)


def test_one_with_a_little_more_is_left_to_who_reads_it(tmp_path: Path) -> None:
    checked(lying(tmp_path / "a.tif", 1, zlib.compress(np.arange(5_000, dtype=np.uint16).tobytes())))


def test_honest_ones_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    tifffile.imwrite(path, pixels, compression="deflate", rowsperstrip=300)
    checked(path)


def test_images_and_volumes_are_held_to_it(tmp_path: Path) -> None:
    strip = zlib.compress(bytes(100_000))
    with pytest.raises(ImageError, match="unpacks to more"):
        read_image(lying(tmp_path / "a.tif", 1, strip))
    with pytest.raises(ImageError, match="unpacks to more"):
        open_volume(lying(tmp_path / "b.tif", 3, strip))
