"""TIFF pages: exact samples in every install, or the extra that gives them; stacks behind one page; pixel sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.io.images import read_image
from cuecast.io.pixels import read_raster
from cuecast.io.tiff import lacks_codec

CORE = """
import json, sys
sys.modules["imagecodecs"] = None  # as where the extra is not installed
from cuecast.core.errors import CuecastError, ImageError
from cuecast.io.pixels import read_raster
said = {}
for name in sys.argv[1:]:
    try:
        samples = read_raster(name, error=ImageError).samples
        said[name] = [str(samples.dtype), samples.tolist()]
    except CuecastError as error:
        said[name] = [type(error).__name__, str(error)]
print(json.dumps(said))
"""


def read_in_core(*paths: Path) -> list[tuple[str, object]]:
    """What an install without extras makes of each file: (type, samples), or (error, its words)."""
    done = subprocess.run(
        [sys.executable, "-c", CORE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(done.stdout)[str(path)]) for path in paths]


def test_a_missing_codec_is_read_otherwise_or_named_and_never_called_damage(cases: Path) -> None:
    tiles = sorted((cases / "in_tiff_float_predictor/tiles").glob("*.tif"))
    expected = {path.name: tifffile.imread(path) for path in tiles}
    for path, (dtype, found) in zip(tiles, read_in_core(*tiles), strict=True):
        assert dtype == str(expected[path.name].dtype), found
        assert np.array_equal(found, expected[path.name])
        assert np.array_equal(read_raster(path, error=ImageError).samples, expected[path.name])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd"])
@pytest.mark.parametrize("predictor", [False, True])
def test_samples_are_exact_or_the_extra_is_named(
    tmp_path: Path, byteorder: str, compression: str, predictor: bool
) -> None:
    pytest.importorskip("imagecodecs", reason="writes the files")
    rng = np.random.default_rng(0)
    made = {}
    for dtype in ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int8"):
        for shape in ((9, 12), (9, 12, 3)):
            path = tmp_path / f"{dtype}{len(shape)}.tif"
            values = rng.random(shape) * (4e9 if dtype == "uint32" else 120)
            tifffile.imwrite(
                path, made.setdefault(path, values.astype(dtype)), byteorder=byteorder, compression=compression,
                predictor=predictor, photometric="minisblack" if len(shape) == 2 else "rgb",
            )  # fmt: skip
    named = 0
    for (path, samples), (what, found) in zip(made.items(), read_in_core(*made), strict=True):
        assert np.array_equal(read_raster(path, error=ImageError).samples, samples), path
        if what == "MissingExtraError":
            assert "pip install 'cuecast[tiff-codecs]'" in str(found)
            named += 1
        else:
            assert np.array_equal(found, samples), path
    assert named < len(made)


def test_jpeg_2000_and_other_codecs_are_named(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs", reason="writes the files")
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    for codec in ("jpeg2000", "lerc", "jpegxl", "webp"):
        path = tmp_path / f"{codec}.tif"
        colour = codec in ("webp", "jpegxl")
        tifffile.imwrite(
            path, np.stack([grey] * 3, 2) if colour else grey, compression=codec,
            photometric="rgb" if colour else "minisblack", compressionargs={"level": 100} if colour else {},
        )  # fmt: skip
        assert read_image(path).size == (32, 32)
        [(what, found)] = read_in_core(path)
        assert what == "MissingExtraError" or np.array_equal(np.shape(found)[:2], (32, 32)), found


def test_damage_is_called_damage_in_every_install(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs", reason="writes the files")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    threshold = []
    for codec in ("lzw", "zstd", "deflate"):
        for name, samples in (
            ("u8", noise),
            ("u16", noise.astype(np.uint16) * 257),
            ("f32", noise / np.float32(7)),
        ):
            path = tmp_path / f"{codec}_{name}.tif"
            tifffile.imwrite(path, samples, compression=codec)
            data = path.read_bytes()
            with tifffile.TiffFile(path) as tif:
                middle = tif.pages[0].dataoffsets[0] + 500
            path.write_bytes(data[:middle])
            threshold.append(path)
    for path, (what, found) in zip(threshold, read_in_core(*threshold), strict=True):
        assert what == "ImageError", (path, found)
        assert "damaged or cut short" in str(found)
        with pytest.raises(ImageError, match="damaged or cut short"):
            read_image(path)


def test_a_compression_that_nobody_knows_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((9, 9), np.uint8))
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[259].overwrite(61234)
    with pytest.raises(ImageError, match="61234"):
        read_image(path)


@pytest.mark.parametrize("kind", [{"imagej": True}, {}, {"bigtiff": True}])
def test_all_planes_behind_a_single_page_are_read(tmp_path: Path, kind: dict[str, bool]) -> None:
    stack = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": "ZYX"}, **kind)
    short = tmp_path / path.name.replace("a", "short")
    # As Fiji writes stacks above 4 GB: the first page alone, and the planes behind it.
    tifffile.imwrite(short, stack, photometric="minisblack", truncate=True, metadata={"axes": "ZYX"}, **kind)
    with tifffile.TiffFile(short) as tif:
        assert len(tif.pages) == 1
    for page in range(5):
        for name in (path, short):
            assert np.array_equal(read_raster(name, error=ImageError, page=page).samples, stack[page])
    with pytest.raises(ImageError, match="no page 5, the file has 5"):
        read_image(short, page=5)
    with tifffile.TiffFile(short) as tif:
        end = tif.pages[0].dataoffsets[0] + stack.nbytes
    short.write_bytes(short.read_bytes()[: end - 40])
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_image(short, page=4)


def test_colour_planes_behind_a_single_page_are_read(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 256, (3, 6, 7, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, truncate=True, photometric="rgb")
    for page in range(3):
        assert np.array_equal(read_image(tmp_path / "a.tif", page=page).pixels, stack[page])


def test_resolutions_of_print_in_centimetres_are_not_believed(tmp_path: Path) -> None:
    def size(per_cm: float) -> float | None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path, np.zeros((4, 4), np.uint8), resolution=(per_cm, per_cm), resolutionunit="centimeter"
        )
        return read_image(path).pixel_size

    for dpi in (72, 96, 100, 150, 200, 240, 300, 350, 600, 720, 1200, 2400, 4800):
        assert size(dpi / 2.54) is None, dpi
    for rounded in (118, 118.11, 59, 59.06, 236, 236.2, 28, 38, 472.44):  # of 300, 150, 600, 72, 96 and 1200
        assert size(rounded) is None, rounded
    for per_cm in (20, 50, 100, 200, 250, 500, 1000, 2500, 5000, 10000, 15384.6, 43103.4):
        assert size(per_cm) == pytest.approx(10 / per_cm, rel=1e-4), per_cm


def test_imagej_takes_over_resolutions_of_print_and_is_not_believed_either(tmp_path: Path) -> None:
    def size(per_unit: float, unit: str) -> float | None:
        path = tmp_path / "a.tif"
        resolution = (per_unit, per_unit)
        tifffile.imwrite(
            path, np.zeros((4, 4), np.uint8), imagej=True, resolution=resolution, metadata={"unit": unit}
        )
        return read_image(path).pixel_size

    assert [size(300, "inch"), size(72, "inch"), size(118.11, "cm")] == [None] * 3
    assert size(300, "mm") == pytest.approx(1 / 300)
    assert size(1000, "cm") == pytest.approx(1e-3)


def test_only_what_a_library_lacks_is_taken_for_that() -> None:
    assert lacks_codec(ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package"))
    assert lacks_codec(ModuleNotFoundError("No module named 'compression'"))
    assert not lacks_codec(ValueError("the data should reach byte 7"))
    assert not issubclass(MissingExtraError, ImageError)
