"""Masks of every promised kind, against label maps written by hand; and back to PNG."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from annotated import CLASSES, annotations, obj
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image as PILImage

from cuecast.core.errors import MaskError, OutputError
from cuecast.core.notes import notes_to
from cuecast.core.values import IGNORE, ClassInfo, Image
from cuecast.cues import Cue
from cuecast.io import labels
from cuecast.io.images import read_image
from cuecast.io.labels import label_names
from cuecast.io.labels.coco import write_coco
from cuecast.io.labels.labelme import write_labelme
from cuecast.io.labels.masks import read_labels, read_mask, write_mask
from cuecast.io.labels.yolo import write_yolo, write_yolo_names
from cuecast.predictor import read_cues


def image(height: int = 2, width: int = 3, path: Path | None = None) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8), path.name if path else "photo.jpg", path)


def label(source: Any, **options: Any) -> list[list[int]]:
    size = source.shape[:2] if isinstance(source, np.ndarray) else (2, 3)
    found = read_mask(source, image=image(*size), **options)
    assert found.dtype == np.int32
    result: list[list[int]] = found.tolist()
    return result


def saved(path: Path, array: np.ndarray, palette: list[int] | None = None, **options: Any) -> Path:
    picture = PILImage.fromarray(array)
    if palette:
        picture.putpalette(palette)
    picture.save(path, **options)
    return path


U8 = np.uint8
THING = np.array([[0, 1, 1], [0, 0, 1]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32])
@pytest.mark.parametrize("high", [1, 255])
def test_0_1_and_0_255_are_the_thing(dtype: Any, high: int) -> None:
    assert label((THING * high).astype(dtype)) == THING.tolist()


def test_bool_one_bit_and_0_65535_are_the_thing(tmp_path: Path) -> None:
    assert label(THING.astype(bool)) == THING.tolist()
    assert label((THING * 65535).astype(np.uint16)) == THING.tolist()
    for name in ("a.png", "a.bmp", "a.tif", "a.gif"):
        assert label(saved(tmp_path / name, THING.astype(bool))) == THING.tolist()
        assert label(saved(tmp_path / name, (THING * 255).astype(U8))) == THING.tolist()
        with PILImage.open(tmp_path / name) as picture:
            assert label(picture) == THING.tolist()
        assert label((tmp_path / name).read_bytes()) == THING.tolist()


def test_a_full_and_an_empty_mask() -> None:
    assert label(np.full((1, 2), 255, U8)) == [[1, 1]]
    assert label(np.zeros((1, 2), U8)) == [[0, 0]]


def test_a_label_map_keeps_its_values_and_the_highest_is_ignored() -> None:
    assert label(np.array([[0, 3, 255]], U8)) == [[0, 3, IGNORE]]
    assert label(np.array([[0, 300, 255, 65535]], np.uint16)) == [[0, 300, 255, IGNORE]]
    assert label(np.array([[0, 2, IGNORE, 255]], np.int32)) == [[0, 2, IGNORE, 255]]
    assert label(np.array([[0, 255, IGNORE]], np.int32)) == [[0, 1, IGNORE]]


def test_sixteen_bit_files_keep_their_values(tmp_path: Path) -> None:
    deep = np.array([[0, 300, 65535], [1, 2, 255]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep)
    for path in (tmp_path / "a.tif", saved(tmp_path / "a.png", deep)):
        assert label(path) == [[0, 300, IGNORE], [1, 2, 255]]


def test_a_palette_is_read_by_index(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "voc.png",
        np.array([[0, 1, 2], [2, 255, 0]], U8),
        [0, 0, 0, 128, 0, 0, 0, 128, 0] + [224] * 759,
    )
    assert label(path) == [[0, 1, 2], [2, IGNORE, 0]]


def test_a_palette_of_black_and_white_is_read_by_colour(tmp_path: Path) -> None:
    assert (
        label(saved(tmp_path / "a.png", THING.astype(U8), [255, 255, 255, 0, 0, 0])) == (1 - THING).tolist()
    )


def test_grey_saved_as_colour_is_grey() -> None:
    assert label(np.stack([THING * 255] * 3, axis=2).astype(U8)) == THING.tolist()


COLOURS = np.array([[[0, 0, 0], [255, 0, 0], [0, 0, 255]], [[0, 255, 0], [255, 0, 0], [0, 0, 0]]], U8)


def test_colours_are_classes_in_order_or_by_the_classes() -> None:
    assert label(COLOURS) == [[0, 3, 1], [2, 3, 0]]
    classes = [
        ClassInfo(4, "red", "#ff0000"),
        ClassInfo(5, "green", "#00ff00"),
        ClassInfo(9, "blue", "#0000ff"),
    ]
    assert label(COLOURS, classes=classes) == [[0, 4, 9], [5, 4, 0]]
    assert label(COLOURS, classes=classes[:2]) == [[0, 3, 1], [2, 3, 0]]
    assert label(COLOURS, value=0xFF0000) == [[0, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_our_colours_keep_their_meaning_without_the_palette(tmp_path: Path, mode: str) -> None:
    """As a drawing program saves a mask of ours; the colours of classes 1 and 2 are not in the order of the ids."""
    labels = np.array([[1, 2, 0], [20, IGNORE, 1]], np.int32)
    path = write_mask(tmp_path / "a.png", labels)
    PILImage.open(path).convert(mode).save(tmp_path / "b.png")
    assert label(tmp_path / "b.png") == labels.tolist()
    photos = [saved(tmp_path / f"{i}.png", np.zeros((2, 3, 3), U8)) for i in range(2)]
    infos, examples = read_cues([Cue(p, mask=tmp_path / "b.png") for p in photos])
    assert [i.id for i in infos] == [1, 2, 20]
    assert [e.marks.mask.tolist() for e in examples if e.marks.mask is not None] == [labels.tolist()] * 2


def flat(*colours: int) -> np.ndarray:
    """A row of pixels with these packed colours, (1, n, 3)."""
    return np.array([[[c >> 16, c >> 8 & 255, c & 255] for c in colours]], U8)


def test_colours_that_others_use_as_well_are_counted() -> None:
    """The first and the third class of PASCAL VOC; and one of ours that no stated class can mean."""
    assert label(flat(0, 0x800000, 0x808000)) == [[0, 1, 2]]
    assert label(flat(0, 0x800000), classes=[ClassInfo(1, "cell")]) == [[0, 1]]
    assert label(flat(0, 0x3CB44B), classes=[ClassInfo(1, "cell")]) == [[0, 1]]
    assert label(flat(0, 0x3CB44B)) == [[0, 2]]


def test_what_is_ignored_stays_so_beside_stated_colours(tmp_path: Path) -> None:
    classes = [ClassInfo(1, "a", "#ff0000"), ClassInfo(2, "b", "#00ff00")]
    labels = np.array([[1, 2, IGNORE], [0, 0, 1]], np.int32)
    PILImage.open(write_mask(tmp_path / "a.png", labels, classes)).convert("RGB").save(tmp_path / "b.png")
    assert label(tmp_path / "b.png", classes=classes) == labels.tolist()


def test_many_small_things_of_stated_colours_are_no_soft_edges() -> None:
    classes = [ClassInfo(i, f"c{i}", f"#{i * 9:02x}40{255 - i * 9:02x}") for i in range(1, 15)]
    drawn = flat(0, *(int(c.colour[1:], 16) for c in classes))
    assert label(drawn, classes=classes) == [list(range(15))]


def soft(size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A disc as a brush draws it, and where it covers more than half of a pixel."""
    y, x = np.mgrid[:size, :size] - np.array([size / 2 - 0.3, size / 2 + 0.4])[:, None, None]
    cover = np.clip(size / 4 - np.hypot(x, y) + 0.5, 0, 1)
    return (cover * 255).astype(U8), cover * 255 >= 128


