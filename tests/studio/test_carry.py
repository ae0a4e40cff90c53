"""Marks are carried from a picture to the next one, and frames are filled in between those that are marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from films import SIDE, film, save_film
from PIL import Image
from studio_page import GREEN, RED, SQUARE, Studio, paint

from cuecast.cues import labels_of

FRAMES = 9


def masked(studio: Studio, name: str, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """The mask that is stored for a picture."""
    found = labels_of(studio.marks(name)["mask"], size)
    assert found is not None
    return found


def square(left: int, top: int, side: int = 16) -> np.ndarray:
    out = np.zeros((48, 64), np.int32)
    out[top : top + side, left : left + side] = 1
    return out


def test_marks_are_copied_to_the_next_picture(studio: Studio, tmp_path: Path) -> None:
    page = studio.page
    pictures = [
        paint(tmp_path / "a.png", (RED, 8, 8)),
        paint(tmp_path / "b.png", (RED, 8, 8), (GREEN, 40, 24)),
        paint(tmp_path / "c.png"),
    ]
    Image.fromarray(np.full((30, 30, 3), 7, np.uint8)).save(tmp_path / "d.png")
    studio.create([*pictures, tmp_path / "d.png"])
    studio.open_image("a.png")
    assert page.get_by_role("button", name="Copy to the next picture").count() == 0
    studio.outline("a.png", SQUARE)
    studio.choose("Point: not this")
    studio.click("a.png", 50.5, 40.5)
    page.get_by_role("button", name="Copy to the next picture").click()
    page.get_by_role("heading", name="b.png").wait_for()
    marks = studio.wait_saved("b.png", 0)
    page.wait_for_function("() => document.querySelector('.marks')?.children.length === 2")
    marks = studio.wait_saved("b.png", 1)
    assert np.array_equal(masked(studio, "b.png"), square(8, 8))
    assert [point["class"] for point in marks["points"]] == [0]

    # It is one step, which is taken back; and it goes on with a key.
    page.keyboard.press("Control+z")
    page.get_by_text("Nothing is marked yet.").wait_for()
    assert studio.wait_saved("b.png", 2)["mask"] is None
    page.keyboard.press("Control+y")
    studio.wait_saved("b.png", 3)
    page.keyboard.press("k")
    page.get_by_role("heading", name="c.png").wait_for()
    page.wait_for_function("() => document.querySelector('.marks')?.children.length === 2")
    studio.wait_saved("c.png", 1)
    assert np.array_equal(masked(studio, "c.png"), square(8, 8))

    # What is marked already stays, and so does a picture of another size.
    page.keyboard.press("k")
    page.get_by_role("heading", name="d.png").wait_for()
    page.get_by_text("This picture has another size: nothing was copied.").wait_for()
    assert studio.marks("d.png")["version"] == 0
    studio.open_image("b.png")
    page.keyboard.press("k")
    page.get_by_role("heading", name="c.png").wait_for()
    page.get_by_text("This picture is marked already: nothing was copied.").wait_for()
    assert studio.marks("c.png")["version"] == 1


@pytest.fixture
def marked_film(studio: Studio, tmp_path: Path) -> Studio:
    """A square that moves two pixels a frame, marked on the first and the last."""
    clip = save_film(tmp_path / "clip.mp4", film(FRAMES, lambda i: (10, 4 + 2 * i)))
    studio.open()
    studio.page.set_input_files("input[data-kind=video]", str(clip))
    studio.page.locator(".gallery .card").nth(FRAMES - 1).wait_for()
    studio.project = studio.page.url.rpartition("#/p/")[2]
    for frame in (0, FRAMES - 1):
        x = 4 + 2 * frame
        name = f"{frame:06d}.png"
        path = [[x, 10], [x + SIDE, 10], [x + SIDE, 10 + SIDE], [x, 10 + SIDE]]
        body = {"version": 0, "polygons": [{"path": path, "class": 1}]}
        image = studio.image(name)["id"]
        studio.service.call("PUT", f"/projects/{studio.project}/images/{image}/marks", body)
    return studio


def test_a_frame_is_filled_in_and_then_all_of_them(marked_film: Studio) -> None:
    studio, page = marked_film, marked_film.page
    studio.open_image("000004.png")
    page.get_by_role("button", name="Fill in between").click()
    page.get_by_text("Painted 144 pixels").wait_for()
    studio.wait_saved("000004.png", 1)
    assert np.array_equal(masked(studio, "000004.png"), square(12, 10, SIDE))
    page.keyboard.press("PageDown")
    page.get_by_role("heading", name="000005.png").wait_for()
    page.locator(".editortop .save.ok").wait_for()
    page.keyboard.press("t")
    page.get_by_text("Painted 144 pixels").wait_for()
    studio.wait_saved("000005.png", 1)
    assert np.array_equal(masked(studio, "000005.png"), square(14, 10, SIDE))

    studio.to_gallery()
    page.keyboard.press("Control+a")
    page.get_by_text(f"{FRAMES} chosen").wait_for()
    assert page.get_by_role("button", name="Delete …").count() == 0  # frames go with their film alone
    page.get_by_role("button", name="Fill in between").click()
    page.get_by_text("5 frames were filled in: please look at them.").wait_for()
    page.get_by_text("is marked already, and its marks stay").wait_for()
    for frame in range(1, FRAMES - 1):
        assert np.array_equal(masked(studio, f"{frame:06d}.png"), square(4 + 2 * frame, 10, SIDE))


def test_where_a_side_is_missing_the_page_says_so(marked_film: Studio) -> None:
    page = marked_film.page
    image = marked_film.image("000000.png")["id"]
    empty = {"version": 1}
    marked_film.service.call("PUT", f"/projects/{marked_film.project}/images/{image}/marks", empty)
    marked_film.open_image("000003.png")
    page.keyboard.press("t")
    page.get_by_text("no frame before 000003.png is marked wholly").wait_for()
