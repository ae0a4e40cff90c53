"""What `check_data` finds in folders of data, and that it finds nothing where nothing is wrong."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from data_folders import labels, save, scene, training_set
from PIL import Image

import cuecast
from cuecast.core.errors import CuecastError, InputError
from cuecast.core.ordered import Step
from cuecast.cues import Cue
from cuecast.cuesets.edit import add_cues, new_cueset
from cuecast.datasets.check import TROUBLES, DataCheck, check_data
from cuecast.runs.images import BatchOptions, run


def said(found: DataCheck) -> list[tuple[str, str, str]]:
    """(kind, entry, reason) of each finding."""
    return [(f.kind, f.entry, f.reason) for f in found.findings]


def test_a_sound_set_has_no_findings(tmp_path: Path) -> None:
    steps: list[Step] = []
    found = cuecast.check_data(training_set(tmp_path / "set", count=4), progress=steps.append)
    assert found.ok
    assert found.findings == ()
    (folder,) = found.folders
    assert (folder.kind, folder.licence, folder.pictures, folder.masks) == ("training set", "CC-BY-4.0", 4, 4)
    assert [(s.done, s.total) for s in steps[-2:]] == [(4, 5), (4, 4)]
    assert json.loads(json.dumps(found.as_dict()))["ok"] is True


# --- pairs


def test_pictures_and_masks_without_each_other_are_named(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    (root / "masks" / "02.png").unlink()
    save(root / "masks" / "other.png", labels())
    save(root / "masks_instances" / "lonely.png", labels())
    save(root / "masks_instances" / "01.png", labels())
    assert said(check_data(root)) == [
        ("pair", "02.png", "it has no mask"),
        ("pair", "masks/other.png", "there is no picture of this name"),
        ("pair", "masks_instances/lonely.png", "there is no picture of this name"),
    ]


def test_a_folder_without_any_mask_is_one_finding(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    shutil.rmtree(root / "masks")
    assert said(check_data(root)) == [("pair", "images", "none of its 4 pictures has a mask")]


def test_masks_beside_their_pictures_are_no_pictures(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(scene(i)).save(tmp_path / f"{i}.jpg")
        save(tmp_path / f"{i}.png", labels())
        save(tmp_path / f"x{i}.png", scene(i + 9))
        save(tmp_path / f"x{i}_mask.png", labels())
    save(tmp_path / "gone_mask.png", labels())
    (tmp_path / "LICENSE").write_text("MIT License\n\nCopyright ...")
    found = check_data(tmp_path)
    assert (found.folders[0].kind, found.folders[0].licence) == ("pictures", "MIT")
    assert (found.folders[0].pictures, found.folders[0].masks) == (7, 6)
    assert said(found) == [("pair", "gone_mask.png", "it is named as a mask, of 'gone'")]


def test_labels_in_files_belong_to_their_pictures_too(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    shutil.rmtree(root / "masks")
    (root / "labels").mkdir()
    for name in ("00", "01", "02", "03", "nobody"):
        (root / "labels" / f"{name}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    (root / "labels" / "classes.txt").write_text("left\n")
    assert said(check_data(root)) == [("pair", "labels/nobody.txt", "there is no picture of this name")]


def test_pictures_that_a_coco_file_lists_are_looked_for(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    shutil.rmtree(root / "masks")
    names = [f"{i:02}.png" for i in range(4)] + ["gone.png"]
    images = [{"id": i, "file_name": n, "width": 48, "height": 48} for i, n in enumerate(names)]
    outlines = [
        {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "area": 100, "bbox": [2, 2, 10, 10],
         "segmentation": [[2, 2, 12, 2, 12, 12, 2, 12]]}
        for i in range(5)
    ]  # fmt: skip
    coco = {"images": images, "annotations": outlines, "categories": [{"id": 1, "name": "left"}]}
    (root / "images" / "annotations.json").write_text(json.dumps(coco))
    (root / "annotations").mkdir()
    shutil.move(root / "images" / "annotations.json", root / "annotations" / "instances.json")
    found = check_data(root)
    assert said(found) == [("pair", "annotations/instances.json", "it marks gone.png, which is not there")]
    assert found.folders[0].masks == 4


# --- files and sizes


def test_what_cannot_be_read_and_what_does_not_fit_is_named(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    whole = (root / "images" / "00.png").read_bytes()
    (root / "images" / "00.png").write_bytes(whole[: len(whole) // 2])
    save(root / "masks" / "01.png", labels(side=40))
    (root / "masks" / "02.png").write_bytes(b"no picture")
    save(root / "masks_instances" / "03.png", np.full((48, 48), 7, np.uint8))
    found = check_data(root)
    assert [(f.kind, f.entry) for f in found.findings] == [
        ("unreadable", "00.png"), ("mask", "01.png"), ("mask", "02.png"), ("mask", "03.png"),
    ]  # fmt: skip
    assert "40 wide and 40 high" in found.findings[1].reason
    assert "pixels of its objects in masks_instances/ are background" in found.findings[3].reason
    assert (found.folders[0].pictures, found.folders[0].masks) == (3, 1)


def test_the_card_says_what_is_there(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", classes={"1": "left"}, count=9)
    kinds = [(f.level, f.kind, f.entry) for f in check_data(root).findings]
    assert kinds == [("error", "card", f"{i:02}.png") for i in (1, 2, 3)] + [("warning", "card", "card.json")]
    (root / "card.json").write_text("{")
    with pytest.raises(InputError, match=r"card\.json: is not valid JSON"):
        check_data(root)


# --- doubles and leaks


def test_the_same_and_nearly_the_same_picture_are_told_once_each(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", [1, 2, 1, 3])
    brighter = np.clip(scene(2).astype(int) + 6, 0, 255).astype(np.uint8)
    save(root / "images" / "04.png", brighter)
    save(root / "masks" / "04.png", labels())
    shutil.copy(root / "images" / "01.png", root / "images" / "05.png")
    save(root / "masks" / "05.png", labels())
    assert said(check_data(root)) == [
        ("duplicate", "02.png", "it is the same picture as 00.png with another mask"),
        ("duplicate", "04.png", "it is nearly the same picture as 01.png"),
        ("duplicate", "05.png", "it is the same picture as 01.png"),
    ]


def test_flat_pictures_are_the_same_by_their_bytes_alone(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", [1])
    for name, grey in (("a", 10), ("b", 10), ("c", 11)):
        save(root / "images" / f"{name}.png", np.full((48, 48, 3), grey, np.uint8))
        save(root / "masks" / f"{name}.png", labels())
    assert said(check_data(root)) == [("duplicate", "b.png", "it is the same picture as a.png")]


def test_a_picture_in_two_folders_is_a_leak(tmp_path: Path) -> None:
    first = training_set(tmp_path / "train", [1, 2, 3, 4])
    second = training_set(tmp_path / "test", [5, 2, 6])
    buffer = io.BytesIO()
    Image.fromarray(scene(4)).save(buffer, "JPEG", quality=70)
    (second / "images" / "saved_again.jpg").write_bytes(buffer.getvalue())
    save(second / "masks" / "saved_again.png", labels())
    found = check_data([first, second, training_set(tmp_path / "apart", [8, 9])])
    assert [(f.kind, f.folder, f.entry) for f in found.findings] == [
        ("leak", str(second), "01.png"), ("leak", str(second), "saved_again.jpg"),
    ]  # fmt: skip
    assert found.findings[0].reason == f"it is the same picture as 01.png of {first}"
    assert found.findings[1].reason == f"it is nearly the same picture as 03.png of {first}"
    assert check_data([first, second], without=["leak"]).ok


# --- licences


@pytest.mark.parametrize(
    ("card", "use", "levels"),
    [
        ({}, "shipping", []),
        ({"licence": None}, "training", ["error"]),
        ({"licence": None}, "measuring", ["warning"]),
        ({"licence": "none stated"}, "shipping", ["error"]),
        ({"licence": "CC BY-NC 4.0"}, "training", ["error"]),
        ({"licence": "CC BY-ND 4.0"}, "shipping", ["error"]),
        ({"licence": "CC BY-SA 4.0"}, "shipping", ["warning"]),
        ({"licence": None, "license": "MIT"}, "shipping", []),
        ({"ship": False}, "shipping", ["error"]),
        ({"may_ship": False}, "training", []),
    ],
)
def test_licences_are_judged_by_the_use(tmp_path: Path, card: dict, use: str, levels: list[str]) -> None:
    found = check_data(training_set(tmp_path / "set", **card), use)  # type: ignore[arg-type]
    assert [(f.level, f.kind) for f in found.findings] == [(level, "licence") for level in levels]
    assert found.ok == ("error" not in levels)


# --- the other kinds of folders


def test_cue_sets_are_checked_as_folder_and_archive(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", [1, 2])
    for place in (tmp_path / "cues", tmp_path / "cues.zip"):
        new_cueset(place, ["left", "right"])
        cues = [Cue(root / "images" / f"0{i}.png", mask=root / "masks" / f"0{i}.png") for i in (0, 1)]
        add_cues(place, cues)
    found = check_data([tmp_path / "cues", root], without=["licence"])
    assert [(f.kind, f.entry) for f in found.findings] == [("leak", "00.png"), ("leak", "01.png")]
    zipped = check_data(tmp_path / "cues.zip", "measuring")
    assert (zipped.folders[0].kind, zipped.folders[0].masks) == ("cue set", 2)
    assert [f.kind for f in zipped.findings] == ["licence"]
    (tmp_path / "cues" / "masks" / "00.png").unlink()
    assert {f.kind for f in check_data(tmp_path / "cues", without=["licence"]).findings} == {"cue"}


def test_results_are_compared_with_their_manifest(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", range(5))
    cue = cuecast.Cue(root / "images" / "00.png", mask=root / "masks" / "00.png")
    concept = cuecast.load("colours").learn([cue], classes=["left"])
    images = sorted((root / "images").glob("*.png"))
    run(concept, images, tmp_path / "out", BatchOptions(formats=()))
    assert check_data(tmp_path / "out", without=["licence"]).findings == ()
    assert [f.kind for f in check_data([tmp_path / "out", root], without=["licence"]).findings] == [
        "leak"
    ] * 5
    save(tmp_path / "out" / "masks" / "00.png", labels())
    (tmp_path / "out" / "masks" / "01.png").unlink()
    (tmp_path / "out" / "masks" / "nobody.png").write_bytes(b"")
    images[2].unlink()
    save(images[3], scene(3, side=40))
    assert [(f.level, f.kind, f.entry) for f in check_data(tmp_path / "out", without=["licence"]).findings] == [
        ("error", "pair", "00"), ("error", "pair", "01"), ("warning", "pair", "02"), ("error", "mask", "03"),
        ("error", "pair", "masks/nobody.png"),
    ]  # fmt: skip


# --- what cannot be checked


def test_what_is_no_folder_of_data_says_so(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.zip").write_bytes(b"nothing")
    for given, words in (
        ([tmp_path / "nowhere"], "there is no such folder"),
        ([tmp_path / "empty"], "holds no image"),
        ([tmp_path / "file.zip"], "neither a folder nor a readable .zip"),
        ([root, root / "masks" / ".."], "given twice"),
    ):
        with pytest.raises(CuecastError, match=words):
            check_data(given)
    with pytest.raises(InputError, match="use 'selling' is unknown"):
        check_data(root, "selling")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'pairs' is no kind of finding"):
        check_data(root, without=["pairs"])  # type: ignore[list-item]
    assert "leak" in TROUBLES


def test_the_page_names_the_kinds_of_findings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    assert all(f"| `{kind}` |" in page for kind in TROUBLES)