@pytest.mark.parametrize("channels", [1, 3])
def test_soft_edges_are_cut_in_the_middle(channels: int) -> None:
    drawn, thing = soft()
    source = drawn if channels == 1 else np.stack([drawn] * 3, axis=2)
    assert label(source) == thing.astype(int).tolist()
    edge = int(drawn[(drawn > 0) & (drawn < 255)][0])
    assert label(source, value=edge) == np.where(drawn == 255, IGNORE, drawn == edge).tolist()


def test_a_mask_of_many_shades_for_an_image_of_few_colours_is_doubted(tmp_path: Path) -> None:
    y, x = np.mgrid[:40, :40]
    photo = np.where(x < 20, 20, 230) + (x + y) % 20  # 40 shades in two heaps
    drawn = np.where(x < 20, 0, 255)
    for name, pixels in (("photo.png", photo), ("mask.png", drawn)):
        PILImage.fromarray(pixels.astype(U8)).save(tmp_path / name)

    def said(image: str, mask: str) -> list[str]:
        notes: list[str] = []
        with notes_to(notes.append):
            labels = read_mask(tmp_path / mask, image=read_image(tmp_path / image))
        assert labels.tolist() == (x >= 20).astype(int).tolist()
        return notes

    (note,) = said("mask.png", "photo.png")
    assert "photo.png: many shades, cut in the middle, and its image mask.png has 2 colours" in note
    assert said("photo.png", "mask.png") == []
    assert said("photo.png", "photo.png") == []
    # Nor are soft edges on a drawing of two colours doubted: a brush leaves few shades.
    edge = np.clip((x - 15) * 25, 0, 255)
    PILImage.fromarray(edge.astype(U8)).save(tmp_path / "brush.png")
    PILImage.fromarray(np.where(edge >= 128, 255, 0).astype(U8)).save(tmp_path / "drawing.png")
    notes: list[str] = []
    with notes_to(notes.append):
        read_mask(tmp_path / "brush.png", image=read_image(tmp_path / "drawing.png"))
    assert notes == []


