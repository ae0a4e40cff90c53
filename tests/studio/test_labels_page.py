"""Labels of other programs in a real browser: looked at with what is left out and why, then stored as marks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from studio_page import Studio

CORNERS = [8, 8, 24, 8, 24, 24, 8, 24]
"""The red square of a.png."""


def coco(path: Path) -> Path:
    """The square on a.png, nothing on b.png, and one on a picture that is not in the project."""
    names = ("a.png", "b.png", "x.png")
    images = [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)]
    annotations = [
        {"id": n, "image_id": image, "category_id": 1, "segmentation": [CORNERS], "bbox": [8, 8, 16, 16]}
        for n, image in enumerate((0, 2))
    ]
    categories = [{"id": 1, "name": "coin"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def open_dialog(studio: Studio) -> Any:
    studio.to_gallery()
    studio.page.get_by_role("button", name="Bring labels …").click()
    dialog = studio.page.get_by_role("dialog")
    dialog.get_by_text("Labels as marks").wait_for()
    return dialog


def test_a_file_is_looked_at_and_stored(
    studio: Studio, pictures: list[Path], tmp_path: Path, audit: Callable[[str], None]
) -> None:
    page = studio.page
    studio.create(pictures)
    dialog = open_dialog(studio)
    assert dialog.get_by_role("button", name="Store as marks").is_disabled()
    dialog.locator("input[data-kind=labels]").set_input_files(str(coco(tmp_path / "coins.json")))
    dialog.get_by_text("2 pictures get marks, 1 of them “not here”.").wait_for()
    dialog.get_by_text("coin: 1 object").wait_for()
    left = dialog.locator(".leftout li").first.inner_text()
    assert "1 no picture of the project is called so" in left.replace("\n", " ")
    assert "x.png" in left
    dialog.get_by_text("The pictures (2)").click()
    audit("labels before they are stored")
    # Looked at alone, nothing is stored.
    assert [studio.image(f"{n}.png")["marks"] for n in "abc"] == [None] * 3

    # Pictures without labels may be left out; then the rest is stored.
    dialog.get_by_role("checkbox", name="Where nothing is marked").uncheck()
    dialog.get_by_text("1 picture gets marks.").wait_for()
    dialog.get_by_role("button", name="Store as marks of 1 picture").click()
    page.get_by_text("1 picture has marks now.").wait_for()
    dialog.wait_for(state="detached")
    assert [studio.image(f"{n}.png")["marks"] for n in "abc"] == ["mask", None, None]
    page.get_by_text("1 of 3").wait_for(state="detached")
    page.get_by_text("1 example").wait_for()
    assert page.get_by_role("textbox", name="Name of the class").first.input_value() == "coin"

    # What is marked stays, unless it is to be replaced.
    dialog = open_dialog(studio)
    dialog.locator("input[data-kind=labels]").set_input_files(str(tmp_path / "coins.json"))
    dialog.get_by_text("the picture is marked already").wait_for()
    dialog.get_by_role("checkbox", name="Replace the marks").check()
    dialog.get_by_text("1 picture is marked already: those marks are lost.").wait_for()


def test_a_folder_of_masks_and_a_folder_of_the_server_by_keyboard(
    studio: Studio, pictures: list[Path], tmp_path: Path
) -> None:
    page = studio.page
    studio.create(pictures)
    masks = tmp_path / "set" / "masks"
    masks.mkdir(parents=True)
    ids = np.zeros((48, 64), np.uint8)
    ids[8:24, 8:16], ids[8:24, 16:24] = 1, 2
    Image.fromarray(ids).save(masks / "a.png")
    dialog = open_dialog(studio)
    dialog.locator("input[data-kind=labelfolder]").set_input_files(str(tmp_path / "set"))
    dialog.get_by_text("1 picture gets marks.").wait_for()
    dialog.get_by_text("thing: 2 objects").wait_for()
    dialog.get_by_label("In pictures of numbers").select_option("masks")
    dialog.get_by_text("class 2: 1 object").wait_for()
    dialog.get_by_label("In pictures of numbers").select_option("objects")
    dialog.get_by_text("thing: 2 objects").wait_for()
    dialog.get_by_role("button", name="Store as marks").press("Enter")
    page.get_by_text("1 picture has marks now.").wait_for()
    assert len(studio.marks("a.png")["mask"]["objects"]) == 2

    assert studio.service.root is not None
    place = studio.service.root / "labels"
    place.mkdir()
    coco(place / "coins.json")
    dialog = open_dialog(studio)
    dialog.get_by_role("button", name="A folder of the server …").press("Enter")
    page.get_by_role("button", name=str(studio.service.root)).press("Enter")
    page.get_by_role("button", name="labels", exact=True).press("Enter")
    page.get_by_text(str(place)).wait_for()
    page.get_by_role("button", name="Take this folder").press("Enter")
    page.get_by_text("1 picture gets marks, 1 of them “not here”.").wait_for()


def test_what_holds_no_labels_is_refused_with_the_reason(
    studio: Studio, pictures: list[Path], tmp_path: Path
) -> None:
    studio.create(pictures)
    dialog = open_dialog(studio)
    (tmp_path / "words.md").write_text("x")
    dialog.locator("input[data-kind=labels]").set_input_files(str(tmp_path / "words.md"))
    dialog.get_by_role("alert").get_by_text("holds no labels").wait_for()
    assert dialog.get_by_role("button", name="Store as marks").is_disabled()
