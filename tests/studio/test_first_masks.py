"""From opening the page to the first masks: how many clicks it takes; and the help that a beginner sees on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import load_script
from studio_page import RED, Service, Studio, paint


@pytest.fixture
def twelve(tmp_path: Path) -> list[Path]:
    """Twelve pictures with a red square, each elsewhere."""
    return [paint(tmp_path / f"p{n:02}.png", (RED, 2 + 3 * n, 2 + 2 * n)) for n in range(12)]


def test_five_clicks_to_the_first_masks_then_corrections_and_cards_are_timed(
    studio: Studio, service: Service, tmp_path: Path
) -> None:
    measured = load_script("benchmarks/studio.py")
    files = [paint(tmp_path / f"p{n}.png", (RED, 20 + n, 16)) for n in range(3)]
    studio.page.add_init_script(measured.WATCH)
    first = measured.first_masks(studio, files)
    assert first["clicks"] == 5
    # The first run leads to where the masks appear.
    studio.page.locator(".thumb canvas[data-drawn]").first.wait_for()
    assert 0 < first["first"] <= first["all"]
    # A click that was not answered has no time.
    clicks = measured.corrections(studio, files[1:2], 0)
    assert clicks["clicks"] == measured.CLICKS_EACH
    assert 0 < clicks["median"] <= clicks["worst"]
    assert clicks["worst_of_first"] == clicks["seconds"][0][0]
    measured.pictures(None, service.root / "many", 32, 30)
    cards = measured.gallery(studio, service.root / "many", 2000)
    assert cards["pictures"] == 30
    assert cards["within_0.3"] > 0
    assert cards["end_of_list"] == 0


def test_the_first_picture_says_what_to_do_until_it_is_done(
    studio: Studio, twelve: list[Path], audit: Callable[[str], None]
) -> None:
    page = studio.page
    studio.create(twelve[:2])
    studio.open_image("p00.png")
    help = page.locator(".firsthelp")
    help.get_by_text("Paint the thing").wait_for()
    audit("first help")
    # It is in nobody's way: what is pressed there is the picture below it; and it goes with the first stroke.
    box = help.bounding_box()
    below = "([x, y]) => !!document.elementFromPoint(x, y).closest('.canvas')"
    assert page.evaluate(below, [box["x"] + 30, box["y"] + box["height"] - 8])
    studio.choose("Brush")
    studio.drag("p00.png", (6, 6), (14, 14))
    help.wait_for(state="detached")
    page.keyboard.press("Control+z")
    help.wait_for()
    help.get_by_role("button", name="Close").click()
    help.wait_for(state="detached")
    # Closed, it stays away on other pictures.
    studio.open_image("p01.png")
    page.wait_for_timeout(300)
    assert help.count() == 0


def test_tools_say_their_names_and_keys_under_the_pointer_and_in_focus(
    studio: Studio, twelve: list[Path]
) -> None:
    page = studio.page
    studio.create(twelve[:1])
    studio.open_image("p00.png")
    tip = page.locator(".tip")
    tools = page.get_by_role("toolbar")
    tools.get_by_role("button", name="Polygon", exact=True).hover()
    assert tip.inner_text().split() == ["Polygon", "G"]
    page.mouse.move(600, 400)
    tip.wait_for(state="detached")
    tools.get_by_role("button", name="Brush", exact=True).focus()
    page.keyboard.press("ArrowDown")
    assert tip.inner_text().split() == ["Eraser", "E"]
    assert page.evaluate("document.activeElement.getAttribute('aria-keyshortcuts')") == "E"


def test_keys_change_opacity_and_brush(studio: Studio, twelve: list[Path]) -> None:
    page = studio.page
    studio.create(twelve[:1])
    studio.open_image("p00.png")
    page.keyboard.press("b")
    size = page.locator(".size input")
    before = float(size.input_value())
    page.keyboard.press("]")
    assert float(size.input_value()) > before
    studio.drag("p00.png", (6, 6), (14, 14))
    studio.wait_saved("p00.png", 1)
    page.mouse.move(5, 5)

    def strength() -> int:
        """Opacity of the coloured layer in the middle of the stroke."""
        x, y = studio.place("p00.png", 10, 10)
        read = """([x, y]) => {
            const sheet = document.querySelectorAll(".canvas canvas")[1];
            const { left, top } = sheet.getBoundingClientRect();
            return sheet.getContext("2d").getImageData(x - left, y - top, 1, 1).data[3];
        }"""
        return int(page.evaluate(read, [x, y]))

    def become(least: int, most: int) -> None:
        for _ in range(40):
            if least <= strength() <= most:
                return
            page.wait_for_timeout(50)
        pytest.fail(f"{strength()} is not from {least} to {most}")

    become(110, 120)  # 0.45 of 255
    page.keyboard.press("Shift+BracketRight")
    become(150, 156)  # the next tenth is 0.6
    for _ in range(12):
        page.keyboard.press("Shift+BracketLeft")
    become(20, 30)
    for _ in range(12):
        page.keyboard.press("Shift+BracketRight")
    become(250, 255)