def test_labels_beside_255_are_no_soft_edges() -> None:
    """Neither large things, nor single pixels on what is ignored, nor a band between the two."""
    blocks = np.kron(np.array([[0, 40, 80], [120, 160, 255]], U8), np.ones((9, 9), U8))
    assert set(np.unique(label(blocks))) == {IGNORE, 0, 40, 80, 120, 160}
    seeds = np.full((20, 20), 255, U8)
    seeds[2, 2:12:2] = [10, 20, 30, 40, 50]
    assert set(np.unique(label(seeds))) == {IGNORE, 10, 20, 30, 40, 50}
    trimap = np.repeat(np.array([[0, 0, 128, 255, 255]], U8), 5, axis=0)
    assert set(np.unique(label(trimap))) == {IGNORE, 0, 128}


def test_a_photograph_in_one_tone_is_no_mask(tmp_path: Path) -> None:
    bright = np.full((64, 64), 250.0)
    bright[20:40, 20:40] = np.linspace(140, 240, 20)  # a cell on a yellow slide; nothing is black
    tone = bright[..., None] * (1, 1, 0.65)
    PILImage.fromarray(tone.astype(np.uint8)).save(tmp_path / "slide.jpg", quality=95)
    with pytest.raises(MaskError, match="JPEG blurs the colours of a mask"):
        read_mask(tmp_path / "slide.jpg", image=image(64, 64))


def test_soft_edges_of_one_colour_are_cut_in_the_middle() -> None:
    drawn, thing = soft()
    coloured = (drawn[..., None] / 255 * [230, 25, 75]).astype(U8)
    assert label(coloured) == thing.astype(int).tolist()
    photos = [np.zeros((*drawn.shape, 3), U8)] * 2
    _, examples = read_cues([Cue(p, mask=coloured) for p in photos])
    assert [e.marks.class_ids for e in examples] == [(1,), (1,)]


def test_soft_edges_of_several_colours_are_refused() -> None:
    drawn, _ = soft()
    coloured = (drawn[..., None] / 255 * [230, 25, 75]).astype(U8)
    with pytest.raises(
        MaskError, match=r"its edges are soft, with \d+ colours, .*draw it without anti-aliasing"
    ):
        label(np.hstack([coloured, coloured[..., ::-1]]))


def test_transparent_pixels_are_background() -> None:
    alpha = np.array([[255, 0, 255], [255, 255, 9]], U8)
    assert label(np.dstack([COLOURS, alpha])) == [[0, 0, 1], [2, 3, 0]]
    assert label(np.dstack([np.full((2, 3), 255, U8), alpha])) == [[1, 0, 1], [1, 1, 0]]


