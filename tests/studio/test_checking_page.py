"""Going through results: right or wrong with one key each, how far it is, and the export of the checked ones."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from studio_page import GREEN, RED, SQUARE, Studio, paint

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")


@pytest.fixture
def found(studio: Studio, tmp_path: Path) -> Studio:
    """a.png is marked; something was found on b, c and d, nothing on e."""
    files = [
        paint(tmp_path / "a.png", (RED, 8, 8)),
        paint(tmp_path / "b.png", (RED, 8, 8), (GREEN, 40, 24)),
        paint(tmp_path / "c.png", (RED, 24, 8)),
        paint(tmp_path / "d.png", (RED, 40, 8)),
        paint(tmp_path / "e.png"),
    ]
    studio.create(files)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    return studio


def open_now(studio: Studio, name: str) -> None:
    """Wait until a picture is open with what was found on it."""
    studio.page.get_by_role("heading", name=name).wait_for()
    studio.page.locator(".editortop .save.ok").wait_for()


def checked(studio: Studio) -> set[str]:
    items = studio.service.call("GET", f"/projects/{studio.project}/images?checked=true")["items"]
    return {i["name"] for i in items}


def test_by_keys_from_picture_to_picture_and_the_checked_ones_alone_go_out(found: Studio) -> None:
    page = found.page
    page.get_by_text("1 of 5 pictures checked").wait_for()
    page.get_by_label("Sort").select_option("name")
    page.get_by_role("button", name="Check one after the other").click()
    open_now(found, "b.png")
    page.keyboard.press("y")
    open_now(found, "c.png")
    page.get_by_text("2 of 5 pictures checked").wait_for()
    page.keyboard.press("w")
    open_now(found, "d.png")
    page.keyboard.press("PageDown")
    open_now(found, "e.png")
    page.keyboard.press("y")
    # The one that was passed over comes at last; then nothing is left.
    open_now(found, "d.png")
    page.keyboard.press("y")
    page.get_by_text("You have looked at all that was found.").wait_for()
    assert checked(found) == {"a.png", "b.png", "d.png", "e.png"}
    assert found.image("c.png")["prediction"]["wrong"] is True
    assert found.image("b.png")["marks"] is None
    assert found.marks("e.png")["absent"] is True
    assert found.service.call("GET", f"/projects/{found.project}")["cues"] == 1

    found.to_gallery()
    page.get_by_role("link", name=re.compile("^e.png, Not here.*, Checked$")).wait_for()
    assert page.locator(".card .badge", has_text="Checked").count() == 3
    page.get_by_role("button", name="Export …").click()
    page.get_by_role("checkbox", name="Only checked pictures (4)").check()
    report = axe.Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    page.get_by_role("button", name="Make the .zip").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert [(e["name"], e["verdict"]) for e in lines] == [
        ("a", "found"),
        ("b", "found"),
        ("d", "found"),
        ("e", "absent"),
    ]


def test_by_mouse_and_back_again(found: Studio) -> None:
    page = found.page
    found.open_image("b.png")
    right, wrong = (page.get_by_role("button", name=f"This is {word}") for word in ("right", "wrong"))
    assert (right.get_attribute("aria-pressed"), wrong.get_attribute("aria-pressed")) == ("false", "false")
    report = axe.Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    right.click()
    open_now(found, "c.png")
    assert "b.png" in checked(found)

    # Said again, it is taken back; wrong takes the place of right.
    found.open_image("b.png")
    page.get_by_text("You called what was found here right.").wait_for()
    assert right.get_attribute("aria-pressed") == "true"
    right.click()
    page.locator(".judge [aria-pressed=true]").wait_for(state="detached")
    assert "b.png" not in checked(found)
    right.click()
    open_now(found, "c.png")
    found.open_image("b.png")
    wrong.click()
    open_now(found, "c.png")
    assert "b.png" not in checked(found)
    assert found.image("b.png")["prediction"]["wrong"] is True
    found.open_image("b.png")
    wrong.click()
    page.locator(".judge [aria-pressed=true]").wait_for(state="detached")
    assert found.image("b.png")["prediction"]["wrong"] is False


def test_what_is_checked_stays_as_it_was_seen_until_it_is_marked(found: Studio) -> None:
    page = found.page
    found.open_image("c.png")
    page.keyboard.press("y")
    open_now(found, "d.png")
    seen = found.marks("c.png")
    assert seen["teaches"] is False
    # The green square is the thing, too: the run finds more elsewhere, and what was checked stays.
    found.open_image("b.png")
    page.get_by_role("button", name="Correct it").click()
    found.choose("Point on it")
    with page.expect_response(lambda r: r.url.endswith("/preview")):
        found.click("b.png", 48, 32)
    page.keyboard.press("y")  # accepts it, and goes on
    open_now(found, "d.png")
    assert found.image("b.png")["marks"] == "mask"
    found.to_gallery()
    page.get_by_role("button", name="Run again where").click()
    page.get_by_role("link", name=re.compile("^d.png, Found(?!.*Before your)")).wait_for()
    assert found.marks("c.png") == seen
    # Painted on, it becomes an example.
    found.open_image("c.png")
    page.keyboard.press("m")
    found.choose("Brush")
    found.drag("c.png", (50, 40), (54, 40))
    page.locator(".editortop .save.soft").wait_for()
    assert found.wait_saved("c.png", 2).get("teaches", True)
    assert found.image("c.png")["marks"] == "mask"


def test_a_picture_that_is_not_seen_yet_cannot_be_called_right(found: Studio) -> None:
    page = found.page
    page.route("**/prediction/mask*", lambda _: None)  # never answered
    image = found.image("b.png")["id"]
    page.goto(f"{found.service.url}/#/p/{found.project}/i/{image}")
    page.locator(".canvas").wait_for()
    page.keyboard.press("y")
    page.wait_for_timeout(500)
    assert "b.png" not in checked(found)
