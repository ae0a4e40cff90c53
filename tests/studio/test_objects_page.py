"""Things that touch are drawn as objects of their own, seen apart, stored, taken back, and learnt from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image
from studio_page import RED, SQUARE, Studio, paint

from cuecast.core.values import Marks
from cuecast.cues import read_document

LEFT = ((8, 8), (16, 8), (16, 24), (8, 24))
RIGHT = ((16, 8), (24, 8), (24, 24), (16, 24))
HALVES = np.zeros((48, 64), np.int32)
HALVES[8:24, 8:16], HALVES[8:24, 16:24] = 1, 2
"""The red square of a.png, as two things that touch."""


def colour_at(studio: Studio, name: str, x: float, y: float) -> list[int]:
    """What the coloured layer shows at a place of a picture: red, green, blue."""
    left, top = studio.place(name, x, y)
    read = """([x, y]) => {
        const sheet = document.querySelectorAll(".canvas canvas")[1];
        const { left, top } = sheet.getBoundingClientRect();
        const [column, row] = [x - left, y - top].map((v) => Math.floor(v * devicePixelRatio));
        return [...sheet.getContext("2d").getImageData(column, row, 1, 1).data].slice(0, 3);
    }"""
    found: list[int] = studio.page.evaluate(read, [left, top])
    return found


def objects_of(studio: Studio, version: int) -> np.ndarray | None:
    marks = read_document(studio.wait_saved("a.png", version), HALVES.shape)
    assert marks is not None
    return marks.objects


def test_two_halves_that_touch(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", LEFT)
    assert objects_of(studio, 1) is None
    one = colour_at(studio, "a.png", 12, 16)
    page.keyboard.press("x")
    page.get_by_text("The next stroke or polygon is an object of its own").wait_for()
    studio.outline("a.png", RIGHT)
    page.get_by_text("2 objects told apart").wait_for()
    assert np.array_equal(objects_of(studio, 2), HALVES)
    shades = [colour_at(studio, "a.png", x, 16) for x in (12, 20)]
    assert shades[0] != shades[1]
    assert max(colour_at(studio, "a.png", 16.5, 16)) > max(one)  # the line between them

    page.get_by_role("button", name="Undo").click()
    page.get_by_text("2 objects told apart").wait_for(state="detached")
    assert objects_of(studio, 3) is None
    page.get_by_role("button", name="Redo").click()
    page.get_by_text("2 objects told apart").wait_for()
    assert np.array_equal(objects_of(studio, 4), HALVES)

    # They are there when the picture is opened again, and the brush begins a third one by the button.
    studio.to_gallery()
    studio.open_image("a.png")
    page.get_by_text("2 objects told apart").wait_for()
    studio.choose("New object")
    studio.choose("Brush")
    studio.drag("a.png", (24.5, 12.5), (24.5, 20.5))
    page.get_by_text("3 objects told apart").wait_for()
    found = objects_of(studio, 5)
    assert found is not None
    assert found[16, 24] == 3
    assert set(np.unique(found[8:24, 8:20])) == {1, 2}


def test_an_accepted_correction_keeps_the_objects_of_its_answer(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", LEFT)
    page.keyboard.press("x")
    studio.outline("a.png", RIGHT)
    page.get_by_text("2 objects told apart").wait_for()
    studio.wait_saved("a.png", 1)
    studio.run()
    studio.open_image("b.png")
    page.get_by_role("button", name="Correct it").click()
    studio.choose("Point on it")
    with page.expect_response(lambda r: r.url.endswith("/preview")) as answered:
        studio.click("b.png", 48, 32)
    mask = answered.value.json()["mask"]
    assert mask["objects"]
    studio.choose("Brush")
    studio.drag("b.png", (4.5, 40.5), (8.5, 40.5))  # a thing that the answer does not have
    page.get_by_role("button", name="Accept as an example").click()
    page.get_by_text("Saved as an example.").first.wait_for()
    marks = read_document(studio.marks("b.png"), HALVES.shape)
    assert marks is not None
    assert marks.objects is not None
    assert ((marks.objects > 0) == (marks.mask > 0)).all()
    assert marks.objects.max() == len(mask["objects"]) + 1


def test_a_click_on_an_object_shows_its_measures(
    studio: Studio, pictures: list[Path], tmp_path: Path
) -> None:
    page = studio.page
    two = paint(tmp_path / "two.png", (RED, 8, 8), (RED, 40, 30))
    studio.create([*pictures, two])
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    card = page.locator(".card").filter(has_text="two.png")
    assert card.locator(".badge.count").inner_text() == "2 objects"
    assert "2 objects" in card.get_by_role("link").get_attribute("aria-label")
    studio.open_image("two.png")
    page.get_by_text("Click an object to see its measures.", exact=True).wait_for()
    studio.click("two.png", 48, 38)
    page.get_by_role("heading", name="Object 2 of 2").wait_for()
    figures = page.locator(".figures").inner_text()
    assert "256 px" in figures
    assert "40, 30 – 56, 46" in figures
    shades = [colour_at(studio, "two.png", x, y) for x, y in ((16, 16), (48, 38))]
    assert shades[0] != shades[1]
    page.get_by_role("button", name="Next object").click()
    page.get_by_role("heading", name="Object 1 of 2").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="2 objects").wait_for()
    # With the keyboard alone, from the middle (32, 24): with Shift 40 pixels of the screen, five here.
    page.locator(".canvas").focus()
    for key in ("Right", "Right", "Right", "Down", "Down"):
        page.keyboard.press(f"Shift+Arrow{key}")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Object 2 of 2").wait_for()


def test_objects_of_an_answer_are_deleted_cut_and_merged(
    studio: Studio, pictures: list[Path], tmp_path: Path
) -> None:
    page = studio.page
    two = paint(tmp_path / "two.png", (RED, 8, 8), (RED, 40, 30))
    studio.create([pictures[0], two])
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    studio.open_image("two.png")

    def marks(version: int) -> Marks | None:
        return read_document(studio.wait_saved("two.png", version), HALVES.shape)

    studio.click("two.png", 48, 38)
    page.get_by_text("A change makes this picture an example.").wait_for()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("Saved as an example.").wait_for()
    square = (HALVES > 0).astype(np.int32)
    found = marks(1)
    assert found is not None
    assert np.array_equal(found.mask, square)
    assert found.objects is None

    page.keyboard.press("Control+z")
    assert marks(2) is None
    page.keyboard.press("Control+y")
    assert marks(3) is not None

    studio.click("two.png", 12, 16)
    page.get_by_role("button", name="Cut …").click()
    studio.drag("two.png", (50, 4), (52, 40))
    page.get_by_text("That line did not cut it.").wait_for()
    studio.drag("two.png", (16, 4), (16, 28))
    page.get_by_role("heading", name="Object 1 of 2").wait_for()
    found = marks(4)
    assert found is not None
    assert np.array_equal(found.mask, square)
    assert np.array_equal(found.objects, HALVES)

    page.get_by_role("button", name="Merge …").click()
    studio.click("two.png", 20, 16)
    page.get_by_role("heading", name="Object 1 of 1").wait_for()
    found = marks(5)
    assert found is not None
    assert np.array_equal(found.objects, square)
    page.keyboard.press("Control+z")
    found = marks(6)
    assert found is not None
    assert np.array_equal(found.objects, HALVES)

    page.get_by_role("button", name="Delete", exact=True).click()
    studio.click("two.png", 20, 16)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("You said that it is not on this picture.").wait_for()
    assert studio.wait_saved("two.png", 7)["absent"]


def test_the_measures_are_summed_up_and_saved(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    page.get_by_role("button", name="Measurements").click()
    totals = page.get_by_role("region", name="Totals and means").locator("tbody td")
    totals.first.wait_for()
    assert totals.all_inner_texts()[:3] == ["2", "512", "256"]  # a and b have one square of 16 each
    assert "2 objects, Area, mean: 256" in page.get_by_role("img").first.get_attribute("aria-label")
    page.get_by_label("Measure", exact=True).select_option("major_axis")
    assert "Length: how many objects" in page.get_by_role("img").first.get_attribute("aria-label")
    with page.expect_download() as table:
        page.get_by_role("button", name="Save the table (CSV)").click()
    with open(table.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["object"], row["area"]) for row in rows] == [
        ("a.png", "1", "256"),
        ("b.png", "1", "256"),
    ]
    with page.expect_download() as histogram:
        page.get_by_role("button", name="Save the histogram (PNG)").click()
    assert histogram.value.suggested_filename.endswith(".png")
    with Image.open(histogram.value.path()) as opened:
        assert opened.size == (1120, 480)
        assert (31, 95, 191) in {colour for _, colour in opened.convert("RGB").getcolors(100_000)}
