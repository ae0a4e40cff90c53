"""Folders of pictures with masks, as training reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cuecast.training.sets import IGNORE_VALUE, licences, read_photos, read_set, read_sets

CARD = {"name": "bars", "domain": "d", "source": "s", "licence": "MIT", "count": 4, "use": "training"}


def write_set(folder: Path, masks: list[np.ndarray]) -> Path:
    """A set of grey pictures with these masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for i, mask in enumerate(masks):
        Image.new("RGB", mask.shape[::-1], (90, 90, 90)).save(folder / "images" / f"{i:04d}.jpg")
        Image.fromarray(mask).save(folder / "masks" / f"{i:04d}.png")
    (folder / "card.json").write_text(json.dumps({**CARD, "name": folder.name}))
    return folder


def bars(*widths: int) -> np.ndarray:
    """A mask (100, 100) with a bar of class 1, 2, ... for each width; its last row is unknown."""
    mask = np.zeros((100, 100), np.uint8)
    left = 5
    for cls, width in enumerate(widths, 1):
        mask[:, left : left + width] = cls
        left += width + 5
    mask[-1] = IGNORE_VALUE
    return mask


def test_classes_of_two_pictures_are_kept_with_those_that_lack_them(tmp_path: Path) -> None:
    found = read_set(write_set(tmp_path / "bars", [bars(8, 20), bars(8), bars(8, 0, 9), bars()]))
    assert found.name == "bars"
    assert found.holding == {1: (0, 1, 2)}
    assert found.lacking == {1: (3,)}
    assert found.thickness[1] == pytest.approx(0.08, abs=0.01)


def test_a_few_pixels_are_neither_shown_nor_lacking(tmp_path: Path) -> None:
    speck = bars()
    speck[0, 0] = 1
    found = read_set(write_set(tmp_path / "bars", [bars(8), bars(8), speck]))
    assert found.holding == {1: (0, 1)}
    assert found.lacking == {1: ()}


def test_sets_are_read_by_name_without_what_is_excluded_or_no_use(tmp_path: Path) -> None:
    for name in ("b", "a", "left_out"):
        write_set(tmp_path / name, [bars(8), bars(8)])
    write_set(tmp_path / "empty", [bars(), bars()])
    (tmp_path / "README.md").write_text("not a set")
    assert [s.name for s in read_sets(tmp_path, ["left_out"])] == ["a", "b"]
    assert [card["name"] for card in licences(tmp_path, ["left_out"])] == ["a", "b", "empty"]


def test_ids_of_objects_are_read_beside_the_masks(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "litter", [bars(8), bars(8)])
    (folder / "masks_instances").mkdir()
    for i in range(2):
        Image.fromarray(np.full((100, 100), 300 + i, np.uint16)).save(
            folder / "masks_instances" / f"{i:04d}.png"
        )
    found = read_set(folder)
    assert found.name == "taco_litter"
    assert found.objects is not None
    assert [int(ids.max()) for ids in found.objects] == [300, 301]


def test_photographs_hold_no_class(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "photos", [bars(8), bars(8)])
    found = read_photos(folder)
    assert (len(found.images), found.masks, found.holding) == (2, (), {})
