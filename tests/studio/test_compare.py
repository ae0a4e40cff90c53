"""The present run is kept, the examples change, and the page says what that has changed and which run is better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studio_page import GREEN, RED, SQUARE, Studio, paint


@pytest.fixture
def kept(studio: Studio, tmp_path: Path) -> Studio:
    """a: red, marked. b: red and green. c: green. d: neither. Run, and open where runs are compared."""
    pictures = [
        paint(tmp_path / "a.png", (RED, 8, 8)),
        paint(tmp_path / "b.png", (RED, 8, 8), (GREEN, 40, 24)),
        paint(tmp_path / "c.png", (GREEN, 8, 8)),
        paint(tmp_path / "d.png"),
    ]
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    studio.page.get_by_role("button", name="Compare runs").click()
    studio.page.get_by_role("heading", name="Compare runs").wait_for()
    return studio


def put(studio: Studio, name: str, body: dict[str, object]) -> None:
    image = studio.image(name)["id"]
    studio.service.call("PUT", f"/projects/{studio.project}/images/{image}/marks", {"version": 0, **body})


def square(left: int, top: int) -> dict[str, object]:
    path = [[left, top], [left + 16, top], [left + 16, top + 16], [left, top + 16]]
    return {"path": path, "class": 1}


def test_two_runs_side_by_side(kept: Studio, audit: Callable[[str], None]) -> None:
    studio, page = kept, kept.page
    page.get_by_text("Keep the present run here").wait_for()
    audit("nothing kept")
    page.get_by_label("Name for the present run").fill("red alone")
    page.keyboard.press("Enter")
    page.get_by_text("0 of 4 pictures have changed.").wait_for()
    page.get_by_text("no picture is checked that taught neither of them").wait_for()

    # c says that green is the thing, too; what is true of b is known, and teaches nothing.
    put(studio, "c.png", {"polygons": [square(8, 8)]})
    studio.to_gallery()
    page.reload()
    studio.page.locator(".gallery .card").first.wait_for()
    page.get_by_role("button", name="Run again where").click()
    page.locator(".card").filter(has_text="b.png").get_by_text("2 objects").wait_for()
    page.get_by_role("button", name="Run again where").wait_for()
    put(studio, "b.png", {"polygons": [square(8, 8), square(40, 24)], "teaches": False})
    page.get_by_role("button", name="Compare runs").click()
    page.get_by_text("2 of 4 pictures have changed.").wait_for()
    page.get_by_text("Better: the present run.").wait_for()
    page.get_by_text("red alone fits by 0.50, the present run by 1.00").wait_for()
    page.get_by_text("the present run: better on 1, worse on 0, alike on 0.").wait_for()
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows[:2]] == ["c.png", "b.png"]  # what has changed most
    assert rows[0].split("\t")[1:4] == ["Not here", "Found, 1 object", "0.00"]
    assert rows[1].split("\t")[1:] == ["Found, 1 object", "Found, 2 objects", "0.50", "0.50", "1.00"]
    audit("comparison")

    def choice(label: str) -> Any:
        return page.locator("label.field", has_text=label).locator("select")

    # Kept, the present one is compared with the other: the same table, under its name.
    page.get_by_label("Name for the present run").fill("and green")
    page.keyboard.press("Enter")
    choice("Compare").select_option("red alone")
    choice("with").select_option("and green")
    page.get_by_text("Better: and green.").wait_for()
    assert page.locator("tbody tr").all_inner_texts() == rows
    choice("Compare").select_option("and green")
    choice("with").select_option("red alone")
    page.get_by_text("Better: and green.").wait_for()
    heads = page.locator("thead th").all_inner_texts()
    assert heads == ["Picture", "and green", "red alone", "Likeness", "Fit, and green", "Fit, red alone"]
    audit("two kept runs")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("red alone fits by 0.50, the present run by 1.00").wait_for()

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("Keep the present run here").wait_for()
    assert studio.service.call("GET", f"/projects/{studio.project}/kept")["items"] == []