def test_a_palette_with_a_transparent_background_is_read_by_colour(tmp_path: Path) -> None:
    thing = np.array([[0, 0, 1], [1, 1, 1]], U8)
    path = saved(tmp_path / "a.png", thing, [200, 0, 0, 255, 255, 255], transparency=1)
    assert label(path) == [[1, 1, 0], [0, 0, 0]]
    by_index = saved(tmp_path / "b.png", thing, [0, 0, 0, 200, 0, 0], transparency=0)
    assert label(by_index) == thing.tolist()


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_a_palette_in_any_order_is_read_by_colour(tmp_path: Path, name: str) -> None:
    """As programs order it that make one of a drawing: by how often a colour occurs, or by its brightness."""
    drawn = PILImage.fromarray(COLOURS)
    orders = (np.roll(np.unique(COLOURS.reshape(-1, 3), axis=0), turn, axis=0) for turn in range(4))
    for order in orders:
        palette = PILImage.new("P", (1, 1))
        palette.putpalette(order.ravel().tolist())
        drawn.quantize(palette=palette, dither=PILImage.Dither.NONE).save(tmp_path / name)
        assert label(tmp_path / name) == [[0, 3, 1], [2, 3, 0]]
    numbers = saved(
        tmp_path / "n.png", np.array([[0, 1, 3], [3, 1, 0]], U8), [255, 255, 255, 9, 9, 9, 8, 8, 8, 0, 0, 0]
    )
    assert label(numbers, value=3) == [[0, 0, 1], [1, 0, 0]]
    PILImage.fromarray(COLOURS[..., :1].repeat(3, axis=2) * U8([1, 0, 0])).save(tmp_path / "two.gif")
    assert label(tmp_path / "two.gif") == [[0, 1, 0], [0, 1, 0]]


