"""One mask as other programs write it: soft edges, loss, inverted TIFFs, palettes. What is right is drawn by hand."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PILImage

from cuecast.core.errors import CuecastWarning, MaskError
from cuecast.core.values import IGNORE, ClassInfo, Image
from cuecast.io.images import read_image
from cuecast.io.labels.masks import read_mask

U8 = np.uint8
SIDE = 64


def disc(soft: float = 0.0) -> np.ndarray:
    """A disc that covers a fifth of the picture, 0 to 1; its edge falls off over `soft` pixels."""
    y, x = np.mgrid[:SIDE, :SIDE] - np.array([30.2, 33.4])[:, None, None]
    return np.clip((16 - np.hypot(x, y)) / max(soft, 1e-6) + 0.5, 0, 1)


HARD = disc() >= 0.5


def found(source: Any, **options: Any) -> np.ndarray:
    return read_mask(source, image=Image(np.zeros((SIDE, SIDE, 3), U8)), **options)


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    known = mask != IGNORE
    return float(((mask == 1) & truth & known).sum() / (((mask == 1) | truth) & known).sum())


def saved(path: Path, array: np.ndarray, **options: Any) -> Path:
    PILImage.fromarray(array).save(path, **options)
    return path


def grey(soft: float = 0.0) -> np.ndarray:
    return np.round(disc(soft) * 255).astype(U8)


def test_the_masks_of_programs(cases: Path) -> None:
    folder = cases / "in_masks_of_programs"
    image = read_image(folder / "001.png")
    truth = np.array(PILImage.open(folder / "truth.png")) > 0
    masks = [p for p in sorted(folder.glob("m_*")) if "cutout" not in p.name]
    assert len(masks) == 12
    for path in masks:
        assert iou(read_mask(path, image=image), truth) >= 0.98, path.name
    with pytest.raises(MaskError, match=r"a cut-out picture, not a mask; save its alpha channel"):
        read_mask(folder / "m_rembg_cutout.png", image=image)


def test_inverted_tiffs_of_the_case(cases: Path) -> None:
    folder = cases / "in_imagej_inverted_mask"
    image = read_image(next((folder / "photos").iterdir()))
    plain = read_mask(folder / "plain_mask.png", image=image)
    for name in ("fiji_mask.tif", "bool_mask.tif"):
        assert np.array_equal(read_mask(folder / name, image=image), plain)


WHITE_IS_ZERO: dict[str, Callable[[Path], Any]] = {
    "eight bits": lambda p: tifffile.imwrite(p, HARD * U8(255), photometric="miniswhite"),
    "bool": lambda p: tifffile.imwrite(p, HARD, photometric="miniswhite"),
    "deflate": lambda p: tifffile.imwrite(p, HARD * U8(255), photometric="miniswhite", compression="zlib"),
    "sixteen bits": lambda p: tifffile.imwrite(p, HARD * np.uint16(65535), photometric="miniswhite"),
    "labels": lambda p: tifffile.imwrite(p, HARD * np.uint16(1), photometric="miniswhite"),
    # Pillow stores the complement of what it is given
    "fax": lambda p: PILImage.fromarray(~HARD).save(p, compression="group4", tiffinfo={262: 0}),
    "lzw": lambda p: PILImage.fromarray(~HARD * U8(255)).save(p, compression="tiff_lzw", tiffinfo={262: 0}),
}


@pytest.mark.parametrize("kind", WHITE_IS_ZERO)
def test_the_stored_numbers_of_a_tiff_count(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.tif"
    WHITE_IS_ZERO[kind](path)
    with tifffile.TiffFile(path) as tif:
        assert int(tif.pages[0].photometric) == 0
    assert np.array_equal(found(path), HARD)
    assert np.array_equal(found(path.read_bytes()), HARD)
    if kind in ("eight bits", "bool", "fax", "lzw"):
        with PILImage.open(path) as picture:
            assert np.array_equal(found(picture), HARD)


def test_pages_of_an_inverted_tiff(tmp_path: Path) -> None:
    stack = np.stack([~HARD, HARD]) * U8(255)
    tifffile.imwrite(tmp_path / "m.tif", stack, photometric="miniswhite")
    assert np.array_equal(found(tmp_path / "m.tif", page=1), HARD)


def test_pictures_are_still_seen_as_they_are_shown(tmp_path: Path) -> None:
    for compression in (None, "lzw_by_pillow"):
        path = tmp_path / "p.tif"
        if compression:
            PILImage.fromarray(HARD * U8(255)).save(path, compression="tiff_lzw", tiffinfo={262: 0})
        else:
            tifffile.imwrite(path, ~HARD * U8(255), photometric="miniswhite")
        assert np.array_equal(read_image(path).pixels[..., 0], HARD * U8(255))


def test_an_inverted_tiff_that_marks_the_most_is_noted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", ~HARD * U8(255), photometric="miniswhite")
    with pytest.warns(CuecastWarning, match=r"m\.tif: says that its 0 is white; .*covers 80% .*--value 0"):
        assert np.array_equal(found(tmp_path / "m.tif"), ~HARD)
    assert np.array_equal(found(tmp_path / "m.tif", value=0), HARD)


def test_a_palette_tiff_is_read_by_its_numbers(tmp_path: Path) -> None:
    """Whatever its colours: an inverting one, and one of labels in which 2 is black."""
    ramp = np.arange(256, dtype=np.uint16) * 257
    inverting = np.stack([ramp[::-1]] * 3)
    tifffile.imwrite(tmp_path / "a.tif", HARD * U8(255), photometric="palette", colormap=inverting)
    assert np.array_equal(found(tmp_path / "a.tif"), HARD)
    colours = np.stack([np.roll(ramp, 2)] * 3)
    tifffile.imwrite(tmp_path / "b.tif", HARD * U8(2), photometric="palette", colormap=colours)
    assert np.array_equal(found(tmp_path / "b.tif"), HARD * 2)


LOSSY: dict[str, dict[str, Any]] = {
    "m.jpg": {"quality": 60},
    "m.webp": {"quality": 60},
    "m.jp2": {"irreversible": True, "quality_mode": "rates", "quality_layers": [8]},
    "r.jp2": {"quality_mode": "rates", "quality_layers": [6]},
    "m.tif": {"compression": "jpeg"},
}


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("mode", ["L", "RGB", "red", "CVAT"])
def test_what_loss_has_blurred_is_cut_in_the_middle(tmp_path: Path, name: str, mode: str) -> None:
    colour = {"red": (230, 25, 75), "CVAT": (250, 50, 83)}.get(mode)
    picture = PILImage.fromarray(grey()).convert("RGB" if colour else mode)
    if colour:
        picture = PILImage.fromarray(np.where(HARD[..., None], colour, 0).astype(U8))
    picture.save(tmp_path / name, **LOSSY[name])
    with PILImage.open(tmp_path / name) as opened:
        stored = np.array(opened)
    assert len(np.unique(stored)) > 4  # or nothing was lost
    assert iou(found(tmp_path / name), HARD) >= (
        0.95 if colour else 0.98
    )  # colours are stored at half the size
    if colour:
        return
    again = saved(tmp_path / "again.png", stored)  # as a program saves it that has opened it
    assert iou(found(again), HARD) >= 0.98


def test_lossless_kinds_of_these_formats_keep_labels(tmp_path: Path) -> None:
    labels = np.where(HARD, 3, 0).astype(U8)
    labels[:9, :9] = 200
    for name, options in (("m.webp", {"lossless": True}), ("m.jp2", {"irreversible": False})):
        assert np.array_equal(found(saved(tmp_path / name, labels, **options)), labels)


def test_classes_that_loss_has_taken_are_told(tmp_path: Path) -> None:
    for name in ("m.jpg", "m.webp"):
        path = saved(tmp_path / name, HARD * U8(2))
        with pytest.raises(
            MaskError, match=r"cannot hold classes by number, and nothing in it is white .*PNG"
        ):
            found(path)
    coloured = np.where(HARD[..., None], [230, 25, 75], 0).astype(U8)
    coloured[:9, :9] = (10, 200, 30)
    with pytest.raises(MaskError, match=r"m\.webp: a WEBP blurs the colours of a mask; save it as PNG"):
        found(saved(tmp_path / "m.webp", coloured))


WHITE = np.full((SIDE, SIDE), 255, U8)
BLACK = WHITE * 0
SOFT = {
    "grey": grey(9),
    "sixteen bits": np.round(disc(9) * 65535).astype(np.uint16),
    "a brush that is not opaque": np.round(disc(4) * 180).astype(U8),
    "float": grey(9).astype(np.float32),
    "integers": grey(9).astype(np.int64),
    "alpha of white": np.dstack([WHITE, WHITE, WHITE, grey(9)]),
    "alpha of black": np.dstack([BLACK, BLACK, BLACK, grey(9)]),
    "alpha of red": np.dstack([WHITE, BLACK, BLACK, grey(9)]),
    "grey and alpha": np.dstack([WHITE, grey(9)]),
    "half transparent throughout": np.dstack([WHITE, WHITE, WHITE, grey(9) // 2]),
    "hidden colours": np.dstack([np.where(HARD, 255, 7), np.where(HARD, 255, 99), WHITE, grey()]).astype(U8),
}


@pytest.mark.parametrize("kind", SOFT)
def test_soft_edges_of_every_kind_are_cut_at_half(tmp_path: Path, kind: str) -> None:
    half = disc(9) >= 0.5
    assert iou(found(SOFT[kind]), half) >= 0.98
    if kind in ("float", "integers"):
        return
    assert iou(found(saved(tmp_path / "m.png", SOFT[kind])), half) >= 0.98
    assert HARD.sum() == pytest.approx(half.sum(), rel=0.02)


@pytest.mark.parametrize(
    "name", ["m.bmp", "m.gif", "m.pbm", "m.pgm", "m.ppm", "m.pnm", "m.tga.png", "m.webp"]
)
def test_black_and_white_of_every_format(tmp_path: Path, name: str) -> None:
    picture = PILImage.fromarray(HARD) if name.endswith("pbm") else PILImage.fromarray(HARD * U8(255))
    picture.save(tmp_path / name, **({"lossless": True} if name == "m.webp" else {}))
    assert np.array_equal(found(tmp_path / name), HARD)
    if name in ("m.bmp", "m.gif", "m.tga.png"):
        PILImage.fromarray(HARD).save(tmp_path / name)
        assert np.array_equal(found(tmp_path / name), HARD)


NUMBERS = np.arange(SIDE * SIDE, dtype=U8).reshape(SIDE, SIDE) // 16 % 4
"""Four values in rows of 16 pixels."""


def narrow_png(path: Path, array: np.ndarray, bits: int) -> Path:
    """A grey PNG of 2 or 4 bits a sample, which Pillow does not write."""
    spread = (array[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(spread.reshape(SIDE, -1).astype(U8), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, bits, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def pgm(path: Path, array: np.ndarray, highest: int, plain: bool) -> Path:
    body = (
        " ".join(map(str, array.ravel())).encode()
        if plain
        else array.astype("u1" if highest < 256 else ">u2")
    )
    path.write_bytes(b"P%d %d %d %d\n" % (2 if plain else 5, SIDE, SIDE, highest) + bytes(body))
    return path


@pytest.mark.parametrize("bits", [2, 4])
def test_the_numbers_of_a_png_of_few_bits_count(tmp_path: Path, bits: int) -> None:
    path = narrow_png(tmp_path / "m.png", NUMBERS, bits)
    assert np.array_equal(found(path), NUMBERS)
    assert np.array_equal(found(path, value=2), NUMBERS == 2)
    white = narrow_png(tmp_path / "white.png", HARD * U8(2**bits - 1), bits)
    assert np.array_equal(found(white), HARD)


def test_soft_edges_of_four_bits_are_cut_at_half(tmp_path: Path) -> None:
    soft = narrow_png(tmp_path / "m.png", np.round(disc(9) * 15).astype(U8), 4)
    assert iou(found(soft), disc(9) >= 0.5) >= 0.98


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("highest", [3, 20, 255, 1000])
def test_the_numbers_of_a_pgm_count_whatever_its_white_is(tmp_path: Path, highest: int, plain: bool) -> None:
    assert np.array_equal(found(pgm(tmp_path / "m.pgm", NUMBERS, highest, plain)), NUMBERS)


def test_a_palette_with_soft_transparency(tmp_path: Path) -> None:
    """As programs make one of a soft brush, to save room."""
    alpha = np.arange(0, 256, 17, dtype=U8)
    picture = PILImage.fromarray(np.digitize(grey(9), alpha[1:]).astype(U8))
    picture.putpalette([255] * 48)
    picture.save(tmp_path / "m.png", transparency=alpha.tobytes())
    assert iou(found(tmp_path / "m.png"), disc(9) >= 0.5) >= 0.95


def test_numbers_and_soft_edges_in_a_gif_are_its_greys(tmp_path: Path) -> None:
    labels = np.where(HARD, 7, 0).astype(U8)
    labels[:9, :9] = 3
    assert np.array_equal(found(saved(tmp_path / "n.gif", labels)), labels)
    assert iou(found(saved(tmp_path / "s.gif", grey(9))), disc(9) >= 0.5) >= 0.98


def test_the_border_of_pascal_voc_is_unknown_in_numbers_and_in_colours() -> None:
    border = (disc(9) > 0) & (disc(9) < 1)
    for colour in ((128, 0, 0), (192, 0, 128)):
        drawn = np.where(HARD[..., None], colour, 0)
        drawn[border] = (224, 224, 192)
        mask = found(drawn.astype(U8))
        assert np.array_equal(mask == IGNORE, border)
        assert np.array_equal(mask == 1, HARD & ~border)
    numbered = np.where(border, 255, HARD * 5).astype(U8)
    assert set(np.unique(found(numbered))) == {IGNORE, 0, 5}


def test_pictures_given_for_masks_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 250, (SIDE, SIDE), U8)
    with pytest.raises(MaskError, match=r"2\d\d values in scattered pixels: a picture, not a mask"):
        found(noise)
    with pytest.raises(
        MaskError, match=r"m\.jpg: \d\d% of it is neither black nor white: a picture, not a mask"
    ):
        found(saved(tmp_path / "m.jpg", noise))
    with pytest.raises(MaskError, match=r"before a transparent background: a cut-out picture"):
        found(saved(tmp_path / "c.png", np.dstack([noise, grey()])))


def test_many_numbered_things_in_eight_bits_are_no_soft_edges(tmp_path: Path) -> None:
    numbers = np.zeros((SIDE, SIDE), U8)
    numbers.reshape(16, 4, 16, 4)[:, :3, :, :3] = np.arange(256, dtype=U8).reshape(16, 1, 16, 1)
    for name in ("n.png", "n.jp2"):
        mask = found(saved(tmp_path / name, numbers))
        assert np.array_equal(mask, np.where(numbers == 255, IGNORE, numbers.astype(int)))
        things = found(tmp_path / name, classes=[ClassInfo(1, "cell")])
        assert np.array_equal(things, numbers > 0)
