"""Images at the door: every kind that is promised, by the stated rules; and what bad ones are told."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PILImage

from cuecast.core.errors import ImageError
from cuecast.core.values import Image
from cuecast.io.images import read_image

RGB = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
GREY = RGB[..., 0]


def encoded(array: np.ndarray, format: str, mode: str | None = None, **options: Any) -> bytes:
    image = PILImage.fromarray(array)
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("format", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("PPM", {})]
)
def test_lossless_files_give_their_pixels_from_path_bytes_and_stream(
    tmp_path: Path, format: str, options: dict[str, Any]
) -> None:
    data = encoded(RGB, format, **options)
    path = tmp_path / "ein 'bild' ünï.x"
    path.write_bytes(data)
    image = read_image(path)
    assert np.array_equal(image.pixels, RGB)
    assert (image.name, image.path) == (path.name, path)
    assert np.array_equal(read_image(str(path)).pixels, RGB)
    for source in (data, bytearray(data), io.BytesIO(data)):
        assert np.array_equal(read_image(source).pixels, RGB)
        assert read_image(source).path is None


def test_jpeg_is_read() -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    assert np.abs(read_image(encoded(flat, "JPEG", quality=95)).pixels.astype(int) - flat).max() <= 3


def test_arrays_and_pil_images_are_copied_and_an_image_is_returned_as_it_is() -> None:
    mine = RGB.copy()
    image = read_image(mine)
    mine[:] = 0
    assert np.array_equal(image.pixels, RGB)
    assert mine.flags.writeable
    assert not image.pixels.flags.writeable
    assert np.array_equal(read_image(PILImage.fromarray(RGB)).pixels, RGB)
    assert read_image(image) is image


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 1)])
def test_grey_becomes_three_equal_channels(shape: tuple[int, ...]) -> None:
    assert np.array_equal(read_image(GREY.reshape(shape)).pixels, np.stack([GREY] * 3, axis=2))


def test_one_bit_and_bool_become_black_and_white() -> None:
    bits = GREY > 127
    for source in (bits, encoded(bits, "PNG"), encoded(bits, "TIFF"), encoded(bits, "BMP")):
        assert np.array_equal(read_image(source).pixels[..., 1], bits * 255)


@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes_are_looked_up(format: str) -> None:
    image = PILImage.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([10, 20, 30, 250, 0, 0, 0, 250, 5])
    stream = io.BytesIO()
    image.save(stream, format)
    assert read_image(stream.getvalue()).pixels.tolist() == [
        [[10, 20, 30], [250, 0, 0]],
        [[0, 250, 5], [250, 0, 0]],
    ]


def test_transparency_looks_as_on_a_white_page() -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [100, 0, 200, 51]]], np.uint8)
    expected = [[[10, 20, 30], [255, 255, 255], [224, 204, 244]]]  # 51 / 255 is one fifth
    for source in (rgba, PILImage.fromarray(rgba), encoded(rgba, "PNG"), encoded(rgba, "TIFF")):
        assert read_image(source).pixels.tolist() == expected
    assert read_image(encoded(rgba[..., [0, 3]], "PNG")).pixels[0, :, 0].tolist() == [10, 255, 224]


def test_a_transparent_palette_entry_is_white() -> None:
    image = PILImage.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60])
    for transparency in (1, bytes([255, 0])):
        stream = io.BytesIO()
        image.save(stream, "PNG", transparency=transparency)
        assert read_image(stream.getvalue()).pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_cmyk_is_turned_into_rgb() -> None:
    assert read_image(encoded(np.full((8, 8, 3), 255, np.uint8), "JPEG", "CMYK")).pixels.min() >= 250


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_orientation_of_exif_is_applied(orientation: int, format: str) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = 255  # white corner at the top left, black elsewhere
    upright[:16, 32:, 0] = 255  # red corner at the top right
    undo = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }  # fmt: skip
    exif = PILImage.Exif()
    exif[0x0112] = orientation
    options = (
        {"lossless": True}
        if format == "WEBP"
        else {"quality": 100, "subsampling": 0}
        if format == "JPEG"
        else {}
    )
    source = encoded(np.ascontiguousarray(undo[orientation]), format, exif=exif, **options)
    pixels = read_image(source).pixels.astype(int)
    assert pixels.shape == upright.shape
    assert np.abs(pixels - upright).max() < 40


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_deep_samples_take_the_window_or_the_percentiles(tmp_path: Path, dtype: Any) -> None:
    deep = np.linspace(1000, 3000, 2001).reshape(3, 667).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", deep)
    for source in (deep, tmp_path / "a.tif"):
        windowed = read_image(source, window=(1500, 2520)).pixels[..., 0].ravel()
        assert windowed[[0, 500, 504, 2000]].tolist() == [0, 0, 1, 255]  # four steps a grey level
        own = read_image(source).pixels[..., 0].ravel()
        assert own[[0, 9, 1000, 1991, 2000]].tolist() == [0, 0, 128, 255, 255]


def test_sixteen_bit_files_of_every_kind(tmp_path: Path) -> None:
    deep = np.arange(0, 60000, 500, dtype=np.uint16).reshape(10, 12)
    expected = deep // 500
    tifffile.imwrite(tmp_path / "a.tif", deep, compression="zlib")
    for source in (encoded(deep, "PNG"), encoded(deep, "TIFF", compression="tiff_lzw"), tmp_path / "a.tif"):
        assert np.array_equal(read_image(source, window=(0, 500 * 255)).pixels[..., 0], expected)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_sixteen_bit_colour_tiff_keeps_its_depth(tmp_path: Path, planes: str) -> None:
    deep = np.zeros((4, 5, 3), np.uint16)
    deep[0, 0], deep[1, 1] = (100, 200, 400), (400, 0, 0)
    stored = deep if planes == "contig" else np.moveaxis(deep, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planes)
    pixels = read_image(tmp_path / "a.tif", window=(0, 510)).pixels
    assert (pixels[0, 0].tolist(), pixels[1, 1].tolist()) == ([50, 100, 200], [200, 0, 0])


def test_floats_in_the_unit_interval_are_not_stretched() -> None:
    assert read_image(np.array([[0.2, 0.4]])).pixels[0, :, 0].tolist() == [51, 102]


def test_a_constant_deep_image_is_black_and_a_rare_bright_pixel_stays() -> None:
    assert not read_image(np.full((4, 4), 700, np.uint16)).pixels.any()
    rare = np.full((100, 100), 700, np.uint16)
    rare[5, 5] = 900
    assert read_image(rare).pixels[5, 5, 0] == 255


def test_white_is_zero_is_turned(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="miniswhite")
    assert np.array_equal(read_image(tmp_path / "a.tif").pixels[..., 0], 255 - GREY)


def test_a_fourth_channel_that_is_not_alpha_is_dropped(tmp_path: Path) -> None:
    four = np.dstack([RGB, np.zeros_like(GREY)])
    pytest.importorskip("imagecodecs", reason="writes LZW")
    for options in ({}, {"compression": "lzw"}):  # Pillow decodes the second
        tifffile.imwrite(tmp_path / "a.tif", four, photometric="rgb", extrasamples=["unspecified"], **options)
        assert np.array_equal(read_image(tmp_path / "a.tif").pixels, RGB)


def test_samples_that_are_no_picture_are_told(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((9, 9), np.complex64))
    told(tmp_path / "c.tif", r"c\.tif: samples of type complex64 are no image")


def test_a_ragged_list_is_told() -> None:
    told([[1, 2], [3]], "image: the rows of the array differ in length")


def test_one_bit_pictures_keep_their_transparency() -> None:
    picture = PILImage.fromarray(np.array([[0, 1], [1, 0]], bool))
    stored = io.BytesIO()
    picture.save(stored, "PNG", transparency=0)
    assert (read_image(stored.getvalue()).pixels == 255).all()


@pytest.mark.parametrize("format", ["TIFF", "GIF"])
def test_pages_are_read_by_number_from_zero(tmp_path: Path, format: str) -> None:
    pages = [PILImage.fromarray(np.full((6, 5), v, np.uint8)) for v in (10, 90, 200)]
    path = tmp_path / "stack.bin"
    pages[0].save(path, format, save_all=True, append_images=pages[1:])
    assert [int(read_image(path, page=p).pixels[0, 0, 0]) for p in (0, 1, 2)] == [10, 90, 200]
    assert read_image(path).pixels[0, 0, 0] == 10
    for page in (3, -1):
        with pytest.raises(
            ImageError, match=rf"stack\.bin: there is no page {page}, the file has 3; pages count from 0"
        ):
            read_image(path, page=page)


def test_deep_stacks_are_read_by_page(tmp_path: Path) -> None:
    stack = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    for options in ({}, {"imagej": True, "metadata": {"axes": "ZYX"}}, {"bigtiff": True}):
        tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **options)
        assert np.array_equal(
            read_image(tmp_path / "a.tif", page=2, window=(0, 255)).pixels[..., 0], stack[2]
        )


def test_the_pixel_size_is_read_where_it_can_be_trusted(tmp_path: Path) -> None:
    def size(name: str, **options: Any) -> tuple[float | None, str | None]:
        tifffile.imwrite(tmp_path / name, GREY, **options)
        image = read_image(tmp_path / name)
        return image.pixel_size and round(image.pixel_size, 6), image.unit

    assert size("ij.tif", imagej=True, resolution=(4, 4), metadata={"unit": "um"}) == (0.25, "um")
    assert size("ij2.tif", imagej=True, resolution=(4, 4)) == (None, None)
    ome = {"PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3, "PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    assert size("o.ome.tif", ome=True, metadata=ome) == (0.3, "um")
    assert size("cm.tif", resolution=(200, 200), resolutionunit="centimeter") == (0.05, "mm")
    packed = encoded(RGB, "TIFF", compression="tiff_lzw", resolution=200, resolution_unit=3)
    assert read_image(packed).pixel_size == pytest.approx(0.05)  # Pillow decodes it
    assert size("xy.tif", resolution=(200, 100), resolutionunit="centimeter") == (None, None)
    assert size("dpi.tif", resolution=(300, 300), resolutionunit="inch") == (None, None)
    assert size("72.tif", resolution=(28.35, 28.35), resolutionunit="centimeter") == (None, None)
    assert read_image(encoded(RGB, "PNG", dpi=(300, 300))).pixel_size is None


# What bad input gets


def told(source: Any, words: str, **options: Any) -> None:
    with pytest.raises(ImageError, match=words):
        read_image(source, **options)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.97])
def test_a_truncated_file_is_named(tmp_path: Path, format: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(noise, format)
    path = tmp_path / "cut 'short'.png"
    path.write_bytes(data[: int(len(data) * share)])
    told(path, r"cut 'short'\.png: the image is damaged or cut short \(.+\); copy or save it again")


def test_a_deflated_tiff_that_is_cut_short_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.random.default_rng(0).integers(0, 9999, (64, 64), np.uint16),
        compression="zlib",
    )
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    told(tmp_path / "a.tif", r"a\.tif: the image is damaged or cut short")


def test_bytes_turned_at_random_never_escape_as_another_error() -> None:
    rng = np.random.default_rng(2)
    for format in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
        good = np.frombuffer(encoded(RGB, format), np.uint8)
        for _ in range(40):
            bad = good.copy()
            where = rng.integers(0, len(bad), 4)
            bad[where] = rng.integers(0, 256, 4)
            try:
                assert isinstance(read_image(bad.tobytes(), max_pixels=10**6), Image)
            except ImageError as error:
                assert ";" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty .*; copy or export"),
        (b"just some text\n", "not that of a known image format.*; convert"),
    ],
)
def test_files_that_hold_no_image_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / 'ünï "x".png'
    path.write_bytes(content)
    told(path, f'ünï "x".png: .*{words}')


def test_what_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    told(tmp_path / "none.png", r"none\.png: there is no such file; check the spelling")
    told(tmp_path, "this is a folder, not an image file; name a file in it")
    told("a\0b", "cannot be opened .*; check")
    told({"a": 1}, "cannot read a dict; give a path")


def test_no_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(RGB, "PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: let the system refuse all the same

        def refuse(*_: Any) -> Any:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", refuse)
    told(path, r"secret\.png: no permission to read it; change its permissions")


def bomb(side: int) -> bytes:
    """A PNG of a few hundred bytes that says it is `side` x `side`."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(60_000))
    told(
        tmp_path / "bomb.png",
        r"bomb\.png: 60000 x 60000 pixels are more than the limit of 200000000; .*=3600000000",
    )


