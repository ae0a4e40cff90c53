"""What is on the screen: nothing covers a control, what comes next is in sight, what is old is not shown as new."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from studio_page import GREEN, RED, SQUARE, Studio, paint

WINDOW = {"width": 1280, "height": 720}
AT_200_PERCENT = {"width": 640, "height": 360}
COVERED = """async () => {
    // Cards (content-visibility) have nothing inside that a point could hit until they have been drawn.
    for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
    return [...document.querySelectorAll("main button, main a, main input, main select")].filter((control) => {
        const box = control.getBoundingClientRect();
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        if (!box.width || !control.checkVisibility({ visibilityProperty: true })) return false;
        if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return false;
        for (let up = control.parentElement; up; up = up.parentElement) {
            const room = up.getBoundingClientRect();
            if (getComputedStyle(up).overflowY !== "visible" && (y < room.top || y > room.bottom)) return false;
        }
        const top = document.elementFromPoint(x, y);
        return !control.contains(top) && !control.labels?.[0]?.contains(top);
    })
    .map((control) => control.ariaLabel || control.textContent || control.outerHTML);
}"""
"""The controls on the screen that something else lies over."""


def overlap(page: Any, one: str, other: str) -> bool:
    a, b = (page.locator(s).bounding_box() for s in (one, other))
    return bool(
        a["x"] < b["x"] + b["width"] - 1
        and b["x"] < a["x"] + a["width"] - 1
        and a["y"] < b["y"] + b["height"] - 1
        and b["y"] < a["y"] + a["height"] - 1
    )


def in_sight(page: Any, control: Any) -> bool:
    box, window = control.bounding_box(), page.viewport_size
    return bool(box["y"] >= 0 and box["y"] + box["height"] <= window["height"])


def whole(page: Any, control: Any) -> bool:
    """Whether all of a control is on the screen, before anything is scrolled."""
    box, window = control.bounding_box(), page.viewport_size
    return in_sight(page, control) and bool(box["x"] >= 0 and box["x"] + box["width"] <= window["width"])


def marked(studio: Studio, pictures: list[Path]) -> None:
    """A project whose first picture is marked wholly."""
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)


@pytest.mark.parametrize("window", [WINDOW, AT_200_PERCENT], ids=["100 %", "200 %"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_files_that_failed_cover_nothing(
    studio: Studio, pictures: list[Path], tmp_path: Path, window: Any, language: str
) -> None:
    page = studio.page
    page.set_viewport_size(window)
    studio.open()
    page.get_by_label("Language").select_option(language)
    broken = []
    for name in ("notes.png", "more notes.tif"):
        broken.append(tmp_path / name)
        broken[-1].write_text("no picture")
    page.set_input_files("input[data-kind=files]", [str(p) for p in (*pictures, *broken)])
    page.locator(".failures li").nth(1).wait_for()
    page.locator(".gallery .card").nth(2).wait_for()
    studio.project = page.url.rpartition("#/p/")[2]
    assert page.evaluate(COVERED) == []
    for name, said in zip(("notes.png", "more notes.tif"), page.locator(".failures li").all(), strict=True):
        words = said.inner_text()
        assert words.startswith(name), words
        assert words.lower().count(name) == 1, words
    studio.open_image("a.png")
    assert page.evaluate(COVERED) == []
    page.locator(".uploadchip").click()
    page.locator(".failures li").first.wait_for()


def test_two_projects_of_one_day_have_two_names(studio: Studio, pictures: list[Path]) -> None:
    crumb = studio.page.locator(".crumb")
    names = []
    for _ in range(3):
        studio.create(pictures[:1])
        names.append(crumb.inner_text())
    assert len(set(names)) == 3, names
    assert re.fullmatch(r"Pictures .* \(\d+\)", names[2]), names


def test_run_and_export_are_in_sight(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    marked(studio, pictures)
    studio.run()
    page.get_by_role("button", name="Export …").wait_for()
    for _ in range(4):  # classes push what lies below them
        page.get_by_role("button", name="Add a class").click()
        page.wait_for_function("n => document.querySelectorAll('.classname').length > n", arg=_ + 1)
    for name in ("Run again where", "Export …", "Measurements"):
        assert in_sight(page, page.get_by_role("button", name=name)), name


def test_run_from_a_picture(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    studio.open_image("a.png")
    run = page.get_by_role("button", name="Run", exact=True)
    assert run.is_disabled()
    studio.outline("a.png", SQUARE)
    run.click()
    page.get_by_text("Done.").first.wait_for()
    studio.to_gallery()
    page.get_by_role("link", name=re.compile("^b.png, Found")).wait_for()
    page.wait_for_timeout(500)  # nothing makes it old again
    assert page.get_by_text("Earlier:").count() == 0
    assert studio.image("b.png")["prediction"]["verdict"] == "found"


def test_an_accepted_correction_takes_the_place_of_the_verdict(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    marked(studio, [*pictures, paint(pictures[0].parent / "d.png", (RED, 8, 8), (GREEN, 8, 24))])
    studio.run()
    studio.open_image("b.png")
    page.locator(".editortop").get_by_text(re.compile("Found")).wait_for()
    page.keyboard.press("c")
    studio.click("b.png", 48, 32)
    page.keyboard.press("Control+Enter")
    page.locator(".editortop").get_by_text("Example").wait_for()
    assert "Found" not in page.locator(".editortop").inner_text()
    studio.to_gallery()
    page.get_by_role("link", name=re.compile("^b.png, Example$")).wait_for()
    # The others were found by what was marked before, and say so.
    page.get_by_role("link", name=re.compile("^d.png, Found.*Before your last marks")).wait_for()
    assert page.locator(".card", has_text="d.png").get_by_text("Earlier: Found").count() == 1


@pytest.mark.parametrize("window", [WINDOW, AT_200_PERCENT, {"width": 400, "height": 800}])
def test_the_panel_leaves_the_picture_free(studio: Studio, pictures: list[Path], window: Any) -> None:
    page = studio.page
    marked(studio, pictures)
    studio.run()
    page.set_viewport_size(window)
    studio.open_image("b.png")
    page.get_by_role("button", name="Correct it").wait_for()
    sides = ("Show or hide the side panel", "Next picture", "Run")
    for name in ("Correct it", "This is right", "This is wrong", *sides):
        assert whole(page, page.get_by_role("button", name=name).first), name
    page.keyboard.press("c")
    page.get_by_role("button", name="Accept as an example").wait_for()
    for name in ("Accept as an example", "Throw away"):
        assert whole(page, page.get_by_role("button", name=name)), name
    assert not overlap(page, ".panel", ".canvas")
    assert page.locator(".canvas").bounding_box()["width"] >= 200
    assert page.evaluate(COVERED) == []
    studio.open_image("a.png")
    studio.choose("Brush")
    assert not overlap(page, ".panel", ".viewbar .zoom")
    assert page.evaluate(COVERED) == []


def test_what_it_is_not_is_asked_for_once(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    ask = page.get_by_text("Now click once on what it is not.")
    studio.open_image("a.png")
    studio.choose("Box")
    studio.drag("a.png", (6, 6), (26, 26))
    studio.wait_saved("a.png", 1)
    assert ask.count() == 0  # a box says where it ends
    page.keyboard.press("Control+z")
    studio.choose("Point on it")
    studio.click("a.png", 16, 16)
    ask.wait_for()
    page.locator(".ask").get_by_role("button", name="Point: not this").click()
    studio.click("a.png", 50, 40)
    ask.wait_for(state="detached")
    marks = studio.wait_saved("a.png", 2)
    assert sorted(point["class"] for point in marks["points"]) == [0, 1]
    assert ask.count() == 0
    studio.open_image("b.png")
    studio.choose("Stroke on it")
    studio.drag("b.png", (10, 10), (20, 20))
    studio.wait_saved("b.png", 1)
    assert ask.count() == 0
