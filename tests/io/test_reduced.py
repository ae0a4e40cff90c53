"""Large pictures made small while they are read: what comes is what the library reads, made small afterwards."""

from __future__ import annotations

import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cuecast.core.errors import ImageError
from cuecast.io import reduced
from cuecast.io.images import read_image
from cuecast.io.reduced import _made, png_orientation, read_reduced

H, W = 37, 53


def noise(channels: int | None) -> Any:
    rng = np.random.default_rng(3)
    shape = (H, W) if channels is None else (H, W, channels)
    smooth = (
        np.cumsum(rng.integers(-3, 4, shape), axis=1) + 128
    )  # so that every filter of rows is chosen somewhere
    return np.clip(smooth, 0, 255).astype(np.uint8)


def palette(transparent: bool) -> Image.Image:
    image = Image.fromarray(noise(3)).quantize(16)
    if transparent:
        image.info["transparency"] = bytes(range(0, 256, 16))
    return image


def transparent_grey() -> Image.Image:
    image = Image.fromarray(noise(None))
    image.info["transparency"] = 128
    return image


PICTURES = {
    "grey": lambda: Image.fromarray(noise(None)),
    "grey with a transparent value": transparent_grey,
    "grey and alpha": lambda: Image.fromarray(noise(4)).convert("LA"),
    "colour": lambda: Image.fromarray(noise(3)),
    "colour and alpha": lambda: Image.fromarray(noise(4)),
    "palette": lambda: palette(False),
    "palette with alpha": lambda: palette(True),
    "one bit": lambda: Image.fromarray(noise(None)).convert("1"),
}