def test_the_limit_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(RGB, "PNG")
    told(data, "more than the limit of 107", max_pixels=107)
    assert read_image(data, max_pixels=108).size == (9, 12)
    monkeypatch.setenv("CUECAST_MAX_PIXELS", "100")
    told(data, "limit of 100;")
    told(encoded(RGB, "TIFF"), "limit of 100;")
    told(PILImage.open(io.BytesIO(data)), "limit of 100;")
    monkeypatch.setenv("CUECAST_MAX_PIXELS", "many")
    told(data, "CUECAST_MAX_PIXELS='many' is not a number; set it")


def test_above_the_limit_of_pillow_the_limit_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 10)
    assert read_image(encoded(RGB, "PNG")).size == (9, 12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    pixels = np.full((4, 4), 0.5, np.float32)
    pixels[1, 2] = bad
    tifffile.imwrite(tmp_path / "nan.tif", pixels)
    told(pixels, "image: 1 samples are NaN or infinite; replace them")
    told(tmp_path / "nan.tif", r"nan\.tif: 1 samples are NaN or infinite; replace them", window=(0, 1))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4, 5, 3)),
        np.zeros(7),
        np.zeros((4, 4, 7)),
        np.zeros((0, 4)),
        np.zeros((2, 2), complex),
        np.array([["a"]]),
    ],
)
def test_arrays_that_are_no_images_are_refused(array: np.ndarray) -> None:
    told(array, "no image; |no pixels")


def test_an_empty_window_is_refused() -> None:
    told(GREY, r"window \(5, 5\) is empty; give \(low, high\)", window=(5, 5))


def test_a_tiff_of_many_channels_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "m.tif", np.zeros((4, 5, 7), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    told(tmp_path / "m.tif", r"m\.tif: shape \(4, 5, 7\) is no image; .*three channels")