def test_each_page_of_an_image_has_its_page_of_the_mask(tmp_path: Path) -> None:
    stack = np.stack([THING * 0, THING, 1 - THING]).astype(U8) * 255
    tifffile.imwrite(tmp_path / "image.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "mask.tif", stack, photometric="minisblack")
    for page, expected in ((1, THING), (2, 1 - THING)):
        mask = Cue(tmp_path / "image.tif", mask=tmp_path / "mask.tif", page=page).read().marks.mask
        assert np.array_equal(mask, expected)
    lone = Cue(tmp_path / "image.tif", mask=saved(tmp_path / "m.png", stack[1]), page=2).read().marks.mask
    assert np.array_equal(lone, THING)
    tifffile.imwrite(tmp_path / "two.tif", stack[:2], photometric="minisblack")
    with pytest.raises(MaskError, match=r"two\.tif: there is no page 2, the file has 2"):
        Cue(tmp_path / "image.tif", mask=tmp_path / "two.tif", page=2).read()


def test_labels_that_are_cut_to_eight_bits_are_refused(tmp_path: Path) -> None:
    deep = np.array([[0, 300, 2], [1, 0, 0]], np.uint16)
    (tmp_path / "a.png").write_bytes(sixteen_bit_rgb(deep))
    with pytest.raises(
        MaskError, match=r"a\.png: 16-bit samples .* cuts labels; save it with one grey channel"
    ):
        label(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(sixteen_bit_rgb(THING.astype(np.uint16) * 65535))
    assert label(tmp_path / "a.png") == THING.tolist()
    (tmp_path / "a.png").write_bytes(sixteen_bit_rgb(deep * 0))
    assert label(tmp_path / "a.png") == (THING * 0).tolist()


def sixteen_bit_rgb(grey: np.ndarray) -> bytes:
    """A PNG of three equal 16-bit channels, which Pillow reads but does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    h, w = grey.shape
    rows = b"".join(b"\0" + np.repeat(row[:, None], 3, axis=1).astype(">u2").tobytes() for row in grey)
    head = struct.pack(">IIBBBBB", w, h, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_values_choose_the_thing() -> None:
    values = np.array([[0, 1, 2, 3, 255]], U8)
    assert label(values, value=2) == [[0, 0, 1, 0, IGNORE]]
    assert label(values, value=(1, 3)) == [[0, 1, 0, 1, IGNORE]]
    assert label(values, value=[255, 1]) == [[0, 1, 0, 0, 1]]
    assert label(values, value=0) == [[1, 0, 0, 0, IGNORE]]
    assert label(np.array([[0, 255]], U8), value=255) == [[0, 1]]


def test_a_jpeg_mask_is_cut_in_the_middle(tmp_path: Path) -> None:
    mask = np.zeros((16, 16), U8)
    mask[4:12, 3:9] = 255
    path = saved(tmp_path / "m.jpg", mask, quality=60)
    assert np.array_equal(read_mask(path, image=image(16, 16)), mask // 255)


def test_the_orientation_of_a_mask_file_is_applied(tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = 3
    assert label(saved(tmp_path / "m.png", (THING * 255).astype(U8), exif=exif)) == THING[::-1, ::-1].tolist()


# Writing


@given(
    mask=npst.arrays(
        np.int32,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([IGNORE, 0, 1, 2, 20, 254]),
    ),
    classes=st.sampled_from([(), CLASSES, (ClassInfo(1, "white", "#ffffff"),)]),
)  # fmt: skip
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, mask: np.ndarray, classes: Any
) -> None:
    path = write_mask(tmp_path_factory.getbasetemp() / "m.png", mask, classes)
    assert np.array_equal(read_mask(path, image=image(*mask.shape)), mask)


@pytest.mark.parametrize("values", [[0, 255], [0, 65534, IGNORE], [255, 256], [IGNORE, IGNORE], [0, 65534]])
def test_high_ids_are_written_in_sixteen_bits(tmp_path: Path, values: list[int]) -> None:
    mask = np.array([values], np.int32)
    path = write_mask(tmp_path / "m.png", mask)
    assert np.array_equal(read_mask(path, image=image(*mask.shape)), mask)
    with PILImage.open(path) as picture:
        assert picture.mode == ("P" if max(values) < 255 else "I;16")


def test_the_colours_are_those_of_the_classes(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "m.png", np.array([[0, 2, IGNORE]], np.int32), CLASSES)
    with PILImage.open(path) as picture:
        assert np.array(picture).tolist() == [[0, 2, 255]]
        assert np.array(picture.convert("RGB"))[0, :2].tolist() == [[0, 0, 0], [0x12, 0x34, 0x56]]
        assert json.loads(picture.info["cuecast-labels"]) == {str(c.id): c.name for c in CLASSES}


def test_the_bytes_depend_on_the_mask_alone(tmp_path: Path) -> None:
    mask = np.array([[0, 2, IGNORE]], np.int32)
    one, two = (write_mask(tmp_path / name, mask, CLASSES).read_bytes() for name in ("a.png", "b.png"))
    assert one == two


@pytest.mark.parametrize(
    "mask",
    [np.zeros(3, int), np.zeros((2, 2)), np.full((2, 2), -2), np.full((2, 2), 65535), np.zeros((0, 2), int)],
)
def test_what_is_no_label_map_is_not_written(tmp_path: Path, mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected a label map"):
        write_mask(tmp_path / "m.png", mask)


def test_a_full_disk_is_named_and_leaves_the_old_mask(
    tmp_path: Path, no_space: Callable[[int], None]
) -> None:
    path = write_mask(tmp_path / "m.png", np.zeros((2, 2), np.int32))
    before = path.read_bytes()
    no_space(8192)
    with pytest.raises(OutputError, match=r"m\.png: cannot be written: no space .*; free"):
        write_mask(path, np.random.default_rng(0).integers(0, 250, (200, 200), np.int32))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.png"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"m\.png: cannot be written: .*; choose another folder"):
        write_mask(tmp_path / "file" / "m.png", np.zeros((2, 2), np.int32))


# What bad masks get


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (
            np.zeros((3, 3), U8),
            r"mask of photo\.jpg: the mask is 3 wide and 3 high, its .* 3 wide and 2 high: .*resize",
        ),
        (np.zeros((3, 2), U8), "turned by 90 degrees: draw the mask on the upright image"),
        (np.full((2, 3), 0.37), "holds fractions such as 0.37; threshold it first"),
        (np.full((2, 3), np.nan), "NaN or infinite values; a mask holds"),
        (np.full((2, 3), -7), "negative label -7; labels are"),
        (np.full((2, 3), 70000), "label 70000; .*renumber"),
        (np.dstack([THING, THING, 1 - THING]).astype(np.uint16), "must be 8-bit, this is uint16; save it"),
    ],
)  # fmt: skip
def test_bad_arrays_are_told_reason_and_remedy(array: np.ndarray, words: str) -> None:
    with pytest.raises(MaskError, match=words):
        read_mask(array, image=image())


def test_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "ünï 'm'.png"
    for content, words in (
        (b"", "the file is empty"),
        (b"text", "not that of a known image"),
        (b"\x89PNG\r\n\x1a\nxx", "damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(MaskError, match=f"ünï 'm'.png: .*{words}.*; (copy|convert)"):
            read_mask(path, image=image())
    with pytest.raises(MaskError, match=r"none\.png: there is no such file; check"):
        read_mask(tmp_path / "none.png", image=image())
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), U8)
    with pytest.raises(MaskError, match=r"p\.png: holds 400 colours: a picture, not a mask; give"):
        read_mask(saved(tmp_path / "p.png", photo), image=image(20, 20))
    with pytest.raises(MaskError, match=r"p\.jpg: a JPEG blurs the colours of a mask; save it as PNG"):
        read_mask(saved(tmp_path / "p.jpg", photo), image=image(20, 20))


# Label files as masks

SHAPES = (obj(2, 0, 0, "##"), obj(7, 1, 2, "#"))


def test_coco_is_found_by_the_name_of_the_image(tmp_path: Path) -> None:
    others = [annotations((), n) for n in ("x/b.jpg", "y/b.jpg", "c.jpg")]
    mine = annotations(SHAPES, "train/a.jpg")
    path = write_coco(tmp_path / "all.json", [*others, mine], CLASSES)
    for name in ("train/a.jpg", "elsewhere/a.jpg", "a.png"):
        found = read_mask(path, image=image(12, 15, tmp_path / name))
        assert np.array_equal(found, mine.label_map())
    assert not read_mask(path, image=image(12, 15, tmp_path / "y" / "b.jpg")).any()
    with pytest.raises(MaskError, match=r"all\.json: lists 2 images called b\.jpg; .*'y/b\.jpg'.*: rename"):
        read_mask(path, image=image(12, 15, tmp_path / "b.jpg"))
    with pytest.raises(MaskError, match=r"all\.json: does not list d\.jpg; it has 'x/b\.jpg'"):
        read_mask(path, image=image(12, 15, tmp_path / "d.jpg"))
    with pytest.raises(MaskError, match="lists 4 images; pass the image as a path"):
        read_mask(path, image=image(12, 15))


@pytest.mark.parametrize("value", ["255", [], ["a"], [None], {}, object()])
def test_values_that_are_no_numbers_are_named(value: Any) -> None:
    with pytest.raises(MaskError, match=r"value=.* is no number, nor a list of them; give"):
        label(np.ones((2, 2), U8), value=value)


def test_a_value_that_a_cue_needs_is_named_with_those_there_are(tmp_path: Path) -> None:
    photo = image(12, 15, tmp_path / "a.jpg")
    numbers = np.zeros((12, 15), U8)
    numbers[:6], numbers[6:9] = 3, 255
    coco = write_coco(tmp_path / "coco.json", [annotations(SHAPES, "a.jpg")], CLASSES)
    for source, held in (
        (numbers, r"255 \(25%\), 3 \(50%\)"),
        (coco, r"\d+ \(\d+%\)"),
        (numbers * 0, "nothing but 0"),
    ):
        with pytest.raises(MaskError, match=rf"has the value 5, of the picture it holds {held}"):
            read_labels(source, image=photo, value=5, needed=True)
        assert not read_mask(source, image=photo, value=5).max()


def test_label_files_give_ids_by_name(tmp_path: Path) -> None:
    found = annotations(SHAPES, "a.jpg")
    photo = image(12, 15, tmp_path / "a.jpg")
    coco = write_coco(tmp_path / "coco.json", [found], CLASSES)
    labelme = write_labelme(tmp_path / "a.json", found, CLASSES)
    yolo = write_yolo(tmp_path / "a.txt", found, CLASSES)
    write_yolo_names(tmp_path / "data.yaml", CLASSES)
    mine = [ClassInfo(3, CLASSES[2].name), ClassInfo(1, "other")]
    for path in (coco, labelme, yolo):
        expected = np.where(found.label_map() == 7, 3, 0)
        assert np.array_equal(read_mask(path, image=photo, classes=mine), expected)
        with pytest.raises(
            MaskError,
            match=rf"{path.name}: none of the classes 'dog' occurs in it, it has .*'a: b #c'.*; use",
        ):
            read_mask(path, image=photo, classes=[ClassInfo(1, "dog")])
    assert np.array_equal(read_mask(coco, image=photo), found.label_map())
    by_value = read_mask(coco, image=photo, value=7, classes=[ClassInfo(1, "dog")])
    assert np.array_equal(by_value, found.label_map() == 7)
    assert np.array_equal(read_mask(coco, image=photo, value=7), found.label_map() == 7)
    assert label_names(coco) == label_names(yolo) == tuple(c.name for c in CLASSES)
    assert set(label_names(labelme)) == {CLASSES[1].name, CLASSES[2].name}


def test_a_file_of_many_cues_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_coco(tmp_path / "all.json", [annotations(SHAPES, f"{i}.jpg") for i in range(3)], CLASSES)
    parsed = []
    real = labels.PARSERS[".json"]
    monkeypatch.setitem(labels.PARSERS, ".json", lambda *a: parsed.append(a) or real(*a))
    for i in range(3):
        assert read_mask(path, image=image(12, 15, tmp_path / f"{i}.jpg")).any()
        assert len(label_names(path)) == 3
    assert len(parsed) == 1
    write_coco(path, [annotations((), "0.jpg")], CLASSES)
    os.utime(path, ns=(1, 1))
    assert not read_mask(path, image=image(12, 15, tmp_path / "0.jpg")).any()


def test_labelme_files_without_a_size_take_that_of_their_image(tmp_path: Path) -> None:
    path = write_labelme(tmp_path / "a.json", annotations(SHAPES), CLASSES)
    stated = read_mask(path, image=image(12, 15))
    path.write_text(json.dumps({**json.loads(path.read_text()), "imageHeight": None, "imageWidth": None}))
    assert np.array_equal(read_mask(path, image=image(12, 15)), stated)


def test_yolo_without_names_counts_from_one(tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "a.txt", annotations(SHAPES), CLASSES)
    assert set(np.unique(read_mask(path, image=image(12, 15)))) == {0, 2, 3}
    assert set(np.unique(read_mask(path, image=image(12, 15), classes=CLASSES))) == {0, 2, 7}
    assert label_names(path) == ()


def test_label_files_of_another_size_or_kind_are_named(tmp_path: Path) -> None:
    path = write_labelme(tmp_path / "a.json", annotations(SHAPES), CLASSES)
    with pytest.raises(
        MaskError,
        match=r"a\.json: its outlines are for an image 15 wide and 12 high, photo\.jpg is 3 wide and 2 high",
    ):
        read_mask(path, image=image())
    path.write_text("{}")
    with pytest.raises(MaskError, match=r"a\.json: is neither COCO nor LabelMe nor .*; export"):
        read_mask(path, image=image())


def test_a_mask_beside_its_image_after_the_door() -> None:
    """An EXIF-turned photograph and its upright mask fit."""
    exif = PILImage.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    PILImage.new("RGB", (4, 6)).save(stream, "JPEG", exif=exif)
    photo = read_image(stream)
    assert read_mask(np.zeros((4, 6), U8), image=photo).shape == photo.size == (4, 6)


def test_a_colour_is_the_same_class_in_every_cue() -> None:
    red, blue = (200, 0, 0), (0, 0, 200)
    both = np.array([[red, blue, (0, 0, 0)]] * 2, U8)
    one = np.array([[red, red, (0, 0, 0)]] * 2, U8)
    cues = [Cue(np.zeros((2, 3, 3), U8), mask=m) for m in (both, one)]
    infos, examples = read_cues(cues)
    assert [(i.id, i.colour) for i in infos] == [(1, "#0000c8"), (2, "#c80000")]
    masks = [e.marks.mask for e in examples if e.marks.mask is not None]
    assert [m[0].tolist() for m in masks] == [[2, 1, 0], [2, 2, 0]]
    # A label map beside them keeps its numbers, and what cannot be read is told by whoever reads it.
    assert read_cues([*cues, Cue(np.zeros((2, 3, 3), U8), mask=np.full((2, 3), 7, U8))])[0] == ()
    with pytest.raises(MaskError, match=r"none\.png"):
        read_cues([*cues, Cue(np.zeros((2, 3, 3), U8), mask="none.png")])
