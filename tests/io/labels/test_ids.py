"""Maps of ids: what numbers and colours tell things apart, and what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.core.errors import CuecastWarning, MaskError
from cuecast.core.values import Image
from cuecast.io.labels.ids import of_the_mask, read_objects

PIECES = np.kron(np.array([[1, 2, 0], [3, 0, 1]], np.int32), np.ones((4, 4), np.int32))
"""Three things, two that touch, and one in two places."""


def photo(size: tuple[int, ...] = PIECES.shape) -> Image:
    return Image(np.zeros((*size, 3), np.uint8), "photo.png")


def coded(ids: np.ndarray) -> np.ndarray:
    """In colours, as COCO codes panoptic segments."""
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=2).astype(np.uint8)


def same_things(found: np.ndarray, ids: np.ndarray) -> bool:
    """Whether two maps tell the same things apart, whatever their numbers."""
    pairs = set(zip(found.ravel().tolist(), ids.ravel().tolist(), strict=True))
    return len(pairs) == len(np.unique(ids)) == len(np.unique(found)) and (0, 0) in pairs


@pytest.mark.parametrize(
    "ids",
    [
        PIECES.astype(np.uint8),
        PIECES.astype(np.float32),
        PIECES.astype(np.int64) * 10**12,
        (PIECES * 400).astype(np.uint16),
        coded(PIECES),
        coded(PIECES * 300),
        coded(PIECES * 70_000),
        coded(PIECES * 70_000).astype(np.uint16) * 257,
        np.dstack([coded(PIECES * 300), np.where(PIECES > 0, 255, 0)]).astype(np.uint8),
    ],
)
def test_numbers_and_colours_tell_things_apart(ids: np.ndarray) -> None:
    found = read_objects(ids, image=photo())
    assert found.dtype == np.int32
    assert same_things(found, PIECES)


def test_a_panoptic_id_is_kept_where_an_id_can_be_so_high() -> None:
    assert np.array_equal(read_objects(coded(PIECES * 300), image=photo()), PIECES * 300)
    assert read_objects(coded(PIECES * 70_000), image=photo()).max() == 3


def test_more_colours_than_a_mask_may_have(tmp_path: Path) -> None:
    ids = np.kron(np.arange(1, 901, dtype=np.int32).reshape(30, 30), np.ones((3, 3), np.int32))
    ids[::3] = 0
    PILImage.fromarray(coded(ids * 97)).save(tmp_path / "ids.png")
    assert same_things(read_objects(tmp_path / "ids.png", image=photo(ids.shape)), ids)


def test_the_borders_of_pascal_voc_are_no_object(tmp_path: Path) -> None:
    """Number 255 of a palette, and its pale yellow where a program has dropped the palette."""
    bordered = PIECES.astype(np.uint8)
    bordered[:, 3] = 255
    picture = PILImage.fromarray(bordered)
    palette = np.zeros((256, 3), np.uint8)
    palette[1:4], palette[255] = [[128, 0, 0], [0, 128, 0], [128, 128, 0]], (224, 224, 192)
    picture.putpalette(palette.ravel().tolist())
    picture.save(tmp_path / "p.png")
    picture.convert("RGB").save(tmp_path / "rgb.png")
    for name in ("p.png", "rgb.png"):
        assert same_things(
            read_objects(tmp_path / name, image=photo()), np.where(bordered == 255, 0, bordered)
        ), name


def test_many_small_things_that_touch_are_no_soft_edge() -> None:
    """Each lies between a lower and a higher one, as the greys of an edge do."""
    ids = np.tile(np.arange(0, 256, 5, dtype=np.uint8), (6, 1))
    found = read_objects(ids, image=photo(ids.shape))
    assert len(np.unique(found)) >= 51


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (PIECES / 2, "fractions such as 0.5, and ids are whole numbers"),
        (np.where(PIECES == 2, np.nan, PIECES), "NaN or infinite values; ids are whole numbers, 0 for none"),
        (PIECES - 2 * (PIECES == 3) * 3, "negative label -3"),
        (PIECES[:4], "the map of ids is 12 wide and 4 high, its image photo.png is 12 wide and 8 high"),
        (PIECES.T, "turned by 90 degrees"),
        (coded(PIECES).astype(np.float32) / 7, "ids in colours are three whole numbers of 8 or 16 bits"),
    ],
)
def test_what_is_no_map_of_ids_is_named(ids: np.ndarray, words: str) -> None:
    with pytest.raises(MaskError) as refused:
        read_objects(ids, image=photo())
    assert str(refused.value).startswith("objects of photo.png: ")
    assert words in str(refused.value)


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 3)])
def test_a_picture_is_no_map_of_ids(shape: tuple[int, ...], tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    PILImage.fromarray(noise).save(tmp_path / "photo.png")
    with pytest.raises(MaskError, match=r"photo\.png: .*a picture, not ids of objects; give each object"):
        read_objects(tmp_path / "photo.png", image=photo((64, 64)))


def test_ids_are_lost_in_a_jpeg(tmp_path: Path) -> None:
    PILImage.fromarray((PIECES * 60).astype(np.uint8)).save(tmp_path / "ids.jpg")
    with pytest.raises(MaskError, match=r"ids\.jpg: a JPEG .* changes numbers .* save it as PNG or TIFF"):
        read_objects(tmp_path / "ids.jpg", image=photo())


def test_one_id_for_everything_is_one_object_and_said() -> None:
    row = np.tile(np.array([[255, 255, 0, 0]], np.uint8), (2, 3))
    with pytest.warns(
        CuecastWarning, match="its 3 separate pieces have one id.* one object; number the things"
    ):
        found = read_objects(row, image=photo(row.shape))
    assert len(np.unique(found)) == 2
    two = row[:, :8]  # a thing that something hides in part
    assert len(np.unique(read_objects(two, image=photo(two.shape)))) == 2


def test_ids_of_all_that_a_picture_shows_are_cut_to_the_mask() -> None:
    """As COCO's panoptic maps: things, and what is around them; a pixel may be off."""
    ids = np.kron(np.array([[1, 2, 7], [7, 7, 7]], np.int32), np.ones((4, 4), np.int32))
    mask = np.isin(ids, (1, 2)).astype(np.int32)
    mask[0, 0] = 0
    with pytest.warns(CuecastWarning, match=r"photo\.png: the ids number all of the picture"):
        found = of_the_mask(ids, mask, "photo.png")
    assert np.array_equal(found, np.where(mask > 0, ids, 0))


@pytest.mark.parametrize("kind", ["straddling", "one for everything", "some", "none inside"])
def test_other_ids_outside_a_mask_stay_a_mistake(kind: str) -> None:
    ids = np.kron(np.array([[1, 2, 7], [7, 7, 7]], np.int32), np.ones((4, 4), np.int32))
    mask = np.isin(ids, (1, 2)).astype(np.int32)
    if kind == "straddling":
        mask[:, 4:8] = 1
    elif kind == "one for everything":
        ids[:] = 1
    elif kind == "some":
        ids[4:] = 0
    else:
        mask[:] = 0
    assert of_the_mask(ids, mask, "photo.png") is ids
