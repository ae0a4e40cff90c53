"""The magic wand: regions that are ready to be clicked, with the mouse and with keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from studio_page import RED, Studio, paint

from cuecast.cues import labels_of


def masked(studio: Studio, version: int) -> np.ndarray:
    found = labels_of(studio.wait_saved("a.png", version)["mask"], (48, 64))
    return np.zeros((48, 64), np.int32) if found is None else found


def wand(studio: Studio, tmp_path: Path) -> None:
    """A red square of 16 on blue, open, with the wand in hand."""
    studio.create([paint(tmp_path / "a.png", (RED, 8, 8))])
    studio.open_image("a.png")
    with studio.page.expect_response(lambda reply: reply.url.endswith("/regions/large")):
        studio.page.keyboard.press("f")
    studio.page.locator(".sizes [role=status]").wait_for(state="detached")


def test_a_click_paints_a_region_and_another_takes_it_away(studio: Studio, tmp_path: Path) -> None:
    page = studio.page
    wand(studio, tmp_path)
    assert page.get_by_role("button", name="Magic wand").get_attribute("aria-pressed") == "true"
    studio.click("a.png", 16, 16)
    found = masked(studio, 1)
    assert found[16, 16] == 1
    assert not found[:, 26:].any()
    page.keyboard.press("Control+z")
    assert not masked(studio, 2).any()
    # What is red may be several regions: a drag takes them all, and nothing that is blue.
    studio.drag("a.png", *((x, y) for y in (10, 14, 18, 22) for x in (9, 13, 17, 21)))
    square = np.zeros((48, 64), np.int32)
    square[8:24, 8:24] = 1
    assert (masked(studio, 3) == square).mean() > 0.99
    page.keyboard.press("Control+z")
    assert not masked(studio, 4).any()
    studio.click("a.png", 16, 16)
    assert np.array_equal(masked(studio, 5), found)
    studio.click("a.png", 16, 16)
    assert not masked(studio, 6).any()


def test_small_regions_and_the_keyboard(studio: Studio, audit: Callable[[str], None], tmp_path: Path) -> None:
    page = studio.page
    wand(studio, tmp_path)
    audit("wand")
    page.locator(".canvas").focus()
    with page.expect_response(lambda reply: reply.url.endswith("/regions/small")):
        page.keyboard.press("[")
    page.locator(".sizes [role=status]").wait_for(state="detached")
    assert page.get_by_role("radio", name="small").is_checked()
    page.keyboard.press("ArrowRight")  # from the middle of the picture
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    found = masked(studio, 1)
    assert found[24, 32] == 1
    small = int((found == 1).sum())
    page.keyboard.press("]")
    assert page.get_by_role("radio", name="large").is_checked()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert int((masked(studio, 2) == 1).sum()) > small
