"""Every view of the studio by the rules of axe-core: names and roles for screen readers, contrast, headings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from studio_page import SQUARE, Studio


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_view_breaks_a_rule(
    studio: Studio, audit: Callable[[str], None], pictures: list[Path], colours: str
) -> None:
    page = studio.page
    page.emulate_media(color_scheme=colours)
    studio.open()
    audit("start")
    studio.create(pictures)
    audit("gallery without examples")
    studio.open_image("a.png")
    audit("editor without marks")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    audit("editor with marks")
    studio.run()
    audit("gallery with results")
    page.get_by_role("button", name="Measurements").click()
    page.get_by_role("img").first.wait_for()
    audit("measurements")
    studio.to_gallery()
    page.get_by_role("button", name="Export …").click()
    page.get_by_role("button", name="Make the .zip").wait_for()
    audit("export")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    audit("keys")
    page.keyboard.press("Escape")
    studio.open_image("b.png")
    page.get_by_text("Found. Its outline should fit").wait_for()
    audit("result")
    studio.click("b.png", 16, 16)
    page.get_by_role("button", name="Merge …").click()
    audit("an object of the result")
    page.get_by_role("button", name="Correct it").click()
    studio.choose("Point on it")
    audit("correction")
