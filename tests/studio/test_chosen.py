"""Pictures of the gallery are chosen, by mouse and by keys, and something is done to all; the gallery is sorted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studio_page import GREEN, RED, SQUARE, Studio, paint


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """a: red, to be marked. b: two red. c: red and green. d, e: neither."""
    return [
        paint(tmp_path / "a.png", (RED, 8, 8)),
        paint(tmp_path / "b.png", (RED, 8, 8), (RED, 40, 24)),
        paint(tmp_path / "c.png", (RED, 8, 8), (GREEN, 40, 24)),
        paint(tmp_path / "d.png", (GREEN, 0, 0)),
        paint(tmp_path / "e.png"),
    ]


def names(studio: Studio) -> str:
    """The first letters of the pictures, in the order in which they are shown: 'abcde'."""
    return "".join(name[0] for name in studio.page.locator(".card .name").all_inner_texts())


def chosen(studio: Studio) -> str:
    return "".join(
        name[0] for name in studio.page.locator(".card:has(.choosebox :checked) .name").all_inner_texts()
    )


def ordered(studio: Studio, expected: str) -> None:
    """Wait until the pictures are in this order."""
    read = "[...document.querySelectorAll('.card .name')].map((name) => name.innerText[0]).join('')"
    studio.page.wait_for_function(f"() => {read} === {expected!r}")


def marks(studio: Studio) -> dict[str, str | None]:
    return {n[0]: studio.image(n)["marks"] for n in ("a.png", "b.png", "c.png", "d.png", "e.png")}


@pytest.fixture
def marked(studio: Studio, pictures: list[Path]) -> Studio:
    """The gallery, with one example."""
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.to_gallery()
    return studio


def test_only_the_chosen_are_run_then_accepted(marked: Studio) -> None:
    page = marked.page
    page.get_by_label("Choose b.png", exact=True).click()
    page.get_by_role("link", name="d.png").click(modifiers=["Control"])
    page.get_by_text("2 chosen").wait_for()
    assert chosen(marked) == "bd"
    page.get_by_role("button", name="Run on these").click()
    page.get_by_role("button", name="Run again where").wait_for()
    page.locator(".card").filter(has_text="b.png").get_by_text("2 objects").wait_for()
    assert [bool(marked.image(f"{n}.png")["prediction"]) for n in "abcde"] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert names(marked) == "abcde"  # a run on a few does not turn the gallery round
    assert chosen(marked) == ""

    # Shift and a click choose all between; what has no answer, or is marked, stays as it is.
    page.get_by_role("link", name="a.png").click(modifiers=["Control"])
    page.get_by_role("link", name="d.png").click(modifiers=["Shift"])
    assert chosen(marked) == "abcd"
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("2 pictures are examples now.").wait_for()
    page.get_by_text("2 pictures were left as before.").wait_for()
    page.get_by_text("2 chosen").wait_for()
    assert chosen(marked) == "ac"
    assert marks(marked) == {"a": "mask", "b": "mask", "c": None, "d": "absent", "e": None}


def test_it_is_all_done_with_keys(marked: Studio) -> None:
    page = marked.page
    page.get_by_role("link", name="c.png").focus()
    page.keyboard.press("Space")
    page.get_by_text("1 chosen").wait_for()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_text("3 chosen").wait_for()
    page.keyboard.press("Space")
    assert chosen(marked) == "cd"
    page.get_by_role("button", name="Not here").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Said of 2 pictures: it is not here.").wait_for()
    assert marks(marked) == {"a": "mask", "b": None, "c": "absent", "d": "absent", "e": None}

    page.keyboard.press("Control+a")
    page.get_by_text("5 chosen").wait_for()
    page.keyboard.press("Escape")
    page.locator(".chosenbar").wait_for(state="detached")
    page.get_by_role("link", name="d.png").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Delete")
    page.get_by_role("heading", name="Delete 2 pictures?").wait_for()
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Delete", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_text("2 pictures were deleted.").wait_for()
    ordered(marked, "abc")
    items = marked.service.call("GET", f"/projects/{marked.project}/images")["items"]
    assert [item["name"] for item in items] == ["a.png", "b.png", "c.png"]


def test_what_a_filter_hides_is_not_chosen(marked: Studio) -> None:
    page = marked.page
    page.keyboard.press("Control+a")
    page.get_by_text("5 chosen").wait_for()
    page.get_by_role("searchbox").fill("b")
    ordered(marked, "b")
    page.locator(".chosenbar").wait_for(state="detached")


def test_the_gallery_is_sorted_by_numbers_and_by_likeness(marked: Studio) -> None:
    page = marked.page
    marked.run()
    sort = page.get_by_label("Sort")
    sort.select_option("Most objects first")
    ordered(marked, "bacde")
    page.get_by_role("button", name="The other way round").click()
    ordered(marked, "deacb")
    sort.select_option("Largest area first")
    ordered(marked, "bacde")
    sort.select_option("By name")
    ordered(marked, "abcde")
    assert page.get_by_role("button", name="The other way round").count() == 0
    page.get_by_label("Choose e.png", exact=True).click()
    page.get_by_role("button", name="Sort by likeness to it").click()
    page.wait_for_function("() => document.querySelector('.card .name').innerText === 'e.png'")
    assert sort.evaluate("(select) => select.selectedOptions[0].innerText") == "Like e.png"
    assert names(marked)[1] in "ad"  # one square of another colour; b and c have two
    assert names(marked)[-1] in "bc"


def test_the_objects_of_each_class_are_counted_on_the_card(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    path = f"/projects/{studio.project}"
    classes = [{"id": 1, "name": "red"}, {"name": "green"}]
    studio.service.call("PATCH", path, {"classes": classes})
    boxes: list[Any] = [{"xyxy": [8, 8, 24, 24], "class": 1}, {"xyxy": [40, 24, 56, 40], "class": 2}]
    image = studio.image("c.png")["id"]
    mask = {"version": 0, "polygons": [{"path": _corners(b["xyxy"]), "class": b["class"]} for b in boxes]}
    studio.service.call("PUT", f"{path}/images/{image}/marks", mask)
    page.reload()
    studio.run()
    card = page.locator(".card").filter(has_text="c.png")
    assert card.locator(".badge.count").inner_text().split() == ["2", "objects", "1", "1"]
    assert card.locator(".ofclass").evaluate_all("(found) => found.map((n) => n.title)") == ["red", "green"]
    assert "1 red, 1 green" in (card.get_by_role("link").get_attribute("aria-label") or "")


def _corners(xyxy: list[int]) -> list[list[int]]:
    x1, y1, x2, y2 = xyxy
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_bar_breaks_no_rule(marked: Studio, audit: Callable[[str], None], colours: str) -> None:
    page = marked.page
    page.emulate_media(color_scheme=colours)
    page.get_by_label("Choose b.png", exact=True).click()
    page.get_by_text("1 chosen").wait_for()
    audit("one chosen")
    page.keyboard.press("Control+a")
    page.get_by_text("5 chosen").wait_for()
    page.get_by_role("button", name="Delete …").click()
    audit("deletion of many")
