"""Which mask belongs to an image."""

from __future__ import annotations

from pathlib import Path

import pytest
from annotated import CLASSES, annotations

from cuecast.io.labels.coco import write_coco
from cuecast.io.labels.masks import find_mask


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


@pytest.mark.parametrize("name", ["a.JSON", "masks/a.PNG", "a_mask.TIF"])
def test_suffixes_may_be_in_capitals(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    for path in (tmp_path / "a.jpg", tmp_path / name):
        path.touch()
    assert find_mask(tmp_path / "a.jpg") == tmp_path / name


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("in/a.jpg", "in/a.png"),
        ("in/a.png", "in/a_mask.png"),
        ("in/a.png", "in/a_cp_masks.tif"),
        ("images/a.jpg", "masks/a_cp_masks.png"),
        ("in/a.jpg", "in/a.json"),
        ("in/a.jpg", "in/a.txt"),
        ("in/a.jpg", "in/masks/a.tif"),
        ("images/a.jpg", "masks/a.png"),
        ("images/a.jpg", "masks/a_mask.png"),
        ("images/ünï 'x'.jpg", "labels/ünï 'x'.txt"),
        ("images/a.jpg", "annotations/a.json"),
        ("set/images/train/a.jpg", "set/labels/train/a.txt"),
        ("set/images/train/a.jpg", "set/masks/train/a.png"),
    ],
)
def test_the_usual_places(tmp_path: Path, image: str, mask: str) -> None:
    touch(tmp_path, image, "in/b.png", "masks/b.png")
    assert find_mask(tmp_path / image) is None
    touch(tmp_path, mask)
    found = find_mask(str(tmp_path / image))
    assert found is not None
    assert found.resolve() == (tmp_path / mask).resolve()


def test_an_explicit_mask_wins_over_a_file_of_the_same_stem(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/a.png", "masks/a.png")
    found = find_mask(tmp_path / "images" / "a.jpg")
    assert found is not None
    assert found.parent.name == "masks"


def test_a_coco_file_must_list_the_image(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg")
    coco = write_coco(
        tmp_path / "annotations" / "instances_train.json", [annotations((), "deep/a.jpg")], CLASSES
    )
    found = find_mask(tmp_path / "images" / "a.jpg")
    assert found is not None
    assert found.resolve() == coco.resolve()
    assert find_mask(tmp_path / "images" / "b.jpg") is None
    coco.write_text("broken")
    assert find_mask(tmp_path / "images" / "a.jpg") is None


def test_a_relative_name_is_looked_for_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png")
    monkeypatch.chdir(tmp_path / "images")
    found = find_mask("a.jpg")
    assert found is not None
    assert found.resolve() == tmp_path / "masks" / "a.png"