@pytest.fixture(params=[64, 700, 1 << 20], ids=["one row", "some rows", "all rows"])
def bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands of so many bytes; the narrow ones let rows that are wider through as well."""
    monkeypatch.setattr(reduced, "BAND_BYTES", max(request.param, 4 * W))


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("kind", PICTURES)
def test_a_png_in_bands_is_the_whole(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    PICTURES[kind]().save(path)
    found = read_reduced(path, W)
    assert found is not None
    assert found.size == (H, W)
    assert (found.pixels == read_image(path).pixels).all()


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_few_bits(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(3)).quantize(2**bits).save(path, bits=bits)
    found = read_reduced(path, W)
    assert found is not None
    assert (found.pixels == read_image(path).pixels).all()


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize("filter_", range(5))
def test_every_filter_of_rows(tmp_path: Path, filter_: int) -> None:
    """Rows as a PNG with the filters none, sub, up, average and Paeth has them, worked out by the standard's rules."""
    pixels = noise(3)
    rows = bytearray()
    for y in range(H):
        rows.append(filter_)
        line = pixels[y].astype(int)
        left = np.vstack([np.zeros((1, 3), int), line[:-1]])
        up = pixels[y - 1].astype(int) if y else np.zeros((W, 3), int)
        corner = np.vstack([np.zeros((1, 3), int), up[:-1]])
        guess = left + up - corner
        near = [abs(guess - left), abs(guess - up), abs(guess - corner)]
        paeth = np.where(
            (near[0] <= near[1]) & (near[0] <= near[2]), left, np.where(near[1] <= near[2], up, corner)
        )
        rows += (
            ((line - [0 * left, left, up, (left + up) // 2, paeth][filter_]) % 256).astype(np.uint8).tobytes()
        )
    path = tmp_path / "a.png"
    head = W.to_bytes(4, "big") + H.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    data = _made(b"IHDR", head) + _made(b"IDAT", zlib.compress(bytes(rows))) + _made(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    found = read_reduced(path, W)
    assert found is not None
    assert (found.pixels == pixels).all()


@pytest.mark.usefixtures("bands")
@pytest.mark.parametrize(("side", "factor"), [(W, 1), (27, 1), (26, 2), (10, 5)])
def test_it_is_made_small_as_the_whole_would_be(tmp_path: Path, side: int, factor: int) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(3)).save(path)
    found = read_reduced(path, side)
    assert found is not None
    assert (found.pixels == np.asarray(Image.fromarray(noise(3)).reduce(factor))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_it_is_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :32], pixels[32:, 64:] = (250, 0, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **({"subsampling": 0} if suffix == "jpg" else {}))
    found, whole = read_reduced(path, 96), read_image(path)
    assert found is not None
    assert found.size == whole.size
    assert found.pixels.shape == whole.pixels.shape
    assert abs(found.pixels.astype(int) - whole.pixels).max() <= 2


def test_a_jpeg_is_made_small_by_its_decoder(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pixels = np.zeros((800, 1200, 3), np.uint8)
    pixels[:, 600:] = (200, 30, 30)
    Image.fromarray(pixels).save(path)
    found = read_reduced(path, 200)
    assert found is not None
    assert found.size == (800, 1200)
    assert 200 <= max(found.pixels.shape) <= 300
    assert abs(found.pixels[50, -5].astype(int) - (200, 30, 30)).max() <= 3


@pytest.mark.parametrize("kind", ["deep", "interlaced", "progressive", "print", "tiff", "raw profile"])
def test_what_has_to_be_read_as_a_whole(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    image = Image.fromarray(noise(3))
    if kind == "deep":
        Image.fromarray(noise(None).astype(np.uint16) * 256).save(path, "PNG")
    elif kind == "interlaced":
        image.convert("1").save(path, "PNG")
        data = bytearray(path.read_bytes())
        data[28] = 1
        path.write_bytes(data)
    elif kind == "progressive":
        image.save(path, "JPEG", progressive=True)
    elif kind == "print":
        image.convert("CMYK").save(path, "JPEG")
    elif kind == "tiff":
        image.save(path, "TIFF")
    else:
        image.save(path, "PNG")
        data = path.read_bytes()
        path.write_bytes(data[:33] + _made(b"tEXt", b"Raw profile type exif\0x") + data[33:])
    assert read_reduced(path, W) is None


def test_an_orientation_behind_the_pixels_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(3)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:-12] + _made(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + data[-12:])
    with open(path, "rb") as stream:
        assert png_orientation(stream) == 6
    found = read_reduced(path, W)
    assert found is not None
    assert found.size == read_image(path).size == (W, H)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_what_is_cut_short_is_said(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (200, 300, 3), np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_reduced(path, 100)


def test_a_png_without_its_last_chunk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(3)).save(path)
    path.write_bytes(path.read_bytes()[:-12])
    found = read_reduced(path, W)
    assert found is not None
    assert (found.pixels == noise(3)).all()


@pytest.mark.parametrize("at", [10, 29, 45, 60, 200])
def test_what_is_damaged_is_said_or_read(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(3)).save(path)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x5A
    path.write_bytes(data)
    with suppress(ImageError):
        assert read_reduced(path, W) is not None


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peaks of memory are read from Linux")
def test_fourteen_thousand_pixels_square_take_less_than_500_mb(tmp_path: Path) -> None:
    """0.2 MB that are 196 million pixels; as a whole they take more than a gigabyte."""
    path, side = tmp_path / "a.png", 14_000
    machine = zlib.compressobj(1)
    packed = b"".join(machine.compress(bytes(side + 1)) for _ in range(side)) + machine.flush()
    head = 2 * side.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    data = _made(b"IHDR", head) + _made(b"IDAT", packed) + _made(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    code = (
        "import re, sys; from pathlib import Path; from cuecast.io.reduced import read_reduced; "
        "found = read_reduced(Path(sys.argv[1]), 512); "
        # The peak that getrusage gives may be that of the tests, which this process was forked from.
        "peak = re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1]; "
        "print(*found.pixels.shape, *found.size, peak)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    height, width, _, *size, kilobytes = map(int, done.stdout.split())
    assert size == [side, side]
    assert height == width >= 512
    assert kilobytes < 500_000
